"""The decomposition of every outcome: all routes, why one is left out, and the checks of what they assume."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from confound.counts.cells import Cell, cells
from confound.counts.contrasts import Contrast
from confound.counts.counting import Elicited, Grouped, elicited
from confound.counts.notes import Note
from confound.counts.options import Settings
from confound.findings import assumptions, routes
from confound.findings.assumptions import Retained
from confound.findings.routes import LeftOut, Options, Questions, Row, Series
from confound.log.response_table import Responses

Place = tuple[str, str]  # study, model


@dataclass(frozen=True, slots=True)
class Beside:
    """What the decomposition takes of a log beside the contrasts.

    Attributes
    ----------
    squares : dict
        Source arm -> cells of the outcomes asked of personas whose attributes come from that arm.
    elicited : Elicited or None
        Outcomes and confounders asked together in the first iteration.
    retained : tuple of Retained
    questions : dict
        (study, question) -> its role and scale.
    """

    squares: Mapping[str, Sequence[Cell]]
    elicited: Elicited | None
    retained: tuple[Retained, ...]
    questions: Questions


@dataclass(frozen=True, slots=True)
class Parts:
    """What was found.

    Attributes
    ----------
    rows, assumptions : list of dict
        Of the tables of these names.
    notes : tuple of Note
        Which routes were left out, and why.
    """

    rows: list[Row] = field(default_factory=list)
    assumptions: list[Row] = field(default_factory=list)
    notes: tuple[Note, ...] = ()


def options(settings: Settings) -> Options:
    """Return what the settings say of the decomposition."""
    return Options(share=settings.share, confidence=settings.confidence, seed=settings.seed)


def read_beside(log: Responses, grouped: Grouped, sourced: Grouped, questions: Questions) -> Beside:
    """Read what the decomposition takes beside the contrasts.

    Parameters
    ----------
    log : Responses
        Still open.
    grouped, sourced : Grouped
        The log proper, and the rows with a source arm.
    questions : dict
        (study, question) -> its role and scale.
    """
    outcomes = {key: question for key, question in questions.items() if question.role == "outcome"}
    codes = sourced.codes["source_arm"]
    squares = {
        sourced.labels["source_arm"][code]: tuple(cells(sourced.rows(codes == code), outcomes))
        for code in np.unique(codes)
    }
    return Beside(squares, _elicited(log, grouped, questions), assumptions.retained(grouped), questions)


def _elicited(log: Responses, grouped: Grouped, questions: Questions) -> Elicited | None:
    """Ask for outcomes and confounders together, if the first iteration has both."""
    iteration = min(map(int, grouped.labels["iteration"]))
    code = grouped.labels["iteration"].index(str(iteration))
    asked = {grouped.labels["question"][q] for q in set(grouped.codes["question"][grouped.codes["iteration"] == code])}
    of_role = {
        role: sorted({name for (_, name), question in questions.items() if question.role == role} & asked)
        for role in ("outcome", "confounder")
    }
    if not of_role["outcome"] or not of_role["confounder"]:
        return None
    return elicited(log, of_role["outcome"] + of_role["confounder"], iteration=iteration)


def decomposed(
    contrasts: Sequence[Contrast],
    beside: Beside,
    n_arms: Mapping[str, int],
    drift: Sequence[Row],
    *,
    options: Options,
) -> Parts:
    """Decompose every outcome's effect.

    Parameters
    ----------
    contrasts : sequence of Contrast
    beside : Beside
    n_arms : mapping
        Study -> number of its arms.
    drift : sequence of mapping
        Rows of the drift table.
    options : Options
    """
    found = Parts()
    reasons: dict[tuple[str, str], list[Series]] = {}
    made = routes.series(contrasts)
    for one in made:
        taken: dict[str, Callable[[Series], list[Row]]] = {
            "adjustment": lambda s: routes.by_adjustment(s, n_arms=n_arms[s.first.cell.study], options=options),
            "source": lambda s: routes.by_source(s, beside.squares, options=options),
            "standardization": lambda s: _standardized(s, beside, found, options),
        }
        for route, take in taken.items():
            try:
                found.rows.extend(take(one))
            except LeftOut as reason:
                reasons.setdefault((route, str(reason)), []).append(one)
        found.assumptions.extend(routes.own_attributes(one, beside.squares, confidence=options.confidence))
    if made:
        found.assumptions.extend(assumptions.population_shifts(contrasts, seed=options.seed))
        found.assumptions.extend(assumptions.remaining_drift(drift))
    found.assumptions.extend(assumptions.retention(beside.retained, confidence=options.confidence))
    notes = (*_left_out(reasons, len(made)), *_many_arms(made, n_arms))
    return Parts(found.rows, found.assumptions, notes)


def _standardized(one: Series, beside: Beside, found: Parts, options: Options) -> list[Row]:
    rows, overlap = routes.by_standardization(one, beside.elicited, beside.questions, options=options)
    if overlap is not None:
        found.assumptions.extend(assumptions.overlap(one.place, one.first.cell.iteration, overlap))
    return rows


def _left_out(reasons: Mapping[tuple[str, str], Sequence[Series]], n: int) -> list[Note]:
    """Give each reason with its routes, once for the whole log or else once a study and model."""
    routes_of: dict[tuple[str, Place | None], list[str]] = {}
    for (route, reason), left in reasons.items():
        places: list[Place | None] = [None]
        if len(left) < n:
            places = list(dict.fromkeys((one.first.cell.study, one.first.cell.model) for one in left))
        for place in places:
            routes_of.setdefault((reason, place), []).append(route)
    return [
        Note("note", f"No decomposition by {' or '.join(taken)}: {reason}.", *(place or ()))
        for (reason, place), taken in routes_of.items()
    ]


def _many_arms(made: Sequence[Series], n_arms: Mapping[str, int]) -> list[Note]:
    studies = {one.first.cell.study: None for one in made if len(one.contrasts) > 1}
    return [
        Note(
            "note",
            f"Attributes are drawn from all {n_arms[study]} arms alike, so adjustment tells the causal effect on the "
            "users of all arms together (cate) and what is left (asb), not the parts of a pair of arms.",
            study=study,
        )
        for study in studies
        if n_arms[study] > 2
    ]
