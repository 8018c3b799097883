"""Whether adjustment moved the population: answers before and after, the persona as the unit (arrays only)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from confound.statistics.arrays import FloatArray

N_FLIPS = 1999
ROUNDING = 1e-12  # by which equal distances may differ


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
        One a question; the p-value is Monte Carlo, (1 + b) / (1 + 1999).

    References
    ----------
    Sign flips: Fisher (1935), "The Design of Experiments", section 21.

    Examples
    --------
    >>> import numpy as np
    >>> moved = np.array([[0.5, -0.5], [0.4, -0.4], [0.6, -0.6], [0.3, -0.3], [0.5, -0.5], [0.4, -0.4]])
    >>> (shift,) = shifts([moved], rng=np.random.default_rng(0))
    >>> round(shift.distance, 2), shift.pvalue < 0.1
    (0.45, True)
    """
    if not moved:
        return []
    signs = rng.integers(0, 2, size=(N_FLIPS, len(moved[0]))) * 2.0 - 1.0
    used = [np.asarray(~np.isnan(differences).any(axis=1)) for differences in moved]
    held = [np.where(own[:, None], differences, 0.0) for own, differences in zip(used, moved, strict=True)]
    starts = np.cumsum([0, *(differences.shape[1] for differences in held[:-1])])
    totals = np.concatenate([differences.sum(axis=0) for differences in held])
    observed = np.add.reduceat(np.abs(totals), starts)
    flipped = np.add.reduceat(np.abs(signs @ np.hstack(held)), starts, axis=1)
    at_least = (flipped >= observed - ROUNDING * len(signs[0])).sum(axis=0)
    return [
        Shift(float(observed[q]) / (2 * n), float(flipped[:, q].mean()) / (2 * n), float(more + 1) / (N_FLIPS + 1), n)
        if (n := int(own.sum()))
        else Shift(np.nan, np.nan, np.nan, 0)
        for q, (own, more) in enumerate(zip(used, at_least, strict=True))
    ]
