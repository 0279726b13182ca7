"""Rows that are brought into the live database: in order, never half, without triggers."""
