"""Signals: measured shares, by driver."""
