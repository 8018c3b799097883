"""What the verdict's own tests can find: columns `detectable_tvd` and `needed_personas` of the table `drift`."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from confound.counts.contrasts import Contrast
from confound.counts.counting import IntArray
from confound.findings.decision import LEVEL
from confound.findings.schema import Column, Row
from confound.statistics.drift import power
from confound.statistics.drift.several_controls import WEIGHTS
from confound.statistics.randomness import content_rng
from confound.vocabulary import Design

NEEDED = Column(
    "needed_personas",
    "count",
    "Personas in each arm with which a drift of the margin would be found with 80 % power: of `(all)`, in every "
    "control "
    "alike; of the only control of a contrast, in it",
    "personas",
    optional=True,
)
Sides = tuple[IntArray, IntArray]


class Family(NamedTuple):
    """What a test stands among: controls of its contrast, and contrasts of its model at the iteration."""

    controls: int
    contrasts: int


def families(contrasts: Iterable[Contrast]) -> dict[tuple[object, ...], Family]:
    """Return the family of each (study, model, iteration, contrast) that has a negative control."""
    places = [tuple(c.place.values())[:4] for c in contrasts if c.cell.role == "negative_control"]
    controls = Counter(places)
    contrasts_of = Counter((model, iteration) for _, model, iteration, _ in controls)
    return {place: Family(n, contrasts_of[place[1], place[2]]) for place, n in controls.items()}


def of_control(design: Design, sides: Sides, family: Family, margin: float) -> Row:
    """Return the drift that, in this control alone, names it with 80 % power.

    By distance (within, each persona in a way of its own) or common direction (between), at the level that is left for
    one of both tests of all controls and contrasts; step-down maxT is a little more powerful.

    Parameters
    ----------
    design : {"within", "between"}
    sides : tuple of two ndarrays of int64, shape (personas, answers)
        Treated and control counts in canonical order.
    family : Family
    margin : float
        Of `needed_personas`, which the only control of a contrast has.
    """
    level = LEVEL / (2 * family.controls * family.contrasts)
    return _found(design, sides, level=level, margin=margin if family.controls == 1 else None, controls=1)


def of_all(design: Design, sides: Sides, family: Family, margin: float) -> Row:
    """Return the drift that, in every control alike, is found by the joint test with 80 % power.

    As if all controls were as this one and independent given the persona, by the summed distances and their weight
    alone.
    """
    return _found(design, sides, level=WEIGHTS[0] * LEVEL / family.contrasts, margin=margin, controls=family.controls)


def _found(design: Design, sides: Sides, *, level: float, margin: float | None, controls: int) -> Row:
    pooled = sides[0] + sides[1] if design == "within" else np.vstack(sides)
    if pooled.shape[1] < 2:
        return {}
    rng = content_rng(*sides)
    trials = max(1, round(_harmonic_mean(np.concatenate([side.sum(axis=1) for side in sides]))))
    pool = power.pool_of_shares(pooled, rng=rng)
    # Within subjects each control of a persona is a stratum more. Between, the sum over controls gains less: by their
    # root where the drift is below the noise and in full where it is above. Simulated power is met at the power of two
    # thirds.
    worth = float(controls) if design == "within" else controls ** (2 / 3)
    personas = max(2, round(_harmonic_mean([len(side) for side in sides]) * worth))
    direction: power.Direction = "varied" if design == "within" else "common"
    found: Row = {
        "detectable_tvd": power.detectable_tvd(
            personas, trials, pool, rng=rng, level=level, direction=direction, design=design
        )
    }
    if margin is not None and (design == "between" or trials > 1):
        needed = _needed(margin, trials, pool, rng, level, design)
        found[NEEDED.name] = np.nan if needed is None else math.ceil(needed / worth)
    return found


def _needed(
    margin: float, trials: int, pool: ArrayLike, rng: np.random.Generator, level: float, design: Design
) -> int | None:
    direction: power.Direction = "varied" if design == "within" else "common"
    try:
        return power.needed_personas(
            margin, trials=trials, answers=pool, rng=rng, level=level, direction=direction, design=design
        )
    except ValueError:  # no drift of that size is possible from where these personas stand
        return None


def _harmonic_mean(sizes: ArrayLike) -> float:
    inverses = 1.0 / np.asarray(sizes)
    return float(inverses.size / inverses.sum())
