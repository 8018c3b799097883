"""Rows read against rows there, for every reader: files of a gigabyte, and rows of up to 100 MB.

A row that a reader cannot take must end in an error that says so. A count that differs from that of the rows there is
the one thing that may never be.
"""

import argparse
import gzip
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from confound.errors import InputError
from confound.log import response_table

Row = dict[str, Any]
Rows = Iterator[Row]
COLUMNS = ("persona", "arm", "trial", "question", "response", "note")
AT_ONCE = 20_000
WIDE_AT = (0, 16, 31)  # of 32 rows


def rows(n: int, note: int = 1, *, wide_at: int = -1, wide: int = 0) -> Rows:
    """Yield the rows of a log, with a note of some length that no analysis needs; one may be much longer."""
    for i in range(n):
        length = wide if i == wide_at else note
        key = (f"p{i % 8}", "ab"[i // 8 % 2], str(i // 16))
        yield dict(zip(COLUMNS, (*key, "q", "xy"[i % 2], "z" * length), strict=True))


def _lines(made: Rows, path: Path, line: Callable[[Row], str], around: tuple[str, str, str] = ("", "\n", "\n")) -> None:
    before, between, after = around
    with gzip.open(path, "wt", compresslevel=1) if path.suffix == ".gz" else path.open("w") as file:
        file.write(before)
        for number, row in enumerate(made):
            file.write((between if number else "") + line(row))
        file.write(after)


def _delimited(delimiter: str) -> Callable[[Rows, Path], None]:
    around = (delimiter.join(COLUMNS) + "\n", "\n", "\n")
    return lambda made, path: _lines(made, path, lambda row: delimiter.join(row.values()), around)


def _quoted(made: Rows, path: Path) -> None:
    """Write CSV whose notes hold ends of lines."""

    def line(row: Row) -> str:
        note = row["note"].replace("z" * 64, "z" * 63 + "\n")
        return ",".join([*list(row.values())[:-1], f'"{note}"'])

    _lines(made, path, line, (",".join(COLUMNS) + "\n", "\n", ""))


def _batches(made: Rows) -> Iterator[pa.RecordBatch]:
    held: list[Row] = []
    for row in made:
        held.append(row)
        if len(held) == AT_ONCE:
            yield pa.RecordBatch.from_pylist(held, schema=SCHEMA)
            held = []
    yield pa.RecordBatch.from_pylist(held, schema=SCHEMA)


SCHEMA = pa.schema([(name, pa.string()) for name in COLUMNS])


def _parquet(made: Rows, path: Path) -> None:
    with pq.ParquetWriter(path, SCHEMA, compression="none", use_dictionary=False) as writer:
        for batch in _batches(made):
            writer.write_batch(batch)


def _arrow(new: Callable[..., Any]) -> Callable[[Rows, Path], None]:
    def write(made: Rows, path: Path) -> None:
        with pa.OSFile(str(path), "wb") as sink, new(sink, SCHEMA) as writer:
            for batch in _batches(made):
                writer.write_batch(batch)

    return write


def _sqlite(made: Rows, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE log ({', '.join(COLUMNS)})")
    connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)", (tuple(row.values()) for row in made))
    connection.commit()
    connection.close()


def _excel(made: Rows, path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(COLUMNS)
    for row in made:
        sheet.append([text[:32_000] for text in row.values()])  # more a cell cannot hold
    book.save(path)


def _labelled(made: Rows, path: Path) -> None:
    import pyreadstat

    write = pyreadstat.write_sav if path.suffix == ".sav" else pyreadstat.write_dta
    write(pd.DataFrame(list(made)), path)


WRITERS: dict[str, Callable[[Rows, Path], None]] = {
    "log.csv": _delimited(","),
    "log.tsv": _delimited("\t"),
    "quoted.csv": _quoted,
    "log.csv.gz": _delimited(","),
    "log.jsonl": lambda made, path: _lines(made, path, json.dumps),
    "log.jsonl.gz": lambda made, path: _lines(made, path, json.dumps),
    "log.json": lambda made, path: _lines(made, path, json.dumps, ("[", ",\n", "]")),
    "log.parquet": _parquet,
    "log.feather": _arrow(pa.ipc.new_file),
    "stream.arrow": _arrow(pa.ipc.new_stream),
    "log.db": _sqlite,
    "log.xlsx": _excel,
    "log.sav": _labelled,
    "log.dta": _labelled,
}
IN_MEMORY = {"log.xlsx": 20, "log.sav": 10, "log.dta": 10}  # how much less of what is built in memory here


def read(path: Path) -> int | str:
    """Count the rows that are read, or return what is said instead."""
    try:
        with response_table.opened(path) as opened:
            return int(opened.table.count().to_pyarrow().as_py())
    except InputError as error:
        return str(error).replace(f"{path}", path.name)


def wide(name: str, size: int, folder: Path) -> list[int | str]:
    """Return what is read of a log of 32 rows, the first, a middle or the last of which has some size in bytes."""
    found: list[int | str] = []
    for at in WIDE_AT:
        path = folder / name
        WRITERS[name](rows(32, wide_at=at, wide=size), path)
        found.append(read(path))
        path.unlink()
    return found


def long(name: str, size: int, folder: Path) -> tuple[int, int, int | str, float]:
    """Write a log of about some size in bytes; return its size, its rows, what is read of it, and the seconds."""
    n = size // 1000 // IN_MEMORY.get(name, 1)
    path = folder / name
    WRITERS[name](rows(n, 960 if "json" in name else 985), path)
    begun = time.perf_counter()
    found = read(path)
    seconds, held = time.perf_counter() - begun, path.stat().st_size
    path.unlink()
    return held, n, found, seconds


def main() -> None:
    """Print a table of each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.safety.rows", description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=10**9, help="bytes of a file")
    parser.add_argument("--wide", type=int, nargs="+", default=[10**6, 3 * 10**6, 4 * 10**7, 10**8])
    parser.add_argument("--only", nargs="+", default=list(WRITERS))
    given = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in given.only:
            held, n, found, seconds = long(name, given.size, Path(scratch))
            wrong += found != n
            print(f"{name}: {held / 1e6:,.0f} MB, {n:,} rows there, read: {found}, {seconds:.0f} s", flush=True)
        for name in given.only:
            for size in given.wide:
                read_of = wide(name, size, Path(scratch))
                wrong += any(isinstance(each, int) and each != 32 for each in read_of)
                shown = "all three times 32" if read_of == [32] * 3 else "; ".join(map(str, dict.fromkeys(read_of)))
                print(f"{name}: a row of {size / 1e6:,.0f} MB, 32 rows there, read: {shown}", flush=True)
    if wrong:
        sys.exit(f"{wrong} counts are wrong")


if __name__ == "__main__":
    main()
