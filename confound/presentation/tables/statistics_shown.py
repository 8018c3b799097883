"""What a table of a publication is made of: its statistics, and how each is written."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from confound.findings.schema import Column, Schema
from confound.findings.tables import TABLES
from confound.text import MISSING, bracketed, number, p_equals, p_value

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Statistic:
    """What stands in a column, or in a line of a cell.

    Attributes
    ----------
    head : str
        ``{ci}`` stands for the interval's name.
    write : callable
        A row of the frame and a number of decimals -> text.
    needs : tuple of str
        Columns of the frame without which there is nothing to write.
    group : str
        Head over this column and its neighbours.
    note : str
        What is said of it under the table.
    """

    head: str
    write: Callable[[Record, int], str]
    needs: tuple[str, ...]
    group: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a table shows.

    Attributes
    ----------
    frame : pandas.DataFrame
        Its rows.
    settings : dict
        Those of the analysis.
    heads : frozenset of str
        Of its statistics.
    """

    frame: pd.DataFrame
    settings: Mapping[str, Any]
    heads: frozenset[str]


@dataclass(frozen=True, slots=True)
class Layout:
    """How one frame becomes a table.

    Attributes
    ----------
    title, stub : str
        Caption; head of the labels' column.
    panel, row : tuple of str
        Columns of the frame that name a panel (beside study and model), and a row of it.
    full, beside, under : tuple of Statistic
        What is shown of one model alone; of few models, side by side; of several, as lines of a cell.
    unit : tuple of str
        Columns whose values share a unit, so that they are rounded alike.
    notes : callable
        What is shown -> sentences that say what the numbers are.
    last : bool
        Whether the last iteration stands for all, where not all are asked for; else the first and the last.
    choose : callable
        Frame -> the rows that say most.
    """

    title: str
    stub: str
    panel: tuple[str, ...]
    row: tuple[str, ...]
    full: tuple[Statistic, ...]
    beside: tuple[Statistic, ...]
    under: tuple[Statistic, ...]
    unit: tuple[str, ...]
    notes: Callable[[Shown], Iterator[str]]
    last: bool = False
    choose: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame


def of_schema(schema: Schema) -> tuple[Statistic, ...]:
    """Return what a table shows of one model alone: every column with a head, the number of personas first."""
    shown = sorted(schema.shown, key=lambda column: column.name != "n_personas")
    return tuple(_of_column(column) for column in shown)


def _of_column(column: Column) -> Statistic:
    """Return how a column is written."""
    name, places = column.name, 0 if column.kind == "count" else column.places
    if column.to:
        made = of_bounds(name, column.to, column.head, column.group)
    elif column.kind == "p-value":
        made = of_p(name, column.head, column.group)
    else:
        made = (
            of_value(name, column.head, column.group)
            if places is None
            else of_fixed(name, column.head, places, column.group)
        )
    return replace(made, note=column.note)


def of_value(name: str, head: str, group: str = "") -> Statistic:
    """Write a number with the decimals of its unit."""
    return Statistic(head, lambda row, d: number(row[name], d), (name,), group)


def of_fixed(name: str, head: str, places: int, group: str = "") -> Statistic:
    """Write a number with so many decimals."""
    return Statistic(head, lambda row, _: number(row[name], places), (name,), group)


def of_p(name: str, head: str, group: str = "") -> Statistic:
    """Write a p-value."""
    return Statistic(head, lambda row, _: p_value(row[name]), (name,), group)


def of_bounds(low: str, high: str, head: str, group: str = "") -> Statistic:
    """Write the ends of an interval."""
    return Statistic(head, lambda row, d: bracketed(row[low], row[high], d), (low, high), group)


def of_interval(group: str = "") -> Statistic:
    """Write the ends of the table's interval."""
    return of_bounds("ci_low", "ci_high", "{ci}", group)


def p_line(row: Record, _: int) -> str:
    """Write a p-value as a line of a cell."""
    text = p_value(row["pvalue"])
    return text if text == MISSING else p_equals(row["pvalue"])


P_LINE = Statistic("p", p_line, ("pvalue",))


def check(name: str, layout: Layout) -> None:
    """Raise where a layout names a column that its table does not have."""
    made = {"n_questions"} if name == "data" else set()  # counted over the questions of a role
    needed = {need for statistic in (*layout.full, *layout.beside, *layout.under) for need in statistic.needs}
    for column in sorted({*layout.panel, *layout.row, *layout.unit, *needed} - made):
        TABLES[name].column(column)
