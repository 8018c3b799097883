"""Simulated users held against people: agreement, effects, and where the variance is (arrays only)."""
