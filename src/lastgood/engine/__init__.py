"""Engines: each supplies `call` and `sleep` to the one interpreter."""
