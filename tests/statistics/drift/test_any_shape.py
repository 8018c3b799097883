"""Tests of `any_shape` against simulation, brute force and known truth."""

import numpy as np
import pytest
from scipy.optimize import linprog

from benchmarks.validity.drift import many_personas
from benchmarks.validity.drift.generator import Cell
from confound.statistics.drift import any_shape
from confound.statistics.drift.any_shape import any_shape_bounds
from confound.statistics.drift.excess import of_sizes


def excess(treated: np.ndarray, control: np.ndarray) -> float:
    """Return T."""
    return float(of_sizes(treated.sum(axis=1), control.sum(axis=1)).of(treated, control))


@pytest.mark.parametrize("sizes", [(2, 2), (5, 3), (30, 30), (90, 40)])
def test_mean_excess_is_that_of_simulated_counts(sizes) -> None:
    """Exact below `MANY_TRIALS`, and normal above, the mean of an answer's part of T is what simulation gives."""
    rng = np.random.default_rng(1)
    p, q = 0.35, 0.15
    treated, control = (rng.binomial(n, share, size=200_000) for n, share in zip(sizes, (p, q), strict=True))
    arms = [np.column_stack([arm, n - arm]) for n, arm in zip(sizes, (treated, control), strict=True)]
    mean = any_shape._normal_excess if max(sizes) > any_shape.MANY_TRIALS else any_shape._exact_excess  # noqa: SLF001
    of_both = [float(mean(np.array([[x]]), np.array([[y]]), *sizes)[0, 0]) for x, y in ((p, q), (1 - p, 1 - q))]
    assert sum(of_both) == pytest.approx(excess(*arms), abs=0.002)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("mean", [0.0, 0.03, 0.08])
def test_extreme_is_that_of_the_linear_program(sign, mean) -> None:
    """The multiplier finds what a solver finds over all laws of d given the average share."""
    drift = any_shape._drift(5, 5)  # noqa: SLF001
    weights = np.exp(-5 * any_shape.SHARES)
    weights *= 4 / weights.sum()
    found = any_shape._extreme(drift, weights, mean, sign=sign)  # noqa: SLF001
    n_shares, n_u = drift.distance.shape
    solved = linprog(
        -sign * drift.distance.ravel(),
        A_eq=np.vstack([np.kron(np.eye(n_shares), np.ones(n_u)), drift.excess.ravel()]),
        b_eq=np.append(weights, mean),
    )
    assert found == pytest.approx(-sign * solved.fun, abs=0.003)


@pytest.mark.parametrize("n", [2, 5, 30, 200])
@pytest.mark.parametrize("drift", ["common", "few", "sharp", "answers", "shares"])
def test_bounds_at_the_mean_excess_hold_the_distance(n, drift) -> None:
    """With 1,000 personas T is near its mean, and the bounds hold the truth for every shape of drift."""
    for number in range(3):
        log = many_personas.draw(Cell(4, n, 1000, drift), number, seed=3)
        found = excess(log.treated, log.control)
        low, high = any_shape_bounds(log.treated, log.control, found - 0.008, found + 0.008)
        assert low <= log.tvd <= high


def test_bounds_close_with_more_trials() -> None:
    """What cannot be told apart with two trials is told apart with hundreds."""
    rng = np.random.default_rng(4)
    shares = rng.dirichlet(np.ones(4), size=(2, 500))
    widths = []
    for n in (2, 10, 50, 400):
        treated, control = rng.multinomial(n, shares[0]), rng.multinomial(n, shares[1])
        found = excess(treated, control)
        widths.append(np.diff(any_shape_bounds(treated, control, found, found))[0])
    assert (np.diff(widths) < 0).all()


def test_answers_given_once_an_arm_say_nothing() -> None:
    """With one answer of a persona in each arm T is 0 always, and every distance up to the plug-in is possible."""
    treated, control = np.eye(2, dtype=np.int64)[[0, 1] * 20], np.eye(2, dtype=np.int64)[[0, 1, 1, 0] * 10]
    low, high = any_shape_bounds(treated, control, 0.0, 0.0)
    assert low == 0
    assert high >= 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [Cell(10, 5, 300, "answers"), Cell(10, 5, 300, "shares"), Cell(10, 5, 300, "few"), Cell(4, 2, 300, "common")],
    ids=lambda cell: cell.drift,
)
def test_intervals_cover_with_many_personas(cell) -> None:
    """Calibration, 24 logs a cell, in cells that covered .72 to .88 without the bounds."""
    logs = many_personas.run_cell(cell, 24, seed=5)
    assert np.mean([log.low <= log.truth <= log.high for log in logs]) >= 0.9
