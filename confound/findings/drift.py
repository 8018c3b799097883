"""The table `drift`: one negative control in one contrast, measured and tested."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from confound.counts.contrasts import Contrast
from confound.counts.counting import IntArray
from confound.findings import ordered_drift, schema
from confound.findings.schema import CONTRAST, ITERATION, MODEL, N_PERSONAS, STUDY, Column, Row, Schema
from confound.statistics import multiplicity
from confound.statistics.drift import common_direction, corrected_distance, permutation, power, squared_distance
from confound.statistics.drift import distance as tvd
from confound.statistics.randomness import keyed_rng
from confound.vocabulary import ALL_CONTROLS, DEFAULT_CORRECTION

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
            head="Holm",
            group=_TEST,
            note=f"Holm: adjusted {_FAMILY}.",
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
        Column("test", "text", "How `pvalue` was found: exact, bounds, monte carlo or pooled t"),
        Column("test_common", "text", "How `pvalue_common` was found: chi-square or monte carlo", optional=True),
        Column("tvd_population_null", "number", "Expectation of `tvd_population` without drift", _UNIT, optional=True),
        Column(
            "detectable_tvd",
            "number",
            "The drift that the distance test of a contrast of this size finds with 80 % power at level .05",
            _UNIT,
            optional=True,
        ),
        Column("left_out", "count", "Personas left out of the contrast", "personas", optional=True),
        Column(
            "pvalue_maxt",
            "p-value",
            f"`pvalue` adjusted by step-down maxT {_FAMILY}",
            optional=True,
            head="maxT",
            group=_TEST,
            note="maxT: step-down over the same controls (Westfall and Young 1993).",
        ),
        *ordered_drift.COLUMNS,
    ),
)


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the table, with p-values adjusted over the controls of each study, model, iteration and contrast."""
    family = ["study", "model", "iteration", "contrast"]
    made = schema.frame(rows, SCHEMA).sort_values(family, kind="stable", ignore_index=True)
    # The row `(all)` is no further control.
    pvalues = made[made["question"] != ALL_CONTROLS].groupby(family, sort=False)["pvalue"]
    made["pvalue_holm"] = pvalues.transform(multiplicity.holm)
    made["pvalue_bh"] = pvalues.transform(multiplicity.benjamini_hochberg)
    return made


def drift_row(contrast: Contrast, *, seed: int, confidence: float, method: str = DEFAULT_CORRECTION) -> Row:
    """Measure and test the drift of one negative control; Unknown counts as an answer.

    Null hypothesis: within each persona (within) or over all personas (between), answers are exchangeable between arms.

    Parameters
    ----------
    contrast : Contrast
        Of a negative control.
    seed : int
        Of tests that cannot be exact, and of the corrected distance's simulations.
    confidence : float
        Of the intervals, in (0, 1).
    method : str
        One of `corrected_distance.METHODS`.
    """
    where = contrast.place
    treated, control = contrast.treated, contrast.control
    measured = _within if contrast.design == "within" else _between
    found = measured(treated.answers, control.answers, rng=keyed_rng(seed, *where.values()), confidence=confidence)
    return {
        **where,
        "design": contrast.design,
        **_sizes(contrast),
        **found,
        **_corrected(
            contrast, found["pvalue"], method=method, confidence=confidence, rng=keyed_rng(seed, *where.values())
        ),
        "detectable_tvd": _detectable(contrast, keyed_rng(seed, *where.values())),
        "left_out": contrast.left_out,
        **ordered_drift.ordered_columns(contrast, confidence=confidence),
    }


def _sizes(contrast: Contrast) -> Row:
    treated, control = contrast.treated, contrast.control
    return {
        "n_personas": contrast.n_personas,
        "n_control": control.n,
        "n_treated": treated.n,
        "n_categories": int(((treated.answers.sum(axis=0) + control.answers.sum(axis=0)) > 0).sum()),
        "unknown_control": control.n_unknown,
        "unknown_treated": treated.n_unknown,
    }


def _within(treated: IntArray, control: IntArray, *, rng: np.random.Generator, confidence: float) -> dict[str, Any]:
    """Compare the same personas' answers, persona by persona."""
    return {
        **_tests(
            permutation.permutation_test(treated, control, rng=rng),
            common_direction.common_direction_test(treated, control, rng=rng),
        ),
        "tvd_population": tvd.population_plugin(treated, control),
        "tvd_population_null": tvd.population_null_mean(treated, control),
        **_squared(squared_distance.l2_squared(treated, control, confidence=confidence)),
    }


def _between(treated: IntArray, control: IntArray, *, rng: np.random.Generator, confidence: float) -> dict[str, Any]:
    """Compare different personas' answers; the distance is that of the persona-averaged distributions in any case."""
    test = permutation.cluster_permutation_test(treated, control, rng=rng)
    return {
        **_tests(test, common_direction.cluster_direction_test(treated, control, rng=rng)),
        "tvd_population": test.statistic,
        "tvd_population_null": test.null_mean,
        **_squared(squared_distance.l2_squared_between(treated, control, confidence=confidence)),
    }


def _corrected(
    contrast: Contrast, pvalue: float, *, method: str, confidence: float, rng: np.random.Generator
) -> dict[str, float]:
    """Estimate the corrected distance where answers allow it.

    Within subjects from personas with two answers or more an arm, else not a number; between subjects as the distance
    of two samples, of as many independent answers as the personas' are worth.
    """
    treated, control = contrast.treated.answers, contrast.control.answers
    if contrast.design == "within":
        used = (treated.sum(axis=1) > 1) & (control.sum(axis=1) > 1)
        treated, control = treated[used], control[used]
    else:
        treated, control = (corrected_distance.effective_counts(side)[None] for side in (treated, control))
    if not len(treated):
        return dict.fromkeys(("tvd", "ci_low", "ci_high"), np.nan)
    result = corrected_distance.corrected_tvd(
        treated, control, pvalue=pvalue, method=method, confidence=confidence, rng=rng
    )
    return {"tvd": result.estimate, "ci_low": result.ci_low, "ci_high": result.ci_high}


def _detectable(contrast: Contrast, rng: np.random.Generator) -> float:
    """Return the drift that the distance test of a contrast of this size finds with 80 % power, at level .05.

    Answers before drift are taken to be those seen, both arms pooled.
    """
    sides = (contrast.treated.answers, contrast.control.answers)
    pooled = sides[0] + sides[1] if contrast.design == "within" else np.vstack(sides)
    pooled = pooled[:, pooled.any(axis=0)]
    if pooled.shape[1] < 2:
        return np.nan
    sizes = [side.sum(axis=1) for side in sides]
    per_arm = [len(side) for side in sides]
    return power.detectable_tvd(
        personas=max(1, round(_harmonic_mean(per_arm))),
        trials=max(1, round(_harmonic_mean(np.concatenate(sizes)))),
        answers=pooled / pooled.sum(axis=1, keepdims=True),
        rng=rng,
        direction="varied" if contrast.design == "within" else "common",
        design=contrast.design,
    )


def _harmonic_mean(sizes: ArrayLike) -> float:
    inverses = 1.0 / np.asarray(sizes)
    return float(inverses.size / inverses.sum())


def _tests(distance: permutation.PermutationTest, direction: common_direction.DirectionTest) -> dict[str, Any]:
    return {
        "tvd_plugin": distance.statistic,
        "tvd_null": distance.null_mean,
        "pvalue": distance.pvalue,
        "test": distance.method,
        "pvalue_common": direction.pvalue,
        "test_common": direction.method,
    }


def _squared(distance: squared_distance.SquaredDistance) -> dict[str, float]:
    return {"l2_squared": distance.estimate, "l2_ci_low": distance.ci_low, "l2_ci_high": distance.ci_high}
