"""The one pass: a log in, one result object out."""

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

import confound
from confound import parallel
from confound.counts import conversations, data_warnings
from confound.counts.cells import Cell, cells
from confound.counts.contrasts import Contrast, contrasts, control_arms, empty_arm_notes, placebo_contrasts
from confound.counts.conversations import Conversations
from confound.counts.counting import apart, group
from confound.counts.notes import Note
from confound.counts.options import Design, Settings, read_labels, read_study_files
from confound.counts.questions import resolve
from confound.counts.scales import label
from confound.errors import InputError
from confound.findings import answers as distributions
from confound.findings import comparisons, decomposition, estimates, pooled, sensitivity
from confound.findings import stabilization as stable
from confound.findings.verdict import sentences
from confound.log import response_table, warehouses
from confound.log.files import LogLike
from confound.result import (
    ASSUMPTIONS,
    COMPARISONS,
    CONTRASTS,
    DATA,
    DECOMPOSITION,
    DISTRIBUTIONS,
    DRIFT,
    EFFECTS,
    MEANS,
    QUESTIONS,
    SENSITIVITY,
    WARNINGS,
    Analysis,
    Description,
)
from confound.statistics import multiplicity
from confound.statistics.drift.corrected_distance import DEFAULT

Rows = list[dict[str, Any]]
Track = Callable[[Iterable[Rows], int], Iterable[Rows]]
VERSIONS = ("confound", "numpy", "scipy", "pandas", "statsmodels", "duckdb", "ibis-framework")
PARTS = ("drift", "effects", "decomposition", "sensitivity", "stabilization", "figures", "report")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A log that was read and checked, before any statistic.

    Attributes
    ----------
    cells : tuple of Cell
    contrasts : tuple of Contrast
        Of outcomes and negative controls.
    notes : tuple of Note
    arms : dict
        Study -> its control arm.
    placebos : dict
        `placebo - original` -> its contrasts of negative controls.
    beside : Beside
        What the decomposition takes beside them.
    conversations : Conversations or None
        Answers to negative controls by conversation, where they can be had.
    """

    cells: tuple[Cell, ...]
    contrasts: tuple[Contrast, ...]
    notes: tuple[Note, ...]
    arms: Mapping[str, str]
    placebos: Mapping[str, Sequence[Contrast]]
    beside: decomposition.Beside
    conversations: Conversations | None


def _untracked(made: Iterable[Rows], total: int) -> Iterable[Rows]:  # noqa: ARG001 -- nobody watches
    return made


def analyze(
    data: LogLike,
    *,
    table: str | None = None,
    rename: Mapping[str, str] | None = None,
    outcome: Sequence[str] = (),
    negative_control: Sequence[str] = (),
    confounder: Sequence[str] = (),
    control: Sequence[str] | Mapping[str, str] = (),
    placebo: Mapping[str, str] | None = None,
    reference: str | None = None,
    order: Mapping[str, Sequence[str]] | None = None,
    bins: Mapping[str, int] | None = None,
    study_file: Sequence[str | Path] = (),
    design: Design | None = None,
    correction: str = DEFAULT,
    share: float = 0.5,
    confidence: float = 0.95,
    seed: int = 0,
    skip: Sequence[str] = (),
    targeted_from: int | None = None,
    workers: int | None = None,
    track: Track = _untracked,
    tell: stable.Tell | None = None,
) -> Analysis:
    """Measure user drift and the effect in a log of an experiment on simulated users.

    Parameters
    ----------
    data : path, sequence of paths, pandas.DataFrame, pyarrow.Table or ibis.Table
        The response table, one row an answer; see the README for its columns. Paths may be folders and globs.
        Or the URL of a database or cluster, such as ``"duckdb://file.db"``: the log is counted there.
    table : str, optional
        The table's name, for a URL; see `confound.log.warehouses.opened`.
    rename : mapping, optional
        The log's name of a column -> the response table's, such as ``{"user_id": "persona"}``.
    outcome, negative_control, confounder : sequence of str
        Questions with that role, globs allowed; they override column `role`.
    control : sequence of str, or mapping
        Control arms, for every study that has them, or for one study if written ``"study=arm"``; or study -> arm.
        By default an arm called control, baseline,
        placebo, untreated or 0, else the first in sorted order.
    placebo : mapping, optional
        Arm -> the arm that it rewords: drift is then also reported in excess of what rewording alone makes.
    reference : str, optional
        A model without drift in the same log, such as the humans: the others' drift is compared with its drift.
    order : mapping, optional
        Question (globs allowed) -> its answers from low to high; they count 1, 2, ...
    bins : mapping, optional
        Question -> number of quantile bins for its numeric answers.
    study_file : sequence of path
        YAML files that give roles, options and values of questions.
    design : {"within", "between"}, optional
        By default within where at least half of the personas are in both arms, else between; for each contrast.
    correction : {"mixture", "plugin", "null", "jackknife", "bootstrap", "folded", "npmle"}
        How the plug-in distance is corrected, see `corrected_distance.corrected_tvd`.
    share : float
        Of the users in the treated arm, in [0, 1]: whose causal effect the decomposition is to tell.
    confidence : float
        Of the intervals, in (0, 1).
    seed : int
        Of the tests that cannot be exact, of resampling and of sampling. The same seed gives the same result to the
        last byte.
    skip : sequence of {"drift", "effects", "decomposition", "sensitivity", "stabilization", "figures", "report"}
        Parts to leave out; figures and the report are made when the result is saved.
    targeted_from : int, optional
        First iteration whose personas carry targeted confounders, for the figures; by default as the manifest of a run
        of `confound simulate` says.
    workers : int, optional
        Processes; by default one a core, where there is enough to do. They do not change the result.
    track : callable
        Wraps the rows as they are made, of which there are so many, to show progress.
    tell : callable, optional
        Is told which model is being fitted, and the sampler shows how far it is.

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        Where the log or an option cannot be used; the message names the file, the column, the rows and the mend.
    """
    settings, options = _settings(
        outcome=outcome,
        negative_control=negative_control,
        confounder=confounder,
        control=control,
        placebo=placebo,
        reference=reference,
        order=order,
        bins=bins,
        study_file=study_file,
        design=design,
        correction=correction,
        share=share,
        confidence=confidence,
        seed=seed,
    )
    unknown = set(skip) - set(PARTS)
    if unknown:
        raise InputError(f"--skip {min(unknown)}: no such part. Parts are {', '.join(PARTS)}")
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}: at least 1 process is needed")
    prepared = prepare(data, rename or {}, settings, table=table, joint="drift" not in skip)
    with parallel.one_thread():
        found, notes = _estimate(prepared, settings, skip, workers=workers, track=track)
        settling, why_not = _settling(prepared, settings, skip, workers, tell)
    drift, effects = _corrected(found["drift"]), pd.DataFrame(found["effects"], columns=list(EFFECTS))
    decomposed = pd.DataFrame(found["decomposition"], columns=list(DECOMPOSITION))
    sensitive = pd.DataFrame(found["sensitivity"], columns=list(SENSITIVITY))
    assumed = pd.DataFrame(found["assumptions"], columns=list(ASSUMPTIONS))
    compared = pd.DataFrame(found["comparisons"], columns=list(COMPARISONS))
    return Analysis(
        data=_data(prepared.cells),
        drift=drift,
        effects=effects,
        decomposition=decomposed,
        sensitivity=sensitive,
        assumptions=assumed,
        comparisons=compared,
        stabilization=settling.stabilization,
        settled=settling.settled,
        stabilization_checks=settling.checks,
        distributions=_shares(prepared.cells, confidence),
        means=pd.DataFrame(distributions.mean_rows(prepared.cells, confidence=confidence), columns=list(MEANS)),
        warnings=_remarks((*prepared.notes, *notes, *why_not)),
        verdict=sentences.findings(
            *(drift, effects, decomposed, compared, confidence),
            assumptions=assumed,
            sensitivity=sensitive,
            settling=settling,
        ),
        settings={"log": _name(data), "table": table, "rename": dict(rename or {}), **options, "skip": list(skip)}
        | {"targeted_from": _targeted_from(data, prepared, targeted_from)},
        versions={name: version(name) for name in VERSIONS if name != "confound"} | {"confound": confound.__version__},
        fits=settling.fits,
    )


def _settling(
    prepared: Prepared, settings: Settings, skip: Sequence[str], workers: int | None, tell: stable.Tell | None
) -> tuple[stable.Stabilization, list[Note]]:
    """Model the outcomes over iterations, where there are enough of them; `tell` is None where nobody watches."""
    if "stabilization" in skip:
        return stable.NOTHING, []
    confidence, seed = settings.confidence, settings.seed
    return stable.modelled(prepared.contrasts, confidence=confidence, seed=seed, workers=workers, tell=tell)


def _estimate(
    prepared: Prepared, settings: Settings, skip: Sequence[str], *, workers: int | None, track: Track
) -> tuple[dict[str, Rows], tuple[Note, ...]]:
    """Make the rows of each table, contrast by contrast, then of several together; and say what was left out."""
    part = {"negative_control": "drift", "outcome": "effects"}
    wanted = [c for c in prepared.contrasts if part[c.cell.role] not in skip]
    task = partial(
        estimates.contrast_rows, seed=settings.seed, confidence=settings.confidence, method=settings.correction
    )
    made = parallel.spread(task, wanted, workers=workers)
    tables = ("drift", "effects", "decomposition", "sensitivity", "assumptions", "comparisons")
    found: dict[str, Rows] = {name: [] for name in tables}
    for contrast, rows in zip(wanted, track(made, len(wanted)), strict=True):
        found[part[contrast.cell.role]] += rows
    if "drift" not in skip:
        found["drift"] += _joint_rows(prepared, found["drift"], settings, workers=workers)
        found["comparisons"] += _comparisons(prepared, settings)
    split = decomposition.Parts() if "decomposition" in skip else _decomposed(prepared, settings, found["drift"])
    found["decomposition"], found["assumptions"] = split.rows, split.assumptions
    if "sensitivity" not in skip:
        made_of = found["drift"], found["effects"], prepared.cells
        found["sensitivity"] = sensitivity.rows(prepared.contrasts, *made_of, options=decomposition.options(settings))
    return found, split.notes


def _joint_rows(prepared: Prepared, rows: Sequence[dict[str, Any]], settings: Settings, *, workers: int | None) -> Rows:
    """Make the drift rows of all controls of a contrast, and of all arms of a control."""
    by_place: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        by_place.setdefault((row["study"], row["model"], row["iteration"], row["contrast"]), []).append(row)
    groups = comparisons.grouped(prepared.contrasts)
    talks = prepared.conversations
    made = [
        (group, None if talks is None or group[0].design == "between" else talks.codes(group))
        for group in groups.values()
    ]
    tests = parallel.spread(partial(pooled.joint_test, seed=settings.seed), made, workers=workers)
    together = [
        pooled.all_controls(test, by_place[key], confidence=settings.confidence)
        for key, test in zip(groups, tests, strict=True)
        if test is not None
    ]
    cells = [c for c in prepared.cells if c.role == "negative_control" and c.study in prepared.arms and len(c.arms) > 2]
    arms = parallel.spread(partial(pooled.all_arms, seed=settings.seed), cells, workers=workers)
    return together + [row for row in arms if row is not None]


def _decomposed(prepared: Prepared, settings: Settings, drift: Rows) -> decomposition.Parts:
    """Decompose each outcome's effect by every route that the log allows, and check what the routes assume."""
    n_arms = {study: len({a for c in prepared.cells if c.study == study for a in c.arms}) for study in prepared.arms}
    return decomposition.decomposed(
        prepared.contrasts, prepared.beside, n_arms, drift, options=decomposition.options(settings)
    )


def _comparisons(prepared: Prepared, settings: Settings) -> list[dict[str, Any]]:
    """Hold drift against earlier iterations, a reference model, and placebos."""
    groups, confidence = comparisons.grouped(prepared.contrasts), settings.confidence
    rows = list(comparisons.over_iterations(groups, confidence=confidence))
    if settings.reference is not None:
        rows += comparisons.with_reference(groups, settings.reference, seed=settings.seed, confidence=confidence)
    return rows + list(comparisons.with_placebo(groups, prepared.placebos, confidence=confidence))


def _settings(
    *,
    outcome: Sequence[str] = (),
    negative_control: Sequence[str] = (),
    confounder: Sequence[str] = (),
    control: Sequence[str] | Mapping[str, str] = (),
    placebo: Mapping[str, str] | None = None,
    reference: str | None = None,
    order: Mapping[str, Sequence[str]] | None = None,
    bins: Mapping[str, int] | None = None,
    study_file: Sequence[str | Path] = (),
    design: Design | None = None,
    correction: str = DEFAULT,
    share: float = 0.5,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[Settings, dict[str, Any]]:
    """Check the options, and list them as they go into `analysis.json`."""
    roles = {"outcome": tuple(outcome), "negative_control": tuple(negative_control), "confounder": tuple(confounder)}
    asked: tuple[tuple[str | None, str], ...] = (
        tuple(control.items()) if isinstance(control, Mapping) else tuple((None, arm) for arm in control)
    )
    questions, from_files = read_study_files(study_file)
    settings = Settings(
        roles=roles,
        order={name: tuple(answers) for name, answers in (order or {}).items()},
        bins=dict(bins or {}),
        control=from_files + asked,
        questions=questions,
        design=design,
        correction=correction,
        share=share,
        confidence=confidence,
        seed=seed,
        placebo={label(arm) or arm: label(original) or original for arm, original in (placebo or {}).items()},
        reference=reference,
    )
    listed = {
        **{role: list(patterns) for role, patterns in roles.items()},
        "control": [{"study": study, "arm": arm} for study, arm in asked],
        "placebo": dict(settings.placebo),
        "reference": reference,
        "order": {name: list(answers) for name, answers in settings.order.items()},
        "bins": dict(settings.bins),
        "study_file": [str(path) for path in study_file],
        "labels": read_labels(study_file),
        "design": design,
        "correction": correction,
        "share": share,
        "confidence": confidence,
        "seed": seed,
    }
    return settings, listed


def describe(
    data: LogLike, *, table: str | None = None, rename: Mapping[str, str] | None = None, **options: Any
) -> Description:
    """Validate a log and say what it holds, without any statistic.

    Parameters
    ----------
    data, table, rename, **options
        As for `analyze`, but for `confidence`, `seed`, `skip`, `targeted_from`, `workers`, `track` and `tell`.

    Raises
    ------
    InputError
        As `analyze`.
    """
    settings, _ = _settings(**options)
    prepared = prepare(data, rename or {}, settings, table=table)
    questions = {
        (cell.study, cell.question): (
            *(cell.study, cell.question, cell.role, cell.scale.kind),
            *(", ".join(cell.scale.answers) or "numbers", cell.scale.source),
        )
        for cell in prepared.cells
    }
    designs = {
        (c.cell.study, c.cell.model, c.cell.iteration, c.label): (
            *(c.cell.study, c.cell.model, c.cell.iteration, c.label, c.design, c.n_personas),
            *(c.control.n, c.treated.n),
        )
        for c in prepared.contrasts
    }
    return Description(
        questions=pd.DataFrame(list(questions.values()), columns=list(QUESTIONS)),
        contrasts=pd.DataFrame(list(designs.values()), columns=list(CONTRASTS)),
        data=_data(prepared.cells),
        warnings=_remarks(prepared.notes),
    )


def _remarks(notes: Sequence[Note]) -> pd.DataFrame:
    return pd.DataFrame([asdict(note) for note in notes], columns=list(WARNINGS))


def prepare(
    data: LogLike, rename: Mapping[str, str], settings: Settings, *, table: str | None = None, joint: bool = False
) -> Prepared:
    """Read, count and check a log; everything that `analyze` does before the first statistic.

    With `joint`, also read what tests of several controls together need.
    """
    with response_table.opened(data, rename=rename, table=table) as log:
        whole = group(log)
        settings.check_labels(whole.labels["arm"], whole.labels["model"])
        arms, arm_notes = control_arms(whole, settings.control)
        binned, questions, question_notes = resolve(whole, settings)
        proper, sourced = apart(whole)
        grouped = whole.rows(proper)
        beside = decomposition.read_beside(log, grouped, binned.rows(sourced), questions)
        alone = log if proper.all() else log.without_source_arms()
        talks, talk_notes = conversations.read(alone, grouped, binned.rows(proper), questions) if joint else (None, [])
    made = tuple(cells(binned.rows(proper), questions))
    compared = [cell for cell in made if cell.study in arms and cell.role in ("outcome", "negative_control")]
    found = tuple(c for cell in compared for c in contrasts(cell, arms[cell.study], settings.design))
    if not found:
        design = settings.design or "any"
        raise InputError(
            f"no contrast can be made: no question was answered by personas of a control and a treated arm in {design} "
            "design. Check --control and --design"
        )
    study_arms = {study: sorted({arm for c in compared if c.study == study for arm in c.arms}) for study in arms}
    notes = [
        *arm_notes,
        *question_notes,
        *talk_notes,
        *data_warnings.duplicate_notes(grouped),
        *data_warnings.seed_notes(grouped),
        *data_warnings.cache_notes(made),
        *data_warnings.contrast_notes(found),
        *data_warnings.constant_notes(found),
        *(note for cell in compared for note in empty_arm_notes(cell, arms[cell.study], study_arms[cell.study])),
    ]
    controls = [cell for cell in made if cell.role == "negative_control"]
    placebos = {
        f"{arm} - {original}": placebo_contrasts(controls, arm, original, settings.design)
        for arm, original in settings.placebo.items()
    }
    return Prepared(made, found, tuple(dict.fromkeys(notes)), arms, placebos, beside, talks)


def _name(data: LogLike) -> list[str]:
    """Name the log as it was given, a URL without its password; data in memory has no name."""
    if isinstance(data, str | Path):
        data = [data]
    if isinstance(data, list | tuple):
        return [warehouses.masked(str(path)) if warehouses.is_url(path) else str(path) for path in data]
    return [f"a {type(data).__name__} in memory"]


def _shares(made: Sequence[Cell], confidence: float) -> pd.DataFrame:
    rows = distributions.share_rows(made, confidence=confidence)
    return pd.DataFrame(rows, columns=list(DISTRIBUTIONS))


def _targeted_from(data: LogLike, prepared: Prepared, given: int | None) -> dict[str, int]:
    """Return, by study, the first iteration with targeted confounders: as given, else as runs beside the log say."""
    if given is not None:
        return {cell.study: given for cell in prepared.cells}
    found: dict[str, int] = {}
    for name in _name(data):
        for folder in (Path(name), Path(name).parent):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                run = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
                found[str(run["study"])] = int(run["targeted_from"])
    return found


def _data(made: Sequence[Cell]) -> pd.DataFrame:
    """Count personas, answers and Unknown by arm."""
    rows = [
        (
            *(cell.study, cell.model, cell.iteration, arm, cell.question, cell.role),
            int((cell.answers[:, column].sum(axis=1) > 0).sum()),
            int(cell.answers[:, column].sum()),
            int(cell.unknown[:, column].sum()),
        )
        for cell in made
        for column, arm in enumerate(cell.arms)
    ]
    return pd.DataFrame(rows, columns=list(DATA))


def _corrected(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Add Holm's and Benjamini-Hochberg p-values over the controls of each study, model, iteration and contrast."""
    if not rows:
        return pd.DataFrame(columns=list(DRIFT))
    frame = pd.DataFrame(rows).reindex(columns=list(DRIFT))
    cell = ["study", "model", "iteration", "contrast"]
    frame = frame.sort_values(cell, kind="stable", ignore_index=True)
    # The row `(all)` is no further control.
    family = frame[frame["question"] != pooled.ALL_CONTROLS].groupby(cell, sort=False)["pvalue"]
    frame["pvalue_holm"] = family.transform(multiplicity.holm)
    frame["pvalue_bh"] = family.transform(multiplicity.benjamini_hochberg)
    return frame
