"""The tables of a publication: a frame of an analysis laid out in panels, rows and columns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from confound.errors import ConfoundError, InputError
from confound.presentation.tables.layout import MARK, Column, Panel, Row, Table
from confound.presentation.tables.layouts import LAYOUTS
from confound.presentation.tables.statistics_shown import Layout, Shown, Statistic
from confound.text import MINUS, MISSING, named
from confound.vocabulary import ALL_ARMS, ALL_CONTROLS, PATH_WORDS, QUANTITY_WORDS, ROLE_WORDS

Columns = Literal["model", "statistic"]
Iterations = Literal["ends", "all"]
MANY_MODELS = 6  # with more columns than this a page is too narrow; the models then stand below one another
SIDE_BY_SIDE = 2  # models for which the interval fits beside the estimate
LONGEST = 120  # characters of a label; a study file's may be a sentence
MAX_DECIMALS = 4
DEFAULT_DECIMALS = 3
INTERVALS = (("ci_low", "ci_high"), ("bound_low", "bound_high"))
LABELLED = ("study", "model", "contrast", "question")  # columns whose values are the log's own words
DEFAULTS = {"study": "study", "model": "model", "iteration": 0}  # what a log without such a column gets


@dataclass(frozen=True, slots=True)
class _Part:
    """A column of the table: of one model, or of whatever model a row is about.

    Attributes
    ----------
    column : Column
    model : str or None
    lines : tuple of Statistic
        What a cell shows, each on a line of its own.
    """

    column: Column
    model: str | None
    lines: tuple[Statistic, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What goes where.

    Attributes
    ----------
    frame : pandas.DataFrame
        The rows to show.
    panel, row : tuple of str
        Columns of the frame that name a panel, and a row of it.
    parts : tuple of _Part
    labels : dict
        Column of the frame -> its values -> what a study file calls them.
    decimals : dict
        Unit -> decimals.
    unit : tuple of str
        Columns of the frame that name a unit.
    """

    frame: pd.DataFrame
    panel: tuple[str, ...]
    row: tuple[str, ...]
    parts: tuple[_Part, ...]
    labels: Mapping[str, Mapping[str, str]]
    decimals: Mapping[tuple[Any, ...], int]
    unit: tuple[str, ...]


def build(
    name: str,
    frames: Mapping[str, pd.DataFrame],
    settings: Mapping[str, Any],
    *,
    columns: Columns | None = None,
    iterations: Iterations = "ends",
) -> Table:
    """Lay a frame of an analysis out as a table, with a panel a study, contrast and iteration.

    Parameters
    ----------
    name : str
        One of `confound.presentation.tables.layouts.LAYOUTS`.
    frames : mapping
        Name -> frame, as `confound.result.Analysis.frames`.
    settings : mapping
        Those of the analysis: confidence, correction, labels and seed are used.
    columns : {"model", "statistic"}, optional
        A column (or a few) a model, or a column a statistic with the models below one another. By default models where
        there are from two to six.
    iterations : {"ends", "all"}
        The first iteration and the last (of changes and parts the last alone), or every one.

    Raises
    ------
    InputError
        Where there is no such table, nothing in it, or an option is unknown.
    """
    if name not in LAYOUTS:
        raise InputError(f"--table {name}: no such table. There are {', '.join(LAYOUTS)}")
    for option, given, known in (("columns", columns or "model", Columns), ("iterations", iterations, Iterations)):
        if given not in get_args(known):
            raise InputError(f"--{option} {given}: it is one of {', '.join(get_args(known))}")
    layout, frame = LAYOUTS[name], frames.get(name, pd.DataFrame())
    if frame.empty:
        held = [other for other in LAYOUTS if len(frames.get(other, ()))]
        raise InputError(f"--table {name}: it is empty in this result. It holds {', '.join(held) or 'no table'}")
    plan = _plan(layout, layout.choose(frame), settings, columns, iterations)
    panels = tuple(_panels(plan))
    stub = "Contrast" if plan.row == ("contrast",) else layout.stub
    notes = tuple(_notes(plan, layout, panels, frames, settings))
    return Table(name, layout.title, stub, tuple(part.column for part in plan.parts), panels, notes)


def _plan(
    layout: Layout, frame: pd.DataFrame, settings: Mapping[str, Any], columns: Columns | None, iterations: Iterations
) -> _Plan:
    frame = _iterations(frame, iterations, last=layout.last)
    words = [key for key in (*layout.panel, *layout.row) if key != "iteration"]
    frame = frame.assign(**{key: frame[key].astype(object).fillna("") for key in words})
    models = list(dict.fromkeys(frame["model"]))
    columns = columns or ("model" if 1 < len(models) <= MANY_MODELS else "statistic")
    panel = ("study", *(() if columns == "model" else ("model",)), *layout.panel)
    panel, row = _turned(frame, panel, layout.row)
    labels = settings.get("labels") or {}
    return _Plan(
        frame=frame,
        panel=panel,
        row=row,
        parts=tuple(_parts(layout, frame, models if columns == "model" else [], _interval_name(settings))),
        labels={"study": labels.get("studies", {}), "question": labels.get("questions", {})},
        decimals=_decimals(frame, layout.unit),
        unit=layout.unit,
    )


def _iterations(frame: pd.DataFrame, wanted: Iterations, *, last: bool) -> pd.DataFrame:
    """Keep the first and the last iteration of each study and model, or the last."""
    if wanted == "all" or "iteration" not in frame:
        return frame
    by = frame.groupby([c for c in ("study", "model", "method") if c in frame], sort=False)["iteration"]
    kept = frame["iteration"] == by.transform("max")
    return frame[kept if last else kept | (frame["iteration"] == by.transform("min"))]


def _turned(
    frame: pd.DataFrame, panel: tuple[str, ...], row: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make the contrasts rows where each has a single one: ten panels of one row are no table."""
    alone = len(frame[list(row)].drop_duplicates()) == 1
    if not alone or "contrast" not in panel or not _varies(frame["contrast"]):
        return panel, row
    return tuple(key for key in panel if key != "contrast") + row, ("contrast",)


def _parts(layout: Layout, frame: pd.DataFrame, models: Sequence[str], interval: str) -> Iterator[_Part]:
    """Choose the columns: statistics, or for each model a few of them side by side or in one cell."""

    def there(statistics: Sequence[Statistic]) -> Sequence[Statistic]:
        wanted = [s for s in statistics if sizes_differ or s.needs != ("n_personas",)]
        held = [s for s in wanted if all(n in frame and frame[n].notna().any() for n in s.needs)]
        return held or wanted[:1]  # where nothing could be estimated, a column of dashes says so

    sizes_differ = bool(models) or ("n_personas" in frame and _varies(frame["n_personas"]))

    if not models:
        for s in there(layout.full):
            yield _Part(Column(s.head.format(ci=interval), s.group), None, (s,))
    elif len(models) <= SIDE_BY_SIDE:
        for model in models:
            for s in there(layout.beside):
                yield _Part(Column(s.head.format(ci=interval), named(model, LONGEST)), model, (s,))
    else:
        for model in models:
            yield _Part(Column(named(model, LONGEST)), model, tuple(there(layout.under)))


def _interval_name(settings: Mapping[str, Any]) -> str:
    return f"{100 * float(settings.get('confidence', 0.95)):g}% CI"


def _decimals(frame: pd.DataFrame, unit: Sequence[str]) -> dict[tuple[Any, ...], int]:
    ends = next((pair for pair in INTERVALS if pair[0] in frame), None)
    width = frame[ends[1]] - frame[ends[0]] if ends else pd.Series(np.nan, frame.index)
    if not unit:
        return {(): decimals(width)}
    return {key: decimals(width.loc[rows.index]) for key, rows in frame.groupby(list(unit), sort=False)}


def decimals(widths: Iterable[float]) -> int:
    """Return the decimals that show two digits of the usual half-width of an interval.

    Parameters
    ----------
    widths : iterable of float
        Widths of intervals; those that are missing, zero or infinite do not count.

    >>> decimals([0.1, 0.12]), decimals([0.5]), decimals([80.0]), decimals([])
    (3, 2, 0, 3)
    """
    usable = [width for width in widths if np.isfinite(width) and width > 0]
    if not usable:
        return DEFAULT_DECIMALS
    return int(np.clip(1 - np.floor(np.log10(np.median(usable) / 2)), 0, MAX_DECIMALS))


def _panels(plan: _Plan) -> Iterator[Panel]:
    places = _in_order(plan.frame, plan.panel)
    several = len(places) > 1
    varied = [key for key in plan.panel if _varies(plan.frame[key])]
    told = any(s.needs == ("n_personas",) for part in plan.parts for s in part.lines)
    sizes = pd.DataFrame() if told or plan.parts[0].model is None else _sizes(plan.frame)
    differing = [head for head in sizes.columns[1:] if _varies(sizes[head].round())]
    for i, (place, rows) in enumerate(places):
        named_by = {key: value for key, value in zip(plan.panel, place, strict=True) if key in varied and value != ""}
        title = f"Panel {_letter(i)}. {_heading(plan, named_by)}" if several else ""
        own = sizes.loc[sizes.index.intersection(rows.index)]
        yield Panel(title, (*_rows(plan, rows), *(_foot(plan, head, own) for head in differing)))


def _heading(plan: _Plan, named_by: Mapping[str, Any]) -> str:
    """Join what names a panel; the log's own words are not capitalised."""
    words = [_word(plan, key, value) for key, value in named_by.items()]
    own = [key in LABELLED and value not in SPECIAL for key, value in named_by.items()]
    return ", ".join(word if own[0] or i else _capital(word) for i, word in enumerate(words))


def _in_order(frame: pd.DataFrame, keys: Sequence[str]) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Group rows, in the order in which values appear; iterations rise, and what is joint comes last."""

    def rank(key: str, value: Any) -> tuple[bool, int]:
        return value in (ALL_CONTROLS, ALL_ARMS), int(value) if key == "iteration" else first[key].index(value)

    first = {key: list(dict.fromkeys(frame[key])) for key in keys}
    groups = list(frame.groupby(list(keys), sort=False))
    return sorted(groups, key=lambda group: [rank(key, v) for key, v in zip(keys, group[0], strict=True)])


def _rows(plan: _Plan, rows: pd.DataFrame) -> Iterator[Row]:
    for place, group in _in_order(rows, plan.row):
        records = {record["model"]: record for record in group.to_dict("records")}
        if len(records) < len(group):
            raise ConfoundError(f"{len(group)} rows for the {len(records)} cells of {place}; a table has room for one")
        label = _label(plan, dict(zip(plan.row, place, strict=True)))
        yield Row(label, tuple(_cell(plan, part, records) for part in plan.parts))


def _cell(plan: _Plan, part: _Part, records: Mapping[Any, Mapping[Any, Any]]) -> tuple[str, ...]:
    record = next(iter(records.values())) if part.model is None else records.get(part.model)
    if record is None:
        return (MISSING,)
    places = plan.decimals[tuple(record[key] for key in plan.unit)]
    lines = [line for line in (statistic.write(record, places) for statistic in part.lines) if line]
    return tuple(lines) if set(lines) != {MISSING} else (MISSING,)


def _foot(plan: _Plan, head: str, sizes: pd.DataFrame) -> Row:
    """Say how many personas or trials each model has."""
    cells: list[tuple[str, ...]] = []
    for before, part in zip((None, *plan.parts), plan.parts, strict=False):
        again = before is not None and before.model == part.model
        cells.append(("",) if again else (_range(sizes.loc[sizes["model"] == part.model, head]),))
    return Row(head.capitalize(), tuple(cells), apart=True)


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _varies(values: pd.Series) -> bool:
    return bool((values != values.iloc[0]).any())


def _letter(i: int) -> str:
    return chr(ord("A") + i) if i < 26 else str(i + 1)


def _label(plan: _Plan, place: Mapping[str, Any]) -> str:
    words = [_word(plan, key, value) for key, value in place.items() if value != ""]
    return ": ".join(words) or MISSING


def _word(plan: _Plan, key: str, value: Any) -> str:
    """Write one value of a key column for reading."""
    if key == "iteration":
        before = int(value) == 0 and plan.frame["iteration"].max() > 0
        return f"iteration {int(value)}{' (before adjustment)' if before else ''}"
    text = named(str(value), LONGEST)
    if value in SPECIAL:
        return SPECIAL[value]
    if key in NAMES:
        return NAMES[key].get(value, text)
    if key == "contrast":
        return text.replace(" - ", f" {MINUS} ")
    before, after = AROUND.get(key, ("", ""))
    return f"{before}{named(plan.labels.get(key, {}).get(value, ''), LONGEST) or text}{after}"


SPECIAL = {ALL_CONTROLS: "All controls", ALL_ARMS: "all arms together"}
NAMES: Mapping[str, Mapping[str, str]] = {"quantity": QUANTITY_WORDS, "role": ROLE_WORDS, "path": PATH_WORDS}
AROUND = {"method": ("by ", ""), "against": ("minus that of ", "")}


def _notes(
    plan: _Plan,
    layout: Layout,
    panels: Sequence[Panel],
    frames: Mapping[str, pd.DataFrame],
    settings: Mapping[str, Any],
) -> Iterator[str]:
    fixed = {key: plan.frame[key].iloc[0] for key in plan.panel if not _varies(plan.frame[key])}
    for key, value in fixed.items():
        if value not in ("", DEFAULTS.get(key)):
            word = _word(plan, key, value)
            yield f"{key.capitalize()}: {word}." if key in LABELLED else f"{_capital(word)}."
    cells = {line for panel in panels for row in panel.rows for cell in row.cells for line in cell}
    lines = plan.parts[0].lines
    interval = _interval_name(settings)
    if len(lines) > 1:
        yield f"Cells: {', then '.join(s.head.format(ci=interval) for s in lines)}."
    heads = frozenset(statistic.head for part in plan.parts for statistic in part.lines)
    yield from layout.notes(Shown(plan.frame, settings, heads))
    yield from dict.fromkeys(s.note for part in plan.parts for s in part.lines if s.note)
    if any(line.endswith(MARK) for line in cells):
        yield f"{MARK} drift shown: adjusted p at most .05."
    yield from _size_note(plan.frame, frames)
    if any("[" in line for line in cells):
        yield f"Brackets: {interval.replace('CI', 'intervals')}."
    if MISSING in cells:
        yield f"{MISSING} not asked, or not estimated."
    if "seed" in settings:
        yield f"Seed {settings['seed']}."


def _size_note(frame: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """Say how many personas and trials there are; as the effects or the drift tell where the frame does not."""
    keys = [key for key in ("study", "model", "iteration", "contrast", "question") if key in frame]
    places = pd.MultiIndex.from_frame(frame[keys])
    others = [f for f in (frames.get("effects"), frames.get("drift")) if f is not None and len(f)]
    same = (other[pd.MultiIndex.from_frame(other[keys]).isin(places)] for other in others)
    sizes = next((found for found in map(_sizes, (frame, *same)) if len(found)), pd.DataFrame())
    if len(sizes):
        personas, trials = _range(sizes["personas"]), _range(sizes["trials"])
        yield (
            f"N: {personas} persona{'' if personas == '1' else 's'} (clusters), {trials} "
            f"trial{'' if trials == '1' else 's'} a persona and arm."
        )


def _sizes(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the personas and the answers of a persona in an arm, of the rows about one question."""
    if "n_personas" not in frame or not ({"n_control", "n_answers"} & set(frame)):
        return pd.DataFrame()
    if "n_answers" in frame:
        rows, per_arm = frame, frame["n_answers"] / (frame["n_personas"] * frame["n_questions"])
    else:
        rows = frame[(frame["question"] != ALL_CONTROLS) & frame["n_control"].notna()]
        arms = np.where(rows["design"] == "within", 2, 1)
        per_arm = (rows["n_control"] + rows["n_treated"]) / (rows["n_personas"] * arms)
    return pd.DataFrame({"model": rows["model"], "personas": rows["n_personas"], "trials": per_arm.round(1)})


def _range(values: pd.Series) -> str:
    if values.empty:
        return MISSING
    low, high = (f"{value:,.1f}".removesuffix(".0") for value in (values.min(), values.max()))
    return low if low == high else f"{low}{MISSING}{high}"
