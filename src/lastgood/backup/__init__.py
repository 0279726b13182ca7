"""Backups as bytes: sealed for their recipients, named by a manifest, opened again."""
