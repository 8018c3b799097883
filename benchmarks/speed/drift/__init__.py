"""The tests and the corrected distance of a cell, beside shuffles, R and PySAL."""
