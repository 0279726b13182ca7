"""The check driver `log`."""
