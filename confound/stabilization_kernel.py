"""The evidence of `confound.stabilization_law` and its gradient, worked out by hand and compiled by numba.

A sampler needs both some ten thousand times. This module is imported by functions only: numba takes seconds to load.
"""

import numba
import numpy as np

from confound.stabilization_settings import PATHS

EXPONENTIAL, RANDOM_WALK, CHANGEPOINT = range(len(PATHS))
EFFECT_SIDES = np.array([0.5, -0.5])

_compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _root(gram):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the lower root of a small matrix; NaN where there is none."""
    n = len(gram)
    root = np.zeros((n, n))
    for k in range(n):
        for m in range(k + 1):
            total = gram[k, m]
            for j in range(m):
                total -= root[k, j] * root[m, j]
            root[k, m] = np.sqrt(total) if k == m else total / root[m, m]
    return root


@_compiled
def _inverse(root):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the inverse of a lower root."""
    n = len(root)
    inverse = np.zeros((n, n))
    for k in range(n):
        inverse[k, k] = 1 / root[k, k]
        for m in range(k):
            total = 0.0
            for j in range(m, k):
                total -= root[k, j] * inverse[j, m]
            inverse[k, m] = total / root[k, k]
    return inverse


@_compiled
def _condense(cuts, design, variance, weight, slope, offset, given, told, inverses):  # type: ignore[no-untyped-def] # pragma: no cover
    """Add up what one group's personas say of the arms' means, as `stabilization_law.condense` without linear terms.

    What the gradient needs again is left in `given` (P, 2 T), `told` (P, 4) and `inverses` (P, 4, 4).
    """
    n_personas, n_cells = weight.shape
    n_effects = design.shape[1]
    const, h, precision = 0.0, np.zeros(n_cells), np.zeros((n_cells, n_cells))
    loaded = np.empty((n_cells, n_effects))
    for p in range(n_personas):
        gram = np.eye(n_effects)
        told[p] = 0.0
        for i in range(n_cells):
            given[p, i] = -offset[p, i]
            for c in range(len(cuts)):
                given[p, i] += slope[p, i, c] * cuts[c]
            kept = 1 / (1 + variance * weight[p, i])
            v, z = weight[p, i] * kept, given[p, i] * kept
            const += 0.5 * (variance * given[p, i] * z + np.log(kept))
            h[i] += z
            precision[i, i] += v
            for k in range(n_effects):
                loaded[i, k] = v * design[i, k]
                told[p, k] += z * design[i, k]
                for m in range(k + 1):
                    gram[k, m] += loaded[i, k] * design[i, m]
        root = _root(gram)
        inverses[p] = _inverse(root)
        half = inverses[p] @ told[p]
        for k in range(n_effects):
            const += 0.5 * half[k] * half[k] - np.log(root[k, k])
        h -= loaded @ (inverses[p].T @ half)
        w = loaded @ inverses[p].T
        precision -= w @ w.T
    return const, h, precision


@_compiled
def _condense_back(design, variance, weight, slope, given, told, inverses, gh, gp):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the gradients of ``const + gh'h + tr(gp precision)`` in cuts, design and variance; `gp` is symmetric."""
    n_personas, n_cells = weight.shape
    n_effects, n_cuts = design.shape[1], slope.shape[2]
    d_cuts, d_design, d_variance = np.zeros(n_cuts), np.zeros((n_cells, n_effects)), 0.0
    loaded, v, kept = np.empty((n_cells, n_effects)), np.empty(n_cells), np.empty(n_cells)
    for p in range(n_personas):
        for i in range(n_cells):
            kept[i] = 1 / (1 + variance * weight[p, i])
            v[i] = weight[p, i] * kept[i]
            for k in range(n_effects):
                loaded[i, k] = v[i] * design[i, k]
        inner = inverses[p].T @ inverses[p]
        a = inner @ told[p]
        b = inner @ (loaded.T @ gh)
        across = gp @ loaded
        both = inner @ (loaded.T @ across) @ inner
        for k in range(n_effects):
            for m in range(n_effects):
                both[k, m] += 0.5 * (b[k] * a[m] + a[k] * b[m] - a[k] * a[m] - inner[k, m])
        d_told = a - b
        pulled, spread = across @ inner, design @ both
        for i in range(n_cells):
            d_v, d_z, g = gp[i, i], gh[i], given[p, i]
            z = g * kept[i]
            for k in range(n_effects):
                d_loaded = -gh[i] * a[k] - 2 * pulled[i, k]
                d_v += design[i, k] * (d_loaded + spread[i, k])
                d_z += design[i, k] * d_told[k]
                d_design[i, k] += v[i] * (d_loaded + 2 * spread[i, k]) + z * d_told[k]
            d_kept = weight[p, i] * d_v + g * d_z + 0.5 * (variance * g * g + 1 / kept[i])
            d_given = kept[i] * (d_z + variance * g)
            d_variance += 0.5 * g * z - weight[p, i] * kept[i] ** 2 * d_kept
            for c in range(n_cuts):
                d_cuts[c] += slope[p, i, c] * d_given
    return d_cuts, d_design, d_variance


@_compiled
def _design(times, sds, growth):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return loadings times standard deviations, shape (2 T, 4)."""
    n = len(times)
    design = np.empty((2 * n, 4))
    for a in range(2):
        for t in range(n):
            f = 1 - np.exp(-times[t] / growth)
            design[a * n + t, 0], design[a * n + t, 1] = sds[0], sds[1] * f
            design[a * n + t, 2], design[a * n + t, 3] = sds[2] * EFFECT_SIDES[a], sds[3] * EFFECT_SIDES[a] * f
    return design


@_compiled
def _design_back(times, sds, growth, d_design):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the gradients in the standard deviations and in growth."""
    n = len(times)
    d_sds, d_growth = np.zeros(4), 0.0
    for a in range(2):
        side = EFFECT_SIDES[a]
        for t in range(n):
            left = np.exp(-times[t] / growth)
            d = d_design[a * n + t]
            d_sds += np.array([d[0], d[1] * (1 - left), d[2] * side, d[3] * side * (1 - left)])
            d_growth -= (d[1] * sds[1] + d[3] * sds[3] * side) * left * times[t] / growth**2
    return d_sds, d_growth


@_compiled
def _steps(kind, times, own):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the standard deviations of a walk's steps, shape (V, T), and their slopes in `own`, shape (2, V, T)."""
    n = len(times)
    if kind == CHANGEPOINT:
        sds, slopes = np.zeros((n + 1, n)), np.zeros((2, n + 1, n))
        for v in range(n + 1):
            sds[v, :v], slopes[0, v, :v] = own[0], 1.0
        return sds, slopes
    sds, slopes = np.zeros((1, n)), np.zeros((2, 1, n))
    size, kept = own
    rest = 1 - kept**2
    for j in range(n):
        left, d_left = kept ** (2 * times[j]), 2 * times[j] * kept ** (2 * times[j] - 1)
        if j < n - 1:
            left -= kept ** (2 * times[j + 1])
            d_left -= 2 * times[j + 1] * kept ** (2 * times[j + 1] - 1)
        unit = np.sqrt(left / rest)
        sds[0, j], slopes[0, 0, j] = size * unit, unit
        slopes[1, 0, j] = size * (d_left / rest + 2 * kept * left / rest**2) / (2 * unit)
    return sds, slopes


@_compiled
def _factor(kind, times, effect_sd, bias_sd, own):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the factor of a path, shape (V, 2 T, Q), and the slopes of a walk's steps."""
    n = len(times)
    if kind == EXPONENTIAL:
        factor, slopes = np.zeros((1, 2 * n, 3)), np.zeros((2, 1, n))
        for t in range(n):
            left = bias_sd * np.exp(-times[t] / own[0])
            factor[0, t, 1], factor[0, n + t, 2] = left, -left
    else:
        sds, slopes = _steps(kind, times, own)
        factor = np.zeros((len(sds), 2 * n, 1 + 2 * n))
        for a in range(2):
            for t in range(n):
                factor[:, a * n + t, 1 + a * n + t : 1 + (a + 1) * n] = sds[:, t:]
    for a in range(2):
        factor[:, a * n : (a + 1) * n, 0] = EFFECT_SIDES[a] * effect_sd
    return factor, slopes


@_compiled
def _factor_back(kind, times, bias_sd, own, slopes, d_factor):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the gradients in the standard deviations of effect and bias and in `own`."""
    n = len(times)
    d_effect, d_bias, d_own = 0.0, 0.0, np.zeros(2)
    for v in range(len(d_factor)):
        for a in range(2):
            for t in range(n):
                d = d_factor[v, a * n + t]
                d_effect += EFFECT_SIDES[a] * d[0]
                if kind == EXPONENTIAL:
                    left, up = np.exp(-times[t] / own[0]), 2 * EFFECT_SIDES[a] * d[1 + a]
                    d_bias += left * up
                    d_own[0] += bias_sd * left * times[t] / own[0] ** 2 * up
                else:
                    for j in range(t, n):
                        for k in range(2):
                            d_own[k] += slopes[k, v, j] * d[1 + a * n + j]
    return d_effect, d_bias, d_own


@_compiled
def _middle(kind, times, centre, own):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the expected means of the arms, shape (2 T,), and the slope of each in `centre` (2 T, 3) and `own`."""
    n = len(times)
    slope, d_own = np.zeros((2 * n, 3)), np.zeros(2 * n)
    for a in range(2):
        for t in range(n):
            slope[a * n + t, 0] = EFFECT_SIDES[a]
            if kind == EXPONENTIAL:
                left = 2 * EFFECT_SIDES[a] * np.exp(-times[t] / own[0])
                slope[a * n + t, 1 + a] = left
                d_own[a * n + t] = centre[1 + a] * left * times[t] / own[0] ** 2
    return slope @ centre, slope, d_own


@_compiled
def _path_evidence(const, h, precision, middle, factor):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the log evidence averaged over variants, and its gradients in h, precision, middle and factor."""
    n_variants, n_cells, n_columns = factor.shape
    halves, logs = np.empty((n_variants, n_columns, n_columns)), np.empty(n_variants)
    pulled = precision @ middle
    toward = h - pulled
    for u in range(n_variants):
        root = _root(factor[u].T @ (precision @ factor[u]) + np.eye(n_columns))
        halves[u] = _inverse(root)
        half = halves[u] @ (factor[u].T @ toward)
        logs[u] = 0.5 * np.sum(half * half) - np.sum(np.log(np.diag(root)))
    top = np.max(logs)
    shares = np.exp(logs - top)
    total = np.sum(shares)
    found = const + np.sum((h - 0.5 * pulled) * middle) + top + np.log(total / n_variants)
    gh, gp = np.zeros(n_cells), np.zeros((n_cells, n_cells))
    d_middle, d_factor = np.zeros(n_cells), np.empty_like(factor)
    for u in range(n_variants):
        share, f = shares[u] / total, factor[u]
        inner = halves[u].T @ halves[u]
        x = inner @ (f.T @ toward)
        mean, fitted = middle + f @ x, f @ inner
        left = h - precision @ mean
        gh += share * mean
        gp -= 0.5 * share * (np.outer(mean, mean) + fitted @ f.T)
        d_middle += share * left
        d_factor[u] = share * (np.outer(left, x) - precision @ fitted)
    return found, gh, gp, d_middle, d_factor


@_compiled
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


@_compiled
def evidence(kind, times, cuts, sds, noise, growth, centre, effect_sd, bias_sd, own, data):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return each group's log evidence, averaged over variants, and its gradients.

    Parameters
    ----------
    kind : int
        Place in `confound.stabilization_settings.PATHS`.
    times : shape (T,)
    cuts, sds, noise, growth : see `confound.stabilization_law.Persons`
    centre, effect_sd, bias_sd : shapes (G, 3), (G,) and (G,)
        See `confound.stabilization_draws.Theta`.
    own : shape (G, 2)
        The path's own: scale and nothing; step and kept; step and nothing.
    data : tuple
        Of `confound.stabilization_law.Quadratic`: weight, slope and offset; const, linear, square and between, added
        up over personas.

    Returns
    -------
    tuple
        The log evidence (G,), and its gradients in cuts, sds, noise, growth, centre, effect_sd, bias_sd, own.
    """
    weight, slope, offset, alone, linear, square, between = data
    n_groups, n_personas, n_cells = weight.shape
    found = np.empty(n_groups)
    d_cuts, d_sds, d_noise, d_growth = np.empty_like(cuts), np.empty_like(sds), np.empty(n_groups), np.empty(n_groups)
    d_centre, d_effect, d_bias, d_own = (
        np.empty_like(centre),
        np.empty(n_groups),
        np.empty(n_groups),
        np.empty((n_groups, 2)),
    )
    given, told, inverses = np.empty((n_personas, n_cells)), np.empty((n_personas, 4)), np.empty((n_personas, 4, 4))
    for g in range(n_groups):
        design = _design(times, sds[g], growth[g])
        const, h, precision = _condense(
            cuts[g], design, noise[g] ** 2, weight[g], slope[g], offset[g], given, told, inverses
        )
        factor, slopes = _factor(kind, times, effect_sd[g], bias_sd[g], own[g])
        middle, by_centre, by_own = _middle(kind, times, centre[g], own[g])
        found[g], gh, gp, d_middle, d_factor = _path_evidence(const, h, precision, middle, factor)
        d_cuts[g], d_design, d_variance = _condense_back(
            design, noise[g] ** 2, weight[g], slope[g], given, told, inverses, gh, gp
        )
        directly, d_directly = _direct(cuts[g], alone[g], linear[g], square[g], between[g])
        found[g] += directly
        d_cuts[g] += d_directly
        d_noise[g] = 2 * noise[g] * d_variance
        d_sds[g], d_growth[g] = _design_back(times, sds[g], growth[g], d_design)
        d_effect[g], d_bias[g], d_own[g] = _factor_back(kind, times, bias_sd[g], own[g], slopes, d_factor)
        d_centre[g] = by_centre.T @ d_middle
        d_own[g, 0] += np.sum(by_own * d_middle)
    return found, d_cuts, d_sds, d_noise, d_growth, d_centre, d_effect, d_bias, d_own
