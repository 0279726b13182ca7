"""What drivers must be: one Protocol per family."""
