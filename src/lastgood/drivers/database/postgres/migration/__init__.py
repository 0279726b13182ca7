"""The schema, brought down by a release's own migrations."""
