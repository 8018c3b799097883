"""Which files in a folder of results this program wrote: only these may be replaced.

Each result holds a list of its files with their digests. What is not on the list, or was changed since, is somebody's
work, and a new result is refused rather than written over it.
"""

import contextlib
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    content = {"files": digests, "process": os.getpid(), "host": socket.gethostname()}
    (folder / FILE).write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")


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
    for left in sorted(folder.parent.glob(f".{folder.name}-*")):
        if not left.is_dir() or _is_alive(left):
            continue
        if left.name.endswith("-old") and not folder.exists():
            left.rename(folder)
        elif (left / FILE).exists() or not any(left.iterdir()):
            shutil.rmtree(left, ignore_errors=True)


def mark(folder: Path) -> None:
    """Say whose folder this is while it is being filled, so that nobody else sweeps it."""
    (folder / FILE).write_text(json.dumps({"process": os.getpid(), "host": socket.gethostname()}), encoding="utf-8")


def _is_alive(folder: Path) -> bool:
    """Tell whether the process that fills a folder may still be at work."""
    content = _content(folder)
    if content.get("host") != socket.gethostname():
        return "host" in content  # of another machine nothing is known
    if folder.name.endswith("-old"):  # its list was written when it was made
        maker = _content(folder.with_name(folder.name.removesuffix("-old")))
        content = maker or content
    with contextlib.suppress(OSError, TypeError, ValueError):
        os.kill(int(content["process"]), 0)
        return True
    return False


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
