"""Logs whose true drift is known, of the kinds that an analyst may meet."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

DRIFTS = ("none", "common", "varied", "few", "sharp", "answers", "shares")
ANSWERS = (2, 4, 10)
TRIALS = (5, 10, 30)
PERSONAS = (10, 100)
# Mean distances aimed at, in turn. Few personas that drift by .6 cannot make a large mean.
SIZES = {"none": (0.0,), "common": (0.05, 0.15, 0.3), "varied": (0.05, 0.15, 0.3), "few": (0.03, 0.06, 0.12)}
SIZES |= dict.fromkeys(("sharp", "answers", "shares"), (0.05, 0.15, 0.3))
# Concentrations of the personas' shares about the population's, in turn: nearly alike (20) to nearly pure (1).
CONCENTRATIONS = (1.0, 4.0, 20.0)
STRONG_DISTANCE = 0.6
LARGEST_SHIFT = 8.0
# Logs of the precision of treated shares around the control shares.
LOG_PRECISIONS = (8.5, -3.0)
SHARP_REST = (0.0, 0.05)


@dataclass(frozen=True, slots=True)
class Cell:
    """A design and a kind of drift.

    Attributes
    ----------
    n_answers, n_trials, n_personas : int
        K, trials an arm, personas.
    drift : str
        One of `DRIFTS`.
    """

    n_answers: int
    n_trials: int
    n_personas: int
    drift: str


@dataclass(frozen=True, slots=True)
class Log:
    """One replicate.

    Attributes
    ----------
    treated, control : ndarray of int, shape (personas, answers)
        Counts.
    tvd : float
        True distance averaged over these personas, in [0, 1].
    squared : float
        True squared Euclidean distance of the shares, averaged likewise.
    size : float
        The distance aimed at.
    """

    treated: IntArray
    control: IntArray
    tvd: float
    squared: float
    size: float


def cells() -> list[Cell]:
    """Return every cell of the table."""
    return [Cell(k, n, p, d) for d, k, n, p in product(DRIFTS, ANSWERS, TRIALS, PERSONAS)]


def draw(cell: Cell, replicate: int, seed: int) -> Log:
    """Draw one log; the same (cell, replicate, seed) gives the same log.

    Parameters
    ----------
    cell : Cell
    replicate : int
        Chooses the size and the sharpness of the answers in turn, and the random numbers.
    seed : int

    Returns
    -------
    Log
    """
    key = (seed, replicate, cell.n_answers, cell.n_trials, cell.n_personas, DRIFTS.index(cell.drift))
    rng = np.random.default_rng(key)
    sizes = SIZES[cell.drift]
    size = sizes[replicate % len(sizes)]
    variant = replicate // len(sizes)
    control, treated = true_shares(cell, size, variant, rng)
    return Log(
        treated=rng.multinomial(cell.n_trials, treated),
        control=rng.multinomial(cell.n_trials, control),
        tvd=float(0.5 * np.abs(treated - control).sum(axis=1).mean()),
        squared=float(((treated - control) ** 2).sum(axis=1).mean()),
        size=size,
    )


def true_shares(cell: Cell, size: float, variant: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return the personas' true shares, shape (personas, answers), in the control and the treated arm."""
    shape = (cell.n_personas, cell.n_answers)
    population = rng.dirichlet(np.full(cell.n_answers, 2.0))
    if cell.drift == "sharp":
        return _sharp(population, shape, size, variant, rng)
    shares = rng.dirichlet(CONCENTRATIONS[variant % 3] * population + 1e-3, size=cell.n_personas)
    if cell.drift == "none":
        return shares, shares
    if cell.drift == "few":
        return shares, _few(shares, size, rng)
    if cell.drift == "answers":
        aim = np.eye(cell.n_answers)[rng.integers(cell.n_answers, size=cell.n_personas)]
        return shares, scaled(shares, size, lambda c: shares + (1 - np.exp(-c)) * (aim - shares))
    if cell.drift == "shares":
        return shares, _own_shares(shares, size, int(rng.integers(2**32)))
    if cell.drift == "varied" and variant % 2:
        other = rng.dirichlet(np.ones(cell.n_answers), size=cell.n_personas)
        return shares, scaled(shares, size, lambda c: shares + (1 - np.exp(-c)) * (other - shares))
    direction = rng.normal(size=shape if cell.drift == "varied" else shape[1:])
    return shares, scaled(shares, size, lambda c: tilted(shares, c * direction))


def tilted(shares: FloatArray, log_odds: FloatArray) -> FloatArray:
    """Return the shares with their log odds moved."""
    weights = shares * np.exp(log_odds - log_odds.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def scaled(shares: FloatArray, size: float, drifted: Callable[[float], FloatArray]) -> FloatArray:
    """Return the drift of a family that has the mean distance aimed at, or the largest there is."""
    low, high = 0.0, LARGEST_SHIFT
    for _ in range(40):
        middle = (low + high) / 2
        small = 0.5 * np.abs(drifted(middle) - shares).sum(axis=1).mean() < size
        low, high = (middle, high) if small else (low, middle)
    return drifted(high)


def _own_shares(shares: FloatArray, size: float, key: int) -> FloatArray:
    """Draw each persona's shares anew around its own, the further off the larger the size aimed at."""
    highest, lowest = LOG_PRECISIONS

    def drawn(c: float) -> FloatArray:
        log_precision = highest + (lowest - highest) * c / LARGEST_SHIFT
        gammas = np.random.default_rng(key).standard_gamma(np.exp(log_precision) * shares) + np.finfo(float).tiny
        return np.asarray(gammas / gammas.sum(axis=1, keepdims=True))

    return scaled(shares, size, drawn)


def _few(shares: FloatArray, size: float, rng: np.random.Generator) -> FloatArray:
    """Move a few personas most of the way to answers that they hardly gave."""
    n_moved = max(1, round(size / STRONG_DISTANCE * len(shares)))
    moved = rng.permutation(len(shares))[:n_moved]
    treated = shares.copy()
    aim = np.eye(shares.shape[1])[shares[moved].argmin(axis=1)]
    gap = 0.5 * np.abs(aim - shares[moved]).sum(axis=1, keepdims=True)
    treated[moved] += np.minimum(1.0, STRONG_DISTANCE / gap) * (aim - shares[moved])
    return treated


def _sharp(
    population: FloatArray, shape: tuple[int, int], size: float, variant: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Nearly deterministic personas; all leak a little to another answer, or some change it altogether."""

    def pure() -> FloatArray:
        rest = rng.uniform(*SHARP_REST, size=(shape[0], 1))
        answers = np.eye(shape[1])[rng.choice(shape[1], p=population, size=shape[0])]
        return np.asarray((1 - rest) * answers + rest * rng.dirichlet(np.ones(shape[1]), size=shape[0]))

    control, other = pure(), pure()
    same = control.argmax(axis=1) == other.argmax(axis=1)
    other[same] = np.roll(other[same], 1, axis=1)
    leaked = np.full(shape[0], size) if variant % 2 else (rng.random(shape[0]) < size).astype(float)
    return control, control + leaked[:, None] * (other - control)
