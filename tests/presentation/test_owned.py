"""Folders of results: only what an analysis wrote is replaced, and what a killed one left is put right."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import confound
from benchmarks.safety import kills
from confound import InputError
from confound.presentation import owned
from tests.log.made import analysed, made

SKIP = ("decomposition", "sensitivity", "stabilization", "figures")


@pytest.fixture(scope="module")
def found() -> confound.Analysis:
    """Analyse a small log."""
    return analysed(made(), skip=SKIP)


def test_an_earlier_result_is_replaced(found: confound.Analysis, tmp_path: Path) -> None:
    """Saving again over what an analysis wrote is no fault, and leaves nothing beside."""
    for _ in range(2):
        found.save(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert set(json.loads((tmp_path / "out" / owned.FILE).read_text())["files"]) == {
        path.relative_to(tmp_path / "out").as_posix()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file() and path.name != owned.FILE
    }


@pytest.mark.parametrize(
    "name", ["notes.txt", "tables/mine.csv", "figures/mine.pdf", "tables/drift.csv", "analysis.json"]
)
def test_files_of_the_user_are_safe(name: str, found: confound.Analysis, tmp_path: Path) -> None:
    """A file that was added or edited is named, and nothing is changed."""
    folder = found.save(tmp_path / "out")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=f"{name}.*nothing was changed"):
        found.save(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_with_only_an_analysis_json_is_not_ours(found: confound.Analysis, tmp_path: Path) -> None:
    """A name proves nothing."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "analysis.json").write_text("{}")
    with pytest.raises(InputError, match="which no analysis wrote"):
        found.save(tmp_path / "out")


def test_a_link_is_followed(found: confound.Analysis, tmp_path: Path) -> None:
    """A link stays one, and the result stands where it points."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    found.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "report.html").is_file() or (tmp_path / "real" / "analysis.json").is_file()


def test_what_a_killed_process_left_is_put_right(found: confound.Analysis, tmp_path: Path) -> None:
    """A result that was set aside comes back, and scratch folders of dead processes go; those of others stay."""
    folder = found.save(tmp_path / "out")
    code = "import os; print(os.getpid())"
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603
    mine = owned.scratch_prefix(folder)
    its = mine.replace(f"-{os.getpid()}-", f"-{int(dead.stdout)}-")
    folder.rename(tmp_path / f"{its}abc-old")
    for name in (f"{its}def", ".out-mine", f"{mine}live"):
        (tmp_path / name / "tables").mkdir(parents=True)
    owned.recover(folder)
    assert (folder / "analysis.json").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"out", ".out-mine", f"{mine}live"}


KILLS = int(os.environ.get("CONFOUND_KILLS", "8"))


@pytest.mark.slow
def test_kills_leave_a_whole_result() -> None:
    """Killed at any moment, a run leaves the old result or the new one whole, and the next run leaves nothing else.

    `python -m benchmarks.safety.kills` is the same with 200 kills.
    """
    found = kills.measure(KILLS, "decomposition,sensitivity,stabilization,figures", seed=2, tell=print)
    whole = sum(found[f"at --out: the {which} result, whole"] for which in ("old", "new"))
    assert whole == KILLS, found
    assert found["after the next run: the whole result and nothing left"] == KILLS, found


def test_the_list_of_files_is_never_half_written(
    found: confound.Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies while it writes the list anew leaves the earlier list, by which the folder is still ours."""
    folder = found.save(tmp_path / "out")
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside" / "report.html").write_text("new")

    def killed(path: Path, text: str, **_: object) -> int:
        path.write_bytes(text[:10].encode())
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        owned.record(folder, tmp_path / "aside")
    owned.check(folder)
