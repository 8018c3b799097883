"""Free text to one of the options."""
