"""The evidence of `confound.stabilization_law` and its gradient, worked out by hand and compiled by numba.

A sampler needs both some ten thousand times. This module is imported by functions only: numba takes seconds to load.
"""

import numba
import numpy as np

from confound.stabilization_settings import PATHS

EXPONENTIAL, RANDOM_WALK, CHANGEPOINT = range(len(PATHS))
EFFECT_SIDES = np.array([0.5, -0.5])
SMALL = 1e-100

_compiled = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz", "arcp"})


@_compiled
def _root(gram):  # type: ignore[no-untyped-def] # pragma: no cover
    """Replace the lower triangle of a matrix by its root; NaN where there is none."""
    n = len(gram)
    for k in range(n):
        for m in range(k + 1):
            total = gram[k, m]
            for j in range(m):
                total -= gram[k, j] * gram[m, j]
            gram[k, m] = np.sqrt(total) if k == m else total / gram[m, m]


@_compiled
def _inverse(root, inverse):  # type: ignore[no-untyped-def] # pragma: no cover
    """Put the inverse of a lower root into the lower triangle of `inverse`."""
    n = len(root)
    for k in range(n):
        inverse[k, k] = 1 / root[k, k]
        for m in range(k):
            total = 0.0
            for j in range(m, k):
                total -= root[k, j] * inverse[j, m]
            inverse[k, m] = total / root[k, k]


@_compiled
def _log_of_product(factors):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the log of a product of numbers in (0, 1]; a logarithm takes as long as ten products."""
    found, product = 0.0, 1.0
    for factor in factors:
        product *= factor
        if product < SMALL:
            found += np.log(product)
            product = 1.0
    return found + np.log(product)


@_compiled
def _condense(cuts, design, variance, weight, slope, offset, kept_of, loaded, w):  # type: ignore[no-untyped-def] # pragma: no cover
    """Add up what one group's personas say of the arms' means, as `stabilization_law.condense` without linear terms.

    `design` is (4, 2 T), `slope` (P, C, 2 T). What the gradient needs again is left in `loaded` (P, 4, 2 T) and in
    `kept_of`: given and kept (P, 2 T), told (P, 4) and inverses (P, 4, 4). Cells are the innermost loops, several of
    which a processor does at a time.
    """
    n_personas, n_cells = weight.shape
    n_effects = len(design)
    given_of, kept_all, told_of, inverses = kept_of
    const, h, v_all = 0.0, np.zeros(n_cells), np.zeros(n_cells)
    gram, z = np.empty((n_effects, n_effects)), np.empty(n_cells)
    for p in range(n_personas):
        given, kept, told, inverse = given_of[p], kept_all[p], told_of[p], inverses[p]
        for i in range(n_cells):
            given[i] = -offset[p, i]
        for c in range(len(cuts)):
            for i in range(n_cells):
                given[i] += slope[p, c, i] * cuts[c]
        lost = 0.0
        for i in range(n_cells):
            kept[i] = 1 / (1 + variance * weight[p, i])
            z[i] = given[i] * kept[i]
            lost += given[i] * z[i]
            h[i] += z[i]
            v_all[i] += weight[p, i] * kept[i]
        const += 0.5 * (variance * lost + _log_of_product(kept))
        for k in range(n_effects):
            total = 0.0
            for i in range(n_cells):
                loaded[p, k, i] = weight[p, i] * kept[i] * design[k, i]
                total += z[i] * design[k, i]
            told[k] = total
            for m in range(k + 1):
                total = 1.0 if m == k else 0.0
                for i in range(n_cells):
                    total += loaded[p, k, i] * design[m, i]
                gram[k, m] = total
        _root(gram)
        _inverse(gram, inverse)
        for k in range(n_effects):
            half = 0.0
            for m in range(k + 1):
                half += inverse[k, m] * told[m]
            const += 0.5 * half * half - np.log(gram[k, k])
            w[p, k] = 0.0
            for m in range(k + 1):
                for i in range(n_cells):
                    w[p, k, i] += inverse[k, m] * loaded[p, m, i]
            for i in range(n_cells):
                h[i] -= w[p, k, i] * half
    flat = w.reshape(n_personas * n_effects, n_cells)
    precision = -(flat.T @ flat)
    for i in range(n_cells):
        precision[i, i] += v_all[i]
    return const, h, precision


@_compiled
def _condense_back(design, variance, weight, slope, kept_of, loaded, gh, gp):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the gradients of ``const + gh'h + tr(gp precision)`` in cuts, design and variance; `gp` is symmetric."""
    n_personas, n_cells = weight.shape
    n_effects, n_cuts = len(design), slope.shape[1]
    given_of, kept_all, told_of, inverses = kept_of
    d_cuts, d_design, d_variance = np.zeros(n_cuts), np.zeros((n_effects, n_cells)), 0.0
    across_all = (loaded.reshape(n_personas * n_effects, n_cells) @ gp).reshape(n_personas, n_effects, n_cells)
    inner, within = np.empty((n_effects, n_effects)), np.empty((n_effects, n_effects))
    a, b, drawn = np.empty(n_effects), np.empty(n_effects), np.empty(n_effects)
    d_loaded, spread = np.empty(n_cells), np.empty(n_cells)
    d_v, d_z, d_given = np.empty(n_cells), np.empty(n_cells), np.empty(n_cells)
    for p in range(n_personas):
        given, kept, told, inverse = given_of[p], kept_all[p], told_of[p], inverses[p]
        across, load = across_all[p], loaded[p]
        for k in range(n_effects):
            drawn[k] = 0.0
            for i in range(n_cells):
                drawn[k] += load[k, i] * gh[i]
            for m in range(n_effects):
                inner[k, m] = 0.0
                for j in range(max(k, m), n_effects):
                    inner[k, m] += inverse[j, k] * inverse[j, m]
                total = 0.0
                for i in range(n_cells):
                    total += load[k, i] * across[m, i]
                within[k, m] = total
        for k in range(n_effects):
            a[k], b[k] = 0.0, 0.0
            for m in range(n_effects):
                a[k] += inner[k, m] * told[m]
                b[k] += inner[k, m] * drawn[m]
        both = inner @ within @ inner
        for k in range(n_effects):
            for m in range(n_effects):
                both[k, m] += 0.5 * (b[k] * a[m] + a[k] * b[m] - a[k] * a[m] - inner[k, m])
        for i in range(n_cells):
            d_v[i], d_z[i] = gp[i, i], gh[i]
        for k in range(n_effects):
            for i in range(n_cells):
                d_loaded[i], spread[i] = -gh[i] * a[k], 0.0
            for m in range(n_effects):
                for i in range(n_cells):
                    d_loaded[i] -= 2 * inner[k, m] * across[m, i]
                    spread[i] += both[k, m] * design[m, i]
            d_told = a[k] - b[k]
            for i in range(n_cells):
                d_v[i] += design[k, i] * (d_loaded[i] + spread[i])
                d_z[i] += design[k, i] * d_told
                v = weight[p, i] * kept[i]
                d_design[k, i] += v * (d_loaded[i] + 2 * spread[i]) + given[i] * kept[i] * d_told
        for i in range(n_cells):
            g, share = given[i], kept[i]
            d_given[i] = share * (d_z[i] + variance * g)
            d_kept = weight[p, i] * d_v[i] + g * d_z[i] + 0.5 * variance * g * g
            d_variance += 0.5 * (g * g - weight[p, i]) * share - weight[p, i] * share * share * d_kept
        for c in range(n_cuts):
            total = 0.0
            for i in range(n_cells):
                total += slope[p, c, i] * d_given[i]
            d_cuts[c] += total
    return d_cuts, d_design, d_variance


@_compiled
def _design(times, sds, growth):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return loadings times standard deviations, shape (4, 2 T)."""
    n = len(times)
    design = np.empty((4, 2 * n))
    for a in range(2):
        for t in range(n):
            f = 1 - np.exp(-times[t] / growth)
            design[0, a * n + t], design[1, a * n + t] = sds[0], sds[1] * f
            design[2, a * n + t], design[3, a * n + t] = sds[2] * EFFECT_SIDES[a], sds[3] * EFFECT_SIDES[a] * f
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
            d = d_design[:, a * n + t]
            d_sds += np.array([d[0], d[1] * (1 - left), d[2] * side, d[3] * side * (1 - left)])
            d_growth -= (d[1] * sds[1] + d[3] * sds[3] * side) * left * times[t] / growth**2
    return d_sds, d_growth


@_compiled
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


@_compiled
def _factor(kind, times, effect_sd, bias_sd, own):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the factor of a path, shape (2 T, Q), and the slopes of a walk's steps."""
    n = len(times)
    if kind == EXPONENTIAL:
        factor, slopes = np.zeros((2 * n, 3)), np.zeros((2, n))
        for t in range(n):
            left = bias_sd * np.exp(-times[t] / own[0])
            factor[t, 1], factor[n + t, 2] = left, -left
    else:
        sds, slopes = _steps(kind, times, own)
        factor = np.zeros((2 * n, 1 + 2 * n))
        for a in range(2):
            for t in range(n):
                for j in range(t, n):
                    factor[a * n + t, 1 + 2 * j + a] = sds[j]
    for a in range(2):
        factor[a * n : (a + 1) * n, 0] = EFFECT_SIDES[a] * effect_sd
    return factor, slopes


@_compiled
def _factor_back(kind, times, bias_sd, own, slopes, d_factor):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the gradients in the standard deviations of effect and bias and in `own`."""
    n = len(times)
    d_effect, d_bias, d_own = 0.0, 0.0, np.zeros(2)
    for a in range(2):
        for t in range(n):
            d = d_factor[a * n + t]
            d_effect += EFFECT_SIDES[a] * d[0]
            if kind == EXPONENTIAL:
                left, up = np.exp(-times[t] / own[0]), 2 * EFFECT_SIDES[a] * d[1 + a]
                d_bias += left * up
                d_own[0] += bias_sd * left * times[t] / own[0] ** 2 * up
            else:
                for j in range(t, n):
                    for k in range(2):
                        d_own[k] += slopes[k, j] * d[1 + 2 * j + a]
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
def _path_evidence(const, h, precision, middle, factor, ends):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the log evidence averaged over variants, and its gradients in h, precision, middle and factor."""
    n_columns, n_variants = factor.shape[1], len(ends)
    pulled = precision @ middle
    drawn = precision @ factor
    toward = factor.T @ (h - pulled)
    root, inverse = factor.T @ drawn + np.eye(n_columns), np.zeros((n_columns, n_columns))
    _root(root)
    _inverse(root, inverse)
    half = inverse @ toward
    gained, logs, at = 0.0, np.empty(n_variants), 0
    for u in range(n_variants):
        while at < ends[u]:
            gained += 0.5 * half[at] * half[at] - np.log(root[at, at])
            at += 1
        logs[u] = gained
    top = np.max(logs)
    shares = np.exp(logs - top)
    total = np.sum(shares)
    found = const + np.sum((h - 0.5 * pulled) * middle) + top + np.log(total / n_variants)
    # Of the posterior over variants: the mean of z, and the second moment of z.
    mean, second = np.zeros(n_columns), np.zeros((n_columns, n_columns))
    reach, x, at = np.ones(n_columns), np.zeros(n_columns), 0
    for u in range(n_variants):
        share = shares[u] / total
        while at < ends[u]:
            for k in range(at + 1):
                x[k] += inverse[at, k] * half[at]
            at += 1
        reach[at:] -= share
        mean += share * x
        for k in range(at):
            for m in range(at):
                second[k, m] += share * x[k] * x[m]
    for j in range(n_columns):
        for k in range(j + 1):
            for m in range(j + 1):
                second[k, m] += reach[j] * inverse[j, k] * inverse[j, m]
    moved = factor @ mean
    fitted = factor @ second
    gp = -0.5 * (np.outer(middle, middle + moved) + np.outer(moved, middle) + fitted @ factor.T)
    d_factor = np.outer(h - pulled, mean) - drawn @ second
    return found, middle + moved, gp, h - pulled - drawn @ mean, d_factor


@_compiled
def _ends(kind, n_times):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return how many columns each variant uses, as `stabilization_law.variants`."""
    if kind == CHANGEPOINT:
        ends = 1 + 2 * np.arange(n_times)
        ends[n_times - 1] += 2
        return ends
    return np.array([3 if kind == EXPONENTIAL else 1 + 2 * n_times])


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
    loaded, w, cells = (
        np.empty((n_personas, 4, n_cells)),
        np.empty((n_personas, 4, n_cells)),
        np.empty((2, n_personas, n_cells)),
    )
    kept_of = cells[0], cells[1], np.empty((n_personas, 4)), np.zeros((n_personas, 4, 4))
    ends = _ends(kind, len(times))
    for g in range(n_groups):
        design = _design(times, sds[g], growth[g])
        const, h, precision = _condense(
            cuts[g], design, noise[g] ** 2, weight[g], slope[g], offset[g], kept_of, loaded, w
        )
        factor, slopes = _factor(kind, times, effect_sd[g], bias_sd[g], own[g])
        middle, by_centre, by_own = _middle(kind, times, centre[g], own[g])
        found[g], gh, gp, d_middle, d_factor = _path_evidence(const, h, precision, middle, factor, ends)
        d_cuts[g], d_design, d_variance = _condense_back(
            design, noise[g] ** 2, weight[g], slope[g], kept_of, loaded, gh, gp
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
