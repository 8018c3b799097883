"""Drift here less drift there: after adjustment and before, a model and a reference, a treatment and a placebo."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from confound.counts.contrasts import Contrast
from confound.findings.estimates import keyed_rng
from confound.findings.pooled import ALL_CONTROLS, drift_by_persona
from confound.statistics.drift import change
from confound.statistics.drift.change import DriftDifference

Key = tuple[str, str, int, str]  # study, model, iteration, contrast
Groups = Mapping[Key, Sequence[Contrast]]


def grouped(contrasts: Sequence[Contrast]) -> dict[Key, list[Contrast]]:
    """Gather the controls of each study, model, iteration and pair of arms."""
    groups: dict[Key, list[Contrast]] = {}
    for contrast in contrasts:
        cell = contrast.cell
        if cell.role == "negative_control":
            groups.setdefault((cell.study, cell.model, cell.iteration, contrast.label), []).append(contrast)
    return groups


def over_iterations(groups: Groups, *, confidence: float) -> Iterator[dict[str, Any]]:
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


def with_placebo(
    groups: Groups, placebo: Mapping[str, Sequence[Contrast]], *, confidence: float
) -> Iterator[dict[str, Any]]:
    """Compare each contrast with what rewording alone does: the contrast of a placebo arm and the arm it rewords.

    Parameters
    ----------
    groups : mapping
        See `grouped`.
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
    here: Sequence[Contrast], there: Sequence[Contrast], key: Key, against: str, confidence: float
) -> Iterator[dict[str, Any]]:
    """Compare the same personas' drift, for each control that both have, and for all of them."""
    by_name = {contrast.cell.question: contrast for contrast in there}
    pairs = [(c, by_name[c.cell.question]) for c in here if c.cell.question in by_name]
    pairs = [(a, b) for a, b in pairs if a.design == b.design == "within"]
    if not pairs:
        return
    (names, drift), (other_names, other) = (drift_by_persona([pair[side] for pair in pairs]) for side in (0, 1))
    shared = sorted(set(names) & set(other_names))
    x, y = drift[[names.index(n) for n in shared]], other[[other_names.index(n) for n in shared]]
    for column, (contrast, _) in enumerate(pairs):
        found = change.change_in_drift(x[:, column], y[:, column], confidence=confidence)
        yield _row(key, contrast.cell.question, against, found)
    yield _row(key, ALL_CONTROLS, against, change.change_in_drift(x, y, confidence=confidence))


def with_reference(groups: Groups, reference: str, *, seed: int, confidence: float) -> Iterator[dict[str, Any]]:
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
            rng = keyed_rng({"against": reference, "cell": key}, seed)
            counts = [_counts([pair[side] for pair in pairs]) for side in (0, 1)]
            found = change.difference_between_subjects(counts[0], counts[1], rng=rng, confidence=confidence)
        yield _row(key, ALL_CONTROLS, f"model {reference}", found)


def _counts(contrasts: Sequence[Contrast]) -> list[tuple[Any, Any]]:
    """Return each control's counts by arm, the same personas in the same rows; zeros where one was not asked."""
    sides = [[contrast.treated for contrast in contrasts], [contrast.control for contrast in contrasts]]
    laid_out = []
    for side in sides:
        names = sorted({name for part in side for name in part.personas})
        place = {name: i for i, name in enumerate(names)}
        arm = []
        for part in side:
            rows = np.zeros((len(names), part.answers.shape[1]), dtype=np.int64)
            rows[[place[name] for name in part.personas]] = part.answers
            arm.append(rows)
        laid_out.append(arm)
    return list(zip(*laid_out, strict=True))


def _row(key: Key, question: str, against: str, found: DriftDifference) -> dict[str, Any]:
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
