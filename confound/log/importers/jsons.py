"""JSON as importers read it: the whole of a file, or its first bytes."""

import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from confound.errors import InputError
from confound.log.paths import binary

HEAD = 65_536


def head(file: Path) -> str:
    """Return the first characters of a file, nothing where it cannot be read."""
    try:
        with binary(file) as stream:
            return stream.read(HEAD).decode("utf-8-sig", errors="replace")
    except (OSError, EOFError, zlib.error):
        return ""


def whole(file: Path) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    InputError
        Where it is no JSON, or nested too deeply.
    """
    try:
        with binary(file) as stream:
            return json.loads(stream.read().decode("utf-8-sig"))
    except (ValueError, RecursionError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file}: cannot be read as JSON: {error}. Write or copy it again") from error


def lines(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the object of each line that is not blank.

    Raises
    ------
    InputError
        Where a line is no whole JSON object.
    """
    with binary(file) as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace") as text:
        for number, line in enumerate(text, start=1):
            if not line.strip():
                continue
            try:
                held = json.loads(line)
            except (ValueError, RecursionError):
                held = None
            if not isinstance(held, dict):
                raise InputError(f"{file}: line {number} is no whole JSON object. Write or copy the file again")
            yield number, held


def first_line(file: Path) -> dict[str, Any]:
    """Return the object of the first line, empty where it is none."""
    line = next((line for line in head(file).splitlines() if line.strip()), "")
    try:
        held = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


def at(held: Any, *path: str) -> Any:
    """Return what stands at a path of keys, None where there is nothing."""
    for key in path:
        held = held.get(key) if isinstance(held, dict) else None
    return held
