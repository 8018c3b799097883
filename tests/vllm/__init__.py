"""Tests against a real vLLM engine on the CPU: `make test-vllm`, in a virtual environment of their own."""
