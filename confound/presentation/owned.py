"""Which files in a folder of results this program wrote: only these may be replaced.

Each result holds a list of its files with their digests. What is not on the list, or was changed since, is somebody's
work, and a new result is refused rather than written over it.
"""

import contextlib
import glob
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from confound import scratch
from confound.errors import InputError

FILE = ".confound.json"
SHOWN = 3


def record(folder: Path, *beside: Path) -> None:
    """Write the list of a folder's files, and of those that are about to be moved into it.

    Parameters
    ----------
    folder : Path
    *beside : Path
        Folders whose files will stand in `folder` under the same names.
    """
    digests: dict[str, list[str]] = {}
    for root in (folder, *beside):
        for name in _names(root):
            digests.setdefault(name, []).append(_digest(root / name))
    made = (beside[0] if beside else folder) / FILE  # a list that is half written would disown all files
    made.write_text(json.dumps({"files": digests}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    made.replace(folder / FILE)


def check(folder: Path) -> None:
    """Refuse a folder that holds a file which no analysis wrote, or which was changed since.

    Raises
    ------
    InputError
        The message names the first such files; nothing was changed.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file. Name a folder for the results")
    held = list(_names(folder)) if folder.is_dir() else []
    digests = _listed(folder)
    foreign = [name for name in held if name not in digests]
    changed = [name for name in held if name in digests and _digest(folder / name) not in digests[name]]
    for names, what in (
        (foreign, "which no analysis wrote"),
        (changed, "which was changed after the analysis wrote it"),
    ):
        if names:
            shown = ", ".join(map(repr, names[:SHOWN])) + (
                f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            )
            raise InputError(
                f"{folder}: holds {shown}, {what}; nothing was changed. Name a new folder, or move your files out of "
                "this one"
            )


def recover(folder: Path) -> None:
    """Put back a result that a process was about to replace when it was killed, and sweep what such processes left."""
    if not folder.parent.is_dir():
        return
    for left in sorted(folder.parent.glob(f"{glob.escape(_scratch(folder))}-*")):
        if not scratch.is_left(left):
            continue
        if left.name.endswith("-old") and not folder.exists():
            left.rename(folder)
        else:
            shutil.rmtree(left, ignore_errors=True)


def scratch_prefix(folder: Path) -> str:
    """Return how scratch folders beside a result are called, so that others can tell whether their process works."""
    return scratch.prefix(_scratch(folder))


def _scratch(folder: Path) -> str:
    return f".{folder.name}-confound"


def _names(folder: Path) -> Iterator[str]:
    """Yield the names of a folder's files, below it too, but for the list."""
    for path in sorted(folder.rglob("*")):
        if (path.is_file() or path.is_symlink()) and path.name != FILE:
            yield path.relative_to(folder).as_posix()


def _content(folder: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        held = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if isinstance(held, dict):
            return held
    return {}


def _listed(folder: Path) -> dict[str, list[str]]:
    files = _content(folder).get("files")
    return files if isinstance(files, dict) else {}


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").hexdigest()[:32]
