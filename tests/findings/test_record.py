"""Results as JSON: exact, and refused with a reason where they cannot be read."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confound.errors import InputError
from confound.findings import record

texts = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = {
    "float64": st.floats(),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
    "str": texts,
    "Int64": st.one_of(st.integers(-(2**53), 2**53), st.none()),
    "object": st.one_of(texts, st.booleans(), st.integers(), st.none()),
}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Make frames of every kind of column, also without rows."""
    rows = draw(st.integers(0, 5))
    kinds = draw(st.dictionaries(texts, st.sampled_from(sorted(VALUES)), max_size=4))
    made = {
        name: pd.Series(draw(st.lists(VALUES[kind], min_size=rows, max_size=rows)), dtype=kind)
        for name, kind in kinds.items()
    }
    return pd.DataFrame(made, index=pd.RangeIndex(rows if made else 0), columns=list(made))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frame=frames())
def test_round_trip(tmp_path: Path, frame: pd.DataFrame) -> None:
    """Every value and type comes back: all bits of a float, NaN, infinities, text of any kind, no rows at all."""
    (tmp_path / record.FILE).write_text(record.to_json({"a": 1}, {"drift": frame}), encoding="utf-8")
    read = record.read(tmp_path)
    pd.testing.assert_frame_equal(read["drift"], frame, check_exact=True, check_column_type=False)
    assert read["a"] == 1


def test_missing_text_comes_back(tmp_path: Path) -> None:
    """A missing text is not the text 'nan'."""
    frame = pd.DataFrame({"test": pd.Series(["exact", np.nan], dtype="str"), "n": [1.0, np.nan]})
    path = tmp_path / record.FILE
    path.write_text(record.to_json({}, {"drift": frame}), encoding="utf-8")
    assert json.loads(path.read_text())["drift"][1] == {"test": None, "n": None}
    pd.testing.assert_frame_equal(record.read(path)["drift"], frame, check_exact=True)


GOOD = {"format": 1, "versions": {"confound": "9.1"}, "dtypes": {"d": {"x": "int64"}}, "d": [{"x": 1}]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is cut short or no JSON"),
        ("[" * 100_000, "is cut short or no JSON"),
        ("\udcff", "is cut short or no JSON"),
        ("[1]", "is not an analysis that this confound wrote"),
        ('{"drift": []}', "is not an analysis that this confound wrote"),
        (json.dumps(GOOD | {"format": 2}), r"was written by confound 9\.1; this is .* Upgrade"),
        (json.dumps(GOOD | {"d": [{"y": 1}]}), "is damaged"),
        (json.dumps(GOOD | {"d": [{"x": "text"}]}), "is damaged"),
        (json.dumps(GOOD | {"d": [{"x": None}]}), "is damaged"),
        (json.dumps(GOOD | {"d": [{"x": 10**30}]}), "is damaged"),
        (json.dumps(GOOD | {"d": 3}), "is damaged"),
        (json.dumps(GOOD | {"dtypes": {"d": {"x": "no type"}}}), "is damaged"),
        (json.dumps(GOOD | {"dtypes": {"d": 3}}), "is damaged"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, text: str, said: str) -> None:
    """Cut short, foreign, damaged or of a later version: one message that says which."""
    (tmp_path / record.FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=said):
        record.read(tmp_path)


def test_no_file_is_told(tmp_path: Path) -> None:
    """An empty folder says which file is missing."""
    with pytest.raises(InputError, match=r"analysis\.json: cannot be read"):
        record.read(tmp_path)
