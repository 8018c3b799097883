"""Bias and coverage of what relates simulated effects to people's, over few and many effects with known truth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.validity.people.counting import Tally
from confound.statistics.arrays import BoolArray, FloatArray
from confound.statistics.people import compared
from confound.statistics.people.compared import Effects

SIMULATED_SD, CORRELATION, SLOPE = 1.0, 0.7, 0.4  # of the true effects; the slope is of people's on simulated ones
MEANS = (0.2, 0.3)  # of people's true effects, and of simulated ones
SAME_STUDY = 0.3  # part of the effects' variance that a study's contrasts share
SAME_ARM = 0.5  # correlation of the errors of a study's contrasts, which share their control arm
SAME_NAME = 0.2  # correlation of people's errors with their personas'
LARGE = 40_000  # studies that the true shares are taken from


@dataclass(frozen=True, slots=True)
class World:
    """How many effects there are, and how noisy.

    Attributes
    ----------
    sizes : tuple of int
        Contrasts of each study.
    noise : float
        Standard error of a simulated effect; of people's half as much again.
    """

    sizes: tuple[int, ...]
    noise: float

    @property
    def name(self) -> str:
        """The world in words."""
        least, most = min(self.sizes), max(self.sizes)
        each = f"{least}" if least == most else f"{least} to {most}"
        return f"{sum(self.sizes)} effects, {len(self.sizes)} studies of {each}, noise {self.noise:g}"


WORLDS = tuple(
    World(sizes, noise)
    for sizes in (
        *((1,) * 5, (1,) * 10, (1,) * 20, (1,) * 40),
        *((2,) * 3, (4,) * 5, (4,) * 10),
        (12, 2, 2, 2, 1, 1),
        (30, 1, 1, 1, 1, 1, 1, 1, 1, 2),
    )
    for noise in (0.15, 0.4)
)


def people_sd() -> float:
    """Return the standard deviation of people's true effects."""
    return SLOPE * SIMULATED_SD / CORRELATION


def _pairs(n: int, rng: np.random.Generator) -> FloatArray:
    """Draw standard normal pairs that correlate as true effects do, shape (2, n)."""
    one, other = rng.standard_normal((2, n))
    return np.stack([CORRELATION * one + np.sqrt(1 - CORRELATION**2) * other, one])


def draw(world: World, rng: np.random.Generator) -> Effects:
    """Draw the effects of a world and their errors."""
    study = np.repeat(np.arange(len(world.sizes)), world.sizes)
    k = len(study)
    shared, own = _pairs(len(world.sizes), rng)[:, study], _pairs(k, rng)
    spread = np.array([[people_sd()], [SIMULATED_SD]])
    true = np.array(MEANS)[:, None] + spread * (np.sqrt(SAME_STUDY) * shared + np.sqrt(1 - SAME_STUDY) * own)
    alike = np.where(study[:, None] == study, SAME_ARM, 0.0) + (1 - SAME_ARM) * np.eye(k)
    se = world.noise * np.array([1.5, 1.0])
    between = np.array([[1.0, SAME_NAME], [SAME_NAME, 1.0]])
    errors = np.linalg.cholesky(between) @ rng.standard_normal((2, k)) @ np.linalg.cholesky(alike).T
    seen = true + se[:, None] * errors
    noises = [se[i] * se[j] * between[i, j] * alike for i, j in ((0, 0), (1, 1), (0, 1))]
    return Effects(seen[0], seen[1], *noises, study)


def truths() -> dict[str, float]:
    """Return what holds of the true effects."""
    y, x = people_sd(), SIMULATED_SD
    product, (my, mx) = CORRELATION * x * y, MEANS
    return {
        "r_corrected": CORRELATION,
        "ccc_corrected": 2 * product / (x * x + y * y + (mx - my) ** 2),
        "slope_corrected": SLOPE,
        "slope_through_zero_corrected": (product + mx * my) / (x * x + mx * mx),
        "slope_simulated_corrected": product / y**2,
    }


def uncorrected(noise: float) -> dict[str, float]:
    """Return what holds of the estimates, noise included."""
    y, x = np.hypot(people_sd(), 1.5 * noise), np.hypot(SIMULATED_SD, noise)
    product, (my, mx) = CORRELATION * SIMULATED_SD * people_sd() + SAME_NAME * 1.5 * noise**2, MEANS
    return {
        "r": float(product / (x * y)),
        "ccc": float(2 * product / (x * x + y * y + (mx - my) ** 2)),
        "slope": float(product / x**2),
    }


def shares(effects: Effects) -> dict[str, tuple[BoolArray, BoolArray]]:
    """Return what is counted, and among which effects."""
    people, simulated = (
        abs(values) > 1.96 * np.sqrt(np.diag(noise))
        for values, noise in ((effects.people, effects.noise_people), (effects.simulated, effects.noise_simulated))
    )
    same = np.sign(effects.people) == np.sign(effects.simulated)
    every = np.ones(len(same), dtype=bool)
    return {
        "same_sign": (same, every),
        "replicated": (same & simulated, people),
        "overstated": (abs(effects.simulated) > abs(effects.people), every),
    }


def true_shares(noise: float, rng: np.random.Generator) -> dict[str, float]:
    """Return the shares over many studies of one effect each."""
    effects = [draw(World((1,) * 500, noise), rng) for _ in range(LARGE // 500)]
    found = [shares(each) for each in effects]
    return {
        name: float(np.concatenate([f[name][0][f[name][1]] for f in found]).mean())
        for name in ("same_sign", "replicated", "overstated")
    }


def tallies(logs: int, seed: int) -> Iterator[tuple[str, Tally]]:
    """Measure each world."""
    for w, world in enumerate(WORLDS):
        rng, tally = np.random.default_rng([seed, 1, w]), Tally()
        truth = truths() | uncorrected(world.noise)
        counted = true_shares(world.noise, np.random.default_rng([seed, 2, w]))
        for _ in range(logs):
            effects = draw(world, rng)
            found = compared.measures(effects)
            for name, true in truth.items():
                tally.add(name, true, *found[name].estimate)
            for name, (hits, among) in shares(effects).items():
                tally.add(name, counted[name], *compared.share(hits, among, effects.study).estimate)
        yield world.name, tally
