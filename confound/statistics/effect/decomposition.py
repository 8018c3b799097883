"""How much of the observed effect is causal, and how much is selection bias (arrays only).

With ``Y(a)`` the outcome under arm ``a``, and ``A`` the arm whose users are meant, everything follows from four means,
the square of outcome arm and users' arm, in this order:

    E[Y(1)|A=1]   E[Y(1)|A=0]   E[Y(0)|A=1]   E[Y(0)|A=0]

    observed = E[Y(1)|A=1] - E[Y(0)|A=0]
    SBT = E[Y(1)|A=1] - E[Y(1)|A=0]          selection bias in the treated outcome
    SBC = E[Y(0)|A=1] - E[Y(0)|A=0]          selection bias in the control outcome
    ATT = observed - SBC,   ATC = observed - SBT
    CATE = share ATT + (1 - share) ATC,   ASB = (1 - share) SBT + share SBC,   observed = CATE + ASB

with `share` of the users in the treated arm (Lin et al. 2026, arXiv 2605.20767, appendix A). The outer two are what a
log holds; each route finds the inner two in its own way: `by_adjustment` and `by_source` here, and
`standardization`. docs/methods/decomposition.md derives every line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from confound.statistics.arrays import BoolArray, FloatArray
from confound.statistics.effect.bootstrap import N_DRAWS, Resampled, sum_of_means
from confound.statistics.validation import check_share

QUANTITIES = ("observed", "cate", "att", "atc", "sbt", "sbc", "asb")
TOLERANCE = 1e-12  # by which observed and CATE + ASB may differ, relative to the largest part


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The parts of an observed effect, in the units of the outcome.

    Attributes
    ----------
    estimate, se, ci_low, ci_high : ndarray of float64, shape (I, 7)
        A row for each iteration, columns in the order of `QUANTITIES`.
    draws : ndarray of float64, shape (B, I, 7)
        The same estimates in each joint resample of the personas.

    Raises
    ------
    ArithmeticError
        If in the estimates or in any draw observed is not CATE + ASB, ATT + SBC and ATC + SBT.
    """

    estimate: FloatArray
    se: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    draws: FloatArray

    def __post_init__(self) -> None:
        check_identity(self.estimate[None])
        check_identity(self.draws)


def check_identity(parts: FloatArray) -> None:
    """Raise unless observed = CATE + ASB = ATT + SBC = ATC + SBT in every row, shape (..., 7).

    Raises
    ------
    ArithmeticError
        Naming the first row that does not add up.
    """
    observed, cate, att, atc, sbt, sbc, asb = np.moveaxis(parts, -1, 0)
    # What has no number adds up to nothing, and is no mistake.
    allowed = TOLERANCE * np.maximum(1.0, np.nan_to_num(np.abs(parts)).max(axis=-1))
    for names, total in (("CATE + ASB", cate + asb), ("ATT + SBC", att + sbc), ("ATC + SBT", atc + sbt)):
        wrong = np.abs(observed - total) > allowed
        if wrong.any():
            where = tuple(int(i[0]) for i in np.nonzero(wrong))
            raise ArithmeticError(
                f"a decomposition does not add up: observed {observed[where]}, {names} {total[where]}"
            )


def square_weights(share: float = 0.5) -> FloatArray:
    """Return the quantities (columns) as weights of the square's means (rows), shape (4, 7).

    Raises
    ------
    ValueError
        If `share` is not in [0, 1].

    Examples
    --------
    >>> dict(zip(QUANTITIES, square_weights().T.tolist()))["cate"]
    [0.5, 0.5, -0.5, -0.5]
    """
    check_share("share", share)
    observed, sbt, sbc = np.asarray([[1.0, 0, 0, -1], [1, -1, 0, 0], [0, 0, 1, -1]])
    att, atc = observed - sbc, observed - sbt
    cate, asb = share * att + (1 - share) * atc, (1 - share) * sbt + share * sbc
    return np.stack([observed, cate, att, atc, sbt, sbc, asb], axis=1)


def decompose(
    groups: Sequence[FloatArray],
    *,
    rng: np.random.Generator,
    share: float = 0.5,
    confidence: float = 0.95,
    n_draws: int = N_DRAWS,
) -> Decomposition:
    """Decompose an effect, given what each persona contributes to the square.

    Parameters
    ----------
    groups : sequence of ndarray of float64, shapes (P_g, I, 4)
        Groups of personas that are resampled together: one within subjects, one an arm between subjects. The square's
        means are the sums over groups of the means over personas, so a group holds 0 where others make the mean. A
        persona without a value at an iteration is NaN in all four.
    rng : numpy.random.Generator
    share : float, default 0.5
        Of the users in the treated arm, in [0, 1].
    confidence : float, default 0.95
        Of the intervals, in (0, 1).
    n_draws : int, default 2000

    Returns
    -------
    Decomposition
        With bootstrap-t intervals over personas, all quantities and iterations from the same resamples; see
        `bootstrap.sum_of_means`.

    References
    ----------
    Lin, Yun, Mataric, Canny, Gretton and D'Amour (2026), arXiv 2605.20767, appendix A.

    Examples
    --------
    >>> import numpy as np
    >>> treated = np.array([[5.0, 4.0], [4.0, 3.5], [4.5, 4.5]])
    >>> control = np.array([[2.0, 2.5], [1.0, 2.0], [2.5, 2.5]])
    >>> groups = by_adjustment(treated, control, paired=True)
    >>> found = decompose(groups, rng=np.random.default_rng(0))
    >>> dict(zip(QUANTITIES, found.estimate[0].round(2).tolist()))
    {'observed': 2.67, 'cate': 1.67, 'att': 1.67, 'atc': 1.67, 'sbt': 1.0, 'sbc': 1.0, 'asb': 1.0}
    """
    weights = square_weights(share)
    shape = (groups[0].shape[1], len(QUANTITIES))
    values = [(group @ weights).reshape(len(group), -1) for group in groups]
    found = sum_of_means(values, rng=rng, confidence=confidence, n_draws=n_draws)
    estimate, se = (np.where(np.abs(a) < 1e-14, 0.0, a).reshape(shape) for a in (found.estimate, found.se))
    low, high = (a.reshape(shape) for a in (found.ci_low, found.ci_high))
    return Decomposition(estimate, se, low, high, draws=found.draws.reshape(-1, *shape))


def by_adjustment(treated: FloatArray, control: FloatArray, *, paired: bool) -> list[FloatArray]:
    """Return the personas' contributions to the square from how the arms' means move under adjustment.

    Adjusted personas carry attributes drawn from both arms alike, so an arm's mean moves from E[Y(a)|A=a] to the
    average of E[Y(a)|A=1] and E[Y(a)|A=0]: the latter is ``2 after - before``. This assumes that the adopted attributes
    carry all of the drift, that a specified persona behaves as users with those attributes do, and that adjustment
    does not move the population itself.

    Parameters
    ----------
    treated, control : ndarray of float64, shapes (P1, 1 + I) and (P0, 1 + I)
        Means of each persona's answers in the arm, before adjustment and at each of I later iterations; NaN where it
        has none.
    paired : bool
        Whether row i is the same persona in both.

    Returns
    -------
    list of ndarray
        For `decompose`.

    Examples
    --------
    >>> import numpy as np
    >>> (group,) = by_adjustment(np.array([[5.0, 4.0]]), np.array([[2.0, 2.5]]), paired=True)
    >>> group.tolist()  # one persona, one later iteration: its four means of the square
    [[[5.0, 3.0, 3.0, 2.0]]]
    """
    other = [
        np.stack([2 * side[:, 1:] - side[:, :1], side[:, :1] + 0 * side[:, 1:]], axis=-1) for side in (treated, control)
    ]
    # Of the treated outcome own users come first in the square, of the control outcome last.
    sides = [other[0][..., ::-1], other[1]]
    if paired:
        return [_all_or_none(np.concatenate(sides, axis=-1))]
    nothing = np.zeros(2)
    return [
        _all_or_none(np.concatenate([sides[0], np.broadcast_to(nothing, sides[0].shape)], axis=-1)),
        _all_or_none(np.concatenate([np.broadcast_to(nothing, sides[1].shape), sides[1]], axis=-1)),
    ]


def by_source(means: FloatArray, *, arms_paired: bool, sources_paired: bool) -> list[FloatArray]:
    """Return the personas' contributions to the square from outcomes of personas whose attributes come from one arm.

    Personas that carry attributes drawn in arm s stand for the users of arm s, whichever arm they are shown. This
    assumes that the adopted attributes carry all of the drift, and that a specified persona behaves as users with those
    attributes do.

    Parameters
    ----------
    means : ndarray of float64, shape (P, I, 2, 2)
        Mean answers by persona, iteration, arm (treated, control) and source arm (treated, control); NaN where there
        are none.
    arms_paired, sources_paired : bool
        Whether a persona is in both arms, and carries attributes of both sources in turn. Where it is not, personas of
        different arms or sources are groups of their own.

    Returns
    -------
    list of ndarray
        For `decompose`; empty where a cell of the square has no persona.

    Examples
    --------
    >>> import numpy as np
    >>> (group,) = by_source(np.array([[[[5.0, 3.0], [3.0, 2.0]]]]), arms_paired=True, sources_paired=True)
    >>> group.tolist()
    [[[5.0, 3.0, 3.0, 2.0]]]
    """
    together = [[True, True]]
    apart = [[True, False], [False, True]]
    groups = []
    for arms, sources in product(together if arms_paired else apart, together if sources_paired else apart):
        own = np.outer(arms, sources).ravel()
        values = _members(means.reshape(*means.shape[:2], 4), own)
        if np.isnan(values).all(axis=(0, 2)).any():
            return []
        groups.append(values[~np.isnan(values).all(axis=(1, 2))])
    return groups


def _members(square: FloatArray, own: BoolArray) -> FloatArray:
    """Keep the personas that have a mean in just a group's own cells of the square; 0 in the others."""
    present: BoolArray = ~np.isnan(square)
    member = np.asarray((present == own).all(axis=-1, keepdims=True))
    return np.where(member, np.where(own, square, 0.0), np.nan)


def steps(
    treated: FloatArray,
    control: FloatArray,
    *,
    paired: bool,
    rng: np.random.Generator,
    confidence: float = 0.95,
    n_draws: int = N_DRAWS,
) -> Resampled:
    """Estimate how much each adjustment step moved the effect.

    Parameters
    ----------
    treated, control, paired
        As for `by_adjustment`.
    rng : numpy.random.Generator
        In the state that `decompose` was given, the resamples are the same.
    confidence, n_draws
        As for `decompose`.

    Returns
    -------
    Resampled
        Of the effect (treated less control) at each later iteration less that at the one before, shape (I,).

    Examples
    --------
    >>> import numpy as np
    >>> treated, control = np.array([[5.0, 4.0], [4.0, 3.5]]), np.array([[2.0, 2.5], [1.0, 2.0]])
    >>> steps(treated, control, paired=True, rng=np.random.default_rng(0)).estimate.tolist()
    [-1.5]
    """
    moved = [np.diff(side, axis=1) for side in (treated, -control)]
    groups = [moved[0] + moved[1]] if paired else moved
    return sum_of_means(groups, rng=rng, confidence=confidence, n_draws=n_draws)


def _all_or_none(values: FloatArray) -> FloatArray:
    """Make a persona NaN in all four where it is in one."""
    return np.where(np.isnan(values).any(axis=-1, keepdims=True), np.nan, values)
