"""The figures of effects: outcomes, what the effect is made of, whether it settles and stands; and retention."""

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from confound.findings.findings import Findings
from confound.presentation.figures import canvas, captions, panels, sheets
from confound.presentation.figures import waterfall as waterfall_panel
from confound.presentation.figures.canvas import mark, series
from confound.presentation.figures.drawn import (
    Drawn,
    dashed_key,
    dashed_words,
    has_iterations,
    label_room,
    lines_height,
    low_height,
    percent,
    where_targeted,
)
from confound.presentation.figures.drift import answers
from confound.presentation.figures.panels import (
    drift_against_effect,
    effect_path,
    means_by_arm,
    settled_parts,
    settled_path,
)
from confound.presentation.figures.sheets import Sheet
from confound.vocabulary import ALL_CONTROLS

IN_UNITS = ("observed", "settled", "sbt", "sbc", "asb")  # quantities of a path in the outcome's own units


def effect_paths(result: Findings) -> Iterator[Drawn]:
    """Draw effects over the iterations."""
    rows = result.frames["effects"]
    rows = rows[has_iterations(rows)]
    means = rows[rows["level"] == ""]
    nominal = rows[~rows["question"].isin(set(means["question"]))]
    shown = pd.concat([means, nominal])
    by = ("study", "contrast", "question", "level")
    for sheet in sheets.sheets(shown, by, "effect_over_iterations", low_height):
        part = sheet.part
        figure = sheet.draw(
            effect_path,
            given=where_targeted(result, sheet),
            title="effect over the iterations, difference of means",
            xlabel="iteration of adjustment",
            key=[
                mark("effect (treated less control)", color=canvas.VERMILLION, marker="o", ms=2.5),
                *dashed_key(result, sheet),
            ],
            y="row",
        )
        caption = (
            f"Effect on the outcome over the iterations of adjustment in {sheet.studies}: difference of the arms' "
            f"means (of shares, where an answer is named), in the outcome's units; bands are {percent(result)} "
            f"intervals with the persona as the unit.{dashed_words(result, sheet)} {captions.sizes(part)}"
        )
        yield Drawn(sheet.name, "effects", caption, captions.of_effects(part), figure)


def outcomes(result: Findings) -> Iterator[Drawn]:
    """Draw the arms' mean outcomes."""
    yield from _means(
        result, result.frames["means"], "outcome_by_arm", "effects", "outcome by arm", "mean of the answers' values"
    )


def outcome_answers(result: Findings) -> Iterator[Drawn]:
    """Draw the answers to the outcomes by arm, before any adjustment."""
    frame = result.frames["distributions"]
    frame = frame[frame["role"] == "outcome"]
    first = frame[frame["iteration"] == frame.groupby("study")["iteration"].transform("min")]
    suffix = "-before" if has_iterations(frame).any() else ""
    yield from answers(result, first, "outcome_answers_by_arm", "effects", "outcomes", suffix=suffix)


def _means(result: Findings, rows: pd.DataFrame, stem: str, section: str, title: str, unit: str) -> Iterator[Drawn]:
    """Draw means by arm: of studies with iterations as paths, of the others as lines of dots."""
    moving = has_iterations(rows)
    for sheet in sheets.sheets(rows[moving], ("study", "question"), f"{stem}_over_iterations", low_height):
        arms = sorted(set(sheet.part["arm"]))
        figure = sheet.draw(
            means_by_arm,
            given=where_targeted(result, sheet, arms=arms),
            title=f"{title} over the iterations",
            xlabel="iteration of adjustment",
            key=[*[mark(arm, **series(i)) for i, arm in enumerate(arms)], *dashed_key(result, sheet)],
            y="row",
        )
        caption = f"{_mean_caption(result, sheet, title, unit)}{dashed_words(result, sheet)}"
        yield Drawn(sheet.name, section, caption, captions.of_means(sheet.part), figure)
    still = rows[~moving]
    for sheet in sheets.sheets(still, ("study", "question"), stem, lambda part: lines_height(part["arm"], 0.17)):
        figure = sheet.draw(means_by_arm, title=title, xlabel=unit, left=label_room(sheet.part["arm"]), x="row")
        caption = _mean_caption(result, sheet, title, unit)
        yield Drawn(sheet.name, section, caption, captions.of_means(sheet.part), figure)


def _mean_caption(result: Findings, sheet: Sheet, title: str, unit: str) -> str:
    return (
        f"{title.capitalize()} in {sheet.studies}: {unit}, averaged over personas, with {percent(result)} intervals "
        f"that have the persona as the unit. N: {captions.span(sheet.part['n_personas'])} personas an arm."
    )


def kept(result: Findings) -> Iterator[Drawn]:
    """Draw the share of answers that keep to what personas were told to be."""
    rows = result.frames["assumptions"]
    rows = rows[(rows["check"] == "retention") & (rows["question"] == ALL_CONTROLS)]
    unit = "share of answers that keep to what the persona was told to be"
    yield from _means(result, rows, "retention", "data", "retention", unit)


def waterfalls(result: Findings) -> Iterator[Drawn]:
    """Draw what the observed effects are made of, a page or more a method."""
    frame = result.frames["decomposition"]
    for method in dict.fromkeys(frame["method"]):
        rows = frame[frame["method"] == method]
        last = rows.groupby(["study", "model", "contrast", "question"])["iteration"].transform("max")
        rows = rows[rows["iteration"] == last]
        stem = "waterfall" if frame["method"].eq(method).all() else f"waterfall-{method}"
        for sheet in sheets.sheets(rows, ("study", "contrast", "question"), stem, lambda _: 0.92):
            figure = sheet.draw(
                _waterfall,
                given={row: {"reach": waterfall_panel.reach(sheet.row(row))} for row in sheet.rows},
                title=f"what the observed effect is made of, by {method}",
                xlabel="effect, in the outcome's units",
                left=label_room(list(waterfall_panel.NAMES.values())),
                x="row",
            )
            caption = (
                f"The observed effect in {sheet.studies} and its parts (by {method}, at iteration "
                f"{captions.span(sheet.part['iteration'])}): {_taken(sheet.part)} is taken from it, "
                "and the causal effect (CATE) is left. "
                f"Lines: {percent(result)} intervals of each part, in the outcome's units."
            )
            yield Drawn(sheet.name, "decomposition", caption, captions.of_parts(sheet.part), figure)


def _taken(part: pd.DataFrame) -> str:
    if {"sbt", "sbc"} <= set(part["quantity"]):
        return "selection bias of the treated and of the control arm's outcome (half of SBT and of SBC; together ASB)"
    return "the average selection bias (ASB)"


def _waterfall(rows: pd.DataFrame, *, ax: Axes, reach: tuple[float, float]) -> None:
    waterfall_panel.waterfall(rows, ax=ax)
    wide = canvas.inches_wide(ax)
    low, high = reach
    span = (high - low) or 1.0
    taken = min(0.6, panels.value_room(wide) / wide)
    low, high = low - 0.03 * span, high + 0.03 * span
    ax.set_xlim(low, low + (high - low) / (1 - taken))
    ax.spines["bottom"].set_bounds(low, high)
    ax.set_xticks([tick for tick in MaxNLocator(3, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= tick <= high])


def settling(result: Findings) -> Iterator[Drawn]:
    """Draw how probable it is to have settled, and what the models of the path say."""
    by = ("study", "contrast", "question")
    for sheet in sheets.sheets(_frame(result, "settled"), by, "settled", low_height):
        paths = list(dict.fromkeys(sheet.part["path"]))
        figure = sheet.draw(
            settled_path,
            given=where_targeted(result, sheet, paths=paths),
            title="probability that the effect has settled",
            xlabel="iteration of adjustment",
            key=[
                *_path_key(paths),
                *dashed_key(result, sheet),
            ],
            y=(0, 1.03),
        )
        caption = f"Probability that the effect has settled by each iteration in {sheet.studies}, by model of its path."
        yield Drawn(sheet.name, "stabilization", caption, captions.of_settling(sheet.part), figure)
    shown = _frame(result, "stabilization")
    shown = shown[shown["quantity"].isin(IN_UNITS)] if len(shown) else shown
    for sheet in sheets.sheets(shown, by, "stabilization", lambda part: lines_height(part["quantity"], 0.2)):
        paths = list(dict.fromkeys(sheet.part["path"]))
        figure = sheet.draw(
            settled_parts,
            given={row: {"paths": paths} for row in sheet.rows},
            title="where the effect settles",
            xlabel="effect, in the outcome's units",
            key=_path_key(paths),
            left=label_room(sheet.part["quantity"]),
            x="row",
        )
        caption = (
            f"What models of the path over iterations say in {sheet.studies}: posterior means with {percent(result)} "
            "intervals, in the outcome's units."
        )
        yield Drawn(sheet.name, "stabilization", caption, captions.of_settled_parts(sheet.part), figure)


def _path_key(paths: Sequence[str]) -> list[Line2D]:
    return [mark(path.replace("_", " "), **series(i)) for i, path in enumerate(paths)]


def sensitivity(result: Findings) -> Iterator[Drawn]:
    """Draw the drift that would explain effects away, and the largest seen."""
    rows = _frame(result, "sensitivity")
    if rows.empty:
        return
    rows = rows[rows["iteration"] == rows.groupby("study")["iteration"].transform("max")]
    rows = rows[rows["largest_tvd"].notna() & rows["drift_to_explain_away"].notna()]
    for sheet in sheets.sheets(rows, ("study", "contrast", "question"), "sensitivity", lambda _: 0.42):
        figure = sheet.draw(
            drift_against_effect,
            title="could drift explain the effect away?",
            xlabel="total variation distance of users between the arms",
            left=label_room(panels.AGAINST),
            x=(0, 1.25 * panels.highest(sheet.part, "largest_tvd_high", "largest_tvd", "drift_to_explain_away")),
        )
        caption = (
            f"The least drift that would explain the whole observed effect away in {sheet.studies}, and the largest "
            "drift of a negative control, corrected; its line ends at the largest distance that is not ruled out. A "
            "negative control shows a part of the drift: there may be more."
        )
        yield Drawn(sheet.name, "sensitivity", caption, captions.of_sensitivity(sheet.part), figure)


def _frame(result: Findings, name: str) -> pd.DataFrame:
    """Return a frame that not every result holds."""
    return result.frames.get(name, pd.DataFrame())
