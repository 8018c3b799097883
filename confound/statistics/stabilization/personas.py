"""What personas say of the arms' means, added up, and its gradient: worked out by hand and compiled by numba.

As `law.condense`, of one group, but on the coordinates of a basis: in each arm
``m_a(t) = sum_j basis_tj coordinate_aj``. An exponential path has two of them an arm and needs no more, while a walk
has all of its iterations.

Personas are the last axis of every array and the innermost of every loop, so that a processor does several of them at
a time; of a persona's effects each arm sees two, level and growth, which is all that its answers tell of.

This module is imported by functions only: numba takes seconds to load.
"""

import numba
import numpy as np

# The kernels below stay in one piece each: arrays handed between smaller ones would be written and read once more.
EFFECT_SIDES = np.array([0.5, -0.5])
TOGETHER = 8  # factors of a product whose logarithm is taken: a logarithm takes as long as ten products

compiled = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz", "arcp"})


@compiled
def memory(n_cells, q, n_personas):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return room for what the gradient needs again.

    Given and kept (2 T, P), of cells; sums (2, 3, P), seen and told (4, P), of each arm's two effects; reach
    (2, q, 2, P), of these in the arm's coordinates; joint and half (4, 4, P), see `_effects`.
    """
    given, kept = np.empty((n_cells, n_personas)), np.empty((n_cells, n_personas))
    sums, seen, told = np.empty((2, 3, n_personas)), np.empty((4, n_personas)), np.empty((4, n_personas))
    reach = np.empty((2, q, 2, n_personas))
    joint, half = np.empty((4, 4, n_personas)), np.empty((4, 4, n_personas))
    return given, kept, sums, seen, told, reach, joint, half


@compiled
def condense(cuts, sds, variance, f, basis, weight, slope, offset, room):  # type: ignore[no-untyped-def] # pragma: no cover
    """Integrate persona effects and noise out, as far as they depend on more than cutpoints.

    Parameters
    ----------
    cuts, sds : shapes (C,) and (4,)
    variance : float
        Of noise.
    f : shape (T,)
        How far persona effects have grown.
    basis : shape (T, q)
    weight, slope, offset : shapes (2 T, P), (C, 2 T, P) and (2 T, P)
    room : tuple
        From `memory`.

    Returns
    -------
    const : float
    h, precision : shapes (2 q,) and (2 q, 2 q)
    """
    given, kept, sums, seen, told, reach, joint, half = room
    const, h, total = _cells(cuts, variance, f, basis, weight, slope, offset, given, kept, sums, seen, reach)
    const += _effects(sds, sums, joint, half)
    n_personas, (n_times, q) = weight.shape[1], basis.shape
    precision = np.zeros((2 * q, 2 * q))
    spanned = np.zeros((2 * q, 2, n_personas))
    for k in range(4):
        for p in range(n_personas):
            told[k, p] = 0.0
        for m in range(4):
            for p in range(n_personas):
                told[k, p] += joint[k, m, p] * seen[m, p]
        for p in range(n_personas):
            const += 0.5 * told[k, p] * seen[k, p]
    for a in range(2):
        for b in range(2):
            for j in range(q):
                for k in range(2):
                    for p in range(n_personas):
                        spanned[b * q + j, k, p] = (
                            joint[2 * a + k, 2 * b, p] * reach[b, j, 0, p]
                            + joint[2 * a + k, 2 * b + 1, p] * reach[b, j, 1, p]
                        )
        own = reach[a].reshape((q, 2 * n_personas))
        precision[a * q : (a + 1) * q] = -(own @ spanned.reshape((2 * q, 2 * n_personas)).T)
        for i in range(q):
            for k in range(2):
                for p in range(n_personas):
                    h[a * q + i] -= reach[a, i, k, p] * told[2 * a + k, p]
        for t in range(n_times):
            for i in range(q):
                if basis[t, i] != 0:
                    precision[a * q + i, a * q : (a + 1) * q] += total[a * n_times + t] * basis[t, i] * basis[t]
    return const, h, precision


@compiled
def _cells(cuts, variance, f, basis, weight, slope, offset, given, kept, sums, seen, reach):  # type: ignore[no-untyped-def] # pragma: no cover
    """Integrate noise out, and add cells up."""
    n_cells, n_personas = weight.shape
    n_times, q = basis.shape
    const, h, total, product = 0.0, np.zeros(2 * q), np.zeros(n_cells), np.ones(n_personas)
    sums[:], seen[:], reach[:] = 0.0, 0.0, 0.0
    for i in range(n_cells):
        a, t = i // n_times, i % n_times
        for p in range(n_personas):
            given[i, p] = -offset[i, p]
        for c in range(len(cuts)):
            for p in range(n_personas):
                given[i, p] += slope[c, i, p] * cuts[c]
        sum_v, sum_z, lost = 0.0, 0.0, 0.0
        for p in range(n_personas):
            share = 1 / (1 + variance * weight[i, p])
            v, z = weight[i, p] * share, given[i, p] * share
            kept[i, p] = share
            product[p] *= share
            lost += given[i, p] * z
            sum_v += v
            sum_z += z
            sums[a, 0, p] += v
            sums[a, 1, p] += v * f[t]
            sums[a, 2, p] += v * f[t] * f[t]
            seen[2 * a, p] += z
            seen[2 * a + 1, p] += z * f[t]
        const += 0.5 * variance * lost
        total[i] = sum_v
        if (i + 1) % TOGETHER == 0 or i == n_cells - 1:
            const += 0.5 * np.sum(np.log(product))
            product[:] = 1.0
        for j in range(q):
            if basis[t, j] != 0:
                h[a * q + j] += basis[t, j] * sum_z
                for p in range(n_personas):
                    v = weight[i, p] * kept[i, p] * basis[t, j]
                    reach[a, j, 0, p] += v
                    reach[a, j, 1, p] += v * f[t]
    return const, h, total


@compiled
def _effects(sds, sums, joint, half):  # type: ignore[no-untyped-def] # pragma: no cover
    """Invert each persona's precision of its effects ``K = 1 + D S D``, D their standard deviations.

    Returns the sum of ``-log det K / 2``. Left in `half` is ``D / K``, and in `joint` the covariance ``D / K D`` of
    what the arms see, (treated level, treated growth, control level, control growth).
    """
    n_personas = sums.shape[-1]
    root, inverse = np.empty((4, 4, n_personas)), np.zeros((4, 4, n_personas))
    for k in range(2):
        for m in range(2):
            for p in range(n_personas):
                plus = sums[0, k + m, p] + sums[1, k + m, p]
                minus = 0.5 * (sums[0, k + m, p] - sums[1, k + m, p])
                root[k, m, p] = sds[k] * sds[m] * plus
                root[2 + k, m, p] = sds[2 + k] * sds[m] * minus
                root[2 + k, 2 + m, p] = sds[2 + k] * sds[2 + m] * 0.25 * plus
    for k in range(4):
        root[k, k] += 1.0
    product = np.ones(n_personas)
    for k in range(4):
        for m in range(k + 1):
            for j in range(m):
                for p in range(n_personas):
                    root[k, m, p] -= root[k, j, p] * root[m, j, p]
            if m < k:
                for p in range(n_personas):
                    root[k, m, p] *= inverse[m, m, p]
            else:
                for p in range(n_personas):
                    root[k, k, p] = np.sqrt(root[k, k, p])
                    inverse[k, k, p] = 1 / root[k, k, p]
                    product[p] *= inverse[k, k, p]
    for k in range(4):
        for m in range(k):
            for j in range(m, k):
                for p in range(n_personas):
                    inverse[k, m, p] -= root[k, j, p] * inverse[j, m, p]
            for p in range(n_personas):
                inverse[k, m, p] *= inverse[k, k, p]
    for k in range(4):
        for m in range(4):
            half[k, m] = 0.0
            for j in range(max(k, m), 4):
                for p in range(n_personas):
                    half[k, m, p] += sds[k] * inverse[j, k, p] * inverse[j, m, p]
    for a in range(2):
        for b in range(2):
            one, other = EFFECT_SIDES[a], EFFECT_SIDES[b]
            for k in range(2):
                for m in range(2):
                    for p in range(n_personas):
                        joint[2 * a + k, 2 * b + m, p] = (
                            half[k, m, p] * sds[m]
                            + other * half[k, 2 + m, p] * sds[2 + m]
                            + one * half[2 + k, m, p] * sds[m]
                            + one * other * half[2 + k, 2 + m, p] * sds[2 + m]
                        )
    return np.sum(np.log(product))


@compiled
def condense_back(sds, variance, f, basis, weight, slope, room, gh, gp):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the gradients of ``const + gh'h + tr(gp precision)`` in cuts, sds, variance, f and basis.

    `gp` is symmetric; the other arguments are those of `condense`.
    """
    given, kept, sums, seen, told, reach, joint, half = room
    n_personas, q = weight.shape[1], basis.shape[1]
    d_reach = np.zeros((2, q, 2, n_personas))
    up, drawn = np.zeros((4, 4, n_personas)), np.zeros((4, n_personas))  # gradient in `joint`; of `seen` through h
    for a in range(2):
        for j in range(q):
            for k in range(2):
                for p in range(n_personas):
                    drawn[2 * a + k, p] += reach[a, j, k, p] * gh[a * q + j]
        across = np.ascontiguousarray(gp[:, a * q : (a + 1) * q]) @ reach[a].reshape((q, 2 * n_personas))
        pulled = across.reshape((2 * q, 2, n_personas))
        for b in range(2):
            for j in range(q):
                for k in range(2):
                    for m in range(2):
                        for p in range(n_personas):
                            d_reach[b, j, m, p] -= 2 * joint[2 * b + m, 2 * a + k, p] * pulled[b * q + j, k, p]
                            up[2 * a + k, 2 * b + m, p] -= pulled[b * q + j, k, p] * reach[b, j, m, p]
    for a in range(2):
        for j in range(q):
            for k in range(2):
                for p in range(n_personas):
                    d_reach[a, j, k, p] -= told[2 * a + k, p] * gh[a * q + j]
    for k in range(4):
        for m in range(4):
            for p in range(n_personas):
                up[k, m, p] += 0.5 * (seen[k, p] * seen[m, p] - seen[k, p] * drawn[m, p] - drawn[k, p] * seen[m, p])
    d_sums, d_sds = _effects_back(sds, sums, joint, half, up)
    d_seen = told.copy()
    for k in range(4):
        for m in range(4):
            for p in range(n_personas):
                d_seen[k, p] -= joint[k, m, p] * drawn[m, p]
    d_cuts, d_variance, d_f, d_basis = _cells_back(
        variance, f, basis, weight, slope, given, kept, d_sums, d_seen, d_reach, gh, gp
    )
    return d_cuts, d_sds, d_variance, d_f, d_basis


@compiled
def _effects_back(sds, sums, joint, half, up):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the gradients in `sums` (2, 3, P) and in the standard deviations, of `_effects` and of `joint` by `up`."""
    n_personas = sums.shape[-1]
    d_sums = np.zeros((2, 3, n_personas))
    pulled = np.zeros((4, 4, n_personas))
    for k in range(4):
        for m in range(4):
            for j in range(4):
                for p in range(n_personas):
                    pulled[k, m, p] += joint[k, j, p] * up[j, m, p]
    for a in range(2):
        for k in range(2):
            for m in range(2):
                for p in range(n_personas):
                    d_sums[a, k + m, p] -= 0.5 * joint[2 * a + k, 2 * a + m, p]
                for j in range(4):
                    for p in range(n_personas):
                        d_sums[a, k + m, p] -= pulled[2 * a + k, j, p] * joint[j, 2 * a + m, p]
    # In the effects' own order: the gradient `own` of D / K D, and what cells say of them.
    own, said, shrunk = np.empty((4, 4, n_personas)), np.empty((4, 4, n_personas)), np.zeros((4, 4, n_personas))
    for e in range(2):
        for i in range(2):
            for k in range(2):
                for m in range(2):
                    for p in range(n_personas):
                        own[2 * e + k, 2 * i + m, p] = 0.0
                        said[2 * e + k, 2 * i + m, p] = 0.0
                    for a in range(2):
                        one = EFFECT_SIDES[a] if e else 1.0
                        both = one * (EFFECT_SIDES[a] if i else 1.0)
                        for p in range(n_personas):
                            said[2 * e + k, 2 * i + m, p] += both * sums[a, k + m, p]
                        for b in range(2):
                            other = EFFECT_SIDES[b] if i else 1.0
                            for p in range(n_personas):
                                own[2 * e + k, 2 * i + m, p] += one * other * up[2 * a + k, 2 * b + m, p]
    for k in range(4):
        for m in range(4):
            for j in range(4):
                for p in range(n_personas):
                    shrunk[k, m, p] += said[k, j, p] * half[j, m, p]
    d_sds, column = np.zeros(4), np.empty((4, n_personas))
    for k in range(4):
        for j in range(4):
            for p in range(n_personas):
                column[j, p] = 0.0
            for m in range(4):
                for p in range(n_personas):
                    column[j, p] += own[j, m, p] * half[m, k, p]
        for p in range(n_personas):
            total = 2 * column[k, p] - shrunk[k, k, p]
            for j in range(4):
                total -= 2 * shrunk[k, j, p] * sds[j] * column[j, p]
            d_sds[k] += total
    return d_sums, d_sds


@compiled
def _cells_back(variance, f, basis, weight, slope, given, kept, d_sums, d_seen, d_reach, gh, gp):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the gradients in cuts, variance, f and basis."""
    n_cells, n_personas = weight.shape
    n_times, q = basis.shape
    d_cuts, d_variance, d_f, d_basis = np.zeros(len(slope)), 0.0, np.zeros(n_times), np.zeros((n_times, q))
    d_v, by_f, d_given = np.empty(n_personas), np.empty(n_personas), np.empty(n_personas)
    for i in range(n_cells):
        a, t = i // n_times, i % n_times
        own = np.zeros(q)
        for j in range(q):
            if basis[t, j] != 0:
                own += gp[a * q + j, a * q : (a + 1) * q] * basis[t, j]
        grown, alike, alone = f[t], np.sum(own * basis[t]), 0.0
        for p in range(n_personas):
            by_f[p] = d_sums[a, 1, p] + 2 * grown * d_sums[a, 2, p]
            d_v[p] = alike + d_sums[a, 0, p] + grown * (d_sums[a, 1, p] + grown * d_sums[a, 2, p])
        for j in range(q):
            if basis[t, j] != 0:
                alone += gh[a * q + j] * basis[t, j]
                total = 0.0
                for p in range(n_personas):
                    each = d_reach[a, j, 0, p] + grown * d_reach[a, j, 1, p]
                    by_f[p] += basis[t, j] * d_reach[a, j, 1, p]
                    d_v[p] += basis[t, j] * each
                    v = weight[i, p] * kept[i, p]
                    total += v * (each + 2 * own[j]) + given[i, p] * kept[i, p] * gh[a * q + j]
                d_basis[t, j] += total
        for p in range(n_personas):
            share, said, w = kept[i, p], given[i, p], weight[i, p]
            d_z = alone + d_seen[2 * a, p] + grown * d_seen[2 * a + 1, p]
            d_given[p] = share * (d_z + variance * said)
            d_kept = w * d_v[p] + said * d_z + 0.5 * variance * said * said
            d_variance += 0.5 * (said * said - w) * share - w * share * share * d_kept
            d_f[t] += share * (w * by_f[p] + said * d_seen[2 * a + 1, p])
        for c in range(len(slope)):
            for p in range(n_personas):
                d_cuts[c] += slope[c, i, p] * d_given[p]
    return d_cuts, d_variance, d_f, d_basis
