"""From tidy frames to sentences."""
