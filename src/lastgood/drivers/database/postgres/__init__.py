"""PostgreSQL: dumped in one snapshot, restored beside itself, compared."""
