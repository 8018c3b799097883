"""The observed effect, its decomposition into a causal part and selection bias, and its sensitivity to drift."""
