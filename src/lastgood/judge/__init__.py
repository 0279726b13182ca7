"""From evidence to a verdict: pure, the time comes in as an argument."""
