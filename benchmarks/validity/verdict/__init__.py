"""Whether the verdict is right, on logs whose truth is known."""
