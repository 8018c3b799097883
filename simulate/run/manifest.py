"""The manifest of a run: its settings, versions, times, calls, cost and state."""

from __future__ import annotations

import contextlib
import json
import platform
from collections import Counter
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from confound.errors import ConfoundError
from simulate.run.block import UNKNOWN_CODE
from simulate.run.journal import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from simulate.run.block import Block
    from simulate.run.replay import Recorded

MANIFEST = "manifest.json"
PACKAGES = ("confound", "numpy", "pyarrow", "openai", "google-genai", "vllm")
# Prices are given for so many tokens.
PER_TOKENS = 1_000_000


def session(**known: Any) -> dict[str, Any]:
    """Return the journal's line for a process that begins to work on the run: time, versions and `known`."""
    versions = {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}
    return {"kind": "session", "started": _now(), "versions": versions, **known}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def content(
    header: dict[str, Any],
    found: Recorded,
    blocks: Iterable[Block],
    *,
    state: str,
    stopped: dict[str, Any] | None,
    incomplete: Sequence[str],
) -> dict[str, Any]:
    """Return the manifest.

    Parameters
    ----------
    header : dict
        The run's settings.
    found : Recorded
        Calls, tokens and sessions.
    blocks : iterable of Block
        Answers of the run so far.
    state : {"running", "stopped", "complete"}
    stopped : dict or None
        The stop rule that held.
    incomplete : sequence of str
        Personas with missing answers.
    """
    blocks = list(blocks)
    head = {
        **{name: value for name, value in header.items() if name not in ("kind", "format")},
        "state": state,
        "updated": _now(),
        "sessions": [{name: value for name, value in one.items() if name != "kind"} for one in found.sessions],
    }
    if state == "running":  # the rest is only known at the end
        return head
    return {
        **head,
        "iterations_run": len({block.profile.iteration for block in blocks}),
        "stopped_by": stopped,
        "answers": sum(block.answered for block in blocks),
        "incomplete": list(incomplete),
        "calls": found.calls,
        "failures": dict(sorted(found.failures.items())),
        "silent_messages": dict(sorted(found.silent.items())),
        "answers_without_seed": found.unseeded,
        "tokens_read": found.tokens[0],
        "tokens_written": found.tokens[1],
        "agent_tokens_read": found.agent_tokens[0],
        "agent_tokens_written": found.agent_tokens[1],
        "cost": _cost(found),
        "unknown": _unknown(blocks),
    }


def _cost(found: Recorded) -> float | None:
    """Return the cost of all tokens at the prices of the last session that gave some; None without prices."""
    prices = next((one["prices"] for one in reversed(found.sessions) if one.get("prices")), None)
    if prices is None:
        return None
    agent = found.agent_tokens
    users = [in_all - part for in_all, part in zip(found.tokens, agent, strict=True)]
    per_token = zip([*users, *agent], [*prices["users"], *prices["agent"]], strict=True)
    cost: float = sum(tokens * price for tokens, price in per_token) / PER_TOKENS
    return round(cost, 6)


def _unknown(blocks: Iterable[Block]) -> dict[str, dict[str, int]]:
    """Count Unknown by arm and reason."""
    tally: dict[str, Counter[str]] = {}
    for block in blocks:
        for arm, codes in zip(block.arms, block.codes, strict=True):
            tally.setdefault(arm, Counter())["(all)"] += int((codes == UNKNOWN_CODE).sum())
        for (place, _, _), reason in block.reasons.items():
            tally[block.arms[place]][reason] += 1
    return {arm: dict(sorted(counts.items())) for arm, counts in tally.items()}


def write(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest, and replace an earlier one.

    Raises
    ------
    ConfoundError
        When it cannot be written.
    """
    with replacing(folder / MANIFEST) as aside:
        aside.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@contextlib.contextmanager
def kept(describe: Callable[[str], dict[str, Any]], folder: Path) -> Iterator[None]:
    """Write the manifest when the block begins, and again if an exception ends it."""
    write(folder, describe("running"))
    try:
        yield
    except BaseException:
        # The reason why the run stopped is more important than a manifest that could not be written.
        with contextlib.suppress(ConfoundError):
            write(folder, describe("stopped"))
        raise
