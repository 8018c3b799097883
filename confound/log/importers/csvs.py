"""CSV as importers read it: a header and strict rows, in any of the usual encodings and delimiters."""

import codecs
import csv
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from confound.errors import InputError
from confound.log.faults import encoding_of, is_windows, refuse_duplicates, undecodable
from confound.log.importers.jsons import head
from confound.log.paths import binary

DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Rows:
    """A CSV file's cells.

    Attributes
    ----------
    names : list of str
        The header.
    rows : list of list of str
        Those with any text, in the file's order; one may be shorter than the header, never longer.
    said : str
        How it was read, where that is not plain; begins with a blank.
    """

    names: list[str]
    rows: list[list[str]]
    said: str = ""


def first_rows(file: Path, n: int) -> list[list[str]]:
    """Return the first rows, as far as the first bytes hold them; nothing where they are no CSV."""
    text = head(file)
    try:
        return list(itertools.islice(csv.reader(io.StringIO(text), delimiter=_delimiter(text)), n))
    except csv.Error:
        return []


def read(file: Path) -> Rows:
    """Read a CSV file strictly.

    Raises
    ------
    InputError
        Where it is no text, a column stands there twice, or a row has more fields than the header.
    """
    with binary(file) as stream:
        encoding = encoding_of(stream.read(4))
    try:
        return _read(file, encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or not is_windows(file):
            raise InputError(undecodable(file) or f"{file}: its text is damaged. Write it again as UTF-8") from error
    said = " It is no UTF-8 and was read as Windows-1252. Save it as UTF-8 if letters look wrong."
    found = _read(file, "cp1252")
    return Rows(found.names, found.rows, said)


def _read(file: Path, encoding: str) -> Rows:
    with binary(file) as raw, _text(raw, encoding) as text:
        reader = csv.reader(text, delimiter=_delimiter(head(file)), strict=True)
        names = [name.strip() for name in next(reader, [])]
        refuse_duplicates(str(file), [name for name in names if name])
        return Rows(names, list(_fitting(file, reader, len(names))))


def _text(raw: IO[bytes], encoding: str) -> io.TextIOBase | codecs.StreamReader:
    return io.TextIOWrapper(raw, encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="")


def _fitting(file: Path, reader: "Iterator[list[str]]", width: int) -> Iterator[list[str]]:
    for number, row in enumerate(reader, start=2):
        if any(row[width:]):
            raise InputError(
                f"{file}: row {number} has {len(row)} fields, and the header {width}. Quote fields that hold the "
                "delimiter, or export it again"
            )
        if any(row):
            yield row


def _delimiter(text: str) -> str:
    """Choose what splits the first line best."""
    line = text.partition("\n")[0]
    return max(DELIMITERS, key=line.count)
