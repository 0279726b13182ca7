"""The check driver `command`."""
