"""The keywords of `confound.analyze` on the command line: how each is typed, and what its help says."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import click

from confound.console import PAIR, Decorator, Model, Pairs, answers, ends, mapping, quantiles
from confound.vocabulary import CORRECTION_WORDS, DEFAULT_CORRECTION, DEFAULT_MARGIN, Design

# Parts of an analysis that can be left out; figures and the report are made when the result is saved.
PARTS = ("drift", "effects", "decomposition", "sensitivity", "stabilization", "figures", "report")


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword of `confound.analyze`.

    Attributes
    ----------
    name : str
    help : str
        What ``--help`` says of it.
    type : click.ParamType
        Reads one entry. For `Pairs`, the keyword's value is a mapping.
    metavar : str or None
        How an entry is shown in ``--help``; None: as `type` says.
    many : bool
        Whether the option may be repeated, so that the keyword's value is a sequence or a mapping.
    default : object
        Shown in ``--help``.
    write : callable
        One entry (of a mapping, one value) -> the text that `type` reads.
    flag : str or None
        The option's name; None: ``--`` and the keyword.
    """

    name: str
    help: str
    type: click.ParamType[Any] = click.STRING
    metavar: str | None = None
    many: bool = False
    default: Any = None
    write: Callable[[Any], str] = str
    flag: str | None = None

    @property
    def option(self) -> str:
        """The option's name on the command line."""
        return self.flag or "--" + self.name.replace("_", "-")

    @property
    def is_switch(self) -> bool:
        """Whether the option stands alone, for a keyword that is true or false."""
        return self.type is click.BOOL

    def decorator(self) -> Decorator:
        """Return what adds the option to a command; the command gets the value as `confound.analyze` takes it."""
        if self.is_switch:
            return click.option(self.option, self.name, help=self.help, is_flag=True)
        return click.option(
            self.option,
            self.name,
            help=self.help,
            type=self.type,
            metavar=self.metavar,
            multiple=self.many,
            callback=mapping if isinstance(self.type, Pairs) else None,
            show_default=self.default is not None,
            **({} if self.default is None else {"default": self.default}),
        )

    def texts(self, value: Any) -> list[str]:
        """Return what stands after the option, for each time that it is typed."""
        if isinstance(value, Mapping):
            return [f"{left}={self.write(right)}" for left, right in value.items()]
        return [self.write(entry) for entry in value] if self.many else [self.write(value)]


def _csv(entries: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(entries)
    return line.getvalue()


def _control(entry: Mapping[str, str | None]) -> str:
    """Write a control arm as `analysis.json` lists it."""
    return str(entry["arm"]) if entry["study"] is None else f"{entry['study']}={entry['arm']}"


def _pairs(name: str, help_: str, metavar: str, **more: Any) -> Keyword:
    return Keyword(name, help_, **({"type": PAIR} | more), metavar=metavar, many=True)


def _questions(name: str, help_: str) -> Keyword:
    return Keyword(name, help_, metavar="Q", many=True)


# How the log is read and its questions are understood: `confound check` has these too.
OF_THE_LOG = (
    Keyword("table", "Name of the table of a database, or of the sheet of a workbook.", metavar="NAME"),
    Keyword("persona", "Column of the simulated user.", metavar="COLUMN"),
    Keyword("arm", "Column of the arm; several make one.", metavar="COLUMN[,COLUMN..]", many=True),
    Keyword("question", "Column of the question. Without one, --outcome and the like name columns.", metavar="COLUMN"),
    Keyword("response", "Column of the answer.", metavar="COLUMN"),
    Keyword("trial", "Column of the repetition.", metavar="COLUMN"),
    Keyword("item", "Column of what was asked about; with the persona it is the stratum.", metavar="COLUMN"),
    Keyword("model", "Column of the model.", metavar="COLUMN"),
    Keyword("study", "Column of the study.", metavar="COLUMN"),
    Keyword("iteration", "Column of the iteration of adjustment.", metavar="COLUMN"),
    Keyword("weight", "Column of the answer's probability, in a log of distributions.", metavar="COLUMN"),
    _pairs("rename", "Use the log's column OLD as column NEW.", "OLD=NEW"),
    Keyword("format", "What LOG was written by, where it is not found out; `table` for none of them.", metavar="NAME"),
    Keyword("levels", "Of nested JSON, from the outside in.", metavar="LEVEL[,LEVEL..]", many=True),
    Keyword("custom_id", "How a batch's custom_id is made.", metavar="'{persona}|{arm}|..'"),
    Keyword("missing", "An answer that stands for none, such as -99.", metavar="CODE", many=True),
    Keyword("merge", "Count answers to Q as one, called NAME.", metavar="Q:A|B|..=NAME", many=True),
    _questions("outcome", "Question that is an outcome. Globs are allowed here and in the next two options."),
    _questions("negative_control", "Question whose answer the treatment cannot change."),
    _questions("confounder", "Question that is a confounder."),
    Keyword("control", "The control arm, of all studies or of one.", metavar="[STUDY=]ARM", many=True, write=_control),
    _pairs("placebo", "ARM is a rewording of arm OTHER.", "ARM=OTHER"),
    Keyword(
        "reference",
        "The model that is people, or has no drift: the others are held against it.",
        Model(),
        metavar=Model.name,
        write="model={}".format,
    ),
    Keyword("group", "Question by whose answers people are grouped, to compare agreement.", metavar="Q"),
    _pairs("order", "The answers to Q from low to high.", "Q=LOW,..,HIGH", type=Pairs(answers), write=_csv),
    _pairs(
        "bins",
        "Put numeric answers to Q into N quantile bins.",
        "Q=quantile:N",
        type=Pairs(quantiles),
        write="quantile:{}".format,
        flag="--bin",
    ),
    _pairs(
        "ranges",
        "The least and the largest number that Q can be answered with.",
        "Q=LOW,HIGH",
        type=Pairs(ends),
        write=lambda pair: f"{pair[0]:.15g},{pair[1]:.15g}",
        flag="--range",
    ),
    Keyword("study_file", "YAML file with roles, options and values of questions.", click.Path(), many=True),
    Keyword("design", "Default: inferred for each contrast.", click.Choice(get_args(Design))),
    Keyword("cluster", "Column of what is independent: it takes the place of the persona.", metavar="COLUMN"),
    Keyword(
        "unique", "Count copies once: repeated conversations, equal trials, personas that are doubles.", click.BOOL
    ),
)
# What is computed, and how.
OF_THE_ANALYSIS = (
    Keyword(
        "correction",
        "How the distance is corrected for noise.",
        click.Choice(tuple(CORRECTION_WORDS)),
        default=DEFAULT_CORRECTION,
    ),
    Keyword("seed", "Seed of all random draws.", click.INT, default=0),
    Keyword("share", "Share of the users in the treated arm, for the decomposition.", click.FLOAT, default=0.5),
    Keyword(
        "margin",
        "Drift whose interval ends below this total variation distance is called small.",
        click.FLOAT,
        default=DEFAULT_MARGIN,
    ),
    Keyword("confidence", "Confidence level of the intervals.", click.FLOAT, default=0.95),
    Keyword("stabilization", "Fit the models of whether effects settle even if they take long.", click.BOOL),
    Keyword("skip", "Leave this part out.", click.Choice(PARTS), many=True),
    Keyword(
        "targeted_from",
        "First iteration with targeted confounders, marked in figures. Default: as a run of `confound simulate` says.",
        click.INT,
        metavar="K",
    ),
    Keyword("workers", "Number of processes. Default: one for each core, if the log is large enough.", click.INT),
)
KEYWORDS = {each.name: each for each in (*OF_THE_LOG, *OF_THE_ANALYSIS)}
