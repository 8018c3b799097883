"""The table `decomposition`: the observed effect's causal part and selection bias, by every route that a log allows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from confound.counts.notes import Note
from confound.counts.options import Options
from confound.counts.prepare import CountedLog
from confound.failures import Failures, about
from confound.findings import assumptions, routes, schema
from confound.findings.routes import LeftOut, Series
from confound.findings.schema import CONTRAST, ITERATION, MODEL, STUDY, Column, Row, Schema
from confound.vocabulary import QUANTITY_WORDS

Place = tuple[str, str]  # study, model
Route = Callable[[Series], list[Row]]
_UNIT = "of the outcome"
SCHEMA = Schema(
    "decomposition",
    "A part of the observed effect on an outcome in a contrast, by one method at one iteration",
    (
        *(STUDY, MODEL, CONTRAST),
        Column("question", "text", "The outcome"),
        Column("method", "text", "`adjustment` and `source` after the first iteration; `g-formula` and `aipw` at it"),
        ITERATION,
        Column(
            "quantity",
            "text",
            "; ".join(f"`{name}`: {words}" for name, words in list(QUANTITY_WORDS.items())[:7]),
        ),
        Column(
            "estimate", "number", "The part; observed = cate + asb in every row and resample", _UNIT, head="Estimate"
        ),
        Column(
            "se", "number", "Standard error of `estimate`, from the joint bootstrap over personas", _UNIT, head="SE"
        ),
        *schema.interval("`estimate`, bootstrap-t over personas", _UNIT),
    ),
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What was found.

    Attributes
    ----------
    rows, assumptions : list of dict
        Of the tables `decomposition` and `assumptions`.
    notes : list of Note
        Which routes were left out, and why.
    """

    rows: list[Row] = field(default_factory=list)
    assumptions: list[Row] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def decomposed(counted: CountedLog, drift: Sequence[Row], failures: Failures, *, options: Options) -> Parts:
    """Decompose every outcome's effect, and check what the routes assume.

    Parameters
    ----------
    counted : CountedLog
    drift : sequence of mapping
        Rows of the drift table.
    failures : Failures
        Where a route that fails is told.
    options : Options
    """
    found = Parts()
    reasons: dict[tuple[str, str], list[Series]] = {}
    made = routes.series(counted.contrasts)
    n_arms = {study: counted.n_arms(study) for study in counted.control_arms}
    taken = _routes(counted, n_arms, found, options)
    for one in made:
        _take(one, taken, found, reasons, failures)
        with failures.catching("check of own attributes", about(one.place)):
            found.assumptions.extend(routes.own_attributes(one, counted.sourced, confidence=options.confidence))
    if made:
        with failures.catching("check of population shift"):
            found.assumptions.extend(assumptions.population_shifts(counted.contrasts))
        with failures.catching("check of remaining drift"):
            found.assumptions.extend(assumptions.remaining_drift(drift))
    with failures.catching("check of retention"):
        found.assumptions.extend(assumptions.retention(counted.retained, confidence=options.confidence))
    found.notes.extend(_left_out(reasons, len(made)))
    found.notes.extend(_many_arms(made, n_arms))
    return found


def _take(
    one: Series,
    taken: Mapping[str, Route],
    found: Parts,
    reasons: dict[tuple[str, str], list[Series]],
    failures: Failures,
) -> None:
    """Take every route for one outcome, and keep why one cannot be taken."""
    for route, take in taken.items():
        with failures.catching(f"decomposition by {route}", about(one.place)):
            try:
                found.rows.extend(take(one))
            except LeftOut as reason:
                reasons.setdefault((route, str(reason)), []).append(one)


def _routes(counted: CountedLog, n_arms: Mapping[str, int], found: Parts, options: Options) -> dict[str, Route]:
    """Return the routes by name."""

    def standardized(one: Series) -> list[Row]:
        rows, overlap = routes.by_standardization(one, counted.elicited, counted.questions, options=options)
        if overlap is not None:
            found.assumptions.extend(assumptions.overlap(one.place, one.first.cell.iteration, overlap))
        return rows

    adopting = _adopting(counted)

    def adjusted(one: Series) -> list[Row]:
        if (one.first.cell.study, one.first.cell.model) not in adopting:
            raise LeftOut(
                "nothing in the log says that users adopted attributes between iterations (no confounder, no "
                "retention). "
                "If they did, name the questions with --confounder"
            )
        return routes.by_adjustment(one, n_arms=n_arms[one.first.cell.study], options=options)

    return {
        "adjustment": adjusted,
        "source": lambda one: routes.by_source(one, counted.sourced, options=options),
        "standardization": standardized,
    }


def _adopting(counted: CountedLog) -> set[Place]:
    """Return the studies and models whose users adopted attributes, as confounders asked or attributes given show.

    Without this an `iteration` that only counts repetitions would be taken for adjustment.
    """
    asked = {(cell.study, cell.model) for cell in counted.cells if cell.role == "confounder"}
    sourced = {(cell.study, cell.model) for cells in counted.sourced.values() for cell in cells}
    return asked | sourced | {(one.study, one.model) for one in counted.retained}


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
