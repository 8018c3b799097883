"""The command line in a process of its own, and what it must leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONFOUND = [sys.executable, "-c", "import sys; sys.argv[0] = 'confound'; from confound.cli import main; main()"]
SIZES = {"personas": 4, "trials": 6, "iterations": 3}
KEY = ["iteration", "persona", "trial", "arm", "question"]


def words(before: str, options: Mapping[str, Any]) -> list[str]:
    """Return options as they are typed in: `--name value`, or with an option before each, `--option name=value`."""
    if before == "--":
        return [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [word for name, value in options.items() for word in (before, f"{name}={value}")]


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command; it must succeed. Its engine has a process of its own, as vLLM's engines have by default."""
    others = {name: value for name, value in os.environ.items() if name != "VLLM_ENABLE_V1_MULTIPROCESSING"}
    done = subprocess.run([*CONFOUND, *arguments], capture_output=True, text=True, check=False, env=others)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return done


def responses(run: Path) -> pd.DataFrame:
    """Return the response table of a run."""
    return pd.read_parquet(run / "responses.parquet")


def calls(run: Path) -> int:
    """Return how many calls a run took."""
    return int(json.loads((run / "manifest.json").read_text())["calls"])


def check_whole(frame: pd.DataFrame, *, personas: int = SIZES["personas"], trials: int = SIZES["trials"]) -> None:
    """Hold that every question of every conversation is answered once, by an option."""
    assert not frame.duplicated(KEY).any()
    asked = frame.groupby("iteration")["question"].nunique()
    assert (frame.groupby("iteration").size() == asked * personas * trials * 2).all()
    assert frame["response"].notna().all()
    assert frame["text"].str.fullmatch("[A-E]").all()
