"""Contrasts of an outcome become one trajectory, or a remark why not."""

import numpy as np
import pandas as pd
import pytest

from confound.counts.options import Options
from confound.counts.prepare import prepare
from confound.findings.trajectories import OutcomeTrajectory, trajectories
from confound.log.layout import Layout


def log(answers: list[str], *, iterations: int = 3, trials: int = 4, seed: int = 0) -> pd.DataFrame:
    """Make a log of random answers to one outcome, five personas in two arms."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [range(iterations), [f"p{i}" for i in range(5)], ["control", "treated"], range(trials)],
        names=["iteration", "persona", "arm", "trial"],
    )
    frame = index.to_frame(index=False).assign(question="y", role="outcome")
    return frame.assign(response=rng.choice(answers, len(frame)))


def made(frame: pd.DataFrame) -> tuple[list[OutcomeTrajectory], list[str]]:
    """Return the trajectories and the remarks."""
    found, notes = trajectories(prepare(frame, Layout(), Options()).contrasts)
    return found, [note.message for note in notes]


def test_counts_stand_where_they_belong() -> None:
    """Persona, arm (treated first), iteration and answer of every count are those of the log."""
    frame = log(["1", "2", "3"])
    ((joined,), notes) = made(frame)
    assert notes == []
    found = joined.data
    assert found.counts is not None
    assert found.counts.shape == (5, 2, 3, 3)
    rows = frame[(frame["persona"] == "p2") & (frame["arm"] == "treated") & (frame["iteration"] == 1)]
    np.testing.assert_array_equal(found.counts[2, 0, 1], [(rows["response"] == a).sum() for a in "123"])
    numbers = frame["response"].astype(float)
    assert found.sd == pytest.approx(numbers.std(ddof=0))
    assert found.means[2, 0, 1] == pytest.approx(rows["response"].astype(float).mean())


def test_answers_never_given_are_dropped_and_equal_ones_joined() -> None:
    """An answer that a study file lists but nobody gave would have no cutpoint."""
    frame = log(["1", "3"])
    order = {"y": ("1", "2", "3")}
    (found,), _ = trajectories(prepare(frame, Layout(), Options(order=order)).contrasts)
    np.testing.assert_array_equal(found.data.numbers, [1, 3])


def test_measurements_are_means_with_errors() -> None:
    """A continuous outcome has no counts, and its errors come from the scatter within cells."""
    frame = log(["1"], iterations=4, trials=9)
    frame["response"] = np.random.default_rng(1).normal(100, 15, len(frame)).round(3).astype(str)
    ((joined,), _) = made(frame)
    found = joined.data
    assert found.counts is None
    assert found.numbers is None
    values = frame.assign(v=frame["response"].astype(float)).groupby(["iteration", "persona", "arm"])["v"]
    np.testing.assert_allclose(found.errors, np.sqrt(values.var().mean() / 9))
    assert found.sd == pytest.approx(frame["response"].astype(float).std(), rel=0.1)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (log(["1", "2"], iterations=2), "it takes 3 iterations; there are 2"),
        (log(["yes", "no"]), "its answers have no order"),
        (log(["2"]), "all answers are the same"),
    ],
)
def test_what_cannot_be_modelled_is_said(frame: pd.DataFrame, words: str) -> None:
    """In one line each."""
    found, notes = made(frame)
    assert found == []
    assert len(notes) == 1
    assert words in notes[0]
