"""What would be lost if a copy took the live database's place."""
