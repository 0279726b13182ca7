"""Releases and their deployments: recorded, listed, marked, imported, removed."""
