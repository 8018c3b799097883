"""A log looked at, before any statistic: what it holds, and its rows as they are counted."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from confound.counts.options import Options
from confound.counts.prepare import prepare, read_long
from confound.errors import InputError, UnsaidError
from confound.findings.description import described
from confound.findings.findings import Description
from confound.keywords import KEYWORDS, OF_THE_LOG
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


def proposed(data: LogLike, **given: Any) -> tuple[Description, list[tuple[str, str]]]:
    """Describe a log, and where it does not say enough, as the names of its columns and questions suggest.

    Parameters
    ----------
    data : path, sequence of paths, data frame or table
        See `confound.analyze`.
    **given
        Keywords of `describe`.

    Returns
    -------
    description : Description
    assumed : list of (str, str)
        Keyword and value of what was suggested by names and said by nobody.

    Raises
    ------
    InputError
        Where no names suggest enough; of what is suggested in vain the first error is raised.
    """
    assumed: list[tuple[str, str]] = []
    first: UnsaidError | None = None
    while True:
        try:
            return describe(data, **given), assumed
        except UnsaidError as error:
            first = first or error
            if not error.options or set(error.options) <= set(assumed):
                raise first from None
            assumed += error.options
            given = _with(given, error.options)
        except InputError:
            if first is None:
                raise
            raise first from None


def _with(given: Mapping[str, Any], options: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Add to keywords what else is said."""
    made = dict(given)
    for name, value in options:
        made[name] = [*(made.get(name) or ()), value] if KEYWORDS[name].many else value
    return made


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
