"""An analysis as it is read on a terminal: the verdict, then the tables."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from confound.failures import Failure
from confound.findings.decision import SHOWN, SMALL, UNSETTLED, WITHHELD
from confound.findings.findings import Description, Findings
from confound.findings.power import Planned
from confound.findings.verdict import people_points
from confound.findings.verdict.effect_points import main_rows
from confound.findings.verdict.sentences import Finding
from confound.findings.verdict.settling import points as settling_points
from confound.findings.warnings import remarks
from confound.presentation.frames import to_terminal
from confound.presentation.report import overview, repeat
from confound.text import bracketed, named, number, p_value, printable, typed

WIDTH = 100
LINES = 37  # of a summary; where it was saved takes three more
ROWS = 3  # of a table at least
ABOVE = 4  # lines of a table above its rows: a blank one, title, names and a rule
REMARK_LINES = 6
SETTLING = 3  # outcomes of which it is said here whether their effect settles
ALONE = 2  # studies and models of which each has its own sentences; more stand in one table
_DRIFT = ["contrast", "question", "tvd", "ci_low", "ci_high", "pvalue_verdict", "state"]
_EFFECTS = ["contrast", "question", "level", "mean_control", "mean_treated", "estimate", "ci_low", "ci_high", "pvalue"]
_PLACE = ["study", "model", "iteration"]
STATES = {
    SHOWN: ("shown", "the arms hold different people: an effect is not causal as it stands."),
    UNSETTLED: (
        "not settled",
        "drift is neither shown nor shown to be small: no effect can be read either way yet.",
    ),
    SMALL: ("small", "the distance of every control is shown to lie below the margin."),
    WITHHELD: ("withheld", "the log holds copies, and no test is valid for copies."),
    None: ("not measured", "no negative control was asked: an effect may be selection bias."),
}


def text(analysis: Findings, failures: Sequence[Failure] = ()) -> str:
    """Return the summary of an analysis: verdict, drift, effects, remarks on the data. The page holds the rest.

    Parameters
    ----------
    analysis : Findings
    failures : sequence of Failure
        Parts that could not be made after the analysis.

    Returns
    -------
    str
        At most `LINES` lines, of any log.
    """
    told = _remarks(analysis.warnings, failures, lines=REMARK_LINES)
    people = [line for said in people_points.lines(analysis.frames, analysis.settings) for line in _lines(said)]
    room = LINES - len(told)
    if len(analysis.verdict) > ALONE:
        return "\n".join([*_grid(analysis, room - len(people)), *people, *told])
    tables = []
    if len(analysis.drift):
        tables.append(("DRIFT of the negative controls", _last(analysis.drift), _DRIFT))
    if len(analysis.effects):
        tables.append(("EFFECTS (treated - control)", main_rows(_last(analysis.effects)), _EFFECTS))
    least = [min(len(frame), ROWS) + ABOVE for _, frame, _ in tables]
    lines = ["VERDICT", *_sentences(analysis.verdict, room - len(people) - sum(least) - 1), *people]
    places = _PLACE[2:] if len(analysis.verdict) == 1 else _PLACE  # one study and model were named above
    for i, (title, frame, columns) in enumerate(tables):
        rows = room - len(lines) - sum(least[i + 1 :]) - ABOVE
        lines += _table(title, frame, [*places, *columns], rows=rows)
    return "\n".join([*lines, *told])


def _lines(sentence: str, *, indent: str = "") -> list[str]:
    return wrapped(sentence, indent=indent).splitlines()


def settling(analysis: Findings) -> str:
    """Return what the models of whether effects settle say, which are made after the rest was shown."""
    tables = analysis.stabilization, analysis.settled, analysis.stabilization_checks
    said: list[str] = []
    for model in dict.fromkeys(analysis.stabilization["model"]):
        stabilization, settled, checks = (table[table["model"] == model] for table in tables)
        said += settling_points(stabilization, settled, checks, analysis.settings["confidence"])
    lines = [wrapped(f"- {sentence}", indent="  ") for sentence in said[:SETTLING]]
    more = [f"  ({len(said) - SETTLING:,} more are saved)"] if len(said) > SETTLING else []
    return "\n".join(["", "WHETHER EFFECTS SETTLE", *lines, *more])


def _sentences(verdict: Sequence[Finding], room: int) -> list[str]:
    """Return the verdict's sentences, as many as there is room for; each study and model gets its share."""
    lines: list[str] = []
    for left, finding in zip(range(len(verdict), 0, -1), verdict, strict=True):
        share = (room - len(lines)) // left
        own = _lines(f"{named(finding.study)}, {named(finding.model)}: {finding.headline}")
        points = [_lines(f"- {point}", indent="  ") for point in finding.points]
        said = 0
        while said < len(points) and len(own) + len(points[said]) < share:
            own += points[said]
            said += 1
        if more := len(points) - said:
            own.append(f"  ({more} more sentence{'s are' if more > 1 else ' is'} saved)")
        lines += own
    return lines


def _grid(analysis: Findings, room: int) -> list[str]:
    """Return a line for each study and model, those that need attention first, and what the words mean."""
    groups = {(g.study, g.model): g for g in overview.groups(analysis.drift, analysis.effects, analysis.decomposition)}
    shown = [(finding, groups[finding.study, finding.model]) for finding in analysis.verdict]
    counts = Counter(finding.drift for finding, _ in shown)
    meaning = [_lines(f"{STATES[state][0]}: {STATES[state][1]}") for state in STATES if state in counts]
    summary = ", ".join(f"{STATES[state][0]} in {n:,}" for state, n in counts.items())
    heading = _lines(f"Drift of the users, {len(shown):,} studies and models: {summary}.")
    rest = 1 + len(heading) + sum(map(len, meaning)) + 4  # title, blank line, names, rule, what is not shown
    frame = pd.DataFrame([_glance(finding, group) for finding, group in shown[: max(ROWS, room - rest)]])
    kept = [name for name in frame if frame[name].any()]
    table = to_terminal(frame[kept]).splitlines()
    more = len(shown) - len(frame)
    said = ["VERDICT", *heading, *(line for lines in meaning for line in lines), "", *table]
    said += [f"({more:,} more are saved)"] if more else []
    return said + _evidence(analysis.verdict, room - len(said) - 1)


def _evidence(verdict: Sequence[Finding], room: int) -> list[str]:
    """Say which controls show the drift, of as many studies and models as there is room for."""
    lines: list[str] = []
    for finding in verdict:
        if finding.drift == SHOWN and len(finding.points) > 1:
            where = f"{named(finding.study)}, {named(finding.model)}"
            own = _lines(f"{where}: {finding.points[1]}")
            if len(lines) + len(own) > room:
                break
            lines += own
    return ["", *lines] if lines else []


def _glance(finding: Finding, group: overview.Group) -> dict[str, str]:
    row = {"study": named(group.study, 24), "model": named(group.model, 18), "drift": STATES[finding.drift][0]}
    last, effect = group.drift[-1] if group.drift else None, group.effect
    row["p, adjusted"] = p_value(last.pvalue) if last else ""
    row["largest distance"] = _interval(last.largest, "tvd", 2) if last else ""
    row["effect, smallest p"] = row["p"] = ""
    if effect:
        of = f" ({named(effect['question'], 18)})" if group.n_effects > 1 else ""
        row["effect, smallest p"] = number(effect["estimate"], 3, sign=True) + of
        row["p"] = p_value(effect["pvalue"])
    row["causal part"] = _interval(group.parts["cate"], "estimate", 3) if "cate" in group.parts else ""
    return row


def _interval(row: Mapping[Any, Any], name: str, decimals: int) -> str:
    return f"{number(row[name], decimals)} {bracketed(row['ci_low'], row['ci_high'], decimals)}"


def _last(frame: pd.DataFrame) -> pd.DataFrame:
    kept: pd.DataFrame = frame[frame["iteration"] == frame["iteration"].max()]
    return kept


def description(found: Description, assumed: Sequence[tuple[str, str]] = ()) -> str:
    """Return what `confound check` prints; `assumed` is what names suggest and nobody said."""
    answers, unknown = found.data["n_answers"].sum(), found.data["n_unknown"].sum()
    held = f"{answers:,} answers, {unknown:,} of them Unknown. The log can be analysed."
    read = found.columns[found.columns["column"] != ""]
    unused = found.columns.loc[found.columns["column"] == "", "taken_from"]
    taken = [f"READ AS\n{_head(read)}"]
    if len(unused):
        taken.append(wrapped(f"Not read: {', '.join(map(named, unused))}."))
    questions, contrasts = found.questions.copy(), found.contrasts
    questions["answers"] = [textwrap.shorten(answers, 60, placeholder=" ...") for answers in questions["answers"]]
    if assumed:
        guess = f"ASSUMED by the names of columns and questions, for nothing says it: {typed(assumed)}."
        taken.insert(0, wrapped(f"{guess} Say what is right in the command below.") + "\n")
    parts = [held, "", *taken, f"\nQUESTIONS\n{_head(questions)}", f"\nCONTRASTS\n{_head(contrasts)}"]
    command = repeat.command(found.settings)
    parts += _remarks(found.warnings)
    return "\n".join([*parts, f"\nTO ANALYSE IT\n{command}" if command else ""]).rstrip()


def _head(frame: pd.DataFrame, *, rows: int = 60) -> str:
    more = f"\n({len(frame) - rows:,} more)" if len(frame) > rows else ""
    return to_terminal(frame.head(rows)) + more


def _table(title: str, frame: pd.DataFrame, columns: Sequence[str], *, rows: int) -> list[str]:
    """Show the rows with the smallest p-values; a column that holds one value throughout moves to the title."""
    shown = frame.sort_values("pvalue", kind="stable").head(rows)
    places = [name for name in columns if name in (*_PLACE, "contrast")]
    fixed = {c: shown[c].iloc[0] for c in places if len(frame[c].unique()) == 1}
    table = to_terminal(shown[[c for c in columns if c not in fixed and not (c == "level" and not frame[c].any())]])
    where = ", ".join(f"{name} {named(str(value))}" for name, value in fixed.items())
    more = f" (the {len(shown):,} of {len(frame):,} with the smallest p)" if len(frame) > len(shown) else ""
    return ["", f"{title}{': ' if where else ''}{where}{more}", *table.splitlines()]


def _remarks(warnings: pd.DataFrame, failures: Sequence[Failure] = (), *, lines: int | None = None) -> list[str]:
    """Return wrapped lines for each remark: what is missing, then warnings, then notes; as many as there is room."""
    told = remarks(warnings, failures)
    paragraphs = []
    for row in told:
        where = " / ".join(named(row[key]) for key in ("study", "model", "question") if row[key])
        said = wrapped(f"{row['level']}: {where + ': ' if where else ''}{printable(row['message'])}")
        paragraphs.append(said.splitlines())
    shown = paragraphs
    while lines is not None and sum(map(len, shown)) + 2 + (len(shown) < len(told)) > lines and shown:
        shown = shown[:-1]
    more = Counter(row["level"] for row in told[len(shown) :])
    rest = [f"({_plural(more)} {'is' if more.total() == 1 else 'are'} saved)"] if more else []
    return ["", "ABOUT THE DATA", *(line for paragraph in shown for line in paragraph), *rest] if told else []


def _plural(counts: Mapping[str, int]) -> str:
    return " and ".join(f"{n:,} more {level}{'s' if n > 1 else ''}" for level, n in counts.items())


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
