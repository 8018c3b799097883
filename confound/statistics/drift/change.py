"""Drift pooled over negative controls, its change from one iteration to another, its difference between groups.

Spread is judged by persona, so that answers of one persona, or of one conversation, may depend on each other.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, stdtr

from confound.statistics.arrays import FloatArray
from confound.statistics.drift.measured import MeasuredDrift
from confound.statistics.effect import difference as effects

__all__ = ["DriftDifference", "change_in_drift", "difference_in_drift", "pooled_drift_test"]


# The most by which the mean of `persona_drift` moves, at equal distance, per unit that the no-drift mean moves: .3 to
# .7 by simulation with 2 to 10 answers, 5 to 100 trials and distances of .05 to .4, above .75 only between answers that
# are nearly even already.
CHANCE_SLOPE = 0.75
# Relative difference of no-drift means up to which shapes count as alike.
CHANCE_ALIKE = 0.1
# Shapes count as unlike where the larger drift is the more uneven one by this factor with at least this posterior
# probability. Chosen by simulation: without the factor, a drift that falls is found more even than it is, and power is
# lost; with a higher probability, few personas are not told from all at 10 trials, and the level is.
UNEVEN_FACTOR, UNEVEN_PROBABILITY = 1.1, 0.5
# Posterior draws with drift that it takes to say how uneven it is.
FEWEST_DRAWS = 10
# The end of an interval that would hold 0 where the test rejects it.
SMALLEST_END = 1e-4

Test = Callable[[FloatArray, FloatArray], effects.Difference]


@dataclass(frozen=True, slots=True)
class DriftDifference:
    """A difference between two drifts.

    Attributes
    ----------
    estimate : float
        In units of total variation distance, in [-1, 1]; above 0 where the first drifts more.
    se : float
        Standard error.
    ci_low, ci_high : float
        Ends of the interval. It holds 0 if and only if `pvalue` is above 1 less the confidence.
    pvalue : float
        Two-sided, in [0, 1].
    n_personas : int
        Personas it rests on.
    alike : bool
        Whether the shapes of the two drifts count as alike, so that the sharper test applies.
    """

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    pvalue: float
    n_personas: int
    alike: bool


def pooled_drift_test(excess: ArrayLike) -> float:
    """Test within subjects that no negative control drifts, where trials cannot be matched across controls.

    Null hypothesis: within each persona the answers to each control are exchangeable between the arms. The unit is the
    persona, so answers of one conversation may depend on each other in any way. One-sided t test of the personas' mean
    excess, whose expectation is then exactly 0. Where trials are recorded, `several_controls.step_down_maxt` is exact.

    Parameters
    ----------
    excess : array_like of float, shape (personas, controls)
        `distance.stratum_distances` less `distance.stratum_null_means`; NaN where a control was not asked.

    Returns
    -------
    float
        P-value in [0, 1]; NaN with fewer than two personas. 1 where no answer varies.

    Notes
    -----
    Student (1908), Biometrika 6, 1-25. The excess is skewed to the right, which makes the test conservative with few
    personas. A combination of the controls' own p-values that is valid whatever their dependence (Bonferroni: the
    smallest of Holm's) needs one control to stand out; this one does not.

    Examples
    --------
    >>> round(pooled_drift_test([[0.1, 0.2], [0.0, 0.1], [0.2, 0.1], [0.1, 0.0]]), 3)
    0.02
    """
    means = _persona_means(np.atleast_2d(np.asarray(excess, dtype=np.float64)))
    means = means[np.isfinite(means)]
    if means.size < 2:
        return math.nan
    se = float(means.std(ddof=1)) / math.sqrt(means.size)
    if se == 0:
        return 1.0 if means[0] <= 0 else 0.0
    return float(stdtr(means.size - 1, -means.mean() / se))


def _persona_means(values: FloatArray) -> FloatArray:
    """Return each row's mean over its finite entries, NaN where it has none."""
    n = np.isfinite(values).sum(axis=1)
    return np.where(n > 0, np.nansum(values, axis=1) / np.maximum(1, n), np.nan)


def change_in_drift(
    later: Sequence[MeasuredDrift], earlier: Sequence[MeasuredDrift], *, confidence: float = 0.95
) -> DriftDifference:
    """Compare the drift of the same personas in two iterations, or two contrasts.

    The estimand is the difference of two total variation distances between the arms, each averaged over personas and
    controls. Null hypothesis: it is 0, the distances are equal; their shapes may differ (how varied the answers are,
    whether all personas drift a little or few a lot). The unit is the persona.

    Parameters
    ----------
    later, earlier : sequence of MeasuredDrift, one a control
        Row i is the same persona in all, with the same personas used in both.
    confidence : float, default 0.95
        Of the interval, in (0, 1).

    Returns
    -------
    DriftDifference
        NaN where there is nothing to compare.

    Raises
    ------
    ValueError
        If the numbers of controls, or of personas, differ.

    Notes
    -----
    *Estimate.* The difference of the corrected distances, controls averaged.

    *Interval.* From the two corrected intervals, each with the doubt about its own shape: the distance of an end from
    the estimate is the root of the sum of squares of the two ends' (MOVER, Zou and Donner 2008). Controls' ends are
    averaged first, as if they erred together.

    *Test.* The paired t test of `persona_drift` is the sharper one, but holds its level only where shapes are alike:
    the same distance weighs more in it where answers are less varied or where fewer personas drift more. So

    - the difference in it is first made smaller by what a difference in the no-drift means can explain;
    - it decides alone where the no-drift means differ by 10 % at most in the direction that explains, and the drift
      that seems larger is not, more likely than not, more uneven by 10 % (``sqrt(squares) / distances``, by the
      posterior of the persona mixture);
    - elsewhere the interval has to exclude 0 too: the larger of the two p-values counts.

    Where the estimate and the t test point in opposite directions, p is 1. The interval is moved to hold 0 or not as
    the test has it.

    In simulation (100 personas, 4 answers, 10 and 30 trials, 120 logs a cell) equal distances of unlike shapes reject
    in 0 to 7 % of logs, where the t test rejects in up to 58 %, and with six controls in up to 100 %. Where shapes are
    alike power is the t test's, less .03 at most; but .58 against .75 where one persona in six drifts, from .10 to .07
    in six controls. Where shapes differ, little power is left with ten trials. See
    `benchmarks/validity/comparisons.md`.

    References
    ----------
    Student (1908), Biometrika 6, 1-25. Zou and Donner (2008), "Construction of confidence limits about effect measures:
    a general approach", Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> import numpy as np
    >>> from confound.statistics.drift.measured import measured_drift
    >>> rng = np.random.default_rng(0)
    >>> before = rng.dirichlet(np.ones(3), size=60)
    >>> after = before + 0.3 * (np.eye(3)[before.argmin(axis=1)] - before)
    >>> strong, none = (measured_drift(rng.multinomial(30, p), rng.multinomial(30, before)) for p in (after, before))
    >>> change = change_in_drift([none], [strong])
    >>> change.ci_high < 0, change.pvalue < 0.001
    (True, True)
    """
    sizes = {len(control.by_persona) for control in (*later, *earlier)}
    if len(later) != len(earlier) or len(sizes) > 1:
        raise ValueError(
            f"later and earlier must have the same controls and personas but got {len(later)} and {len(earlier)} "
            f"controls of {sorted(sizes)} personas"
        )

    later, earlier = _with_estimates(later, earlier)
    x, y = _scale(later), _scale(earlier)
    used = np.isfinite(x) & np.isfinite(y)
    test = partial(effects.paired_difference, confidence=confidence)
    return _compared(later, earlier, test, (x[used, None], y[used, None]), int(used.sum()), confidence)


def difference_in_drift(
    group: Sequence[MeasuredDrift], reference: Sequence[MeasuredDrift], *, confidence: float = 0.95
) -> DriftDifference:
    """Compare the drift of two groups of different personas, both measured within subjects.

    The estimand is the difference of the groups' total variation distances between the arms, averaged over personas and
    controls. Null hypothesis: it is 0; shapes may differ. The unit is the persona.

    Parameters
    ----------
    group, reference : sequence of MeasuredDrift, one a control
        Row i is the same persona in all controls of a group.
    confidence : float, default 0.95
        Of the interval, in (0, 1).

    Returns
    -------
    DriftDifference
        As `change_in_drift`, with Welch's t test in place of the paired one.

    References
    ----------
    Welch (1947), Biometrika 34, 28-35.

    Examples
    --------
    >>> from confound.statistics.drift.measured import measured_drift
    >>> strong = measured_drift([[9, 1, 0], [8, 1, 1], [10, 0, 0]], [[1, 9, 0], [0, 9, 1], [2, 8, 0]])
    >>> none = measured_drift([[5, 5, 0], [4, 5, 1], [5, 4, 1]], [[5, 4, 1], [5, 5, 0], [4, 6, 0]])
    >>> difference_in_drift([strong], [none]).estimate > 0.5
    True
    """
    if len(group) != len(reference):
        raise ValueError(f"group and reference must have the same controls but got {len(group)} and {len(reference)}")

    group, reference = _with_estimates(group, reference)
    x, y = (values[np.isfinite(values), None] for values in (_scale(group), _scale(reference)))
    test = partial(effects.welch_difference, confidence=confidence)
    return _compared(group, reference, test, (x, y), len(x) + len(y) if len(x) and len(y) else 0, confidence)


def _with_estimates(*sides: Sequence[MeasuredDrift]) -> list[list[MeasuredDrift]]:
    """Return the controls that have an estimate on every side."""
    both = [pair for pair in zip(*sides, strict=True) if all(math.isfinite(control.estimate) for control in pair)]
    return [[pair[side] for pair in both] for side in range(len(sides))]


def _scale(controls: Sequence[MeasuredDrift]) -> FloatArray:
    """Return each persona's drift averaged over the controls asked, shape (P,)."""
    if not controls:
        return np.zeros(0)
    return _persona_means(np.stack([control.by_persona for control in controls], axis=1))


def _compared(
    first: Sequence[MeasuredDrift],
    second: Sequence[MeasuredDrift],
    test: Test,
    scales: tuple[FloatArray, FloatArray],
    n_personas: int,
    confidence: float,
) -> DriftDifference:
    if n_personas == 0:
        return DriftDifference(math.nan, math.nan, math.nan, math.nan, math.nan, 0, alike=False)
    estimate, low, high = _mover(first, second)
    quantile = float(ndtri((1 + confidence) / 2))
    sharp = _on_scale(first, second, test, *scales)
    larger, smaller = (first, second) if sharp.direction > 0 else (second, first)
    tested = math.isfinite(sharp.pvalue)
    alike = tested and sharp.explained <= CHANCE_ALIKE and not _more_uneven(larger, smaller)
    robust = _normal_pvalue(estimate, low if estimate > 0 else high, quantile)
    opposite = sharp.direction * estimate <= 0
    pvalue = 1.0 if opposite else sharp.pvalue if alike else float(np.fmax(sharp.pvalue, robust))
    ends = _agreeing(estimate, low, high, rejects=pvalue <= 1 - confidence)
    return DriftDifference(estimate, (high - low) / (2 * quantile), *ends, pvalue, n_personas, alike)


class _OnScale(NamedTuple):
    """The t test of `persona_drift`, less what a difference of no-drift means explains."""

    pvalue: float
    direction: float  # 1, 0 or -1
    explained: float  # relative difference of no-drift means, 0 unless in the direction that explains the test's


def _on_scale(
    first: Sequence[MeasuredDrift], second: Sequence[MeasuredDrift], test: Test, x: FloatArray, y: FloatArray
) -> _OnScale:
    gap = float(x.mean() - y.mean())
    direction = float(np.sign(gap))
    chance = [float(np.mean([np.nanmean(control.by_chance) for control in side])) for side in (first, second)]
    explained = max(0.0, direction * (chance[1] - chance[0]))
    shift = direction * min(abs(gap), CHANCE_SLOPE * explained)
    pvalue = float(test(x - shift, y).pvalue[0])
    return _OnScale(pvalue, direction, 2 * explained / sum(chance) if explained else 0.0)


def _more_uneven(larger: Sequence[MeasuredDrift], smaller: Sequence[MeasuredDrift]) -> bool:
    """Return whether the drift that seems larger may seem so because it is more uneven."""
    one, other = _unevenness(larger), _unevenness(smaller)
    if min(len(one), len(other)) < FEWEST_DRAWS:
        return False
    return float((one[:, None] > UNEVEN_FACTOR * other).mean()) >= UNEVEN_PROBABILITY


def _unevenness(controls: Sequence[MeasuredDrift]) -> FloatArray:
    """Return posterior draws of the root of the mean squared distance over the mean distance, where there is any."""
    n_draws = min(len(control.distances) for control in controls)
    distances, squares = (
        np.mean([getattr(control, name)[:n_draws] for control in controls], axis=0) for name in ("distances", "squares")
    )
    return np.asarray(np.sqrt(squares[distances > 0]) / distances[distances > 0])


def _mover(first: Sequence[MeasuredDrift], second: Sequence[MeasuredDrift]) -> tuple[float, float, float]:
    """Return the difference of the corrected distances and the ends of its interval."""
    (x, x_low, x_high), (y, y_low, y_high) = (
        np.mean([(control.estimate, control.ci_low, control.ci_high) for control in side], axis=0)
        for side in (first, second)
    )
    down, up = math.hypot(x - x_low, y_high - y), math.hypot(x_high - x, y - y_low)
    return float(x - y), max(-1.0, float(x - y - down)), min(1.0, float(x - y + up))


def _normal_pvalue(estimate: float, end: float, quantile: float) -> float:
    """Return the two-sided p-value of 0, the standard error taken from the end of the interval that lies towards it."""
    if estimate == end:
        return float(estimate == 0)
    return float(2 * ndtr(-abs(estimate) * quantile / abs(estimate - end)))


def _agreeing(estimate: float, low: float, high: float, *, rejects: bool) -> tuple[float, float]:
    """Return the ends, moved to hold 0 or not as the test has it."""
    if not rejects:
        return min(low, 0.0), max(high, 0.0)
    if estimate > 0:
        return min(max(low, SMALLEST_END), estimate), high
    return low, max(min(high, -SMALLEST_END), estimate)
