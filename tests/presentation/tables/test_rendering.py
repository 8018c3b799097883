"""HTML, Markdown and Word: as printed, and harmless whatever labels hold."""

import io
from html.parser import HTMLParser

import pytest

from confound.errors import InputError
from confound.presentation.figures.pictures import Picture
from confound.presentation.tables.publication import build
from confound.presentation.tables.rendering import FORMATS, STYLE, rendered, to_document, to_html, to_markdown, to_page
from confound.text import printable
from tests.presentation.tables.test_latex import hostile
from tests.small_tables import HOSTILE, SETTINGS, drift, effects

GOLDEN = """\
**Observed effects**

| Outcome | m\\_1: Difference | m\\_1: 95% CI | m\\_1: p | m\\_2: Difference | m\\_2: 95% CI | m\\_2: p |
| :--- | ---: | ---: | ---: | ---: | ---: | ---: |
| rating | \u22120.125 | [\u22120.165, \u22120.085] | .032 | 0.875 | [0.835, 0.915] | < .001 |

*Notes.* Study: books. Contrast: b \u2212 a. Statistic: difference of the arms' means over personas, each counting by \
its own mean (Unknown left out). Cluster: persona (paired t); p is two-sided for no difference, not corrected for \
several outcomes. N: 100 personas (clusters), 30 trials a persona and arm. Brackets: 95% intervals. Seed 7.
"""


class Reader(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag with its attributes' names."""
        self.tags.append(" ".join([tag, *(name for name, _ in attrs)]))

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text += data


def test_golden_markdown() -> None:
    """The whole text."""
    assert to_markdown(build("effects", {"effects": effects(["m_1", "m_2"])}, SETTINGS)) == GOLDEN


def test_markdown_rows_are_whole() -> None:
    """No label adds a cell, ends a row or becomes markup."""
    lines = [line for line in to_markdown(hostile()).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 2 + 2 * len(HOSTILE)
    for line in lines:
        assert line.replace("\\\\", "").replace("\\|", "").count("|") == 8
        assert "<script>" not in line.replace("\\<", "")


def test_html_holds_no_tag_of_others() -> None:
    """Whatever labels hold, the page has our tags only, and shows each label as text."""
    page = Reader(to_html(hostile()))
    known = {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "p", "bdi"}
    assert {tag.split()[0] for tag in page.tags} <= known
    for label in HOSTILE:
        assert printable(label) in page.text


def test_html_aligns_numbers_with_blanks() -> None:
    """What a number lacks is left blank, and never shown as the code of a blank."""
    rows = drift(["m"], ["party", "race"], [0]).assign(tvd=[0.1, -0.1, 0.2])
    text = to_html(build("drift", {"drift": rows}, SETTINGS))
    assert "\N{EN SPACE}" in text
    assert "\\u20" not in text


def test_a_document_of_texts_tables_and_figures() -> None:
    """Parts come in their order under their headings, and what is text stays text."""
    picture = Picture("n", "drift", "A <b> caption", 'An "alt"', 10, 10, b"", b"", "data:image/png;base64,AA")
    table = build("drift", {"drift": drift(["m"], ["party"], [0])}, SETTINGS)
    text = to_document("A & B", {"": ["5 < 6"], "Then": [table, picture]})
    parts = ("<h1>A &amp; B</h1>", "<p>5 &lt; 6</p>", "<h2>Then</h2>", "<table>", "<img", "A &lt;b&gt; caption")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert 'alt="An &#34;alt&#34;"' in text or 'alt="An &quot;alt&quot;"' in text
    assert "<h2></h2>" not in text


def test_html_names_its_rows_and_columns() -> None:
    """Heads have a scope, the table a caption, and a scrolling table can be reached by keyboard."""
    text = to_html(build("drift", {"drift": drift(["m", "n"], ["party"], [0, 1])}, SETTINGS))
    tags = Reader(text).tags
    assert not [tag for tag in tags if tag.split()[0] == "th" and "scope" not in tag]
    assert "<caption>User drift: negative controls</caption>" in text
    assert tags[0] == "div class role aria-label tabindex"
    assert text.count("<tbody>") == 2


def test_page_is_whole() -> None:
    """A page of its own has a language, a title, the style, and no script."""
    page = to_page(hostile())
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert STYLE in page
    assert "<script" not in page


def test_word() -> None:
    """The document opens again with caption, heads, panels, numbers and notes; the heads repeat on each page."""
    docx = pytest.importorskip("docx")
    made = build("drift", {"drift": drift(["m", "n"], ["party"], [0, 1])}, SETTINGS)
    document = docx.Document(io.BytesIO(rendered(made, "docx")))
    (grid,) = document.tables
    assert document.paragraphs[0].text == "User drift: negative controls"
    assert document.paragraphs[-1].text.startswith("Notes. Study: books.")
    rows = [[cell.text for cell in row.cells] for row in grid.rows]
    assert rows[0][1:] == ["m"] * 4 + ["n"] * 4
    assert rows[1][:3] == ["Negative control", "TVD", "95% CI"]
    assert rows[2][0] == "Panel A. Iteration 0 (before adjustment)"
    assert rows[3][:4] == ["party", "0.050", "[0.000, 0.100]", "< .001"]
    assert [row._tr.xpath("count(./w:trPr/w:tblHeader)") for row in grid.rows[:3]] == [1, 1, 0]  # noqa: SLF001


def test_word_aligns_by_blanks_and_shows_no_codes() -> None:
    """Blanks that align numbers stand as blanks; they were escaped, and printed as codes."""
    docx = pytest.importorskip("docx")
    made = drift(["m"], ["party", "race"], [0])
    made.loc[made["question"] == "race", ["pvalue", "tvd"]] = [0.25, 10.0]
    document = docx.Document(io.BytesIO(rendered(build("drift", {"drift": made}, SETTINGS), "docx")))
    texts = [cell.text for row in document.tables[0].rows for cell in row.cells]
    assert not any("\\u" in text for text in texts)
    assert any("\u2002" in text for text in texts)


def test_word_is_plain() -> None:
    """Hostile labels are text in Word, and hold no field."""
    docx = pytest.importorskip("docx")
    document = docx.Document(io.BytesIO(rendered(hostile(), "docx")))
    labels = [row.cells[0].text for row in document.tables[0].rows]
    for label in HOSTILE:
        assert "\n".join(map(printable, label.split("\n"))) in labels
    assert not document.element.xpath("//w:fldSimple | //w:instrText | //w:hyperlink")


def test_word_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without python-docx the error names the extra."""
    monkeypatch.setitem(__import__("sys").modules, "docx", None)
    monkeypatch.delitem(__import__("sys").modules, "confound.presentation.tables.word", raising=False)
    with pytest.raises(InputError, match=r"confound\[word\]"):
        rendered(hostile(), "docx")


@pytest.mark.parametrize("form", FORMATS)
def test_same_table_same_bytes(form: str) -> None:
    """Rendering again gives the same content, but for the dates in a Word file."""
    if form == "docx":
        pytest.importorskip("docx")
    first, second = (rendered(hostile(), form) for _ in range(2))
    assert len(first) == len(second)
    assert form == "docx" or first == second
