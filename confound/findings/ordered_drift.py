"""Columns of the table `drift` for a control whose answers have an order or numbers: direction, and how far."""

import numpy as np

from confound.counts.contrasts import Contrast, Side
from confound.counts.counting import IntArray
from confound.counts.scales import FloatArray
from confound.findings.schema import Column, Row
from confound.findings.sides import RELABELLINGS
from confound.statistics.drift import ordered
from confound.statistics.effect import difference

_UNIT = "of the control's own numbers"
_ORDERED = "of a control whose answers have an order or numbers"
COLUMNS = (
    Column(
        "mean_difference",
        "number",
        f"Mean over personas in the treated arm less that in the control arm, {_ORDERED}; Unknown left out",
        _UNIT,
        optional=True,
    ),
    Column(
        "mean_difference_low",
        "number",
        "Lower end of the interval of `mean_difference`, clustered by persona: paired t within, Welch's between",
        _UNIT,
        optional=True,
    ),
    Column("mean_difference_high", "number", "Upper end of that interval", _UNIT, optional=True),
    Column(
        "wasserstein",
        "number",
        f"Wasserstein-1 distance, {_ORDERED}, not corrected. Within, with two answers or more: of each persona's two "
        "distributions, averaged over personas; else of the persona-averaged distributions. Unknown left out",
        _UNIT,
        optional=True,
    ),
    Column("wasserstein_null", "number", "Expectation of `wasserstein` without drift", _UNIT, optional=True),
    Column(
        "pvalue_wasserstein",
        "p-value",
        "Permutation test of `wasserstein`, exact where that can be had: answers within personas, or whole personas",
        optional=True,
    ),
)


def ordered_columns(contrast: Contrast, *, confidence: float) -> Row:
    """Measure and test the drift of a negative control along its own scale.

    Null hypothesis of the test: within each persona (within) or over all personas (between), answers that are not
    Unknown are exchangeable between the arms. Personas without such an answer are left out: within, on either side.

    Parameters
    ----------
    contrast : Contrast
        Of a negative control.
    confidence : float
        Of the interval, in (0, 1).

    Returns
    -------
    dict
        Empty if the control is nominal, or an arm has no known answer.
    """
    if contrast.cell.scale.kind == "nominal":
        return {}
    treated, control = contrast.known_sides()
    if not treated.personas or not control.personas:
        return {}
    return _mean_difference(contrast, treated, control, confidence) | _distance(contrast, treated, control)


def _mean_difference(contrast: Contrast, treated: Side, control: Side, confidence: float) -> Row:
    means = [(side.totals / side.known)[:, None] for side in (treated, control)]
    # Personas in the order of their means, for the last digits of a sum must not depend on names.
    if contrast.design == "within":
        order = np.lexsort([side[:, 0] for side in means])
        found = difference.paired_difference(means[0][order], means[1][order], confidence=confidence)
    else:
        found = difference.welch_difference(*(np.sort(side, axis=0) for side in means), confidence=confidence)
    return {
        "mean_difference": float(found.estimate[0]),
        "mean_difference_low": float(found.ci_low[0]),
        "mean_difference_high": float(found.ci_high[0]),
    }


def _distance(contrast: Contrast, treated: Side, control: Side) -> Row:
    test = ordered.ordered_test if contrast.design == "within" else ordered.cluster_ordered_test
    values, one, other = _along_scale(contrast, treated, control)
    within_personas = contrast.design == "within" and max(one.sum(axis=1).max(), other.sum(axis=1).max()) > 1
    n_resamples = RELABELLINGS["within" if within_personas else "between"]
    found = test(one, other, values, n_resamples=n_resamples)
    return {
        "wasserstein": found.statistic,
        "wasserstein_null": found.null_mean,
        "pvalue_wasserstein": found.pvalue,
    }


def _along_scale(contrast: Contrast, treated: Side, control: Side) -> tuple[FloatArray, IntArray, IntArray]:
    """Return the numbers that may be answered, and how often each persona of the sides gave each.

    Of a binned control the numbers themselves, not the bins.
    """
    cell = contrast.cell
    if cell.numbers is None:
        return cell.scale.values, treated.answers[:, :-1], control.answers[:, :-1]
    place = {persona: row for row, persona in enumerate(cell.personas)}
    counts = []
    for side, arm in ((treated, contrast.treated_arm), (control, contrast.control_arm)):
        rows = np.asarray([place[persona] for persona in side.personas], dtype=np.int64)
        counts.append(cell.numbers.counts(len(cell.personas), cell.arms.index(arm))[rows])
    return cell.numbers.points, counts[0], counts[1]
