"""JSON that is no list of rows: objects in objects, by declared levels, and the forms that pandas writes."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from confound.errors import InputError
from confound.log.importers import jsons
from confound.log.importers.protocol import Imported, Importer, Wanted, table_of

LEVELS = ("persona", "arm", "question", "trial", "item", "model", "study", "iteration", "_")
MOST_BYTES = 2**31


def _object(file: Path) -> dict[str, Any]:
    """Return the object that a file holds, empty where it holds none."""
    if not jsons.head(file).lstrip().startswith("{") or file.stat().st_size > MOST_BYTES:
        return {}
    try:
        held = jsons.whole(file)
    except InputError:
        return {}
    return held if isinstance(held, dict) else {}


def _is_columns(held: Mapping[str, Any]) -> bool:
    """Tell whether an object holds columns by row number, as pandas writes by default."""
    parts = [part for part in held.values() if isinstance(part, dict) and part]
    return len(parts) == len(held) > 1 and all(set(part) == set(parts[0]) for part in parts) and "0" in parts[0]


def _is_split(held: Mapping[str, Any]) -> bool:
    return {"columns", "data"} <= set(held) and isinstance(held["data"], list) and isinstance(held["columns"], list)


def _is_pandas(file: Path) -> bool:
    held = _object(file)
    return bool(held) and (_is_split(held) or _is_columns(held))


def _read_pandas(file: Path, _: Wanted) -> Imported:
    held = _object(file)
    if _is_split(held):
        names = [str(name) for name in held["columns"]]
        if not all(isinstance(row, list) and len(row) == len(names) for row in held["data"]):
            raise InputError(f"{file}: rows of 'data' that do not have its {len(names)} columns. Write it again")
        rows = [dict(zip(names, row, strict=True)) for row in held["data"]]
    else:
        rows = [{name: part.get(key) for name, part in held.items()} for key in next(iter(held.values()))]
    return Imported(table_of(rows), f"{file}: read as a data frame that pandas wrote, {len(rows):,} rows.")


def _is_nested(file: Path) -> bool:
    held = _object(file)
    return bool(held) and all(isinstance(part, dict) for part in held.values()) and not _is_columns(held)


def _read_nested(file: Path, wanted: Wanted) -> Imported:
    held = jsons.whole(file)
    if not wanted.levels:
        raise InputError(
            f"{file}: objects in objects, {_depth(held)} levels deep, such as {' > '.join(_path(held))}. Say what the "
            "levels are, from the outside in: --levels persona,arm,question"
        )
    strange = [level for level in wanted.levels if level not in LEVELS]
    if strange:
        raise InputError(
            f"--levels: there is no level '{strange[0]}'. Known are {', '.join(LEVELS[:-1])}, and _ to skip one"
        )
    rows = list(_walk(file, held, wanted.levels, {}))
    named = " > ".join(wanted.levels)
    return Imported(table_of(rows), f"{file}: read as nested JSON, {named}; {len(rows):,} answers.")


def _walk(file: Path, held: Any, levels: tuple[str, ...], place: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    if levels:
        if not isinstance(held, dict):
            where = " > ".join(place.values())
            raise InputError(f"{file}: at {where!r} there is no object for the level '{levels[0]}'. Check --levels")
        for key, part in held.items():
            yield from _walk(file, part, levels[1:], place if levels[0] == "_" else {**place, levels[0]: key})
    elif isinstance(held, list):
        for trial, answer in enumerate(held):
            yield {"trial": trial, **place, "response": answer}
    elif isinstance(held, dict) and "question" not in place:
        for question, answer in held.items():
            yield {**place, "question": question, "response": answer}
    else:
        yield {**place, "response": held}


def _depth(held: Any) -> int:
    return 1 + _depth(next(iter(held.values()))) if isinstance(held, dict) and held else 0


def _path(held: Any) -> list[str]:
    if not isinstance(held, dict) or not held:
        return []
    key = next(iter(held))
    return [json.dumps(key)[:30], *_path(held[key])]


PANDAS = Importer("pandas-json", "pandas' to_json", (".json",), _is_pandas, _read_pandas)
NESTED = Importer("levels", "Nested JSON, with --levels", (".json",), _is_nested, _read_nested)
