"""The table `comparisons`: drift less another drift, before adjustment, of a reference model, or of a placebo."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from confound.counts import align
from confound.counts.contrasts import Contrast, gathered
from confound.counts.options import Options
from confound.counts.prepare import CountedLog
from confound.findings import schema
from confound.findings.joint_drift import drift_by_persona
from confound.findings.schema import N_PERSONAS, PLACE, Column, Row, Schema
from confound.statistics.drift import change
from confound.statistics.drift.change import DriftDifference
from confound.statistics.randomness import keyed_rng
from confound.vocabulary import ALL_CONTROLS

Groups = Mapping[tuple[Any, ...], Sequence[Contrast]]  # (study, model, iteration, contrast) -> its controls


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
            "Drift less the other drift. Drift here is the signed root of the squared distance less its squared mean "
            "without drift",
            "total variation distance",
            head="Difference",
        ),
        Column("se", "number", "Standard error of `estimate`, clustered by persona", "total variation distance"),
        *schema.interval("`estimate`", "total variation distance"),
        Column("pvalue", "p-value", "Null hypothesis: both drift alike; the persona is the unit", head="p"),
    ),
)


def rows(counted: CountedLog, options: Options) -> list[Row]:
    """Compare drift with that of earlier iterations, of a reference model, and of placebos."""
    groups = gathered(counted.contrasts, "study", "model", "iteration", "contrast", role="negative_control")
    confidence = options.confidence
    made = list(over_iterations(groups, confidence=confidence))
    if options.reference is not None:
        made += with_reference(groups, options.reference, seed=options.seed, confidence=confidence)
    return made + list(with_placebo(groups, counted.placebos, confidence=confidence))


def over_iterations(groups: Groups, *, confidence: float) -> Iterator[Row]:
    """Compare each iteration with the first, control by control and together; the persona is the unit.

    Null hypothesis: the mean drift of the personas has not changed (`change.change_in_drift`).
    """
    firsts = {(s, m, c): min(i for s2, m2, i, c2 in groups if (s2, m2, c2) == (s, m, c)) for s, m, _, c in groups}
    for (study, model, iteration, label), later in groups.items():
        first = firsts[study, model, label]
        if iteration == first:
            continue
        earlier = groups[study, model, first, label]
        yield from _paired(later, earlier, (study, model, iteration, label), f"iteration {first}", confidence)


def with_placebo(groups: Groups, placebo: Mapping[str, Sequence[Contrast]], *, confidence: float) -> Iterator[Row]:
    """Compare each contrast with what rewording alone does: the contrast of a placebo arm and the arm it rewords.

    Parameters
    ----------
    groups : mapping
        (study, model, iteration, contrast) -> the contrasts of its negative controls.
    placebo : mapping
        `placebo - original` -> its contrasts, one a control, of all studies, models and iterations.
    confidence : float
        Of the intervals.
    """
    for name, made in placebo.items():
        floors: dict[tuple[str, str, int], list[Contrast]] = {}
        for contrast in made:
            cell = contrast.cell
            floors.setdefault((cell.study, cell.model, cell.iteration), []).append(contrast)
        for (study, model, iteration, label), own in groups.items():
            if (study, model, iteration) in floors and label != name:
                floor = floors[study, model, iteration]
                yield from _paired(own, floor, (study, model, iteration, label), f"placebo {name}", confidence)


def _paired(
    here: Sequence[Contrast], there: Sequence[Contrast], key: tuple[Any, ...], against: str, confidence: float
) -> Iterator[Row]:
    """Compare the same personas' drift, for each control that both have, and for all of them."""
    by_name = {contrast.cell.question: contrast for contrast in there}
    pairs = [(c, by_name[c.cell.question]) for c in here if c.cell.question in by_name]
    pairs = [(a, b) for a, b in pairs if a.design == b.design == "within"]
    if not pairs:
        return
    (names, drift), (other_names, other) = (drift_by_persona([pair[side] for pair in pairs]) for side in (0, 1))
    shared = sorted(set(names) & set(other_names))
    x, y = drift[align.places(names, shared)], other[align.places(other_names, shared)]
    for column, (contrast, _) in enumerate(pairs):
        found = change.change_in_drift(x[:, column], y[:, column], confidence=confidence)
        yield _row(key, contrast.cell.question, against, found)
    yield _row(key, ALL_CONTROLS, against, change.change_in_drift(x, y, confidence=confidence))


def with_reference(groups: Groups, reference: str, *, seed: int, confidence: float) -> Iterator[Row]:
    """Compare each model's drift with a reference model's, over all controls of a contrast.

    Null hypothesis: both drift alike. Within subjects `change.difference_in_drift`, between subjects
    `change.difference_between_subjects`; the two groups count as independent.
    """
    for (study, model, iteration, label), own in groups.items():
        other = groups.get((study, reference, iteration, label), ())
        by_name = {contrast.cell.question: contrast for contrast in other}
        pairs = [(c, by_name[c.cell.question]) for c in own if c.cell.question in by_name]
        pairs = [(a, b) for a, b in pairs if a.design == b.design == pairs[0][0].design]
        if model == reference or not pairs:
            continue
        key = (study, model, iteration, label)
        if pairs[0][0].design == "within":
            (_, x), (_, y) = (drift_by_persona([pair[side] for pair in pairs]) for side in (0, 1))
            found = change.difference_in_drift(x, y, confidence=confidence)
        else:
            rng = keyed_rng(seed, reference, key)
            counts = [_counts([pair[side] for pair in pairs]) for side in (0, 1)]
            found = change.difference_between_subjects(counts[0], counts[1], rng=rng, confidence=confidence)
        yield _row(key, ALL_CONTROLS, f"model {reference}", found)


def _counts(contrasts: Sequence[Contrast]) -> list[tuple[Any, Any]]:
    """Return each control's counts by arm, the same personas in the same rows; zeros where one was not asked."""
    arms = [[contrast.treated for contrast in contrasts], [contrast.control for contrast in contrasts]]
    names = [align.union(side.personas for side in arm) for arm in arms]
    laid = [
        [align.laid_out([(side.personas, side.answers)], own, missing=0)[:, 0] for side in arm]
        for arm, own in zip(arms, names, strict=True)
    ]
    return list(zip(*laid, strict=True))


def _row(key: tuple[Any, ...], question: str, against: str, found: DriftDifference) -> Row:
    study, model, iteration, label = key
    return {
        "study": study,
        "model": model,
        "iteration": iteration,
        "contrast": label,
        "question": question,
        "against": against,
        "n_personas": found.n_personas,
        "estimate": found.estimate,
        "se": found.se,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "pvalue": found.pvalue,
    }
