"""Figures: every interval is drawn, every text fits, whatever the log's labels are; no picture is compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

import confound
from confound import figures
from confound.errors import InputError
from confound.findings import schema
from confound.findings.tables import TABLES
from confound.presentation.figures import canvas, panels, pictures, sheets
from tests.grid_log import grid_log

SECTIONS = {"drift", "effects", "decomposition", "stabilization", "sensitivity", "data"}
HOSTILE = (
    "$x_1$ costs $5",
    "<script>alert(1)</script>",
    r"\input{secrets} \textbf{%&#}",
    "\N{PILE OF POO} \N{WAVING HAND SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-5} \u202eevil\u202c \u4f60\u597d",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea",
    "W" * 300,
    "a very long label of many words " * 9,
    "line\nbreak\ttab\x07bell",
    "=HYPERLINK(1)",
)


@dataclass(frozen=True)
class Given:
    """A result of which only what figures need is there."""

    frames: Mapping[str, pd.DataFrame]
    settings: Mapping[str, Any]


@pytest.fixture(scope="module")
def result() -> confound.Analysis:
    """Analyse two studies, two models and three iterations."""
    log = grid_log(studies=2, models=2, iterations=3, controls=3, personas=8, trials=6)
    return confound.analyze(log, correction="null", skip=["stabilization"], targeted_from=2, workers=1)


@pytest.fixture(scope="module")
def drawn(result: confound.Analysis) -> list[figures.Drawn]:
    """Draw them all."""
    return list(figures.draw_all(result))


def one(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return the rows that agree with the first one in the columns."""
    return frame[(frame[list(columns)] == frame.iloc[0][list(columns)]).all(axis=1)]


def segments(ax: Any) -> set[tuple[float, float]]:
    """Return from where to where each horizontal line of a panel goes."""
    lines = [s for c in ax.collections if isinstance(c, LineCollection) for s in c.get_segments()]
    return {(round(s[0, 0], 9), round(s[1, 0], 9)) for s in lines if s[0, 1] == s[1, 1]}


def intervals(rows: pd.DataFrame) -> set[tuple[float, float]]:
    """Return the ends of the rows' intervals."""
    return {(round(low, 9), round(high, 9)) for low, high in zip(rows["ci_low"], rows["ci_high"], strict=True)}


def band(ax: Any) -> set[tuple[float, float]]:
    """Return the corners of the bands of a panel."""
    paths = [p for c in ax.collections if isinstance(c, PolyCollection) for p in c.get_paths()]
    return {(round(x, 9), round(y, 9)) for path in paths for x, y in path.vertices}


def overflow(figure: Figure) -> float:
    """Return by how many inches what is drawn reaches over the edge of a figure; ticks out of sight are not drawn."""
    FigureCanvasAgg(figure).draw()
    box, (wide, tall) = figure.get_tightbbox(), figure.get_size_inches()
    return max(-box.x0, -box.y0, box.x1 - wide, box.y1 - tall)


def test_every_interval_of_the_love_plot_is_drawn(result: confound.Analysis) -> None:
    """The first and the last iteration's intervals, a line each, and no other."""
    rows = one(panels.single_controls(result.drift), "study", "model", "contrast")
    ends = rows[rows["iteration"].isin([0, 2])]
    assert segments(figures.love_plot(rows)) == intervals(ends)


def test_every_interval_of_answers_and_means_is_drawn(result: confound.Analysis) -> None:
    """A line for each answer in each arm; one for each arm's mean of a log without iterations."""
    rows = one(result.distributions, "study", "model", "iteration", "question")
    assert segments(figures.answers_by_arm(rows)) == intervals(rows[rows["arm"] != "(all arms)"])
    means = one(result.means, "study", "model", "iteration", "question")
    assert segments(figures.means_by_arm(means)) == intervals(means)


def test_bands_pass_through_every_interval(result: confound.Analysis) -> None:
    """Over iterations, both ends of each interval are corners of the band."""
    drift = one(panels.single_controls(result.drift), "study", "model", "contrast", "question")
    effects = one(result.effects, "study", "model", "contrast", "question", "level")
    shares = result.distributions[result.distributions["arm"] == "(all arms)"]
    cases = [
        (figures.drift_path, drift),
        (figures.effect_path, effects),
        (figures.marginal_path, one(shares, "study", "model", "question")),
        (figures.means_by_arm, one(result.means, "study", "model", "question")),
    ]
    for draw, rows in cases:
        assert rows["iteration"].nunique() == 3
        corners = band(draw(rows))
        for row in rows.to_dict("records"):
            for end in ("ci_low", "ci_high"):
                assert (row["iteration"], round(row[end], 9)) in corners


def test_the_waterfall_lands_on_the_causal_effect(result: confound.Analysis) -> None:
    """Bars join up: each begins where the last one ended, and what is left is CATE; intervals lie around the ends."""
    rows = one(result.decomposition, "study", "model", "contrast", "question", "method", "iteration")
    parts = {row["quantity"]: row for row in rows.to_dict("records")}
    ax = figures.waterfall(rows)
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    ends = [parts["observed"]["estimate"]]
    ends += [ends[0] - parts["sbt"]["estimate"] / 2]
    ends += [parts["cate"]["estimate"]] * 2
    np.testing.assert_allclose(sorted(bars[0]), sorted([0, ends[0]]), atol=1e-12)
    np.testing.assert_allclose(sorted(bars[3]), sorted([0, ends[3]]), atol=1e-12)
    np.testing.assert_allclose(sorted(bars[1]), sorted(ends[:2]))
    np.testing.assert_allclose(sorted(bars[2]), sorted(ends[1:3]))
    drawn = segments(ax)
    assert intervals(rows[rows["quantity"].isin(["observed", "cate"])]) <= drawn
    low, high = (ends[0] - parts["sbt"][end] / 2 for end in ("ci_high", "ci_low"))
    assert (round(low, 9), round(high, 9)) in drawn
    assert len(drawn) == 4


def test_without_halves_the_bias_is_one_bar(result: confound.Analysis) -> None:
    """Where ASB is not the mean of SBT and SBC, because the arms' shares differ, it is drawn as a whole."""
    rows = one(result.decomposition, "study", "model", "contrast", "question", "method", "iteration").copy()
    rows.loc[rows["quantity"] == "sbt", "estimate"] += 1
    assert len(figures.waterfall(rows).patches) == 3


def test_the_dashed_line_comes_before_targeted_confounders(drawn: list[figures.Drawn]) -> None:
    """It stands between the last general and the first targeted iteration, in each panel over iterations."""
    (effects,) = [d for d in drawn if d.name == "effect_over_iterations"]
    for ax in effects.figure.axes:
        assert any(list(line.get_xdata()) == [1.5, 1.5] for line in ax.lines)
    assert "targeted" in effects.caption


@pytest.mark.slow
def test_what_is_said_of_each_figure(drawn: list[figures.Drawn]) -> None:
    """Names differ and suit any file system; sections are those of the report; captions and texts hold no gap."""
    assert len({d.name.casefold() for d in drawn}) == len(drawn) > 8
    for d in drawn:
        assert d.name.replace("-", "").replace("_", "").isalnum()
        assert d.section in SECTIONS
        for text in (d.caption, d.alt):
            assert text.endswith(".")
            assert "nan" not in text.lower().split()
            assert "None" not in text
        assert overflow(d.figure) < 0.01, d.name
        assert d.figure.get_figwidth() <= canvas.PAGE + 1e-9
        assert d.figure.get_figheight() <= canvas.TALLEST


@pytest.mark.slow
def test_no_text_overflows_whatever_the_labels(result: confound.Analysis) -> None:
    """Mathematics, markup, TeX, emoji, right-to-left, very long and broken labels are drawn within the figure."""
    names = {"study": HOSTILE[:2], "model": HOSTILE[2:4], "arm": HOSTILE[4:6], "question": HOSTILE[5:]}
    names["answer"] = HOSTILE
    frames = {}
    for name, frame in result.frames.items():
        hostile = frame.copy()
        for column, labels in names.items():
            if column in frame:
                known = sorted(set(frame[column].dropna()) - {"(all)", "(all arms)", "Unknown"})
                new = {old: f"{labels[i % len(labels)]}{i}" for i, old in enumerate(known)}
                hostile[column] = [new.get(text, text) for text in frame[column]]
        if "contrast" in frame:
            hostile["contrast"] = f"{HOSTILE[4]} - {HOSTILE[5]}"
        frames[name] = hostile
    made = list(figures.draw_all(Given(frames, result.settings)))
    assert len(made) > 8
    for d in made:
        assert overflow(d.figure) < 0.01, d.name
        assert d.figure.get_figheight() <= canvas.TALLEST
    assert canvas.save(made[0].figure, "pdf").startswith(b"%PDF")


def test_models_of_the_path_and_sensitivity_are_drawn() -> None:
    """Frames that other modules make are drawn where they are there: every interval, every path."""
    place = {"study": "s", "model": "m", "contrast": "a - b", "question": "q"}
    paths = [place | {"path": path} for path in ("exponential", "random_walk")]
    settled = pd.DataFrame([p | {"iteration": k, "probability": k / 4} for p in paths for k in range(5)])
    quantities = [
        p | {"quantity": q, "mean": 0.5 + i, "ci_low": i, "ci_high": 1.0 + i}
        for i, p in enumerate(paths)
        for q in ("settled", "asb")
    ]
    sensitivity = pd.DataFrame(
        [place | {"iteration": 0, "drift_to_explain_away": 0.3, "largest_tvd": 0.2, "largest_tvd_high": 0.25}]
    )
    frames = {"settled": settled, "stabilization": pd.DataFrame(quantities), "sensitivity": sensitivity}
    empty = dict(EMPTY)
    made = {d.name: d for d in figures.draw_all(Given(empty | frames, {}))}
    assert set(made) == {"settled", "stabilization", "sensitivity"}
    assert len(segments(made["stabilization"].figure.axes[0])) == 2
    assert len([line for line in made["settled"].figure.axes[0].lines if len(line.get_xdata()) == 5]) == 2
    assert all(overflow(d.figure) < 0.01 for d in made.values())
    assert "0.30" in made["sensitivity"].alt


EMPTY = {name: schema.frame([], table) for name, table in TABLES.items()}


def test_empty_frames_yield_nothing() -> None:
    """Without rows there is no figure, and no error."""
    assert list(figures.draw_all(Given(EMPTY, {}))) == []


def test_a_panel_refuses_rows_of_several_groups(result: confound.Analysis) -> None:
    """Two models in one panel would be read as one: an error says so and how to choose."""
    with pytest.raises(InputError, match="a panel shows one study, model, contrast, but these rows hold 4"):
        figures.love_plot(result.drift)


def test_many_models_and_rows_go_on_pages(result: confound.Analysis) -> None:
    """More than six models, or more rows than a page holds, are shared out; nothing is lost or drawn twice."""
    rows = one(panels.single_controls(result.drift), "study", "model", "contrast", "question")
    models = [rows.assign(model=f"m{i}") for i in range(8)]
    many = pd.concat([r.assign(question=f"q{j}") for r in models for j in range(15)])
    made = list(sheets.sheets(many, ("study", "contrast", "question"), "x", lambda _: 0.6))
    cells = [(key, model) for sheet in made for key, model in sheet.cells]
    assert len(cells) == len(set(cells)) == 8 * 15
    assert all(len(sheet.models) <= 6 and sum(sheet.heights) < canvas.TALLEST for sheet in made)
    assert [sheet.name for sheet in made] == ["x", "x-2", "x-3", "x-4"]


@pytest.mark.slow
def test_the_same_figure_gives_the_same_bytes(result: confound.Analysis) -> None:
    """Drawn and saved twice, with other settings of Matplotlib around, no byte changes."""
    first = next(figures.draw_all(result))
    with mpl.rc_context({"font.size": 20, "lines.linewidth": 9, "axes.grid": True}):
        second = next(figures.draw_all(result))
        for kind in ("pdf", "png", "svg"):
            assert canvas.save(first.figure, kind) == canvas.save(second.figure, kind)
        assert mpl.rcParams["font.size"] == 20


def test_a_figure_shows_itself_in_a_notebook(drawn: list[figures.Drawn]) -> None:
    """What `draw_all` yields is a picture to a notebook, without pyplot."""
    assert drawn[0]._repr_png_().startswith(b"\x89PNG")


@pytest.mark.slow
@given(st.text(), st.floats(0.2, 2), st.integers(1, 4))
def test_any_text_becomes_lines_that_fit(text: str, room: float, lines: int) -> None:
    """A label has so many lines at most, none wider than there is room, of signs that the font has."""
    made = canvas.wrap(canvas.safe(text), room, lines=lines)
    assert len(made) <= lines
    assert all(canvas.width(line) <= room + 1e-9 for line in made)


@given(st.lists(st.text(), unique=True, max_size=5))
def test_studies_get_files_of_their_own(names: list[str]) -> None:
    """However studies are called, their files' names differ, also where case is not told apart."""
    made = sheets.slugs(names)
    assert len({slug.casefold() for slug in made.values()}) == len(names)


def test_a_kind_of_a_part(result: confound.Analysis) -> None:
    """One kind of figure for one study at one iteration shows every question of it, outcomes included, and no more."""
    study = result.data["study"].iloc[0]
    (page,) = figures.draw(result.only(study=study, iteration=1), "answers_by_arm")
    assert page.name == "answers_by_arm-iteration_01"
    questions = set(result.distributions.query("study == @study")["question"])
    assert {axis.get_text() for axis in page.figure.texts} >= questions
    assert len(page.figure.axes) == 2 * len(questions)


@pytest.mark.slow
def test_kinds_together_are_all_figures(result: confound.Analysis, drawn: list[figures.Drawn]) -> None:
    """`draw_all` draws each kind but the answers at each iteration."""
    kinds = [kind for kind in figures.KINDS if kind != "answers_by_arm"]
    assert [page.name for kind in kinds for page in figures.draw(result, kind)] == [page.name for page in drawn]
    with pytest.raises(InputError, match="pie: no such kind"):
        next(figures.draw(result, "pie"))


def test_only_keeps_a_part(result: confound.Analysis) -> None:
    """Frames that have the column keep the rows asked for; a value that is nowhere is named with those there are."""
    part = result.only(iteration=[0, 2])
    assert set(part.drift["iteration"]) == {0, 2}
    assert len(part.warnings) == len(result.warnings)
    assert part.settings == result.settings
    with pytest.raises(InputError, match="iteration=7: there is none; there are"):
        result.only(iteration=7)


def test_figures_become_files(result: confound.Analysis, tmp_path: Path) -> None:
    """`write` makes a PDF and a PNG of each figure, and returns what is to be said of them."""
    (made,) = pictures.write(figures.draw(result, "mean_drift_over_iterations"), tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {f"{made.name}.pdf", f"{made.name}.png"}
    assert made.caption.startswith("Drift over the iterations")
