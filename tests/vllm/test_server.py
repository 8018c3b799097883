"""The same study against vLLM's own server, through the `openai` backend."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tests.served import free_port, wait_for
from tests.vllm.commands import SIZES, calls, check_whole, ran, responses, words
from tests.vllm.tiny import SERVER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "tiny"
PATIENCE = 300


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start vLLM's server on the model; return its address."""
    port = free_port()
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    place = ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", NAME]
    log = tmp_path_factory.mktemp("server") / "log"
    with (
        log.open("w") as out,
        subprocess.Popen([*command, *place, *SERVER], stdout=out, stderr=subprocess.STDOUT) as process,  # noqa: S603
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process, log, patience=PATIENCE)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


def test_opinionqa_against_a_server(server: str, by_command: Path, tmp_path: Path) -> None:
    """The table is whole, one call was made for all trials of a prompt, and answers and seeds are the engine's own."""
    out = tmp_path / "run"
    ran(
        *("simulate", "opinionqa", "--out", str(out), "--backend", "openai", "--base-url", server, "--model", NAME),
        *("--choice", *words("--", SIZES)),
    )
    frame, own = responses(out), responses(by_command)
    check_whole(frame)
    assert calls(out) == calls(by_command)
    pd.testing.assert_frame_equal(frame.drop(columns="model"), own.drop(columns="model"))
    assert ran("analyze", str(out), "--out", str(tmp_path / "report"), "--control", "control").stdout.startswith("VERD")
