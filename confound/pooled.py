"""Drift rows beyond one control and two arms: all controls of a contrast together, all arms of a question together."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from confound import change, cmh, ksample, maxt, tvd
from confound.cells import Cell
from confound.contrasts import Contrast, infer_design
from confound.counts import IntArray
from confound.estimates import keyed_rng
from confound.scales import FloatArray

ALL_CONTROLS = "(all)"
ALL_ARMS = "(all arms)"
AVERAGED = ("tvd_plugin", "tvd_null", "tvd", "tvd_population", "tvd_population_null", "l2_squared")
SUMMED = ("n_control", "n_treated", "unknown_control", "unknown_treated")


def all_controls(
    contrasts: Sequence[Contrast], rows: Sequence[Mapping[str, Any]], *, seed: int
) -> dict[str, Any] | None:
    """Test that no control of one contrast drifts, and average their distances.

    Null hypothesis: as of each control, jointly. Within subjects a t test of the personas' mean excess distance, which
    needs no trial numbers (`confound.change.pooled_drift_test`); between subjects the summed standardised distance over
    relabellings of whole personas (`confound.maxt.step_down_maxt`).

    Parameters
    ----------
    contrasts : sequence of Contrast
        Of one study, model, iteration and pair of arms; one a control.
    rows : sequence of mapping
        Their drift rows.
    seed : int
        Of the relabellings.

    Returns
    -------
    dict or None
        The row `(all)`; None if there are not two controls of one design.
    """
    if len(contrasts) < 2 or len({contrast.design for contrast in contrasts}) > 1:
        return None
    place = {key: rows[0][key] for key in ("study", "model", "iteration", "contrast")} | {"question": ALL_CONTROLS}
    if contrasts[0].design == "within":
        pvalue, test = change.pooled_drift_test(_by_persona(contrasts, _excess)), "pooled t"
    else:
        codes = _between_codes(contrasts)
        pvalue = maxt.step_down_maxt(codes, design="between", rng=keyed_rng(place, seed)).pvalue_pooled
        test = "monte carlo"
    return {
        **place,
        "design": contrasts[0].design,
        "n_personas": max(row["n_personas"] for row in rows),
        **{name: sum(row[name] for row in rows) for name in SUMMED},
        **{name: float(np.mean([row[name] for row in rows])) for name in AVERAGED},
        "pvalue": pvalue,
        "test": test,
    }


def _excess(contrast: Contrast) -> FloatArray:
    arms = contrast.treated.answers, contrast.control.answers
    return tvd.stratum_distances(*arms) - tvd.stratum_null_means(*arms)


def drift_by_persona(contrasts: Sequence[Contrast]) -> tuple[tuple[str, ...], FloatArray]:
    """Return the personas of a contrast within subjects, and their drift, shape (personas, controls)."""
    names = tuple(sorted({name for contrast in contrasts for name in contrast.treated.personas}))
    return names, _by_persona(contrasts, lambda c: change.persona_drift(c.treated.answers, c.control.answers))


def _by_persona(contrasts: Sequence[Contrast], measure: Any) -> FloatArray:
    """Lay out a number a persona and control; NaN where the persona was not asked."""
    names = sorted({name for contrast in contrasts for name in contrast.treated.personas})
    place = {name: i for i, name in enumerate(names)}
    table = np.full((len(names), len(contrasts)), np.nan)
    for column, contrast in enumerate(contrasts):
        table[[place[name] for name in contrast.treated.personas], column] = measure(contrast)
    return table


def _between_codes(contrasts: Sequence[Contrast]) -> IntArray:
    """Lay out each persona's answers as codes, shape (personas, 2, answers of the one most asked, controls).

    Whole personas are relabelled, so the order of a persona's answers to a control does not matter.
    """
    sides = [(contrast.control, contrast.treated) for contrast in contrasts]
    names = sorted({(arm, name) for pair in sides for arm, side in enumerate(pair) for name in side.personas})
    place = {key: i for i, key in enumerate(names)}
    deepest = max(int(side.answers.sum(axis=1).max()) for pair in sides for side in pair)
    codes = np.full((len(names), 2, deepest, len(contrasts)), -1, dtype=np.int64)
    for column, pair in enumerate(sides):
        for arm, side in enumerate(pair):
            for name, counts in zip(side.personas, side.answers, strict=True):
                given = np.repeat(np.arange(len(counts)), counts)
                codes[place[arm, name], arm, : len(given), column] = given
    return codes


def all_arms(cell: Cell, *, seed: int) -> dict[str, Any] | None:
    """Test three arms or more of a negative control together.

    Null hypothesis: answers are exchangeable between all arms (within each persona; or whole personas).

    Returns
    -------
    dict or None
        The row `(all arms)`; None if there are not three arms that share personas, or have personas of their own.
    """
    if len(cell.arms) < 3:
        return None
    asked = cell.answers.sum(axis=2) > 0
    design = infer_design(int(asked.all(axis=1).sum()), int(asked.any(axis=1).sum()))
    place = {"study": cell.study, "model": cell.model, "iteration": cell.iteration, "contrast": ALL_ARMS}
    place["question"] = cell.question
    rng = keyed_rng(place, seed)
    if design == "within":
        counts = cell.answers[asked.all(axis=1)]
        distance, direction = ksample.k_sample_test(counts, rng=rng), cmh.general_association_test(counts, rng=rng)
    else:
        own = asked.sum(axis=1) == 1
        arms = [cell.answers[own & asked[:, arm], arm] for arm in range(len(cell.arms))]
        if min(map(len, arms)) == 0:
            return None
        distance, direction = ksample.cluster_k_sample_test(*arms, rng=rng), cmh.cluster_direction_test(*arms, rng=rng)
        counts = cell.answers[own]
    return {
        **place,
        "design": design,
        "n_personas": len(counts),
        "n_categories": int((counts.sum(axis=(0, 1)) > 0).sum()),
        "tvd_plugin": distance.statistic,
        "tvd_null": distance.null_mean,
        "pvalue": distance.pvalue,
        "test": distance.method,
        "pvalue_common": direction.pvalue,
        "test_common": direction.method,
    }
