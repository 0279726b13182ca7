"""Any deploy tool, by its own commands."""
