"""The figures of drift: what the negative controls say of the arms' users."""

from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd

from confound.findings.findings import Findings
from confound.presentation.figures import canvas, captions, panels, sheets
from confound.presentation.figures.canvas import GREY, mark, series
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
    without_silence,
)
from confound.presentation.figures.panels import answers_by_arm, drift_path, love_plot, marginal_path
from confound.vocabulary import ALL_ARMS, ALL_CONTROLS

MOST_ANSWERS = 12  # to a question whose shares are drawn by arm
MOST_LINES = 8  # of one panel


def love_plots(result: Findings) -> Iterator[Drawn]:
    """Draw the drift of each control before and after adjustment."""
    rows = panels.single_controls(result.frames["drift"])
    by = ("study", "contrast")
    for sheet in sheets.sheets(rows, by, "love_plot", lambda part: lines_height(part["question"], 0.2)):
        part = sheet.part
        adjusted = panels.moves(part)
        key = [mark("before adjustment" if adjusted else "drift", color=panels.BEFORE, marker="o")]
        key += [mark("after adjustment", color=panels.AFTER, marker="D")] if adjusted else []
        key.append(mark("interval reaches 0", color=GREY, marker="o", mfc="white"))
        figure = sheet.draw(
            love_plot,
            given={row: {"order": panels.by_drift(sheet.row(row))} for row in sheet.rows},
            title="drift of the negative controls",
            xlabel="total variation distance between the arms, corrected for chance",
            key=key,
            left=label_room(part["question"]),
            x=(0, panels.highest(part, "ci_high", "tvd")),
        )
        when = (
            f", before adjustment (iteration 0) and after it (iteration {part['iteration'].max()})" if adjusted else ""
        )
        caption = (
            f"Drift of the negative controls in {sheet.studies}{when}: total variation distance between the arms' "
            f"answers, corrected for what chance adds, with {percent(result)} intervals; 0 is no drift, 1 is no "
            f"answer in common. Marks are hollow where the interval reaches 0. {captions.sizes(part)}"
        )
        yield Drawn(sheet.name, "drift", caption, captions.of_drift(part), figure)


def mean_drift_paths(result: Findings) -> Iterator[Drawn]:
    """Draw drift over the iterations, of all controls together."""
    rows = result.frames["drift"]
    rows = rows[has_iterations(rows) & (rows["question"] == ALL_CONTROLS) & rows["ci_high"].notna()]
    by = ("study", "contrast")
    yield from _drift_paths(result, rows, by, "mean_drift_over_iterations", "mean over the negative controls")


def drift_paths(result: Findings) -> Iterator[Drawn]:
    """Draw drift over the iterations, of each control."""
    rows = result.frames["drift"]
    rows = _ordered(panels.single_controls(rows[has_iterations(rows)]))
    by = ("study", "contrast", "question")
    yield from _drift_paths(result, rows, by, "drift_over_iterations", "each negative control")


def _drift_paths(result: Findings, rows: pd.DataFrame, by: Sequence[str], stem: str, what: str) -> Iterator[Drawn]:
    for sheet in sheets.sheets(rows, by, stem, low_height):
        part = sheet.part
        figure = sheet.draw(
            drift_path,
            given=where_targeted(result, sheet),
            title=f"drift over the iterations, {what}",
            xlabel="iteration of adjustment",
            key=[
                mark("total variation distance, corrected", color=canvas.BLUE, marker="o", ms=2.5),
                *dashed_key(result, sheet),
            ],
            y=(0, panels.highest(part, "ci_high", "tvd")),
        )
        caption = (
            f"Drift over the iterations of adjustment in {sheet.studies}, {what}: total variation distance between "
            f"the arms' answers, corrected for what chance adds; bands are {percent(result)} "
            f"intervals.{dashed_words(result, sheet)} "
            f"{captions.sizes(part)}"
        )
        yield Drawn(sheet.name, "drift", caption, captions.of_drift(part), figure)


def _ordered(drift: pd.DataFrame) -> pd.DataFrame:
    """Sort the controls of each study and contrast by their drift."""
    parts = [part for _, part in drift.groupby(["study", "contrast"], sort=False)]
    made = [part.set_index("question").loc[panels.by_drift(part)].reset_index() for part in parts]
    return pd.concat(made) if made else drift


def control_answers(result: Findings) -> Iterator[Drawn]:
    """Draw the answers to the negative controls by arm, at the first and at the last iteration."""
    frame = result.frames["distributions"]
    frame = frame[frame["role"] == "negative_control"]
    for study in dict.fromkeys(frame["study"]):
        rows = frame[frame["study"] == study]
        ends = sorted({rows["iteration"].min(), rows["iteration"].max()})
        for iteration in ends:
            when = "" if len(ends) == 1 else "-before" if iteration == ends[0] else "-after"
            here = rows[rows["iteration"] == iteration]
            more = len(set(frame["study"])) > 1
            yield from answers(
                result, here, "negative_controls_by_arm", "drift", "negative controls", suffix=when, named=more
            )


def each_step(result: Findings) -> Iterator[Drawn]:
    """Draw the answers to every question by arm, a page or more for each iteration."""
    frame = result.frames["distributions"]
    more = len(set(frame["study"])) > 1
    for (_, iteration), rows in frame.groupby(["study", "iteration"], sort=False):
        suffix = f"-iteration_{iteration:02d}"
        yield from answers(result, rows, "answers_by_arm", "data", "all answers", suffix=suffix, named=more)


def answers(
    result: Findings, rows: pd.DataFrame, stem: str, section: str, what: str, *, suffix: str = "", named: bool = False
) -> Iterator[Drawn]:
    """Draw the shares of answers by arm of one iteration."""
    rows = without_silence(rows[rows["arm"] != ALL_ARMS])
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
            left=label_room(part["answer"]),
            x=(0, min(1.02, panels.highest(part, "ci_high"))),
        )
        caption = (
            f"Answers by arm in {sheet.studies}{moment}: share of each answer, averaged over personas, with "
            f"{percent(result)} intervals that have the persona as the unit. "
            f"N: {captions.span(part['n_personas'])} personas an arm."
        )
        yield Drawn(sheet.name, section, caption, captions.of_answers(part), figure)


def _answer_height(part: pd.DataFrame, *, arms: int) -> float:
    return lines_height(part["answer"], max(0.12, 0.06 * arms))


def marginals(result: Findings) -> Iterator[Drawn]:
    """Draw the answers over the iterations, all arms together."""
    rows = result.frames["distributions"]
    rows = rows[(rows["arm"] == ALL_ARMS) & (rows["role"] == "negative_control")]
    rows = _frequent(without_silence(rows[has_iterations(rows)]))
    if rows.empty:
        return
    answers = rows.groupby(["study", "question"], sort=False)["answer"].agg(lambda a: list(dict.fromkeys(a))).to_dict()
    for sheet in sheets.sheets(rows, ("study", "question"), "marginals_over_iterations", _entries):
        figure = sheet.draw(
            marginal_path,
            given=where_targeted(result, sheet),
            title="answers over the iterations, all arms together",
            xlabel="iteration of adjustment",
            key=dashed_key(result, sheet),
            y="row",
            side={
                row: [mark(a, room=0.95, **(series(i) | {"marker": ""})) for i, a in enumerate(answers[row])]
                for row in sheet.rows
            },
        )
        caption = (
            f"Answers to the negative controls over the iterations of adjustment in {sheet.studies}, all arms "
            f"together: share of each answer, averaged over personas; bands are {percent(result)} intervals. "
            f"Adjustment should leave these as they are: where they move, it moved the population."
            f"{dashed_words(result, sheet)} N: {captions.span(sheet.part['n_personas'])} personas."
        )
        yield Drawn(sheet.name, "drift", caption, captions.of_marginals(sheet.part), figure)


def _frequent(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the most frequent answers of each question."""
    share = rows.groupby(["study", "question", "answer"])["share"].transform("mean")
    rank = share.groupby([rows["study"], rows["question"]]).rank(method="dense", ascending=False)
    return rows[rank <= MOST_LINES]


def _entries(part: pd.DataFrame) -> float:
    return max(0.56, 0.112 * part["answer"].nunique())
