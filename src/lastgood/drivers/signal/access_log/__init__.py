"""The signal driver `access-log`."""
