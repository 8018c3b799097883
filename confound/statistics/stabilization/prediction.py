"""Posterior predictive checks: the log against logs of new personas that the model makes."""

from collections.abc import Iterator

import numpy as np

from confound.statistics.arrays import FloatArray
from confound.statistics.stabilization import draws as drawing
from confound.statistics.stabilization.diagnostics import Check
from confound.statistics.stabilization.inputs import Trajectory
from confound.statistics.stabilization.law import Persons

N_REPLICATES = 200
EXTREME = 0.01  # a share of replicates this near to 0 or 1 says that the model lacks something


def predictive_checks(
    theta: drawing.Theta, paths: drawing.Paths, outcome: FloatArray, data: Trajectory, rng: np.random.Generator
) -> Iterator[Check]:
    """Compare a log with replicated logs of new personas, by each of `discrepancies`.

    A check's value is the share of replicates whose discrepancy is at least the log's own, in [0, 1].

    Parameters
    ----------
    theta : Theta
    paths : Paths
    outcome : ndarray of float64, shape (S, 2, T + 1)
        Of the same S draws.
    data : Trajectory
    rng : numpy.random.Generator

    References
    ----------
    Gelman, Meng and Stern (1996), "Posterior predictive assessment of model fitness via realized discrepancies",
    Statistica Sinica 6.
    """
    predicted = outcome[..., :-1]
    seen: dict[str, list[bool]] = {}
    for s in rng.choice(len(outcome), N_REPLICATES, replace=len(outcome) < N_REPLICATES):
        made = _replicate(data, theta.rows(slice(s, s + 1)).persons, paths.means[s, :, :-1], rng)
        replicated, own = (discrepancies(means, predicted[s]) for means in (made, data.means))
        for name, value in replicated.items():
            seen.setdefault(name, []).append(value >= own[name])
    for name, above in seen.items():
        share = float(np.mean(above))
        yield Check(f"ppc_{name}", share, EXTREME, EXTREME <= share <= 1 - EXTREME)


def _replicate(data: Trajectory, persons: Persons, means: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw the persona means of a log of new personas, shape (P, 2, T)."""
    if data.numbers is not None:
        counts = drawing.simulate(means, persons, data.times, data.sizes, rng)
        with np.errstate(invalid="ignore"):
            return np.asarray((counts @ data.numbers) / np.where(data.sizes > 0, data.sizes, np.nan))
    mean, sd = data.unit()
    eta = drawing.simulate_predictors(means, persons, data.times, len(data.sizes), rng)
    scattered = mean + sd * (eta - persons.cuts[0, 0]) + data.errors * rng.standard_normal(data.errors.shape)
    return np.where(np.isnan(data.means), np.nan, scattered)


def discrepancies(means: FloatArray, predicted: FloatArray) -> dict[str, float]:
    """Return what is compared between a log and its replicates.

    The variance of personas at the first and last iteration, how far personas move from one to the other, how far from
    each iteration to the next, and how far the arms' means are from what is predicted.

    Parameters
    ----------
    means : ndarray of float64, shape (P, 2, T)
        Of personas.
    predicted : ndarray of float64, shape (2, T)
        Expected outcomes of the arms.
    """
    arm = np.nanmean(means, axis=0)
    own = means - arm
    return {
        "spread_first": float(np.nanvar(means[..., 0])),
        "spread_last": float(np.nanvar(means[..., -1])),
        "movement": float(np.nanmean((own[..., -1] - own[..., 0]) ** 2)),
        "jumps": float(np.nanmean(np.diff(own, axis=-1) ** 2)),
        "path": float(np.sqrt(((arm - predicted) ** 2).mean())),
    }
