"""A result -> one page that opens offline: verdict, tables, figures, methods, and how to repeat it."""

import base64
import functools
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from confound.failures import Failure
from confound.findings.findings import Findings
from confound.findings.schema import records
from confound.findings.verdict import people_points
from confound.findings.verdict.effect_points import main_rows
from confound.findings.verdict.sentences import Finding
from confound.findings.warnings import remarks
from confound.presentation.figures.pictures import Picture
from confound.presentation.report import methods, overview, repeat
from confound.presentation.report.overview import Group, Row
from confound.presentation.report.references import Citations
from confound.presentation.tables import publication, rendering
from confound.presentation.tables.layouts import LAYOUTS
from confound.text import MINUS, estimate, named, p_value, printable
from confound.vocabulary import ALL_CONTROLS

SECTIONS = ("drift", "effects", "decomposition", "stabilization", "sensitivity", "data")
MANY_GROUPS = 3  # with more, what belongs to one study and model is folded
SHOWN = 15  # questions with the largest gap in Unknown
NO_BREAK = "\N{NO-BREAK SPACE}"
ZWJ = "\N{ZERO WIDTH JOINER}"
RIGHT_TO_LEFT = frozenset({"R", "AL", "AN", "RLE", "RLO", "RLI"})


def page(result: Findings, pictures: Iterable[Picture] = (), failures: Iterable[Failure] = ()) -> str:
    """Write the report.

    Parameters
    ----------
    result : Findings
    pictures : iterable of Picture
        The figures, as from `confound.presentation.figures.pictures.pictures`.
    failures : iterable of Failure
        What could not be made, told among the remarks; those of the result itself are told in any case.

    Returns
    -------
    str
        HTML that needs no script, no network and no other file. Equal results give equal pages.
    """
    frames = dict(result.frames)
    groups = overview.groups(frames["drift"], frames["effects"], frames["decomposition"])
    by_section: dict[str, list[Picture]] = {name: [] for name in SECTIONS}
    for picture in pictures:
        by_section[picture.section].append(picture)
    environment = _environment(frames)
    style = Markup(environment.get_template("report.css").render())  # noqa: S704 -- our own file
    sources = Citations()
    written = environment.get_template("report.html").render(
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        result=result,
        frames=frames,
        pictures=by_section,
        groups=groups,
        answer=_answer(result.verdict),
        verdict=_alike(result.verdict),
        iterated=_iterated(frames),
        designs=_designs(frames),
        percent=f"{100 * float(result.settings['confidence']):g} %",
        late=any(len(group.drift) > 1 for group in groups),
        chosen=_outcomes(groups) != 1 or any(group.n_effects > 1 for group in groups),
        fold=len(groups) > MANY_GROUPS,
        there=functools.partial(_there, frames),
        table=functools.partial(_table, frames, result.settings),
        stamp=people_points.stamp(frames, result.settings),
        beside=people_points.points(frames, result.settings),
        spread=_spread(frames["variance"]),
        of_model=functools.partial(_of_model, frames, result.settings),
        yardsticks=records(_yardsticks(frames["comparisons"])),
        totals=_totals(frames["data"]),
        arms=_by_arm(frames["data"]),
        unknown=_unknown_gaps(frames["data"]),
        remarks=remarks(frames["warnings"], failures),
        command=repeat.command(result.settings),
        call=repeat.call(result.settings),
        sources=sources,
        method=functools.partial(methods.to_html, cite=sources.cite),
        joint=bool((frames["drift"]["question"] == ALL_CONTROLS).any()),
        checks=set(frames["assumptions"]["check"]),
    )
    return written.strip() + "\n"


def _environment(frames: Mapping[str, pd.DataFrame]) -> Environment:
    environment = Environment(
        loader=PackageLoader("confound.presentation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    write = _Labels(frames)
    environment.filters |= {
        "label": write.label,
        "contrast": write.contrast,
        "words": write.words,
        "shown": visible,
        "distance": _distance,
        "signed": functools.partial(_signed, places=_places(frames["effects"])),
        "p": p_value,
    }
    return environment


# ---- text from the log ----


class _Labels:
    """Writes what came from the log: each label isolated, so that its direction moves nothing beside it."""

    def __init__(self, frames: Mapping[str, pd.DataFrame]) -> None:
        arms = sorted(set(frames["data"]["arm"]))
        self._contrasts = {f"{treated} - {control}": (treated, control) for treated in arms for control in arms}
        names = {text for frame in frames.values() for column in _label_columns(frame) for text in set(frame[column])}
        leftward = {shown for text in names | set(arms) if _leftward(shown := named(str(text)))}
        longest_first = sorted(leftward, key=lambda text: (-len(text), text))
        self._leftward = re.compile("|".join(map(re.escape, longest_first))) if leftward else None

    def label(self, text: str) -> Markup:
        """Write a label."""
        return Markup("<bdi>{}</bdi>").format(visible(str(text)))

    def contrast(self, text: str) -> Markup:
        """Write a contrast, each arm by itself."""
        if text not in self._contrasts:
            return self.label(text)
        treated, control = (self.label(arm) for arm in self._contrasts[text])
        return Markup("{} {} {}").format(treated, MINUS, control)

    def words(self, sentence: str) -> Markup:
        """Write a sentence that holds labels; those written from right to left are isolated."""
        sentence = _set(sentence)
        if self._leftward is None:
            return escape(sentence)
        made, end = Markup(), 0
        for found in self._leftward.finditer(sentence):
            made += escape(sentence[end : found.start()]) + Markup("<bdi>{}</bdi>").format(found.group())
            end = found.end()
        return made + escape(sentence[end:])


def _label_columns(frame: pd.DataFrame) -> list[str]:
    return [c for c in ("study", "model", "arm", "question", "level") if c in frame]


def _leftward(text: str) -> bool:
    return any(unicodedata.bidirectional(c) in RIGHT_TO_LEFT for c in text)


def visible(text: str) -> str:
    """Show what a browser would obey, as `confound.text.printable`; joined emoji stay joined."""
    return ZWJ.join(printable(part) for part in text.split(ZWJ))


def _set(sentence: str) -> str:
    """Keep numbers on one line with what they belong to."""
    return re.sub(r"(?<=\bp) ([<=]) (?=[\d.])| (?=%)", lambda found: found.group().replace(" ", NO_BREAK), sentence)


# ---- numbers ----


def _distance(row: Row) -> str:
    """Write a distance with its interval; as seen, beside what chance makes, where it cannot be corrected."""
    if pd.isna(row["tvd"]):
        return f"{row['tvd_plugin']:.2f} seen, {row['tvd_null']:.2f} by chance"
    return estimate(row["tvd"], row["ci_low"], row["ci_high"], 2)


def _signed(row: Row, places: Mapping[str, int]) -> str:
    """Write an estimate with its interval, one in the units of an outcome with that outcome's decimals."""
    decimals = places.get(row["question"], publication.DEFAULT_DECIMALS)
    return estimate(row["estimate"], row["ci_low"], row["ci_high"], decimals, sign=True)


def _places(effects: pd.DataFrame) -> dict[str, int]:
    """Return the decimals of each outcome."""
    rows = main_rows(effects)
    widths = (rows["ci_high"] - rows["ci_low"]).groupby(rows["question"])
    return {str(question): publication.decimals(width) for question, width in widths}


# ---- what the sections show ----


def _there(frames: Mapping[str, pd.DataFrame], name: str, group: Group) -> bool:
    """Tell whether there are rows about one study and model."""
    return name in frames and len(_own(frames[name], group)) > 0


def _table(frames: Mapping[str, pd.DataFrame], settings: Mapping[str, Any], name: str, group: Group) -> Markup:
    """Lay out the rows of one study and model as a table of a publication."""
    own = {other: _own(frame, group) for other, frame in frames.items() if other in LAYOUTS}
    table = publication.build(name, own, settings, columns="statistic")
    title = f"{table.title}, {named(group.study)}, {named(group.model)}"
    return Markup(rendering.to_html(replace(table, title=title)))  # noqa: S704 -- escaped there


def _spread(variance: pd.DataFrame) -> dict[str, list[str]]:
    """Say of each model at its last iteration where the variance is; of none whose personas answered once."""
    found = {}
    for model, rows in variance.groupby("model", sort=False):
        said = list(people_points.variance_points(rows[rows["iteration"] == rows["iteration"].max()]))
        if said:
            found[str(model)] = said
    return found


def _of_model(frames: Mapping[str, pd.DataFrame], settings: Mapping[str, Any], name: str, model: str) -> Markup:
    """Lay out the rows of one model, over all studies, as a table of a publication; nothing if there are none."""
    own = frames[name][frames[name]["model"] == model]
    if own.empty:
        return Markup()
    table = publication.build(name, {name: own}, settings, columns="statistic")
    return Markup(rendering.to_html(replace(table, title=f"{table.title}, {named(model)}")))  # noqa: S704 -- escaped there


def _own(frame: pd.DataFrame, group: Group) -> pd.DataFrame:
    own: pd.DataFrame = frame[(frame["study"] == group.study) & (frame["model"] == group.model)]
    return own


def _answer(verdict: Sequence[Finding]) -> dict[str | None, list[Finding]]:
    """Sort the studies and models by what was found."""
    found: dict[str | None, list[Finding]] = {}
    for finding in verdict:
        found.setdefault(finding.drift, []).append(finding)
    return found


def _alike(verdict: Sequence[Finding]) -> list[list[Finding]]:
    """Gather the studies and models of which the same is to be said."""
    gathered: dict[str, list[Finding]] = {}
    for finding in verdict:
        gathered.setdefault(finding.headline, []).append(finding)
    return list(gathered.values())


def _outcomes(groups: Sequence[Group]) -> int:
    return len({(group.effect["question"], group.effect["level"]) for group in groups if group.effect})


def _iterated(frames: Mapping[str, pd.DataFrame]) -> bool:
    return any(len(set(frames[name]["iteration"])) > 1 for name in ("drift", "effects"))


def _designs(frames: Mapping[str, pd.DataFrame]) -> set[str]:
    return {design for name in ("drift", "effects") for design in frames[name]["design"].dropna()}


def _yardsticks(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Keep what is about all controls together, at the last iteration."""
    last = comparisons["iteration"] == comparisons["iteration"].max()
    joint: pd.DataFrame = comparisons[last & (comparisons["question"] == ALL_CONTROLS)]
    return joint


def _totals(data: pd.DataFrame) -> dict[str, int]:
    return {"answers": int(data["n_answers"].sum()), "unknown": int(data["n_unknown"].sum())}


def _by_arm(data: pd.DataFrame) -> list[dict[str, Any]]:
    """Count each arm of each study and model, over questions and iterations."""
    by = data.groupby(["study", "model", "arm"], sort=False)
    counts = by.agg(
        personas=("n_personas", "max"),
        questions=("question", "nunique"),
        iterations=("iteration", "nunique"),
        answers=("n_answers", "sum"),
        unknown=("n_unknown", "sum"),
    )
    return records(counts.reset_index())


def _unknown_gaps(data: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the questions whose share of Unknown differs most between arms, largest gap first."""
    place = ["study", "model", "question"]
    counts = data.groupby([*place, "arm"], sort=False)[["n_answers", "n_unknown"]].sum().reset_index()
    counts["share"] = counts["n_unknown"] / counts["n_answers"].clip(lower=1)
    ordered = counts.sort_values("share", kind="stable").groupby(place, sort=False)
    gaps = ordered.agg(
        low=("share", "first"), low_arm=("arm", "first"), high=("share", "last"), high_arm=("arm", "last")
    )
    gaps = gaps[gaps["high"] > gaps["low"]]
    widest = gaps.iloc[np.argsort(gaps["low"] - gaps["high"], kind="stable")[:SHOWN]]
    return records(widest.reset_index())
