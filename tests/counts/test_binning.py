"""Quantile bins of numeric answers."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confound import InputError
from confound.counts.binning import MOST_POINTS, Bins, quantile_bins


def binned(numbers: list[float], weights: list[int] | None = None, bins: int = 5) -> Bins:
    """Bin numbers, each written as an answer."""
    given_often = np.ones(len(numbers), dtype=np.int64) if weights is None else np.array(weights)
    return quantile_bins([str(n) for n in numbers], given_often, bins=bins, question="q")


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 20)), min_size=1, max_size=40), st.integers(2, 8))
def test_quantile_bins(drawn: list[tuple[int, int]], bins: int) -> None:
    """Bins are at most as many as asked for, keep the order of the numbers, say their range, and have their mean."""
    counted = dict(drawn)
    made = binned(list(counted), list(counted.values()), bins)
    ranges: dict[str, list[int]] = {}
    for number in counted:
        ranges.setdefault(made.names[str(number)], []).append(number)
    assert len(ranges) <= bins
    spelled = {name: f"{min(held)} to {max(held)}" if len(held) > 1 else f"{held[0]}" for name, held in ranges.items()}
    assert all(name == text for name, text in spelled.items())
    by_low = sorted(ranges.items(), key=lambda entry: min(entry[1]))
    assert all(max(a) < min(b) for (_, a), (_, b) in itertools.pairwise(by_low))
    assert made.scale.answers == tuple(name for name, _ in by_low)
    means = [np.average(held, weights=[counted[n] for n in held]) for _, held in by_low]
    np.testing.assert_allclose(made.scale.values, means)


def test_quantile_bins_are_even() -> None:
    """Without ties each bin holds the same number of answers."""
    names = list(binned(list(range(20))).names.values())
    assert [names.count(name) for name in dict.fromkeys(names)] == [4] * 5


def test_bins_need_numbers() -> None:
    """An answer without a number cannot be binned."""
    with pytest.raises(InputError, match=r"--bin q: .* such as 'often'"):
        quantile_bins(["1", "often"], np.ones(2, dtype=np.int64), bins=2, question="q")


def test_equal_numbers_stay_together() -> None:
    """Answers that are written in different ways but mean one number share a bin."""
    answers = ["4", "5", "5 (often)", "6"]
    made = quantile_bins(answers, np.array([1, 5, 5, 1]), bins=4, question="q")
    assert made.names["5"] == made.names["5 (often)"] == "5"


def test_numbers_of_a_column_decide() -> None:
    """A number recorded for each answer counts before one in its text."""
    made = quantile_bins(["a 1", "b 2"], np.array([1, 1]), bins=2, question="q", recorded={"a 1": 9.0, "b 2": 3.0})
    assert made.scale.answers == ("3", "9")


def test_large_numbers_are_told_apart() -> None:
    """Bins whose ends agree in six digits keep names of their own."""
    made = binned([1_700_000_000.0 + i for i in range(40)], bins=4)
    assert len(made.scale.answers) == 4
    assert made.scale.answers[0] == "1700000000 to 1700000009"


def test_points() -> None:
    """A slider's whole numbers are kept; more numbers than points are put into means of even groups."""
    slider = binned([float(n) for n in range(101)])
    assert slider.points.tolist() == list(range(101))
    assert slider.point["37.0"] == 37
    fine = np.random.default_rng(0).normal(size=1000).tolist()
    made = binned(fine)
    assert len(made.points) == MOST_POINTS
    moved = [abs(made.points[made.point[str(n)]] - n) for n in fine]
    assert np.median(moved) < 0.01
    assert made.points.mean() == pytest.approx(np.mean(fine))
