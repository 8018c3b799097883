"""The rows of `drift` and `effects` that rest on one contrast alone, made side by side."""

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from confound import parallel
from confound.counts.contrasts import Contrast
from confound.counts.options import Options
from confound.counts.prepare import CountedLog
from confound.failures import Failures, Guarded, about
from confound.findings import detectable, drift, effects, known
from confound.findings.schema import Row

Track = Callable[[Iterable[Any], int], Iterable[Any]]


def rows(
    counted: CountedLog,
    options: Options,
    skip: Collection[str],
    failures: Failures,
    *,
    workers: int | None,
    track: Track,
) -> tuple[list[Row], list[Row]]:
    """Make the rows of single contrasts: of negative controls for `drift`, of outcomes for `effects`.

    Parameters
    ----------
    counted : CountedLog
    options : Options
    skip : collection of str
        Parts of the analysis to leave out.
    failures : Failures
        Takes what could not be made.
    workers : int, optional
        Processes; by default one a core, where there is enough to do.
    track : callable
        Wraps the rows as they are made, of which there are so many, to show progress.

    Returns
    -------
    drift, effects : list of dict
    """
    part = {"negative_control": "drift", "outcome": "effects"}
    wanted = [contrast for contrast in counted.contrasts if part[contrast.cell.role] not in skip]
    families = {} if counted.of_distributions else detectable.families(wanted)
    make = partial(_contrast_rows, options=options, families=families, exact=counted.of_distributions)
    task = Guarded(make, "row", _about)
    found: dict[str, list[Row]] = {"drift": [], "effects": []}
    with failures.catching("drift and effects"):
        made = track(parallel.spread(task, wanted, workers=workers), len(wanted))
        for role, rows in failures.sifted(iter(made)):
            found[part[role]] += rows
    return found["drift"], found["effects"]


def _about(contrast: Contrast) -> str:
    return about(contrast.place)


def _contrast_rows(
    contrast: Contrast, *, options: Options, families: detectable.Families, exact: bool
) -> tuple[str, list[Row]]:
    """Return the role of a contrast's question, and its rows."""
    confidence = options.confidence
    if exact and contrast.cell.role == "negative_control":
        return "negative_control", [known.drift_row(contrast, confidence=confidence, margin=options.margin)]
    if contrast.cell.role == "outcome":
        return "outcome", effects.effect_rows(contrast, confidence=confidence)
    family = families[detectable.place_of(contrast)]
    row = drift.drift_row(
        contrast, confidence=confidence, family=family, margin=options.margin, method=options.correction
    )
    return "negative_control", [row]
