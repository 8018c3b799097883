"""What a table is: its columns, with type, unit and meaning, and the one way in which rows become a frame.

Each table of an analysis has one module in this folder, and in it one `Schema`. The frame, its columns in CSV and JSON,
the head of a column in a table for a paper, the note under that table, and docs/columns.md all come from it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from confound.errors import ConfoundError

Kind = Literal["text", "count", "number", "p-value", "flag"]
Row = dict[str, Any]
TEXT = pd.Series(["text"]).dtype  # "str" from pandas 3 on, "object" before


class SchemaError(ConfoundError):
    """A row has a column that its table does not know, or lacks one: a mistake in the program, not in the log."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        In snake_case.
    kind : {"text", "count", "number", "p-value", "flag"}
        A count is a whole number.
    meaning : str
        A sentence, without the full stop.
    unit : str
        Of a number, such as ``"distance, 0 to 1"``.
    optional : bool
        Whether a row may lack it; it is then missing (empty in CSV, null in JSON).
    head : str
        Over the column in a table for a paper; empty where it is not shown there. ``{ci}`` is the interval's name.
    group : str
        Head over this column and its neighbours of the same group.
    to : str
        Of the lower end of an interval: the column of the upper end, shown together with it.
    note : str
        What is said under a table that shows the column, where the head is not enough.
    places : int or None
        Decimals in a table for a paper. None: as many as the width of the intervals asks for.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    optional: bool = False
    head: str = ""
    group: str = ""
    to: str = ""
    note: str = ""
    places: int | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of one table.

    Attributes
    ----------
    name : str
        Of the table, and of its file.
    rows : str
        What a row is.
    columns : tuple of Column
        In their order; new ones go at the end, for their names and order are a contract.
    """

    name: str
    rows: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns that a table for a paper shows."""
        return tuple(column for column in self.columns if column.head)

    def column(self, name: str) -> Column:
        """Return one column.

        Raises
        ------
        SchemaError
            Where there is no such column.
        """
        found = next((column for column in self.columns if column.name == name), None)
        if found is None:
            raise SchemaError(f"table {self.name}: there is no column {name!r}. There are {', '.join(self.names)}")
        return found


def frame(rows: Iterable[Mapping[str, Any]], schema: Schema) -> pd.DataFrame:
    """Return rows as a frame with all columns of their table, in its order.

    Parameters
    ----------
    rows : iterable of mapping
        Column -> value; optional columns may be left out.
    schema : Schema

    Raises
    ------
    SchemaError
        Where a row has a column that the table does not know, or lacks one that is not optional.

    Examples
    --------
    >>> b = Column("b", "number", "Second", optional=True)
    >>> pair = Schema("pairs", "A pair", (Column("a", "count", "First"), b))
    >>> frame([{"a": 1}, {"a": 2, "b": 0.5}], pair).to_dict("list")
    {'a': [1, 2], 'b': [nan, 0.5]}
    """
    listed = list(rows)
    known, needed = set(schema.names), {column.name for column in schema.columns if not column.optional}
    for row in listed:
        _check(set(row), known, needed, schema)
    held = {c.name: _typed([row.get(c.name, np.nan) for row in listed], c.kind) for c in schema.columns}
    return pd.DataFrame(held, index=pd.RangeIndex(len(listed)))


def _typed(values: list[Any], kind: Kind) -> Any:
    """Give a column its type, also where it holds nothing; whole numbers with a missing one are floats."""
    if kind == "text":
        return pd.Series(values, dtype=TEXT)
    if kind == "flag":
        return np.asarray(values, dtype=bool)
    if kind == "count" and not any(np.isnan(value) for value in values):
        return np.asarray(values, dtype=np.int64)
    return np.asarray(values, dtype=np.float64)


def _check(given: set[str], known: set[str], needed: set[str], schema: Schema) -> None:
    if given - known:
        raise SchemaError(f"table {schema.name}: a row has the unknown column {min(given - known)!r}")
    if needed - given:
        raise SchemaError(f"table {schema.name}: a row lacks the column {min(needed - given)!r}")


def fits(frame: pd.DataFrame, schema: Schema) -> bool:
    """Tell whether a frame that was read back has the columns of its table, and each holds what it should."""
    return set(schema.names) <= set(frame) and all(_holds(frame[c.name], c.kind) for c in schema.columns)


def _holds(held: pd.Series, kind: Kind) -> bool:
    if kind == "text":
        return all(_is_text(value) for value in held)
    if kind == "flag":
        return held.dtype == bool
    return isinstance(held.dtype, np.dtype) and held.dtype.kind in "if"


def _is_text(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() or value.encode("utf-8", "replace").decode() == value
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def records(frame: pd.DataFrame) -> list[Row]:
    """Return a table's rows."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


# Columns that many tables share: where a number belongs, and intervals.
STUDY = Column("study", "text", "What was simulated")
MODEL = Column("model", "text", "The language model that played the users, or people")
ITERATION = Column("iteration", "count", "Iteration of adjustment; 0 is before adjustment")
CONTRAST = Column("contrast", "text", "`treated - control`, by the labels of the arms")
QUESTION = Column("question", "text", "The question asked")
ARM = Column("arm", "text", "Condition")
PLACE = (STUDY, MODEL, ITERATION, CONTRAST, QUESTION)
N_PERSONAS = Column("n_personas", "count", "Personas that the numbers rest on", head="Personas")


def interval(what: str, unit: str, *, optional: bool = False, group: str = "") -> tuple[Column, Column]:
    """Return the columns of an interval's ends.

    Parameters
    ----------
    what : str
        Of which estimate, for the meaning of the columns.
    unit, optional, group
        As of `Column`.
    """
    low = Column("ci_low", "number", f"Lower end of the interval of {what}", unit, optional, "{ci}", group, "ci_high")
    return low, Column("ci_high", "number", f"Upper end of the interval of {what}", unit, optional)


def estimated(name: str, meaning: str, unit: str, *, head: str = "", places: int | None = None) -> tuple[Column, ...]:
    """Return the columns of an estimate that may be missing, and of its interval's ends, ``NAME_low``, ``NAME_high``.

    Parameters
    ----------
    name, meaning, unit, head, places
        As of `Column`. Without a head none of them is shown in a table for a paper.
    """
    low, high = f"{name}_low", f"{name}_high"
    interval_head = "{ci}" if head else ""
    return (
        Column(name, "number", meaning, unit, True, head, head, places=places),
        Column(
            low, "number", f"Lower end of the interval of `{name}`", unit, True, interval_head, head, high, "", places
        ),
        Column(high, "number", f"Upper end of the interval of `{name}`", unit, True),
    )
