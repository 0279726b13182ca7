"""Observe: probes at their own cadence, standings with thresholds, one observation of it all."""
