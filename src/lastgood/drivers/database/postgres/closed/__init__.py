"""Closed databases beside the live one: made, kept, entered by us alone, removed."""
