"""What is in a database: its tables, content, shape, and what belongs to it."""
