"""Outcomes -> the rows of the decomposition, by each route that the log allows, and why another is left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from confound.counts import align
from confound.counts.cells import Cell
from confound.counts.contrasts import Contrast, Side, gathered, infer_design
from confound.counts.counting import UNKNOWN_CODE, IntArray
from confound.counts.elicited import NOT_ASKED_CODE, Elicited
from confound.counts.options import Options
from confound.counts.prepare import Questions
from confound.counts.questions import Question
from confound.counts.scales import MAX_ANSWERS, FloatArray
from confound.findings.schema import Row
from confound.statistics.effect import decomposition, difference, standardization
from confound.statistics.effect.bootstrap import Resampled
from confound.statistics.effect.decomposition import QUANTITIES, Decomposition
from confound.statistics.randomness import keyed_rng

Sourced = Mapping[str, Sequence[Cell]]  # source arm -> its cells
PER_INDICATOR = 10  # units an arm that a model takes for each indicator, as a rule of thumb (Harrell 2015, section 4.4)
OF_ALL_ARMS = ("observed", "cate", "asb")  # what adjustment tells where attributes come from more than two arms


class LeftOut(Exception):  # noqa: N818 -- no error: the log does not allow a route
    """Why a route cannot be taken."""


@dataclass(frozen=True, slots=True)
class Series:
    """One outcome and pair of arms over the iterations.

    Attributes
    ----------
    contrasts : tuple of Contrast
        In the order of iterations, all in the design of the first.
    """

    contrasts: tuple[Contrast, ...]

    @property
    def first(self) -> Contrast:
        """The first iteration."""
        return self.contrasts[0]

    @property
    def paired(self) -> bool:
        """Whether the same personas are in both arms."""
        return self.first.design == "within"

    @property
    def place(self) -> Row:
        """Study, model, contrast and question."""
        return {key: value for key, value in self.first.place.items() if key != "iteration"}

    def rng(self, method: str, seed: int) -> np.random.Generator:
        """Return a generator of this outcome's and method's own."""
        return keyed_rng(seed, *self.place.values(), method)


def series(contrasts: Sequence[Contrast]) -> list[Series]:
    """Gather the outcomes' contrasts of each study, model, pair of arms and question."""
    groups = gathered(contrasts, "study", "model", "contrast", "question", role="outcome").values()
    ordered = [sorted(made, key=lambda contrast: contrast.cell.iteration) for made in groups]
    return [Series(tuple(c for c in made if c.design == made[0].design)) for made in ordered]


def persona_means(one: Series) -> tuple[FloatArray, FloatArray]:
    """Return the treated and the control arm's means, shape (personas, iterations); NaN where nothing is known.

    Within subjects row i is the same persona in both.
    """
    sides = [[contrast.treated for contrast in one.contrasts], [contrast.control for contrast in one.contrasts]]
    names = [align.union(part.personas for part in side) for side in sides]
    if one.paired:
        names = [tuple(name for name in names[0] if name in set(names[1]))] * 2
    treated, control = (_means(side, own) for side, own in zip(sides, names, strict=True))
    return treated, control


def _means(sides: Sequence[Side], names: Sequence[str]) -> FloatArray:
    """Lay out the personas' means, one column for each side; NaN where nothing is known."""
    return align.laid_out([(side.personas, _ratio(side.totals, side.known)) for side in sides], names)


def _ratio(totals: FloatArray, known: IntArray) -> FloatArray:
    return np.asarray(np.divide(totals, known, out=np.full(totals.shape, np.nan), where=known > 0))


def by_adjustment(one: Series, *, n_arms: int, options: Options) -> list[Row]:
    """Decompose by how the arms' means move under adjustment, at each iteration after the first.

    Raises
    ------
    LeftOut
        With the reason.
    """
    _check_mean(one)
    if len(one.contrasts) < 2:
        raise LeftOut("it takes iterations of adjustment, and there is one")
    treated, control = persona_means(one)
    groups = decomposition.by_adjustment(treated, control, paired=one.paired)
    share = options.share if n_arms == 2 else 0.5
    found = _decompose(groups, one.rng("adjustment", options.seed), share, options)
    kept = QUANTITIES if n_arms == 2 else OF_ALL_ARMS
    iterations = [contrast.cell.iteration for contrast in one.contrasts[1:]]
    return [row for row in _rows(one, "adjustment", iterations, found) if row["quantity"] in kept]


def by_source(one: Series, sourced: Sourced, *, options: Options) -> list[Row]:
    """Decompose by personas whose attributes were drawn in one arm, at each iteration that has them.

    Raises
    ------
    LeftOut
        With the reason.
    """
    _check_mean(one)
    iterations, _, means = source_means(one, sourced)
    of_treated, of_control = np.moveaxis(~np.asarray(np.isnan(means).all(axis=(1, 2))), 1, 0)
    sources_paired = (
        infer_design(int((of_treated & of_control).sum()), int((of_treated | of_control).sum())) == "within"
    )
    groups = decomposition.by_source(means, arms_paired=one.paired, sources_paired=sources_paired)
    if not groups:
        raise LeftOut("a cell of the 2 x 2 of arm by source arm holds no known answer")
    return _rows(one, "source", iterations, _decompose(groups, one.rng("source", options.seed), options.share, options))


def source_means(one: Series, sourced: Sourced) -> tuple[list[int], tuple[str, ...], FloatArray]:
    """Return iterations, personas, and their means by iteration, arm and source arm, treated first, shape (P, I, 2, 2).

    Raises
    ------
    LeftOut
        Where the log has no answers of personas with attributes of either arm.
    """
    arms = (one.first.treated_arm, one.first.control_arm)
    own = one.first.cell
    cells = {
        (source, cell.iteration): cell
        for source in arms
        for cell in sourced.get(source, ())
        if (cell.study, cell.model, cell.question) == (own.study, own.model, own.question)
    }
    iterations = sorted({i for _, i in cells if all((source, i) in cells for source in arms)})
    if not iterations:
        raise LeftOut("it takes outcomes of personas whose attributes come from one arm (column 'source_arm')")
    names = align.union(cell.personas for cell in cells.values())
    means = np.full((len(names), len(iterations), 2, 2), np.nan)
    for (source, iteration), cell in cells.items():
        if iteration in iterations:
            held = align.laid_out([(cell.personas, _ratio(cell.totals, cell.known))], names)[:, 0]
            for column, arm in enumerate(arms):
                if arm in cell.arms:
                    in_arm = held[:, cell.arms.index(arm)]
                    means[:, iterations.index(iteration), column, arms.index(source)] = in_arm
    return iterations, names, means


def by_standardization(
    one: Series, held: Elicited | None, questions: Questions, *, options: Options
) -> tuple[list[Row], standardization.Overlap | None]:
    """Decompose by standardizing over the confounders elicited in the first iteration.

    Raises
    ------
    LeftOut
        With the reason.
    """
    _check_mean(one)
    if held is None:
        raise LeftOut("it takes a confounder (role `confounder`) and trial numbers that tell conversations apart")
    data = _conversations(one, held, questions)
    found = standardization.standardize(data, paired=one.paired)
    rows: list[Row] = []
    for method, groups in found.groups.items():
        parts = _decompose(groups, one.rng(method, options.seed), options.share, options)
        rows += _rows(one, method, [one.first.cell.iteration], parts)
    return rows, found.overlap


def _check_mean(one: Series) -> None:
    if one.first.cell.scale.kind == "nominal":
        raise LeftOut("the outcome is nominal and has no mean")


def _decompose(groups: list[FloatArray], rng: np.random.Generator, share: float, options: Options) -> Decomposition:
    if any(np.isnan(group).all() for group in groups):
        raise LeftOut("no persona has known answers wherever it takes them")
    return decomposition.decompose(groups, rng=rng, share=share, confidence=options.confidence)


def _rows(one: Series, method: str, iterations: Sequence[int], found: Decomposition) -> list[Row]:
    return [
        {
            **one.place,
            "method": method,
            "iteration": iteration,
            "quantity": quantity,
            "estimate": found.estimate[i, q],
            "se": found.se[i, q],
            "ci_low": found.ci_low[i, q],
            "ci_high": found.ci_high[i, q],
        }
        for i, iteration in enumerate(iterations)
        for q, quantity in enumerate(QUANTITIES)
    ]


def steps(one: Series, *, options: Options) -> tuple[list[int], Resampled] | None:
    """Return the later iterations and how far each moved the effect, resampled as `by_adjustment` does."""
    if one.first.cell.scale.kind == "nominal" or len(one.contrasts) < 2:
        return None
    treated, control = persona_means(one)
    rng = one.rng("adjustment", options.seed)
    found = decomposition.steps(treated, control, paired=one.paired, rng=rng, confidence=options.confidence)
    return [contrast.cell.iteration for contrast in one.contrasts[1:]], found


def own_attributes(one: Series, sourced: Sourced, *, confidence: float) -> Iterator[Row]:
    """Compare each arm's outcome under attributes drawn in it with the outcome before: nothing should have changed."""
    try:
        iterations, names, means = source_means(one, sourced)
    except LeftOut:
        return
    for column, (arm, side) in enumerate(
        ((one.first.treated_arm, one.first.treated), (one.first.control_arm, one.first.control))
    ):
        before = _means([side], names)[:, 0]
        for i, iteration in enumerate(iterations):
            after = means[:, i, column, column]
            used = ~np.isnan(after - before)
            if used.sum() < 2:
                continue
            moved = difference.paired_difference(after[used, None], before[used, None], confidence=confidence)
            yield {
                **one.place,
                "iteration": iteration,
                "arm": arm,
                "check": "own attributes",
                "estimate": moved.estimate[0],
                "expected": 0.0,
                "ci_low": moved.ci_low[0],
                "ci_high": moved.ci_high[0],
                "pvalue": moved.pvalue[0],
                "n_personas": int(used.sum()),
            }


def _conversations(one: Series, held: Elicited, questions: Questions) -> standardization.Conversations:
    """Lay out outcome and confounders of the conversations of one series."""
    cell = one.first.cell
    spec = questions[cell.study, cell.question]
    if spec.recorded or cell.question not in held.codes:
        raise LeftOut("the outcome's numbers do not follow from its answers")
    rows = _in_series(one, held)
    asked = _asked_confounders(one, held, questions, rows)
    for name in (cell.question, *asked):
        rows &= held.codes[name] != NOT_ASKED_CODE
    rows &= held.codes[cell.question] != UNKNOWN_CODE
    if not rows.any():
        raise LeftOut("no conversation holds the outcome and all of its confounders")
    numbers = _numbers(cell.question, held, rows, spec)
    treated = held.codes["arm"] == held.labels["arm"].index(one.first.treated_arm)
    rows &= _usable(held.codes["persona"], treated, rows, paired=one.paired)
    if not (rows & treated).any() or not (rows & ~treated).any():
        raise LeftOut("no persona has known answers wherever it takes them")
    indicators = np.hstack([_indicators(held.codes[name][rows], name) for name in asked])
    if not indicators.shape[1]:
        raise LeftOut("everyone gave the same answer to each confounder")
    _check_size(indicators.shape[1], held.codes["persona"][rows], held.n[rows], treated[rows], paired=one.paired)
    return standardization.Conversations(
        outcome=np.asarray([numbers[code] for code in held.codes[cell.question][rows]]),
        confounders=indicators,
        persona=np.unique(held.codes["persona"][rows], return_inverse=True)[1],
        treated=treated[rows],
        n=held.n[rows].astype(np.float64),
    )


def _in_series(one: Series, held: Elicited) -> Any:
    """Return which conversations are of a series' study, model and arms."""
    cell, arms = one.first.cell, [one.first.treated_arm, one.first.control_arm]
    rows = np.ones(len(held.n), dtype=bool)
    for key, wanted in {"study": [cell.study], "model": [cell.model], "arm": arms}.items():
        rows &= np.isin(held.codes[key], [held.labels[key].index(name) for name in wanted if name in held.labels[key]])
    return rows


def _asked_confounders(one: Series, held: Elicited, questions: Questions, rows: Any) -> list[str]:
    """Name the confounders that were asked in a series' conversations."""
    asked = [
        name
        for (study, name), question in questions.items()
        if study == one.first.cell.study
        and question.role == "confounder"
        and name in held.codes
        and (held.codes[name][rows] != NOT_ASKED_CODE).any()
    ]
    if not asked:
        raise LeftOut("no confounder (role `confounder`) was asked before adjustment in the outcome's conversations")
    return asked


def _numbers(outcome: str, held: Elicited, rows: Any, spec: Question) -> dict[int, float]:
    """Return the number behind each answer to the outcome, by its code."""
    names = {code: held.labels[outcome][code] for code in np.unique(held.codes[outcome][rows])}
    if spec.scale.answers and not set(names.values()) <= set(spec.scale.answers):
        raise LeftOut("the outcome's answers were binned")
    return dict(zip(names, spec.numbers(list(names.values())), strict=True))


def _usable(persona: Any, treated: Any, rows: Any, *, paired: bool) -> Any:
    """Keep within subjects the personas of both arms, between subjects those of one."""
    in_arm = [np.isin(persona, persona[rows & (treated == arm)]) for arm in (True, False)]
    return in_arm[0] & in_arm[1] if paired else in_arm[0] ^ in_arm[1]


def _check_size(n_indicators: int, persona: Any, n: Any, treated: Any, *, paired: bool) -> None:
    """Refuse too many indicators for the independent units: conversations or, between subjects, personas."""
    arms = [treated, ~treated]
    units = min(int(n[arm].sum()) if paired else len(np.unique(persona[arm])) for arm in arms)
    needed = PER_INDICATOR * n_indicators
    if units < needed:
        what = "conversations" if paired else "personas"
        raise LeftOut(
            f"{n_indicators} indicators of confounders take {needed} {what} in each arm, and there are {units}"
        )


def _indicators(codes: Any, name: str) -> FloatArray:
    """Return a column for each answer but the commonest; Unknown is an answer."""
    seen, place = np.unique(codes, return_inverse=True)
    if len(seen) > MAX_ANSWERS:
        raise LeftOut(f"confounder '{name}' has {len(seen)} answers, more than {MAX_ANSWERS}")
    columns = np.eye(len(seen))[place]
    return np.asarray(np.delete(columns, np.argmax(columns.sum(axis=0)), axis=1))
