"""A log looked at, before any statistic: what it holds, and its rows as they are counted."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from confound.counts.options import Options
from confound.counts.prepare import prepare, read_long
from confound.findings.description import described
from confound.findings.findings import Description
from confound.keywords import OF_THE_LOG
from confound.log import run_files, warehouses
from confound.log.layout import Layout
from confound.log.source import LogLike
from confound.vocabulary import Design


def describe(
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
) -> Description:
    """Validate a log and say what it holds, without any statistic.

    Parameters
    ----------
    data, table, persona, arm, question, response, trial, item, model, study, iteration, weight, rename, format, \
    levels, custom_id, missing, merge, outcome, negative_control, confounder, control, placebo, reference, group, \
    order, bins, ranges, study_file, design, cluster, unique
        As for `analyze`.

    Returns
    -------
    Description

    Raises
    ------
    InputError
        As `analyze`.
    """
    options, layout = Options.of(locals()), Layout.of(locals())
    name = warehouses.names_of(data)
    given = {**layout.listed(), **options.listed()}
    settings = {"log": name} | {each.name: given[each.name] for each in OF_THE_LOG}
    return described(prepare(data, layout, options, adjusted=run_files.is_run(name)), settings)


def read(
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
    order: Mapping[str, Sequence[str]] | None = None,
    study_file: Sequence[str | Path] = (),
    design: Design | None = None,
    cluster: str | None = None,
) -> pd.DataFrame:
    """Read a log into the long response table that `analyze` counts, one row an answer.

    Parameters
    ----------
    data, table, persona, arm, question, response, trial, item, model, study, iteration, weight, rename, format, \
    levels, custom_id, missing, merge, outcome, negative_control, confounder, order, study_file, design, cluster
        As for `analyze`.

    Returns
    -------
    pandas.DataFrame
        The columns of the response table that the log has, as text (`value` as numbers): spellings merged, codes for
        no answer missing. Every row of the log is there, those of questions without a role too.

    Raises
    ------
    InputError
        As `analyze`.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"user": ["ann", "ann"], "version": ["old", "new"], "likely": ["4", "5"]})
    >>> read(log, persona="user", arm=["version"], outcome=["likely"])[["persona", "arm", "question", "response"]]
      persona  arm question response
    0     ann  old   likely        4
    1     ann  new   likely        5
    """
    options, layout = Options.of(locals()), Layout.of(locals())
    return read_long(data, layout, options, adjusted=run_files.is_run(warehouses.names_of(data)))
