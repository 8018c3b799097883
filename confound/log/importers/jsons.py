"""JSON as importers read it: the whole of a file, or its first bytes; what stands at a place, whatever stands there."""

import io
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from confound.errors import InputError
from confound.log.faults import encoding_of
from confound.log.paths import binary

HEAD = 65_536


def head(file: Path) -> str:
    """Return the first characters of a file, nothing where it cannot be read."""
    try:
        with binary(file) as stream:
            start = stream.read(HEAD)
    except (OSError, EOFError, zlib.error):
        return ""
    return start.decode(encoding_of(start[:4]), errors="replace").removeprefix("\ufeff")


def head_of_object(file: Path) -> str:
    """Return the first characters of a file that holds one JSON object; nothing where it holds something else.

    A log of JSON lines, which are several objects, is not one.
    """
    text = head(file).lstrip()
    if not text.startswith("{"):
        return ""
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except ValueError:  # it goes on after the head, or is broken, which its reader will find
        return text
    except RecursionError:
        return ""
    return "" if text[end:].strip() else text


def opens(text: str, key: str, bracket: str = "{") -> bool:
    r"""Tell whether a text holds a key whose value begins so; a text within a text does not count.

    >>> opens('{"eval": {"task": 1}}', "eval"), opens(r'{"a": "\"eval\": {"}', "eval")
    (True, False)
    """
    return re.search(rf'"{key}"\s*:\s*{re.escape(bracket)}', text) is not None


def whole(file: Path, *, unique: bool = False) -> Any:
    """Return what a JSON file holds; with `unique`, a key that stands twice in an object is refused.

    Raises
    ------
    InputError
        Where it is no JSON, or nested too deeply.
    """
    try:
        with binary(file) as stream:
            held = stream.read()
        text = held.decode(encoding_of(held[:4])).removeprefix("\ufeff")
        return json.loads(text, object_pairs_hook=_once if unique else None)
    except RecursionError as error:
        raise InputError(f"{file}: its objects are nested too deeply for a log. Flatten it") from error
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file}: cannot be read as JSON: {error}. Write or copy it again") from error


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object whose keys are all different."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:80]!r} stands twice in one object, and only one could be kept")
    return made


def lines(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the object of each line that is not blank.

    Raises
    ------
    InputError
        Where a line is no whole JSON object.
    """
    with binary(file) as stream:
        encoding = encoding_of(stream.read(4))
    with binary(file) as stream, io.TextIOWrapper(stream, encoding=encoding) as text:
        for number, line in enumerate(text, start=1):
            if not line.strip():
                continue
            held = line_of(line)
            if held is None:
                raise InputError(f"{file}: line {number} is no whole JSON object. Write or copy the file again")
            yield number, held


def line_of(line: str) -> dict[str, Any] | None:
    """Return the object that a line holds, None where it holds none."""
    try:
        held = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return held if isinstance(held, dict) else None


def at(held: Any, *path: str) -> Any:
    """Return what stands at a path of keys, None where there is nothing."""
    for key in path:
        held = held.get(key) if isinstance(held, dict) else None
    return held


def object_at(held: Any, *path: str) -> dict[str, Any]:
    """Return the object at a path of keys, an empty one where there is none."""
    found = at(held, *path)
    return found if isinstance(found, dict) else {}


def list_at(held: Any, *path: str) -> list[Any]:
    """Return the list at a path of keys, an empty one where there is none."""
    found = at(held, *path)
    return found if isinstance(found, list) else []
