"""Watches: soaks, stability, a hotfix's clock; and watching along."""
