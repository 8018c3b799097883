"""An analysis as it is read on a terminal: the verdict, then the tables."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from confound.failures import Failure
from confound.findings.findings import Description, Findings
from confound.findings.power import Planned
from confound.findings.verdict import people_points
from confound.findings.verdict.effect_points import main_rows
from confound.findings.warnings import remarks
from confound.presentation.frames import to_terminal
from confound.presentation.report import repeat
from confound.text import named, printable

WIDTH = 100
ROWS = 20
_PLACE = ["study", "model", "iteration", "contrast", "question"]
_DRIFT = [
    *_PLACE,
    "design",
    "n_personas",
    "tvd",
    "ci_low",
    "ci_high",
    "pvalue",
    "pvalue_common",
    "pvalue_verdict",
    "state",
]
_EFFECTS = [*_PLACE, "level", "n_personas", "mean_control", "mean_treated", "estimate", "ci_low", "ci_high", "pvalue"]


def text(analysis: Findings, failures: Sequence[Failure] = ()) -> str:
    """Return the summary of an analysis: verdict, drift, effects, remarks on the data, and what could not be made."""
    parts = ["VERDICT"]
    for finding in analysis.verdict:
        parts.append(wrapped(f"{named(finding.study)}, {named(finding.model)}: {finding.headline}"))
        parts += [wrapped(f"- {point}", indent="  ") for point in finding.points]
    parts += map(wrapped, people_points.lines(analysis.frames, analysis.settings))
    if len(analysis.drift):
        parts.append(_table("DRIFT of the negative controls", _ends(analysis.drift), _DRIFT))
    if len(analysis.effects):
        parts.append(_table("EFFECTS (treated - control)", main_rows(analysis.effects), _EFFECTS))
    return "\n".join([*parts, *_remarks(analysis.warnings, failures)])


def _ends(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the first iteration and the last."""
    return frame[frame["iteration"].isin([frame["iteration"].min(), frame["iteration"].max()])]


def description(found: Description) -> str:
    """Return what `confound check` prints."""
    answers, unknown = found.data["n_answers"].sum(), found.data["n_unknown"].sum()
    held = f"{answers:,} answers, {unknown:,} of them Unknown. The log can be analysed."
    read = found.columns[found.columns["column"] != ""]
    unused = found.columns.loc[found.columns["column"] == "", "taken_from"]
    taken = [f"READ AS\n{_head(read)}"]
    if len(unused):
        taken.append(wrapped(f"Not read: {', '.join(map(named, unused))}."))
    questions, contrasts = found.questions.copy(), found.contrasts
    questions["answers"] = [textwrap.shorten(answers, 60, placeholder=" ...") for answers in questions["answers"]]
    parts = [held, "", *taken, f"\nQUESTIONS\n{_head(questions)}", f"\nCONTRASTS\n{_head(contrasts)}"]
    command = repeat.command(found.settings)
    parts += _remarks(found.warnings)
    return "\n".join([*parts, f"\nTO ANALYSE IT\n{command}" if command else ""]).rstrip()


def _head(frame: pd.DataFrame, *, rows: int = 60) -> str:
    more = f"\n({len(frame) - rows:,} more)" if len(frame) > rows else ""
    return to_terminal(frame.head(rows)) + more


def _table(title: str, frame: pd.DataFrame, columns: Sequence[str]) -> str:
    """Show the rows with the smallest p-values; a column that holds one value throughout moves to the title."""
    shown = frame.sort_values(["iteration", "pvalue"], kind="stable").head(ROWS)
    fixed = {c: frame[c].iloc[0] for c in columns if c in (*_PLACE, "design") and len(frame[c].unique()) == 1}
    table = to_terminal(shown[[c for c in columns if c not in fixed and not (c == "level" and not frame[c].any())]])
    where = ", ".join(f"{name} {named(str(value))}" for name, value in fixed.items())
    more = "\n(more rows in the saved table)" if len(frame) > ROWS else ""
    return f"\n{title}{': ' if where else ''}{where}\n{table}{more}"


def _remarks(warnings: pd.DataFrame, failures: Sequence[Failure] = ()) -> list[str]:
    """Return a wrapped paragraph for each remark: what is missing, then warnings, then notes."""
    lines = []
    for row in remarks(warnings, failures):
        where = " / ".join(named(row[key]) for key in ("study", "model", "question") if row[key])
        lines.append(wrapped(f"{row['level']}: {where + ': ' if where else ''}{printable(row['message'])}"))
    return ["\nABOUT THE DATA", *lines] if lines else []


def wrapped(sentence: str, *, indent: str = "") -> str:
    """Break a sentence into lines, the later ones indented."""
    return textwrap.fill(
        sentence,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


DIRECTIONS = {"common": "all the same way", "varied": "in different ways"}


def planned(found: Planned) -> str:
    """Return what `confound power` prints: the drift that a design finds, and what it takes to find a given one."""
    people, trials = _size(found.personas, "persona"), _size(found.trials, "trial")
    family = f"{_size(found.controls, 'control')}, {_size(found.contrasts, 'contrast')}"
    every = " of every control" if found.controls > 1 else ""
    lines = [
        f"{found.design.capitalize()} subjects, {people} and {trials} an arm, {found.answers} answers.",
        f"With {found.power:.0%} power at level {found.level:g} ({family}) the verdict finds",
        f"a drift{every} (total variation distance) of",
        *_found(found.detectable),
    ]
    if found.named:
        lines += ["and names one control that alone has a drift of", *_found(found.named)]
    if found.drift is not None:
        lines.append(f"To find a drift{every} of {found.drift:g} it takes")
    for way, (more, longer) in found.needed.items():
        either = f"{_size(more, 'persona')} of {trials}, or {_size(longer, 'trial')} of {people}"
        lines.append(f"  {either}, where personas drift {DIRECTIONS[way]}")
    return "\n".join(lines)


def _found(distances: Mapping[Any, float]) -> list[str]:
    return [f"  {_distance(tvd)} where personas drift {DIRECTIONS[way]}" for way, tvd in distances.items()]


def _distance(tvd: float) -> str:
    return "no size at all" if np.isnan(tvd) else f"{tvd:.3f}"


def _size(n: int | None, unit: str) -> str:
    if n is None:
        return f"more {unit}s than can be had"
    return f"{n:,} {unit}{'' if n == 1 else 's'}"
