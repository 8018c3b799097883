"""Counts over iterations -> a quadratic log likelihood of each persona (arrays only).

With K ordered answers (two: binomial) the log likelihood of a cell in its linear predictor eta is, up to a constant,

    sum_c [ n_c x_c - (n_c + n_{c+1}) log(1 + exp(x_c)) ] + sum_k n_k log(1 - exp(cut_{k-1} - cut_k)),

with x_c = cut_c - eta: the cumulative logit model on counts (McCullagh 1980). The first sum becomes quadratic by
expectation propagation (Minka 2001) in a pilot fit: among all other cells and persona effects, the quadratic gives
eta the same mean and variance as the exact cell, and the answers the same probability. So the evidence has the right
value at the pilot and the right derivatives in standard deviations and cutpoints; expanded about its mode (Tierney and
Kadane 1986), a cell whose answers are all alike holds eta near them, and noise comes out too small. The last sum stays
exact. Means with known standard errors are quadratic as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from confound.statistics.arrays import FloatArray
from confound.statistics.stabilization.inputs import Priors
from confound.statistics.stabilization.law import EFFECTS, SIDES, Persons, Quadratic, condense, loadings, reduce

PRIORS = Priors()  # of the pilot, whatever those of the model: they but say where the likelihood is looked at
PILOT_STEPS = 100
TANGENT_STEPS = 10  # the first ones expand about the mode, so that quadrature finds its place
PILOT_TOLERANCE = 1e-3  # of eta, far below any posterior's standard deviation
LONGEST = 2.0  # step of eta or a cutpoint, for Newton's may go astray from a bad start
WIDEST = 3.0  # standard deviation of persona effects, and of cutpoints: log odds beyond it are as good as certain
FLATTEST = 1e-3  # a cell's curvature at the mode, as a share of its answers, below which it is not expanded
TAKEN = 0.7  # of a step of expectation propagation, for whole ones swing where answers say little
NODES = 14  # of the quadrature over a cell's eta


@dataclass(frozen=True, slots=True)
class Pilot:
    """What a first fit says of each cell's eta and its parts, normal laws as the cells are quadratic.

    Attributes
    ----------
    eta, variance : ndarray of float64, shape (P, 2 T)
    cavity, cavity_variance : ndarray of float64, shape (P, 2 T)
        What all but the cell itself say of its eta.
    effects, effects_variance : ndarray of float64, shape (P, 4)
        Of persona effects in units of their standard deviations.
    noise, noise_variance : ndarray of float64, shape (P, 2 T)
        Likewise.
    """

    eta: FloatArray
    variance: FloatArray
    cavity: FloatArray
    cavity_variance: FloatArray
    effects: FloatArray
    effects_variance: FloatArray
    noise: FloatArray
    noise_variance: FloatArray


@dataclass(frozen=True, slots=True)
class Cells:
    """Each cell's log likelihood as ``value + slope'(x - at) - sum of weight (x - at)^2 / 2``, x = cutpoints - eta.

    Attributes
    ----------
    value : ndarray of float64, shape (P, 2 T)
    at, slope, weight : ndarray of float64, shape (P, 2 T, C)
    """

    value: FloatArray
    at: FloatArray
    slope: FloatArray
    weight: FloatArray


def of_counts(counts: FloatArray, times: FloatArray) -> Quadratic:
    """Return the quadratic log likelihood of counts of ordered answers, as of one group.

    Parameters
    ----------
    counts : ndarray, shape (P, 2, T, K)
        Treated arm first; answers from low to high, each given at least once by someone.
    times : ndarray, shape (T,)
    """
    counts = counts.reshape(len(counts), -1, counts.shape[-1]).astype(float)
    return _fitted(counts, times)[0]


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


def stacked(groups: Sequence[Quadratic]) -> Quadratic:
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


def _laid(counts: FloatArray, cells: Cells, times: FloatArray) -> Quadratic:
    w = cells.weight
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.where(w > 0, cells.at + cells.slope / w, 0.0)
    constant = cells.value.sum(axis=1) + (w * (cells.at - centre) ** 2).sum(axis=(1, 2)) / 2
    return _quadratic(w, w * centre, centre, constant, counts[..., 1:-1].sum(axis=1), times)


def _fitted(counts: FloatArray, times: FloatArray) -> tuple[Quadratic, Persons]:
    """Alternate between cells, the law of eta, standard deviations and cutpoints, until they rest."""
    persons = _start(counts)
    eta = place = np.zeros(counts.shape[:2])
    data = _laid(counts, _tangent(counts, persons.cuts[0], eta), times)
    for step in range(PILOT_STEPS):
        pilot = _pilot(data, persons)
        cuts = persons.cuts[0]
        place, before = pilot.eta - cuts.mean(), place
        if step > TANGENT_STEPS and np.abs(place - before).max() < PILOT_TOLERANCE:
            break
        eta = eta + np.clip(pilot.eta - eta, -LONGEST, LONGEST)
        cells = _tangent(counts, cuts, eta) if step < TANGENT_STEPS else _matched(counts, cuts, pilot)
        data = _mixed(data, _laid(counts, cells, times), TAKEN if step > TANGENT_STEPS else 1.0)
        persons = Persons(_cuts(counts, cuts, cells)[None], *_deviations(pilot, persons), persons.growth)
    return data, persons


def _start(counts: FloatArray) -> Persons:
    """Return the cutpoints of all answers together, and standard deviations as they come."""
    total = counts.sum(axis=(0, 1))
    below = np.cumsum(total)[:-1] / total.sum()
    cuts = np.log(below / (1 - below))
    return Persons(cuts[None], np.array([[1.0, 0.5, 0.5, 0.3]]), np.array([0.3]), np.array([PRIORS.scale[0]]))


def _mixed(old: Quadratic, new: Quadratic, share: float) -> Quadratic:
    """Go a share of the way from one log likelihood to another."""
    names = ("weight", "offset", "slope", "const", "linear", "square")
    return replace(old, **{name: (1 - share) * getattr(old, name) + share * getattr(new, name) for name in names})


def _tangent(counts: FloatArray, cuts: FloatArray, eta: FloatArray) -> Cells:
    """Expand about eta, the Laplace approximation if that is the mode (Tierney and Kadane 1986)."""
    below, both = counts[..., :-1], counts[..., :-1] + counts[..., 1:]
    x = cuts - eta[..., None]
    share = 1 / (1 + np.exp(-x))
    value = (below * x - both * np.logaddexp(0, x)).sum(axis=-1)
    return Cells(value, x, below - both * share, both * np.maximum(share * (1 - share), FLATTEST))


def _matched(counts: FloatArray, cuts: FloatArray, pilot: Pilot) -> Cells:
    """Match the moments of each cell's exact likelihood in its cavity: a step of expectation propagation.

    The weight, which the mean and variance of eta set, goes to the cutpoints by their expected curvatures; with the
    expected slopes in their x the evidence has the right derivative in each cutpoint as well.
    """
    below, both = counts[..., :-1], counts[..., :-1] + counts[..., 1:]
    eta, log = _nodes(pilot)
    shares = np.empty((len(cuts), *eta.shape))
    for c, cut in enumerate(cuts):
        x = cut - eta
        odds = np.exp(x)
        log += below[..., c] * x - both[..., c] * np.log1p(odds)
        shares[c] = odds / (1 + odds)
    top = log.max(axis=0)
    chances = np.exp(log - top)
    total = chances.sum(axis=0)
    chances /= total
    mean = (chances * eta).sum(axis=0)
    variance = (chances * (eta - mean) ** 2).sum(axis=0)
    slope = below - both * np.stack([(chances * share).sum(axis=0) for share in shares], axis=-1)
    curve = both * np.stack([(chances * share * (1 - share)).sum(axis=0) for share in shares], axis=-1)
    weight = np.maximum(1 / variance - 1 / pilot.cavity_variance, 0)
    bent = curve.sum(axis=-1)
    off = (mean - pilot.cavity) ** 2 / pilot.cavity_variance
    value = top + np.log(total) + (off + np.log(pilot.cavity_variance / variance)) / 2
    return Cells(value, cuts - mean[..., None], slope, curve * (weight / np.where(bent > 0, bent, 1.0))[..., None])


def _nodes(pilot: Pilot) -> tuple[FloatArray, FloatArray]:
    """Return nodes of a quadrature over each cell's eta in its cavity and the logs of their weights, nodes first."""
    nodes, weights = (each[:, None, None] for each in np.polynomial.hermite_e.hermegauss(NODES))
    eta = pilot.eta + np.sqrt(pilot.variance) * nodes
    far = (eta - pilot.cavity) ** 2 / pilot.cavity_variance
    wider = np.log(pilot.variance / pilot.cavity_variance)
    return eta, np.log(weights / weights.sum()) + (nodes**2 - far + wider) / 2


def _pilot(data: Quadratic, persons: Persons) -> Pilot:
    """Return the laws of eta and of its parts given the parameters, the arms' means integrated out."""
    said = condense(reduce(data, persons))
    free = np.linalg.inv(said.precision[0] + np.linalg.inv(_wandering(data.times)))
    path = free @ said.h[0]
    design = loadings(data.times, persons.growth)[0] * persons.sds[0]
    weight, sd = data.weight[0], persons.noise[0]
    kept = 1 / (1 + sd**2 * weight)
    linear = (data.slope[0] * persons.cuts[0]).sum(axis=-1) - data.offset[0]
    cov = np.linalg.inv(np.einsum("pt,ti,tj->pij", weight * kept, design, design) + np.eye(EFFECTS))
    pulled = cov @ (design.T * (kept * weight)[:, None, :])  # how a persona's effects fall as the path rises
    effects = (cov @ ((linear - weight * path) * kept @ design)[..., None])[..., 0]
    rest = linear - weight * (path + effects @ design.T)
    eta = path + effects @ design.T + sd**2 * kept * rest
    follows = kept[..., None] * (np.eye(len(design)) - design @ pulled)  # how eta rises with the path
    spread = kept**2 * _squares(design, cov) + _squares(follows, free)
    variance = sd**2 * kept + spread
    cavity_variance = 1 / (1 / variance - weight)
    return Pilot(
        eta=eta,
        variance=variance,
        cavity=cavity_variance * (eta / variance - linear),
        cavity_variance=cavity_variance,
        effects=effects,
        effects_variance=np.diagonal(cov, axis1=1, axis2=2) + _squares(pulled, free),
        noise=sd * kept * rest,
        noise_variance=kept + (sd * weight) ** 2 * spread,
    )


def _wandering(times: FloatArray) -> FloatArray:
    """Return the pilot's prior covariance of the arms' means: about the settled effect by as much as biases are wide.

    Means without a law of their own would be many, and each the wider for more noise: noise would come out too large.
    """
    near = np.exp(-np.abs(times[:, None] - times) / PRIORS.scale[0])
    settled = np.kron(np.outer(SIDES, SIDES), np.full(near.shape, PRIORS.effect**2))
    return np.asarray(settled + np.kron(np.eye(2), PRIORS.bias**2 * near))


def _squares(rows: FloatArray, cov: FloatArray) -> FloatArray:
    """Return the variances of ``rows @ z``, z with covariance `cov`."""
    return np.asarray(((rows @ cov) * rows).sum(axis=-1))


def _deviations(pilot: Pilot, persons: Persons) -> tuple[FloatArray, FloatArray]:
    """Move standard deviations towards the mode of their logs under the default priors.

    By MacKay's (1992) rule, which is there in a few steps where the EM algorithm takes hundreds. On the log scale, for
    a mode at 0 would be far from where most of the posterior is.
    """
    scales = np.array([PRIORS.level, PRIORS.level, PRIORS.difference, PRIORS.difference])

    def moved(sd: FloatArray, mean: FloatArray, variance: FloatArray, scale: Any) -> FloatArray:
        ratio = ((mean**2).sum(axis=0) + 1) / ((1 - variance).sum(axis=0) + (sd / scale) ** 2)
        return np.asarray(np.minimum(sd * np.sqrt(ratio), WIDEST))

    sds = moved(persons.sds[0], pilot.effects, pilot.effects_variance, scales)
    noise = moved(persons.noise, pilot.noise.reshape(-1, 1), pilot.noise_variance.reshape(-1, 1), PRIORS.noise)
    return sds[None], noise


def _cuts(counts: FloatArray, cuts: FloatArray, cells: Cells) -> FloatArray:
    """Move the cutpoints by one Newton step."""
    slope = cells.slope.sum(axis=(0, 1)) - cuts / WIDEST**2
    curve = np.diag(cells.weight.sum(axis=(0, 1)) + 1 / WIDEST**2)
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
