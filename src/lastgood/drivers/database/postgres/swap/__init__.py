"""A copy takes the live database's place."""
