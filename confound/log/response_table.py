"""The response table: its columns, their defaults, and how a log's own columns map to them.

One row an answer. What the log calls its columns is settled here; what they hold is settled once it is counted
(`confound.counts.counting`), because counting shows every label and touches the log only once.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from confound.errors import InputError
from confound.log import faults, files
from confound.log.layout import COLUMNS, DEFAULTS, PROBABILITY, Layout, Placed, unused
from confound.log.source import FILE, ROW, LogLike, Source, literal
from confound.vocabulary import JOINT

if TYPE_CHECKING:
    import ibis.expr.types as ir
ASKED, EXTRA = "_asked_", "_extra_"  # before the name of a wide table's question, and of a column that nothing reads
ONE_QUESTION = "answer"  # what is called so where nothing names the question
ALONE = "(one model)"  # the persona where nothing says who answered
AND = " / "  # between a persona and an item, or a persona and an arm


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
    unused : tuple of str
        The log's columns that nothing reads, as far as they can be had; they stand in `table` as text.
    said : tuple of str
        How the log was read, where that is not what its name says.
    origin : mapping
        Column of the response table -> the log's own, as text; those that the log does not have are left out.
    """

    table: "ir.Table"
    columns: frozenset[str]
    name: str
    unused: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    origin: Mapping[str, str] = field(default_factory=dict)

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

    def respelled(self, answers: Mapping[tuple[str, str], str | None]) -> "Responses":
        """Write answers otherwise; by their question and their text, both as they stand in the log.

        Parameters
        ----------
        answers : mapping
            (question, response) -> the new text, None for one that is missing.
        """
        import ibis

        rows = [(question, response, new) for (question, response), new in answers.items()]
        columns = ("_question", "_response", "_new")
        new = ibis.memtable(rows, schema=dict.fromkeys(columns, "string"))
        table = self.table.mutate(question=self.table["question"].cast("string"))
        table = table.mutate(response=table["response"].cast("string"))
        joined = table.left_join(new, [table["question"] == new["_question"], table["response"] == new["_response"]])
        written = joined["_question"].isnull().ifelse(joined["response"], joined["_new"])
        return replace(self, table=joined.mutate(response=written).drop(*columns))

    def renamed(self, column: str, names: Mapping[str, str]) -> "Responses":
        """Give labels of a column other names; by their text as it stands in the log."""
        held = self.table[column].cast("string")
        return replace(self, table=self.table.mutate(**{column: held.substitute(dict(names))}))

    def without_arms(self, names: Sequence[str]) -> "Responses":
        """Leave out arms, named as they stand in the log."""
        kept = ~self.table["arm"].cast("string").isin(list(names))
        return replace(self, table=self.table.filter(kept))

    def with_repetitions(self) -> "Responses":
        """Take the iteration for the number of a trial: nothing was adjusted between."""
        import ibis

        number = self.table["iteration"]
        first = ibis.literal(DEFAULTS["iteration"], type="string")
        table = self.table.mutate(trial=number.cast("string"), iteration=first)
        return replace(self, table=table, columns=self.columns - {"iteration"} | {"trial"})

    def with_strata(self, questions: Sequence[str], *, by_item: bool = False) -> "Responses":
        """Make a stratum of persona and item of the answers to some questions, named as they stand in the log.

        With `by_item` the item alone is the stratum, and the persona its trial.
        """
        table = self.table
        persona, item, trial = (table[name].cast("string").strip() for name in ("persona", "item", "trial"))
        asked = table["question"].cast("string").isin(list(questions)) & table["item"].notnull()
        stratum = asked.ifelse(item if by_item else persona + AND + item, persona)
        if not by_item:
            return replace(self, table=table.mutate(persona=stratum))
        table = table.mutate(persona=stratum, trial=asked.ifelse(persona, trial))
        return replace(self, table=table, columns=self.columns | {"trial"})

    def with_personas_by_arm(self) -> "Responses":
        """Take equal personas of two arms for different people."""
        table = self.table
        return replace(
            self,
            table=table.mutate(persona=table["persona"].cast("string").strip() + AND + table["arm"].cast("string")),
        )

    def distinct(self, *columns: str) -> list[tuple[str | None, ...]]:
        """Return the distinct combinations of some columns' texts, as they stand in the log."""
        texts = self.table.select(**{name: self.table[name].cast("string") for name in columns})
        with faults.engine_errors(self.name):
            rows = texts.distinct().to_pyarrow()
        return list(zip(*(rows.column(name).to_pylist() for name in columns), strict=True))


def _shown(held: str | None) -> str:
    return "empty" if held is None or not held.strip() else repr(held[:40])


@contextlib.contextmanager
def opened(data: LogLike, layout: Layout | None = None) -> Iterator[Responses]:
    """Open a log as a response table for the `with` block.

    Parameters
    ----------
    data : path, sequence of paths, pandas.DataFrame, pyarrow.Table or ibis.Table
        See `confound.log.files.opened`.
    layout : Layout, optional
        What the user says of the log's columns.

    Raises
    ------
    InputError
        Where a required column is missing or nested, or one that the user names is not there.
    """
    layout = layout or Layout()
    with files.opened(data, layout) as found:
        placed = [layout.placed(source.columns, source.sure, source.questions) for source in found]
        for source, own in zip(found, placed, strict=True):
            layout.check(source.name, source.columns, own, said=source.said)
            nested = [name for name in own.needed if name in source.nested]
            if nested:
                raise InputError(faults.nested_message(source.name, nested[0], [1]))
        name = found[0].name if len(found) == 1 else f"{found[0].name} and {len(found) - 1} more"
        present = frozenset(c for c in COLUMNS if any(c in own.own for own in placed))
        present |= {"question", "response"}  # of a wide table they are made
        present |= {"weight"} if any(own.chances for own in placed) else set()
        whole = _whole(found, placed) - {"value"}
        unused = tuple(dict.fromkeys(name for s, own in zip(found, placed, strict=True) for name in _unused(s, own)))
        tables = [_canonical(s, own, whole, unused) for s, own in zip(found, placed, strict=True)]
        whole_table = _union(tables)
        if len(layout.arm) > 1:
            whole_table, present = _by_factor(whole_table, layout.arm), present | {"study", "item"}
        said = tuple(dict.fromkeys(sentence for source in found for sentence in source.said))
        yield Responses(whole_table, present, name, unused, said, _origin(placed))


def _origin(placed: Sequence[Placed]) -> dict[str, str]:
    """Say which of the log's own columns is which, of a wide table too."""
    found: dict[str, str] = {}
    for own in placed:
        for new, names in own.own.items():
            found.setdefault(new, " and ".join(names) or "(none: one model answered everything)")
        if own.questions:
            found.setdefault("question", "the names of the columns that are questions")
            found.setdefault("response", f"the columns {', '.join(own.questions)}")
        if own.chances:
            found.setdefault("question", "(none: one question)")
            found.setdefault("response", f"the names of the columns {', '.join(own.chances)}")
            found.setdefault("weight", "what these columns hold: the probability of the answer")
    return {column: found[column] for column in COLUMNS if column in found}


def _unused(source: Source, placed: Placed) -> Iterator[str]:
    """Yield the columns that nothing reads, but could be read: those that were kept, and are not nested."""
    kept = set(source.table.columns)
    return (name for name in unused(source.columns, placed) if name in kept and name not in source.nested)


def _whole(found: Sequence[Source], placed: Sequence[Placed]) -> frozenset[str]:
    """Name the columns that hold whole numbers of one type in all sources; casting them row by row would be slow."""

    def types(column: str) -> Iterator[Any]:
        for source, own in zip(found, placed, strict=True):
            names = own.own.get(column, ())
            yield source.table[names[0]].type() if len(names) == 1 else None

    held = {column: set(types(column)) for column in COLUMNS}
    return frozenset(c for c, kinds in held.items() if len(kinds) == 1 and all(t and t.is_integer() for t in kinds))


def _canonical(source: Source, placed: Placed, whole: frozenset[str], extra: Sequence[str]) -> "ir.Table":
    """Give a source the response table's columns: text or whole numbers, `value`, and where a row stands."""
    import ibis

    table = source.table
    own: dict[str, Any] = {new: _joined([table[name] for name in names]) for new, names in placed.own.items()}
    rest = {f"{EXTRA}{name}": table[name].cast("string") if name in table.columns else literal(None) for name in extra}
    if placed.questions:
        asked = {f"{ASKED}{name}": table[name].cast("string") for name in placed.questions}
        kept = table.select(**{FILE: table[FILE], ROW: table[ROW], **own, **rest, **asked})
        table = kept.pivot_longer([*asked], names_to="question", values_to="response")
        table = table.mutate(question=table["question"].substr(len(ASKED)))
        own = {new: table[new] for new in (*own, "question", "response")}
        rest = {name: table[name] for name in rest}
    if placed.chances:
        chance = {f"{ASKED}{_answer(name)}": table[name].cast("string") for name in placed.chances}
        question = {} if "question" in own else {"question": literal(ONE_QUESTION)}
        kept = table.select(**{FILE: table[FILE], ROW: table[ROW], **own, **question, **rest, **chance})
        table = kept.pivot_longer([*chance], names_to="response", values_to="weight")
        table = table.mutate(response=table["response"].substr(len(ASKED)))
        own = {new: table[new] for new in (*own, *question, "response", "weight")}
        rest = {name: table[name] for name in rest}
    columns: dict[str, Any] = {FILE: table[FILE].cast("string"), ROW: table[ROW].cast("int64")}
    for column in COLUMNS:
        held = own.get(column, ibis.null("string"))
        if column not in whole:
            held = held.cast("string")
            held = held.fill_null(DEFAULTS[column]) if column in DEFAULTS else held
        columns[column] = held
    if "value" in own:
        columns |= _value(own["value"])
    else:
        columns |= {"value": ibis.null("float64"), "_value_text": ibis.null("string")}
        columns |= {"_value_filled": ibis.null("boolean")}
    return table.select(**columns, **rest)


def _answer(name: str) -> str:
    """Return the answer whose probability a column holds."""
    found = PROBABILITY.match(name)
    return found["answer"] if found else name


def _by_factor(table: "ir.Table", factors: Sequence[str]) -> "ir.Table":
    """Add to a table of joint arms a study by each factor, whose levels are its arms; the others are part of the item.

    So a main effect is a contrast like any other, averaged over what the other factors were.
    """
    import ibis

    parts = [table["arm"].split(JOINT)[i] for i in range(len(factors))]
    tables = [table]
    for i, factor in enumerate(factors):
        others = [part for j, part in enumerate(parts) if j != i]
        item = ibis.coalesce(table["item"].cast("string") + AND + _joined(others), _joined(others))
        study = table["study"].cast("string") + f" by {factor}"
        tables.append(table.mutate(arm=parts[i], study=study, item=item))
    base = table.mutate(study=table["study"].cast("string"), item=table["item"].cast("string"))
    return ibis.union(base, *tables[1:])


def _joined(parts: Sequence[Any]) -> Any:
    """Return one column, or several as one text; missing where one of them is."""
    if not parts:
        return literal(ALONE)
    if len(parts) == 1:
        return parts[0]
    texts = [part.cast("string").strip() for part in parts]
    joined = texts[0]
    for text in texts[1:]:
        joined = joined + JOINT + text
    return joined


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
