"""A table of an SQLite database, opened for reading alone."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from confound.errors import InputError
from confound.log.importers.protocol import Imported, Importer, Wanted, table_of

MAGIC = b"SQLite format 3\x00"
ANSWERS = {"response", "answer", "pred", "choice", "value"}


def _recognises(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _read(file: Path, wanted: Wanted) -> Imported:
    address = f"file:{quote(str(file.absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            name = _chosen(file, connection, wanted.table)
            cursor = connection.execute(f"SELECT * FROM {_identifier(name)}")
            columns = [column[0] for column in cursor.description]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor]
    except sqlite3.Error as error:
        raise InputError(f"{file}: cannot be read: {error}. Copy the database again") from error
    if not rows:
        raise InputError(f"{file}: table '{name}' holds no rows")
    return Imported(table_of(rows), f"{file}: read from table '{name}'.")


def _chosen(file: Path, connection: sqlite3.Connection, wanted: str | None) -> str:
    """Choose the table that is asked for, the only one, or the only one that holds answers."""
    found = connection.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name"
    )
    names = [name for (name,) in found]
    if wanted is not None:
        if wanted not in names:
            raise InputError(f"--table {wanted}: {file} has no such table. It has {', '.join(names) or 'none'}")
        return wanted
    with_answers = [name for name in names if ANSWERS & _columns(connection, name)]
    for chosen in (names, with_answers):
        if len(chosen) == 1:
            return str(chosen[0])
    raise InputError(f"{file}: name the table with --table. There are: {', '.join(names) or 'none'}")


def _columns(connection: sqlite3.Connection, name: str) -> set[str]:
    described = connection.execute(f"PRAGMA table_info({_identifier(name)})").fetchall()
    return {str(row[1]).casefold() for row in described}


def _identifier(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


SQLITE = Importer("sqlite", "SQLite, one table", (".db", ".sqlite", ".sqlite3"), _recognises, _read)
