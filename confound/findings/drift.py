"""The table `drift`: one negative control in one contrast, measured and tested."""

from collections.abc import Container, Sequence
from typing import Any

import numpy as np
import pandas as pd

from confound.counts.contrasts import Contrast
from confound.counts.counting import IntArray
from confound.findings import decision, detectable, ordered_drift, schema
from confound.findings.schema import CONTRAST, ITERATION, MODEL, N_PERSONAS, STUDY, Column, Row, Schema
from confound.findings.sides import Sides, canonical_sides, distance_test, sizes
from confound.statistics import multiplicity
from confound.statistics.drift import (
    common_direction,
    corrected_distance,
    permutation,
    squared_distance,
)
from confound.statistics.drift import distance as tvd
from confound.statistics.drift.power import Family
from confound.statistics.randomness import content_rng
from confound.vocabulary import ALL_CONTROLS, DEFAULT_CORRECTION, DEFAULT_MARGIN, Design

ALONE = Family()
_TVD, _TEST = "Total variation distance", "p-value"  # heads over columns
_UNIT = "total variation distance, 0 to 1"
_FAMILY = "over the controls of a study, model, iteration and contrast"
SCHEMA = Schema(
    "drift",
    "A negative control in a contrast. Question `(all)` pools the controls of a contrast: distances averaged, one "
    "joint test. Contrast `(all arms)` tests three arms or more of a control together.",
    (
        *(STUDY, MODEL, ITERATION, CONTRAST),
        Column("question", "text", "The negative control, or `(all)`"),
        Column("design", "text", "`within`: the same personas in both arms; `between`: each persona in one arm"),
        N_PERSONAS,
        Column("n_control", "count", "Answers in the control arm, Unknown included", optional=True),
        Column("n_treated", "count", "Answers in the treated arm, Unknown included", optional=True),
        Column("n_categories", "count", "Different answers given, Unknown included", optional=True),
        Column("unknown_control", "count", "Unknown answers in the control arm", optional=True),
        Column("unknown_treated", "count", "Unknown answers in the treated arm", optional=True),
        Column(
            "tvd_plugin",
            "number",
            "The distance as seen, not corrected: above 0 by chance even without drift",
            _UNIT,
            head="Seen",
            group=_TVD,
            note="Seen: the plug-in distance, not corrected.",
        ),
        Column(
            "tvd_null",
            "number",
            "Exact expectation of `tvd_plugin` without drift",
            _UNIT,
            head="By chance",
            group=_TVD,
            note="By chance: the exact mean of the plug-in distance without drift.",
        ),
        Column(
            "tvd", "number", "The distance corrected for chance", _UNIT, optional=True, head="Corrected", group=_TVD
        ),
        *schema.interval("`tvd`; the lower end is 0 unless the exact test rejects", _UNIT, optional=True, group=_TVD),
        Column(
            "tvd_population",
            "number",
            "Distance of the arms' persona-averaged distributions, as seen; drift in different directions cancels",
            _UNIT,
            optional=True,
        ),
        Column(
            "l2_squared",
            "number",
            "Squared Euclidean distance of the arms' distributions, unbiased",
            "squared difference of shares",
            optional=True,
        ),
        Column("l2_ci_low", "number", "Lower end of the interval of `l2_squared`", optional=True),
        Column("l2_ci_high", "number", "Upper end of the interval of `l2_squared`", optional=True),
        Column(
            "pvalue",
            "p-value",
            "Permutation test of the distance; of `(all)`: of all controls jointly",
            head="Distance",
            group=_TEST,
            note="Distance: permutation test of the distance.",
        ),
        Column(
            "pvalue_holm",
            "p-value",
            f"`pvalue` adjusted by Holm {_FAMILY}",
            optional=True,
        ),
        Column("pvalue_bh", "p-value", f"`pvalue` adjusted by Benjamini and Hochberg {_FAMILY}", optional=True),
        Column(
            "pvalue_common",
            "p-value",
            "Test that personas drift in a common direction (generalized Cochran-Mantel-Haenszel)",
            optional=True,
            head="Direction",
            group=_TEST,
            note="Direction: generalized Cochran-Mantel-Haenszel test of a common direction.",
        ),
        Column(
            "test", "text", "How `pvalue` was found: exact, bounds, monte carlo or pooled t; of known distributions, t"
        ),
        Column("test_common", "text", "How `pvalue_common` was found: chi-square or monte carlo", optional=True),
        Column("tvd_population_null", "number", "Expectation of `tvd_population` without drift", _UNIT, optional=True),
        Column(
            "detectable_tvd",
            "number",
            "The drift that the verdict finds with 80 % power: in this control alone, so that it is named; of `(all)`, "
            "in every control alike",
            _UNIT,
            optional=True,
        ),
        Column("left_out", "count", "Personas left out of the contrast", "personas", optional=True),
        Column(
            "pvalue_maxt",
            "p-value",
            f"`pvalue` adjusted by step-down maxT {_FAMILY}",
            optional=True,
        ),
        Column("tvd_answered", "number", "As `tvd`, of the answers that are not Unknown", _UNIT, optional=True),
        Column("pvalue_answered", "p-value", "As `pvalue`, of the answers that are not Unknown", optional=True),
        Column(
            "pvalue_common_answered",
            "p-value",
            "As `pvalue_common`, of the answers that are not Unknown",
            optional=True,
        ),
        Column("tvd_refusal", "number", "As `tvd`, of Unknown against all other answers", _UNIT, optional=True),
        Column("pvalue_refusal", "p-value", "Permutation test that Unknown is as frequent in both arms", optional=True),
        Column(
            "pvalue_joint",
            "p-value",
            "Of `(all)`: that no control of the contrast drifts, by distances, a common direction and the control that "
            "stands out most, Unknown left out. Of a control: adjusted over the controls of its contrast (closed "
            "testing)",
            optional=True,
        ),
        Column(
            "pvalue_verdict",
            "p-value",
            "`pvalue_joint` adjusted over the contrasts of the model and iteration: what the verdict decides by",
            optional=True,
            head="Verdict",
            group=_TEST,
            note="Verdict: adjusted over the controls of the contrast and the contrasts of the model.",
        ),
        Column(
            "state",
            "text",
            "`shown`: drift, `pvalue_verdict` at most .05; `small`: the upper end of every distance lies below the "
            "margin; `unsettled`: neither; `withheld`: the log holds copies",
            optional=True,
        ),
        Column("family", "text", "What `pvalue_verdict` is adjusted over", optional=True),
        Column("pvalue_error", "number", "Monte Carlo standard error of `pvalue`; 0 where it is exact", optional=True),
        *ordered_drift.COLUMNS,
        detectable.NEEDED,
        Column(
            "modal_share",
            "number",
            "Share of the most frequent answer in both arms together, Unknown left out: near 1 no drift can show",
            "share, 0 to 1",
            optional=True,
        ),
    ),
)


def frame(
    rows: Sequence[Row], *, margin: float = DEFAULT_MARGIN, withheld: Container[tuple[str, str]] = ()
) -> pd.DataFrame:
    """Return the table, with p-values adjusted and drift decided on.

    Parameters
    ----------
    rows : sequence of dict
    margin : float
        Drift below it counts as small.
    withheld : container of (study, model)
        Where copies void every number.
    """
    family = ["study", "model", "iteration", "contrast"]
    made = schema.frame(rows, SCHEMA).sort_values(family, kind="stable", ignore_index=True)
    # The row `(all)` is no further control.
    pvalues = made[made["question"] != ALL_CONTROLS].groupby(family, sort=False)["pvalue"]
    made["pvalue_holm"] = pvalues.transform(multiplicity.holm)
    made["pvalue_bh"] = pvalues.transform(multiplicity.benjamini_hochberg)
    return decision.decided(made, margin=margin, withheld=withheld)


def drift_row(
    contrast: Contrast,
    *,
    confidence: float,
    family: Family = ALONE,
    margin: float = DEFAULT_MARGIN,
    method: str = DEFAULT_CORRECTION,
) -> Row:
    """Measure and test the drift of one negative control.

    Null hypothesis: within each persona (within) or over all personas (between), answers are exchangeable between arms.
    Unknown counts as an answer, but in the columns that say otherwise. Draws are keyed by the counts, so that neither a
    name nor a seed moves a number.

    Parameters
    ----------
    contrast : Contrast
        Of a negative control.
    confidence : float
        Of the intervals, in (0, 1).
    family : power.Family
        What the control is decided on among.
    margin : float
        Drift below it counts as small.
    method : str
        One of `corrected_distance.METHODS`.
    """
    sides = canonical_sides(contrast.design, contrast.treated.answers, contrast.control.answers)
    found = (_within if contrast.design == "within" else _between)(*sides, confidence=confidence)
    distance = _corrected(contrast.design, sides, found["pvalue"], method=method, confidence=confidence)
    return {
        **contrast.place,
        "design": contrast.design,
        **sizes(contrast),
        **found,
        **distance,
        **detectable.of_control(contrast.design, sides, family, margin),
        "left_out": contrast.left_out,
        **_parts(contrast, found | distance, method=method, confidence=confidence),
        **ordered_drift.ordered_columns(contrast, confidence=confidence),
    }


def _parts(contrast: Contrast, whole: Row, *, method: str, confidence: float) -> Row:
    """Tell what the answers given drift by from a difference in refusing."""
    if not contrast.has_unknown:
        return {
            "tvd_answered": whole["tvd"],
            "pvalue_answered": whole["pvalue"],
            "pvalue_common_answered": whole["pvalue_common"],
        }
    design, answered = contrast.design, contrast.answered()
    given = {} if answered is None else _of_answered(answered, method, confidence)
    refusals = canonical_sides(design, contrast.treated.refusals, contrast.control.refusals)
    pvalue = distance_test(design, refusals).pvalue
    refused = _corrected(design, refusals, pvalue, method=method, confidence=confidence)
    return {**given, "tvd_refusal": refused["tvd"], "pvalue_refusal": pvalue}


def _of_answered(contrast: Contrast, method: str, confidence: float) -> Row:
    sides = canonical_sides(contrast.design, contrast.treated.answers, contrast.control.answers)
    found = (_within if contrast.design == "within" else _between)(*sides, confidence=confidence)
    distance = _corrected(contrast.design, sides, found["pvalue"], method=method, confidence=confidence)
    return {
        "tvd_answered": distance["tvd"],
        "pvalue_answered": found["pvalue"],
        "pvalue_common_answered": found["pvalue_common"],
    }


def _within(treated: IntArray, control: IntArray, *, confidence: float) -> dict[str, Any]:
    """Compare the same personas' answers, persona by persona."""
    rng = content_rng(treated, control)
    return {
        **_tests(
            permutation.permutation_test(treated, control, rng=rng),
            common_direction.common_direction_test(treated, control, rng=rng),
        ),
        "tvd_population": tvd.population_plugin(treated, control),
        "tvd_population_null": tvd.population_null_mean(treated, control),
        **_squared(squared_distance.l2_squared(treated, control, confidence=confidence)),
    }


def _between(treated: IntArray, control: IntArray, *, confidence: float) -> dict[str, Any]:
    """Compare different personas' answers; the distance is that of the persona-averaged distributions in any case."""
    rng = content_rng(treated, control)
    test = permutation.cluster_permutation_test(treated, control, rng=rng)
    return {
        **_tests(test, common_direction.cluster_direction_test(treated, control, rng=rng)),
        "tvd_population": test.statistic,
        "tvd_population_null": test.null_mean,
        **_squared(squared_distance.l2_squared_between(treated, control, confidence=confidence)),
    }


def _corrected(design: Design, sides: Sides, pvalue: float, *, method: str, confidence: float) -> dict[str, float]:
    """Estimate the corrected distance where answers allow it.

    Within subjects from personas with two answers or more an arm, else not a number; between subjects as the distance
    of two samples, of as many independent answers as the personas' are worth.
    """
    treated, control = sides
    if design == "within":
        used = (treated.sum(axis=1) > 1) & (control.sum(axis=1) > 1)
        treated, control = treated[used], control[used]
    else:
        treated, control = (corrected_distance.effective_counts(side)[None] for side in (treated, control))
    if not len(treated):
        return dict.fromkeys(("tvd", "ci_low", "ci_high"), np.nan)
    result = corrected_distance.corrected_tvd(treated, control, pvalue=pvalue, method=method, confidence=confidence)
    return {"tvd": result.estimate, "ci_low": result.ci_low, "ci_high": result.ci_high}


def _tests(distance: permutation.PermutationTest, direction: common_direction.DirectionTest) -> dict[str, Any]:
    return {
        "tvd_plugin": distance.statistic,
        "tvd_null": distance.null_mean,
        "pvalue": distance.pvalue,
        "test": distance.method,
        "pvalue_common": direction.pvalue,
        "test_common": direction.method,
        "pvalue_error": _monte_carlo_error(distance),
    }


def _monte_carlo_error(test: permutation.PermutationTest) -> float:
    return float(np.sqrt(test.pvalue * (1 - test.pvalue) / test.n_resamples)) if test.n_resamples else 0.0


def _squared(distance: squared_distance.SquaredDistance) -> dict[str, float]:
    return {"l2_squared": distance.estimate, "l2_ci_low": distance.ci_low, "l2_ci_high": distance.ci_high}
