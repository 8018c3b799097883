"""A finished folder takes another's place: in one step, or in two where the system cannot."""

import errno
import sys
from pathlib import Path

import pytest

from confound.presentation import swap


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return a new folder and an old one."""
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "says").write_text(name)
    return tmp_path / "new", tmp_path / "old"


@pytest.mark.skipif(sys.platform != "linux", reason="has no exchange of names")
def test_names_are_exchanged(folders: tuple[Path, Path]) -> None:
    """Both folders are there after the one step, under each other's names."""
    new, old = folders
    if not swap.exchanged(new, old):
        pytest.skip("the file system cannot")
    assert [path.joinpath("says").read_text() for path in (new, old)] == ["old", "new"]


@pytest.mark.parametrize("able", [True, False])
def test_the_new_folder_stands(folders: tuple[Path, Path], able: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new one is in its place, and the old one is beside it."""
    if not able:
        monkeypatch.setattr(swap, "exchanged", lambda *_: False)
    new, old = folders
    swap.put(new, old)
    assert (old / "says").read_text() == "new"
    (beside,) = (path for path in old.parent.iterdir() if path != old)
    assert (beside / "says").read_text() == "old"


def test_a_failure_changes_nothing(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the second of two renames fails, the old folder is put back."""
    monkeypatch.setattr(swap, "exchanged", lambda *_: False)
    new, old = folders
    rename = Path.rename

    def refused(path: Path, target: Path) -> Path:
        if path == new:
            raise OSError(errno.EACCES, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OSError, match="Permission denied"):
        swap.put(new, old)
    assert (old / "says").read_text() == "old"
    assert (new / "says").read_text() == "new"


def test_a_missing_place_is_taken(folders: tuple[Path, Path]) -> None:
    """Without an earlier folder there is one rename."""
    new, old = folders
    swap.put(new, old.with_name("third"))
    assert (old.with_name("third") / "says").read_text() == "new"
    assert not new.exists()
