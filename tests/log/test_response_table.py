"""The response table: columns, renaming, and where a bad entry stands."""

from pathlib import Path

import pandas as pd
import pytest

import confound
from confound import InputError
from confound.log import response_table
from tests.conftest import LogFrame


@pytest.fixture
def log(log_frame: LogFrame) -> pd.DataFrame:
    """Return a small log with one negative control."""
    return log_frame({"control": ["a", "b", "a"], "treated": ["a", "b", "b"]})


def test_renaming(log: pd.DataFrame, tmp_path: Path) -> None:
    """Renamed columns give the same result in every format, and columns may swap names."""
    expected = confound.analyze(log).drift
    swapped = log.rename(columns={"persona": "arm", "arm": "persona", "response": "the answer"})
    rename = {"persona": "arm", "arm": "persona", "the answer": "response"}
    swapped.to_csv(tmp_path / "log.csv", index=False)
    swapped.to_json(tmp_path / "log.jsonl", orient="records", lines=True)
    swapped.to_parquet(tmp_path / "log.parquet")
    for data in (swapped, *(tmp_path / f"log{suffix}" for suffix in (".csv", ".jsonl", ".parquet"))):
        pd.testing.assert_frame_equal(confound.analyze(data, rename=rename).drift, expected)


def test_columns_present(log: pd.DataFrame) -> None:
    """The open table says which columns the log has, and gives all of them, the absent ones empty or by default."""
    with response_table.opened(log) as table:
        assert table.columns == set(log.columns)
        first = table.table.limit(1).to_pyarrow().to_pylist()[0]
    assert (first["study"], first["model"], first["iteration"]) == ("study", "model", "0")
    assert (first["value"], first["seed"]) == (None, None)


def test_column_in_one_file_of_many(log: pd.DataFrame, tmp_path: Path) -> None:
    """A column that one file lacks is empty there, and present in the log."""
    log.iloc[:12].assign(seed=3).to_csv(tmp_path / "a.csv", index=False)
    log.iloc[12:].to_csv(tmp_path / "b.csv", index=False)
    with response_table.opened(tmp_path) as table:
        assert "seed" in table.columns
        assert table.table["seed"].count().to_pyarrow().as_py() == 12


def test_first_bad_rows(log: pd.DataFrame, tmp_path: Path) -> None:
    """The first three bad rows of the first bad file are shown, with what they hold, cut if long."""
    log.to_csv(tmp_path / "a.csv", index=False)
    bad = log.assign(iteration="0")
    bad.loc[[2, 5, 6, 9], "iteration"] = ["x" * 100, "y", "z", "w"]
    bad.to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(InputError) as error:
        confound.analyze([tmp_path / "b.csv", tmp_path / "a.csv"])
    shown = f"{tmp_path / 'b.csv'}, column 'iteration', row 3 ('{'x' * 40}'), 6 ('y'), 7 ('z'): "
    assert str(error.value).startswith(shown)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_bad_numbers(suffix: str, log: pd.DataFrame, tmp_path: Path) -> None:
    """Text in `value` is refused by row; blanks and NaN there are empty."""
    path = tmp_path / f"log{suffix}"
    good = log.assign(value=["1", " ", "nan", "2.5", "1e3", None] * 4)
    write = {
        ".csv": lambda frame: frame.to_csv(path, index=False),
        ".jsonl": lambda frame: frame.to_json(path, orient="records", lines=True),
        ".parquet": lambda frame: frame.to_parquet(path),
    }[suffix]
    write(good)
    confound.analyze(path)
    bad = good.copy()
    bad.loc[[7, 8], "value"] = ["2,5", "inf"]
    write(bad)
    with pytest.raises(InputError, match=r"column 'value', row 8 \('2,5'\), 9 \('inf'\): this is no number"):
        confound.analyze(path)
