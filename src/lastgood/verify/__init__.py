"""From what answers after a move to proof: pure, the time comes in as an argument."""
