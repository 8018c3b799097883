"""What a design can find: the smallest drift that it detects, and the sizes that a given drift takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from confound.errors import InputError
from confound.statistics.drift.power import Direction, detectable_tvd, needed_personas, needed_trials
from confound.vocabulary import Design


@dataclass(frozen=True, slots=True)
class Planned:
    """What one design finds.

    Attributes
    ----------
    design : {"within", "between"}
    personas, trials, answers : int
        Personas in each arm, answers of each in each arm, possible answers.
    level, power : float
        Of the test, in (0, 1).
    detectable : dict
        How personas drift ("common": all the same way; "varied": each in a way of its own) -> the smallest total
        variation distance found with that power; NaN where no drift is found.
    drift : float or None
        The drift to be found, if one was named.
    needed : dict
        How personas drift -> personas and trials that `drift` takes, the other size being as given; None: out of reach.
    """

    design: Design
    personas: int
    trials: int
    answers: int
    level: float
    power: float
    detectable: Mapping[Direction, float]
    drift: float | None
    needed: Mapping[Direction, tuple[int | None, int | None]]


def planned(
    design: Design, *, personas: int, trials: int, answers: int, drift: float | None, level: float, power: float
) -> Planned:
    """Work out what a design finds.

    Parameters
    ----------
    design, personas, trials, answers, level, power
        As of `Planned`.
    drift : float or None
        Also work out the sizes that this drift takes, in (0, 1).

    Raises
    ------
    InputError
        Where a size is out of range.

    Examples
    --------
    >>> sizes = {"personas": 50, "trials": 10, "answers": 2, "drift": None}
    >>> round(planned("within", **sizes, level=0.05, power=0.8).detectable["common"], 2)
    0.07
    """
    directions: list[Direction] = ["common", "varied"] if design == "within" else ["common"]
    sizes: dict[str, Any] = {"answers": answers, "design": design, "level": level, "power": power}
    try:
        detectable = {
            direction: detectable_tvd(personas, trials, direction=direction, rng=np.random.default_rng(0), **sizes)
            for direction in directions
        }
        needed = {
            direction: _needed(drift, direction, personas=personas, trials=trials, sizes=sizes)
            for direction in directions
            if drift is not None
        }
    except ValueError as error:
        raise InputError(str(error)) from error
    return Planned(design, personas, trials, answers, level, power, detectable, drift, needed)


def _needed(
    drift: float, direction: Direction, *, personas: int, trials: int, sizes: Mapping[str, Any]
) -> tuple[int | None, int | None]:
    return (
        needed_personas(drift, trials=trials, direction=direction, rng=np.random.default_rng(0), **sizes),
        needed_trials(drift, personas=personas, direction=direction, rng=np.random.default_rng(0), **sizes),
    )
