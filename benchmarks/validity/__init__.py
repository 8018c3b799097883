"""Bias, coverage, error rates and power against logs whose truth is known."""
