"""Columns of the table `effects`: what missing answers can do to an effect."""

import numpy as np

from confound.counts.contrasts import Contrast
from confound.counts.scales import FloatArray
from confound.findings.schema import Column, Row
from confound.findings.sides import canonical_sides, distance_test
from confound.statistics.effect import missing

Pair = tuple[FloatArray, FloatArray]

_UNIT = "of the outcome; of a share where `level` is given"
COLUMNS = (
    Column(
        "missing_control", "number", "Share of answers that are Unknown in the control arm, by persona", "share", True
    ),
    Column("missing_treated", "number", "The same in the treated arm", "share", True),
    Column(
        "pvalue_missing",
        "p-value",
        "Permutation test that as many answers are Unknown in both arms; empty where none is",
        optional=True,
    ),
    Column(
        "manski_low",
        "number",
        "Least effect whatever the Unknown answers would have been; the estimate where none is (Manski 1990). Of means "
        "and, of a nominal outcome, of shares",
        _UNIT,
        optional=True,
    ),
    Column("manski_high", "number", "Largest such effect", _UNIT, optional=True),
    Column("manski_ci_low", "number", "Lower end of an interval that holds the range between these two", _UNIT, True),
    Column("manski_ci_high", "number", "Upper end", _UNIT, optional=True),
    Column(
        "lee_low",
        "number",
        "Least effect on answers given in either arm, if the treatment moves refusing one way only (Lee 2009); of "
        "ordinal outcomes",
        _UNIT,
        optional=True,
    ),
    Column("lee_high", "number", "Largest such effect", _UNIT, optional=True),
)


def columns(contrast: Contrast, *, confidence: float) -> list[Row]:
    """Bound the effect on an outcome's mean, or on each share of a nominal outcome.

    Parameters
    ----------
    contrast : Contrast
        Of an outcome.
    confidence : float
        Of the intervals, in (0, 1).

    Returns
    -------
    list of dict
        One for the mean, or for each answer of a nominal outcome in its order.
    """
    cell = contrast.cell
    sides = (contrast.treated, contrast.control)
    common = {
        "missing_treated": float(contrast.treated.missing.mean()),
        "missing_control": float(contrast.control.missing.mean()),
        "pvalue_missing": _pvalue(contrast) if contrast.has_unknown else np.nan,
    }
    if cell.scale.kind != "nominal":
        sums = (contrast.treated.totals, contrast.control.totals)
        return [common | _manski(contrast, sums, (cell.low, cell.high), confidence) | _lee(contrast)]
    counts = [side.answers[:, :-1].T.astype(np.float64) for side in sides]
    return [common | _manski(contrast, pair, (0.0, 1.0), confidence) for pair in zip(*counts, strict=True)]


def _manski(contrast: Contrast, sums: Pair, ends: tuple[float, float], confidence: float) -> Row:
    """Bound the effect on the personas' means of known answers, whose sums are given, treated first."""
    sides = (contrast.treated, contrast.control)
    if not np.isfinite(ends).all():
        return {}
    means = [
        np.divide(total, side.known, out=np.zeros(len(total)), where=side.known > 0)
        for total, side in zip(sums, sides, strict=True)
    ]
    bounds = missing.manski_bounds(
        *means,
        missing=(contrast.treated.missing, contrast.control.missing),
        low=ends[0],
        high=ends[1],
        paired=contrast.design == "within",
        confidence=confidence,
    )
    return {f"manski_{name}": getattr(bounds, name) for name in ("low", "high", "ci_low", "ci_high")}


def _lee(contrast: Contrast) -> Row:
    """Trim by answers; a continuous outcome has no counts of its answers."""
    if contrast.cell.scale.kind != "ordinal":
        return {}
    low, high = missing.lee_bounds(contrast.treated.answers, contrast.control.answers, contrast.cell.scale.values)
    return {"lee_low": low, "lee_high": high}


def _pvalue(contrast: Contrast) -> float:
    """Test that answers are missing alike in both arms."""
    refusals = canonical_sides(contrast.design, contrast.treated.refusals, contrast.control.refusals)
    return distance_test(contrast.design, refusals).pvalue
