"""The check driver `tcp`."""
