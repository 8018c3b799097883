"""What the verdict's own tests can find: columns `detectable_tvd` and `needed_personas` of the table `drift`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from confound.counts.contrasts import Contrast
from confound.findings.schema import Column, Row
from confound.findings.sides import Sides
from confound.statistics.drift import power
from confound.statistics.drift.power import Family
from confound.statistics.randomness import content_rng
from confound.vocabulary import Design

NEEDED = Column(
    "needed_personas",
    "count",
    "Personas in each arm with which a drift of the margin would be found with 80 % power: of `(all)`, in every "
    "control alike; of the only control of a contrast, in it",
    "personas",
    optional=True,
)
Place = tuple[str, str, int, str]  # study, model, iteration, contrast
Families = dict[Place, Family]


def place_of(contrast: Contrast) -> Place:
    """Return the study, model, iteration and contrast in which a control is decided on among others."""
    study, model, iteration, label, _ = contrast.place.values()
    return study, model, iteration, label


def families(contrasts: Iterable[Contrast]) -> Families:
    """Return the family of each (study, model, iteration, contrast) that has a negative control."""
    places = [place_of(c) for c in contrasts if c.cell.role == "negative_control"]
    controls = Counter(places)
    contrasts_of = Counter((model, iteration) for _, model, iteration, _ in controls)
    return {place: Family(n, contrasts_of[place[1], place[2]]) for place, n in controls.items()}


def of_control(design: Design, sides: Sides, family: Family, margin: float) -> Row:
    """Return the drift that, in this control alone, names it with 80 % power.

    Within subjects each persona drifts in a way of its own; between, all drift in a common direction.

    Parameters
    ----------
    design : {"within", "between"}
    sides : tuple of two ndarrays of int64, shape (personas, answers)
        Treated and control counts in canonical order.
    family : Family
    margin : float
        Of `needed_personas`, which the only control of a contrast has.
    """
    return _found(design, sides, replace(family, drifting="one"), margin if family.controls == 1 else None)


def of_all(design: Design, sides: Sides, family: Family, margin: float) -> Row:
    """Return the drift that, in every control alike, is found by the joint test with 80 % power.

    As if all controls were as this one and independent given the persona.
    """
    return _found(design, sides, family, margin)


def _found(design: Design, sides: Sides, family: Family, margin: float | None) -> Row:
    given = sides if design == "within" else (np.vstack(sides),)
    if given[0].shape[1] < 2:
        return {}
    trials = max(1, round(_harmonic_mean(np.concatenate([side.sum(axis=1) for side in sides]))))
    choices: Row = {
        "answers": power.pool_of_shares(*given),
        "direction": "varied" if design == "within" else "common",
        "design": design,
        "family": family,
    }
    personas = max(2, round(_harmonic_mean([len(side) for side in sides])))
    found: Row = {
        "detectable_tvd": power.detectable_tvd(personas, trials, rng=content_rng(*sides), **choices),
    }
    if margin is not None and (design == "between" or trials > 1):
        found[NEEDED.name] = _needed(margin, trials, content_rng(*sides), choices)
    return found


def _needed(margin: float, trials: int, rng: np.random.Generator, choices: Row) -> float:
    try:
        needed = power.needed_personas(margin, trials=trials, rng=rng, **choices)
    except ValueError:  # no drift of that size is possible from where these personas stand
        return np.nan
    return np.nan if needed is None else needed


def _harmonic_mean(sizes: ArrayLike) -> float:
    inverses = 1.0 / np.asarray(sizes)
    return float(inverses.size / inverses.sum())
