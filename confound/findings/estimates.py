"""One contrast -> its rows in the drift and effects tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from scipy import stats

from confound.counts.contrasts import Contrast, Side
from confound.counts.counting import IntArray
from confound.counts.scales import MAX_LEVELS, FloatArray, Scale
from confound.statistics.drift import common_direction, corrected_distance, permutation, power, squared_distance
from confound.statistics.drift import distance as tvd
from confound.statistics.effect import difference, ordinal


def place(contrast: Contrast) -> dict[str, Any]:
    """Return the columns that say where a contrast was made."""
    cell = contrast.cell
    return {
        "study": cell.study,
        "model": cell.model,
        "iteration": cell.iteration,
        "contrast": contrast.label,
        "question": cell.question,
    }


def keyed_rng(where: Mapping[str, Any], seed: int) -> np.random.Generator:
    """Return a generator of this contrast's own, so that no other contrast changes its draws."""
    return np.random.default_rng([seed, crc32("\0".join(map(str, where.values())).encode())])


def contrast_rows(contrast: Contrast, *, seed: int, confidence: float, method: str) -> list[dict[str, Any]]:
    """Return the drift row of a negative control's contrast, or the effect rows of an outcome's."""
    if contrast.cell.role == "outcome":
        return effect_rows(contrast, confidence=confidence)
    return [drift_row(contrast, seed=seed, confidence=confidence, method=method)]


def drift_row(
    contrast: Contrast, *, seed: int, confidence: float, method: str = corrected_distance.DEFAULT
) -> dict[str, Any]:
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
    where = place(contrast)
    treated, control = contrast.treated, contrast.control
    measured = _within if contrast.design == "within" else _between
    found = measured(treated.answers, control.answers, rng=keyed_rng(where, seed), confidence=confidence)
    return {
        **where,
        "design": contrast.design,
        "n_personas": contrast.n_personas,
        "n_control": control.n,
        "n_treated": treated.n,
        "n_categories": int(((treated.answers.sum(axis=0) + control.answers.sum(axis=0)) > 0).sum()),
        "unknown_control": control.n_unknown,
        "unknown_treated": treated.n_unknown,
        **found,
        **_corrected(contrast, found["pvalue"], method=method, confidence=confidence, rng=keyed_rng(where, seed)),
        "detectable_tvd": _detectable(contrast, keyed_rng(where, seed)),
        "left_out": contrast.left_out,
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
        personas=max(1, round(stats.hmean(per_arm))),
        trials=max(1, round(stats.hmean(np.concatenate(sizes)))),
        answers=pooled / pooled.sum(axis=1, keepdims=True),
        rng=rng,
        direction="varied" if contrast.design == "within" else "common",
        design=contrast.design,
    )


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


@dataclass(frozen=True, slots=True)
class _Quantities:
    """What is compared of an outcome: its mean, if it has one, then shares; each side a persona a row."""

    levels: list[str]
    treated: FloatArray
    control: FloatArray


def effect_rows(contrast: Contrast, *, confidence: float) -> list[dict[str, Any]]:
    """Estimate the effect on one outcome: on its mean, and on P(Y >= level) or P(Y = level).

    Unknown is left out and counted; so are personas without a known answer.

    Parameters
    ----------
    contrast : Contrast
        Of an outcome.
    confidence : float
        Of the intervals, in (0, 1).

    Returns
    -------
    list of dict
        None if no persona has a known answer on the side where it is needed.
    """
    treated, control = _known(contrast)
    if not len(treated.totals) or not len(control.totals):
        return []
    scale, paired = contrast.cell.scale, contrast.design == "within"
    made = _quantities(treated, control, scale)
    compare = difference.paired_difference if paired else difference.welch_difference
    result = compare(made.treated, made.control, confidence=confidence)
    superiority, odds = np.nan, ordinal.OddsRatio(np.nan, np.nan, np.nan)
    if scale.kind == "ordinal":
        superiority = ordinal.superiority(_tied_shares(treated, scale), _tied_shares(control, scale))
        if len(scale.answers) <= MAX_LEVELS:
            odds = ordinal.cumulative_logit(treated.answers[:, :-1], control.answers[:, :-1], paired=paired)
    common = {
        "n_personas": len(treated.totals) + (0 if paired else len(control.totals)),
        "n_control": int(control.known.sum()),
        "n_treated": int(treated.known.sum()),
    }
    extra = {"design": contrast.design, "unknown_control": contrast.control.n_unknown}
    extra["unknown_treated"] = contrast.treated.n_unknown
    return [
        {
            **place(contrast),
            "level": level,
            **common,
            "mean_control": result.mean_control[q],
            "mean_treated": result.mean_treated[q],
            "estimate": result.estimate[q],
            "se": result.se[q],
            "ci_low": result.ci_low[q],
            "ci_high": result.ci_high[q],
            "pvalue": result.pvalue[q],
            "prob_superiority": np.nan if level else superiority,
            **extra,
            "log_odds": np.nan if level else odds.estimate,
            "log_odds_se": np.nan if level else odds.se,
            "log_odds_pvalue": np.nan if level else odds.pvalue,
        }
        for q, level in enumerate(made.levels)
    ]


def _known(contrast: Contrast) -> tuple[Side, Side]:
    """Keep the personas with a known answer: within, on both sides; between, on their own."""
    has_treated, has_control = contrast.treated.known > 0, contrast.control.known > 0
    if contrast.design == "within":
        has_treated = has_control = has_treated & has_control
    return contrast.treated.rows(has_treated), contrast.control.rows(has_control)


def _quantities(treated: Side, control: Side, scale: Scale) -> _Quantities:
    levels, columns = _levels(scale)
    with_mean = scale.kind != "nominal"
    sides = []
    for side in (treated, control):
        mean = (side.totals / side.known)[:, None]
        shares = side.answers[:, :-1] @ columns / side.known[:, None]
        sides.append(np.hstack([mean, shares]) if with_mean else shares)
    return _Quantities([""] * with_mean + levels, sides[0], sides[1])


def _levels(scale: Scale) -> tuple[list[str], FloatArray]:
    """Return the levels reported, and for each the answers (rows) whose share it is (columns)."""
    k = len(scale.answers)
    if scale.kind == "nominal":
        return list(scale.answers), np.eye(k)
    distinct = np.unique(scale.values)
    if k == 0 or k > MAX_LEVELS:
        return [], np.zeros((max(k, 1), 0))
    names = [scale.answers[int(np.argmax(scale.values == value))] for value in distinct[1:]]
    return names, (scale.values[:, None] >= distinct[None, 1:]).astype(np.float64)


def _tied_shares(side: Side, scale: Scale) -> FloatArray:
    """Average the personas' shares of the distinct values, from low to high."""
    distinct, place = np.unique(scale.values, return_inverse=True)
    shares = (side.answers[:, :-1] / side.known[:, None]).mean(axis=0)
    return np.bincount(place, weights=shares, minlength=len(distinct)).astype(np.float64)
