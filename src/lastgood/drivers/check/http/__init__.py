"""The check driver `http`."""
