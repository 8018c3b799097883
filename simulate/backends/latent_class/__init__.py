"""Users with a latent class, drawn without a model: the structural backend, whose truth is known."""
