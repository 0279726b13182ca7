"""Databases that go back: what they could go back to, the exchange itself, and what is left."""
