"""Rows written since the backup, out of a replaced database."""
