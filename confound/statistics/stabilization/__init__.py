"""Bayesian models of the effect over the iterations of adjustment."""
