"""Tidy frames -> the figures of a paper: pages of panels, a column a model, one file or more a study."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from confound import canvas, captions, panels, sheets
from confound.canvas import GREY, INK, mark, series
from confound.distributions import UNKNOWN
from confound.panels import (
    answers_by_arm,
    drift_against_effect,
    drift_path,
    effect_path,
    love_plot,
    marginal_path,
    means_by_arm,
    settled_parts,
    settled_path,
    waterfall,
)
from confound.pooled import ALL_ARMS, ALL_CONTROLS
from confound.sheets import Row, Sheet

__all__ = [
    "Drawn",
    "answers_by_arm",
    "draw_all",
    "drift_against_effect",
    "drift_path",
    "effect_path",
    "love_plot",
    "marginal_path",
    "means_by_arm",
    "settled_parts",
    "settled_path",
    "waterfall",
]

MOST_ANSWERS = 12  # to a question whose shares are drawn by arm
MOST_LINES = 8  # of one panel
DASHED = "targeted confounders begin"


class Result(Protocol):
    """What figures need of `confound.Analysis`."""

    @property
    def frames(self) -> Mapping[str, pd.DataFrame]:
        """The frames by name."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The options as given."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure and what is to be said of it.

    Attributes
    ----------
    name : str
        File name without ending: `love_plot`, or `love_plot-STUDY` where studies do not go on one page together.
    section : {"drift", "effects", "decomposition", "stabilization", "sensitivity", "data"}
        Where it belongs.
    caption : str
        Plain text: what is shown, units, interval, N.
    alt : str
        Plain text for a reader who cannot see it, with the main numbers.
    figure : matplotlib.figure.Figure
        As wide as the text of a page, 7 inches, or less.
    """

    name: str
    section: str
    caption: str
    alt: str
    figure: Figure

    def _repr_png_(self) -> bytes:
        """Show the figure in a notebook."""
        return canvas.save(self.figure, "png", dpi=150)


def _love_plots(result: Result) -> Iterator[Drawn]:
    rows = panels.single_controls(result.frames["drift"])
    for sheet in sheets.sheets(rows, ("study", "contrast"), "love_plot", lambda part: _lines(part["question"], 0.2)):
        part = sheet.part
        adjusted = panels.moves(part)
        key = [mark("before adjustment" if adjusted else "drift", color=panels.BEFORE, marker="o")]
        key += [mark("after adjustment", color=panels.AFTER, marker="D")] if adjusted else []
        key.append(mark("interval reaches 0", color=GREY, marker="o", mfc="white"))
        key.append(mark("uncorrected distance by chance", color="#a8a8a8", marker="|", ms=8, mew=1.6, ls=""))
        figure = sheet.draw(
            love_plot,
            given={row: {"order": panels.by_drift(sheet.row(row))} for row in sheet.rows},
            title="drift of the negative controls",
            xlabel="total variation distance between the arms, corrected for chance",
            key=key,
            left=_room(part["question"]),
            x=(0, panels.highest(part, "ci_high", "tvd_null")),
        )
        when = (
            f", before adjustment (iteration 0) and after it (iteration {part['iteration'].max()})" if adjusted else ""
        )
        caption = (
            f"Drift of the negative controls in {sheet.studies}{when}: total variation distance between the arms' "
            f"answers, corrected for what chance adds, with {_percent(result)} intervals; 0 is no drift, 1 is no "
            "answer in common. Marks are hollow where the interval reaches 0. Grey bars: where the uncorrected "
            f"distance would lie with no drift at all. {captions.sizes(part)}"
        )
        yield Drawn(sheet.name, "drift", caption, captions.of_drift(part), figure)


def _drift_paths(result: Result) -> Iterator[Drawn]:
    frame = result.frames["drift"]
    frame = frame[_moving(frame)]
    means = frame[(frame["question"] == ALL_CONTROLS) & frame["ci_high"].notna()]
    each = _ordered(panels.single_controls(frame))
    for rows, by, stem, what in (
        (means, ("study", "contrast"), "mean_drift_over_iterations", "mean over the negative controls"),
        (each, ("study", "contrast", "question"), "drift_over_iterations", "each negative control"),
    ):
        for sheet in sheets.sheets(rows, by, stem, _low):
            part = sheet.part
            figure = sheet.draw(
                drift_path,
                given=_begin(result, sheet),
                title="drift over the iterations, total variation distance",
                xlabel="iteration of adjustment",
                key=[
                    mark("drift, corrected", color=canvas.BLUE, marker="o", ms=2.5),
                    mark("uncorrected distance by chance", color=GREY, ls=(0, (1, 1.3)), lw=0.9),
                    *_dashed(result, sheet),
                ],
                y=(0, panels.highest(part, "ci_high", "tvd_null")),
            )
            caption = (
                f"Drift over the iterations of adjustment in {sheet.studies}, {what}: total variation distance between "
                f"the arms' answers, corrected for what chance adds; bands are {_percent(result)} intervals. Dotted: "
                f"what the uncorrected distance shows by chance alone.{_line(result, sheet)} {captions.sizes(part)}"
            )
            yield Drawn(sheet.name, "drift", caption, captions.of_drift(part), figure)


def _control_answers(result: Result) -> Iterator[Drawn]:
    frame = result.frames["distributions"]
    frame = frame[frame["role"] == "negative_control"]
    for study in dict.fromkeys(frame["study"]):
        rows = frame[frame["study"] == study]
        ends = sorted({rows["iteration"].min(), rows["iteration"].max()})
        for iteration in ends:
            when = "" if len(ends) == 1 else "-before" if iteration == ends[0] else "-after"
            here = rows[rows["iteration"] == iteration]
            more = len(set(frame["study"])) > 1
            yield from _answers(
                result, here, "negative_controls_by_arm", "drift", "negative controls", suffix=when, named=more
            )


def _answers(
    result: Result, rows: pd.DataFrame, stem: str, section: str, what: str, *, suffix: str = "", named: bool = False
) -> Iterator[Drawn]:
    """Draw the shares of answers by arm of one iteration."""
    rows = _without_silence(rows[rows["arm"] != ALL_ARMS])
    rows = rows[rows.groupby(["study", "question"])["answer"].transform("nunique") <= MOST_ANSWERS]
    height = partial(_answer_height, arms=rows["arm"].nunique())
    for sheet in sheets.sheets(rows, ("study", "question"), stem, height, by_study=named, suffix=suffix):
        part, arms = sheet.part, sorted(set(sheet.part["arm"]))
        moment = f", iteration {part['iteration'].iloc[0]}" if suffix else ""
        figure = sheet.draw(
            answers_by_arm,
            given={row: {"arms": arms} for row in sheet.rows},
            title=f"{what} by arm{moment}",
            xlabel="share of answers, averaged over personas",
            key=[mark(arm, **series(i)) for i, arm in enumerate(arms)],
            left=_room(part["answer"]),
            x=(0, min(1.02, panels.highest(part, "ci_high"))),
        )
        caption = (
            f"Answers by arm in {sheet.studies}{moment}: share of each answer, averaged over personas, with "
            f"{_percent(result)} intervals that have the persona as the unit. "
            f"N: {captions.span(part['n_personas'])} personas an arm."
        )
        yield Drawn(sheet.name, section, caption, captions.of_answers(part), figure)


def _marginals(result: Result) -> Iterator[Drawn]:
    rows = result.frames["distributions"]
    rows = rows[(rows["arm"] == ALL_ARMS) & (rows["role"] == "negative_control")]
    rows = _frequent(_without_silence(rows[_moving(rows)]))
    if rows.empty:
        return
    answers = rows.groupby(["study", "question"], sort=False)["answer"].agg(lambda a: list(dict.fromkeys(a))).to_dict()
    for sheet in sheets.sheets(rows, ("study", "question"), "marginals_over_iterations", _entries):
        figure = sheet.draw(
            marginal_path,
            given=_begin(result, sheet),
            title="answers over the iterations, all arms together",
            xlabel="iteration of adjustment",
            key=_dashed(result, sheet),
            y="row",
            side={
                row: [mark(a, room=0.95, **(series(i) | {"marker": ""})) for i, a in enumerate(answers[row])]
                for row in sheet.rows
            },
        )
        caption = (
            f"Answers to the negative controls over the iterations of adjustment in {sheet.studies}, all arms "
            f"together: share of each answer, averaged over personas; bands are {_percent(result)} intervals. "
            f"Adjustment should leave these as they are: where they move, it moved the population."
            f"{_line(result, sheet)} N: {captions.span(sheet.part['n_personas'])} personas."
        )
        yield Drawn(sheet.name, "drift", caption, captions.of_marginals(sheet.part), figure)


def _effect_paths(result: Result) -> Iterator[Drawn]:
    rows = result.frames["effects"]
    rows = rows[_moving(rows)]
    means = rows[rows["level"] == ""]
    nominal = rows[~rows["question"].isin(set(means["question"]))]
    shown = pd.concat([means, nominal])
    by = ("study", "contrast", "question", "level")
    for sheet in sheets.sheets(shown, by, "effect_over_iterations", _low):
        part = sheet.part
        figure = sheet.draw(
            effect_path,
            given=_begin(result, sheet),
            title="effect over the iterations, difference of means",
            xlabel="iteration of adjustment",
            key=[
                mark("effect (treated less control)", color=canvas.VERMILLION, marker="o", ms=2.5),
                *_dashed(result, sheet),
            ],
            y="row",
        )
        caption = (
            f"Effect on the outcome over the iterations of adjustment in {sheet.studies}: difference of the arms' "
            f"means (of shares, where an answer is named), in the outcome's units; bands are {_percent(result)} "
            f"intervals with the persona as the unit.{_line(result, sheet)} {captions.sizes(part)}"
        )
        yield Drawn(sheet.name, "effects", caption, captions.of_effects(part), figure)


def _outcomes(result: Result) -> Iterator[Drawn]:
    means = result.frames["means"]
    means = means[means["quantity"] == "mean"]
    yield from _means(result, means, "outcome_by_arm", "effects", "outcome by arm", "mean of the answers' values")
    frame = result.frames["distributions"]
    frame = frame[frame["role"] == "outcome"]
    first = frame[frame["iteration"] == frame.groupby("study")["iteration"].transform("min")]
    suffix = "-before" if _moving(frame).any() else ""
    yield from _answers(result, first, "outcome_answers_by_arm", "effects", "outcomes", suffix=suffix)


def _means(result: Result, rows: pd.DataFrame, stem: str, section: str, title: str, unit: str) -> Iterator[Drawn]:
    """Draw means by arm: of studies with iterations as paths, of the others as lines of dots."""
    moving = _moving(rows)
    for sheet in sheets.sheets(rows[moving], ("study", "question"), f"{stem}_over_iterations", _low):
        arms = sorted(set(sheet.part["arm"]))
        figure = sheet.draw(
            means_by_arm,
            given=_begin(result, sheet, arms=arms),
            title=f"{title} over the iterations",
            xlabel="iteration of adjustment",
            key=[*[mark(arm, **series(i)) for i, arm in enumerate(arms)], *_dashed(result, sheet)],
            y="row",
        )
        caption = f"{_mean_caption(result, sheet, title, unit)}{_line(result, sheet)}"
        yield Drawn(sheet.name, section, caption, captions.of_means(sheet.part), figure)
    for sheet in sheets.sheets(rows[~moving], ("study", "question"), stem, lambda part: _lines(part["arm"], 0.17)):
        figure = sheet.draw(means_by_arm, title=title, xlabel=unit, left=_room(sheet.part["arm"]), x="row")
        caption = _mean_caption(result, sheet, title, unit)
        yield Drawn(sheet.name, section, caption, captions.of_means(sheet.part), figure)


def _mean_caption(result: Result, sheet: Sheet, title: str, unit: str) -> str:
    return (
        f"{title.capitalize()} in {sheet.studies}: {unit}, averaged over personas, with {_percent(result)} intervals "
        f"that have the persona as the unit. N: {captions.span(sheet.part['n_personas'])} personas and "
        f"{captions.span(sheet.part['n_answers'])} answers an arm."
    )


def _settling(result: Result) -> Iterator[Drawn]:
    """Draw how probable it is to have settled, and what the models of the path say."""
    by = ("study", "contrast", "question")
    for sheet in sheets.sheets(_frame(result, "settled"), by, "settled", _low):
        paths = list(dict.fromkeys(sheet.part["path"]))
        figure = sheet.draw(
            settled_path,
            given=_begin(result, sheet, paths=paths),
            title="probability that the effect has settled",
            xlabel="iteration of adjustment",
            key=[*[mark(path, **series(i)) for i, path in enumerate(paths)], *_dashed(result, sheet)],
            y=(0, 1.03),
        )
        caption = f"Probability that the effect has settled by each iteration in {sheet.studies}, by model of its path."
        yield Drawn(sheet.name, "stabilization", caption, captions.of_settling(sheet.part), figure)
    shown = _frame(result, "stabilization")
    for sheet in sheets.sheets(shown, by, "stabilization", lambda part: _lines(part["quantity"], 0.2)):
        paths = list(dict.fromkeys(sheet.part["path"]))
        figure = sheet.draw(
            settled_parts,
            given={row: {"paths": paths} for row in sheet.rows},
            title="where the effect settles",
            xlabel="effect, in the outcome's units",
            key=[mark(path, **series(i)) for i, path in enumerate(paths)],
            left=_room(sheet.part["quantity"]),
            x="row",
        )
        caption = (
            f"What models of the path over iterations say in {sheet.studies}: posterior means with {_percent(result)} "
            "intervals, in the outcome's units."
        )
        yield Drawn(sheet.name, "stabilization", caption, captions.of_settled_parts(sheet.part), figure)


def _sensitivity(result: Result) -> Iterator[Drawn]:
    rows = _frame(result, "sensitivity")
    if rows.empty:
        return
    rows = rows[rows["iteration"] == rows.groupby("study")["iteration"].transform("min")]
    rows = rows[rows["largest_tvd"].notna() & rows["drift_to_explain_away"].notna()]
    for sheet in sheets.sheets(rows, ("study", "contrast", "question"), "sensitivity", lambda _: 0.42):
        figure = sheet.draw(
            drift_against_effect,
            title="could drift explain the effect away?",
            xlabel="total variation distance of users between the arms",
            left=_room(panels.AGAINST),
            x=(0, 1.25 * panels.highest(sheet.part, "largest_tvd", "drift_to_explain_away")),
        )
        caption = (
            f"The least drift that would explain the whole observed effect away in {sheet.studies}, and the largest "
            "drift of a negative control, corrected. A negative control shows a part of the drift: there may be more."
        )
        yield Drawn(sheet.name, "sensitivity", caption, captions.of_sensitivity(sheet.part), figure)


def _frame(result: Result, name: str) -> pd.DataFrame:
    """Return a frame that not every result holds."""
    return result.frames.get(name, pd.DataFrame())


def _kept(result: Result) -> Iterator[Drawn]:
    rows = result.frames["means"]
    rows = rows[(rows["quantity"] == "retained") & (rows["question"] == ALL_CONTROLS)]
    unit = "share of answers that keep to what the persona was told to be"
    yield from _means(result, rows, "retention", "data", "retention", unit)


def _waterfalls(result: Result) -> Iterator[Drawn]:
    frame = result.frames["decomposition"]
    for method in dict.fromkeys(frame["method"]):
        rows = frame[frame["method"] == method]
        last = rows.groupby(["study", "model", "contrast", "question"])["iteration"].transform("max")
        rows = rows[rows["iteration"] == last]
        stem = "waterfall" if frame["method"].eq(method).all() else f"waterfall-{method}"
        for sheet in sheets.sheets(rows, ("study", "contrast", "question"), stem, lambda _: 0.92):
            figure = sheet.draw(
                _waterfall,
                given={row: {"reach": panels.reach(sheet.row(row))} for row in sheet.rows},
                title=f"what the observed effect is made of, by {method}",
                xlabel="effect, in the outcome's units",
                left=_room(list(panels.NAMES.values())),
            )
            caption = (
                f"The observed effect in {sheet.studies} and its parts (by {method}, at iteration "
                f"{captions.span(sheet.part['iteration'])}): selection bias of the treated and of the control arm's "
                "outcome (half of SBT and of SBC; together ASB) is taken from it, the causal effect (CATE) is left. "
                f"Lines: {_percent(result)} intervals of each part, in the outcome's units."
            )
            yield Drawn(sheet.name, "decomposition", caption, captions.of_parts(sheet.part), figure)


def _waterfall(rows: pd.DataFrame, *, ax: Axes, reach: tuple[float, float]) -> None:
    waterfall(rows, ax=ax)
    wide = canvas.inches_wide(ax)
    low, high = reach
    span = (high - low) or 1.0
    taken = min(0.6, panels.value_room(wide) / wide)
    low, high = low - 0.03 * span, high + 0.03 * span
    ax.set_xlim(low, low + (high - low) / (1 - taken))
    ax.spines["bottom"].set_bounds(low, high)
    ax.set_xticks([tick for tick in MaxNLocator(3, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= tick <= high])


_MAKERS = (
    _love_plots,
    _drift_paths,
    _control_answers,
    _marginals,
    _effect_paths,
    _outcomes,
    _waterfalls,
    _settling,
    _sensitivity,
    _kept,
)


def draw_all(result: Result) -> Iterator[Drawn]:
    """Draw every figure that a result allows, one at a time.

    Parameters
    ----------
    result : Analysis

    Yields
    ------
    Drawn
        In the order of a paper. Frames without rows yield none.
    """
    for make in _MAKERS:
        yield from make(result)


# ---- words ----


def _percent(result: Result) -> str:
    return f"{100 * float(result.settings.get('confidence', 0.95)):g} %"


def _begin(result: Result, sheet: Sheet, **more: Any) -> dict[Row, dict[str, Any]]:
    """Tell each row of panels where targeted confounders begin."""
    return {row: more | {"targeted_from": _targeted(result, row)} for row in sheet.rows}


def _targeted(result: Result, row: Sequence[str]) -> int | None:
    found: Mapping[str, int] = result.settings.get("targeted_from") or {}
    return found.get(row[0])


def _dashed(result: Result, sheet: Sheet) -> list[Any]:
    known = any(_targeted(result, row) is not None for row in sheet.rows) and panels.moves(sheet.part)
    return [mark(DASHED, color=INK, lw=0.8, ls=(0, (4, 2)))] if known else []


def _line(result: Result, sheet: Sheet) -> str:
    return " Dashed line: targeted confounders begin." if _dashed(result, sheet) else ""


# ---- rows and sizes ----


def _moving(rows: pd.DataFrame) -> pd.Series:
    """Tell of each row whether its study has more than one iteration."""
    by_study = rows.groupby("study")["iteration"]
    return by_study.transform("min") < by_study.transform("max")


def _ordered(drift: pd.DataFrame) -> pd.DataFrame:
    """Sort the controls of each study and contrast by their drift."""
    parts = [part for _, part in drift.groupby(["study", "contrast"], sort=False)]
    made = [part.set_index("question").loc[panels.by_drift(part)].reset_index() for part in parts]
    return pd.concat(made) if made else drift


def _without_silence(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave Unknown out of questions to which nobody gave it."""
    said = rows.groupby(["study", "question", "answer"])["n"].transform("sum") > 0
    return rows[said | (rows["answer"] != UNKNOWN)]


def _frequent(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the most frequent answers of each question."""
    share = rows.groupby(["study", "question", "answer"])["share"].transform("mean")
    rank = share.groupby([rows["study"], rows["question"]]).rank(method="dense", ascending=False)
    return rows[rank <= MOST_LINES]


def _room(labels: Sequence[str] | pd.Series) -> float:
    widest = max(canvas.width(canvas.safe(text), canvas.SMALL) for text in set(labels))
    return min(panels.ROOM, widest) + 0.2


def _lines(labels: pd.Series, each: float) -> float:
    return each * labels.nunique() + 0.05


def _answer_height(part: pd.DataFrame, *, arms: int) -> float:
    return _lines(part["answer"], max(0.12, 0.06 * arms))


def _low(part: pd.DataFrame) -> float:  # noqa: ARG001 -- always the same
    return 0.56


def _entries(part: pd.DataFrame) -> float:
    return max(0.56, 0.112 * part["answer"].nunique())
