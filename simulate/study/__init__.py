"""A study: its file, its prompts, its personas."""
