"""A small response table to start from."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence

import pandas as pd
import pytest

from confound.parallel import one_thread

LogFrame = Callable[..., pd.DataFrame]


@pytest.fixture(scope="session")
def log_frame() -> LogFrame:
    """Return a maker of small logs: every persona in both arms, answers in turn from the lists given by arm."""

    def make(
        answers: dict[str, Sequence[object]],
        *,
        personas: int = 4,
        question: str = "party",
        role: str = "negative_control",
    ) -> pd.DataFrame:
        rows = [
            {"persona": f"p{p}", "arm": arm, "trial": t, "question": question, "role": role, "response": answer}
            for p in range(personas)
            for arm, given in answers.items()
            for t, answer in enumerate(given)
        ]
        return pd.DataFrame(rows)

    return make


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """Listen to Ctrl-C, so that programs which tests interrupt do: a shell's background jobs are started deaf to it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _one_thread_a_process() -> Iterator[None]:
    """Where a process runs on each core, keep linear algebra to one thread in each: waiting for others takes longer."""
    with one_thread() if "PYTEST_XDIST_WORKER" in os.environ else contextlib.nullcontext():
        yield
