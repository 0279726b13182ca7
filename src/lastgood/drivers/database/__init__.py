"""Drivers of the database family."""
