"""What an importer is: it knows a foreign export by its content, and reads it into a table."""

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confound.errors import InputError
from confound.log.faults import engine_errors

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
    labels : mapping
        Question -> its answers as the file codes them -> their labels, in the order of the codes. The text of the
        question itself stands under ''. Empty where the file has none.
    """

    table: "pa.Table"
    said: str
    columns: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[str, ...] = ()
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


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


def guarded(read: Callable[[Path, Wanted], Imported]) -> Callable[[Path, Wanted], Imported]:
    """Let a reader raise nothing but `InputError`, whatever a damaged file makes the libraries raise."""

    @functools.wraps(read)
    def safe(file: Path, wanted: Wanted) -> Imported:
        try:
            with engine_errors(str(file)):
                return read(file, wanted)
        except RecursionError as error:
            raise InputError(f"{file}: its objects are nested too deeply for a log. Flatten it") from error

    return safe


def table_of(rows: Sequence[Mapping[str, Any]]) -> "pa.Table":
    """Make a table of texts from rows; a column that a row lacks is missing there."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return table_by_column({name: [row.get(name) for row in rows] for name in names})


def table_by_column(columns: Mapping[str, Iterable[Any]]) -> "pa.Table":
    """Make a table of texts from columns of any values."""
    import pyarrow as pa

    return pa.table({name: pa.array(map(text_of, values), pa.string()) for name, values in columns.items()})


def text_of(value: Any) -> str | None:
    """Write a value as a log would: whole floats as whole numbers, None and NaN missing, lists as JSON.

    >>> [text_of(value) for value in (3.0, None, True, "x", ["a"], b"blob")]
    ['3', None, 'true', 'x', '["a"]', 'blob']
    """
    if value is None:
        return None
    if isinstance(value, dict | list):
        return _whole(json.dumps(value, ensure_ascii=False))
    if isinstance(value, str):
        return _whole(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    if isinstance(value, bool):
        return str(value).lower()
    if value != value:  # NaN, and the missing date of pandas
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def _whole(text: str) -> str:
    """Mark halves of characters, which a model leaves where its answer is cut within an emoji; no file can hold them.

    >>> _whole(chr(0xD83D)) == chr(0xFFFD)
    True
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
