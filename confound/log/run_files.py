"""What a run of `confound simulate` left beside its log: settings, and the truth where it is known."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from confound import shape

MANIFEST, TRUTH = "manifest.json", "truth.json"


def targeted_from(names: Iterable[str]) -> dict[str, int]:
    """Return by study the first iteration with targeted confounders, as the manifests beside the logs say."""
    found: dict[str, int] = {}
    for run in _beside(names, MANIFEST):
        with contextlib.suppress(KeyError, TypeError, ValueError):
            found[shape.written(run["study"])] = shape.whole(run["targeted_from"])
    return found


def is_run(names: Iterable[str]) -> bool:
    """Tell whether a run of `confound simulate` left the log, so that its iterations are those of adjustment."""
    return any("targeted_from" in run or "study" in run for run in _beside(names, MANIFEST))


def truths(names: Iterable[str]) -> list[dict[str, Any]]:
    """Return what runs know to be true of their users, as `truth.json` beside the logs says.

    A file of another shape is passed over: it may be anybody's.
    """
    found = []
    for run in _beside(names, TRUTH):
        with contextlib.suppress(KeyError, TypeError, ValueError, OverflowError):
            named = {key: shape.written(run[key]) for key in ("study", "model")}
            found.append({**named, "contrasts": [_contrast(held) for held in shape.listing(run["contrasts"])]})
    return found


def _contrast(held: Any) -> dict[str, Any]:
    return {
        "contrast": shape.written(shape.mapping(held)["contrast"]),
        "target": _level(held["target"]),
        "iterations": [
            {"iteration": shape.whole(level["iteration"]), **_level(level)}
            for level in map(shape.mapping, shape.listing(held["iterations"]))
        ],
    }


def _level(held: Any) -> dict[str, dict[str, dict[str, float]]]:
    """Return what is true at one iteration: of effects and of drift, question -> quantity -> number."""
    level = shape.mapping(held)
    kinds = {kind: shape.mapping(level[kind]) for kind in ("effect", "drift")}
    numbers = {
        kind: {question: _numbers(known) for question, known in questions.items()} for kind, questions in kinds.items()
    }
    for question in numbers["drift"].values():
        question["tvd"]  # what is looked up must be there
    for question in numbers["effect"].values():
        question["observed"]
    return numbers


def _numbers(held: Any) -> dict[str, float]:
    return {name: shape.number(value) for name, value in shape.mapping(held).items()}


def _beside(names: Iterable[str], file: str) -> Iterator[dict[str, Any]]:
    """Yield what a file of this name holds, in the folders of the logs; one that cannot be read is passed over."""
    for folder in dict.fromkeys(folder for name in names for folder in (Path(name), Path(name).parent)):
        with contextlib.suppress(OSError, ValueError):
            held = json.loads((folder / file).read_text(encoding="utf-8"))
            if isinstance(held, dict):
                yield held
