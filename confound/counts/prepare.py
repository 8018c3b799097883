"""A log in, counts out: the one reading of the log, and every check that comes before the first statistic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from confound.counts import by_arm, conversations, copies, data_warnings, readings, repeats, seeds
from confound.counts.cells import Cell, cells
from confound.counts.contrasts import Contrast, contrasts, control_arms, empty_arm_notes, placebo_contrasts
from confound.counts.conversations import AnswersByConversation
from confound.counts.counting import Grouped, apart, group
from confound.counts.elicited import Elicited, elicited
from confound.counts.notes import Note
from confound.counts.options import Options
from confound.counts.questions import Question, resolve
from confound.counts.retention import Retained, retained
from confound.errors import InputError
from confound.log import response_table
from confound.log.faults import engine_errors
from confound.log.layout import COLUMNS, Layout
from confound.log.response_table import Responses
from confound.log.source import FILE, ROW, LogLike

Questions = Mapping[tuple[str, str], Question]


@dataclass(frozen=True, slots=True)
class CountedLog:
    """A log that was read, counted and checked; nothing after it reads the log again.

    Attributes
    ----------
    cells : tuple of Cell
    contrasts : tuple of Contrast
        Of outcomes and negative controls.
    questions : dict
        (study, question) -> its role and scale.
    control_arms : dict
        Study -> its control arm; studies without one are left out.
    placebos : dict
        `placebo - original` -> its contrasts of negative controls.
    sourced : dict
        Source arm -> cells of the outcomes asked of personas whose attributes come from that arm.
    elicited : Elicited or None
        Outcomes and confounders asked together in the first iteration.
    retained : tuple of Retained
    conversations : AnswersByConversation or None
        Answers to negative controls by conversation, where they can be had.
    notes : tuple of Note
        What was done while reading, and what is suspect in the log.
    unasked : tuple of Note
        Arms in which a question was never asked.
    copies : dict
        (study, model) -> what was found of copies, and what to do, in a sentence.
    origin : dict
        Column of the response table -> the log's own, as text.
    unused : tuple of str
        The log's columns that nothing reads.
    of_distributions : bool
        Whether the log holds distributions of answers: counts are then millionths of a probability.
    """

    cells: tuple[Cell, ...]
    contrasts: tuple[Contrast, ...]
    questions: Questions
    control_arms: Mapping[str, str]
    placebos: Mapping[str, Sequence[Contrast]]
    sourced: Mapping[str, Sequence[Cell]]
    elicited: Elicited | None
    retained: tuple[Retained, ...]
    conversations: AnswersByConversation | None
    notes: tuple[Note, ...]
    unasked: tuple[Note, ...]
    copies: Mapping[tuple[str, str], str] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    of_distributions: bool = False

    @property
    def compared(self) -> tuple[Cell, ...]:
        """The cells of outcomes and negative controls in studies with a control arm."""
        return tuple(cell for cell in self.cells if _is_compared(cell, self.control_arms))

    def n_arms(self, study: str) -> int:
        """Return the number of arms of a study."""
        return len({arm for cell in self.cells if cell.study == study for arm in cell.arms})


def prepare(
    data: LogLike, layout: Layout, options: Options, *, joint: bool = False, adjusted: bool = False
) -> CountedLog:
    """Read, count and check a log; everything that `analyze` does before the first statistic.

    Parameters
    ----------
    data : path, sequence of paths, data frame or table
        See `confound.analyze`.
    layout : Layout
        What the user says of the log's columns.
    options : Options
    joint : bool
        Whether to read which controls were answered in one conversation, for tests of several controls together.
    adjusted : bool
        Whether a run's own files say that the iterations are those of adjustment.

    Raises
    ------
    InputError
        Where the log cannot be read, or nothing in it can be compared.
    """
    with response_table.opened(data, layout) as opened:
        first = group(opened)
        reading = readings.settled(opened, first, options, layout, adjusted=adjusted)
        log = reading.log
        exact = "weight" in log.columns
        whole = group(log) if reading.changed else first
        whole, copied, once_notes = (whole, {}, []) if exact else _counted(log, whole, unique=options.unique)
        row_notes = [DISTRIBUTIONS] if exact else [*repeats.notes(log, whole, layout), *_row_notes(first, options, log)]
        options.check_labels(whole.labels["arm"], whole.labels["model"])
        beside = options.reference is not None and "other" in whole.labels["role"]  # people, whatever the arms
        controls, arm_notes = control_arms(whole, options.control_arms, needed=not beside)
        binned, questions, question_notes = resolve(whole, options)
        arm_notes += by_arm.notes(whole, {name for _, name in questions})
        proper, sourced = apart(whole)
        grouped = whole.rows(proper)
        together = None if once_notes or exact else _elicited(log, grouped, questions)
        alone = log if proper.all() else log.without_source_arms()
        joint = joint and not once_notes and not exact  # which conversations are left is not known
        talks, talk_notes = conversations.read(alone, grouped, binned.rows(proper), questions) if joint else (None, [])
    made = tuple(cells(binned.rows(proper), questions))
    compared = [cell for cell in made if _is_compared(cell, controls)]
    found = tuple(c for cell in compared for c in contrasts(cell, controls[cell.study], options.design))
    if exact and any(contrast.design == "between" for contrast in found):
        raise InputError(
            "the log holds distributions of different personas in each arm, which cannot be compared yet. Ask the same "
            "personas in both arms, or log answers"
        )
    if not found and not beside:
        raise InputError(
            "no contrast can be made: no question was answered by personas of a control and a treated arm in "
            f"{options.design or 'any'} design. Check --control and --design"
        )
    notes = [
        *reading.notes,
        *row_notes,
        *arm_notes,
        *question_notes,
        *talk_notes,
        *once_notes,
        *copies.notes(copied),
        *data_warnings.seed_notes(grouped),
    ]
    return CountedLog(
        cells=made,
        contrasts=found,
        questions=questions,
        control_arms=controls,
        placebos=_placebos(made, options),
        sourced=_sourced(binned.rows(sourced), questions),
        elicited=together,
        retained=retained(grouped),
        conversations=talks,
        notes=tuple(notes),
        unasked=tuple(_unasked(compared, controls)),
        copies=copied,
        origin=opened.origin,
        unused=opened.unused,
        of_distributions=exact,
    )


def read_long(data: LogLike, layout: Layout, options: Options, *, adjusted: bool = False) -> pd.DataFrame:
    """Read a log as `prepare` does, and return its rows in the order of the log, those columns alone that it has."""
    with response_table.opened(data, layout) as opened:
        log = readings.settled(opened, group(opened), options, layout, adjusted=adjusted).log
        columns = [name for name in COLUMNS if name in opened.columns | log.columns]
        with engine_errors(log.name):
            rows: pd.DataFrame = log.table.order_by(FILE, ROW, "question").select(*columns).to_pyarrow().to_pandas()
    return rows.astype({name: "string" for name in columns if name != "value"})


DISTRIBUTIONS = Note(
    "note",
    "The log holds distributions of answers, and no answers: distances and effects have no sampling noise, and the "
    "persona is the unit of every test and interval. Counts of answers are those of distributions.",
)


def _row_notes(first: Grouped, options: Options, log: Responses) -> list[Note]:
    """Return warnings about rows that may be copies of one another, or of different people."""
    return [
        *([] if options.unique else data_warnings.duplicate_notes(first.rows(apart(first)[0]))),
        *([] if options.design else readings.row_number_notes(first, log)),
    ]


def _counted(log: Responses, whole: Grouped, *, unique: bool) -> tuple[Grouped, dict[tuple[str, str], str], list[Note]]:
    """Look for copies in a counted log; with `unique` they count once, else it is said where they are."""
    seeded = seeds.repeated(log, whole)
    if not unique:
        return whole, copies.found(whole.rows(apart(whole)[0]), seeded), []
    once, made = copies.counted_once(group(log, distinct_seeds=True) if seeded else whole, seeded)
    return once, {}, made


def _is_compared(cell: Cell, controls: Mapping[str, str]) -> bool:
    return cell.study in controls and cell.role in ("outcome", "negative_control")


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


def _placebos(made: Sequence[Cell], options: Options) -> dict[str, list[Contrast]]:
    controls = [cell for cell in made if cell.role == "negative_control"]
    found = {
        f"{arm} - {original}": placebo_contrasts(controls, arm, original, options.design)
        for arm, original in options.placebos.items()
    }
    # A study file may name arms that this log does not hold.
    return {name: contrasts for name, contrasts in found.items() if contrasts}


def _sourced(rows: Grouped, questions: Questions) -> dict[str, tuple[Cell, ...]]:
    """Lay out the outcomes of personas whose attributes come from one arm, by that arm."""
    outcomes = {key: question for key, question in questions.items() if question.role == "outcome"}
    codes = rows.codes["source_arm"]
    return {
        rows.labels["source_arm"][code]: tuple(cells(rows.rows(codes == code), outcomes)) for code in np.unique(codes)
    }


def _unasked(compared: Sequence[Cell], controls: Mapping[str, str]) -> list[Note]:
    arms = {study: sorted({arm for c in compared if c.study == study for arm in c.arms}) for study in controls}
    return [note for cell in compared for note in empty_arm_notes(cell, controls[cell.study], arms[cell.study])]
