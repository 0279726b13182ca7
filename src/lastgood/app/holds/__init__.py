"""Holds: set and lifted, seen by every machine, asked at the gate."""
