"""The exact law, with no drift, of the summed distance of many strata: convolution of the laws of each.

The convolution runs over laws tilted exponentially, so that the tail is right to many digits and not only in absolute
terms (Keich 2005, Journal of Computational Biology 12(4), 416-430).
"""

import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.drift.null_law import Stratum, stratum_laws

# Points of the lattices' common multiple up to which strata of different lattices are added exactly: 0.3 s
# of FFTs.
COMMON_LATTICE_POINTS = 2**21
# Points of the grid they are rounded to beyond that. At 100 strata of 20 to 30 answers an arm, some sixty
# lattices, the p-value's bounds then differ by 0.3 to 0.5 % and take 0.3 s; twice the points, half the gap.
GRID_POINTS = 2**19
# Products of two laws' lengths up to which they are convolved term by term; the FFT is faster above.
DIRECT_LIMIT = 2**17
# Mass, relative to the largest, below which a tilted law is cut off: FFT noise is about as large.
NEGLIGIBLE = 1e-15
# Length up to which cutting a law costs more than it saves.
SHORT = 256
# Relative error allowed to sums of thousands of floats.
ROUNDING = 1e-12
# Standard deviations of a tilted sum that hold all but NEGLIGIBLE of it.
TILTED_WIDTH = 9.0


class _Law(NamedTuple):
    """Masses at the integers ``first, first + 1, ...``."""

    first: int
    mass: FloatArray


def exact_sum(distances: IntArray, lattices: IntArray) -> Fraction:
    """Add distances that are each counted in steps of 1 / lattice."""
    kinds = np.unique(lattices).tolist()
    parts = (Fraction(int(distances[lattices == lattice].sum()), lattice) for lattice in kinds)
    return sum(parts, Fraction(0))


class OnLattice(Protocol):
    """What a law belongs to; its distance is an integer over its `lattice`."""

    @property
    def lattice(self) -> int:
        """Steps of the distance between 0 and 1."""

    def __hash__(self) -> int:
        """Equal ones have one law."""


S = TypeVar("S", bound=OnLattice)


def tail_bounds(strata: Counter[Stratum], observed: Fraction) -> tuple[float, float]:
    """Return bounds on the chance of a summed distance as large as observed, equal where it is exact."""
    return (1.0, 1.0) if observed == 0 else tail_bounds_of(stratum_laws(strata), strata, observed)


def tail_bounds_of(laws: dict[S, FloatArray], strata: Counter[S], observed: Fraction) -> tuple[float, float]:
    """Return the same of strata whose laws, shape (lattice + 1,), are given; `observed` is above 0."""
    largest: Counter[int] = Counter()
    for stratum, law in laws.items():
        largest[stratum.lattice] += strata[stratum] * int(law.nonzero()[0][-1])
    if observed > sum(Fraction(top, lattice) for lattice, top in largest.items()):
        return 0.0, 0.0  # the chance is below what a float can hold
    if strata.total() == 1:
        ((stratum, law),) = laws.items()
        tail = float(law[int(observed * stratum.lattice) :].sum())
        return tail, tail
    return _sum_tail_bounds(_tilt(laws, strata, float(observed)), strata, observed)


def _sum_tail_bounds(tilt: "_Tilt[S]", strata: Counter[S], observed: Fraction) -> tuple[float, float]:
    kinds: dict[int, list[_Law]] = {}
    for stratum, law in tilt.laws.items():
        kinds.setdefault(stratum.lattice, []).extend([law] * strata[stratum])
    sums = {lattice: _convolve(laws) for lattice, laws in kinds.items()}
    grid = _grid(sums, tilt.sd)
    total = _convolve([_on_grid(law, lattice, grid, tilt.slope) for lattice, law in sums.items()])
    low = _untilted_tail(total, math.ceil(observed * grid), grid, tilt)
    rounded = sum(grid % lattice != 0 for lattice in sums)
    if not rounded:
        return low, low
    # Rounding down took less than one grid step from each lattice's sum.
    return low, _untilted_tail(total, math.floor(observed * grid) - rounded + 1, grid, tilt)


class _Tilt(NamedTuple, Generic[S]):
    """Laws made proportional to ``law(d) exp(slope d / lattice)``, their sum centred on the observed one."""

    slope: float
    log_scale: float  # log of what the product of the tilted laws was divided by
    sd: float  # of the tilted sum, in units of the distance
    laws: dict[S, _Law]


class _Atoms(NamedTuple):
    """The points of all laws end to end: where each law starts, its size, and how many strata share it."""

    starts: IntArray
    sizes: IntArray
    copies: IntArray
    distance: FloatArray
    log_mass: FloatArray

    def tilted(self, slope: float) -> tuple[FloatArray, float, float, float]:
        """Return the tilted masses, and of their sum the log scale, the mean and the standard deviation."""
        exponent = self.log_mass + slope * self.distance
        peak = np.maximum.reduceat(exponent, self.starts)
        mass = np.exp(exponent - np.repeat(peak, self.sizes))
        norm = np.add.reduceat(mass, self.starts)
        mass /= np.repeat(norm, self.sizes)
        means = np.add.reduceat(mass * self.distance, self.starts)
        squares = mass * (self.distance - np.repeat(means, self.sizes)) ** 2
        variance = float(self.copies @ np.add.reduceat(squares, self.starts))
        log_scale = float(self.copies @ (peak + np.log(norm)))
        return mass, log_scale, float(self.copies @ means), math.sqrt(variance)


def _tilt(laws: dict[S, FloatArray], strata: Counter[S], observed: float) -> _Tilt[S]:
    places = [np.flatnonzero(law) for law in laws.values()]
    sizes = np.array([place.size for place in places])
    atoms = _Atoms(
        starts=np.cumsum(sizes) - sizes,
        sizes=sizes,
        copies=np.array([strata[stratum] for stratum in laws]),
        distance=np.concatenate([d / stratum.lattice for d, stratum in zip(places, laws, strict=True)]),
        log_mass=np.log(np.concatenate([law[d] for d, law in zip(places, laws.values(), strict=True)])),
    )
    slope = _centring_slope(atoms, observed)
    mass, log_scale, _, sd = atoms.tilted(slope)
    tilted_laws = {}
    for stratum, place, part in zip(laws, places, np.split(mass, atoms.starts[1:]), strict=True):
        spread = np.zeros(place[-1] - place[0] + 1)
        spread[place - place[0]] = part
        tilted_laws[stratum] = _trimmed(int(place[0]), spread)
    return _Tilt(slope, log_scale, sd, tilted_laws)


def _centring_slope(atoms: _Atoms, observed: float) -> float:
    """Return the slope at which the tilted sum's mean is the observed one, by guarded Newton steps.

    Half a standard deviation off centre loses no accuracy, and a sum below the mean needs no tilt at all.
    """
    slope, low, high = 0.0, 0.0, math.inf
    _, _, mean, sd = atoms.tilted(slope)
    # Without the rounding term a sum of constants would never be centred.
    while abs(mean - observed) > sd / 2 + ROUNDING * observed and (slope > 0 or mean < observed):
        low, high = (slope, high) if mean < observed else (low, slope)
        slope += (observed - mean) / sd**2
        if not low < slope < high:
            slope = (low + high) / 2
        _, _, mean, sd = atoms.tilted(slope)
    return slope


def _untilted_tail(total: _Law, first: int, grid: int, tilt: _Tilt[S]) -> float:
    mass = total.mass[max(0, first - total.first) :]
    start = max(first, total.first)
    decay = np.exp(-tilt.slope / grid * np.arange(mass.size))
    return float(np.exp(tilt.log_scale - tilt.slope * start / grid) * (mass @ decay))


def _convolve(laws: Sequence[_Law]) -> _Law:
    """Return the law of the sum of independent variables."""
    laws = sorted(laws, key=lambda law: law.mass.size)
    while len(laws) > 1:
        odd = laws[-1:] if len(laws) % 2 else []
        laws = [_convolve_two(a, b) for a, b in zip(laws[0::2], laws[1::2], strict=False)] + odd
    return laws[0]


def _convolve_two(a: _Law, b: _Law) -> _Law:
    first = a.first + b.first
    if a.mass.size * b.mass.size <= DIRECT_LIMIT:
        return _trimmed(first, np.convolve(a.mass, b.mass))
    size = a.mass.size + b.mass.size - 1
    length = next_fast_len(size, real=True)
    mass = irfft(rfft(a.mass, length) * rfft(b.mass, length), length)[:size]
    mass[mass < NEGLIGIBLE * mass.max()] = 0.0
    return _trimmed(first, mass)


def _trimmed(first: int, mass: FloatArray) -> _Law:
    if mass.size <= SHORT:
        return _Law(first, mass)
    kept = np.flatnonzero(mass > NEGLIGIBLE * mass.max())
    return _Law(first + int(kept[0]), mass[kept[0] : kept[-1] + 1])


def _grid(sums: dict[int, _Law], sd: float) -> int:
    """Return how many grid steps make a distance of one: the lattices' common multiple, where that fits."""
    width = min(2 * TILTED_WIDTH * sd, sum(law.mass.size / lattice for lattice, law in sums.items()))
    common = math.lcm(*sums)
    if common * width <= COMMON_LATTICE_POINTS or len(sums) == 1:
        return common
    return max(1, int(GRID_POINTS / width))


def _on_grid(law: _Law, lattice: int, grid: int, slope: float) -> _Law:
    if grid == lattice:
        return law
    places = law.first + np.arange(law.mass.size)
    whole, part = np.divmod(places, lattice)
    steps = whole * grid + part * grid // lattice
    # The grid's distance is a little below the lattice's, and the tilt is by the former.
    mass = law.mass * np.exp(slope * (steps / grid - places / lattice))
    return _Law(int(steps[0]), np.bincount(steps - steps[0], mass).astype(np.float64))
