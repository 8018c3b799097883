"""The engine: a tiny model made anew, and vLLM in this process, on one CPU core or on a GPU."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from simulate.backends.access import ModelAccess
from simulate.backends.limits import Budget
from simulate.backends.vllm import VllmModel
from simulate.study.reading import study_text
from tests.vllm.commands import SIZES, ran, words
from tests.vllm.tiny import ENGINE, ENVIRONMENT, make_model

if TYPE_CHECKING:
    from pathlib import Path

os.environ.update(ENVIRONMENT)


def pytest_configure(config: pytest.Config) -> None:
    """Let other packages warn: vLLM and torch do, of their own future."""
    config.addinivalue_line("filterwarnings", "default")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model of random weights."""
    return make_model(tmp_path_factory.mktemp("model"), [study_text(name) for name in ("opinionqa", "movielens")])


@pytest.fixture(scope="session")
def engine(model: Path) -> VllmModel:
    """Return the backend; all tests share its engine, as starting one takes some 10 s."""
    backend = VllmModel(ModelAccess(str(model), engine=ENGINE), Budget())
    backend.start()
    return backend


@pytest.fixture(scope="session")
def by_command(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small `opinionqa` run made by the command line, which keeps the engine's log to itself."""
    out = tmp_path_factory.mktemp("by_command") / "run"
    done = ran(
        *("simulate", "opinionqa", "--out", str(out), "--backend", "vllm", "--model", str(model), "--choice"),
        *words("--", SIZES),
        *words("--engine", ENGINE),
    )
    assert done.stdout.startswith("Wrote ")
    assert "INFO" not in done.stdout + done.stderr
    assert "it/s" not in done.stderr  # bars
    return out
