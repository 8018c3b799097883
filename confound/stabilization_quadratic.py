"""Counts over iterations -> a quadratic log likelihood of each persona (arrays only).

With K ordered answers (two: binomial) the log likelihood of a cell in its linear predictor eta is, up to a constant,

    sum_c [ n_c x_c - (n_c + n_{c+1}) log(1 + exp(x_c)) ] + sum_k n_k log(1 - exp(cut_{k-1} - cut_k)),

with x_c = cut_c - eta: the cumulative logit model on counts (McCullagh 1980). Every log(1 + exp) is expanded to second
order about the mode of a pilot fit with free arm means, the Laplace approximation (Tierney and Kadane 1986); the last
term stays exact. Means with known standard errors are quadratic as they are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from confound.stabilization_law import EFFECTS, Persons, Quadratic, condense, loadings, reduce

FloatArray = npt.NDArray[np.float64]

PILOT_GROWTH = 3.0  # iterations; the pilot's persona effects grow at a fixed pace
PILOT_STEPS = 60
PILOT_TOLERANCE = 1e-3  # of eta, far below any posterior's standard deviation
LONGEST = 2.0  # step of eta or a cutpoint, for Newton's may go astray from a bad start
WIDEST = 3.0  # standard deviation of persona effects, and of cutpoints: log odds beyond it are as good as certain
FLATTEST = 1e-3  # a cell's curvature, as a share of its answers, below which it is not expanded


@dataclass(frozen=True, slots=True)
class Pilot:
    """A first fit, about which the likelihood is expanded.

    Attributes
    ----------
    cuts : ndarray of float64, shape (C,)
    eta : ndarray of float64, shape (P, 2 T)
    """

    cuts: FloatArray
    eta: FloatArray


def of_counts(counts: FloatArray, times: FloatArray) -> Quadratic:
    """Return the quadratic log likelihood of counts of ordered answers, as of one group.

    Parameters
    ----------
    counts : ndarray, shape (P, 2, T, K)
        Treated arm first; answers from low to high, each given at least once by someone.
    times : ndarray, shape (T,)
    """
    counts = counts.reshape(len(counts), -1, counts.shape[-1]).astype(float)
    return _expanded(counts, _pilot(counts, times), times)


def of_means(means: FloatArray, errors: FloatArray, times: FloatArray) -> Quadratic:
    """Return the log likelihood of cell means with known standard errors, as of one group.

    Parameters
    ----------
    means, errors : ndarray, shape (P, 2, T)
        In units of the outcome's standard deviation, about its mean; NaN where there is no answer.
    times : ndarray, shape (T,)
    """
    means, errors = means.reshape(len(means), -1), errors.reshape(len(errors), -1)
    there = ~np.isnan(means)
    weight = np.where(there, 1 / np.where(there, errors, 1.0) ** 2, 0.0)
    centre = np.where(there, -means, 0.0)  # x = cut - eta, and the cut is the negative level
    constant = (np.log(np.where(there, weight, 1.0)) - there * np.log(2 * np.pi)).sum(axis=1) / 2
    return _quadratic(weight[..., None], (weight * centre)[..., None], centre[..., None], constant, None, times)


def stacked(groups: list[Quadratic]) -> Quadratic:
    """Join groups that share their iterations; personas and cutpoints that a group lacks become zeros."""
    n_personas = max(group.weight.shape[1] for group in groups)
    n_cuts = max(group.slope.shape[-1] for group in groups)

    def padded(name: str, *sizes: int | None) -> FloatArray:
        arrays = [getattr(group, name) for group in groups]
        pads = [
            [(0, 0)] + [(0, 0 if size is None else size - n) for size, n in zip(sizes, a.shape[1:], strict=True)]
            for a in arrays
        ]
        return np.concatenate([np.pad(a, pad) for a, pad in zip(arrays, pads, strict=True)])

    return Quadratic(
        weight=padded("weight", n_personas, None),
        offset=padded("offset", n_personas, None),
        slope=padded("slope", n_personas, None, n_cuts),
        const=padded("const", n_personas),
        linear=padded("linear", n_personas, n_cuts),
        square=padded("square", n_personas, n_cuts),
        between=padded("between", n_personas, n_cuts - 1),
        times=groups[0].times,
    )


def _quadratic(
    w: FloatArray, drawn: FloatArray, centre: FloatArray, constant: FloatArray, between: FloatArray | None, times: Any
) -> Quadratic:
    """Lay out ``constant - sum w (x - centre)^2 / 2``, where ``drawn = w centre``; shapes (P, 2 T, C)."""
    return Quadratic(
        weight=w.sum(axis=-1)[None],
        offset=drawn.sum(axis=-1)[None],
        slope=w[None],
        const=(constant - (drawn * centre).sum(axis=(1, 2)) / 2)[None],
        linear=drawn.sum(axis=1)[None],
        square=w.sum(axis=1)[None],
        between=(np.zeros((len(w), w.shape[-1] - 1)) if between is None else between)[None],
        times=np.asarray(times, dtype=float),
    )


def _expanded(counts: FloatArray, pilot: Pilot, times: FloatArray) -> Quadratic:
    x = pilot.cuts - pilot.eta[..., None]
    below, both = counts[..., :-1], counts[..., :-1] + counts[..., 1:]
    share = 1 / (1 + np.exp(-x))
    w = both * np.maximum(share * (1 - share), FLATTEST)
    slope = below - both * share
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.where(w > 0, x + slope / w, 0.0)
    exact = (below * x - both * np.logaddexp(0, x)).sum(axis=(1, 2))
    constant = exact + (w * (x - centre) ** 2).sum(axis=(1, 2)) / 2
    return _quadratic(w, w * centre, centre, constant, counts[..., 1:-1].sum(axis=1), times)


def _pilot(counts: FloatArray, times: FloatArray) -> Pilot:
    """Fit cutpoints, free arm means and persona effects by alternating their conditional modes and moments."""
    total = counts.sum(axis=(0, 1))
    below = np.cumsum(total)[:-1] / total.sum()
    cuts = np.log(below / (1 - below))
    eta = np.zeros(counts.shape[:2])
    persons = Persons(cuts[None], np.array([[1.0, 0.5, 0.5, 0.3]]), np.array([0.3]), np.array([PILOT_GROWTH]))
    for _ in range(PILOT_STEPS):
        data = _expanded(counts, Pilot(cuts, eta), times)
        new, persons = _moments(data, persons)
        shift = np.abs(new - eta).max()
        eta = eta + np.clip(new - eta, -LONGEST, LONGEST)
        cuts = _cuts(counts, cuts, eta)
        persons = Persons(cuts[None], persons.sds, persons.noise, persons.growth)
        if shift < PILOT_TOLERANCE:
            break
    return Pilot(cuts, eta)


def _moments(data: Quadratic, persons: Persons) -> tuple[FloatArray, Persons]:
    """Return the conditional mode of eta, and standard deviations by one step of the EM algorithm."""
    said = condense(reduce(data, persons))
    ridge = np.eye(said.h.shape[1]) / WIDEST**2
    path = np.linalg.solve(said.precision[0] + ridge, said.h[0])
    design = loadings(data.times, persons.growth)[0] * persons.sds[0]
    variance = persons.noise[0] ** 2
    kept = 1 / (1 + variance * data.weight[0])
    given = (data.slope[0] * persons.cuts[0]).sum(axis=-1) - data.offset[0] - data.weight[0] * path
    inner = np.einsum("pt,ti,tj->pij", data.weight[0] * kept, design, design) + np.eye(EFFECTS)
    cov = np.linalg.inv(inner)
    unit = np.einsum("pij,pj->pi", cov, (given * kept) @ design)
    around = given - data.weight[0] * (unit @ design.T)
    noise = variance * kept * around
    spread = np.sqrt((unit**2 + np.diagonal(cov, axis1=1, axis2=2)).mean(axis=0))
    there = data.weight[0] > 0
    own = np.sqrt((noise**2 + variance * kept)[there].mean())
    sds = np.minimum(persons.sds[0] * spread, WIDEST)[None]
    return path + unit @ design.T + noise, Persons(persons.cuts, sds, np.minimum(own, WIDEST)[None], persons.growth)


def _cuts(counts: FloatArray, cuts: FloatArray, eta: FloatArray) -> FloatArray:
    """Move the cutpoints by one Newton step, given eta."""
    below, both = counts[..., :-1], counts[..., :-1] + counts[..., 1:]
    share = 1 / (1 + np.exp(eta[..., None] - cuts))
    slope = (below - both * share).sum(axis=(0, 1)) - cuts / WIDEST**2
    curve = np.diag((both * share * (1 - share)).sum(axis=(0, 1)) + 1 / WIDEST**2)
    between = counts[..., 1:-1].sum(axis=(0, 1))
    odds = 1 / np.expm1(np.diff(cuts))
    pull, bend = between * odds, between * odds * (1 + odds)
    for c, (p, b) in enumerate(zip(pull, bend, strict=True)):
        slope[c : c + 2] += (-p, p)
        curve[c : c + 2, c : c + 2] += [[b, -b], [-b, b]]
    step = np.clip(np.linalg.solve(curve, slope), -LONGEST, LONGEST)
    while (np.diff(cuts + step) <= 0).any():
        step /= 2
    return np.asarray(cuts + step)
