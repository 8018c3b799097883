"""Bounds on an effect whose answers are missing unequally."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confound.statistics.effect import difference
from confound.statistics.effect.missing import lee_bounds, manski_bounds

VALUES = np.array([1.0, 2.0, 3.0, 4.0])


def world(rng: np.random.Generator, *, personas: int, trials: int, refusing: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw counts of users alike in both arms, of whom those who would answer 3 or 4 refuse in the treated arm."""
    arms = []
    for share in (refusing, 0.0):
        answer = rng.integers(0, 4, size=(personas, trials))
        refused = (answer >= 2) & (rng.random(answer.shape) < share)
        answer[refused] = 4
        arms.append(np.stack([(answer == k).sum(axis=1) for k in range(5)], axis=1))
    return arms[0], arms[1]


def means_and_missing(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the personas' means of known answers and their shares of missing ones."""
    known = counts[:, :-1].sum(axis=1)
    return counts[:, :-1] @ VALUES / np.maximum(1, known), counts[:, -1] / counts.sum(axis=1)


@given(st.integers(0, 10_000))
def test_without_missing_answers_the_bounds_are_the_effect(seed: int) -> None:
    """Nothing missing: both pairs of bounds shrink to the difference of means."""
    treated, control = world(np.random.default_rng(seed), personas=8, trials=5, refusing=0.0)
    (means1, none1), (means0, none0) = means_and_missing(treated), means_and_missing(control)
    found = manski_bounds(means1, means0, missing=(none1, none0), low=1, high=4, paired=True)
    effect = difference.paired_difference(means1[:, None], means0[:, None])
    assert found.low == pytest.approx(effect.estimate[0])
    assert found.high == pytest.approx(effect.estimate[0])
    assert (found.ci_low, found.ci_high) == pytest.approx((effect.ci_low[0], effect.ci_high[0]))
    assert lee_bounds(treated, control, VALUES) == pytest.approx((effect.estimate[0],) * 2)


def test_bounds_by_hand() -> None:
    """Half of ten treated answers missing on a scale of 1 to 4: each bound by hand."""
    treated, control = np.array([[5, 0, 0, 0, 5]]), np.array([[5, 0, 0, 5, 0]])
    assert lee_bounds(treated, control, VALUES) == pytest.approx((1 - 4, 1 - 1))
    found = manski_bounds(
        np.array([1.0]), np.array([2.5]), missing=(np.array([0.5]), np.zeros(1)), low=1, high=4, paired=True
    )
    assert (found.low, found.high) == pytest.approx((1 - 2.5, 2.5 - 2.5))


@pytest.mark.slow
@pytest.mark.parametrize("paired", [True, False])
def test_bounds_hold_the_truth_where_a_class_refuses(paired: bool) -> None:
    """No effect at all, half of one class refuses in one arm: the observed effect excludes 0, the bounds hold it."""
    rng = np.random.default_rng(8)
    naive = manski = lee = 0
    compare = difference.paired_difference if paired else difference.welch_difference
    for _ in range(300):
        treated, control = world(rng, personas=60, trials=10, refusing=0.5)
        (means1, none1), (means0, none0) = means_and_missing(treated), means_and_missing(control)
        effect = compare(means1[:, None], means0[:, None])
        naive += effect.ci_low[0] <= 0 <= effect.ci_high[0]
        found = manski_bounds(means1, means0, missing=(none1, none0), low=1, high=4, paired=paired)
        manski += found.ci_low <= 0 <= found.ci_high
        low, high = lee_bounds(treated, control, VALUES)
        lee += low <= 0 <= high
    assert naive < 15  # nearly never
    assert manski == 300
    assert lee >= 285  # the estimated ends err a little
