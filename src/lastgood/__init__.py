"""lastgood: back to the last known good state, proven."""

__version__ = "0.1.0"
