"""From a request and what is known to a plan: pure data, the time comes in as an argument."""
