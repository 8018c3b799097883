"""What a run of `confound simulate` left beside its log: settings, and the truth where it is known."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

MANIFEST, TRUTH = "manifest.json", "truth.json"


def targeted_from(names: Iterable[str]) -> dict[str, int]:
    """Return by study the first iteration with targeted confounders, as the manifests beside the logs say."""
    found: dict[str, int] = {}
    for run in _beside(names, MANIFEST):
        with contextlib.suppress(KeyError, TypeError, ValueError):
            found[str(run["study"])] = int(run["targeted_from"])
    return found


def is_run(names: Iterable[str]) -> bool:
    """Tell whether a run of `confound simulate` left the log, so that its iterations are those of adjustment."""
    return any("targeted_from" in run or "study" in run for run in _beside(names, MANIFEST))


def truths(names: Iterable[str]) -> list[dict[str, Any]]:
    """Return what runs know to be true of their users, as `truth.json` beside the logs says."""
    return [run for run in _beside(names, TRUTH) if isinstance(run.get("contrasts"), list)]


def _beside(names: Iterable[str], file: str) -> Iterator[dict[str, Any]]:
    """Yield what a file of this name holds, in the folders of the logs; one that cannot be read is passed over."""
    for folder in dict.fromkeys(folder for name in names for folder in (Path(name), Path(name).parent)):
        with contextlib.suppress(OSError, ValueError):
            held = json.loads((folder / file).read_text(encoding="utf-8"))
            if isinstance(held, dict):
                yield held
