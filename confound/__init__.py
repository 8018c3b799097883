"""Checks experiments on language-model users for user drift, and says how much of the effect is causal."""

__version__ = "0.1.0"
