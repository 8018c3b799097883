"""The table `assumptions`: what the routes of the decomposition assume, checked on the log."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from confound.counts import align
from confound.counts.contrasts import Contrast, gathered
from confound.counts.retention import Retained
from confound.findings import schema
from confound.findings.schema import PLACE, QUESTION, Column, Row, Schema
from confound.statistics.effect import difference, population_shift
from confound.statistics.effect.standardization import Overlap
from confound.vocabulary import ALL_CONTROLS

SCHEMA = Schema(
    "assumptions",
    "A check of what the decomposition assumes",
    (
        *PLACE[:3],
        Column("contrast", "text", "`treated - control`, where the check is about one", optional=True),
        QUESTION,
        Column("arm", "text", "The arm, where the check is about one", optional=True),
        Column("check", "text", "What is checked"),
        Column("estimate", "number", "What the check measures", "of the check", head="Found"),
        Column(
            "expected", "number", "What it is on average where the assumption holds", "of the check", head="Expected"
        ),
        *schema.interval("`estimate`", "of the check", optional=True),
        Column("pvalue", "p-value", "Null hypothesis: the assumption holds", optional=True, head="p"),
        Column("n_personas", "count", "Personas that the numbers rest on", optional=True, head="Personas"),
    ),
)


def population_shifts(contrasts: Sequence[Contrast]) -> Iterator[Row]:
    """Measure how far each negative control has moved from the first iteration, both arms alike.

    Adjustment is to make the arms alike, not to change who is there; see `population_shift.shift` for the test.
    """
    for place, own in gathered(contrasts, "study", "model", "contrast", role="negative_control").items():
        by_iteration = {iteration: held for (iteration,), held in gathered(own, "iteration").items()}
        first, *later = sorted(by_iteration)
        for iteration in later:
            yield from _shifts(place, by_iteration[first], by_iteration[iteration])


def _shifts(place: tuple[Any, ...], before: Sequence[Contrast], after: Sequence[Contrast]) -> Iterator[Row]:
    earlier = {contrast.cell.question: contrast for contrast in before}
    pairs = [(earlier[c.cell.question], c) for c in after if c.cell.question in earlier]
    study, model, label = place
    for first, later in pairs:
        if first.design != later.design:
            continue
        names = align.union([_personas(first), _personas(later)])
        found = population_shift.shift(_answered(first, names), _answered(later, names))
        yield {
            "study": study,
            "model": model,
            "iteration": later.cell.iteration,
            "contrast": label,
            "question": later.cell.question,
            "check": "population shift",
            "estimate": found.distance,
            "expected": found.null_mean,
            "pvalue": found.pvalue,
            "n_personas": found.n_personas,
        }


def _personas(contrast: Contrast) -> tuple[str, ...]:
    """Name the personas, each once."""
    alone = contrast.treated.personas
    return alone if contrast.design == "within" else alone + contrast.control.personas


def _answered(contrast: Contrast, names: Sequence[str]) -> population_shift.Answered:
    """Return the personas' answer shares, within subjects both arms alike; NaN where one was not asked."""
    numbers = [side.answers.sum(axis=1) for side in (contrast.treated, contrast.control)]
    treated, control = (
        side.answers / n[:, None] for side, n in zip((contrast.treated, contrast.control), numbers, strict=True)
    )
    if contrast.design == "within":
        # The mean of two shares is as sure as one of this many answers.
        shares, n = (treated + control) / 2, 4 / (1 / numbers[0] + 1 / numbers[1])
    else:
        shares, n = np.vstack([treated, control]), np.concatenate(numbers).astype(np.float64)
    laid = [align.laid_out([(_personas(contrast), values)], names)[:, 0] for values in (shares, n)]
    return population_shift.Answered(*laid)


def remaining_drift(drift: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """Repeat the drift that is left after adjustment, corrected where it could be, else as seen."""
    rows = list(drift)
    firsts: dict[tuple[str, str, str], int] = {}
    for row in rows:
        key = (row["study"], row["model"], row["contrast"])
        firsts[key] = min(firsts.get(key, row["iteration"]), row["iteration"])
    for row in rows:
        if row["iteration"] == firsts[row["study"], row["model"], row["contrast"]]:
            continue
        corrected = not np.isnan(row.get("tvd", np.nan))
        yield {
            **{
                key: row[key] for key in ("study", "model", "iteration", "contrast", "question", "pvalue", "n_personas")
            },
            "check": "remaining drift" if corrected else "remaining drift, uncorrected",
            "estimate": row["tvd"] if corrected else row["tvd_plugin"],
            "expected": 0.0 if corrected else row["tvd_null"],
            "ci_low": row.get("ci_low", np.nan) if corrected else np.nan,
            "ci_high": row.get("ci_high", np.nan) if corrected else np.nan,
        }


def retention(found: Sequence[Retained], *, confidence: float) -> Iterator[Row]:
    """Report the share answered as specified by iteration and arm, with a t interval over personas.

    Question `(all)` is the mean over a persona's questions.
    """
    for one in (*found, *_over_questions(found)):
        shares = one.shares[:, None]
        mean = difference.paired_difference(shares, np.zeros_like(shares), confidence=confidence)
        yield {
            **{key: getattr(one, key) for key in ("study", "model", "iteration", "arm", "question")},
            "check": "retention",
            "estimate": mean.estimate[0],
            "expected": 1.0,
            "ci_low": mean.ci_low[0],
            "ci_high": mean.ci_high[0],
            "n_personas": len(one.shares),
        }


def _over_questions(found: Sequence[Retained]) -> Iterator[Retained]:
    together: dict[tuple[str, str, int, str], list[Retained]] = {}
    for one in found:
        together.setdefault((one.study, one.model, one.iteration, one.arm), []).append(one)
    for place, parts in together.items():
        names, row = np.unique(np.concatenate([one.personas for one in parts]), return_inverse=True)
        shares = np.bincount(row, weights=np.concatenate([one.shares for one in parts])) / np.bincount(row)
        yield Retained(*place, ALL_CONTROLS, names, shares)


EXPECTED_OVERLAP = {"effective_share": 1.0, "unmatched": 0.0, "imbalance_before": 0.0, "imbalance_after": 0.0}


def overlap(place: Mapping[str, Any], iteration: int, found: Overlap) -> Iterator[Row]:
    """Report whether each arm holds users like the other's."""
    for name in Overlap.__slots__:
        yield {
            **place,
            "iteration": iteration,
            "check": f"overlap: {name.replace('_', ' ')}",
            "estimate": getattr(found, name),
            "expected": EXPECTED_OVERLAP.get(name, np.nan),
        }
