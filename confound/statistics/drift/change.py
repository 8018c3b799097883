"""Drift pooled over negative controls, its change from one iteration to another, its difference between groups.

Everything here is on the scale of `persona_drift`, in which noise has mean about 0 with drift or without, so that it
cancels when averaged over personas and controls; and its spread is judged by persona, so that answers of one persona,
or of one conversation, may depend on each other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.drift import distance
from confound.statistics.effect import difference as effects

__all__ = [
    "DriftDifference",
    "change_in_drift",
    "difference_between_subjects",
    "difference_in_drift",
    "persona_drift",
    "pooled_drift_test",
]


# Relabellings and resamples of personas behind a group's standard error, which they leave off by 2 %.
N_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class DriftDifference:
    """A difference between two drifts.

    Attributes
    ----------
    estimate : float
        In units of total variation distance, in [-1, 1]; above 0 where the first drifts more.
    se : float
        Standard error; NaN with a single persona.
    ci_low, ci_high : float
        Ends of the t interval.
    pvalue : float
        Two-sided, in [0, 1]; NaN where `se` is.
    n_personas : int
        Personas it rests on.
    """

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    pvalue: float
    n_personas: int


def persona_drift(treated: ArrayLike, control: ArrayLike) -> FloatArray:
    """Estimate each persona's drift by the signed root of squared distance less squared no-drift mean.

    Parameters
    ----------
    treated, control : array_like of int, shape (personas, answers)
        How often each persona gave each answer; row i is the same persona in both.

    Returns
    -------
    ndarray of float, shape (personas,)
        ``sign(d^2 - m^2) sqrt|d^2 - m^2|`` with ``d`` `distance.stratum_distances` and ``m``
        `distance.stratum_null_means`, in [-1, 1]; 0 on average, or nearly, where nothing drifts.

    Raises
    ------
    ValueError
        As `validation.checked_counts`.

    Notes
    -----
    A gap of ``delta`` seen with normal noise has a mean absolute value near ``sqrt(delta^2 + m^2)``, which this
    inverts. In simulation (4 answers in all proportions) it is low by .05 at drifts of .1 and .2 with 30 trials, and
    by .08 and .13 with 5; the distance less ``m`` is low by .07 and .11, and by .09 and .16. As an estimate of one
    drift a corrected distance is better; in a difference what it lacks cancels, unless one of the two is near 0.

    Examples
    --------
    >>> treated = [[6, 2, 2], [1, 8, 1]]
    >>> control = [[2, 6, 2], [3, 4, 3]]
    >>> persona_drift(treated, control).round(3).tolist()
    [0.324, 0.336]
    """
    return _signed_root(distance.stratum_distances(treated, control), distance.stratum_null_means(treated, control))


def _signed_root(distances: FloatArray, null_means: FloatArray) -> FloatArray:
    squares = distances**2 - null_means**2
    return np.asarray(np.sign(squares) * np.sqrt(np.abs(squares)))


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


def change_in_drift(later: ArrayLike, earlier: ArrayLike, *, confidence: float = 0.95) -> DriftDifference:
    """Compare the drift of the same personas in two iterations, or two contrasts.

    The estimand is the mean over personas of the change in their drift, averaged over controls. Null hypothesis: it is
    0. The unit is the persona.

    Parameters
    ----------
    later, earlier : array_like of float, shape (personas,) or (personas, controls)
        `persona_drift`; row i is the same persona in both. NaN where a control was not asked: it is then left out of
        both.
    confidence : float, default 0.95
        Of the interval, in (0, 1).

    Returns
    -------
    DriftDifference
        With a paired t interval.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Exact up to the t approximation where a persona's answers have the same distributions in both iterations. In
    simulation a change from .2 to .1 is right to .003 at 30 trials, and understated by .02 to .05 at 5; one from .1 to
    none is understated by .02 to .05 at 30 trials and .06 to .08 at 5. If answers also become more deterministic, the
    same drift is understated less, and so seems to grow.

    Examples
    --------
    >>> change = change_in_drift([0.1, 0.0, 0.2, 0.1], [0.3, 0.3, 0.4, 0.2])
    >>> round(change.estimate, 3), round(change.pvalue, 3)
    (-0.2, 0.016)
    """
    x, y = np.asarray(later, dtype=np.float64), np.asarray(earlier, dtype=np.float64)
    if x.shape != y.shape:
        raise ValueError(f"later and earlier must have one shape but got {x.shape} and {y.shape}")
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    missing = np.isnan(x) | np.isnan(y)
    x, y = (_persona_means(np.where(missing, np.nan, values)) for values in (x, y))
    used = np.isfinite(x)
    n = int(used.sum())
    if n == 0:
        return _nothing()
    return _from_effect(effects.paired_difference(x[used, None], y[used, None], confidence=confidence), n)


def difference_in_drift(group: ArrayLike, reference: ArrayLike, *, confidence: float = 0.95) -> DriftDifference:
    """Compare the drift of two groups of different personas, both measured within subjects.

    The estimand is the difference of the groups' mean drift over personas, averaged over controls. Null hypothesis: it
    is 0. The unit is the persona.

    Parameters
    ----------
    group, reference : array_like of float, shapes (personas,) or (personas, controls)
        `persona_drift`; NaN where a control was not asked.
    confidence : float, default 0.95
        Of the interval, in (0, 1).

    Returns
    -------
    DriftDifference
        With Welch's t interval. For its bias see `change_in_drift`.

    Examples
    --------
    >>> difference = difference_in_drift([0.3, 0.4, 0.3], [0.1, 0.0, 0.1, 0.2])
    >>> round(difference.estimate, 3), round(difference.pvalue, 3)
    (0.233, 0.007)
    """
    means = [
        _persona_means(np.asarray(v, dtype=np.float64).reshape(len(np.asarray(v)), -1)) for v in (group, reference)
    ]
    x, y = (values[np.isfinite(values)] for values in means)
    if not x.size or not y.size:
        return _nothing()
    return _from_effect(effects.welch_difference(x[:, None], y[:, None], confidence=confidence), x.size + y.size)


def _from_effect(difference: effects.Difference, n_personas: int) -> DriftDifference:
    return DriftDifference(
        estimate=float(difference.estimate[0]),
        se=float(difference.se[0]),
        ci_low=float(difference.ci_low[0]),
        ci_high=float(difference.ci_high[0]),
        pvalue=float(difference.pvalue[0]),
        n_personas=n_personas,
    )


def _nothing() -> DriftDifference:
    return DriftDifference(math.nan, math.nan, math.nan, math.nan, math.nan, 0)


def difference_between_subjects(
    group: Sequence[tuple[ArrayLike, ArrayLike]],
    reference: Sequence[tuple[ArrayLike, ArrayLike]],
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> DriftDifference:
    """Compare the drift of two groups between subjects, such as twins and the people they stand for.

    The estimand is the difference of the groups' distance between the arms' persona-averaged answers, averaged over
    controls. Null hypothesis: it is 0. The unit is the persona, with all its answers to all controls; the groups'
    answers may differ in any way.

    Parameters
    ----------
    group, reference : sequence of (treated, control), a pair a negative control
        Counts, each array_like of int, shape (personas in the arm, answers). In each arm row i is the same persona in
        all controls, with zeros where it was not asked. The two groups have the same controls.
    rng : numpy.random.Generator
    confidence : float, default 0.95
        Of the interval, in (0, 1).

    Returns
    -------
    DriftDifference
        Its standard error joins the groups', each the larger of two: that over relabellings of the group's personas
        (right where nothing drifts, where a bootstrap's is too small), and that of resampling personas within arms
        (right where much does). The t quantile has the smallest arm's size less 1 as degrees of freedom.

    Raises
    ------
    ValueError
        If the groups have different numbers of controls or none, an arm's controls differ in their number of rows, a
        control has no answers in an arm, or an arm has fewer than two personas.

    Notes
    -----
    In simulation with 60 personas an arm, ten controls and true drifts of 0 to .4, intervals of a nominal .95 cover .93
    to .99; with 20 to 30 an arm .88 to .98, where a drift of .2 against none is understated by .03 to .06.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> twins = [(rng.multinomial(1, [0.8, 0.2], size=40), rng.multinomial(1, [0.2, 0.8], size=40))]
    >>> people = [(rng.multinomial(1, [0.5, 0.5], size=40), rng.multinomial(1, [0.5, 0.5], size=40))]
    >>> difference_between_subjects(twins, people, rng=rng).ci_low > 0
    True
    """
    if len(group) != len(reference) or not group:
        raise ValueError(f"group and reference must have the same controls but got {len(group)} and {len(reference)}")
    found = [_group_drift(_arms(pairs, name), rng) for pairs, name in ((group, "group"), (reference, "reference"))]
    (first, first_se, first_sizes), (second, second_se, second_sizes) = found
    estimate, se = first - second, math.hypot(first_se, second_se)
    sizes = first_sizes + second_sizes
    df = min(sizes) - 1
    half = float(stdtrit(df, (1 + confidence) / 2)) * se
    pvalue = float(2 * stdtr(df, -abs(estimate) / se)) if se > 0 else float(estimate == 0)
    return DriftDifference(estimate, se, estimate - half, estimate + half, pvalue, sum(sizes))


@dataclass(frozen=True, slots=True)
class _Arm:
    """Personas' answer shares, controls end to end, and which controls they were asked."""

    shares: FloatArray  # (personas, answers of all controls)
    asked: FloatArray  # (personas, Q)
    places: IntArray  # (Q,): where each control's answers begin


def _arms(pairs: Sequence[tuple[ArrayLike, ArrayLike]], name: str) -> tuple[_Arm, _Arm]:
    treated, control = ([np.asarray(pair[side]) for pair in pairs] for side in (0, 1))
    for arm, counts in (("treated", treated), ("control", control)):
        rows = {len(each) for each in counts}
        if len(rows) > 1 or min(rows) < 2:
            raise ValueError(
                f"{name}: the {arm} arm must have two rows or more, as many in each control, but got {rows}"
            )
        for q, each in enumerate(counts):
            if each.sum() == 0:
                raise ValueError(f"{name}: control {q} has no answers in the {arm} arm")
    return _arm(treated), _arm(control)


def _arm(counts: Sequence[IntArray]) -> _Arm:
    times = np.stack([each.sum(axis=1) for each in counts], axis=1)
    shares = [each / np.maximum(1, each.sum(axis=1, keepdims=True)) for each in counts]
    widths = [each.shape[1] for each in counts]
    return _Arm(np.concatenate(shares, axis=1), (times > 0).astype(float), np.cumsum([0, *widths[:-1]]))


def _group_drift(arms: tuple[_Arm, _Arm], rng: np.random.Generator) -> tuple[float, float, tuple[int, int]]:
    """Return a group's drift averaged over controls, its standard error and the arms' sizes."""
    n1, n0 = (len(arm.shares) for arm in arms)
    units = _Arm(
        shares=np.concatenate([arm.shares for arm in arms]),
        asked=np.concatenate([arm.asked for arm in arms]),
        places=arms[0].places,
    )
    observed = np.arange(n1 + n0) < n1
    labels = rng.permuted(np.broadcast_to(observed, (N_RESAMPLES, n1 + n0)), axis=1)
    relabelled = _distances(units, labels.astype(float), (~labels).astype(float))
    null_means = relabelled.mean(axis=0)
    treated, control = np.zeros((2, N_RESAMPLES, n1 + n0))
    treated[:, :n1] = rng.multinomial(n1, np.full(n1, 1 / n1), size=N_RESAMPLES)
    control[:, n1:] = rng.multinomial(n0, np.full(n0, 1 / n0), size=N_RESAMPLES)
    resampled = _distances(units, treated, control)
    once = _distances(units, observed[None].astype(float), (~observed)[None].astype(float))
    estimate, none, again = (_signed_root(d, null_means).mean(axis=1) for d in (once, relabelled, resampled))
    return float(estimate[0]), max(float(none.std()), float(again.std())), (n1, n0)


def _distances(units: _Arm, treated: FloatArray, control: FloatArray) -> FloatArray:
    """Return each control's distance for rows of weights, shape (rows, Q); 0 where an arm was not asked."""
    n_answers = np.diff([*units.places, units.shares.shape[1]])
    gaps = np.zeros((len(treated), units.shares.shape[1]))
    usable = np.ones((len(treated), len(units.places)), dtype=bool)
    for sign, weights in ((1, treated), (-1, control)):
        n = weights @ units.asked
        usable &= n > 0
        gaps += sign * (weights @ units.shares) / np.repeat(np.maximum(n, 1e-300), n_answers, axis=1)
    return np.where(usable, 0.5 * np.add.reduceat(np.abs(gaps), units.places, axis=1), 0.0)
