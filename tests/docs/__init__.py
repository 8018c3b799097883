"""The README and the documentation: what they show runs, and their links lead somewhere."""
