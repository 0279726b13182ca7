"""Object stores and folders, by one address each."""
