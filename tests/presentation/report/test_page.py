"""The page: what it says, that it is sound HTML, that it needs nothing, and that no log can change what it does."""

import base64
import functools
import hashlib
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import confound
from confound.presentation.figures.drawn import Drawn
from confound.presentation.figures.pictures import Picture, picture, pictures
from confound.presentation.report import overview
from confound.presentation.report import page as report
from confound.presentation.report.references import REFERENCES, Citations
from tests.conftest import LogFrame

HOSTILE = {
    "study": "<script>alert('study')</script>",
    "model": '=HYPERLINK("http://example.org","x")',
    "control": r"\input{/etc/passwd}",
    "treated": "50% & _more_ {{ 7 * 7 }}",
    "question": "\u05de\u05e4\u05dc\u05d2\u05d4 12 </style><b onclick=alert(1)>",
    "confounder": "\x1b[31mc",
    "outcome": "\"'><img src=x onerror=alert(1)> \U0001f469\u200d\U0001f52c",
    "answers": ("<!-- \u202eevil", "]]>&amp;"),
}


@pytest.fixture(scope="module")
def hostile() -> confound.Analysis:
    """Analyse a log whose every label is an attack or an oddity."""
    rows = [
        {
            "study": HOSTILE["study"],
            "model": HOSTILE["model"],
            "persona": f"p{p}",
            "arm": HOSTILE[arm],
            "trial": t,
            "iteration": i,
            "question": HOSTILE[question],
            "role": role,
            "response": response,
        }
        for p in range(6)
        for t in range(4)
        for i in range(2)
        for arm in ("control", "treated")
        for question, role, response in (
            ("question", "negative_control", HOSTILE["answers"][t % 2 if arm == "treated" else 0]),
            ("outcome", "outcome", str(1 + (p * p // 2 + t * p + t + (arm == "treated")) % 3)),
            ("confounder", "confounder", "rs"[(t + p) % 2]),
        )
    ]
    return confound.analyze(pd.DataFrame(rows), control=[HOSTILE["control"]], correction="null")


def between(n: int = 12) -> confound.Analysis:
    """Analyse a small log between subjects, without iterations."""
    rows = [
        {"persona": f"{arm}{p}", "arm": arm, "question": question, "role": role, "response": (p + shift) % k}
        for arm, shift in (("control", 0), ("treated", 1))
        for p in range(n)
        for question, role, k in (("party", "negative_control", 3), ("rating", "outcome", 4))
    ]
    return confound.analyze(pd.DataFrame(rows), correction="null")


def drawn_anew() -> Iterator[Picture]:
    """Draw a line for every section."""
    for section in report.SECTIONS:
        figure = Figure(figsize=(4, 2))
        figure.subplots().plot([0, 1])
        yield picture(Drawn(f"line-{section}", section, f"Caption of <{section}>", f"A line in {section}", figure))


@functools.cache
def drawn() -> tuple[Picture, ...]:
    """Return the pictures that all tests share."""
    return tuple(drawn_anew())


def parse(page: str) -> Element:
    """Parse strictly: any error of syntax raises."""
    tree: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    return tree


def text(element: Element) -> str:
    """Return the text of an element."""
    return " ".join("".join(element.itertext()).split())


def described(page: str, identifier: str) -> str:
    """Return the text of the section whose heading has an id."""
    for section in parse(page).iter("section"):
        if section[0].get("id") == identifier:
            return text(section)
    raise AssertionError(f"no section {identifier}")


def section_ids(page: str) -> list[str | None]:
    """Return the ids of the sections' headings."""
    return [section[0].get("id") for section in parse(page).iter("section")]


def test_sound_and_accessible_structure(hostile: confound.Analysis) -> None:
    """One h1, headings without a gap, a language, unique ids that all links find, named tables and figures."""
    tree = parse(report.page(hostile, drawn()))
    assert tree.get("lang") == "en"
    levels = [int(e.tag[1]) for e in tree.iter() if e.tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in itertools.pairwise(levels))
    ids = [e.get("id") for e in tree.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    links = [str(e.get("href")) for e in tree.iter("a")]
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert all(e.get("alt") for e in tree.iter("img"))
    assert all(table.find("caption") is not None for table in tree.iter("table"))
    assert all(head.get("scope") for head in tree.iter("th"))
    assert {str(e.get("aria-labelledby")) for e in tree.iter() if e.get("aria-labelledby")} <= set(ids)


def test_needs_nothing_else(hostile: confound.Analysis) -> None:
    """No script, no frame, no form, nothing loaded; the only addresses are those of references."""
    page = report.page(hostile, drawn())
    tree = parse(page)
    tags = {e.tag for e in tree.iter() if isinstance(e.tag, str)}
    assert not tags & {"script", "iframe", "object", "embed", "link", "base", "form", "svg"}
    assert not [name for e in tree.iter() for name in dict(e.attrib) if name.startswith("on") or name == "style"]
    assert all(str(e.get("src")).startswith("data:image/") for e in tree.iter("img"))
    outside = {str(e.get("href")) for e in tree.iter("a") if not str(e.get("href")).startswith("#")}
    assert outside == {reference.link for reference in REFERENCES.values() if reference.link}
    assert "url(" not in page
    assert "@import" not in page


def test_policy_allows_this_style_alone(hostile: confound.Analysis) -> None:
    """The content security policy forbids everything but inlined images and the page's own style sheet."""
    tree = parse(report.page(hostile))
    policy = next(m.get("content") for m in tree.iter("meta") if m.get("http-equiv") == "Content-Security-Policy")
    style = next(tree.iter("style")).text
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rules = "default-src 'none'; img-src data:; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'"
    assert policy == rules.format(digest)


def test_labels_are_text(hostile: confound.Analysis) -> None:
    """What a log holds shows up as it is written: no markup, no template; isolated where it runs from right to left."""
    page = report.page(hostile, drawn())
    tree = parse(page)
    isolated = {text(e) for e in tree.iter("bdi")}
    for name in ("study", "model", "control", "treated"):
        assert HOSTILE[name] in isolated
    assert str(HOSTILE["question"]) in isolated
    assert "{{ 7 * 7 }}" in text(tree)
    assert "\N{ZERO WIDTH JOINER}" in text(tree)  # the emoji stays one
    assert "\u202e" not in page
    points = [e for item in tree.iter("li") for e in item.iter("bdi")]
    assert any("\u05de" in text(e) for e in points)


def test_a_label_that_turns_round_is_shown_not_obeyed() -> None:
    """Control characters are written out."""
    assert report.visible("a\u202eb\x00") == r"a\u202eb\x00"


@pytest.mark.slow
def test_same_result_same_page(hostile: confound.Analysis) -> None:
    """Figures, labels and settings give the same bytes again."""
    assert report.page(hostile, drawn_anew()) == report.page(hostile, drawn_anew())


@pytest.mark.slow
def test_sections_follow_what_there_is(hostile: confound.Analysis, log_frame: LogFrame) -> None:
    """The verdict comes first, and a part that was not made has no section and no entry in the contents."""
    whole = ["verdict", "overview", "drift", "effects", "variance", "decomposition", "stabilization"]
    whole += ["sensitivity", "data"]
    last = ["methods", "references", "repeat"]
    assert section_ids(report.page(hostile, drawn())) == whole + last
    page = report.page(between())
    assert section_ids(page) == ["verdict", "overview", "drift", "effects", "sensitivity", "data", *last]
    contents = next(e for e in parse(page).iter("nav"))
    assert [e.get("href") for e in contents.iter("a")] == [f"#{name}" for name in section_ids(page)]
    outcome = log_frame({"control": [1, 2], "treated": [3, 4]}, question="rating", role="outcome")
    page = report.page(confound.analyze(outcome))
    assert "No negative control was asked" in described(page, "drift")
    assert "it cannot be told" in text(next(parse(page).iter("header")))


def test_frames_of_later_parts_are_shown(hostile: confound.Analysis) -> None:
    """A frame that a later version adds brings its section."""

    class Later:
        verdict, settings, versions = hostile.verdict, hostile.settings, hostile.versions
        frames = hostile.frames | {
            "sensitivity": hostile.effects[hostile.effects["level"] == ""].assign(
                drift_to_explain_away=0.321, largest_tvd=0.1, bound_low=-1.0, bound_high=1.0
            )
        }

    assert "0.321" in described(report.page(Later()), "sensitivity")


def test_answer_by_finding() -> None:
    """Each study and model stands under what was found of it."""
    findings = [
        confound.findings.verdict.sentences.Finding("s", name, state, "headline", ())
        for name, state in (("a", "shown"), ("b", None), ("c", "small"), ("d", "shown"))
    ]
    found = report._answer(findings)  # noqa: SLF001
    assert {state: [f.model for f in held] for state, held in found.items()} == {
        "shown": ["a", "d"],
        None: ["b"],
        "small": ["c"],
    }


def test_overview_holds_the_frames_numbers() -> None:
    """The largest drift, its interval and the effect stand in the row of their group."""
    result = between()
    (group,) = overview.groups(result.drift, result.effects, result.decomposition)
    words = described(report.page(result), "overview")
    assert f"{group.drift[0].largest['tvd']:.2f}" in words
    assert group.effect is not None
    assert f"{group.effect['estimate']:+.2f}".replace("-", "\N{MINUS SIGN}") in words


def test_estimates_are_rounded_by_outcome() -> None:
    """An estimate has a sign, a true minus, and the decimals of its outcome."""
    row = {"question": "q", "estimate": -1.2345, "ci_low": -2.0, "ci_high": 0.5}
    assert report._signed(row, {"q": 2}) == "\N{MINUS SIGN}1.23 (\N{MINUS SIGN}2.00 to +0.50)"  # noqa: SLF001
    assert report._signed(row | {"ci_low": float("nan")}, {}) == "\N{MINUS SIGN}1.234"  # noqa: SLF001


def test_references_are_those_cited() -> None:
    """Methods that were not used are not cited: between subjects Welch's interval, not Student's."""
    page = report.page(between())
    references = described(page, "references")
    assert "Welch (1947)" in references
    assert "Student (1908)" not in references
    assert "Robins (1986)" not in references
    assert "by adjustment" not in described(page, "methods").lower()


def test_methods_name_the_routes_taken(hostile: confound.Analysis) -> None:
    """A route of the decomposition is described where it was taken, whatever its estimator is called."""
    standardized = replace(hostile, decomposition=hostile.decomposition.assign(method="g-formula"))
    words = described(report.page(standardized), "methods")
    assert "By standardization" in words
    assert "By adjustment" not in words


def test_citations_are_listed_once_by_author() -> None:
    """The list holds what was cited, sorted."""
    sources = Citations()
    assert sources.cite("welch", "holm") == "(Welch 1947; Holm 1979)"
    sources.cite("holm")
    assert [reference.short for reference in sources.listed] == ["Holm 1979", "Welch 1947"]


@pytest.mark.parametrize("correction", ["mixture", "npmle", "jackknife"])
def test_methods_name_the_correction(log_frame: LogFrame, correction: str) -> None:
    """The correction that was used is described, and no other."""
    result = confound.analyze(log_frame({"control": "xxyyxy", "treated": "xyyyxy"}, personas=6), correction=correction)
    words = described(report.page(result), "methods")
    said = {
        "mixture": "a mixture over kinds of persona",
        "npmle": "nonparametric maximum",
        "jackknife": "the jackknife",
    }
    assert [name for name, phrase in said.items() if phrase in words] == [correction]


def test_unknown_gaps_are_largest_first(log_frame: LogFrame) -> None:
    """Questions are listed by how far the arms' shares of Unknown differ; those alike are not."""
    party = log_frame({"control": ["x", None, "y", "x"], "treated": ["x", None, None, None]})
    sex = log_frame({"control": ["m", "f", "m", None], "treated": ["m", "f", None, None]}, question="sex")
    age = log_frame({"control": ["1", None], "treated": [None, "2"]}, question="age")
    gaps = report._unknown_gaps(confound.analyze(pd.concat([party, sex, age]), correction="null").data)  # noqa: SLF001
    assert [(gap["question"], gap["low"], gap["high_arm"], gap["high"]) for gap in gaps] == [
        ("party", 0.25, "treated", 0.75),
        ("sex", 0.25, "treated", 0.5),
    ]


def test_many_groups_fold(log_frame: LogFrame) -> None:
    """Tables of more than a few studies and models are folded, each behind its heading; the overview leads there."""
    frame = log_frame({"control": "xxyy", "treated": "xyyy"})
    few, many = (
        report.page(confound.analyze(pd.concat([frame.assign(model=f"m{i}") for i in range(n)]), correction="null"))
        for n in (2, 5)
    )
    folds = [[text(e) for e in parse(page).iter("summary")] for page in (few, many)]
    assert [sum(fold.startswith("study, m") for fold in each) for each in folds] == [0, 5]
    assert '<a href="#drift-5">' in many


@pytest.mark.slow
def test_large_drawings_become_pixels() -> None:
    """A figure of many lines is embedded as PNG, a small one as SVG; both keep their size on the page."""
    plain, crowded = Figure(figsize=(4, 2)), Figure(figsize=(4, 2))
    plain.subplots().plot([0, 1])
    crowded.subplots().scatter(*np.random.default_rng(0).random((2, 6000)))
    figures = [Drawn(name, "drift", "", "", figure) for name, figure in (("plain", plain), ("crowded", crowded))]
    made = pictures(figures, workers=1)
    assert [one.source.split(";")[0] for one in made] == ["data:image/svg+xml", "data:image/png"]
    assert {(one.width, one.height) for one in made} == {(384, 192)}
    assert pictures(figures, workers=2) == made


@pytest.mark.slow
def test_saved_beside_the_tables(tmp_path: Path) -> None:
    """Saving writes the page, with the figures that are drawn; left out if skipped."""
    result = between()
    page = (result.save(tmp_path / "a") / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>\n<html")
    n_files = len(list((tmp_path / "a" / "figures").glob("*.pdf")))
    assert n_files == len(list(parse(page).iter("img"))) > 0
    log = pd.DataFrame({"persona": list("abcd"), "arm": list("ccdd"), "question": "q", "response": list("xyxy")})
    skipped = confound.analyze(log, negative_control=["q"], correction="null", skip=["report", "figures"])
    assert not (skipped.save(tmp_path / "b") / "report.html").exists()


AXE = """
const puppeteer = require('puppeteer-core');
const axe = require('fs').readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
(async () => {
  const browser = await puppeteer.launch({executablePath: process.argv[3], args: ['--no-sandbox']});
  const found = [];
  for (const [width, scheme] of [[1280, 'light'], [1280, 'dark'], [360, 'light']]) {
    const page = await browser.newPage();
    page.on('console', message => found.push(message.text()));
    page.on('request', request => /^(file|data):/.test(request.url()) || found.push(request.url()));
    await page.setViewport({width, height: 800});
    await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: scheme}]);
    await page.goto('file://' + process.argv[2]);
    await page.evaluate(() => document.querySelectorAll('details').forEach(each => { each.open = true; }));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) found.push(`wider than the window: ${wide} > ${width}`);
    await page.evaluate(axe);
    const {violations, passes} = await page.evaluate(() => axe.run(document));
    if (passes.length < 20) found.push('axe did not run');
    found.push(...violations.map(each => `${each.impact} ${each.id}: ${each.nodes[0].html}`));
  }
  console.log(JSON.stringify(found));
  await browser.close();
})();
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not (os.environ.get("NODE_PATH") and shutil.which("node") and shutil.which("chromium")),
    reason="needs node and chromium, and NODE_PATH with axe-core and puppeteer-core",
)
def test_axe_finds_nothing(hostile: confound.Analysis, tmp_path: Path) -> None:
    """In Chromium, wide, dark and narrow: nothing that axe-core knows, nothing loaded, no sideways scrolling."""
    (tmp_path / "page.html").write_text(report.page(hostile, drawn()), encoding="utf-8")
    (tmp_path / "axe.js").write_text(AXE)
    command: list[Any] = [shutil.which("node"), tmp_path / "axe.js", tmp_path / "page.html", shutil.which("chromium")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)  # noqa: S603
    assert json.loads(done.stdout) == []
