"""One handler per kind of step."""
