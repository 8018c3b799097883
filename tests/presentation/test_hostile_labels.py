"""Labels of a study file: whatever they hold, tables, figures and page are made, and none of it acts."""

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import html5lib
import pandas as pd
import pytest
import yaml

import confound
from confound import InputError
from confound.presentation import frames
from tests.log.made import analysed, made

LABELS = [
    "$\\frac{",
    "$x$ and $\\frac{1}{0}$",
    "\\input{/etc/passwd} \\write18{id}",
    "$$\\def\\a{\\a\\a}\\a$$",
    "_^&#~%$ \\\\ {",
    "a\x00b\x07\x1b[2J\x9b1m",
    "x" * 10_000,
    "\u202egnp.exe\u202c \u2066x\u2069",
    "<script>alert(1)</script>",
    "</title><svg onload=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "=1+1|cmd",
    "a\r\n=1+1",
    "{{ 7*7 }} {% raw %} %s {0} %(x)d",
    "\U0001f600\u200d\u0301\u0336" * 50,
    "\ufeff\ufffe\uffff\ue000",
    "\u2028\u2029",
    "](javascript:x) ![a](b) | `x`",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Analyse a log with as many controls as labels, and save the result."""
    place = tmp_path_factory.mktemp("hostile")
    log = made(personas=6, trials=3)
    party = log[log["question"] == "party"]
    asked = [party.assign(question=f"party{i}") for i in range(len(LABELS))] + [log[log["question"] == "likely"]]
    questions = [{"id": f"party{i}", "role": "negative_control", "label": text} for i, text in enumerate(LABELS)]
    questions.append({"id": "likely", "role": "outcome", "label": LABELS[1]})
    study = {"study": "s", "title": "".join(LABELS), "questions": questions}
    (place / "study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    given = {"study_file": [place / "study.yaml"], "outcome": (), "negative_control": ()}
    found = analysed(pd.concat(asked).assign(study="s"), **given)
    assert not found.failures
    return found.save(place / "out")  # a part that cannot be made is a warning, and so an error here


@pytest.mark.slow
def test_everything_is_made(folder: Path) -> None:
    """Page, tables in all their forms and figures are there, and the result can be loaded and shown."""
    assert {"love_plot.pdf", "love_plot.png"} <= {path.name for path in (folder / "figures").iterdir()}
    found = confound.load(folder)
    assert found.settings["labels"]["questions"]["party0"] == LABELS[0]
    for form in ("tex", "md", "html", "docx"):
        assert found.publish("drift", form)
    assert "<script>" not in found._repr_html_()


@pytest.mark.slow
def test_the_page_runs_nothing(folder: Path) -> None:
    """The page has no script, no event and no address of the labels' making."""
    tree = html5lib.parse((folder / "report.html").read_text(encoding="utf-8"), namespaceHTMLElements=False)
    assert not list(tree.iter("script"))
    for element in tree.iter():
        assert not [name for name in element.attrib if str(name).startswith("on")]
        assert not str(element.attrib.get("href", "")).startswith("javascript")
        assert not (element.tag == "img" and element.attrib.get("src") == "x")


@pytest.mark.slow
def test_control_characters_reach_no_file(folder: Path) -> None:
    """Neither escape sequences nor what turns the direction of writing stands bare in a table or the page."""
    for path in [*(folder / "tables").glob("drift.*"), folder / "report.html"]:
        if path.suffix == ".csv":
            continue
        assert not re.search("[\x00\x07\x1b\x9b\u202e]", path.read_text(encoding="utf-8")), path.name


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_the_table_compiles(folder: Path, tmp_path: Path) -> None:
    """TeX in labels is text."""
    (tmp_path / "drift.tex").write_bytes(confound.load(folder).publish("drift", "tex"))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "drift.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout[-800:]


def test_halves_of_letters_are_refused(tmp_path: Path) -> None:
    """YAML can write what no file can hold."""
    (tmp_path / "study.yaml").write_text('study: s\nquestions: [{id: party, label: "\\ud83d\\ude00"}]\n')
    with pytest.raises(InputError, match=r"cannot be read as YAML: it is no text"):
        analysed(made(), study_file=[tmp_path / "study.yaml"])


def test_a_study_whose_name_unfolds_is_refused(tmp_path: Path) -> None:
    """Aliases in the place of a name would be gigabytes as text."""
    levels = [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9 if i else ['x'] * 9)}]" for i in range(12)]
    (tmp_path / "study.yaml").write_text("\n".join([*levels, "study: *l11", "control: *l11", "questions: []"]))
    with pytest.raises(InputError, match="`study` is a text"):
        analysed(made(), study_file=[tmp_path / "study.yaml"])


def _written(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def test_csv_comes_back(tmp_path: Path) -> None:
    """Pandas and the standard library read the labels as they were, but for returns and the apostrophe."""
    texts = [text for text in LABELS if "\x00" not in text]
    path = tmp_path / "table.csv"
    path.write_text(frames.to_csv(pd.DataFrame({"label": texts, "n": range(len(texts))})), encoding="utf-8")
    read = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))[1:]
    framed = pd.read_csv(path, keep_default_na=False)
    assert [text for text, _ in read] == framed["label"].tolist()
    assert [text.removeprefix("'") for text, _ in read] == [_written(text) for text in texts]
    assert [text for text, _ in read if text[:1] in ("=", "@", "\t")] == []
    assert framed["n"].tolist() == list(range(len(texts)))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_reads_the_labels(tmp_path: Path) -> None:
    """A spreadsheet has one row a label, the label in one cell, and no formula."""
    openpyxl = pytest.importorskip("openpyxl")
    texts = [text for text in LABELS if "\x00" not in text]
    table = pd.DataFrame({"label": [*texts, "+A1", "\uff1d1+1", "-2+3", "@SUM(A1)"]})
    table["n"] = range(len(table))
    (tmp_path / "table.csv").write_text(frames.to_csv(table), encoding="utf-8")
    # Separated by commas, quoted by ", UTF-8, from the first line.
    convert = ["--headless", "--infilter=CSV:44,34,76,1", "--convert-to", "xlsx", "table.csv", "--outdir", "."]
    home = f"-env:UserInstallation=file://{tmp_path}/office"
    subprocess.run(["soffice", home, *convert], cwd=tmp_path, check=True, capture_output=True)  # noqa: S603, S607
    cells = list(openpyxl.load_workbook(tmp_path / "table.xlsx").active.iter_rows(min_row=2))
    assert [row[1].value for row in cells] == list(range(len(table)))
    assert {cell.data_type for row in cells for cell in row} <= {"s", "n"}
    read = [str(row[0].value).removeprefix("'") for row in cells]
    same = [text for text, back in zip(table["label"], read, strict=True) if _written(text) == back]
    other = [text for text in table["label"] if text not in same]
    assert other == ["\ufeff\ufffe\uffff\ue000"]  # no letters, which xlsx itself cannot hold
