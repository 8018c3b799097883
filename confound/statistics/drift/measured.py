"""The drift in one negative control, with what it takes to compare it with another drift."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from confound.statistics.arrays import BoolArray, FloatArray, IntArray
from confound.statistics.drift import canonical, distance
from confound.statistics.drift.calibration import draw_labels, draw_shares
from confound.statistics.drift.corrected_distance import corrected_tvd
from confound.statistics.drift.permutation import permutation_test
from confound.statistics.drift.persona_mixture import fit
from confound.statistics.randomness import content_rng
from confound.statistics.validation import checked_counts

__all__ = ["MeasuredDrift", "measured_drift", "persona_drift", "signed_root"]


# Draws of all personas' shares, fewer where they would hold more numbers than the limit.
DRAWS, FEWEST_DRAWS, DRAWS_LIMIT = 150, 20, 6_000_000


@dataclass(frozen=True, slots=True)
class MeasuredDrift:
    """Drift of P personas, measured in three ways.

    Attributes
    ----------
    estimate, ci_low, ci_high : float
        The corrected distance averaged over personas, and its interval (`corrected_distance.corrected_tvd`).
    by_persona : ndarray, shape (P,)
        `persona_drift`; NaN where a persona has fewer than two answers in an arm.
    by_chance : ndarray, shape (P,)
        `distance.stratum_null_means`: how far apart a persona's arms are without drift; NaN likewise.
    distances, squares : ndarray, shape (draws,)
        Posterior draws of the distance and of the squared Euclidean distance, both averaged over personas. Their ratio
        ``sqrt(squares) / distances`` says how unevenly the drift is spread over personas and answers.
    """

    estimate: float
    ci_low: float
    ci_high: float
    by_persona: FloatArray
    by_chance: FloatArray
    distances: FloatArray
    squares: FloatArray


def measured_drift(treated: ArrayLike, control: ArrayLike, *, confidence: float = 0.95) -> MeasuredDrift:
    """Measure the drift in one negative control within subjects.

    Parameters
    ----------
    treated, control : array_like of int, shape (personas, answers)
        How often each persona gave each answer; row i is the same persona in both. Personas with fewer than two
        answers in an arm are left out, and keep their row.
    confidence : float, default 0.95
        Of the interval, in (0, 1).

    Returns
    -------
    MeasuredDrift
        The estimate and its interval are NaN where no persona is left.

    Raises
    ------
    ValueError
        As `corrected_distance.corrected_tvd`.

    Notes
    -----
    Random numbers depend on the counts alone, in whatever order personas and answers stand.

    Examples
    --------
    >>> found = measured_drift([[9, 1], [8, 2], [0, 0]], [[1, 9], [2, 8], [0, 0]])
    >>> found.by_persona.round(2).tolist(), found.ci_low > 0
    ([0.78, 0.57, nan], True)
    """
    treated, control = np.asarray(treated), np.asarray(control)
    used = (treated.sum(axis=1) > 1) & (control.sum(axis=1) > 1)
    if not used.any():
        nothing = np.full(len(used), np.nan)
        return MeasuredDrift(np.nan, np.nan, np.nan, nothing, nothing, np.zeros(0), np.zeros(0))
    arms = checked_counts(treated[used], control[used])
    ordered = canonical.strata(*arms)
    pvalue = permutation_test(*ordered, rng=content_rng(*ordered)).pvalue
    corrected = corrected_tvd(*ordered, pvalue=pvalue, confidence=confidence)
    return MeasuredDrift(
        corrected.estimate,
        corrected.ci_low,
        corrected.ci_high,
        _in_rows(persona_drift(*arms), used),
        _in_rows(distance.stratum_null_means(*arms), used),
        *_shape(*ordered),
    )


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
    by .08 and .13 with 5. How low depends on the shape of the drift: a true .10 has mean .047 where answers are nearly
    even, .062 where they are in all proportions, .086 where each persona nearly always gives one, and .10 where one
    persona in six drifts by .6 (30 trials). It is no estimate, and differences in it mean something only where shapes
    are alike.

    Examples
    --------
    >>> treated = [[6, 2, 2], [1, 8, 1]]
    >>> control = [[2, 6, 2], [3, 4, 3]]
    >>> persona_drift(treated, control).round(3).tolist()
    [0.324, 0.336]
    """
    return signed_root(distance.stratum_distances(treated, control), distance.stratum_null_means(treated, control))


def signed_root(distances: FloatArray, null_means: FloatArray) -> FloatArray:
    """Return the signed root of squared distances less squared no-drift means."""
    squares = distances**2 - null_means**2
    return np.asarray(np.sign(squares) * np.sqrt(np.abs(squares)))


def _in_rows(values: FloatArray, used: BoolArray) -> FloatArray:
    made = np.full(len(used), np.nan)
    made[used] = values
    return made


def _shape(treated: IntArray, control: IntArray) -> tuple[FloatArray, FloatArray]:
    """Draw the mean distance and the mean squared distance from the posterior of the persona mixture."""
    if treated.shape[1] < 2:
        return np.zeros(DRAWS), np.zeros(DRAWS)
    rng = content_rng(treated, control)
    mixture = fit(treated, control, rng)
    n_draws = int(np.clip(DRAWS_LIMIT // treated.size, FEWEST_DRAWS, DRAWS))
    gaps = np.subtract(*draw_shares(mixture, draw_labels(mixture.likelihoods, rng)[-n_draws:], rng))
    return 0.5 * np.abs(gaps).sum(axis=2).mean(axis=1), (gaps**2).sum(axis=2).mean(axis=1)
