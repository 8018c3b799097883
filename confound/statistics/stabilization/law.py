"""The law of an outcome over iterations, with persona effects and paths integrated out (arrays only).

In each group (a study, model and contrast), persona p answers in arm a at iteration t with linear predictor

    eta = m_a(t) + level_p + f(t) level'_p + s_a (effect_p + f(t) effect'_p) + noise,   s = 1/2 treated, -1/2 control,

f(t) = 1 - exp(-t / growth): persona effects are normal, in level and in effect, and grow as personas get attributes.
The likelihood is quadratic in eta (`quadratic`), so persona effects integrate out in closed
form, and what all personas say of the arms' means m is one quadratic form: `condense`. A path is a normal law of m,
centre plus ``factor z`` with z standard normal, which integrates out too: `given_path`. A sampler meets only the
dozen parameters that are left; the rest is drawn from normal laws afterwards.

The same law with its gradient, compiled for the sampler, is in `kernel`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from confound.statistics.arrays import FloatArray, IntArray

SIDES = (0.5, -0.5)  # of the treated and the control arm
EFFECTS = 4  # of a persona: level, level', effect, effect'


@dataclass(frozen=True, slots=True)
class Quadratic:
    """The log likelihood of each persona as a quadratic form, of G groups, P personas, T iterations and C cutpoints.

    ``const + linear'cuts - cuts'square cuts / 2 + (slope cuts - offset)'eta - eta'weight eta / 2``, and
    ``between_c log(1 - exp(cut_c - cut_c+1))``; the 2 T cells of a persona are the treated arm's iterations, then the
    control arm's. Cells and personas that are not there are 0 throughout.

    Attributes
    ----------
    weight, offset : shape (G, P, 2 T)
    slope : shape (G, P, 2 T, C)
        Sums to `weight` over the cutpoints.
    const : shape (G, P)
    linear, square : shape (G, P, C)
    between : shape (G, P, C - 1)
        Answers between two cutpoints.
    times : shape (T,)
        Iteration numbers.
    """

    weight: Any
    offset: Any
    slope: Any
    const: Any
    linear: Any
    square: Any
    between: Any
    times: Any


@dataclass(frozen=True, slots=True)
class Persons:
    """How the personas of each group differ and answer.

    Attributes
    ----------
    cuts : shape (G, C)
        Cutpoints on the scale of eta, increasing; the negative level of a numeric outcome.
    sds : shape (G, 4)
        Standard deviations of level, level', effect, effect'.
    noise : shape (G,)
        Standard deviation of what is a persona's, an arm's and an iteration's own.
    growth : shape (G,)
        In iterations.
    """

    cuts: Any
    sds: Any
    noise: Any
    growth: Any


@dataclass(frozen=True, slots=True)
class Condensed:
    """What the personas of a group say of the arms' means: ``const + h'm - m'precision m / 2``.

    Attributes
    ----------
    const, h, precision : shapes (G,), (G, 2 T) and (G, 2 T, 2 T)
    """

    const: Any
    h: Any
    precision: Any


@dataclass(frozen=True, slots=True)
class Reduced:
    """What one persona says of the arms' means: ``const + h'm - m'(diag(v) - w'w) m / 2``.

    Attributes
    ----------
    const, h, v, w : shapes (G, P), (G, P, 2 T), (G, P, 2 T) and (G, P, 4, 2 T)
    """

    const: Any
    h: Any
    v: Any
    w: Any


def loadings(times: FloatArray, growth: FloatArray) -> FloatArray:
    """Return what a unit of each persona effect adds to eta, shape (G, 2 T, 4)."""
    f = 1 - np.exp(-times / growth[:, None])
    one = np.ones_like(f)
    return np.concatenate([np.stack([one, f, side * one, side * f], axis=-1) for side in SIDES], axis=1)


def reduce(data: Quadratic, persons: Persons) -> Reduced:
    """Integrate each persona's effects and noise out."""
    cuts, variance = persons.cuts, persons.noise[:, None, None] ** 2
    given = (data.slope * cuts[:, None, None, :]).sum(axis=-1) - data.offset
    kept = 1 / (1 + variance * data.weight)
    v, z = data.weight * kept, given * kept
    design = (loadings(data.times, persons.growth) * persons.sds[:, None, :])[:, None]  # (G, 1, 2 T, 4)
    loaded = v[..., None] * design
    root = np.linalg.cholesky(loaded.swapaxes(-1, -2) @ design + np.eye(EFFECTS))
    told = (z[..., None] * design).sum(axis=-2)
    half = np.linalg.solve(root, np.concatenate([loaded.swapaxes(-1, -2), told[..., None]], axis=-1))
    w, seen = half[..., :-1], half[..., -1]
    const = (
        direct(data, cuts)
        + (variance * given**2 * kept + np.log(kept)).sum(axis=-1) / 2
        + (seen**2).sum(axis=-1) / 2
        - np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(axis=-1)
    )
    return Reduced(const, z - (w * seen[..., None]).sum(axis=-2), v, w)


def direct(data: Quadratic, cuts: FloatArray) -> FloatArray:
    """Return the terms of each persona's likelihood that depend on nothing but the cutpoints, shape (G, P)."""
    linear = (data.linear * cuts[:, None, :]).sum(axis=-1) - (data.square * cuts[:, None, :] ** 2).sum(axis=-1) / 2
    gaps = cuts[:, 1:] - cuts[:, :-1]
    return np.asarray(data.const + linear + (data.between * np.log(-np.expm1(-gaps))[:, None, :]).sum(axis=-1))


def condense(each: Reduced) -> Condensed:
    """Add the personas up."""
    n_groups, n_personas, n_cells = each.v.shape
    w = each.w.reshape((n_groups, n_personas * EFFECTS, n_cells))
    precision = each.v.sum(axis=1)[:, :, None] * np.eye(n_cells) - w.swapaxes(-1, -2) @ w
    return Condensed(each.const.sum(axis=1), each.h.sum(axis=1), precision)


def given_path(said: Condensed, centre: FloatArray, factor: FloatArray, ends: IntArray) -> tuple[Any, Any, Any]:
    """Return (evidence, root, told) of paths ``m = centre + factor z``.

    Variants of a path use the first columns of its factor only, each as many as `ends` says. One Cholesky root serves
    them all, since that of a leading block is the leading block of the root.

    Parameters
    ----------
    said : Condensed
        Of groups G, of one axis or more.
    centre : shape (G, 2 T)
    factor : shape (G, 2 T, Q)
    ends : shape (V,)
        Columns that each variant uses, in 0 to Q.

    Returns
    -------
    evidence : shape (G, V)
        The log likelihood with z integrated out.
    root, told : shapes (G, Q, Q) and (G, Q)
        Given the data the z of a variant are normal with precision ``root root'`` and mean ``root'^-1 told``, of the
        leading block.
    """
    pulled = (said.precision @ centre[..., None])[..., 0]
    base = said.const + ((said.h - pulled / 2) * centre).sum(axis=-1)
    across = factor.swapaxes(-1, -2)
    root = np.linalg.cholesky(across @ (said.precision @ factor) + np.eye(factor.shape[-1]))
    toward = (across @ (said.h - pulled)[..., None])[..., 0]
    told = _lower(root, toward)
    gained = told**2 / 2 - np.log(np.diagonal(root, axis1=-2, axis2=-1))
    upto = np.cumsum(np.concatenate([base[..., None], gained], axis=-1), axis=-1)
    return upto[..., ends], root, told


def _lower(root: FloatArray, b: FloatArray) -> FloatArray:
    """Solve ``root x = b`` for many small lower roots at a time, a row at a time."""
    x = np.empty_like(b)
    for k in range(b.shape[-1]):
        x[..., k] = (b[..., k] - (root[..., k, :k] * x[..., :k]).sum(axis=-1)) / root[..., k, k]
    return x


def averaged(evidence: FloatArray) -> FloatArray:
    """Return the log evidence with variants, on the last axis, as likely as each other."""
    top = evidence.max(axis=-1)
    return np.asarray(top + np.log(np.exp(evidence - top[..., None]).mean(axis=-1)))


def others(each: Reduced, said: Condensed) -> Condensed:
    """Return what all personas but one say, for each of them: shapes (G, P), (G, P, 2 T), (G, P, 2 T, 2 T)."""
    own = each.v[..., None] * np.eye(each.v.shape[-1]) - each.w.swapaxes(-1, -2) @ each.w
    return Condensed(said.const[:, None] - each.const, said.h[:, None] - each.h, said.precision[:, None] - own)


def variants(path: str, n_times: int) -> IntArray:
    """Return how many columns of its factor each variant of a path uses, shape (V,).

    The change point's variants are constant from each of the T iterations but the last on, and from none: that nothing
    moves after the last iteration is not to be seen.
    """
    if path == "changepoint":
        return 1 + 2 * np.append(np.arange(n_times - 1), n_times)
    return np.array([3 if path == "exponential" else 1 + 2 * n_times])


def exponential(times: FloatArray, scale: FloatArray, effect_sd: FloatArray, bias_sd: FloatArray) -> FloatArray:
    """Return the factor of ``settled level + half a bias x exp(-iteration / scale)``, shape (G, 2 T, 3).

    Its columns: the settled effect, half the bias of the treated arm, half the bias of the control arm. All arguments
    but `times` have shape (G,).
    """
    left = np.exp(-times / scale[:, None]) * bias_sd[:, None]
    level = np.broadcast_to(effect_sd[:, None], left.shape)
    treated = np.stack([SIDES[0] * level, left, 0 * left], axis=-1)
    control = np.stack([SIDES[1] * level, 0 * left, -left], axis=-1)
    return np.concatenate([treated, control], axis=1)


def walk(sds: FloatArray, effect_sd: FloatArray) -> FloatArray:
    """Return the factor of a walk of each arm towards its settled level, shape (G, 2 T, 1 + 2 T).

    Its columns: the settled effect, then the steps of the treated and the control arm from each iteration on.

    Parameters
    ----------
    sds : shape (G, T)
        Standard deviations of the steps from each iteration to the next, the last one of all that are to come.
    effect_sd : shape (G,)
    """
    n_groups, n = sds.shape
    factor = np.zeros((n_groups, 2 * n, 1 + 2 * n))
    steps = np.triu(np.ones((n, n))) * sds[:, None, :]
    for a, side in enumerate(SIDES):
        rows = slice(a * n, (a + 1) * n)
        factor[:, rows, 0] = side * effect_sd[:, None]
        factor[:, rows, 1 + a :: 2] = steps
    return factor


def lasting(n_times: int, size: FloatArray) -> FloatArray:
    """Return the standard deviations of steps that stay alike until they end, shape (G, T).

    The last one is that of the sum over the iterations to come, as many as were seen: a change point that did not come
    while one looked may be as far off again. `size` has shape (G,).
    """
    return np.asarray(size[:, None] * np.append(np.ones(n_times - 1), np.sqrt(n_times)))


def shrinking(times: FloatArray, size: FloatArray, kept: FloatArray) -> FloatArray:
    """Return the standard deviations of steps that shrink by the factor `kept` an iteration, shape (G, T).

    The last one is that of the sum over all iterations to come. `size` and `kept` have shape (G,).
    """
    left = kept[:, None] ** (2 * times)
    after = np.concatenate([left[:, 1:], 0 * left[:, :1]], axis=1)
    return np.asarray(np.sqrt((size**2 / (1 - kept**2))[:, None] * (left - after)))
