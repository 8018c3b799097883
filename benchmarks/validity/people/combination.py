"""Coverage of the effect that people and simulated users give together, and of what simulated users are worth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.validity.people.counting import Tally
from confound.statistics.people.combined import Arm, Others, combined

EFFECT, SIMULATED_EFFECT = 0.3, 0.8  # of people, and what the simulation makes of it


@dataclass(frozen=True, slots=True)
class World:
    """A few people, many simulated users.

    Attributes
    ----------
    people, others : int
        People an arm; simulated users of nobody (between subjects: an arm).
    rho : float
        Correlation of a person's answer with its persona's.
    within : bool
        Whether the simulated users of nobody are in both arms.
    """

    people: int
    others: int
    rho: float
    within: bool

    @property
    def name(self) -> str:
        """The world in words."""
        design = "within" if self.within else "between"
        return f"{self.people} people an arm, {self.others} others {design}, rho {self.rho:g}"

    def arm(self, treated: int, rng: np.random.Generator) -> Arm:
        """Draw people and their personas."""
        twin = rng.normal(0, 1, self.people)
        own = self.rho * twin + np.sqrt(1 - self.rho**2) * rng.normal(0, 1, self.people)
        return Arm(own + EFFECT * treated, twin + SIMULATED_EFFECT * treated)

    def further(self, rng: np.random.Generator) -> Others:
        """Draw the simulated users of nobody; in both arms they answer alike but for the effect and some noise."""
        if not self.within:
            return Others(tuple(rng.normal(effect, 1, self.others) for effect in (SIMULATED_EFFECT, 0.0)))
        return Others((rng.normal(SIMULATED_EFFECT, 0.6, self.others),))

    @property
    def worth(self) -> float:
        """What the simulated users make of the people, at the best weight."""
        noise = 2 / self.people
        further = 0.36 / self.others if self.within else 2 / self.others
        weight = min(self.rho * noise / (noise + further), 1.0)
        variance = noise - 2 * weight * self.rho * noise + weight**2 * (noise + further)
        return 2 * self.people * noise / variance


WORLDS = tuple(
    World(n, others, rho, within)
    for n in (20, 50, 100, 300)
    for others in (1000,)
    for rho in (0.0, 0.2, 0.6)
    for within in (False, True)
)


def tallies(logs: int, seed: int) -> Iterator[tuple[str, Tally]]:
    """Measure each world."""
    for w, world in enumerate(WORLDS):
        rng, tally = np.random.default_rng([seed, 5, w]), Tally()
        for _ in range(logs):
            found = combined(world.arm(1, rng), world.arm(0, rng), world.further(rng))
            if found is not None:
                tally.add("effect", EFFECT, found.estimate, found.low, found.high)
                tally.add("worth", world.worth, *found.worth)
        yield world.name, tally
