"""Saving: whole or not at all, never over what is not ours, and the same bytes for the same seed."""

import json
from pathlib import Path

import pandas as pd
import pytest

import confound
from confound.errors import InputError
from confound.findings.tables import TABLES


@pytest.fixture(scope="module")
def result(log_frame) -> confound.Analysis:  # type: ignore[no-untyped-def]
    """Analyse a log of one control and one outcome."""
    control = log_frame({"control": "xxyy", "treated": "xyyy"})
    outcome = log_frame({"control": [1, 2, 2, None], "treated": [2, 3, 3, 1]}, question="rating", role="outcome")
    return confound.analyze(pd.concat([control, outcome]), skip=["figures"])


def files(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_what_is_written(result: confound.Analysis, tmp_path: Path) -> None:
    """The folder holds the contract's files with the contract's columns, and JSON without NaN."""
    folder = result.save(tmp_path / "out")
    names = {f"tables/{name}.{kind}" for name in TABLES for kind in ("csv", "md")} | {
        f"tables/{name}.{kind}"
        for name in ("data", "drift", "effects", "sensitivity", "variance")
        for kind in ("tex", "html")
    }
    assert set(files(folder)) == {".confound.json", "analysis.json", "report.html", *names}
    for name, columns in {
        "data": TABLES["data"].names,
        "drift": TABLES["drift"].names,
        "effects": TABLES["effects"].names,
    }.items():
        assert tuple(pd.read_csv(folder / "tables" / f"{name}.csv").columns) == columns
    content = json.loads((folder / "analysis.json").read_text())
    assert content["settings"]["seed"] == 0
    assert content["versions"]["confound"] == confound.__version__
    assert len(content["effects"]) == len(result.effects)


@pytest.mark.slow
def test_figures_are_saved_unless_skipped(log_frame, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Every figure is there as PDF and PNG, the same bytes when saved again; none if skipped."""
    log = log_frame({"control": "xxyy", "treated": "xyyy"})
    drawn = confound.analyze(log)
    first, second = (files(drawn.save(tmp_path / name)) for name in ("a", "b"))
    assert first == second
    made = sorted(name for name in first if name.startswith("figures/"))
    assert made == [f"figures/{n}.{kind}" for n in ("love_plot", "negative_controls_by_arm") for kind in ("pdf", "png")]
    skipped = confound.analyze(log, skip=["figures"]).save(tmp_path / "c")
    assert not (skipped / "figures").exists()
    assert {name for name in first if name not in made} - {"analysis.json"} == set(files(skipped)) - {"analysis.json"}


@pytest.mark.slow
def test_a_manifest_says_where_targeted_confounders_begin(log_frame, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """It is read beside the log, given by hand otherwise, and unknown without either or where it is no manifest."""
    log = log_frame({"control": "xxyy", "treated": "xyyy"})
    log.to_parquet(tmp_path / "responses.parquet")
    found = [confound.analyze(log, targeted_from=given).settings["targeted_from"] for given in (None, 3)]
    for text in ("", "[]", '{"study": "study"}', '{"study": "study", "targeted_from": 8}'):
        (tmp_path / "manifest.json").write_text(text)
        paths = (tmp_path, tmp_path / "responses.parquet")
        found += [confound.analyze(path).settings["targeted_from"] for path in paths]
    assert found == [{}, {"study": 3}, *[{}] * 6, {"study": 8}, {"study": 8}]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Rows in another order change no byte, and neither does a second run; Monte Carlo tests included."""
    rows = [
        {"persona": f"{arm}{p}", "arm": arm, "question": "q", "role": "negative_control", "response": "xyz"[p * t % 3]}
        for arm in ("control", "treated")
        for p in range(5)
        for t in range(4)
    ]
    frame = pd.DataFrame(rows)
    first = confound.analyze(frame, seed=4).save(tmp_path / "a")
    second = confound.analyze(frame.sample(frac=1, random_state=1), seed=4).save(tmp_path / "b")
    assert (pd.read_csv(first / "tables" / "drift.csv")["test"] == "monte carlo").all()
    assert files(first) == files(second)


def test_an_earlier_analysis_is_replaced(result: confound.Analysis, tmp_path: Path) -> None:
    """Saving again renews the folder and leaves nothing beside it."""
    result.save(tmp_path / "out")
    first = (tmp_path / "out" / "analysis.json").stat().st_ino
    result.save(tmp_path / "out")
    assert (tmp_path / "out" / "analysis.json").stat().st_ino != first
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["thesis.docx", "tables/../mine"])
def test_a_folder_of_others_is_left_alone(result: confound.Analysis, tmp_path: Path, name: str) -> None:
    """A folder that holds anything else is refused and untouched."""
    out = tmp_path / "out"
    (out / "tables").mkdir(parents=True)
    (out / name).write_text("mine")
    with pytest.raises(InputError, match="nothing was changed"):
        result.save(out)
    assert (out / name).read_text() == "mine"


def test_a_failed_write_leaves_the_earlier_analysis(
    result: confound.Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk while writing is one clear error; the old folder stands, no part of the new one does."""
    out = result.save(tmp_path / "out")
    before = files(out)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("confound.findings.record.json.dumps", full)
    with pytest.raises(InputError, match="No space left on device"):
        result.save(out)
    assert files(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_file_in_the_way_is_refused(result: confound.Analysis, tmp_path: Path) -> None:
    """A file where the folder should be is an error, not lost."""
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        result.save(tmp_path / "out")


def test_notebook_view_escapes(log_frame) -> None:  # type: ignore[no-untyped-def]
    """A question called like markup is shown as text."""
    frame = log_frame({"control": "xxyy", "treated": "xyyy"}, question="<script>x</script>")
    html = confound.analyze(frame)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "User drift: negative controls</caption>" in html


@pytest.mark.slow
def test_load_gives_back_what_was_saved(result: confound.Analysis, tmp_path: Path) -> None:
    """Frames with their types, verdict, settings and versions come back the same, from the folder or its file."""
    folder = result.save(tmp_path / "out")
    for path in (folder, folder / "analysis.json"):
        again = confound.load(path)
        for name, frame in result.frames.items():
            pd.testing.assert_frame_equal(again.frames[name], frame, check_exact=True)
        assert (again.verdict, again.settings, again.versions) == (result.verdict, result.settings, result.versions)
    assert files(again.save(tmp_path / "again")) == files(folder)


def test_load_refuses_a_result_without_its_parts(result: confound.Analysis, tmp_path: Path) -> None:
    """A file without a frame or with a verdict of another shape is told to be damaged."""
    path = result.save(tmp_path / "out") / "analysis.json"
    whole = json.loads(path.read_text())
    for broken in (
        {**whole, "dtypes": {name: kinds for name, kinds in whole["dtypes"].items() if name != "drift"}},
        {**whole, "verdict": [{"model": "m"}]},
        {**whole, "settings": 3},
        {**whole, "settings": {**whole["settings"], "confidence": None}},
        {**whole, "settings": {**whole["settings"], "labels": 3}},
        {**whole, "settings": {**whole["settings"], "labels": {"studies": {"s": 3}}}},
        {**whole, "dtypes": {**whole["dtypes"], "drift": {"study": "str"}}, "drift": []},
    ):
        path.write_text(json.dumps(broken))
        with pytest.raises(InputError, match="is damaged"):
            confound.load(path)


@pytest.mark.parametrize("dtype", ["O", "object", "datetime64[ns]", "V8", "complex128", "S10", "Sparse[int]", "str", 3])
def test_load_refuses_other_types(result: confound.Analysis, tmp_path: Path, dtype: object) -> None:
    """A column of numbers that is said to hold something else is damage, whatever pandas would make of it."""
    path = result.save(tmp_path / "out") / "analysis.json"
    whole = json.loads(path.read_text())
    whole["dtypes"]["drift"]["tvd"] = dtype
    path.write_text(json.dumps(whole))
    with pytest.raises(InputError, match="is damaged"):
        confound.load(path)


@pytest.mark.parametrize("value", [True, 3, [1], {"a": 1}, "\ud800"])
def test_load_refuses_other_values(result: confound.Analysis, tmp_path: Path, value: object) -> None:
    """A label that is no text, or none that can be written, is damage."""
    path = result.save(tmp_path / "out") / "analysis.json"
    whole = json.loads(path.read_text())
    whole["drift"][0]["question"] = value
    whole["dtypes"]["drift"]["question"] = "object"
    path.write_text(json.dumps(whole))
    with pytest.raises(InputError, match="is damaged"):
        confound.load(path)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n" + b"\x00" * 400, b"not netCDF"])
def test_damaged_draws_are_of_no_matter(result: confound.Analysis, tmp_path: Path, content: bytes) -> None:
    """Nothing here reads `stabilization.nc` back: a result with another one loads, and is not saved over it."""
    folder = result.save(tmp_path / "out")
    (folder / "stabilization.nc").write_bytes(content)
    again = confound.load(folder)
    assert again.verdict == result.verdict
    with pytest.raises(InputError, match=r"stabilization\.nc.*nothing was changed"):
        again.save(folder)
    assert (folder / "stabilization.nc").read_bytes() == content
    assert not (again.save(tmp_path / "new") / "stabilization.nc").exists()


@pytest.mark.slow
def test_labels_of_study_files_reach_the_tables(log_frame, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A study's title and a question's label are kept with the result and stand in its tables."""
    path = tmp_path / "study.yaml"
    path.write_text(
        "study: study\ntitle: Books\nquestions:\n  - {id: party, role: negative_control, label: Party now}\n"
    )
    made = confound.analyze(log_frame({"control": "xxyy", "treated": "xyyy"}), study_file=[path])
    again = confound.load(made.save(tmp_path / "out"))
    assert again.settings["labels"] == {"studies": {"study": "Books"}, "questions": {"party": "Party now"}}
    assert b"Party now" in again.publish("drift", "md")


def test_publish_refuses_an_unknown_format(result: confound.Analysis) -> None:
    """The error lists the formats there are."""
    with pytest.raises(InputError, match="There are tex, md, html, docx"):
        result.publish("drift", "pdf")
    assert result.publish("drift", "csv").startswith(b"study,model,")


def test_one_name_needs_no_list_and_a_result_is_short_to_read() -> None:
    """A question or a part may be given alone; what a result prints is the verdict's states and the sizes of tables."""
    log = pd.DataFrame(
        [
            (persona, arm, question, answer)
            for persona in "abc"
            for arm, answer in (("control", "x"), ("treated", "y"))
            for question in ("party", "party2")
        ],
        columns=["persona", "arm", "question", "response"],
    )
    skip = ("stabilization", "decomposition")
    alone = confound.analyze(log, negative_control="party", skip=skip)
    listed = confound.analyze(log, negative_control=["party"], skip=skip)
    pd.testing.assert_frame_equal(alone.drift, listed.drift)
    assert confound.analyze(log, negative_control="party", skip="drift").drift.empty
    said = repr(alone).splitlines()
    assert said[0].startswith("<Analysis of ")
    assert said[1] == f"  study, model: drift {alone.verdict[0].drift}"
    assert "drift (1)" in said[-1]
    assert len(said) == 3
    assert {"analyze", "load", "figures"} <= set(dir(confound))
    assert "analysis" not in dir(confound)
