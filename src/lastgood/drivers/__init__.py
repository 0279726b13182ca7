"""Drivers: what knows one kind of other side each; independent of each other."""
