"""What a design can find: the smallest drift that it detects, and the sizes that a given drift takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from confound.errors import InputError
from confound.statistics.drift.power import Direction, Family, detectable_tvd, needed_personas, needed_trials
from confound.vocabulary import Design

__all__ = ["Direction", "Planned", "planned"]


@dataclass(frozen=True, slots=True)
class Planned:
    """What the verdict finds in one design.

    Attributes
    ----------
    design : {"within", "between"}
    personas, trials, answers : int
        Personas in each arm, answers of each in each arm, possible answers.
    controls, contrasts : int
        Negative controls of the contrast, and contrasts of the model, which the verdict decides together.
    level, power : float
        Of the verdict over the whole family, in (0, 1).
    detectable : dict
        How personas drift ("common": all the same way; "varied": each in a way of its own) -> the smallest total
        variation distance, of every control, found with that power; NaN where no drift is found.
    named : dict
        The same of one control alone, which is then named; empty if there is only one.
    drift : float or None
        The drift to be found, if one was named.
    needed : dict
        How personas drift -> personas and trials that `drift` takes, the other size being as given; None: out of reach.
    """

    design: Design
    personas: int
    trials: int
    answers: int
    controls: int
    contrasts: int
    level: float
    power: float
    detectable: Mapping[Direction, float]
    named: Mapping[Direction, float]
    drift: float | None
    needed: Mapping[Direction, tuple[int | None, int | None]]


def planned(
    design: Design,
    *,
    personas: int,
    trials: int,
    answers: int,
    controls: int,
    contrasts: int,
    drift: float | None,
    level: float,
    power: float,
) -> Planned:
    """Work out what the verdict finds in a design.

    Parameters
    ----------
    design, personas, trials, answers, controls, contrasts, level, power
        As of `Planned`.
    drift : float or None
        Also work out the sizes that this drift of every control takes, in (0, 1).

    Raises
    ------
    InputError
        Where a size is out of range.

    Examples
    --------
    >>> sizes = {"personas": 50, "trials": 10, "answers": 2, "drift": None, "level": 0.05, "power": 0.8}
    >>> round(planned("within", **sizes, controls=1, contrasts=1).detectable["common"], 2)
    0.08
    """
    directions: list[Direction] = ["common", "varied"] if design == "within" else ["common"]
    sizes: dict[str, Any] = {"answers": answers, "design": design, "level": level, "power": power}
    try:
        family, alone = Family(controls, contrasts), Family(controls, contrasts, drifting="one")
        detectable = {way: _detectable(personas, trials, way, family, sizes) for way in directions}
        named = {way: _detectable(personas, trials, way, alone, sizes) for way in directions if controls > 1}
        sizes["family"] = family
        needed = {
            way: _needed(drift, way, personas=personas, trials=trials, sizes=sizes)
            for way in directions
            if drift is not None
        }
    except ValueError as error:
        raise InputError(str(error)) from error
    given = (design, personas, trials, answers, controls, contrasts, level, power)
    return Planned(*given, detectable, named, drift, needed)


def _detectable(personas: int, trials: int, direction: Direction, family: Family, sizes: Mapping[str, Any]) -> float:
    rng = np.random.default_rng(0)
    return detectable_tvd(personas, trials, direction=direction, family=family, rng=rng, **sizes)


def _needed(
    drift: float, direction: Direction, *, personas: int, trials: int, sizes: Mapping[str, Any]
) -> tuple[int | None, int | None]:
    return (
        needed_personas(drift, trials=trials, direction=direction, rng=np.random.default_rng(0), **sizes),
        needed_trials(drift, personas=personas, direction=direction, rng=np.random.default_rng(0), **sizes),
    )
