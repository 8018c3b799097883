"""From answers to arrays: the options, the one reading of the log, cells and contrasts."""
