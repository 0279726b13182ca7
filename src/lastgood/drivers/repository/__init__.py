"""Drivers of the repository family."""
