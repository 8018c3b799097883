"""Leaving out a persona whom the posterior hangs on: importance sampling by moment matching (arrays only).

Where a persona is unlike the others, the posterior without it lies apart from the one with it, and few draws stand for
all. The draws are then moved until their mean and spread are those of the posterior without it (Paananen, Piironen,
Buerkner and Vehtari 2021). What is moved is what one persona can move: cutpoints, and how personas differ.
"""

from dataclasses import replace

import numpy as np

from confound.statistics.arrays import FloatArray
from confound.statistics.stabilization.arviz_versions import smoothed
from confound.statistics.stabilization.draws import Theta, evidence
from confound.statistics.stabilization.inputs import Priors
from confound.statistics.stabilization.law import Persons, Quadratic

MOVES = 10  # the best is kept, not the first that is no better than the one before: far moves take several steps


def leave_out(
    path: str, data: Quadratic, theta: Theta, persona: int, told: FloatArray, priors: Priors
) -> tuple[float, float]:
    """Return the expected log density of a persona's answers left out, and the Pareto k of this estimate.

    Parameters
    ----------
    path : {"exponential", "random_walk", "changepoint"}
    data : Quadratic
        Of one group.
    theta : Theta
        Draws from the posterior given all personas.
    persona : int
        Its place among the P personas.
    told : ndarray, shape (S,)
        The log density of its answers given all others' and each draw, `draws.left_out`.
    priors : Priors
        Those of the draws.
    """
    others = _without(data, persona)
    before = _coordinates(theta.persons)
    density = evidence(path, data, theta) + _log_prior(before, priors)
    place = before
    logs = -told  # the density without it over that with it: on average, one by the probability of its answers
    weights, k = smoothed(logs)
    found = [(k, -_log_mean(weights, logs))]
    for _ in range(MOVES):
        place = _matched(place, weights)
        there = replace(theta, persons=_persons(place))
        stretched = np.log(place.std(axis=0) / before.std(axis=0)).sum()
        logs = evidence(path, others, there) + _log_prior(place, priors) + stretched - density
        weights, k = smoothed(logs)
        found.append((k, -_log_mean(weights, logs)))
    best, expected = min(found)
    return expected, best


def _matched(place: FloatArray, log_weights: FloatArray) -> FloatArray:
    """Move draws, shape (S, D), to the mean and the standard deviations that they have under weights."""
    shares = np.exp(log_weights - log_weights.max())
    shares /= shares.sum()
    mean = shares @ place
    sd = np.sqrt(shares @ (place - mean) ** 2)
    return np.asarray(mean + (place - place.mean(axis=0)) * (sd / place.std(axis=0)))


def _log_mean(log_weights: FloatArray, logs: FloatArray) -> float:
    """Return the log of the mean of smoothed weights, which are known but for a factor."""
    middle = np.argsort(logs)[len(logs) // 2]  # only the largest weights are smoothed
    return float(np.logaddexp.reduce(log_weights) - np.log(len(logs)) + logs[middle] - log_weights[middle])


def _without(data: Quadratic, persona: int) -> Quadratic:
    cells = ("weight", "offset", "slope", "const", "linear", "square", "between")
    return replace(data, **{name: np.delete(getattr(data, name), persona, axis=1) for name in cells})


def _coordinates(persons: Persons) -> FloatArray:
    """Return cutpoints and persons' deviations on a scale without bounds, shape (S, D)."""
    logs = np.log(np.concatenate([persons.sds, persons.noise[:, None], persons.growth[:, None]], axis=1))
    return np.concatenate([persons.cuts[:, :1], np.log(np.diff(persons.cuts, axis=1)), logs], axis=1)


def _persons(place: FloatArray) -> Persons:
    first, gaps, rest = place[:, :1], np.exp(place[:, 1:-6]), np.exp(place[:, -6:])
    cuts = np.concatenate([first, first + np.cumsum(gaps, axis=1)], axis=1)
    return Persons(cuts, rest[:, :4], rest[:, 4], rest[:, 5])


def _log_prior(place: FloatArray, priors: Priors) -> FloatArray:
    """Return the log prior density of such coordinates, shape (S,), but for a constant."""
    scales = np.array([priors.level, priors.level, priors.difference, priors.difference, priors.noise])
    median, width = priors.scale
    first, gaps, sds, growth = place[:, 0], place[:, 1:-6], place[:, -6:-1], place[:, -1]
    half_normal = sds - (np.exp(sds) / scales) ** 2 / 2
    growing = ((growth - np.log(median)) / width) ** 2 / 2
    return np.asarray(half_normal.sum(axis=1) - (first / priors.cut) ** 2 / 2 - (gaps**2).sum(axis=1) / 2 - growing)
