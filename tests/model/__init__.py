"""Tests on a real, small language model behind a llama.cpp server, on the CPU: `make test-model`."""
