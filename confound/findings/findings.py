"""What an analysis found: the tables, the verdict, and how they were made."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

import pandas as pd

from confound.errors import InputError
from confound.failures import Failure
from confound.findings.tables import TABLES
from confound.findings.verdict.sentences import Finding

F = TypeVar("F", bound="Findings")


@dataclass(frozen=True, slots=True)
class Findings:
    """What an analysis found. The columns of each table are described in `confound.findings.tables.TABLES`.

    Attributes
    ----------
    data : pandas.DataFrame
        Personas, answers and Unknown, a row for each question and arm.
    drift : pandas.DataFrame
        A row for each negative control and contrast.
    effects : pandas.DataFrame
        A row for each outcome, contrast and level.
    decomposition : pandas.DataFrame
        A row for each part of an outcome's observed effect, by each route that the log allows and each iteration.
    sensitivity : pandas.DataFrame
        A row for each outcome and iteration: the drift that would explain its effect away, and bounds.
    assumptions : pandas.DataFrame
        What the routes assume, checked: a row for each check.
    comparisons : pandas.DataFrame
        Drift less the drift of what column `against` names: an earlier iteration, a reference model, a placebo.
    stabilization, settled, stabilization_checks : pandas.DataFrame
        Bayesian models of the outcomes over the iterations.
    distributions : pandas.DataFrame
        Share of each answer, averaged over personas, by arm and over `(all arms)`.
    means : pandas.DataFrame
        Mean outcome by arm.
    interactions : pandas.DataFrame
        Where arms are made of several factors: whether the effect of one depends on another.
    truth : pandas.DataFrame
        What is true of a log of made-up users, beside what was found; empty for others.
    agreement : pandas.DataFrame
        How well simulated users answer as people do: a row for each question and arm. Empty without a reference.
    effects_compared : pandas.DataFrame
        Effects on simulated users beside those on people: a row for each outcome and contrast, and for each quantity
        over all of them. Empty without a reference.
    variance : pandas.DataFrame
        Variance between personas and between the runs of each, and the spread of answers beside that of people: a row
        for each question and arm.
    combined : pandas.DataFrame
        The effect on people with the help of simulated users who have no person: a row for each outcome and contrast.
    warnings : pandas.DataFrame
        Remarks on the data, and what could not be made.
    verdict : tuple of Finding
        What was found for each model, in words.
    settings : dict
        The options as given.
    versions : dict
        Package -> version.
    fits : dict
        Name -> posterior draws of a model, as ArviZ keeps them.
    failures : tuple of Failure
        Parts that could not be made; each is a row of `warnings` too.
    """

    data: pd.DataFrame
    drift: pd.DataFrame
    effects: pd.DataFrame
    decomposition: pd.DataFrame
    sensitivity: pd.DataFrame
    assumptions: pd.DataFrame
    comparisons: pd.DataFrame
    stabilization: pd.DataFrame
    settled: pd.DataFrame
    stabilization_checks: pd.DataFrame
    distributions: pd.DataFrame
    means: pd.DataFrame
    interactions: pd.DataFrame
    truth: pd.DataFrame
    agreement: pd.DataFrame
    effects_compared: pd.DataFrame
    variance: pd.DataFrame
    combined: pd.DataFrame
    warnings: pd.DataFrame
    verdict: tuple[Finding, ...]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    fits: Mapping[str, Any] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """The tables by name."""
        names = [name for name in self.__dataclass_fields__ if name in TABLES]
        return {name: getattr(self, name) for name in names}

    def only(self, **chosen: Any) -> Self:
        """Return the part about some studies, models, iterations and so on; verdict and settings stay.

        Parameters
        ----------
        **chosen
            Name of a column -> the value to keep, or a list of them. A table without that column is kept whole.

        Raises
        ------
        InputError
            Where no table has such a column, or none of them such a value.

        Examples
        --------
        >>> sorted(result.only(iteration=[0, 2]).drift["iteration"].unique().tolist())
        [0, 2]
        """
        frames: dict[str, Any] = self.frames
        for column, wanted in chosen.items():
            values = list(wanted) if isinstance(wanted, list | tuple | set | frozenset) else [wanted]
            held = {value for frame in frames.values() if column in frame for value in frame[column]}
            if missing := [value for value in values if value not in held]:
                raise InputError(f"{column}={missing[0]}: there is none; there are {sorted(map(str, held)) or 'none'}")
            frames = {n: f[f[column].isin(values)] if column in f else f for n, f in frames.items()}
        return replace(self, **frames)


@dataclass(frozen=True, slots=True)
class Description:
    """What a log holds, before any statistic.

    Attributes
    ----------
    columns : pandas.DataFrame
        Which of the log's own columns is which of the response table's; those that nothing reads come last.
    questions : pandas.DataFrame
        Role, scale, answers (from low to high if ordinal) and where their order comes from, by study and question.
    contrasts : pandas.DataFrame
        Design and size of each comparison, from its first question.
    data, warnings : pandas.DataFrame
        As in `Findings`.
    settings : dict
        The options as given.
    """

    columns: pd.DataFrame
    questions: pd.DataFrame
    contrasts: pd.DataFrame
    data: pd.DataFrame
    warnings: pd.DataFrame
    settings: Mapping[str, Any]
