"""Checks: one look at one address, by driver."""
