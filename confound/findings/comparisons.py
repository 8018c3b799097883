"""The table `comparisons`: drift less another drift, before adjustment, of a reference model, or of a placebo."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np

from confound import parallel
from confound.counts import align
from confound.counts.contrasts import Contrast, gathered
from confound.counts.counting import IntArray
from confound.counts.options import Options
from confound.counts.prepare import CountedLog
from confound.findings import schema
from confound.findings.schema import N_PERSONAS, PLACE, Column, Row, Schema
from confound.statistics.drift import change, change_between
from confound.statistics.drift.change import DriftDifference
from confound.statistics.drift.measured import MeasuredDrift, measured_drift
from confound.vocabulary import ALL_CONTROLS

Groups = Mapping[tuple[Any, ...], Sequence[Contrast]]  # (study, model, iteration, contrast) -> its controls
Arms = tuple[IntArray, IntArray]  # treated and control counts by persona


class Planned(NamedTuple):
    """A comparison to be made: its place and what it is against; how; and each side's controls."""

    place: Row
    against: str
    how: Literal["paired", "groups", "between"]
    sides: tuple[list[Arms], list[Arms]]


SCHEMA = Schema(
    "comparisons",
    "The drift of a negative control in a contrast, less the drift that it is compared with; question `(all)`: all "
    "controls together",
    (
        *PLACE,
        Column("against", "text", "What it is compared with: an earlier iteration, a reference model, a placebo"),
        N_PERSONAS,
        Column(
            "estimate",
            "number",
            "Drift less the other drift: the difference of the corrected distances, of the personas that both have. "
            "Between subjects, of the signed roots of the squared distance less its squared mean without drift",
            "total variation distance",
            head="Difference",
        ),
        Column(
            "se",
            "number",
            "Standard error of `estimate`: the width of its interval, before that is made to agree with `pvalue`, in "
            "standard errors of a normal",
            "total variation distance",
        ),
        *schema.interval(
            "`estimate`, from the intervals of both distances; it holds 0 where `pvalue` does not reject",
            "total variation distance",
        ),
        Column(
            "pvalue",
            "p-value",
            "Null hypothesis: both distances, averaged over personas and controls, are equal, whatever their shapes; "
            "the persona is the unit",
            head="p",
        ),
        Column(
            "shapes",
            "text",
            "Whether the answers are as varied and the drift as evenly spread in both: `alike`, and the sharper test "
            "decides alone; or `unlike`, and the interval has to exclude 0 too. Empty between subjects",
            optional=True,
        ),
    ),
)


def rows(counted: CountedLog, options: Options, *, workers: int | None = None) -> list[Row]:
    """Compare drift with that of earlier iterations, of a reference model, and of placebos.

    Parameters
    ----------
    counted : CountedLog
    options : Options
    workers : int or None
        See `confound.parallel.spread`.
    """
    groups = gathered(counted.contrasts, "study", "model", "iteration", "contrast", role="negative_control")
    planned = list(over_iterations(groups))
    if options.reference is not None:
        planned += with_reference(groups, options.reference)
    planned += with_placebo(groups, counted.placebos)
    return list(_compared(planned, confidence=options.confidence, workers=workers))


def over_iterations(groups: Groups) -> Iterator[Planned]:
    """Compare each iteration with the first, control by control and together; the persona is the unit.

    Null hypothesis: the distance, averaged over personas, has not changed (`change.change_in_drift`).
    """
    firsts = {(s, m, c): min(i for s2, m2, i, c2 in groups if (s2, m2, c2) == (s, m, c)) for s, m, _, c in groups}
    for (study, model, iteration, label), later in groups.items():
        first = firsts[study, model, label]
        if iteration == first:
            continue
        earlier = groups[study, model, first, label]
        yield from _paired(later, earlier, (study, model, iteration, label), f"iteration {first}")


def with_placebo(groups: Groups, placebo: Mapping[str, Sequence[Contrast]]) -> Iterator[Planned]:
    """Compare each contrast with what rewording alone does: the contrast of a placebo arm and the arm it rewords.

    Parameters
    ----------
    groups : mapping
        (study, model, iteration, contrast) -> the contrasts of its negative controls.
    placebo : mapping
        `placebo - original` -> its contrasts, one a control, of all studies, models and iterations.
    """
    for name, made in placebo.items():
        floors: dict[tuple[str, str, int], list[Contrast]] = {}
        for contrast in made:
            cell = contrast.cell
            floors.setdefault((cell.study, cell.model, cell.iteration), []).append(contrast)
        for (study, model, iteration, label), own in groups.items():
            if (study, model, iteration) in floors and label != name:
                floor = floors[study, model, iteration]
                yield from _paired(own, floor, (study, model, iteration, label), f"placebo {name}")


def _paired(
    here: Sequence[Contrast], there: Sequence[Contrast], key: tuple[Any, ...], against: str
) -> Iterator[Planned]:
    """Compare the same personas' drift, for each control that both have, and for all of them."""
    by_name = {contrast.cell.question: contrast for contrast in there}
    pairs = [(c, by_name[c.cell.question]) for c in here if c.cell.question in by_name]
    pairs = [(a, b) for a, b in pairs if a.design == b.design == "within"]
    if not pairs:
        return
    names = align.union(contrast.treated.personas for pair in pairs for contrast in pair)
    laid = [_shared(_laid_out(a, names), _laid_out(b, names)) for a, b in pairs]
    for (contrast, _), (own, other) in zip(pairs, laid, strict=True):
        yield Planned(_place(key, contrast.cell.question), against, "paired", ([own], [other]))
    yield Planned(
        _place(key, ALL_CONTROLS), against, "paired", ([own for own, _ in laid], [other for _, other in laid])
    )


def _laid_out(contrast: Contrast, names: Sequence[str]) -> Arms:
    """Return both arms' counts with a row for each name; zeros where the control was not asked."""
    sides = contrast.treated, contrast.control
    treated, control = (align.laid_out([(side.personas, side.answers)], names, missing=0)[:, 0] for side in sides)
    return treated, control


def _shared(one: Arms, other: Arms) -> tuple[Arms, Arms]:
    """Keep the personas whose drift can be measured on both sides; zeros for the rest."""
    enough = np.all([counts.sum(axis=1) > 1 for counts in (*one, *other)], axis=0)[:, None]
    return (one[0] * enough, one[1] * enough), (other[0] * enough, other[1] * enough)


def with_reference(groups: Groups, reference: str) -> Iterator[Planned]:
    """Compare each model's drift with a reference model's, over all controls of a contrast.

    Null hypothesis: both drift alike. Within subjects `change.difference_in_drift`, between subjects
    `change_between.difference_between_subjects`; the two groups count as independent.
    """
    for (study, model, iteration, label), own in groups.items():
        other = groups.get((study, reference, iteration, label), ())
        by_name = {contrast.cell.question: contrast for contrast in other}
        pairs = [(c, by_name[c.cell.question]) for c in own if c.cell.question in by_name]
        pairs = [(a, b) for a, b in pairs if a.design == b.design == pairs[0][0].design]
        if model == reference or not pairs:
            continue
        place, against = _place((study, model, iteration, label), ALL_CONTROLS), f"model {reference}"
        within = pairs[0][0].design == "within"
        lay = _group if within else _counts
        sides = lay([a for a, _ in pairs]), lay([b for _, b in pairs])
        yield Planned(place, against, "groups" if within else "between", sides)


def _group(contrasts: Sequence[Contrast]) -> list[Arms]:
    """Return each control's counts within subjects, the same personas in the same rows."""
    names = align.union(contrast.treated.personas for contrast in contrasts)
    return [_laid_out(contrast, names) for contrast in contrasts]


def _counts(contrasts: Sequence[Contrast]) -> list[tuple[Any, Any]]:
    """Return each control's counts by arm, the same personas in the same rows; zeros where one was not asked."""
    arms = [[contrast.treated for contrast in contrasts], [contrast.control for contrast in contrasts]]
    names = [align.union(side.personas for side in arm) for arm in arms]
    laid = [
        [align.laid_out([(side.personas, side.answers)], own, missing=0)[:, 0] for side in arm]
        for arm, own in zip(arms, names, strict=True)
    ]
    return list(zip(*laid, strict=True))


def _compared(planned: Sequence[Planned], *, confidence: float, workers: int | None) -> Iterator[Row]:
    """Make the rows; what several comparisons share, such as the first iteration, is measured once."""
    within = [plan for plan in planned if plan.how != "between"]
    different = {_key(arms): arms for plan in within for side in plan.sides for arms in side}
    task = partial(_measured, confidence=confidence)
    found = dict(zip(different, parallel.spread(task, different.values(), workers=workers), strict=True))
    for plan in planned:
        if plan.how == "between":
            difference = change_between.difference_between_subjects(*plan.sides, confidence=confidence)
        else:
            compare = change.change_in_drift if plan.how == "paired" else change.difference_in_drift
            first, second = ([found[_key(arms)] for arms in side] for side in plan.sides)
            difference = compare(first, second, confidence=confidence)
        yield _row(plan, difference)


def _key(arms: Arms) -> tuple[Any, ...]:
    return arms[0].shape, arms[0].tobytes(), arms[1].tobytes()


def _measured(arms: Arms, *, confidence: float) -> MeasuredDrift:
    return measured_drift(*arms, confidence=confidence)


def _place(key: tuple[Any, ...], question: str) -> Row:
    study, model, iteration, label = key
    return {"study": study, "model": model, "iteration": iteration, "contrast": label, "question": question}


def _row(plan: Planned, found: DriftDifference) -> Row:
    shapes = {} if plan.how == "between" or not found.n_personas else {"shapes": "alike" if found.alike else "unlike"}
    return {
        **plan.place,
        "against": plan.against,
        "n_personas": found.n_personas,
        "estimate": found.estimate,
        "se": found.se,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "pvalue": found.pvalue,
        **shapes,
    }
