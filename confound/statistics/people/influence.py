"""An effect, in its own units and in standard deviations, with what each persona adds to it (arrays only)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from confound.statistics.arrays import FloatArray
from confound.statistics.people.agreement import Answers

FLAT = 1e-12  # a variance below this part of the mean square is rounding


@dataclass(frozen=True, slots=True)
class Standardized:
    """The effect of one outcome in one contrast, with each persona's part in its error.

    Attributes
    ----------
    estimate, d : float
        Difference of the arms' means over personas, and the same in pooled standard deviations of single answers.
    parts, d_parts : tuple of ndarray of float64
        For each independent group of personas (within subjects one; between subjects the treated arm, then the
        control), what a persona adds to the error, in the order of the group. The sum of squares is the error's
        variance; the sum of products of the same personas' parts is a covariance.
    """

    estimate: float
    d: float
    parts: tuple[FloatArray, ...]
    d_parts: tuple[FloatArray, ...]

    @property
    def se(self) -> float:
        """The standard error of `estimate`; NaN with one persona in a group."""
        return spread(self.parts)

    @property
    def d_se(self) -> float:
        """The standard error of `d`."""
        return spread(self.d_parts)


def spread(parts: tuple[FloatArray, ...]) -> float:
    """Return the standard error that the parts of all personas make."""
    return float(np.sqrt(sum(np.sum(part**2) for part in parts)))


def standardized(treated: Answers, control: Answers, *, paired: bool) -> Standardized:
    """Estimate an effect and what each persona adds to its error.

    Parameters
    ----------
    treated, control : Answers
        Means and mean squares of the personas' answers, shape (P,); with `paired`, row i is the same persona.
    paired : bool

    Returns
    -------
    Standardized
        The standard error of `estimate` is Welch's between subjects and the paired t test's within. That of `d` counts
        the noise of the standard deviation too. `d` is NaN where nobody differs from anybody.

    References
    ----------
    Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, section 2.2; for the error of d, the delta
    method as in Hedges and Olkin (1985), Statistical Methods for Meta-Analysis, chapter 5, without normality.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.array([3.0, 2.5, 4.0]), np.array([2.0, 2.0, 3.5, 2.5])
    >>> found = standardized(Answers(x, x**2), Answers(y, y**2), paired=False)
    >>> round(found.estimate, 3), round(found.d, 3), round(found.se, 3)
    (0.667, 0.913, 0.565)
    """
    sides = treated, control
    n = [len(side.means) for side in sides]
    centers = [side.means.mean() for side in sides]
    about = [side.means - center for side, center in zip(sides, centers, strict=True)]
    square = [x * x + np.maximum(s.squares - s.means**2, 0) for x, s in zip(about, sides, strict=True)]
    variance = (square[0].sum() + square[1].sum()) / (n[0] + n[1] - 2) if sum(n) > 2 else np.nan
    largest = max(float(np.mean(side.squares)) for side in sides)
    sd = np.sqrt(variance) if variance > FLAT * max(1.0, largest) else np.nan
    estimate = float(centers[0] - centers[1])
    estimate = 0.0 if abs(estimate) < 1e-14 else estimate
    signs = (1.0, -1.0)
    own = [sign * x / m for sign, x, m in zip(signs, about, n, strict=True)]
    # The variance moves with each squared deviation about its arm's mean of them.
    moved = [(q - q.mean()) / (n[0] + n[1] - 2) for q in square] if sum(n) > 2 else [q * np.nan for q in square]
    of_d = [part / sd - estimate / (2 * sd**3) * move for part, move in zip(own, moved, strict=True)]
    return Standardized(estimate, float(estimate / sd), _groups(own, paired=paired), _groups(of_d, paired=paired))


def _groups(parts: list[FloatArray], *, paired: bool) -> tuple[FloatArray, ...]:
    """Gather the arms' parts by persona, with the factor that makes their squares an unbiased variance."""
    gathered = [parts[0] + parts[1]] if paired else parts
    with np.errstate(divide="ignore", invalid="ignore"):
        return tuple(part * np.sqrt(len(part) / (len(part) - 1)) for part in gathered)


@dataclass(frozen=True, slots=True)
class Gap:
    """One effect less another.

    Attributes
    ----------
    estimate, se, low, high : float
    pvalue : float
        Two-sided, for no difference.
    """

    estimate: float
    se: float
    low: float
    high: float
    pvalue: float


def gap(simulated: float, people: float, parts: tuple[FloatArray, ...], *, confidence: float = 0.95) -> Gap:
    """Compare two effects by the parts of their difference's error (simulated less people), group by group.

    The interval is Student's t with the degrees of freedom of Welch and Satterthwaite over the groups.

    Examples
    --------
    >>> import numpy as np
    >>> found = gap(0.5, 0.2, (np.array([0.1, -0.1, 0.05, -0.05]), np.array([0.1, -0.1])))
    >>> round(found.estimate, 3), round(found.se, 3), found.low < 0 < found.high
    (0.3, 0.212, True)
    """
    variances = np.array([np.sum(part**2) for part in parts])
    sizes = np.array([max(len(part) - 1, 1) for part in parts])
    estimate, total = simulated - people, float(variances.sum())
    if not np.isfinite(total) or total <= 0:
        return Gap(estimate, float(np.sqrt(total)) if total == 0 else np.nan, np.nan, np.nan, np.nan)
    df, se = total**2 / np.sum(variances**2 / sizes), float(np.sqrt(total))
    half = float(stdtrit(df, 0.5 + confidence / 2) * se)
    return Gap(estimate, se, estimate - half, estimate + half, float(2 * stdtr(df, -abs(estimate) / se)))
