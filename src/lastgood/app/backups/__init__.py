"""Backups: made, proven by a restore, listed, kept and dropped."""
