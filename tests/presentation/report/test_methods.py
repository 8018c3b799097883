"""The short texts on each statistic: one source, which cites what there is and is escaped."""

import re
from importlib.resources import files

import pytest

from confound.presentation.report import methods
from confound.presentation.report.references import REFERENCES, Citations
from confound.statistics.drift.corrected_distance import METHODS

TEMPLATE = (files("confound.presentation.report") / "templates" / "methods.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", methods.texts())
def test_every_text_can_be_shown(name: str) -> None:
    """Each text cites references that exist and leaves no markup behind."""
    written = methods.to_html(name, Citations().cite)
    assert not re.search(r"[@*`]|\[|\]", written)
    assert written.endswith(".")


def test_texts_and_template_hold_the_same_names() -> None:
    """The report can show every text, names none that is missing, and has one for every correction."""
    named = {name for name in re.findall(r'"([\w ]+)"', TEMPLATE) if name in methods.texts()}
    corrections = {f"correction {method}" for method in METHODS}
    assert named | corrections == set(methods.texts())


def test_every_reference_is_cited() -> None:
    """No reference is listed that no text cites."""
    cited = {key for text in methods.texts().values() for key in re.findall(r"@(\w+)", text)}
    assert cited == set(REFERENCES)


def test_jackknife_leaves_answers_out() -> None:
    """The words say what the code does: answers are left out, and not personas."""
    assert "the answers of each arm are left out one at a time" in methods.texts()["correction jackknife"]


def test_markup_and_citations_become_html(monkeypatch: pytest.MonkeyPatch) -> None:
    """Emphasis, names and citations are written as HTML; whatever else a text holds is escaped."""
    monkeypatch.setattr(methods, "texts", lambda: {"x": "*so* `p` <b> [@holm; @welch]."})
    written = methods.to_html("x", Citations().cite)
    assert written == "<em>so</em> <code>p</code> &lt;b&gt; (Holm 1979; Welch 1947)."
