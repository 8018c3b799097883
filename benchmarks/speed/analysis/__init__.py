"""A whole analysis beside what an analyst writes with pandas and scipy."""
