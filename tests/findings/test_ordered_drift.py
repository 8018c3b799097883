"""The columns of `drift` for controls whose answers have an order or numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

import confound
from confound.findings.ordered_drift import COLUMNS
from confound.vocabulary import ALL_CONTROLS

NAMES = [column.name for column in COLUMNS]


def log(answers: Mapping[str, Mapping[str, Sequence[Sequence[object]]]], *, between: bool = False) -> pd.DataFrame:
    """Return a log from control -> arm -> each persona's answers."""
    rows = [
        (f"{arm if between else ''}{p}", arm, trial, question, answer)
        for question, arms in answers.items()
        for arm, personas in arms.items()
        for p, given in enumerate(personas)
        for trial, answer in enumerate(given)
    ]
    frame = pd.DataFrame(rows, columns=["persona", "arm", "trial", "question", "response"])
    return frame.astype({"response": object}).assign(role="negative_control")


def drift(frame: pd.DataFrame, **options: object) -> dict[str, dict[str, Any]]:
    """Analyse a log and return its drift by question."""
    found = confound.analyze(frame, workers=1, **options).drift.set_index("question")  # type: ignore[arg-type]
    return {str(question): row for question, row in found.to_dict("index").items()}


def columns(row: dict[str, Any]) -> list[float]:
    """Return the ordered columns of a row."""
    return [row[name] for name in NAMES]


def test_within_personas() -> None:
    """The mean of the personas' differences with its paired interval, and of their distances; Unknown is left out."""
    found = drift(log({"q": {"control": [[1, 2, None], [2, 2], [1, 1]], "treated": [[2, 3], [3, 4, 4, 5], [1, 2]]}}))
    row = found["q"]
    assert row["mean_difference"] == pytest.approx(np.mean([1, 2, 0.5]))
    half = 4.30265 * np.std([1, 2, 0.5], ddof=1) / np.sqrt(3)
    assert row["mean_difference_low"] == pytest.approx(np.mean([1, 2, 0.5]) - half, abs=1e-4)
    assert row["mean_difference_high"] == pytest.approx(np.mean([1, 2, 0.5]) + half, abs=1e-4)
    assert row["wasserstein"] == pytest.approx(np.mean([1, 2, 0.5]))
    assert 0 < row["wasserstein_null"] < row["wasserstein"]
    assert 0 < row["pvalue_wasserstein"] < 0.5


def test_between_personas() -> None:
    """Every persona weighs the same, however many answers it gave."""
    found = drift(log({"q": {"control": [[1, 1, 1, 1], [2]], "treated": [[3], [3, 4]]}}, between=True))
    assert found["q"]["design"] == "between"
    assert found["q"]["mean_difference"] == pytest.approx(3.25 - 1.5)
    assert found["q"]["wasserstein"] == pytest.approx(3.25 - 1.5)


def test_nominal_controls_and_joint_rows_have_none() -> None:
    """Answers without an order have no direction, and neither have several controls together; `order` gives one."""
    arms = {"control": [["low", "mid"], ["low", "low"]], "treated": [["mid", "high"], ["low", "high"]]}
    frame = log({"a": arms, "b": arms})
    for row in drift(frame).values():
        assert np.isnan(columns(row)).all()
    found = drift(frame, order={"a": ["low", "mid", "high"]})
    assert found["a"]["mean_difference"] == pytest.approx(1)
    for question in ("b", ALL_CONTROLS):
        assert np.isnan(columns(found[question])).all()


def test_a_side_without_known_answers_has_none() -> None:
    """Where an arm only refuses there is nothing to compare."""
    found = drift(log({"q": {"control": [[1, 2], [2, 2]], "treated": [[None, None], [None, None]]}}))
    assert np.isnan(columns(found["q"])).all()


def test_a_binned_control_is_compared_by_its_numbers() -> None:
    """A slider's distance is of its numbers, not of its bins; how it is binned changes nothing there."""
    rng = np.random.default_rng(0)
    control = rng.integers(0, 90, size=(8, 6))
    frame = log({"slider": {"control": control.tolist(), "treated": (control + 3).tolist()}})
    found, coarse = drift(frame), drift(frame, bins={"slider": 2})
    assert (found["slider"]["n_categories"], coarse["slider"]["n_categories"]) == (10, 2)
    for name in ("mean_difference", "mean_difference_low", "mean_difference_high", "wasserstein"):
        assert found["slider"][name] == pytest.approx(3)
    assert columns(found["slider"]) == columns(coarse["slider"])


@pytest.mark.parametrize("between", [False, True])
def test_swapped_arms_change_the_sign(between: bool) -> None:
    """The signed difference is treated less control."""
    rng = np.random.default_rng(1)
    frame = log({"q": {arm: rng.integers(1, 6, size=(6, 3)).tolist() for arm in ("a", "b")}}, between=between)
    there, back = (drift(frame, control=[arm])["q"] for arm in ("a", "b"))
    assert there["mean_difference"] == pytest.approx(-back["mean_difference"])
    assert there["mean_difference_low"] == pytest.approx(-back["mean_difference_high"])
    assert there["wasserstein"] == pytest.approx(back["wasserstein"])


@pytest.mark.parametrize("between", [False, True])
def test_names_seed_and_order_move_no_digit(between: bool) -> None:
    """Personas of other names, shuffled rows and another seed leave the columns as they are."""
    rng = np.random.default_rng(2)
    frame = log({"q": {arm: rng.normal(size=(20, 3)).tolist() for arm in ("a", "b")}}, between=between)
    other = frame.assign(persona=frame["persona"].map(lambda p: f"x{int(p[-1]) * 7 % 10}{p}"), study="renamed")
    plain, moved = drift(frame), drift(other.sample(frac=1, random_state=0), seed=5)
    assert columns(plain["q"]) == columns(moved["q"])
