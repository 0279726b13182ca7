"""Public fakes, and one conformance suite for each driver family."""
