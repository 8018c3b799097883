"""One scan of a log: a lazy table whose columns still have the names that the log gave them."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa


FILE, ROW = "_confound_file", "_confound_row"  # a log's own columns are not called so
LogLike: TypeAlias = "str | PathLike[str] | Sequence[str | PathLike[str]] | pd.DataFrame | pa.Table | ir.Table"


@dataclass(frozen=True, slots=True)
class Source:
    """One scan: a table whose columns still have the names that the log gave them.

    Attributes
    ----------
    name : str
        What messages call it.
    table : ibis.Table
        The rows, lazily, with the columns `FILE` and `ROW` (1-based; missing where rows have no order) added.
    columns : tuple of str
        The log's own column names.
    nested : tuple of str
        The columns that hold lists or objects.
    sure : mapping
        Column of the response table -> the log's own, where the log's format says which is which.
    questions : tuple of str
        Columns that hold the answers to one question each, where the format says so.
    said : tuple of str
        How the log was read, where that is not what its name says.
    """

    name: str
    table: "ir.Table"
    columns: tuple[str, ...]
    nested: tuple[str, ...] = ()
    sure: "Mapping[str, str]" = field(default_factory=dict)
    questions: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def numbered(name: str, table: "ir.Table") -> Source:
    """Wrap a table that does not know its rows' numbers."""
    import ibis

    columns = tuple(table.columns)
    numbered = table.mutate(**{FILE: ibis.literal(name), ROW: ibis.row_number() + 1})
    return Source(name, numbered, columns, _nested(table))


def unnumbered(name: str, table: "ir.Table") -> Source:
    """Wrap a table of an engine in which rows have no order; numbering them could cost a sort of the whole."""
    import ibis

    columns = tuple(table.columns)
    return Source(name, table.mutate(**{FILE: literal(name), ROW: ibis.null("int64")}), columns, _nested(table))


def _nested(table: "ir.Table") -> tuple[str, ...]:
    """Name the columns of lists, structs and maps."""
    return tuple(name for name, dtype in table.schema().items() if dtype.is_nested())


def literal(text: str | None) -> Any:
    """Return a text as an expression of the engine."""
    import ibis

    return ibis.literal(text, type="string")
