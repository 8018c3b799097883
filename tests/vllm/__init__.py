"""Tests against a real vLLM engine: `make test-vllm` on the CPU, in an environment of their own, or pytest on a GPU."""
