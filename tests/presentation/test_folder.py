"""What cannot be drawn or written costs only itself: tables and page stand, and what is missing is told."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import confound
from confound.cli import main
from confound.presentation import frames, terminal
from confound.presentation.figures import gallery, pictures
from confound.presentation.report import page
from confound.presentation.tables import publication, rendering
from tests.test_failures import log, raising

KINDS = [kind for kind in gallery.KINDS if kind not in gallery.MANY]


@pytest.fixture(scope="module")
def result() -> confound.Analysis:
    """Analyse a log of two arms and three iterations, without models."""
    return confound.analyze(log(2), skip=("stabilization",))


def saved(result: confound.Analysis, folder: Path) -> tuple[set[str], str]:
    """Save a result in which something fails; return the files, and what was warned."""
    with pytest.warns(confound.ConfoundWarning) as told:
        result.save(folder, workers=1)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"analysis.json", "failures.txt", "tables/drift.csv"} <= files
    return files, "\n".join(str(each.message) for each in told)


@pytest.mark.slow
@pytest.mark.parametrize("arms", [2, 3, 20])
def test_any_number_of_arms_is_shown(arms: int, tmp_path: Path) -> None:
    """Tables, page and figures are made of two arms, three, or twenty; no warning, which would be an error here."""
    found = confound.analyze(log(arms), skip=("stabilization",))
    folder = found.save(tmp_path / "out")
    assert not (folder / "failures.txt").exists()
    drawn = {path.name for path in (folder / "figures").glob("waterfall*.pdf")}
    assert drawn >= {f"waterfall-{route}.pdf" for route in ("adjustment", "g-formula", "aipw")}
    assert "data:image/" in (folder / "report.html").read_text()


def gaps(name: str) -> pd.DataFrame:
    """Make a log of three arms in which something is missing."""
    whole = log(3)
    outcome, first = whole["role"] == "outcome", whole["iteration"] == 0
    return {
        "one persona": whole[whole["persona"] == 0],
        "one trial": whole[whole["trial"] == 0],
        "one answer of a persona": whole[(whole["trial"] == 0) & first & (whole["arm"] != "arm 2")],
        "one iteration": whole[first],
        "no control": whole[outcome],
        "no outcome": whole[~outcome],
        "outcome unknown": whole.assign(response=whole["response"].mask(outcome)),
        "controls unknown": whole.assign(response=whole["response"].mask(~outcome)),
        "always the same": whole.assign(response=np.where(outcome, "4", "yes")),
        "an arm at first only": whole[(whole["arm"] != "arm 2") | first],
        "a control at first only": whole[(whole["question"] != "race") | first],
        "a model without iterations": pd.concat([whole.assign(model="a"), whole[first].assign(model="b")]),
        "a study without controls": pd.concat([whole.assign(study="a"), whole[first & outcome].assign(study="b")]),
    }[name]


GAPS = (
    *("one persona", "one trial", "one answer of a persona", "one iteration", "no control", "no outcome"),
    *("outcome unknown", "controls unknown", "always the same", "an arm at first only", "a control at first only"),
    *("a model without iterations", "a study without controls"),
)


@pytest.mark.slow
@pytest.mark.parametrize("name", GAPS)
def test_what_is_missing_breaks_nothing(name: str, tmp_path: Path) -> None:
    """Whatever a log lacks, tables, page, figures and the terminal's text are made, and none shows a NaN."""
    found = confound.analyze(gaps(name), skip=("stabilization",), workers=1)
    folder = found.save(tmp_path / "out", workers=1)
    assert found.failures == ()
    assert not (folder / "failures.txt").exists()
    page_text = re.sub(r'src="data:[^"]*"', "", (folder / "report.html").read_text(encoding="utf-8"))
    papers = [path.read_text(encoding="utf-8") for path in (folder / "tables").glob("*.html")]
    assert not any(re.search(r"\bnan\b", said) for said in (page_text, terminal.text(found), *papers))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_that_fails_costs_itself(
    kind: str, result: confound.Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other figures are drawn, and the page says which one is missing."""
    monkeypatch.setattr(gallery, "KINDS", {**gallery.KINDS, kind: raising})
    files, told = saved(result, tmp_path / "out")
    assert f"Missing: figure ({kind})" in told
    assert f"Missing: figure ({kind})" in (tmp_path / "out" / "report.html").read_text()
    assert any(name.startswith("figures/") for name in files)
    assert not any(name.startswith(f"figures/{kind}.") for name in files)


def test_figures_that_all_fail_leave_tables_and_page(
    result: confound.Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where drawing itself fails, the page is there without pictures."""
    monkeypatch.setattr(pictures, "picture", raising)
    files, told = saved(result, tmp_path / "out")
    assert "Missing: figure" in told
    assert "report.html" in files
    assert not any(name.startswith("figures/") for name in files)


@pytest.mark.slow
def test_a_page_that_fails_leaves_tables_and_figures(
    result: confound.Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a page there are still the tables and the figures."""
    monkeypatch.setattr(page, "page", raising)
    files, told = saved(result, tmp_path / "out")
    assert "Missing: page" in told
    assert "report.html" not in files
    assert "figures/love_plot.png" in files


@pytest.mark.parametrize("name", ["build", "TEXTS"])
def test_a_table_that_fails_costs_itself(
    name: str, result: confound.Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that cannot be laid out or written for a paper is still there as CSV."""
    bare = confound.analyze(log(2), skip=("stabilization", "figures", "report"))
    if name == "build":
        monkeypatch.setattr(publication, "build", raising)
    else:
        monkeypatch.setattr(rendering, "TEXTS", {**rendering.TEXTS, "tex": raising})
    files, told = saved(bare, tmp_path / "out")
    assert "Missing: table drift for a paper" in told
    assert not {"tables/drift.tex"} & files
    assert confound.load(tmp_path / "out").drift.equals(result.drift)


def test_markdown_that_fails_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table for reading that cannot be written is still there as CSV."""
    bare = confound.analyze(log(2), skip=("stabilization", "figures", "report"))
    monkeypatch.setattr(frames, "to_markdown", raising)
    files, told = saved(bare, tmp_path / "out")
    assert "Missing: table means as Markdown" in told
    assert "tables/means.csv" in files


def test_the_command_tells_and_exits_with_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line says what is missing, saves the rest, and does not count as success."""
    monkeypatch.setattr(page, "page", raising)
    log(2).to_csv(tmp_path / "log.csv", index=False)
    more = ["--skip", "stabilization", "--skip", "figures", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, ["analyze", str(tmp_path / "log.csv"), *more])
    assert done.exit_code == 1
    assert "Missing: page" in done.output
    assert "VERDICT" in done.output
    assert (tmp_path / "out" / "analysis.json").is_file()
