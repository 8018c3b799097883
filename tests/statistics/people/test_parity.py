"""The largest difference between groups: plain formulas, and an interval that knows that it is the largest."""

import numpy as np
import pytest
from scipy import stats

from confound.statistics.people.parity import parity_gap


def test_two_groups_have_welchs_interval() -> None:
    """With two groups it is scipy's difference of means and its interval."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.8, 0.1, 30), rng.normal(0.6, 0.2, 40)
    found = parity_gap(np.append(one, other), np.repeat([0, 1], [30, 40]))
    test = stats.ttest_ind(one, other, equal_var=False).confidence_interval()
    assert found.difference == pytest.approx((one.mean() - other.mean(), test.low, test.high))
    assert (found.lowest, found.highest) == (1, 0)


def test_small_groups_and_nobody_are_left_out() -> None:
    """Four people are no group, and people in none count nowhere."""
    values = np.append(np.linspace(0, 1, 20), [5.0, 5.0, 5.0, 5.0, 9.0])
    groups = np.repeat([0, 1, 2, -1], [10, 10, 4, 1])
    assert parity_gap(values, groups) == parity_gap(values[:20], groups[:20])
    assert parity_gap(values, np.zeros(25, dtype=int)).lowest == -1


@pytest.mark.slow
def test_equal_groups_have_a_gap_that_may_be_nothing() -> None:
    """Of 300 samples of five equal groups, at least 93 % of the intervals reach 0, though no estimate does."""
    rng, held = np.random.default_rng(1), 0
    for _ in range(300):
        found = parity_gap(rng.normal(size=100), np.tile(np.arange(5), 20)).difference
        assert found.value > 0
        held += found.low == 0
    assert held / 300 >= 0.93
