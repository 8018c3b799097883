"""Distances of distributions that are known: properties, references, and how often the test and interval err."""

import itertools

import numpy as np
import pytest
from scipy import stats

from confound.statistics.drift.distributions import known_distance


def drawn(rng: np.random.Generator, personas: int, moved: float) -> tuple[np.ndarray, np.ndarray]:
    """Return distributions of two arms, each persona moved by a distance drawn around `moved`, its own way."""
    control = rng.dirichlet([3, 3, 3], size=personas)
    size = np.clip(rng.normal(moved, moved / 3, personas), 0, None)
    way = rng.permuted(np.tile([1.0, -1.0, 0.0], (personas, 1)), axis=1)
    return control + 1, control + 1 + way * size[:, None] * 4  # rows sum to 4: shares move by `size`


def test_distance_and_interval_are_those_of_the_personas_distances() -> None:
    """The mean distance has the t interval and the one-sided t test of scipy."""
    control, treated = drawn(np.random.default_rng(1), 20, 0.1)
    distances = abs(treated / 4 - control / 4).sum(axis=1) / 2
    found = known_distance(treated, control, margin=0.05)
    reference = stats.ttest_1samp(distances, 0.05, alternative="greater")
    interval = stats.ttest_1samp(distances, 0.05).confidence_interval(0.95)
    assert found.tvd == pytest.approx(distances.mean())
    assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high))
    assert found.pvalue == pytest.approx(reference.pvalue)


def test_sign_flips_are_all_of_them() -> None:
    """With few personas the test of a common direction tries every pattern of signs."""
    control, treated = drawn(np.random.default_rng(2), 6, 0.1)
    moved = (treated - control) / 4
    seen = (moved.sum(axis=0) ** 2).sum()
    sums = [(np.array(signs) @ moved) for signs in itertools.product([-1, 1], repeat=6)]
    expected = np.mean([(total**2).sum() >= seen * (1 - 1e-9) for total in sums])
    assert known_distance(treated, control, margin=0.05).pvalue_direction == expected


def test_order_scale_and_names_move_nothing() -> None:
    """Personas in another order, answers in another order, and rows that sum to 100 give the same numbers."""
    rng = np.random.default_rng(3)
    control, treated = drawn(rng, 30, 0.1)
    found = known_distance(treated, control, margin=0.05)
    order = rng.permutation(30)
    again = known_distance(25 * treated[order][:, ::-1], control[order][:, ::-1], margin=0.05)
    for name in ("tvd", "ci_low", "ci_high", "tvd_population", "pvalue"):
        assert getattr(again, name) == pytest.approx(getattr(found, name), rel=1e-12)
    moved = known_distance(treated[order], control[order], margin=0.05)
    assert moved.pvalue_direction == found.pvalue_direction


def test_one_persona_has_a_distance_and_no_interval() -> None:
    """Of a single persona the distance is known, and nothing can be said of others; equal ones are told from none."""
    alone = known_distance([[0.5, 0.5]], [[0.2, 0.8]], margin=0.05)
    assert alone.tvd == pytest.approx(0.3)
    assert np.isnan([alone.ci_low, alone.ci_high, alone.pvalue]).all()
    alike = known_distance([[0.5, 0.5]] * 3, [[0.2, 0.8]] * 3, margin=0.05)
    assert (alike.pvalue, alike.ci_low) == (0.0, pytest.approx(0.3))


@pytest.mark.slow
@pytest.mark.parametrize("personas", [10, 40])
def test_errors_at_the_margin(personas: int) -> None:
    """Where the mean distance is the margin, the test rejects and the interval misses as often as they should."""
    rng = np.random.default_rng(personas)
    n = 1500
    truth = abs(np.clip(rng.normal(0.05, 0.05 / 3, 10**6), 0, None)).mean()
    found = [known_distance(*reversed(drawn(rng, personas, 0.05)), margin=truth) for _ in range(n)]
    rejected = np.mean([each.pvalue < 0.05 for each in found])
    held = np.mean([each.ci_low <= truth <= each.ci_high for each in found])
    assert abs(rejected - 0.05) < 3 * np.sqrt(0.05 * 0.95 / n) + 0.01
    assert abs(held - 0.95) < 3 * np.sqrt(0.05 * 0.95 / n) + 0.01
