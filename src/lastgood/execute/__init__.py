"""Carrying a plan out: the interpreter, the step, and one handler per kind of step."""
