"""Whether one factor's effect depends on another: the difference of two differences, the persona as the cluster."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from confound.statistics.arrays import BoolArray, FloatArray
from confound.statistics.effect.difference import (
    Difference,
    compared,
    paired_difference,
    standard_error,
    welch_difference,
)
from confound.statistics.validation import check_inside


@dataclass(frozen=True, slots=True)
class Interaction:
    """How the effect of one factor differs between two levels of another.

    Attributes
    ----------
    at_control, at_treated : ndarray of float64, shape (Q,)
        The first factor's effect at the second's control and treated level, of the personas that are used.
    difference : Difference
        `estimate` is `at_treated` less `at_control`.
    design : {"within", "mixed", "between"}
    n_personas : int
        Of those that are used.
    """

    at_control: FloatArray
    at_treated: FloatArray
    difference: Difference
    design: Literal["within", "mixed", "between"]
    n_personas: int


def interaction(cells: FloatArray, *, confidence: float = 0.95) -> Interaction:
    """Compare the effect of one factor at two levels of another.

    The estimand is the mean over personas of (treated less control at the other factor's treated level) less (the same
    at its control level). Null hypothesis: it is 0. The persona is the unit. Which test is made follows from who is in
    which cell: personas in all four (paired t), in both levels of one factor at one level of the other (Welch's t of
    the personas' own differences), or in one cell each (Welch's t of four groups). The largest of these is used.

    Parameters
    ----------
    cells : ndarray of float64, shape (P, 2, 2, Q)
        Persona means of Q quantities by level of the first factor (control, treated) and of the second; NaN where a
        persona is not in a cell.
    confidence : float
        In (0, 1).

    References
    ----------
    Welch (1947), Biometrika 34; Satterthwaite (1946), Biometrics Bulletin 2, for more than two variances.

    Examples
    --------
    >>> import numpy as np
    >>> cells = np.array([[[1.0, 2.0], [2.0, 4.0]], [[2.0, 2.0], [2.5, 3.0]], [[1.0, 1.5], [2.0, 3.0]]])[..., None]
    >>> found = interaction(cells)
    >>> found.at_control.round(3).tolist(), found.difference.estimate.round(3).tolist(), found.design
    ([0.833], [0.667], 'within')
    """
    check_inside("confidence", confidence)
    held: BoolArray = np.asarray(np.isfinite(cells).all(axis=3))
    n_cells = held.sum(axis=(1, 2))
    groups = {
        "within": n_cells == 4,
        "first": (n_cells == 2) & (held[:, 0] & held[:, 1]).any(axis=1),  # both levels of the first factor
        "second": (n_cells == 2) & (held[:, :, 0] & held[:, :, 1]).any(axis=1),
        "between": n_cells == 1,
    }
    kind = max(groups, key=lambda name: int(groups[name].sum()))  # the first of equals
    used, here = cells[groups[kind]], held[groups[kind]]
    means = np.stack([[_mean(used[here[:, i, j], i, j]) for j in (0, 1)] for i in (0, 1)])
    at_control, at_treated = means[1] - means[0]
    if kind == "within":
        effects = used[:, 1] - used[:, 0]
        found = paired_difference(effects[:, 1], effects[:, 0], confidence=confidence)
        return Interaction(at_control, at_treated, found, "within", len(used))
    if kind == "between":
        found = _of_four(used, here, confidence)
        return Interaction(at_control, at_treated, found, "between", len(used))
    if kind == "second":  # the same number by the other factor's effects
        used, here = used.swapaxes(1, 2), here.swapaxes(1, 2)
    effects = used[:, 1] - used[:, 0]
    sides = [effects[here[:, 0, level], level] for level in (1, 0)]
    found = welch_difference(*sides, confidence=confidence)
    return Interaction(at_control, at_treated, found, "mixed", len(used))


def _mean(values: FloatArray) -> FloatArray:
    """Return the mean of each column; NaN where there is no row."""
    return values.mean(axis=0) if len(values) else np.full(values.shape[1], np.nan)


def _of_four(cells: FloatArray, here: BoolArray, confidence: float) -> Difference:
    """Compare by four independent groups of personas."""
    groups = [[cells[here[:, i, j], i, j] for j in (0, 1)] for i in (0, 1)]
    variances = np.stack([standard_error(group) ** 2 for row in groups for group in row])
    sizes = np.array([[len(group)] for row in groups for group in row])
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = (variances**2 / (sizes - 1)).sum(axis=0)
        df = np.where(parts > 0, variances.sum(axis=0) ** 2 / parts, np.inf)
    at_treated, at_control = (_mean(groups[1][j]) - _mean(groups[0][j]) for j in (1, 0))
    return compared(at_treated[None], at_control[None], np.sqrt(variances.sum(axis=0)), df, confidence)
