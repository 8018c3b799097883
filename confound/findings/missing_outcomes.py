"""Columns of the table `effects`: what missing answers can do to the effect on an outcome's mean."""

import numpy as np

from confound.counts.contrasts import Contrast
from confound.findings.schema import Column, Row
from confound.statistics.drift import canonical, permutation
from confound.statistics.effect import missing
from confound.statistics.randomness import content_rng

_UNIT = "of the outcome"
COLUMNS = (
    Column(
        "missing_control", "number", "Share of answers that are Unknown in the control arm, by persona", "share", True
    ),
    Column("missing_treated", "number", "The same in the treated arm", "share", True),
    Column(
        "pvalue_missing", "p-value", "Permutation test that as many answers are Unknown in both arms", optional=True
    ),
    Column(
        "manski_low",
        "number",
        "Least effect on the mean whatever the Unknown answers would have been; the estimate where none is (Manski "
        "1990)",
        _UNIT,
        optional=True,
    ),
    Column("manski_high", "number", "Largest such effect", _UNIT, optional=True),
    Column("manski_ci_low", "number", "Lower end of an interval that holds the range between these two", _UNIT, True),
    Column("manski_ci_high", "number", "Upper end", _UNIT, optional=True),
    Column(
        "lee_low",
        "number",
        "Least effect on answers given in either arm, if the treatment moves refusing one way only (Lee 2009)",
        _UNIT,
        optional=True,
    ),
    Column("lee_high", "number", "Largest such effect", _UNIT, optional=True),
)


def columns(contrast: Contrast, *, confidence: float) -> Row:
    """Bound the effect on an outcome's mean; nothing where no answer is Unknown, or the outcome has no mean.

    Parameters
    ----------
    contrast : Contrast
        Of an outcome.
    confidence : float
        Of the intervals, in (0, 1).
    """
    cell = contrast.cell
    if not contrast.has_unknown or not np.isfinite(cell.low):
        return {}
    sides = (contrast.treated, contrast.control)
    shares = [side.answers[:, -1] / side.answers.sum(axis=1) for side in sides]
    means = [np.divide(side.totals, side.known, out=np.zeros(len(side.totals)), where=side.known > 0) for side in sides]
    paired = contrast.design == "within"
    bounds = missing.manski_bounds(
        *means, missing=(shares[0], shares[1]), low=cell.low, high=cell.high, paired=paired, confidence=confidence
    )
    return {
        "missing_treated": float(shares[0].mean()),
        "missing_control": float(shares[1].mean()),
        "pvalue_missing": _pvalue(contrast),
        "manski_low": bounds.low,
        "manski_high": bounds.high,
        "manski_ci_low": bounds.ci_low,
        "manski_ci_high": bounds.ci_high,
        **_lee(contrast),
    }


def _lee(contrast: Contrast) -> Row:
    """Trim by answers; a continuous outcome has no counts of its answers."""
    if contrast.cell.scale.kind != "ordinal":
        return {}
    low, high = missing.lee_bounds(contrast.treated.answers, contrast.control.answers, contrast.cell.scale.values)
    return {"lee_low": low, "lee_high": high}


def _pvalue(contrast: Contrast) -> float:
    """Test within personas, or between whole personas, that answers are missing alike."""
    arms = [np.column_stack([side.known, side.answers[:, -1]]) for side in (contrast.treated, contrast.control)]
    if contrast.design == "within":
        treated, control = canonical.strata(*arms)
        return permutation.permutation_test(treated, control, rng=content_rng(treated, control)).pvalue
    treated, control = canonical.samples(*arms)
    return permutation.cluster_permutation_test(treated, control, rng=content_rng(treated, control)).pvalue
