"""Children: argument lists, time limits, masked output, the guard."""
