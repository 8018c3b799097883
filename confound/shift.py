"""Whether adjustment moved the population: answers before and after, the persona as the unit (arrays only)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

N_FLIPS = 4999


@dataclass(frozen=True, slots=True)
class Shift:
    """Distance between the answers before and after.

    Attributes
    ----------
    distance : float
        Total variation distance of the persona-averaged answers, as seen, in [0, 1].
    null_mean : float
        Its mean over sign flips: what it is with no shift.
    pvalue : float
        In (0, 1].
    n_personas : int
    """

    distance: float
    null_mean: float
    pvalue: float
    n_personas: int


def shifts(moved: Sequence[FloatArray], *, rng: np.random.Generator) -> list[Shift]:
    """Test of each question that the mean of the personas' answer shares has not moved.

    Null hypothesis: each persona's shares are as likely to have moved one way as the opposite way. A persona whose
    attributes are drawn from the mixture of the arms does move, but on average nowhere, so the persona is the unit:
    signs of whole personas' differences are flipped, the same flips for every question.

    Parameters
    ----------
    moved : sequence of ndarray of float64, shapes (P, K_q)
        Each persona's answer shares after less those before, a question each; NaN where it was not asked in both.
    rng : numpy.random.Generator

    Returns
    -------
    list of Shift
        One a question; the p-value is Monte Carlo, (1 + b) / (1 + 4999).

    References
    ----------
    Sign flips: Fisher (1935), "The Design of Experiments", section 21.
    """
    if not moved:
        return []
    signs = rng.integers(0, 2, size=(N_FLIPS, len(moved[0]))) * 2.0 - 1.0
    found = []
    for differences in moved:
        used = ~np.isnan(differences).any(axis=1)
        n, held = int(used.sum()), differences[used]
        if n == 0:
            found.append(Shift(np.nan, np.nan, np.nan, 0))
            continue
        distance = 0.5 * float(np.abs(held.mean(axis=0)).sum())
        flipped = 0.5 * np.abs(signs[:, used] @ held).sum(axis=1) / n
        at_least = int((flipped >= distance - 1e-12).sum())
        found.append(Shift(distance, float(flipped.mean()), (1 + at_least) / (1 + N_FLIPS), n))
    return found
