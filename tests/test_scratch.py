"""Scratch folders: those of processes that were killed are swept, those of others are left."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from confound import scratch


@pytest.fixture
def dead() -> int:
    """Return the number of a process that has ended."""
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    return int(done.stdout)


def test_what_killed_processes_left_is_swept(dead: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new scratch folder sweeps those of dead processes; of living ones, other machines and other names none."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mine = scratch.prefix("confound")
    host = mine.split("-")[1]
    left = tmp_path / f"confound-{host}-{dead}-abc"
    others = [f"{mine}abc", f"confound-00000000-{dead}-abc", "confound-notes", f"confound-{host}-{dead}"]
    for folder in (left, *(tmp_path / name for name in others)):
        (folder / "spill").mkdir(parents=True)
    (tmp_path / f"confound-{host}-{dead}-file").write_text("mine")
    (tmp_path / f"confound-{host}-{dead}-link").symlink_to(tmp_path / "confound-notes")
    with scratch.temporary() as room:
        assert Path(room).name.startswith(mine)
    kept = {*others, f"confound-{host}-{dead}-file", f"confound-{host}-{dead}-link"}
    assert {path.name for path in tmp_path.iterdir()} == kept
    assert (tmp_path / "confound-notes" / "spill").is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_folders_of_other_users_stay(dead: int, tmp_path: Path) -> None:
    """In a folder that all share, another user's scratch is none of ours."""
    host = scratch.prefix("confound").split("-")[1]
    folder = tmp_path / f"confound-{host}-{dead}-abc"
    folder.mkdir()
    assert scratch.is_left(folder)
    os.chown(folder, 65534, 65534)
    assert not scratch.is_left(folder)
