"""Runs: submitted, carried out by the runner, followed, interrupted, settled."""
