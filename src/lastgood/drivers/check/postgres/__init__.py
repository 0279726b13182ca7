"""The check driver `postgres`."""
