"""JSON that is no list of rows: objects in objects, by declared levels, and the forms that pandas writes."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from confound.errors import InputError
from confound.log.importers import jsons
from confound.log.importers.protocol import Imported, Importer, Wanted, guarded, table_of
from confound.log.layout import USUAL_NAMES

LEVELS = ("persona", "arm", "question", "trial", "item", "model", "study", "iteration", "_")
MOST_BYTES = 2**31
SHOWN_LEVELS = 6
NESTED_START = re.compile(r'\{\s*"(?:[^"\\]|\\.)*"\s*:\s*[\{\[]')


def _object(file: Path) -> dict[str, Any]:
    """Return the object of objects or lists that a file holds, empty where it holds another thing."""
    if not NESTED_START.match(jsons.head_of_object(file)) or file.stat().st_size > MOST_BYTES:
        return {}
    try:
        held = jsons.whole(file)
    except InputError:
        return {}
    return held if isinstance(held, dict) else {}


def _alike(held: Mapping[str, Any]) -> bool:
    """Tell whether an object holds objects that all have the same keys, and plain values."""
    parts = [part for part in held.values() if isinstance(part, dict) and part]
    keys = set(parts[0]) if parts else set()
    return len(parts) == len(held) > 0 and all(
        set(part) == keys and not any(isinstance(value, dict) for value in part.values()) for part in parts
    )


def _is_columns(held: Mapping[str, Any]) -> bool:
    """Tell whether an object holds columns by row number, as pandas writes by default."""
    if not _alike(held) or len(held) < 2:
        return False
    rows = next(iter(held.values()))
    return all(key.isdecimal() for key in rows) and ("0" in rows or _known(held) > 1)


def _is_index(held: Mapping[str, Any]) -> bool:
    """Tell whether an object holds rows by their names; their columns have names of a log, as no nested object has."""
    return _alike(held) and _known(next(iter(held.values()))) > 1


def _known(columns: Mapping[str, Any]) -> int:
    """Count the columns of a response table that names say."""
    names = {name.casefold() for name in columns}
    return sum(bool(names & set(usual)) for usual in USUAL_NAMES.values())


def _is_split(held: Mapping[str, Any]) -> bool:
    return isinstance(held.get("columns"), list) and isinstance(held.get("data"), list)


def _is_table(held: Mapping[str, Any]) -> bool:
    rows = held.get("data")
    return "schema" in held and isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def _is_pandas(file: Path) -> bool:
    held = _object(file)
    return any(form(held) for form in (_is_split, _is_table, _is_columns, _is_index))


@guarded
def _read_pandas(file: Path, wanted: Wanted) -> Imported:
    if wanted.levels:  # the user says that it is no data frame
        return _read_nested(file, wanted)
    rows = _frame(file, _object(file))
    if not rows:
        raise InputError(f"{file}: a data frame that pandas wrote, without rows")
    return Imported(table_of(rows), f"{file}: read as a data frame that pandas wrote, {len(rows):,} rows.")


def _frame(file: Path, held: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a data frame in any of pandas' forms."""
    if _is_split(held):
        names = [str(name) for name in held["columns"]]
        if not all(isinstance(row, list) and len(row) == len(names) for row in held["data"]):
            raise InputError(f"{file}: rows of 'data' that do not have its {len(names)} columns. Write it again")
        if len(set(names)) < len(names):
            raise InputError(f"{file}: a column stands there twice. Rename or drop one")
        return [dict(zip(names, row, strict=True)) for row in held["data"]]
    if _is_table(held):
        return list(held["data"])
    if _is_columns(held):
        return [{name: part[key] for name, part in held.items()} for key in next(iter(held.values()))]
    if _is_index(held):
        return list(held.values())
    raise InputError(f"{file}: no data frame that pandas wrote. Write it with orient='records', lines=True")


def _is_nested(file: Path) -> bool:
    held = _object(file)
    return bool(held) and all(isinstance(part, dict) for part in held.values()) and not _is_columns(held)


@guarded
def _read_nested(file: Path, wanted: Wanted) -> Imported:
    held = jsons.whole(file, unique=True)
    if not isinstance(held, dict):
        raise InputError(f"{file}: --levels is for objects in objects, and the file holds a list or a plain value")
    if not wanted.levels:
        path = _path(held)
        shown = " > ".join([*path[:SHOWN_LEVELS], *(["..."] if len(path) > SHOWN_LEVELS else [])])
        raise InputError(
            f"{file}: objects in objects, {len(path)} levels deep, such as {shown}. Say what the "
            f"levels are, from the outside in: --levels {_levels(held)}"
        )
    strange = [level for level in wanted.levels if level not in LEVELS]
    if strange:
        raise InputError(
            f"--levels: there is no level '{strange[0]}'. Known are {', '.join(LEVELS[:-1])}, and _ to skip one"
        )
    twice = [level for level in wanted.levels if level != "_" and wanted.levels.count(level) > 1]
    if twice:
        raise InputError(f"--levels: '{twice[0]}' stands there twice. Name each level once, and _ to skip one")
    rows = list(_walk(file, held, wanted.levels, {}))
    if not rows:
        raise InputError(f"{file}: nested JSON without an answer")
    named = " > ".join(wanted.levels)
    return Imported(table_of(rows), f"{file}: read as nested JSON, {named}; {len(rows):,} answers.")


def _walk(file: Path, held: Any, levels: tuple[str, ...], place: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the answers below a place."""
    if not levels:
        several = isinstance(held, list) and "trial" not in place
        for trial, answer in enumerate(held) if several else [(None, held)]:
            yield from _answers(file, answer, place if trial is None else {"trial": str(trial), **place})
        return
    if not isinstance(held, dict):
        raise InputError(f"{file}: at {_at(place)} there is no object for the level '{levels[0]}'. Check --levels")
    for key, part in held.items():
        yield from _walk(file, part, levels[1:], place if levels[0] == "_" else {**place, levels[0]: key})


def _answers(file: Path, held: Any, place: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield what stands below the last level: an answer, or where no level is the question, one to each question."""
    if not isinstance(held, dict):
        yield {**place, "response": held}
        return
    if "persona" not in place and {name.casefold() for name in held} & set(USUAL_NAMES["persona"]):
        yield {**place, **held}  # a row that says itself whose it is
        return
    if "question" in place or any(isinstance(answer, dict) for answer in held.values()):
        raise InputError(f"{file}: at {_at(place)} there are more objects than levels. Name them all with --levels")
    for question, answer in held.items():
        several = answer if isinstance(answer, list) and "trial" not in place else None
        if several is None:
            yield {**place, "question": question, "response": answer}
        for trial, each in enumerate(several or []):
            yield {"trial": str(trial), **place, "question": question, "response": each}


def _at(place: Mapping[str, str]) -> str:
    return repr(" > ".join(place.values())[:80] or "the top")


def _levels(held: Any) -> str:
    """Propose levels for nested objects, by how deep they are and whether rows stand at the end."""
    depth = len(_path(held))
    while isinstance(held, dict) and held:
        held = next(iter(held.values()))
    rows = isinstance(held, list) and bool(held) and isinstance(held[0], dict)
    if not rows:
        return "persona,arm,question"
    own = bool({name.casefold() for name in held[0]} & set(USUAL_NAMES["persona"]))
    return "arm" if own and depth == 1 else "persona,arm"


def _path(held: Any) -> list[str]:
    """Return the first key of each level."""
    keys = []
    while isinstance(held, dict) and held:
        key = next(iter(held))
        keys.append(json.dumps(key, ensure_ascii=False)[:30])
        held = held[key]
    return keys


def _rows_inside(held: Any) -> list[dict[str, Any]]:
    """Return the only list of flat objects that an object holds, empty where there is not one."""
    parts = held.values() if isinstance(held, dict) else []
    lists = [part for part in parts if isinstance(part, list) and part and all(isinstance(row, dict) for row in part)]
    return lists[0] if len(lists) == 1 and _known(lists[0][0]) else []


def _is_wrapped(file: Path) -> bool:
    if not jsons.head(file).lstrip("\ufeff \t\r\n").startswith("{") or file.stat().st_size > MOST_BYTES:
        return False
    try:
        return bool(_rows_inside(jsons.whole(file)))
    except InputError:
        return False


@guarded
def _read_wrapped(file: Path, wanted: Wanted) -> Imported:
    if wanted.levels:
        return _read_nested(file, wanted)
    held = jsons.whole(file)
    rows = _rows_inside(held)
    if not rows:
        raise InputError(f"{file}: no object that holds one list of rows. Write one object on each line")
    key = next(name for name, part in held.items() if part is rows)
    return Imported(table_of(rows), f"{file}: read from its list '{key}', {len(rows):,} rows.")


WRAPPED = Importer("wrapped-json", "JSON that holds its rows under one key", (".json",), _is_wrapped, _read_wrapped)
PANDAS = Importer("pandas-json", "pandas' to_json", (".json",), _is_pandas, _read_pandas)
NESTED = Importer("levels", "Nested JSON, with --levels", (".json",), _is_nested, _read_nested)
