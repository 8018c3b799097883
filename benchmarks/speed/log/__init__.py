"""Reading and counting logs of any size, and the grid that is counted."""
