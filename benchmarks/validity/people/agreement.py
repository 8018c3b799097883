"""Coverage of the intervals of agreement, over pairs of a person and its persona with known truth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.validity.people.counting import Tally
from confound.statistics.arrays import FloatArray
from confound.statistics.people import marginals
from confound.statistics.people.agreement import Answers, agreement
from confound.statistics.people.parity import parity_gap

SIZES = (20, 50, 100, 300, 1000)
LARGE = 2_000_000  # pairs that the truth is taken from


@dataclass(frozen=True, slots=True)
class World:
    """How people and personas answer: shares of the answers from low to high, and how closely they go together.

    Attributes
    ----------
    name : str
    people, simulated : tuple of float
        Shares of the answers, numbered 0, 1, ...
    rho : float
        Correlation of the normal variables behind both.
    """

    name: str
    people: tuple[float, ...]
    simulated: tuple[float, ...]
    rho: float

    def draw(self, n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Draw n pairs."""
        x = rng.standard_normal(n)
        y = self.rho * x + np.sqrt(1 - self.rho**2) * rng.standard_normal(n)
        return _cut(x, self.people), _cut(y, self.simulated)


WORLDS = (
    World("seven even answers, r low", (1 / 7,) * 7, (0.05, 0.1, 0.2, 0.3, 0.2, 0.1, 0.05), 0.2),
    World("seven answers, twins in the middle", (1 / 7,) * 7, (0.0, 0.02, 0.18, 0.6, 0.18, 0.02, 0.0), 0.4),
    World("five answers, skewed", (0.6, 0.2, 0.1, 0.06, 0.04), (0.4, 0.3, 0.2, 0.07, 0.03), 0.6),
    World("yes or no", (0.5, 0.5), (0.3, 0.7), 0.3),
    World("yes or no, twins nearly of one mind", (0.4, 0.6), (0.1, 0.9), 0.3),
    World("seven answers, r high", (1 / 7,) * 7, (1 / 7,) * 7, 0.9),
)


def _cut(values: FloatArray, shares: tuple[float, ...]) -> FloatArray:
    from scipy.special import ndtri

    return np.searchsorted(ndtri(np.cumsum(shares)[:-1]), values).astype(np.float64)


def _found(x: FloatArray, y: FloatArray, width: int) -> dict[str, tuple[float, float, float]]:
    sides = [Answers(v[:, None], (v**2)[:, None]) for v in (x, y)]
    made = agreement(*sides, abs(x - y)[:, None])
    if made is None:
        return {}
    counts = [np.eye(width, dtype=np.int64)[v.astype(int)] for v in (x, y)]
    return {
        "r": made.r,
        "accuracy": made.distance,
        "SD ratio": made.sd_ratio,
        "distance of marginals": marginals.distance(*counts),
    }


def truths(world: World, rng: np.random.Generator) -> dict[str, float]:
    """Return the true values of a world."""
    x, y = world.draw(LARGE, rng)
    return {
        "r": float(np.corrcoef(x, y)[0, 1]),
        "accuracy": float(abs(x - y).mean()),
        "SD ratio": float(y.std() / x.std()),
        "distance of marginals": float(abs(np.subtract(world.people, world.simulated)).sum() / 2),
    }


def tallies(logs: int, seed: int) -> Iterator[tuple[str, int, Tally]]:
    """Measure each world at each number of personas."""
    for w, world in enumerate(WORLDS):
        truth = truths(world, np.random.default_rng([seed, w]))
        for n in SIZES:
            rng, tally = np.random.default_rng([seed, w, n]), Tally()
            for _ in range(logs):
                for name, estimate in _found(*world.draw(n, rng), len(world.people)).items():
                    tally.add(name, truth[name], *estimate)
            yield world.name, n, tally


GROUPS = ((0.7, 0.7), (0.6, 0.75), (0.7,) * 5, (0.6, 0.7, 0.7, 0.7, 0.75))  # mean accuracy of each group


def gaps(logs: int, seed: int) -> Iterator[tuple[str, int, Tally]]:
    """Measure the largest difference between groups that are alike or not, at each number of personas."""
    for g, means in enumerate(GROUPS):
        for n in SIZES[1:]:
            rng, tally = np.random.default_rng([seed, 6, g, n]), Tally()
            for _ in range(logs):
                group = rng.integers(len(means), size=n)
                accuracy = rng.beta(3 * np.array(means)[group], 3 * (1 - np.array(means)[group]))
                tally.add("gap", max(means) - min(means), *parity_gap(accuracy, group).difference)
            yield f"groups with accuracy {', '.join(f'{mean:g}' for mean in means)}", n, tally
