"""A dump in one snapshot, and its restore beside the live database."""
