"""Rows of the table `drift` beyond one control and two arms: all controls of a contrast, all arms of a control."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from confound import parallel
from confound.counts import align
from confound.counts.cells import Cell
from confound.counts.contrasts import Contrast, gathered, infer_design
from confound.counts.counting import IntArray
from confound.counts.options import Options
from confound.counts.prepare import CountedLog
from confound.counts.scales import FloatArray
from confound.failures import Failures, Guarded, about
from confound.findings import detectable
from confound.findings.decision import SINGLE
from confound.findings.schema import Row
from confound.findings.sides import RELABELLINGS, canonical_sides
from confound.statistics import multiplicity
from confound.statistics.drift import (
    canonical,
    change,
    common_direction,
    permutation,
    pooled_distance,
    several_arms,
    several_controls,
)
from confound.statistics.drift import distance as tvd
from confound.statistics.drift.power import Family
from confound.statistics.randomness import content_rng
from confound.vocabulary import ALL_ARMS, ALL_CONTROLS

BoolArray = npt.NDArray[np.bool_]
AVERAGED = (
    *("tvd_plugin", "tvd_null", "tvd", "ci_low", "ci_high", "tvd_population", "tvd_population_null", "l2_squared"),
)
# Of each contrast of the model, so that Holm's correction over them can be met with room to spare.
PER_CONTRAST = 400
SUMMED = ("n_control", "n_treated", "unknown_control", "unknown_treated")


@dataclass(frozen=True, slots=True)
class JointTest:
    """Tests of all controls of one contrast together.

    Attributes
    ----------
    pvalue : float
        That none drifts, by summed distances; Unknown is an answer.
    pvalue_common : float
        The same by summed statistics of a common direction; NaN where it needs what the log does not record.
    adjusted : tuple of float, one a control
        Step-down maxT of the distances; NaN where it needs what the log does not record.
    test : str
        How `pvalue` was made.
    joint : float
        That none drifts, by all three statistics of `several_controls`; Unknown left out.
    named : tuple of float, one a control
        Step-down maxT of both statistics, Unknown left out; NaN where Holm's correction has to serve.
    """

    pvalue: float
    pvalue_common: float
    adjusted: tuple[float, ...]
    test: str
    joint: float
    named: tuple[float, ...]


class Together(NamedTuple):
    """What a joint test of one contrast rests on."""

    contrasts: Sequence[Contrast]  # of one study, model, iteration and pair of arms, one a control
    rows: Sequence[Row]  # their drift rows
    codes: IntArray | None  # within subjects, answers by conversation (`AnswersByConversation.codes`)
    n_contrasts: int  # of the model at the iteration


def joint_test(made: Together) -> JointTest | None:
    """Test all controls of one contrast together.

    Null hypothesis: as of each control, jointly. By relabelling whole conversations within personas (within), or whole
    personas (between) (`several_controls.step_down_maxt`). Where conversations are not known, within subjects, by a
    t test of the personas' mean excess distance (`change.pooled_drift_test`) beside the controls' own tests.

    Returns
    -------
    JointTest or None
        None if there are not two controls of one design.
    """
    contrasts = made.contrasts
    if len(contrasts) < 2 or len({contrast.design for contrast in contrasts}) > 1:
        return None
    codes = made.codes
    if contrasts[0].design == "within" and codes is None:
        return _without_conversations(made)
    codes = _between_codes(contrasts) if codes is None else codes
    found = _relabelled(codes, made)
    unknown = [contrast.treated.answers.shape[1] - 1 for contrast in contrasts]
    answered = np.where(codes == unknown, -1, codes)
    given = found if (answered == codes).all() else _relabelled(answered, made) if _usable(answered).any() else None
    return JointTest(
        pvalue=found.pvalue_pooled,
        pvalue_common=found.pvalue_common,
        adjusted=tuple(found.pvalue_adjusted.tolist()),
        test="monte carlo",
        joint=1.0 if given is None else given.pvalue_joint,
        named=(1.0,) * len(contrasts) if given is None else tuple(given.pvalue_named.tolist()),
    )


def _usable(codes: IntArray) -> BoolArray:
    """Return which controls have answers in both arms."""
    return np.asarray((codes >= 0).any(axis=(0, 2)).all(axis=0))


def _relabelled(codes: IntArray, made: Together) -> several_controls.ManyControls:
    """Test the controls that have answers in both arms; of the others nothing is known."""
    design = made.contrasts[0].design
    usable = _usable(codes)
    ordered = canonical.conversations(codes[..., usable])
    found = several_controls.step_down_maxt(
        ordered.codes,
        design=design,
        rng=content_rng(ordered.codes),
        n_resamples=max(RELABELLINGS[design], PER_CONTRAST * made.n_contrasts - 1),
    )
    places = np.flatnonzero(usable)[ordered.controls]
    adjusted, named = np.ones((2, codes.shape[3]))
    adjusted[places], named[places] = found.pvalue_adjusted, found.pvalue_named
    return replace(found, pvalue_adjusted=adjusted, pvalue_named=named)


def _without_conversations(made: Together) -> JointTest:
    """Test by the personas' mean excess, and by the smallest of Holm's p-values, at the weights of the other way."""
    excess = _by_persona(made.contrasts, _excess)[1]
    answered = [contrast.answered() for contrast in made.contrasts]
    given = _by_persona([contrast for contrast in answered if contrast is not None], _excess)[1]
    single = multiplicity.holm([row[name] for row in made.rows for name in SINGLE if np.isfinite(row[name])] or [1.0])
    weight = several_controls.WEIGHTS[0]
    pvalues = (change.pooled_drift_test(given) / weight, float(single.min()) / (1 - weight))
    nothing = (np.nan,) * len(made.contrasts)
    joint = min(1.0, float(np.nanmin(pvalues)))
    return JointTest(change.pooled_drift_test(excess), np.nan, nothing, "pooled t", joint, nothing)


def all_controls(
    found: JointTest,
    rows: Sequence[Row],
    *,
    confidence: float,
    findable: Row | None = None,
    ends: tuple[float, float] = (0.0, 1.0),
) -> Row:
    """Add the controls' step-down p-values to their drift rows, and return the row `(all)`.

    The ends of its interval are the means of the controls' own, which are right if the controls err together and wider
    than needed if they do not; within subjects, or those of the pooled distance if they are tighter. The lower one is 0
    unless the joint test rejects.

    Parameters
    ----------
    found : JointTest
    rows : sequence of dict
        The controls' drift rows, in the order of the tested contrasts.
    confidence : float
        Of the intervals.
    findable : dict, optional
        What the joint test can find (`detectable.of_all`).
    ends : tuple of (float, float)
        Interval of the pooled distance (`pooled_distance.pooled_interval`).
    """
    for row, adjusted, named in zip(rows, found.adjusted, found.named, strict=True):
        row["pvalue_maxt"], row["pvalue_joint"] = adjusted, named
    means = {name: float(np.mean([row[name] for row in rows])) for name in AVERAGED}
    means |= _pooled(means, ends, rejects=found.pvalue <= 1 - confidence)
    return {
        **{key: rows[0][key] for key in ("study", "model", "iteration", "contrast")},
        "question": ALL_CONTROLS,
        "design": rows[0]["design"],
        "n_personas": max(row["n_personas"] for row in rows),
        **{name: sum(row[name] for row in rows) for name in SUMMED},
        **means,
        "pvalue": found.pvalue,
        "pvalue_common": found.pvalue_common,
        "test": found.test,
        "pvalue_joint": found.joint,
        **(findable or {}),
    }


def _pooled(means: Mapping[str, float], ends: tuple[float, float], *, rejects: bool) -> Row:
    """Return distance and interval of all controls together; NaN where the controls have none."""
    if np.isnan(means["ci_low"]) or np.isnan(ends[0]):
        return {} if rejects else {"ci_low": 0.0 * means["ci_low"]}
    low = max(means["ci_low"], ends[0]) if rejects else 0.0
    high = max(min(means["ci_high"], ends[1]), low)
    return {"tvd": float(np.clip(means["tvd"], low, high)), "ci_low": low, "ci_high": high}


def _ends(contrasts: Sequence[Contrast], confidence: float) -> tuple[float, float]:
    """Return the interval of the distance pooled over controls, within subjects where all have one."""
    if contrasts[0].design == "between":
        return 0.0, 1.0
    distances, null_means = (_by_persona(contrasts, measure)[1] for measure in (_distances, _null_means))
    return pooled_distance.pooled_interval(distances - null_means, null_means, confidence=confidence)


def _null_means(contrast: Contrast) -> FloatArray:
    return tvd.stratum_null_means(contrast.treated.answers, contrast.control.answers)


def _findable(made: Together, margin: float) -> Row:
    """Return what the joint test can find if all controls are as the one in the middle."""
    order = np.argsort([np.nan_to_num(row.get("detectable_tvd", np.nan), nan=1.0) for row in made.rows], kind="stable")
    contrast = made.contrasts[int(order[len(order) // 2])]
    family = Family(len(made.contrasts), made.n_contrasts)
    return detectable.of_all(
        contrast.design,
        canonical_sides(contrast.design, contrast.treated.answers, contrast.control.answers),
        family,
        margin,
    )


def _excess(contrast: Contrast) -> FloatArray:
    return np.asarray(_distances(contrast) - _null_means(contrast))


def _distances(contrast: Contrast) -> FloatArray:
    return tvd.stratum_distances(contrast.treated.answers, contrast.control.answers)


def _by_persona(
    contrasts: Sequence[Contrast], measure: Callable[[Contrast], FloatArray]
) -> tuple[tuple[str, ...], FloatArray]:
    """Lay out a number for each persona and control; NaN where the persona was not asked."""
    names = align.union(contrast.treated.personas for contrast in contrasts)
    return names, align.laid_out([(c.treated.personas, measure(c)) for c in contrasts], names)


def _between_codes(contrasts: Sequence[Contrast]) -> IntArray:
    """Lay out each persona's answers as codes, shape (personas, 2, answers of the one most asked, controls).

    Whole personas are relabelled, so the order of a persona's answers to a control does not matter.
    """
    sides = [[contrast.control for contrast in contrasts], [contrast.treated for contrast in contrasts]]
    names = [align.union(side.personas for side in arm) for arm in sides]
    deepest = max(int(side.answers.sum(axis=1).max()) for arm in sides for side in arm)
    codes = np.full((len(names[0]) + len(names[1]), 2, deepest, len(contrasts)), -1, dtype=np.int64)
    for arm, own in enumerate(names):
        parts = [(side.personas, _answers_in_a_row(side.answers, deepest)) for side in sides[arm]]
        first = arm * len(names[0])
        codes[first : first + len(own), arm] = np.moveaxis(align.laid_out(parts, own, missing=-1), 1, 2)
    return codes


def _answers_in_a_row(counts: IntArray, deepest: int) -> IntArray:
    """Return each persona's answers as codes, shape (personas, deepest), -1 beyond the last."""
    codes = np.full((len(counts), deepest), -1, dtype=np.int64)
    for own, given in zip(codes, counts, strict=True):
        own[: given.sum()] = np.repeat(np.arange(len(given)), given)
    return codes


def all_arms(cell: Cell) -> Row | None:
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
    where = {"study": cell.study, "model": cell.model, "iteration": cell.iteration, "contrast": ALL_ARMS}
    where["question"] = cell.question
    tested = _all_arms_within if design == "within" else _all_arms_between
    found = tested(cell, asked)
    return None if found is None else {**where, "design": design, **found}


def _all_arms_within(cell: Cell, asked: BoolArray) -> Row:
    """Test within the personas that are in all arms."""
    counts = canonical.several_strata(cell.answers[asked.all(axis=1)])
    rng = content_rng(counts)
    distance = several_arms.k_sample_test(counts, rng=rng)
    return _all_arms_row(counts, distance, common_direction.general_association_test(counts, rng=rng))


def _all_arms_between(cell: Cell, asked: BoolArray) -> Row | None:
    """Test between the personas that are in one arm each; None if an arm has none."""
    own = asked.sum(axis=1) == 1
    arms = [cell.answers[own & asked[:, arm], arm] for arm in range(len(cell.arms))]
    if min(map(len, arms)) == 0:
        return None
    arms = canonical.samples(*arms)
    rng = content_rng(*arms)
    distance = several_arms.cluster_k_sample_test(*arms, rng=rng)
    return _all_arms_row(cell.answers[own], distance, common_direction.cluster_direction_test(*arms, rng=rng))


def _all_arms_row(
    counts: IntArray, distance: permutation.PermutationTest, direction: common_direction.DirectionTest
) -> Row:
    return {
        "n_personas": len(counts),
        "n_categories": int((counts.sum(axis=(0, 1)) > 0).sum()),
        "tvd_plugin": distance.statistic,
        "tvd_null": distance.null_mean,
        "pvalue": distance.pvalue,
        "test": distance.method,
        "pvalue_common": direction.pvalue,
        "test_common": direction.method,
    }


def rows(
    counted: CountedLog, single: Sequence[Row], failures: Failures, *, options: Options, workers: int | None
) -> list[Row]:
    """Return the rows of all controls of each contrast, and of all arms of each control.

    Parameters
    ----------
    counted : CountedLog
    single : sequence of dict
        The rows of single controls; their step-down p-values are added to them.
    failures : Failures
        Where a test that fails is told.
    options : Options
    workers : int or None
        See `confound.parallel.spread`.
    """
    together = _of_controls(counted, single, failures, options, workers)
    cells = [cell for cell in counted.compared if cell.role == "negative_control" and len(cell.arms) > 2]
    task = Guarded(all_arms, "test of all arms", _cell_name)
    arms = parallel.spread(task, cells, workers=workers)
    return together + [row for row in failures.sifted(arms) if row is not None]


def _of_controls(
    counted: CountedLog, single: Sequence[Row], failures: Failures, options: Options, workers: int | None
) -> list[Row]:
    """Return the rows of all controls of each contrast."""
    keys = ("study", "model", "iteration", "contrast")
    by_place: dict[tuple[Any, ...], dict[str, Row]] = {}
    for row in single:
        by_place.setdefault(tuple(row[key] for key in keys), {})[row["question"]] = row
    groups = gathered(counted.contrasts, *keys, role="negative_control")
    made = [Together(*_tested(own, groups[key]), None, 0) for key, own in by_place.items()]
    sizes = Counter((one.contrasts[0].cell.model, one.contrasts[0].cell.iteration) for one in made)
    made = [
        one._replace(codes=_codes(counted, one.contrasts), n_contrasts=sizes[cell.model, cell.iteration])
        for one in made
        for cell in (one.contrasts[0].cell,)
    ]
    task = Guarded(joint_test, "joint test", _tested_name)
    together = []
    for one, test in zip(made, parallel.spread(task, made, workers=workers), strict=True):
        found = failures.unless_failed(test)
        if found is not None:
            findable = _findable(one, options.margin)
            ends = _ends(one.contrasts, options.confidence)
            together.append(all_controls(found, one.rows, confidence=options.confidence, findable=findable, ends=ends))
    return together


def _tested(own: Mapping[str, Row], contrasts: Sequence[Contrast]) -> tuple[list[Contrast], list[Row]]:
    """Return the contrasts that have a drift row, and these rows."""
    tested = [contrast for contrast in contrasts if contrast.cell.question in own]
    return tested, [own[contrast.cell.question] for contrast in tested]


def _tested_name(made: Together) -> str:
    place = made.contrasts[0].place
    return about({key: value for key, value in place.items() if key != "question"})


def _cell_name(cell: Cell) -> str:
    return about({key: getattr(cell, key) for key in ("study", "model", "iteration", "question")})


def _codes(counted: CountedLog, contrasts: Sequence[Contrast]) -> IntArray | None:
    """Return the controls' answers by conversation, within subjects and where they are known."""
    talks = counted.conversations
    return None if talks is None or contrasts[0].design == "between" else talks.codes(contrasts)
