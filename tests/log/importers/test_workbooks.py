"""Files of packages and databases: labels, codes for missing, sheets, views, and what a damaged file does."""

import sqlite3
import zipfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from confound import InputError
from confound.log.importers import labelled, recognised, zips
from confound.log.importers.protocol import Imported, Wanted


def read(file: Path, name: str, table: str | None = None) -> Imported:
    """Read a file that is recognised as what it is."""
    found = recognised(file)
    assert found is not None
    assert found.name == name
    return found.read(file, Wanted(table=table))


ENDS = {1.0: "Not at all", 7.0: "Very"}
PARTIES = {2.0: "Rep", 1.0: "Dem", 3.0: "Ind"}


def test_labels_of_spss(tmp_path: Path) -> None:
    """Labels are the answers where each has one; a scale with labelled ends keeps its numbers; orders are kept."""
    pyreadstat = pytest.importorskip("pyreadstat")
    frame = pd.DataFrame({"party": [1.0, 2.0, 2.0, None], "likely": [1.0, 4.0, 7.0, 99.0], "text": ["é", "", "b", "c"]})
    pyreadstat.write_sav(
        frame,
        str(tmp_path / "log.sav"),
        column_labels={"party": "Your party?"},
        variable_value_labels={"party": PARTIES, "likely": ENDS},
        missing_ranges={"likely": [99]},
    )
    made = read(tmp_path / "log.sav", "spss")
    assert made.table.to_pydict() == {
        "party": ["Dem", "Rep", "Rep", None],
        "likely": ["1", "4", "7", None],
        "text": ["é", "", "b", "c"],
    }
    assert list(made.labels["party"].items()) == [("", "Your party?"), ("1", "Dem"), ("2", "Rep"), ("3", "Ind")]
    assert made.labels["likely"] == {"1": "Not at all", "7": "Very"}
    assert "labels of party" in made.said
    assert "Not every answer to likely has a label of its own: codes are kept" in made.said


def test_qualtrics_in_spss(tmp_path: Path) -> None:
    """An export of Qualtrics is known in SPSS as well, where its header rows are gone."""
    pyreadstat = pytest.importorskip("pyreadstat")
    frame = pd.DataFrame(
        {"StartDate": ["x"] * 2, "ResponseId": ["r1", "r2"], "Condition": [1.0, 2.0], "Q1": [1.0, 1.0]}
    )
    pyreadstat.write_sav(frame, str(tmp_path / "log.sav"), variable_value_labels={"Condition": {1.0: "a", 2.0: "b"}})
    made = read(tmp_path / "log.sav", "spss")
    assert made.columns == {"persona": "ResponseId", "arm": "Condition"}
    assert made.questions == ("Q1",)
    assert made.table["Condition"].to_pylist() == ["a", "b"]


def test_a_file_that_breaks_its_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the library is killed by a file, the file is refused and this process goes on."""
    pytest.importorskip("pyreadstat")
    killed = tmp_path / "killed.py"
    killed.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setattr(labelled, "__file__", str(killed))
    (tmp_path / "log.sav").write_bytes(b"$FL2 and nothing")
    with pytest.raises(InputError, match="it broke the library that reads it"):
        read(tmp_path / "log.sav", "spss")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What to install is said."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    (tmp_path / "log.dta").write_bytes(b"<stata_dta><header>")
    with pytest.raises(InputError, match=r"pip install 'confound\[spss\]'"):
        read(tmp_path / "log.dta", "stata")


def workbook(path: Path, *rows: Sequence[Any]) -> Path:
    """Write one sheet."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_cells_of_excel(tmp_path: Path) -> None:
    """Numbers are as written, failed formulas and blanks missing, rows of blanks no rows."""
    rows = (
        ("persona", None, "n", "ok"),
        ("p1", "x", 3.0, True),
        (None,) * 4,
        ("p2", "y", "#N/A", None),
        ("p3", "", 2.5, " "),
    )
    made = read(workbook(tmp_path / "log.xlsx", *rows), "excel")
    assert made.table.to_pydict() == {
        "persona": ["p1", "p2", "p3"],
        "n": ["3", None, "2.5"],
        "ok": ["true", None, None],
    }


def test_qualtrics_in_excel(tmp_path: Path) -> None:
    """The second header row is the text of the questions."""
    rows = (
        ("StartDate", "ResponseId", "Condition", "Q1"),
        ("Start Date", "Response ID", "Condition", "Really?"),
        ("2026", "r1", "a", 4),
        ("2026", "r2", "b", 5),
    )
    made = read(workbook(tmp_path / "log.xlsx", *rows), "excel")
    assert made.columns == {"persona": "ResponseId", "arm": "Condition"}
    assert made.labels == {"Q1": {"": "Really?"}}
    assert made.table["Q1"].to_pylist() == ["4", "5"]


def test_broken_excel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Doubled columns, an empty sheet, a damaged part and a file that swells are refused."""
    for rows, message in (
        ((("a", "a"), (1, 2)), "column 'a' stands there twice"),
        ((("a",),), "no rows below a header"),
    ):
        with pytest.raises(InputError, match=message):
            read(workbook(tmp_path / "log.xlsx", *rows), "excel")
    path = workbook(tmp_path / "log.xlsx", ("a",), (1,))
    monkeypatch.setattr(zips, "MOST_BYTES", 100)
    with pytest.raises(InputError, match="it would unpack to"):
        read(path, "excel")
    monkeypatch.undo()
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content[: len(content) // 2] if "sheet1" in name else content)
    with pytest.raises(InputError, match=r"log.xlsx: cannot be read"):
        read(path, "excel")


def database(path: Path, *statements: str) -> Path:
    """Write a database."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


def test_types_of_sqlite(tmp_path: Path) -> None:
    """Values of any type are texts as a log would write them, and nothing is missing but NULL."""
    path = database(
        tmp_path / "log.db",
        'CREATE TABLE "a ""b""" (persona, response)',
        """INSERT INTO "a ""b\"\"\" VALUES (1, 2.0), ('p', NULL), (12345678901234567, x'c3a9'), ('', 0.1)""",
    )
    made = read(path, "sqlite")
    assert made.table.to_pydict() == {
        "persona": ["1", "p", "12345678901234567", ""],
        "response": ["2", None, "é", "0.1"],
    }
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["log.db"]


def test_views_of_sqlite(tmp_path: Path) -> None:
    """A view is read where it is named; else it only repeats the table."""
    path = database(
        tmp_path / "log.sqlite",
        "CREATE TABLE t (persona, answer)",
        "INSERT INTO t VALUES ('p', 'x')",
        "CREATE VIEW v AS SELECT persona, answer || '!' AS answer FROM t",
    )
    assert read(path, "sqlite").table["answer"].to_pylist() == ["x"]
    assert read(path, "sqlite", "v").table["answer"].to_pylist() == ["x!"]


@pytest.mark.parametrize(
    ("statements", "table", "message"),
    [
        (("CREATE TABLE t (a)",), None, "holds no rows"),
        (("CREATE TABLE t (a)",), "u", "no such table. It has t"),
        (("CREATE TABLE t (a)", "CREATE TABLE u (a)"), None, "There are: t, u"),
        (("CREATE TABLE t (a)", "INSERT INTO t VALUES (CAST(x'ff' AS TEXT))"), None, "cannot be read"),
    ],
)
def test_broken_sqlite(statements: Sequence[str], table: str | None, message: str, tmp_path: Path) -> None:
    """What is not there, not sure, or no text is refused."""
    with pytest.raises(InputError, match=message):
        read(database(tmp_path / "log.db", *statements), "sqlite", table)
