"""What happens to results and logs when things go wrong."""
