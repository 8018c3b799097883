"""The decomposition, on logs whose biases are known."""
