"""The one pass: a log in, one result out."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

import confound
from confound import parallel
from confound.counts.notes import Note
from confound.counts.options import Options
from confound.counts.prepare import CountedLog, prepare
from confound.errors import InputError
from confound.failures import Failures
from confound.findings import (
    answers,
    assumptions,
    comparisons,
    contrast_rows,
    decomposition,
    drift,
    effects,
    interactions,
    joint_drift,
    known,
    people,
    schema,
    sensitivity,
    truth,
    warnings,
)
from confound.findings import data as data_table
from confound.findings import stabilization as stable
from confound.findings.contrast_rows import Track
from confound.findings.schema import Row
from confound.findings.trajectories import OutcomeTrajectory
from confound.findings.verdict import sentences
from confound.keywords import PARTS
from confound.log import run_files, warehouses
from confound.log.layout import Layout
from confound.log.source import LogLike
from confound.result import Analysis
from confound.vocabulary import DEFAULT_CORRECTION, DEFAULT_MARGIN, Design

ToModel = tuple[list[OutcomeTrajectory], list[Note]]
SoFar = Callable[[Analysis, float], None]
REST_ON_COUNTS = ("decomposition", "sensitivity", "stabilization")
VERSIONS = ("numpy", "scipy", "pandas", "statsmodels", "duckdb", "ibis-framework")


def _untracked(made: Iterable[Any], total: int) -> Iterable[Any]:  # noqa: ARG001 -- nobody watches
    return made


def analyze(
    data: LogLike,
    *,
    table: str | None = None,
    persona: str | None = None,
    arm: Sequence[str] = (),
    question: str | None = None,
    response: str | None = None,
    trial: str | None = None,
    item: str | None = None,
    model: str | None = None,
    study: str | None = None,
    iteration: str | None = None,
    weight: str | None = None,
    rename: Mapping[str, str] | None = None,
    format: str | None = None,  # noqa: A002 -- as the option is called
    levels: Sequence[str] = (),
    custom_id: str | None = None,
    missing: Sequence[str] = (),
    merge: Sequence[str] = (),
    outcome: Sequence[str] = (),
    negative_control: Sequence[str] = (),
    confounder: Sequence[str] = (),
    control: Sequence[str] | Mapping[str, str] = (),
    placebo: Mapping[str, str] | None = None,
    reference: str | None = None,
    group: str | None = None,
    order: Mapping[str, Sequence[str]] | None = None,
    bins: Mapping[str, int] | None = None,
    ranges: Mapping[str, Sequence[float]] | None = None,
    study_file: Sequence[str | Path] = (),
    design: Design | None = None,
    cluster: str | None = None,
    unique: bool = False,
    correction: str = DEFAULT_CORRECTION,
    share: float = 0.5,
    margin: float = DEFAULT_MARGIN,
    confidence: float = 0.95,
    seed: int = 0,
    stabilization: bool = False,
    skip: Sequence[str] = (),
    targeted_from: int | None = None,
    workers: int | None = None,
    track: Track = _untracked,
    tell: stable.Tell | None = None,
    so_far: SoFar | None = None,
) -> Analysis:
    """Measure user drift and the effect in a log of an experiment on simulated users.

    Parameters
    ----------
    data : path, sequence of paths, pandas.DataFrame, pyarrow.Table or ibis.Table
        The response table, one row an answer; see the README for its columns. Paths may be folders and globs, or the
        URL of a database or cluster, such as ``"duckdb://file.db"``: the log is counted there.
    table : str, optional
        The table's name, for a URL; see `confound.log.warehouses.opened`.
    persona, question, response, trial, item, model, study, iteration : str, optional
        The log's own column that is this column of the response table; by default the one of that name. Without a
        column of the question the table is wide: `outcome`, `negative_control` and `confounder` name its columns.
        `item` is what was asked about: with the persona it makes the stratum of the negative controls.
    weight : str, optional
        The column of the answer's probability, in a log of distributions; so are columns called `P_...`.
    arm : sequence of str
        The column of the arm. Several make one arm of their combinations, and a study by each of them.
    rename : mapping, optional
        The log's name of a column -> the response table's, such as ``{"user_id": "persona"}``. A column that is named
        here or above is read as nothing else.
    format : str, optional
        What the log was written by, such as ``"qualtrics"``; by default that is found out by its content. ``"table"``
        for an ordinary log.
    levels : sequence of str
        What the levels of nested JSON are, from the outside in, such as ``["persona", "arm", "question"]``.
    custom_id : str, optional
        How `custom_id` of a batch is made, such as ``"{persona}|{arm}|{question}|{trial}"``.
    missing : sequence of str
        Answers that stand for none, such as ``"-99"``: they count as Unknown.
    merge : sequence of str
        Answers that count as one, each ``"Q:A|B=NAME"``.
    outcome, negative_control, confounder : sequence of str
        Questions with that role, globs allowed; they override column `role`.
    control : sequence of str, or mapping
        Control arms, for every study that has them, or for one study if written ``"study=arm"``; or study -> arm.
        By default an arm called control, baseline, placebo, untreated or 0, else the first in sorted order.
    placebo : mapping, optional
        Arm -> the arm that it rewords: drift is then also reported in excess of what rewording alone makes.
    reference : str, optional
        A model without drift in the same log, such as the humans: the others' drift, answers, effects and variance
        are compared with its own.
    group : str, optional
        Question by whose answers people are grouped, such as party: how much better personas stand for some than for
        others. It takes `reference`.
    order : mapping, optional
        Question (globs allowed) -> its answers from low to high; they count 1, 2, ...
    bins : mapping, optional
        Question -> number of quantile bins for its numeric answers.
    ranges : mapping, optional
        Question (globs allowed) -> the least and the largest number that it can be answered with, where no answer seen
        reaches them: what accuracy and bounds are measured on.
    study_file : sequence of path
        YAML files that give roles, options and values of questions.
    design : {"within", "between"}, optional
        By default within where at least half of the personas are in both arms, else between; for each contrast.
    cluster : str, optional
        Column of the log that says what is independent, such as a profile that several personas share; it takes the
        place of the persona.
    unique : bool
        Count copies once: conversations logged several times, trials that are all equal, personas that are doubles.
    correction : {"mixture", "plugin", "null", "jackknife", "bootstrap", "folded", "npmle"}
        How the plug-in distance is corrected, see `corrected_distance.corrected_tvd`.
    share : float
        Of the users in the treated arm, in [0, 1]: whose causal effect the decomposition is to tell.
    margin : float
        Total variation distance in (0, 1) below which drift counts as small.
    confidence : float
        Of the intervals, in (0, 1).
    seed : int
        Of resampling in the decomposition, and of sampling. The same seed gives the same result to the last byte.
        Drift does not depend on it: what cannot be exact there is drawn by a key made of the counts.
    stabilization : bool
        Whether the Bayesian models of whether effects settle are fitted however long that takes. By default they are
        where it takes some two minutes at most.
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
    so_far : callable, optional
        Is given the result without Bayesian models, and how many seconds they will take, before any is fitted.

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        Where the log or an option cannot be used; the message names the file, the column, the rows and what to do.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame(
    ...     {
    ...         "persona": ["ann", "ann", "ben", "ben"] * 4,
    ...         "arm": ["control", "treated"] * 8,
    ...         "question": "party",
    ...         "response": ["left", "right"] * 8,
    ...     }
    ... )
    >>> result = analyze(log, negative_control=["party"])
    >>> result.drift[["tvd_plugin", "tvd_null", "pvalue"]].round(4).to_dict("records")
    [{'tvd_plugin': 1.0, 'tvd_null': 0.2571, 'pvalue': 0.0008}]
    """
    options, layout = Options.of(locals()), Layout.of(locals())
    skip = [skip] if isinstance(skip, str) else skip
    unknown = set(skip) - set(PARTS)
    if unknown:
        raise InputError(f"--skip {min(unknown)}: no such part. Parts are {', '.join(PARTS)}")
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}: at least 1 process is needed")
    name = warehouses.names_of(data)
    counted = prepare(data, layout, options, joint="drift" not in skip, adjusted=run_files.is_run(name))
    settings = {"log": name, **layout.listed(), **options.listed(), "skip": list(skip)}
    settings["targeted_from"] = _targeted_from(data, counted, targeted_from)
    return _found(counted, options, settings, workers=workers, track=track, tell=tell, so_far=so_far)


def _found(
    counted: CountedLog,
    options: Options,
    settings: Mapping[str, Any],
    *,
    workers: int | None,
    track: Track,
    tell: stable.Tell | None,
    so_far: SoFar | None,
) -> Analysis:
    """Make every table in turn, Bayesian models last; a part that fails is left empty, and told."""
    failures, skip = Failures(), settings["skip"]
    if counted.of_distributions:  # the others rest on counts of answers
        skip = {*skip, *REST_ON_COUNTS}
    with parallel.one_thread():
        tables, parts = _tables(counted, options, skip, failures, workers=workers, track=track)
    tables |= _described(counted, options, settings, tables, failures)
    series, why_not = _to_model(counted, options, skip, failures)
    notes = [*warnings.data_notes(counted), *parts.notes, *why_not]
    result = partial(_result, counted, options, settings, tables, notes, failures)
    if not series:
        return result(stable.NOTHING)
    if so_far is not None:
        so_far(result(stable.NOTHING), stable.predicted_seconds(series))
    settling = stable.NOTHING
    with failures.catching("stabilization"), parallel.one_thread():
        confidence, seed = options.confidence, options.seed
        settling = stable.modelled(series, confidence=confidence, seed=seed, workers=workers, tell=tell)
    return result(settling)


def _to_model(counted: CountedLog, options: Options, skip: Collection[str], failures: Failures) -> ToModel:
    if "stabilization" not in skip:
        with failures.catching("stabilization"):
            return stable.wanted(counted.contrasts, asked=options.stabilization)
    return [], []


def _described(
    counted: CountedLog,
    options: Options,
    settings: Mapping[str, Any],
    made: Mapping[str, pd.DataFrame],
    failures: Failures,
) -> dict[str, pd.DataFrame]:
    """Make the tables of what the log holds, and of its truth where that is known."""
    data = _frame("data", failures, partial(data_table.frame, counted.cells), data_table.SCHEMA)
    shares = partial(answers.share_rows, counted.cells, confidence=options.confidence)
    means = partial(answers.mean_rows, counted.cells, confidence=options.confidence)
    crossed = partial(interactions.rows, counted, settings["arm"], confidence=options.confidence)
    found = (schema.records(made[name]) for name in ("drift", "effects", "decomposition"))
    beside = partial(truth.rows, run_files.truths(settings["log"]), *found)
    return {
        "data": known.in_distributions(data) if counted.of_distributions else data,
        "distributions": schema.frame(_part("distributions", failures, shares), answers.DISTRIBUTIONS),
        "means": schema.frame(_part("means", failures, means), answers.MEANS),
        "interactions": schema.frame(_part("interactions", failures, crossed), interactions.SCHEMA),
        "truth": schema.frame(_part("truth", failures, beside), truth.SCHEMA),
    }


def _result(
    counted: CountedLog,
    options: Options,
    settings: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    notes: Sequence[Note],
    failures: Failures,
    settling: stable.Stabilization,
) -> Analysis:
    """Put the tables together, and say in words what they hold."""
    verdict: tuple[sentences.Finding, ...] = ()
    failures = Failures(failures)  # this is made twice where models follow
    with failures.catching("verdict"):
        said_of = sentences.Tables(**{name: tables[name] for name in sentences.FRAMES}, settling=settling)
        verdict = sentences.findings(said_of, options.confidence, margin=options.margin, copies=counted.copies)
    return Analysis(
        **tables,
        stabilization=settling.stabilization,
        settled=settling.settled,
        stabilization_checks=settling.checks,
        warnings=warnings.frame(notes, failures),
        verdict=verdict,
        settings=settings,
        versions={name: version(name) for name in VERSIONS} | {"confound": confound.__version__},
        fits=settling.fits,
        failures=tuple(failures),
    )


def _tables(
    counted: CountedLog,
    options: Options,
    skip: Collection[str],
    failures: Failures,
    *,
    workers: int | None,
    track: Track,
) -> tuple[dict[str, pd.DataFrame], decomposition.Parts]:
    """Make the tables of drift and effects, and what rests on them."""
    drift_rows, effect_rows = contrast_rows.rows(counted, options, skip, failures, workers=workers, track=track)
    compared: list[Row] = []
    if "drift" not in skip and not counted.of_distributions:
        joint = partial(joint_drift.rows, counted, list(drift_rows), failures, options=options, workers=workers)
        drift_rows += _part("joint tests of drift", failures, joint)
        compared = _part("comparisons", failures, partial(comparisons.rows, counted, options, workers=workers))
    parts, bounded = decomposition.Parts(), list[Row]()
    if "decomposition" not in skip:
        parts = decomposition.decomposed(counted, drift_rows, failures, options=options)
    if "sensitivity" not in skip:
        bounds = partial(sensitivity.rows, counted, drift_rows, effect_rows, options=options)
        bounded = _part("sensitivity", failures, bounds)
    decided = partial(drift.frame, drift_rows, margin=options.margin_shown, withheld=counted.copies)
    tables = {
        "drift": _frame("drift", failures, decided, drift.SCHEMA),
        "effects": _frame("effects", failures, partial(effects.frame, effect_rows), effects.SCHEMA),
        "decomposition": schema.frame(parts.rows, decomposition.SCHEMA),
        "comparisons": schema.frame(compared, comparisons.SCHEMA),
        "assumptions": schema.frame(parts.assumptions, assumptions.SCHEMA),
        "sensitivity": schema.frame(bounded, sensitivity.SCHEMA),
        **people.tables(counted, options, failures),
    }
    if counted.of_distributions:
        tables |= {name: known.in_distributions(tables[name]) for name in ("drift", "effects")}
    return tables, parts


def _frame(name: str, failures: Failures, make: Callable[[], pd.DataFrame], empty: schema.Schema) -> pd.DataFrame:
    """Make one table; an empty one if that fails."""
    with failures.catching(f"table {name}"):
        return make()
    return schema.frame([], empty)


def _part(name: str, failures: Failures, make: Callable[[], Iterable[Row]]) -> list[Row]:
    """Make the rows of one table; none if it fails."""
    with failures.catching(name):
        return list(make())
    return []


def _targeted_from(data: LogLike, counted: CountedLog, given: int | None) -> dict[str, int]:
    """Return, by study, the first iteration with targeted confounders: as given, else as runs beside the log say."""
    if given is not None:
        return {cell.study: given for cell in counted.cells}
    return run_files.targeted_from(warehouses.names_of(data))
