"""The evidence of `law` and its gradient, worked out by hand and compiled by numba.

A sampler needs both some hundred thousand times.

This module is imported by functions only: numba takes seconds to load.
"""

import numpy as np

from confound.statistics.stabilization.inputs import PATHS
from confound.statistics.stabilization.personas import EFFECT_SIDES, compiled, condense, condense_back, memory

EXPONENTIAL, CHANGEPOINT = PATHS.index("exponential"), PATHS.index("changepoint")
CENTRES = 3  # of a group: settled effect, halves of the biases of the treated and the control arm


@compiled
def _root(gram):  # type: ignore[no-untyped-def] # pragma: no cover
    """Replace the lower triangle of a matrix by its root; NaN where there is none."""
    n = len(gram)
    for k in range(n):
        for m in range(k + 1):
            total = gram[k, m]
            for j in range(m):
                total -= gram[k, j] * gram[m, j]
            gram[k, m] = np.sqrt(total) if k == m else total / gram[m, m]


@compiled
def _inverse(root):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the inverse of a lower root."""
    n = len(root)
    inverse = np.zeros((n, n))
    for k in range(n):
        inverse[k, k] = 1 / root[k, k]
        for j in range(k):
            for m in range(j + 1):
                inverse[k, m] -= root[k, j] * inverse[j, m]
        for m in range(k):
            inverse[k, m] *= inverse[k, k]
    return inverse


@compiled
def _basis(kind, times, own):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the coordinates' basis, shape (T, q), and its slope in ``own[0]``."""
    n = len(times)
    if kind != EXPONENTIAL:
        return np.eye(n), np.zeros((n, n))
    basis, slope = np.ones((n, 2)), np.zeros((n, 2))
    basis[:, 1] = np.exp(-times / own[0])
    slope[:, 1] = basis[:, 1] * times / own[0] ** 2
    return basis, slope


@compiled
def _arms(kind, q):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the slopes of the arms' coordinates in a group's centre, shape (2 q, 3)."""
    arms = np.zeros((2 * q, CENTRES))
    for a in range(2):
        if kind == EXPONENTIAL:
            arms[a * q, 0], arms[a * q + 1, 1 + a] = EFFECT_SIDES[a], 2 * EFFECT_SIDES[a]
        else:
            arms[a * q : (a + 1) * q, 0] = EFFECT_SIDES[a]
    return arms


@compiled
def _steps(kind, times, own):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the standard deviations of a walk's steps, shape (T,), and their slopes in `own`, shape (2, T)."""
    n = len(times)
    if kind == CHANGEPOINT:
        slopes = np.zeros((2, n))
        slopes[0], slopes[0, n - 1] = 1.0, np.sqrt(n)
        return own[0] * slopes[0], slopes
    sds, slopes = np.zeros(n), np.zeros((2, n))
    size, kept = own
    rest = 1 - kept**2
    for j in range(n):
        left, d_left = kept ** (2 * times[j]), 2 * times[j] * kept ** (2 * times[j] - 1)
        if j < n - 1:
            left -= kept ** (2 * times[j + 1])
            d_left -= 2 * times[j + 1] * kept ** (2 * times[j + 1] - 1)
        unit = np.sqrt(left / rest)
        sds[j], slopes[0, j] = size * unit, unit
        slopes[1, j] = size * (d_left / rest + 2 * kept * left / rest**2) / (2 * unit)
    return sds, slopes


@compiled
def _factor(kind, arms, times, effect_sd, bias_sd, own):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the factor of a path, shape (2 q, Q), and the slopes of a walk's steps."""
    n = len(times)
    if kind == EXPONENTIAL:
        factor = arms * bias_sd
        factor[:, 0] = arms[:, 0] * effect_sd
        return factor, np.zeros((2, n))
    sds, slopes = _steps(kind, times, own)
    factor = np.zeros((2 * n, 1 + 2 * n))
    factor[:, 0] = arms[:, 0] * effect_sd
    for a in range(2):
        for t in range(n):
            for j in range(t, n):
                factor[a * n + t, 1 + 2 * j + a] = sds[j]
    return factor, slopes


@compiled
def _factor_back(kind, arms, slopes, d_factor):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the gradients in the standard deviations of effect and bias and in `own`."""
    d_effect, d_bias, d_own = np.sum(arms[:, 0] * d_factor[:, 0]), 0.0, np.zeros(2)
    if kind == EXPONENTIAL:
        return d_effect, np.sum(arms[:, 1:] * d_factor[:, 1:]), d_own
    n = slopes.shape[1]
    for a in range(2):
        for t in range(n):
            for j in range(t, n):
                for k in range(2):
                    d_own[k] += slopes[k, j] * d_factor[a * n + t, 1 + 2 * j + a]
    return d_effect, d_bias, d_own


@compiled
def _ends(kind, n_times):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return how many columns each variant uses, as `law.variants`."""
    if kind == CHANGEPOINT:
        ends = 1 + 2 * np.arange(n_times)
        ends[n_times - 1] += 2
        return ends
    return np.array([3 if kind == EXPONENTIAL else 1 + 2 * n_times])


@compiled
def _path_evidence(h, precision, middle, factor, ends):  # type: ignore[no-untyped-def] # pragma: no cover
    """Integrate the path out; variants are as likely as each other.

    Returns the log evidence less `const`, and its gradients in h, precision, middle and factor: means over the
    posterior of the path.
    """
    n_columns, n_variants = factor.shape[1], len(ends)
    pulled, drawn = precision @ middle, precision @ factor
    left = h - pulled
    root = factor.T @ drawn
    for k in range(n_columns):
        root[k, k] += 1.0
    _root(root)
    inverse = _inverse(root)
    half = inverse @ (factor.T @ left)
    gained, logs, at = 0.0, np.empty(n_variants), 0
    for u in range(n_variants):
        while at < ends[u]:
            gained += 0.5 * half[at] * half[at] - np.log(root[at, at])
            at += 1
        logs[u] = gained
    top = np.max(logs)
    shares = np.exp(logs - top)
    total = np.sum(shares)
    # The second moment of z is that of these rows: its mean in each variant, then what each column varies by about it.
    rows, reach = np.zeros((n_variants + n_columns, n_columns)), np.ones(n_columns)
    mean, x, at = np.zeros(n_columns), np.zeros(n_columns), 0
    for u in range(n_variants):
        share = shares[u] / total
        while at < ends[u]:
            x += inverse[at] * half[at]
            at += 1
        reach[at:] -= share
        mean += share * x
        rows[u] = np.sqrt(share) * x
    for j in range(n_columns):
        rows[n_variants + j] = np.sqrt(max(reach[j], 0.0)) * inverse[j]
    second = rows.T @ rows
    moved, fitted = factor @ mean, factor @ second
    gp = -0.5 * (np.outer(middle, middle + moved) + np.outer(moved, middle) + fitted @ factor.T)
    found = np.sum((h - 0.5 * pulled) * middle) + top + np.log(total / n_variants)
    return found, middle + moved, gp, left - drawn @ mean, np.outer(left, mean) - drawn @ second


@compiled
def _direct(cuts, const, linear, square, between):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return one group's terms that depend on nothing but cutpoints, and their gradient."""
    found, d_cuts = const + np.sum(linear * cuts - 0.5 * square * cuts**2), linear - square * cuts
    for c in range(len(between)):
        if between[c] > 0:
            gap = cuts[c + 1] - cuts[c]
            found += between[c] * np.log(-np.expm1(-gap))
            odds = between[c] / np.expm1(gap)
            d_cuts[c] -= odds
            d_cuts[c + 1] += odds
    return found, d_cuts


@compiled
def evidence(kind, times, cuts, sds, noise, growth, centre, effect_sd, bias_sd, own, data):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the log evidence of all groups together, averaged over variants, and its gradients.

    Parameters
    ----------
    kind : int
        Place in `inputs.PATHS`.
    times : shape (T,)
    cuts, sds, noise, growth : see `law.Persons`
    centre, effect_sd, bias_sd : shapes (G, 3), (G,) and (G,)
        See `draws.Theta`.
    own : shape (G, 2)
        The path's own: scale and nothing; step and kept; step and nothing.
    data : tuple
        Of `law.Quadratic`, personas on the last axis: weight (G, 2 T, P), slope (G, C, 2 T, P)
        and offset (G, 2 T, P); and const, linear, square and between, added up over personas.

    Returns
    -------
    tuple
        The log evidence, and its gradients in cuts, sds, noise, growth, centre, effect_sd, bias_sd, own.
    """
    weight, slope, offset, alone, linear, square, between = data
    (n_groups, n_cells, n_personas), n_times = weight.shape, len(times)
    q = 2 if kind == EXPONENTIAL else n_times
    arms, ends, room = _arms(kind, q), _ends(kind, n_times), memory(n_cells, q, n_personas)
    d_cuts, d_sds, d_noise, d_growth = np.empty_like(cuts), np.empty_like(sds), np.empty(n_groups), np.empty(n_groups)
    d_centre, d_own = np.empty_like(centre), np.empty((n_groups, 2))
    d_effect, d_bias, found = np.empty(n_groups), np.empty(n_groups), 0.0
    for g in range(n_groups):
        left, variance = np.exp(-times / growth[g]), noise[g] ** 2
        basis, by_own = _basis(kind, times, own[g])
        const, h, precision = condense(cuts[g], sds[g], variance, 1 - left, basis, weight[g], slope[g], offset[g], room)
        factor, slopes = _factor(kind, arms, times, effect_sd[g], bias_sd[g], own[g])
        gained, gh, gp, d_middle, d_factor = _path_evidence(h, precision, arms @ centre[g], factor, ends)
        d_cuts[g], d_sds[g], d_variance, d_f, d_basis = condense_back(
            sds[g], variance, 1 - left, basis, weight[g], slope[g], room, gh, gp
        )
        directly, d_directly = _direct(cuts[g], alone[g], linear[g], square[g], between[g])
        found += const + gained + directly
        d_cuts[g] += d_directly
        d_noise[g] = 2 * noise[g] * d_variance
        d_growth[g] = -np.sum(d_f * left * times) / growth[g] ** 2
        d_centre[g] = arms.T @ d_middle
        d_effect[g], d_bias[g], d_own[g] = _factor_back(kind, arms, slopes, d_factor)
        d_own[g, 0] += np.sum(d_basis * by_own)
    return found, d_cuts, d_sds, d_noise, d_growth, d_centre, d_effect, d_bias, d_own
