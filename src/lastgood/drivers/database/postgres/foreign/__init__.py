"""Dumps that somebody else made."""
