"""Coverage of the intervals of the intraclass correlation, over personas whose answers vary by known parts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from benchmarks.validity.people.counting import Tally
from confound.statistics.arrays import FloatArray
from confound.statistics.people.components import components

PERSONAS = (20, 50, 100, 300, 1000)
LARGE = 400_000  # personas that the truth is taken from


@dataclass(frozen=True, slots=True)
class World:
    """How answers come about: a normal variable with a part of the persona's own, cut into answers.

    Attributes
    ----------
    shares : tuple of float
        Shares of the answers 0, 1, ...
    own : float
        Part of the variable's variance that is the persona's own.
    trials : int
        Answers of each persona.
    """

    shares: tuple[float, ...]
    own: float
    trials: int

    @property
    def name(self) -> str:
        """The world in words."""
        return f"{len(self.shares)} answers{self._skew}, {self.own:g} own, {self.trials} trials"

    @property
    def _skew(self) -> str:
        return ", skewed" if max(self.shares) > 1.5 / len(self.shares) else ""

    def draw(self, n: int, rng: np.random.Generator, trials: int | None = None) -> FloatArray:
        """Draw the answers of n personas, shape (n, trials)."""
        own = rng.standard_normal((n, 1))
        runs = rng.standard_normal((n, trials or self.trials))
        values = np.sqrt(self.own) * own + np.sqrt(1 - self.own) * runs
        return np.searchsorted(ndtri(np.cumsum(self.shares)[:-1]), values).astype(np.float64)


WORLDS = tuple(
    World(shares, own, trials)
    for shares in ((1 / 7,) * 7, (0.85, 0.15), (0.6, 0.2, 0.1, 0.06, 0.04))
    for own, trials in ((0.0, 5), (0.1, 5), (0.5, 2), (0.5, 30), (0.9, 5))
)


def truth(world: World, rng: np.random.Generator) -> float:
    """Return the true intraclass correlation: the correlation of two answers of one persona."""
    one, other = world.draw(LARGE, rng, trials=2).T
    return float(np.corrcoef(np.append(one, other), np.append(other, one))[0, 1]) if world.own else 0.0


def tallies(logs: int, seed: int) -> Iterator[tuple[str, int, Tally]]:
    """Measure each world at each number of personas."""
    for w, world in enumerate(WORLDS):
        true = truth(world, np.random.default_rng([seed, 3, w]))
        for n in PERSONAS:
            rng, tally = np.random.default_rng([seed, 4, w, n]), Tally()
            for _ in range(logs):
                answers = world.draw(n, rng)
                sums, squares = answers.sum(axis=1)[:, None, None], (answers**2).sum(axis=1)[:, None]
                found = components(np.full((n, 1), world.trials), sums, squares)
                tally.add("icc", true, *found.icc)
            yield world.name, n, tally
