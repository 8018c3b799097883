"""The response table: its columns, their defaults, and how a log's own columns map to them.

One row an answer. What the log calls its columns is settled here; what they hold is settled once it is counted
(`confound.counts.counting`), because counting shows every label and touches the log only once.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from confound.errors import InputError
from confound.log import faults, files
from confound.log.source import FILE, ROW, LogLike, Source

if TYPE_CHECKING:
    import ibis.expr.types as ir

REQUIRED = ("persona", "arm", "question", "response")
DEFAULTS = {"study": "study", "model": "model", "iteration": "0"}
OPTIONAL = (*DEFAULTS, "role", "trial", "value", "seed", "source_arm", "specified")
COLUMNS = (*REQUIRED, *OPTIONAL)


@dataclass(frozen=True, slots=True)
class Responses:
    """An open response table.

    Attributes
    ----------
    table : ibis.Table
        The columns of `COLUMNS` as text, or as the whole numbers that they are, `value` as float64; `source.FILE` and
        `source.ROW`; and `_value_text` and `_value_filled`, not missing where `value` holds anything, be it a number.
    columns : frozenset of str
        Those of `COLUMNS` that the log has.
    name : str
        What messages call the log.
    """

    table: "ir.Table"
    columns: frozenset[str]
    name: str

    def where(self, column: str, values: Sequence[str | None], *, bad_number: bool = False) -> str:
        """Say in which file and rows a column holds one of `values` (None: missing), or text that is no number."""
        import ibis

        held = self.table[f"_{column}_text"] if bad_number else self.table[column].cast("string")
        if bad_number:
            condition = held.notnull() & self.table[column].isnull()
        else:
            condition = held.isin([v for v in values if v is not None])
            if None in values:
                condition = condition | held.isnull()
        rows = self.table.filter(condition).select(FILE, ROW, held=held)
        first = rows.order_by(ibis.asc(FILE), ibis.asc(ROW)).limit(faults.SHOWN_ROWS).to_pyarrow().to_pylist()
        file = first[0][FILE] if first else self.name
        here = [row for row in first if row[FILE] == file]
        if any(row[ROW] is None for row in here):  # a table of a database has no first row
            return f"{file}, column '{column}' ({', '.join(dict.fromkeys(_shown(row['held']) for row in here))})"
        shown = [f"{row[ROW]} ({_shown(row['held'])})" for row in here]
        return f"{file}, column '{column}', row {', '.join(shown)}"

    def without_source_arms(self) -> "Responses":
        """Leave out the answers that have a source arm."""
        return replace(self, table=self.table.filter(self.table["source_arm"].isnull()))


def _shown(held: str | None) -> str:
    return "empty" if held is None or not held.strip() else repr(held[:40])


@contextlib.contextmanager
def opened(
    data: LogLike, *, rename: Mapping[str, str], table: str | None = None, cluster: str | None = None
) -> Iterator[Responses]:
    """Open a log as a response table for the `with` block.

    Parameters
    ----------
    data : path, sequence of paths, pandas.DataFrame, pyarrow.Table or ibis.Table
        See `confound.log.files.opened`.
    rename : mapping
        The log's name of a column -> the response table's.
    table : str, optional
        The table's name, where `data` is a URL.
    cluster : str, optional
        The log's name of the column that takes the place of the persona.

    Raises
    ------
    InputError
        Where a required column is missing or nested, or a renamed one is not there.
    """
    own_names = {column: column for column in COLUMNS} | {new: old for old, new in _checked(rename).items()}
    if cluster is not None:
        rename = {old: new for old, new in rename.items() if new != "persona"}
        own_names["persona"] = cluster
    with files.opened(data, list(own_names.values()), table=table) as found:
        for source in found:
            if cluster is not None and cluster not in source.columns:
                raise InputError(
                    f"{source.name}: --cluster {cluster}: there is no such column; {_listed_columns(source)}"
                )
            _check_columns(source, own_names, rename)
        name = found[0].name if len(found) == 1 else f"{found[0].name} and {len(found) - 1} more"
        present = frozenset(c for c in COLUMNS if any(own_names[c] in source.columns for source in found))
        whole = _whole(found, own_names) - {"value"}
        yield Responses(_union([_canonical(source, own_names, whole) for source in found]), present, name)


def _checked(rename: Mapping[str, str]) -> Mapping[str, str]:
    for old, new in rename.items():
        if new not in COLUMNS:
            raise InputError(f"--rename {old}={new}: there is no column '{new}'. Known are {', '.join(COLUMNS)}")
    doubled = [new for new in rename.values() if list(rename.values()).count(new) > 1]
    if doubled:
        raise InputError(f"--rename: two columns would become '{doubled[0]}'. Keep one")
    return rename


def _listed_columns(source: Source) -> str:
    names = [column[: faults.SHOWN_TEXT] for column in source.columns[:20]]
    return f"found {', '.join(names)}{', ...' if len(source.columns) > 20 else ''}"


def _check_columns(source: Source, own_names: Mapping[str, str], rename: Mapping[str, str]) -> None:
    """Refuse a source that lacks a needed column, or holds nested values in one."""
    found = _listed_columns(source)
    for old, new in rename.items():
        if old not in source.columns:
            raise InputError(f"{source.name}: --rename {old}={new}: column '{old}' is missing; {found}")
        if new in source.columns and new not in rename:
            raise InputError(
                f"{source.name}: --rename {old}={new} would make a second column '{new}'. Drop the one that is there"
            )
    missing = [column for column in REQUIRED if own_names[column] not in source.columns]
    if missing:
        lacking = f"column{'s' if len(missing) > 1 else ''} " + " and ".join(f"'{column}'" for column in missing)
        example = next((c for c in source.columns if c not in own_names.values()), "its_name")
        raise InputError(
            f"{source.name}: {lacking} {'are' if len(missing) > 1 else 'is'} missing; {found}. "
            f"Rename one with --rename {example}={missing[0]}"
        )
    nested = [own_names[column] for column in COLUMNS if own_names[column] in source.nested]
    if nested:
        raise InputError(faults.nested_message(source.name, nested[0], [1]))


def _whole(found: Sequence[Source], own_names: Mapping[str, str]) -> frozenset[str]:
    """Name the columns that hold whole numbers of one type in all sources; casting them row by row would be slow."""
    types = {
        column: {source.table[own].type() if own in source.columns else None for source in found}
        for column, own in own_names.items()
    }
    return frozenset(c for c, held in types.items() if len(held) == 1 and all(t and t.is_integer() for t in held))


def _canonical(source: Source, own_names: Mapping[str, str], whole: frozenset[str]) -> "ir.Table":
    """Give a source the response table's columns: text or whole numbers, `value`, and where a row stands."""
    import ibis

    table = source.table
    columns: dict[str, Any] = {FILE: table[FILE].cast("string"), ROW: table[ROW].cast("int64")}
    for column in COLUMNS:
        held = table[own_names[column]] if own_names[column] in source.columns else ibis.null("string")
        if column not in whole:
            held = held.cast("string")
            held = held.fill_null(DEFAULTS[column]) if column in DEFAULTS else held
        columns[column] = held
    if own_names["value"] in source.columns:
        columns |= _value(table[own_names["value"]])
    else:
        columns |= {"value": ibis.null("float64"), "_value_text": ibis.null("string")}
        columns |= {"_value_filled": ibis.null("boolean")}
    return table.select(**columns)


def _value(held: Any) -> dict[str, Any]:
    """Return `value` as a number, its text, and what is missing where it is empty or NaN."""
    import ibis

    text = held.cast("string").strip().nullif("")
    exact = held.type().is_integer() or held.type().is_float64()  # other numbers have other digits as text
    number = held.cast("float64") if exact else text.try_cast("float64")
    empty = number.isnan() | (number if exact else text).isnull()
    return {
        "value": (number.isnan() | number.isinf()).ifelse(ibis.null("float64"), number),
        "_value_text": number.isnan().ifelse(ibis.null("string"), text),
        "_value_filled": empty.ifelse(ibis.null("boolean"), True),
    }


def _union(tables: Sequence["ir.Table"]) -> "ir.Table":
    import ibis

    return tables[0] if len(tables) == 1 else ibis.union(*tables)
