"""Simulating: the structural world, servers, and a model in the same process."""
