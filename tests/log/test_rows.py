"""Rows read equal rows there, or it is an error; whatever the format, however long a row, and while files change.

`python -m benchmarks.safety.rows` does the same with files of a gigabyte and rows of 100 MB.
"""

import gzip
import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from benchmarks.safety import rows
from confound.errors import InputError
from confound.log import files, response_table
from confound.log.layout import Layout
from tests.log.made import made

NEVER_TOO_LONG = ("log.parquet", "log.feather", "stream.arrow", "log.db", "log.xlsx")


@pytest.mark.parametrize("name", rows.WRITERS)
def test_every_row_is_read(name: str, tmp_path: Path) -> None:
    """A log of some thousand rows has all of them."""
    n = 3000
    rows.WRITERS[name](rows.rows(n, 20), tmp_path / name)
    assert rows.read(tmp_path / name) == n


@pytest.mark.slow
@pytest.mark.parametrize("name", rows.WRITERS)
def test_long_files(name: str, tmp_path: Path) -> None:
    """So does a log of 20 MB."""
    _, n, found, _ = rows.long(name, 20 * 10**6, tmp_path)
    assert found == n


@pytest.mark.slow
@pytest.mark.parametrize("size", [1_500_000, 2_500_000, 40_000_000])
@pytest.mark.parametrize("name", [name for name in rows.WRITERS if name not in ("log.sav", "log.dta")])
def test_long_rows(name: str, size: int, tmp_path: Path) -> None:
    """A row that is too long, be it the first or the last, is an error that says so; no row is left out."""
    for found in rows.wide(name, size, tmp_path):
        if isinstance(found, int):
            assert found == 32
        else:
            assert name not in NEVER_TOO_LONG
            assert size > 2_000_000
            assert "row is longer than" in found or "a quote is opened and never closed" in found


def test_a_long_last_row_of_a_compressed_file(tmp_path: Path) -> None:
    """The engine would leave it out without a word."""
    path = tmp_path / "log.csv.gz"
    rows.WRITERS["log.csv.gz"](rows.rows(32, wide_at=31, wide=40_000_000), path)
    assert path.stat().st_size < 1_000_000
    assert "the last row is longer than 2 MB" in str(rows.read(path))


def test_rows_that_end_in_returns(tmp_path: Path) -> None:
    """Old spreadsheets end rows in a return alone; such a file is as long as it likes."""
    frame = pd.concat([made(personas=40, trials=20)] * 32)
    frame.to_csv(tmp_path / "log.csv", index=False, lineterminator="\r")
    assert (tmp_path / "log.csv").stat().st_size > 2_000_000
    assert rows.read(tmp_path / "log.csv") == len(frame)


def test_gzip_members(tmp_path: Path) -> None:
    """What was compressed in parts and joined is read as one; what is cut is an error."""
    text = made().to_csv(index=False).encode()
    half = text.index(b"\n", len(text) // 2) + 1
    whole = gzip.compress(text[:half]) + gzip.compress(text[half:])
    (tmp_path / "log.csv.gz").write_bytes(whole)
    assert rows.read(tmp_path / "log.csv.gz") == len(made())
    for cut in (8, 20, 200):
        (tmp_path / "log.csv.gz").write_bytes(whole[:-cut])
        assert "end-of-stream" in str(rows.read(tmp_path / "log.csv.gz"))


def test_a_stream_cut_between_its_parts(tmp_path: Path) -> None:
    """An Arrow stream without the mark at its end may have lost rows, and reads like a whole one."""
    table = pa.Table.from_pandas(made())
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=50)
        whole = sink.getvalue()
    (tmp_path / "log.arrow").write_bytes(whole)
    assert "is cut short" in str(rows.read(tmp_path / "log.arrow"))
    (tmp_path / "log.arrow").write_bytes(sink.getvalue())
    assert rows.read(tmp_path / "log.arrow") == len(table)


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.parquet", "log.feather", "log.db"])
@pytest.mark.parametrize("change", ["grows", "cut", "replaced", "removed"])
def test_files_that_change(name: str, change: str, tmp_path: Path) -> None:
    """A file that is written to before its rows are counted is an error that names it; nothing else is raised."""
    path = tmp_path / name
    rows.WRITERS[name](rows.rows(500), path)
    with pytest.raises(InputError, match=rf"{name}: was (written to|removed) while it was read\. Run again"):
        _changed_while_counted(path, change)


def _changed_while_counted(path: Path, change: str) -> None:
    with response_table.opened(path) as opened:
        if change == "grows":
            with path.open("ab") as file:
                file.write(b"p9,a,9,q,x,n\n")
        elif change == "cut":
            path.write_bytes(path.read_bytes()[:-100])
        elif change == "replaced":
            path.with_name("other").write_bytes(path.read_bytes())
            path.with_name("other").replace(path)
        else:
            path.unlink()
        try:
            opened.table.count().to_pyarrow()
        except Exception as error:
            raise InputError(str(error)) from error


def test_a_file_that_grows_while_it_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written between the look at a file and the end of its parsing is noticed too."""
    path = tmp_path / "log.csv"
    made().to_csv(path, index=False)
    text_of = files.TextFiles.sources

    def grows(reader: files.TextFiles, own: list[Path]) -> object:
        with path.open("a") as file:
            file.write("p01,control,9,party,Dem\n")
        return text_of(reader, own)

    monkeypatch.setattr(files.TextFiles, "sources", grows)
    with (
        pytest.raises(InputError, match="was written to while it was read"),
        files.opened(path, Layout()),
    ):
        pass


def test_files_that_stay_are_no_matter(tmp_path: Path) -> None:
    """To read a file changes nothing by which a change is known."""
    made().to_csv(tmp_path / "log.csv", index=False)
    assert {rows.read(tmp_path / "log.csv") for _ in range(2)} == {len(made())}
