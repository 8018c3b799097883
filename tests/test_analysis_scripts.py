"""The scripts in `analysis/`: each makes what its README promises."""

import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest

import confound
from benchmarks.speed.log.grid import Grid, truth, write_log
from tests.grid_log import grid_log

ROOT = Path(__file__).parent.parent
SCRIPTS = ("illusion_of_intervention", "story_beliefs")
STORIES = ROOT.parent / "shared" / "data" / "story_beliefs.parquet"


def run(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: str | Path) -> None:
    """Run a script as `python analysis/NAME ARGUMENTS` does."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(ROOT / "analysis" / name), run_name="__main__")


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_says_what_to_bring(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--help` answers and names the output."""
    with pytest.raises(SystemExit) as left:
        run(monkeypatch, name, "--help")
    assert left.value.code == 0
    assert "--out" in capsys.readouterr().out


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_missing_log_is_one_message(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be read ends with exit code 2 and a message instead of a traceback."""
    with pytest.raises(SystemExit) as left:
        run(monkeypatch, name, tmp_path / "none.parquet", "--out", tmp_path / "out")
    assert left.value.code == 2
    assert "none.parquet" in capsys.readouterr().err


@pytest.mark.slow
def test_every_figure_of_the_paper_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log with all roles gives each numbered figure as PDF and PNG, and the saved analysis gives the same again."""
    log = tmp_path / "log.parquet"
    grid_log(studies=1, models=1, iterations=3, controls=2, personas=8, trials=6).to_parquet(log)
    options = ("--correction", "null", "--targeted-from", "2", "--workers", "1")
    run(monkeypatch, "illusion_of_intervention", log, "--out", tmp_path / "a", *options)
    made = {path.name for path in (tmp_path / "a").iterdir()}
    for number in range(3, 12):
        for kind in ("pdf", "png"):
            assert [name for name in made if name.startswith(f"figure_{number:02d}") and name.endswith(kind)], number
    assert {f"figure_11-iteration_{i:02d}.pdf" for i in range(3)} <= made
    assert {"table_drift.tex", "table_effects.csv", "index.md"} <= made
    assert "none: the log" not in (tmp_path / "a" / "index.md").read_text(encoding="utf-8")

    run(monkeypatch, "illusion_of_intervention", tmp_path / "a" / "analysis", "--out", tmp_path / "b", "--workers", "1")
    for name in ("figure_04.pdf", "index.md", "table_drift.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.slow
def test_drift_falls_and_effects_settle_where_the_truth_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a log of known truth the remade tables show drift that falls, and effects that end where they settle."""
    grid = Grid(studies=1, models=1, iterations=8, personas=20, trials=20, questions=6)
    write_log(tmp_path / "log.parquet", grid, seed=1)
    out = tmp_path / "out"
    run(monkeypatch, "illusion_of_intervention", tmp_path / "log.parquet", "--out", out, "--correction", "null")
    drift = pd.read_csv(out / "table_drift.csv").query("question == '(all)'").set_index("iteration")
    assert drift.loc[7, "ci_high"] < drift.loc[0, "tvd"]
    assert drift.loc[0, "pvalue"] < 0.001
    expected = truth(grid, seed=1).set_index(["iteration", "question"])
    effects = pd.read_csv(out / "table_effects.csv").query("level.isna()", engine="python")
    effects = effects.set_index(["iteration", "question"]).join(expected[["effect", "settled"]])
    held = (effects["ci_low"] <= effects["settled"]) & (effects["settled"] <= effects["ci_high"])
    assert held.loc[[6, 7]].all()
    assert not held.loc[0].any()
    assert "no questions with role retention" in (out / "index.md").read_text(encoding="utf-8")


def upstream_row(person: str, first: str, second: str) -> dict[str, str]:
    """Make a row in the layout of the Mega-Study's files; the first story's answers are 10 to 14, the other's 20."""
    row = {"TWIN_ID": person, "StoryA_Chapter1": f"Once, {first} woke.", "StoryB_Chapter1": f"Then {second} left."}
    for slot, base in (("A", 10), ("B", 20)):
        for chapter in (1, 2):
            for what in ("val", "aro"):
                row |= {f"{slot}chap{chapter}_{what}_{i}": f"{base + i}.0" for i in range(1, 6)}
            row[f"{slot}chap{chapter}_interest"] = str(chapter + base // 10)
    row |= {f"genre_{i}": str(1 + i % 5) for i in range(1, 11)}
    row |= {f"culture_familiar_{i}": code for i, code in enumerate(("7", "8", "9", "4", "5", ""), 1)}
    return row | {f"belief_preference_{i}": "8" for i in range(1, 5)}


def upstream_file(path: Path, *rows: dict[str, str]) -> Path:
    """Write rows under the three header lines of Qualtrics."""
    frame = pd.DataFrame(rows)
    labels = pd.DataFrame([{c: f"What about {c}?" for c in frame}, dict.fromkeys(frame, '{"ImportId":"QID1"}')])
    pd.concat([labels, frame]).to_csv(path, index=False)
    return path


def test_the_upstream_files_become_a_response_table(tmp_path: Path) -> None:
    """Who read which story in which place, and the survey's codes, are told apart; header lines are no answers."""
    read = runpy.run_path(str(ROOT / "analysis" / "story_beliefs" / "upstream.py"))["read"]
    people = upstream_file(tmp_path / "p.csv", upstream_row("1", "Dylan", "Aelin"), upstream_row("2", "Mira", "Yoko"))
    twins = upstream_file(tmp_path / "t.csv", upstream_row("1", "Dylan", "Aelin"))
    log = read(people, twins)
    assert len(log) == 3 * 2 * (6 + 16 + 4)
    assert log.groupby("model")["persona"].unique().map(list).to_dict() == {"human": ["1", "2"], "llm_twin": ["1"]}
    told = log[log["model"] == "human"].set_index(["persona", "arm", "question"])["response"]
    assert told["1", "teen", "chap1_val_1"] == "11"
    assert told["1", "fantasy", "chap2_aro_1"] == "21"
    assert told["2", "diary", "chap1_interest"] == "2"
    assert told["2", "princess", "books_read_10y_hist_nonfiction"] == "1"
    cultures = ("hollywood", "bollywood", "east_asian_drama", "telenovela", "african_oral")
    assert [told["1", "teen", f"familiar_{name}"] for name in cultures] == ["1", "2", "3", "4", "5"]
    assert pd.isna(told["1", "teen", "familiar_european_fairy_tales"])
    studies = log.groupby("arm")["study"].unique().map(list)
    assert studies["diary"] == ["story_thriller_vs_diary"]
    assert studies["princess"] == ["story_hidden_door_vs_princess"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"StoryA_Chapter1": "Nobody woke."}, "no known story in StoryA_Chapter1 of TWIN_ID 1"),
        ({"culture_familiar_2": "6"}, "'culture_familiar_2' holds the code 6"),
    ],
)
def test_what_is_not_known_of_the_upstream_files_is_refused(
    change: dict[str, str], message: str, tmp_path: Path
) -> None:
    """A story or a code that was never seen stops the reading."""
    read = runpy.run_path(str(ROOT / "analysis" / "story_beliefs" / "upstream.py"))["read"]
    path = upstream_file(tmp_path / "p.csv", upstream_row("1", "Dylan", "Aelin") | change)
    with pytest.raises(confound.InputError, match=message):
        read(path, path)


def test_another_layout_is_refused(tmp_path: Path) -> None:
    """A file without the study's columns is named with the first one missing."""
    read = runpy.run_path(str(ROOT / "analysis" / "story_beliefs" / "upstream.py"))["read"]
    (tmp_path / "p.csv").write_text("TWIN_ID,answer\n1,2\n")
    with pytest.raises(confound.InputError, match="column 'StoryA_Chapter1' is missing"):
        read(tmp_path / "p.csv", tmp_path / "p.csv")


@pytest.mark.slow
@pytest.mark.skipif(not STORIES.exists(), reason="the published log is not beside the project")
def test_the_page_on_the_stories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The headline has the twins' excess drift with its interval, the tables the genre just read and the effects."""
    run(monkeypatch, "story_beliefs", STORIES, "--out", tmp_path / "out", "--correction", "null")
    said = capsys.readouterr().out
    assert "+0.11 (95 % interval -0.01 to +0.19) in story_fantasy_vs_scifi" in said
    assert "above 0 in 0 of 4 pairs of stories; after Holm's correction over the pairs the smallest p is 0.271." in said
    page = (tmp_path / "out" / "page.html").read_text(encoding="utf-8")
    assert said.splitlines()[0].split(";")[0] in page
    for text in ("The genre just read", "books_read_10y_thriller", "Of 24 effects of a story on the twins, 16", "<img"):
        assert text in page
    assert ">Bounds<" in page
    assert "familiar_bollywood" not in page
    assert (tmp_path / "out" / "analysis" / "report.html").exists()
