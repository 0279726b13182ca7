"""Named tables and rows, out of a restored copy."""
