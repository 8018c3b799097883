"""A run: personas through all iterations of Algorithm 1, from the journal to the tables in its folder."""
