"""Counting: the same as counting by hand, whatever the labels hold."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import confound
from confound import InputError
from confound.counts.cells import cells
from confound.counts.counting import KEYS, Grouped, group
from confound.counts.options import Options
from confound.counts.questions import resolve
from confound.counts.scales import canonical, label
from confound.log import response_table

LABELS = ("persona", "arm", "question")
Row = tuple[str, str, str, str | None]

characters = st.characters(exclude_categories=["Cs"])
names = st.one_of(
    st.sampled_from(["a", "1", "1.0", " a", "A", "true", 'x"y', "l'x", "a,b", "a\tb", "a\nb", "é", "e\u0301", "🙂"]),
    st.text(characters, min_size=1, max_size=5),
).filter(lambda text: label(text) is not None)
answers = st.one_of(
    st.none(), st.sampled_from(["2", "2.0", "Unknown", "nan", "1e3", "True"]), st.text(characters, max_size=5)
)
logs = st.lists(st.tuples(names, names, names, answers), min_size=1, max_size=30)


def counted(data: Any) -> Grouped:
    """Count a log."""
    with response_table.opened(data) as log:
        return group(log)


def tally(grouped: Grouped) -> Counter[tuple[str | None, ...]]:
    """Return the counts by labels."""
    keys = (*LABELS, "response")
    found: Counter[tuple[str | None, ...]] = Counter()
    for row, n in enumerate(grouped.n.tolist()):
        found[tuple(grouped.label(key, grouped.codes[key][row]) for key in keys)] += n
    return found


def by_hand(rows: list[Row]) -> Counter[tuple[str | None, ...]]:
    """Count rows in plain Python."""
    return Counter((*(label(text) for text in row[:3]), canonical(row[3])) for row in rows)


def frame_of(rows: list[Row]) -> pd.DataFrame:
    """Return rows as a data frame of Python objects."""
    return pd.DataFrame(rows, columns=[*LABELS, "response"], dtype=object)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=logs)
def test_counts_of_any_labels(rows: list[Row], tmp_path: Path) -> None:
    """Any labels give by way of pandas, CSV, JSON lines and parquet the counts that plain Python gives."""
    expected, frame = by_hand(rows), frame_of(rows)
    assert tally(counted(frame)) == expected
    frame.to_parquet(tmp_path / "log.parquet")
    assert tally(counted(tmp_path / "log.parquet")) == expected
    lines = [json.dumps(dict(zip(frame.columns, row, strict=True)), ensure_ascii=False) for row in rows]
    (tmp_path / "log.jsonl").write_text("\n".join(lines), encoding="utf-8", newline="\n")
    assert tally(counted(tmp_path / "log.jsonl")) == expected
    if not any("\0" in (text or "") for row in rows for text in row):  # a text file with NUL is taken for binary
        with (tmp_path / "log.csv").open("w", encoding="utf-8", newline="") as file:
            frame.to_csv(file, index=False, quoting=1, lineterminator="\n")
        assert tally(counted(tmp_path / "log.csv")) == expected


@pytest.mark.slow
@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from("xyz"), st.sampled_from("qr"), st.sampled_from(["1", "2", "4", None])
        ),
        min_size=1,
        max_size=60,
    )
)
def test_dense_arrays(rows: list[tuple[int, str, str, str | None]]) -> None:
    """A cell's array holds for each persona, arm and answer what counting by hand gives, Unknown in the last column."""
    frame = pd.DataFrame(rows, columns=[*LABELS, "response"]).assign(role="outcome")
    grouped, questions, _ = resolve(counted(frame), Options())
    expected = Counter((q, str(p), a, r) for p, a, q, r in rows)
    found: Counter[tuple[str, str, str, str | None]] = Counter()
    for cell in cells(grouped, questions):
        columns = [*(cell.scale.answers or ("",)), None]  # without known answers their column stays
        assert cell.answers.shape == (len(cell.personas), len(cell.arms), len(columns))
        for p, a, k in np.argwhere(cell.answers):
            found[cell.question, cell.personas[p], cell.arms[a], columns[k]] += int(cell.answers[p, a, k])
        numbers = np.array([float(answer or 0) for answer in columns[:-1]])
        np.testing.assert_array_equal(cell.totals, cell.answers[:, :, :-1] @ numbers)
        np.testing.assert_array_equal(cell.known + cell.unknown, cell.answers.sum(axis=2))
    assert found == expected


def test_keys_and_defaults() -> None:
    """Absent and empty studies, models and iterations have their defaults; iterations sort as numbers."""
    frame = frame_of([("p", "a", "q", "1")] * 6)
    frame["iteration"] = ["10.0", None, "", "2", " 02 ", "nan"]
    frame["model"] = ["m", None, "", "m", "m", "m"]
    grouped = counted(frame)
    assert grouped.labels["iteration"] == ("0", "2", "10")
    assert grouped.labels["model"] == ("m", "model")
    assert grouped.labels["study"] == ("study",)
    assert set(grouped.codes) == set(KEYS)
    assert grouped.n.sum() == 6


def test_measures() -> None:
    """Sums, ranges and counts of `value` and `trial` are those of the rows; what is no number does not count."""
    frame = frame_of([("p", "a", "q", "1")] * 4)
    grouped = counted(frame.assign(value=["1.5", None, "-2", "nan"], trial=["3", "7.0", "t", None]))
    assert grouped.n.tolist() == [4]
    assert (grouped.value_n.tolist(), grouped.value_sum.tolist()) == ([2], [-0.5])
    assert (grouped.value_low.tolist(), grouped.value_high.tolist()) == ([-2.0], [1.5])
    assert (grouped.trial_n.tolist(), grouped.trial_low.tolist(), grouped.trial_high.tolist()) == ([2], [3], [7])


def test_rows_keep_labels() -> None:
    """A part of the counted log has the same codes and labels as the whole."""
    grouped = counted(frame_of([("p", "a", "q", "1"), ("p", "b", "q", "2")]))
    part = grouped.rows(grouped.codes["arm"] == 1)
    assert part.labels == grouped.labels
    assert [part.label("arm", code) for code in part.codes["arm"]] == ["b"]
    assert part.label("response", -1) is None


@pytest.mark.parametrize("column", LABELS)
def test_missing_labels(column: str) -> None:
    """A persona, arm or question that is empty is refused with its row."""
    frame = frame_of([("p", "a", "q", "1")] * 3)
    frame.loc[1, column] = " "
    with pytest.raises(InputError, match=rf"column '{column}', row 2 \(empty\): every answer needs one"):
        counted(frame)


def test_sums_do_not_depend_on_order() -> None:
    """Means of fractions are the same to the last bit, in whatever order the rows stand."""
    rng = np.random.default_rng(3)
    n = 3_000
    frame = pd.DataFrame({"persona": rng.integers(0, 5, n), "arm": rng.integers(0, 2, n), "question": "spend"})
    frame["response"] = rng.normal(size=n).round(2)
    first, second = (
        confound.analyze(frame.sample(frac=1, random_state=seed), outcome=["spend"]).effects for seed in (1, 2)
    )
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_one_persona() -> None:
    """One persona gives an estimate without an error, and no traceback."""
    rows: list[Row] = [("p", arm, "q", answer) for arm in "xy" for answer in ("1", "2", "3", "3")]
    effects = confound.analyze(frame_of(rows), outcome=["q"]).effects
    assert effects["estimate"].tolist()[0] == 0
    assert effects["se"].isna().all()


def test_as_many_answers_as_parameters() -> None:
    """Two answers cannot carry a model with an odds ratio and a threshold; the mean difference stands without it."""
    effects = confound.analyze(frame_of([("a", "x", "q", "1"), ("b", "y", "q", "2")]), outcome=["q"]).effects
    assert effects["estimate"].tolist()[0] == 1
    assert effects["log_odds"].isna().all()
