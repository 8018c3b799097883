"""What an importer is: it knows a foreign export by its content, and reads it into a table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user says of a foreign export.

    Attributes
    ----------
    levels : tuple of str
        What each level of nested JSON is, from the outside in.
    custom_id : str or None
        How `custom_id` of a batch is made, such as ``{persona}|{arm}|{question}|{trial}``.
    table : str or None
        The table of a database, or the sheet of a workbook.
    taken : tuple of str
        Columns that the user names for something.
    """

    levels: tuple[str, ...] = ()
    custom_id: str | None = None
    table: str | None = None
    taken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """A foreign export as a table.

    Attributes
    ----------
    table : pyarrow.Table
        Texts, in the order of the file.
    said : str
        What the file was taken for.
    columns : mapping
        Column of the response table -> the table's own, those that the format is sure of.
    questions : tuple of str
        Columns that hold one question each; empty if the table is long.
    """

    table: "pa.Table"
    said: str
    columns: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Importer:
    """Reads one kind of foreign export.

    Attributes
    ----------
    name : str
        What `--format` calls it.
    about : str
        What it reads, in words.
    suffixes : tuple of str
        Of the files that may be such an export.
    recognises : callable
        Path -> whether the file is one, by its content; it raises nothing whatever the file holds.
    read : callable
        Path and `Wanted` -> `Imported`.
    """

    name: str
    about: str
    suffixes: tuple[str, ...]
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Wanted], Imported]


def table_of(rows: Sequence[Mapping[str, Any]]) -> "pa.Table":
    """Make a table of texts from rows; a column that a row lacks is missing there."""
    import pyarrow as pa

    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([text_of(row.get(name)) for row in rows], pa.string()) for name in names})


def text_of(value: Any) -> str | None:
    """Write a value as a log would: whole floats as whole numbers, None and NaN missing, lists as JSON.

    >>> [text_of(value) for value in (3.0, None, True, "x", ["a"])]
    ['3', None, 'true', 'x', '["a"]']
    """
    import json

    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
