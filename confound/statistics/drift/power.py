"""How much drift a design can find, and what design it takes to find a given drift.

Answers before drift are those of a pool of personas: drawn with flat Dirichlet shares, or given. Drift moves a share
of each persona's answers to one answer: the same for all ("common") or drawn for each ("varied"); so much that the
total variation distance is, averaged over personas, as asked.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import ndtri

from confound.statistics.arrays import FloatArray
from confound.statistics.drift.persona_pool import pool_of_shares
from confound.statistics.drift.power_of_families import Family, family_power
from confound.statistics.drift.power_of_tests import Design, Direction, PowerAt, Scenario
from confound.statistics.validation import check_inside, check_positive

__all__ = [
    "Design",
    "Direction",
    "Family",
    "detectable_tvd",
    "needed_personas",
    "needed_trials",
    "pool_of_shares",
    "power_to_detect",
]

# Personas simulated where none are given: enough for 1 % of the distance found.
PERSONAS_DRAWN = 2000
# Distances below this are no drift; those found are right to this share of themselves, given the simulation.
SMALLEST_DISTANCE = 1e-6
LOG_TOLERANCE = 2e-3
# Where the search for a design gives up.
MOST_PERSONAS = 10_000_000
MOST_TRIALS = 10_000


def power_to_detect(
    distance: float,
    *,
    personas: int,
    trials: int,
    answers: int | ArrayLike,
    rng: np.random.Generator,
    level: float = 0.05,
    direction: Direction = "varied",
    design: Design = "within",
    family: Family | None = None,
) -> float:
    """Return the chance that a test finds a given drift.

    Within subjects the test is the summed distance's (`permutation.permutation_test`) where drift is varied,
    and the common-direction test (`common_direction.common_direction_test`) where it is common. Between subjects varied
    drift cancels and cannot be found: drift is common whatever `direction` says, and the test is the distance's
    (`permutation.cluster_permutation_test`).

    Parameters
    ----------
    distance : float
        Total variation distance, averaged over personas (within) or of the persona-averaged answers (between), in
        (0, 1).
    personas : int
        Personas in each arm: within, the same in both.
    trials : int
        Answers of a persona in an arm. Unequal arms: the harmonic mean.
    answers : int, or array_like of float, shape (personas, answers)
        Number of answers, with shares before drift drawn from the flat Dirichlet distribution; or those shares, of any
        number of personas, each row summing to 1.
    rng : numpy.random.Generator
    level : float, default 0.05
        Of the test, in (0, 1).
    direction : {"varied", "common"}
    design : {"within", "between"}
    family : Family, optional
        What a verdict decides together. With it, the power is that of the verdict's own tests, at `level` over the
        whole family: the joint test of several controls (`several_controls.step_down_maxt`), the naming of one, or
        twice the smaller p-value of the only control's two tests. Without, that of one test alone.

    Returns
    -------
    float
        In [0, 1]; the level itself or little more where `distance` is next to none.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Notes
    -----
    Varied: the mean of a persona's excess over its no-drift mean is computed exactly, its spread simulated; the sum
    over personas is taken as normal, its critical value with the Cornish-Fisher term for skewness and half a step of
    the distance's lattice, which an exact test loses. Common: noncentral chi-square. Between: normal gaps of the arms'
    mean shares, simulated. Families: a control's distance and direction are simulated likewise, and their sums over
    controls taken as normal. Controls are taken to be alike and independent given the persona.

    Examples
    --------
    >>> import numpy as np
    >>> power_to_detect(0.1, personas=100, trials=30, answers=4, rng=np.random.default_rng(0)) > 0.9
    True
    """
    scenario = _scenario(answers, level, direction, design, rng)
    check_positive(personas=personas, trials=trials)
    _check_distance(distance, scenario)
    return _power_at(scenario, trials, family)(distance)(personas)


def detectable_tvd(
    personas: int,
    trials: int,
    answers: int | ArrayLike,
    *,
    rng: np.random.Generator,
    level: float = 0.05,
    power: float = 0.8,
    direction: Direction = "varied",
    design: Design = "within",
    family: Family | None = None,
) -> float:
    """Return the smallest drift that a design finds with the power asked for.

    Parameters
    ----------
    personas, trials, answers, rng, level, direction, design, family
        As in `power_to_detect`.
    power : float, default 0.8
        In (level, 1).

    Returns
    -------
    float
        Total variation distance in (0, 1), to about 2 % of itself (3 % where shares are given); NaN if no drift,
        however large, is found so often.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> round(detectable_tvd(100, 30, 4, rng=np.random.default_rng(0)), 2)
    0.08

    Twelve controls that all drift are found by the joint test; one that drifts alone must be larger to be named:

    >>> for drifting in ("all", "one"):
    ...     family = Family(controls=12, drifting=drifting)
    ...     print(round(detectable_tvd(100, 30, 4, rng=np.random.default_rng(0), family=family), 2))
    0.04
    0.11
    """
    scenario = _scenario(answers, level, direction, design, rng)
    check_positive(personas=personas, trials=trials)
    _check_power(power, level)

    power_at = _power_at(scenario, trials, family)

    def missing(log_distance: float) -> float:
        found = power_at(math.exp(log_distance))(personas)
        return float(ndtri(min(max(found, 1e-9), 1 - 1e-9)) - ndtri(power))

    largest = scenario.largest()
    if largest < SMALLEST_DISTANCE or missing(math.log(largest)) < 0:
        return math.nan
    # On these scales close to a straight line, but for where power is next to one.
    high = math.log(largest)
    while missing(high - math.log(2)) > 0:
        high -= math.log(2)
        if high < math.log(SMALLEST_DISTANCE):
            return SMALLEST_DISTANCE
    return math.exp(brentq(missing, high - math.log(2), high, xtol=LOG_TOLERANCE))


def needed_personas(
    distance: float,
    *,
    trials: int,
    answers: int | ArrayLike,
    rng: np.random.Generator,
    level: float = 0.05,
    power: float = 0.8,
    direction: Direction = "varied",
    design: Design = "within",
    family: Family | None = None,
) -> int | None:
    """Return how many personas in each arm it takes to find a given drift.

    Parameters
    ----------
    distance, trials, answers, rng, level, direction, design, family
        As in `power_to_detect`.
    power : float, default 0.8
        In (level, 1).

    Returns
    -------
    int or None
        At least 2; None if ten million are too few.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> needed_personas(0.1, trials=30, answers=4, rng=np.random.default_rng(0)) < 100
    True
    """
    scenario = _scenario(answers, level, direction, design, rng)
    check_positive(trials=trials)
    _check_power(power, level)
    _check_distance(distance, scenario)
    power_of = _power_at(scenario, trials, family)(distance)
    return _smallest(lambda personas: power_of(personas) >= power, MOST_PERSONAS)


def needed_trials(
    distance: float,
    *,
    personas: int,
    answers: int | ArrayLike,
    rng: np.random.Generator,
    level: float = 0.05,
    power: float = 0.8,
    direction: Direction = "varied",
    design: Design = "within",
    family: Family | None = None,
) -> int | None:
    """Return how many answers of each persona in each arm it takes to find a given drift.

    Parameters
    ----------
    distance, personas, answers, rng, level, direction, design, family
        As in `power_to_detect`.
    power : float, default 0.8
        In (level, 1).

    Returns
    -------
    int or None
        At least 2; None if ten thousand are too few, as often between subjects, where personas differ however often
        they are asked.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> needed_trials(0.1, personas=100, answers=4, rng=np.random.default_rng(0)) < 30
    True
    """
    scenario = _scenario(answers, level, direction, design, rng)
    check_positive(personas=personas)
    _check_power(power, level)
    _check_distance(distance, scenario)
    return _smallest(lambda trials: _power_at(scenario, trials, family)(distance)(personas) >= power, MOST_TRIALS)


def _smallest(enough: Callable[[int], bool], most: int) -> int | None:
    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if low >= most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _scenario(
    answers: int | ArrayLike, level: float, direction: Direction, design: Design, rng: np.random.Generator
) -> Scenario:
    check_inside("level", level)
    if direction not in ("common", "varied"):
        raise ValueError(f"direction must be 'common' or 'varied' but got {direction!r}")
    if design not in ("within", "between"):
        raise ValueError(f"design must be 'within' or 'between' but got {design!r}")
    return Scenario(_pool(answers, rng), level, direction, design, int(rng.integers(2**63)))


def _pool(answers: int | ArrayLike, rng: np.random.Generator) -> FloatArray:
    given = np.asarray(answers)
    if given.ndim == 0:
        if given < 2:
            raise ValueError(f"answers must be at least 2 but got {given}")
        return rng.dirichlet(np.ones(int(given)), size=PERSONAS_DRAWN)
    pool = given.astype(np.float64)
    if pool.ndim != 2 or pool.shape[1] < 2 or (pool < 0).any() or not np.allclose(pool.sum(axis=1), 1):
        raise ValueError("answers must be a number, or shares in rows (persona) that sum to 1, two answers or more")
    return _ordered(pool)


def _ordered(pool: FloatArray) -> FloatArray:
    """Put answers and personas into an order that only the shares decide, so that no draw depends on how they came."""
    columns = sorted(range(pool.shape[1]), key=lambda k: sorted(pool[:, k].tolist()))
    return pool[np.lexsort(pool[:, columns].T[::-1])][:, columns]


def _power_at(scenario: Scenario, trials: int, family: Family | None) -> PowerAt:
    return scenario.power_at(trials) if family is None else family_power(scenario, trials, family)


def _check_power(power: float, level: float) -> None:
    if not level < power < 1:
        raise ValueError(f"power must be between the level, {level}, and 1 but got {power}")


def _check_distance(distance: float, scenario: Scenario) -> None:
    if not 0 < distance <= scenario.largest():
        raise ValueError(f"distance must be above 0 and at most {scenario.largest():.3g} here but got {distance}")
