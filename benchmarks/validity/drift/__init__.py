"""The corrected distance and the tests, on logs whose drift is known."""
