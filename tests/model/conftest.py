"""The server, and runs of the studies on it that several tests read."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.model.page import server_script, simulate_command
from tests.served import free_port, wait_for
from tests.vllm.commands import ran, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 120


@dataclass(frozen=True)
class Run:
    """A run's folder, and what the command said."""

    folder: Path
    said: str


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the server; return its address. It ends with the tests, however they end: its standard input does."""
    port = free_port()
    folder = tmp_path_factory.mktemp("server")
    log, script = folder / "log", folder / "serve.py"
    script.write_text(server_script(), encoding="utf-8")
    command = [sys.executable, str(script), str(port)]
    with (
        log.open("w") as out,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT) as process,  # noqa: S603
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process, log, patience=PATIENCE)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


@pytest.fixture(scope="session")
def simulated(server: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Return a function that runs a study on the model by the command line."""

    def run(study: str, *options: str, **sizes: int) -> Run:
        out = tmp_path_factory.mktemp(study) / "run"
        done = ran(*simulate_command(study, str(out), server), *options, *words("--", sizes))
        return Run(out, done.stdout)

    return run


@pytest.fixture(scope="session")
def survey(simulated: Callable[..., Run]) -> Run:
    """Return a small run of `opinionqa` that is held to the options."""
    return simulated("opinionqa", "--choice", personas=2, trials=8, iterations=2)
