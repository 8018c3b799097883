"""Whether intervals of agreement with people, compared effects and variance components cover the truth."""
