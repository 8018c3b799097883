"""The exact law, with no drift, of one stratum's Wasserstein distance, where the steps between values share a unit.

In a stratum with ``n1`` treated and ``n0`` control answers let ``g = gcd(n1, n0)`` and ``L = n1 n0 / g``. If ``A_k`` of
the ``C_k`` answers up to ``k`` are treated, and the next value is ``s_k`` units higher,
``d = sum_k s_k |(n0/g) A_k - (n1/g) (C_k - A_k)|`` is an integer, and the distance relative to the range of ``S`` units
is ``d / (L S)``. Given how often each answer was given in all, the law of ``d`` follows from a dynamic program over
answers from low to high; the state is (``A_k``, ``d`` so far).
"""

import math
from collections import Counter
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from confound.statistics.arrays import FloatArray, IntArray

# Largest denominator of the ratio of a step to the smallest one.
MOST_PARTS = 12
# How far such a ratio may be from a fraction: far more than rounding of the values.
RATIO_TOLERANCE = 1e-9
# Nanoseconds that an answer takes, each of its states, and each count that a state may come from; measured.
ANSWER_NS = 5e4
STATE_NS = 4.0
SOURCE_NS = 0.1
# Beyond about this long the exact law is given up for Monte Carlo.
EXACT_LIMIT_NS = 5e8
# Points of all strata's lattices held at once: 80 MB.
LATTICE_LIMIT = 10_000_000


class OrderedStratum(NamedTuple):
    """What the null law of a stratum depends on: the arms may be exchanged without changing it.

    `margin` is how often each answer was given in all, `steps` how many units each lies below the next.
    """

    n_small: int
    n_large: int
    margin: tuple[int, ...]
    steps: tuple[int, ...]

    @property
    def lattice(self) -> int:
        """Units of the distance between 0 and the range of the values."""
        return math.lcm(self.n_small, self.n_large) * sum(self.steps)


def whole_steps(steps: FloatArray) -> IntArray | None:
    """Return steps as multiples of a shared unit, or None where there is no such unit.

    Examples
    --------
    >>> import numpy as np
    >>> whole_steps(np.array([0.5, 0.75])).tolist(), whole_steps(np.array([1.0, 2**0.5]))
    ([2, 3], None)
    """
    ratios = steps / steps.min()
    for parts in range(1, MOST_PARTS + 1):
        whole = np.rint(parts * ratios)
        if np.all(np.abs(parts * ratios - whole) <= RATIO_TOLERANCE * whole):
            return np.asarray(whole, dtype=np.int64)
    return None


def strata_of(treated: IntArray, control: IntArray, steps: IntArray) -> Counter[OrderedStratum]:
    """Return what the null law of each stratum depends on, with the number of strata alike.

    Answers that nobody in a stratum gave stay: all strata have the lattice of the whole scale.
    """
    sizes = np.sort(np.column_stack([treated.sum(axis=1), control.sum(axis=1)]), axis=1).tolist()
    margins, whole = (treated + control).tolist(), tuple(steps.tolist())
    return Counter(OrderedStratum(a, b, tuple(m), whole) for (a, b), m in zip(sizes, margins, strict=True))


def affordable(strata: Counter[OrderedStratum]) -> bool:
    """Tell whether the exact laws can be had in the time and memory allowed."""
    points = sum(stratum.lattice + 1 for stratum in strata)
    return points <= LATTICE_LIMIT and sum(_cost_ns(stratum) for stratum in strata) <= EXACT_LIMIT_NS


def _cost_ns(stratum: OrderedStratum) -> float:
    counts = stratum.n_small + 1
    return len(stratum.steps) * (ANSWER_NS + counts * (stratum.lattice + 1) * (STATE_NS + SOURCE_NS * counts))


def lattice_distances(treated: IntArray, control: IntArray, steps: IntArray) -> IntArray:
    """Return each stratum's distance as an integer, in the units of its lattice."""
    n1, n0 = treated.sum(axis=1, keepdims=True), control.sum(axis=1, keepdims=True)
    shared = np.gcd(n1, n0)
    gaps = n0 // shared * treated.cumsum(axis=1) - n1 // shared * control.cumsum(axis=1)
    return np.asarray(np.abs(gaps[:, :-1]) @ steps)


def stratum_law(stratum: OrderedStratum) -> FloatArray:
    """Return the null law of one stratum's distance, shape (lattice + 1,), summing to 1.

    Examples
    --------
    >>> stratum_law(OrderedStratum(1, 1, (1, 0, 1), (1, 1))).tolist()  # two answers, two units apart
    [0.0, 0.0, 1.0]
    """
    n_small, n_large, margins, steps = stratum
    shared, width = math.gcd(n_small, n_large), stratum.lattice + 1
    counts = np.arange(n_small + 1)
    states = np.zeros((n_small + 1, width))
    states[0, 0] = 1.0
    below = 0
    for margin, step in zip(margins[:-1], steps, strict=True):
        below += margin
        states = _chances(margin, n_small, n_large) @ states
        moved = step * np.abs(n_large // shared * counts - n_small // shared * (below - counts))
        states = _moved(states, moved)
    law = _chances(margins[-1], n_small, n_large)[-1] @ states
    return np.asarray(law / law.sum())


def _chances(margin: int, n_small: int, n_large: int) -> FloatArray:
    """Return the weight of each count in the small arm (row) after an answer, by the count before it (column).

    Binomial weights, with the count fixed in the end, give the hypergeometric law and neither overflow nor cancel.
    """
    counts = np.arange(n_small + 1)
    added = counts[:, None] - counts[None, :]
    possible = (added >= 0) & (added <= margin)
    a = np.where(possible, added, 0)
    share = n_small / (n_small + n_large)
    log_weights = gammaln(margin + 1) - gammaln(a + 1) - gammaln(margin - a + 1)
    log_weights += a * math.log(share) + (margin - a) * math.log1p(-share)
    return np.where(possible, np.exp(log_weights), 0.0)


def _moved(states: FloatArray, by: IntArray) -> FloatArray:
    """Move each row to the right by its own number of places; what would leave the lattice is impossible."""
    moved = np.zeros_like(states)
    width = states.shape[1]
    for row, places in enumerate(by.tolist()):
        if places < width:
            moved[row, places:] = states[row, : width - places]
    return moved
