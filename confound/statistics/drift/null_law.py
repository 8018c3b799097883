"""The exact law, with no drift, of one stratum's total variation distance.

In a stratum with ``n1`` treated and ``n0`` control answers let ``g = gcd(n1, n0)`` and ``L = n1 n0 / g``. If answer
``k`` was given ``a_k`` and ``b_k`` times, ``d = sum_k max(0, (n0/g) a_k - (n1/g) b_k)`` is an integer and the
distance is ``d / L``. Given how often each answer was given in all, the law of ``d`` follows from a dynamic program
over answers. Everything is a sum of non-negative terms, so small masses are right to many digits.
"""

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from confound.statistics.arrays import FloatArray, IntArray

# Cost of the dynamic program: adding an answer by scattering the states one by one, or by sliding the whole
# lattice along. Nanoseconds an element, measured; only their ratio and the limit below depend on them.
SCATTER_NS = 8.0
SLIDE_NS = 1.0
# Beyond about this long the exact law is given up for Monte Carlo, which takes some 5 ms a stratum.
EXACT_LIMIT_NS = 3e9
# Points of all strata's lattices, or of one stratum's states, held at once: 80 MB as float64, and up to eight
# such arrays while the laws are tilted.
LATTICE_LIMIT = 10_000_000
# Lattices up to which the laws of many strata are found together, by a matrix product for each.
SMALL_LATTICE = 100
# States of such strata held at once: 2 MB, so that they stay in the cache.
STATES_AT_ONCE = 2**18


class Stratum(NamedTuple):
    """What the null law of a stratum depends on: arms and answers may be exchanged without changing it."""

    n_small: int
    n_large: int
    margin: tuple[int, ...]

    @property
    def lattice(self) -> int:
        """Steps of the distance between 0 and 1."""
        return math.lcm(self.n_small, self.n_large)


def strata_of(treated: IntArray, control: IntArray) -> Iterable[Stratum]:
    """Return what the null law of each stratum depends on."""
    sizes = np.sort(np.column_stack([treated.sum(axis=1), control.sum(axis=1)]), axis=1)
    margins = np.sort(treated + control, axis=1)
    for (n_small, n_large), margin in zip(sizes.tolist(), margins.tolist(), strict=True):
        yield Stratum(n_small, n_large, tuple(m for m in margin if m))


def affordable(strata: Iterable[Stratum]) -> bool:
    """Tell whether the exact laws can be had in the time and memory allowed."""
    strata = list(strata)
    points = sum(stratum.lattice + 1 for stratum in strata)
    return points <= LATTICE_LIMIT and sum(_cost_ns(stratum) for stratum in strata) <= EXACT_LIMIT_NS


def _cost_ns(stratum: Stratum) -> float:
    """Estimate what `_stratum_law` takes, infinite where it would not fit in memory."""
    lattice = stratum.lattice + 1
    dense = (stratum.n_small + 1) * lattice
    states, cost = 1, SCATTER_NS * lattice
    for margin in stratum.margin[:-1]:
        moved = states * (margin + 1)
        if moved > dense:
            cost += min(SCATTER_NS * moved, SLIDE_NS * dense * (margin + 1))
        else:
            cost += SCATTER_NS * moved
        states = min(moved, dense)
    return cost if states <= LATTICE_LIMIT else math.inf


@lru_cache(maxsize=4096)
def _moves(margin: int, n_small: int, n_large: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Return what an answer given `margin` times may add: to the count, to the distance, with what weight.

    Binomial weights, with the count of the small arm fixed in the end, give the hypergeometric law and
    neither overflow nor cancel.
    """
    shared = math.gcd(n_small, n_large)
    counts = np.arange(margin + 1)
    distances = np.maximum(0, n_large // shared * counts - n_small // shared * (margin - counts))
    share = n_small / (n_small + n_large)
    weights = np.exp(
        gammaln(margin + 1)
        - gammaln(counts + 1)
        - gammaln(margin - counts + 1)
        + counts * math.log(share)
        + (margin - counts) * math.log1p(-share)
    )
    return counts, distances, weights


def stratum_laws(strata: Iterable[Stratum]) -> dict[Stratum, FloatArray]:
    """Return the null law of each stratum's distance, shape (lattice + 1,), summing to 1."""
    laws: dict[Stratum, FloatArray] = {}
    small: dict[tuple[int, int], list[Stratum]] = {}
    for stratum in strata:
        if stratum.lattice <= SMALL_LATTICE:
            small.setdefault((stratum.n_small, stratum.n_large), []).append(stratum)
        else:
            laws[stratum] = _stratum_law(stratum)
    for alike in small.values():
        at_once = STATES_AT_ONCE // ((alike[0].n_small + 1) * (alike[0].lattice + 1))
        for start in range(0, len(alike), at_once):
            laws.update(_small_laws(alike[start : start + at_once]))
    return laws


def _small_laws(strata: list[Stratum]) -> Iterable[tuple[Stratum, FloatArray]]:
    """Find the laws of strata with equal arms, joining the two commonest answers to the others.

    The halves' counts add up to the small arm, which is a matrix product, and their distances add up.
    """
    n_small, n_large = strata[0].n_small, strata[0].n_large
    n_answers = max(2, *(len(stratum.margin) for stratum in strata))
    margins = np.array([(0,) * (n_answers - len(s.margin)) + s.margin for s in strata])
    rest = _half_states(margins[:, :-2], margins[:, -2:].sum(axis=1), n_small, n_large)
    common = _half_states(margins[:, -2:], margins[:, :-2].sum(axis=1), n_small, n_large)
    joined = rest.transpose(0, 2, 1) @ common[:, ::-1]
    n_strata, width, _ = joined.shape
    # Written in rows one longer than they are read in, row i moves i to the right, under its summed distance.
    sheared = np.zeros((n_strata, width, 2 * width))
    sheared[:, :, :width] = joined
    sheared = sheared.reshape(n_strata, -1)[:, : width * (2 * width - 1)]
    laws = sheared.reshape(n_strata, width, -1).sum(axis=1)[:, :width]
    return zip(strata, laws / laws.sum(axis=1, keepdims=True), strict=True)


def _half_states(margins: IntArray, others: IntArray, n_small: int, n_large: int) -> FloatArray:
    """Return chances of (count in the small arm, distance), shape (strata, n_small + 1, lattice + 1).

    `margins` has shape (strata, answers of this half); `others` is how often the other half's were given.
    """
    n_strata, width = len(margins), math.lcm(n_small, n_large) + 1
    size = (n_small + 1) * width
    keys: IntArray = np.arange(n_strata) * size
    weights: FloatArray = np.ones(n_strata)
    left = others + margins.sum(axis=1)
    for margin in margins.T:
        left = left - margin
        stratum, state = np.divmod(keys, size)
        missing = n_small - state // width
        # What is missing from the small arm bounds what this answer can add, and must add.
        least = np.maximum(0, missing - left[stratum])
        ways = np.minimum(margin[stratum], missing) - least + 1
        kinds, kind = np.unique(margin, return_inverse=True)
        moves = [_moves(m, n_small, n_large) for m in kinds.tolist()]
        shifts = np.concatenate([counts * width + distances for counts, distances, _ in moves])
        chances = np.concatenate([part for _, _, part in moves])
        first = (np.cumsum(kinds + 1) - (kinds + 1))[kind][stratum] + least
        move = np.arange(ways.sum()) + np.repeat(first - (np.cumsum(ways) - ways), ways)
        keys = np.repeat(keys, ways) + shifts[move]
        weights = np.repeat(weights, ways) * chances[move]
        if keys.size > n_strata * size:
            merged = np.bincount(keys, weights).astype(np.float64)
            keys = np.flatnonzero(merged)
            weights = merged[keys]
    return np.bincount(keys, weights, n_strata * size).reshape(n_strata, n_small + 1, width).astype(np.float64)


def _stratum_law(stratum: Stratum) -> FloatArray:
    """Return the null law of one stratum's distance, shape (lattice + 1,), summing to 1.

    Dynamic program over answers, rarest first; the state is (count in the small arm so far, distance so far),
    held as one key. The last answer's count is what is left.
    """
    n_small, n_large, margins = stratum
    width = stratum.lattice + 1
    keys, weights = np.zeros(1, dtype=np.int64), np.ones(1)
    left = n_small + n_large
    for margin in margins[:-1]:
        left -= margin
        counts, distances, chances = _moves(margin, n_small, n_large)
        keys, weights = _add_answer(keys, weights, counts * width + distances, chances, (n_small + 1) * width)
        reachable = keys >= (n_small - left) * width  # the answers to come can still fill the small arm
        keys, weights = keys[reachable], weights[reachable]
    counts, distances = np.divmod(keys, width)
    _, last_distances, last_chances = _moves(margins[-1], n_small, n_large)
    rest = n_small - counts
    law = np.bincount(distances + last_distances[rest], weights * last_chances[rest], minlength=width)
    return np.asarray(law / law.sum())


def _add_answer(
    keys: IntArray, weights: FloatArray, shifts: IntArray, chances: FloatArray, size: int
) -> tuple[IntArray, FloatArray]:
    """Let one more answer move every state; equal states are merged once there are more moves than states."""
    if SLIDE_NS * size < SCATTER_NS * keys.size:
        before = np.bincount(keys, weights, minlength=size)
        lattice = np.zeros(size)
        for shift, chance in zip(shifts.tolist(), chances.tolist(), strict=True):
            if shift < size:
                lattice[shift:] += chance * before[: size - shift]
    else:
        moved = np.add.outer(keys, shifts).ravel()
        moved_weights = np.multiply.outer(weights, chances).ravel()
        inside = moved < size  # the small arm is not overfull
        moved, moved_weights = moved[inside], moved_weights[inside]
        if moved.size <= size:
            return moved, moved_weights
        lattice = np.bincount(moved, moved_weights, minlength=size).astype(np.float64)
    keys = np.flatnonzero(lattice)
    return keys, lattice[keys]
