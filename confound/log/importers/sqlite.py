"""A table of an SQLite database, opened for reading alone."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from confound.errors import InputError
from confound.log.faults import refuse_duplicates
from confound.log.importers.protocol import Imported, Importer, Wanted, guarded, table_by_column

MAGIC = b"SQLite format 3\x00"
ANSWERS = {"response", "answer", "pred", "choice", "value"}


def _recognises(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


@guarded
def _read(file: Path, wanted: Wanted) -> Imported:
    try:
        name, columns, rows = _selected(file, wanted.table)
    except sqlite3.Error as error:
        raise InputError(f"{file}: cannot be read: {error}. Copy the database again") from error
    refuse_duplicates(str(file), columns)
    if not rows:
        raise InputError(f"{file}: table '{name}' holds no rows")
    by_place = zip(*rows, strict=True)
    return Imported(table_by_column(dict(zip(columns, by_place, strict=True))), f"{file}: read from table '{name}'.")


def _selected(file: Path, wanted: str | None, how: str = "mode=ro") -> tuple[str, list[str], list[tuple[Any, ...]]]:
    """Return a table's name, columns and rows, writing nothing.

    Where a database with a log of its own stands in a folder that cannot be written to, SQLite cannot make the notes
    it wants there. It does without them if no program has left any.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file.absolute()))}?{how}", uri=True)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            name = _chosen(file, connection, wanted)
            cursor = connection.execute(f"SELECT * FROM {_identifier(name)}")
            return name, [column[0] for column in cursor.description], cursor.fetchall()
    except sqlite3.OperationalError as error:
        left = any(file.with_name(f"{file.name}{end}").exists() for end in ("-wal", "-journal"))
        if "unable to open" not in str(error) or left or how != "mode=ro":
            raise
    return _selected(file, wanted, "immutable=1")


def _chosen(file: Path, connection: sqlite3.Connection, wanted: str | None) -> str:
    """Choose the table that is asked for, the only one, or the only one that holds answers."""
    listed = connection.execute("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name")
    found = [(str(name), kind) for name, kind in listed if not str(name).startswith("sqlite_")]
    names = [name for name, _ in found]
    if wanted is not None:
        if wanted not in names:
            raise InputError(f"--table {wanted}: {file} has no such table. It has {', '.join(names) or 'none'}")
        return wanted
    tables = [name for name, kind in found if kind == "table"] or names  # a view repeats what tables hold
    with_answers = [name for name in tables if ANSWERS & _columns(connection, name)]
    for chosen in (tables, with_answers):
        if len(chosen) == 1:
            return chosen[0]
    raise InputError(f"{file}: name the table with --table. There are: {', '.join(names) or 'none'}")


def _columns(connection: sqlite3.Connection, name: str) -> set[str]:
    described = connection.execute(f"PRAGMA table_info({_identifier(name)})").fetchall()
    return {str(row[1]).casefold() for row in described}


def _identifier(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


SQLITE = Importer("sqlite", "SQLite, one table", (".db", ".sqlite", ".sqlite3"), _recognises, _read)
