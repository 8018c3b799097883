"""How much of the variance lies between personas, and how much between the runs of one persona (arrays only)."""

from dataclasses import dataclass

import numpy as np

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.people.jackknife import Estimate, jackknifed
from confound.statistics.validation import check_inside

# What is summed over personas, before the sums of each dimension: see `_moments`.
ASKED, N, NN, SQUARES, MEANS = range(5)
SUMS = 5
FLAT = 1e-12  # a sum of squares below this part of the whole is rounding


@dataclass(frozen=True, slots=True)
class Components:
    """Variance of an answer, in parts.

    Attributes
    ----------
    n_personas : int
        Personas with an answer.
    trials : float
        Answers a persona and arm, on average over personas and arms.
    between, within : float
        Variance between personas, below 0 where they differ less than by chance; and between runs of one persona. NaN
        where there is none to be had.
    icc : Estimate
        ``between / (between + within)``.
    """

    n_personas: int
    trials: float
    between: float
    within: float
    icc: Estimate

    @property
    def design_effect(self) -> float:
        """How many times the variance of a mean exceeds that of as many independent answers."""
        return 1 + (self.trials - 1) * self.icc.value

    def se(self, personas: float, trials: float) -> float:
        """Return the standard error of the mean of an arm with so many personas and trials a persona."""
        return float(np.sqrt((max(self.between, 0.0) + self.within / trials) / personas))


def components(n: IntArray, sums: FloatArray, squares: FloatArray, *, confidence: float = 0.95) -> Components:
    """Split the variance of answers by the one-way analysis of variance, personas being random, arms fixed.

    Estimand: the intraclass correlation, the part of an answer's variance that lies between personas of an arm. The
    persona is the exchangeable unit, with all of its arms. Several dimensions are added up: with one for each answer,
    1 if it was given, the variance is Gini's, ``1 - sum p^2`` (Light and Margolin 1971).

    Parameters
    ----------
    n : ndarray of int64, shape (P, A)
        Answers of each persona in each arm; 0 where there are none.
    sums : ndarray of float64, shape (P, A, D)
        Sums of their values, in each dimension.
    squares : ndarray of float64, shape (P, A)
        Sums of their squares, over all dimensions.
    confidence : float
        In (0, 1).

    Returns
    -------
    Components
        The interval leaves out one persona at a time and is that of the logarithm of the ratio of mean squares.

    References
    ----------
    Fisher (1925), Statistical Methods for Research Workers, chapter 7; Arvesen and Schmitz (1970), "Robust procedures
    for variance component problems using the jackknife", Biometrics 26; Light and Margolin (1971), "An analysis of
    variance for categorical data", Journal of the American Statistical Association 66.

    Examples
    --------
    >>> import numpy as np
    >>> answers = np.array([[1.0, 2.0], [4.0, 5.0], [6.0, 9.0]])  # of three personas, twice each
    >>> counts = np.full((3, 1), 2)
    >>> found = components(counts, answers.sum(axis=1)[:, None, None], (answers**2).sum(axis=1)[:, None])
    >>> round(found.between, 3), round(found.within, 3), round(found.icc.value, 3)
    (8.083, 1.833, 0.815)
    """
    check_inside("confidence", confidence)
    used = n.sum(axis=1) > 0
    moments = _moments(n[used], sums[used], squares[used])
    whole = moments.sum(axis=0)
    between, within, size = _mean_squares(whole)
    parts = _mean_squares(whole - moments)
    icc = _icc(between, within, size)
    asked = whole[..., ASKED].sum()
    return Components(
        n_personas=int(used.sum()),
        trials=float(whole[..., N].sum() / asked) if asked else np.nan,
        between=float((between - within) / size) if size > 0 else np.nan,
        within=float(within),
        icc=Estimate(icc, *_interval((between, within, size), parts, confidence)),
    )


def _moments(n: IntArray, sums: FloatArray, squares: FloatArray) -> FloatArray:
    """Return what is summed over personas, values about the mean of each arm, shape (P, A, 5 + D)."""
    total = np.maximum(n.sum(axis=0), 1)[:, None]
    center = sums.sum(axis=0) / total
    about = sums - n[..., None] * center
    square = squares - 2 * (sums * center).sum(axis=-1) + n * (center**2).sum(axis=-1)
    means = (about**2).sum(axis=-1) / np.maximum(n, 1)
    square = np.maximum(square, means)
    return np.concatenate([np.stack([n > 0, n, n**2, square, means], axis=-1), about], axis=-1)


def _mean_squares(moments: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the mean squares between and within personas, and the usual number of trials; the arms pooled."""
    n = moments[..., N]
    with np.errstate(divide="ignore", invalid="ignore"):
        over = np.where(n > 0, 1 / n, 0.0)
        centered = (moments[..., SUMS:] ** 2).sum(axis=-1) * over
        df_between = np.maximum(moments[..., ASKED] - 1, 0).sum(axis=-1)
        df_within = (n - moments[..., ASKED]).sum(axis=-1)
        between = (moments[..., MEANS] - centered).sum(axis=-1)
        within = (moments[..., SQUARES] - moments[..., MEANS]).sum(axis=-1)
        size = (n - moments[..., NN] * over).sum(axis=-1) / df_between
        floor = FLAT * moments[..., SQUARES].sum(axis=-1)
        between, within = (np.where(part <= floor, 0.0, part) for part in (between, within))
        return between / df_between, within / df_within, size


def _icc(between: FloatArray, within: FloatArray, size: FloatArray) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float((between - within) / (between + (size - 1) * within))


def _interval(
    whole: tuple[FloatArray, FloatArray, FloatArray],
    parts: tuple[FloatArray, FloatArray, FloatArray],
    confidence: float,
) -> tuple[float, float]:
    """Return the ends of the interval of the intraclass correlation."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, left = whole[0] / whole[1], parts[0] / parts[1]
    found = jackknifed(float(ratio), left, scale="log", confidence=confidence)
    size = float(whole[2])
    low, high = ((end - 1) / (end - 1 + size) for end in (found.low, found.high))
    return low, high
