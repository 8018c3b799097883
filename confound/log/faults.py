"""What an engine or a file says when it cannot be read -> what is wrong, where, and what to do."""

import codecs
import contextlib
import csv
import io
import itertools
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from confound.errors import InputError
from confound.log.paths import binary

SHOWN_ROWS = 3


SHOWN_TEXT = 40


MOST_COLUMNS = 20_000
RESERVED = "_confound_"
HEAD = 4096  # bytes that tell a text from a binary file


ARROW = b"\xff\xff\xff\xff"  # begins a message of a stream
END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
LFS = b"version https://git-lfs.github.com/spec/"


UTF8_LETTER = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
UNDEFINED = bytes((0x00, 0x81, 0x8D, 0x8F, 0x90, 0x9D))  # no letters of Windows' western code page


BINARY = {
    b"\x1f\x8b": "is compressed with gzip. Let its name end in .gz",
    b"PK\x03\x04": "is a zip file or an Excel workbook, no text. Export it as CSV",
    b"PAR1": "is a parquet file. Let its name end in .parquet",
}


TOO_LONG = "a row is longer than 2 MB; a quote may be opened and never closed"
CSV_FAULTS = {
    "unterminated quote": "a quote is opened and never closed, or text follows the closing quote",
    "state machine": r"the rows end in different ways (\n, \r\n), or text follows a closing quote",
    "Maximum line size": TOO_LONG,
}


@contextlib.contextmanager
def engine_errors(name: str) -> Iterator[None]:
    """Turn what the engine raises into an `InputError` about `name`, in one sentence."""
    import duckdb
    import pyarrow as pa
    from ibis.common.exceptions import IbisError

    engine = (duckdb.Error, pa.ArrowException, IbisError)
    try:
        yield
    except (*engine, UnicodeError, EOFError, OSError, zlib.error, csv.Error) as error:
        raise InputError(f"{name}: cannot be read: {_plain(error)}") from error


def _plain(error: Exception) -> str:
    """Say in words what an engine's message says about the data, leaving out its advice on its own options."""
    text = " ".join(str(error).split())
    for mark in (" Possible fixes:", " Possible Solution:", " Try ", " LINE 1:", " Candidate "):
        text = text.split(mark)[0]
    text = re.sub(r"^(?:[A-Z]\w+ )+Error: ", "", text)
    lower = text.lower()
    if "unicode" in lower or "utf-8" in lower or "utf8" in lower or isinstance(error, UnicodeError):
        return f"it holds bytes that are no UTF-8 text. Save it as UTF-8 (iconv -f LATIN1 -t UTF-8). [{text}]"
    if "maximum_object_size" in lower:
        return "a row is longer than 16 MB. Leave long texts out that no analysis needs, or write it as parquet"
    if "single threaded" in lower:  # how DuckDB words it where no row ends within its buffer
        return f"{TOO_LONG}. Write it anew with one program, or as parquet"
    if "no space left" in lower or "out of memory" in lower:
        return f"the machine ran out of room. Free some, or pass fewer files at once. [{text}]"
    return f"{text.rstrip('.')}. If the file is damaged, write or copy it again"


def nested_message(name: str, column: str, rows: Sequence[int]) -> str:
    """Word the refusal of a column that holds objects or lists."""
    where = ", ".join(map(str, rows))
    return (
        f"{name}: column '{column}' holds nested objects or lists (first in row {where}); it must hold plain values. "
        "Flatten it before writing the log"
    )


def encoding_of(start: bytes) -> str:
    """Tell the encoding of a text by its first four bytes; UTF-8 where no byte-order mark says otherwise."""
    marks = {
        codecs.BOM_UTF32_LE: "utf-32",
        codecs.BOM_UTF32_BE: "utf-32",
        codecs.BOM_UTF16_LE: "utf-16",
        codecs.BOM_UTF16_BE: "utf-16",
        codecs.BOM_UTF8: "utf-8-sig",
    }  # UTF-32 first: its little-endian mark begins with UTF-16's
    return next((name for mark, name in marks.items() if start.startswith(mark)), "utf-8")


def csv_fault(file: Path, message: str) -> str:
    """Say what is wrong with a CSV file, in fewer words than the engine, which quotes the whole row."""
    words = next((words for mark, words in CSV_FAULTS.items() if mark in message), _plain(ValueError(message)))
    line = re.match(r".*?CSV Error on Line: (\d+)", message, flags=re.DOTALL)
    where = f"{file}, line {line.group(1)}" if line else f"{file}"
    return f"{where}: {words}. Write it anew with one program, or as parquet"


def json_fault(file: Path) -> str:
    """Name the first lines that are no JSON objects."""
    bad = []
    with binary(file) as raw, io.TextIOWrapper(raw, encoding=_written_in(file), errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip() and not _is_object(line):
                bad.append(f"line {number} ({_excerpt(line)})")
            if len(bad) == SHOWN_ROWS:
                break
    advice = "Write one object on each line, as pandas does with orient='records', lines=True"
    return f"{file}: {', '.join(bad)}: no whole JSON object. {advice}" if bad else ""


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def undecodable(file: Path) -> str:
    """Name the first lines that are no UTF-8."""
    if not _written_in(file).startswith("utf-8"):
        return ""
    with binary(file) as lines:
        bad = list(itertools.islice(((n, line) for n, line in enumerate(lines, 1) if not _is_utf8(line)), SHOWN_ROWS))
    where = ", ".join(f"line {number} ({_excerpt(line.decode('latin-1'))})" for number, line in bad)
    return f"{file}: {where}: bytes that are no UTF-8 text. Convert it (iconv -f LATIN1 -t UTF-8)" if bad else ""


def is_windows(file: Path) -> bool:
    """Tell whether a file that is no UTF-8 is text in Windows' western code page: not one of its letters is UTF-8."""
    letters = False
    with binary(file) as lines:
        for line in lines:
            if any(byte in line for byte in UNDEFINED) or UTF8_LETTER.search(line):
                return False
            letters = letters or not line.isascii()
    return letters


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _excerpt(line: str) -> str:
    text = line.strip()
    return repr(text if len(text) <= SHOWN_TEXT else text[:SHOWN_TEXT] + "...")


def _written_in(file: Path) -> str:
    with binary(file) as stream:
        return encoding_of(stream.read(4))


def refuse_pointer(file: Path) -> None:
    """Raise where a file is a pointer of Git LFS to what it should hold."""
    with file.open("rb") as stream:
        start = stream.read(len(LFS))
    if start == LFS:
        raise InputError(f"{file}: this is a Git LFS pointer, and not the file itself. Fetch it with: git lfs pull")


def refuse_unended(file: Path) -> None:
    """Raise where a stream of Arrow has no mark at its end: one that was cut off there reads like a whole one."""
    with file.open("rb") as stream:
        start = stream.read(len(ARROW))
        stream.seek(-min(len(END_OF_STREAM), file.stat().st_size), io.SEEK_END)
        end = stream.read()
    if start == ARROW and end != END_OF_STREAM:
        raise InputError(f"{file}: is cut short: it has no mark at its end. Write or copy it again")


def not_as_named(file: Path) -> str:
    """Word the refusal of a file that holds something else than its name says."""
    with file.open("rb") as stream:
        start = stream.read(12)
    if start[8:] == b"DUCK":
        return f"{file}: this is a DuckDB database. Pass duckdb://{file} and the table's name with --table"
    return f"{file}: its content is not what its name says. Copy it again, or export it as CSV"


def refuse_binary(file: Path, start: bytes) -> None:
    """Raise where a file that should hold text begins like a compressed, a parquet or another binary file."""
    kind = next((words for mark, words in BINARY.items() if start.startswith(mark)), None)
    if kind is None and b"\0" in start:
        kind = "holds NUL bytes and is no text. Save it as UTF-8; UTF-16 needs a byte-order mark"
    if kind:
        raise InputError(f"{file}: {kind}")


def refuse_duplicates(name: str, columns: Sequence[str]) -> None:
    """Raise where a log has two columns of one name, one of a name that is taken, or too many."""
    doubled = sorted(column for column, n in Counter(columns).items() if n > 1)
    if doubled:
        raise InputError(f"{name}: column '{doubled[0]}' stands there twice. Rename or drop one")
    reserved = [column for column in columns if column.casefold().startswith(RESERVED)]
    if reserved:
        raise InputError(f"{name}: column '{reserved[0]}' is called as only confound's own are. Rename or drop it")
    if len(columns) > MOST_COLUMNS:
        raise InputError(
            f"{name}: it has {len(columns):,} columns, and {MOST_COLUMNS:,} can be read. Drop some, or write one row "
            "an answer"
        )
