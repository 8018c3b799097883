"""The journal: what is written counts, what was cut off does not, and damage is never passed over."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from confound.errors import ConfoundError
from simulate.run.journal import JOURNAL, Journal, replacing
from simulate.run.loop import simulate
from tests.simulate.fakes import small_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RECORDS: list[dict[str, Any]] = [
    {"kind": "run", "n": 1},
    {"text": 'naïve "quoted"\nline \ud800 \x00 三'},
    {"values": [1, 2.5, None]},
]


def written(folder: Path) -> Path:
    """Write the records and return the file."""
    with Journal(folder) as journal:
        journal.append(RECORDS[:1])
        journal.append(RECORDS[1:])
    return folder / JOURNAL


def read(folder: Path) -> list[dict[str, Any]]:
    """Read all records."""
    with Journal(folder) as journal:
        return [record for _, record in journal.records()]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Records come back equal, in order, numbered from 1, whatever text they hold; a line is a record."""
    file = written(tmp_path / "deep" / "run")
    assert read(file.parent) == RECORDS
    with Journal(file.parent) as journal:
        assert [number for number, _ in journal.records()] == [1, 2, 3]
    assert file.read_bytes().count(b"\n") == 3


def test_unfinished_last_line_is_cut_off_wherever_it_ends(tmp_path: Path) -> None:
    """Of a journal cut at any byte the whole lines are read, and writing on gives a sound journal."""
    whole = written(tmp_path).read_bytes()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    for size in range(len(whole) + 1):
        (tmp_path / JOURNAL).write_bytes(whole[:size])
        kept = sum(end <= size for end in ends)
        with Journal(tmp_path) as journal:
            assert [record for _, record in journal.records()] == RECORDS[:kept]
            journal.append([{"later": True}])
        assert read(tmp_path) == [*RECORDS[:kept], {"later": True}]


def test_zeros_after_a_power_cut_are_cut_off(tmp_path: Path) -> None:
    """A tail of zero bytes, as some file systems leave it, does not count."""
    file = written(tmp_path)
    with file.open("ab") as tail:
        tail.write(bytes(5000))
    assert read(tmp_path) == RECORDS


def test_damage_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Any byte changed, but for the very last, is told by its line; the file keeps every byte."""
    file = written(tmp_path)
    whole = file.read_bytes()
    for place in range(len(whole) - 1):
        damaged = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        file.write_bytes(damaged)
        line = 1 + whole[:place].count(b"\n")
        with pytest.raises(ConfoundError, match=rf"journal\.log: line {line} is damaged.*--out"):
            read(tmp_path)
        assert file.read_bytes() == damaged


def test_second_process_is_refused(tmp_path: Path) -> None:
    """While one process has the journal open, another is told so; afterwards it may."""
    program = f"from pathlib import Path; from simulate.run.journal import Journal; Journal(Path({str(tmp_path)!r}))"
    command = [sys.executable, "-c", program]
    with Journal(tmp_path):
        held = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        with pytest.raises(ConfoundError, match="another process is writing this run"):
            Journal(tmp_path)
    free = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert "another process is writing this run. Wait for it, or choose another folder" in held.stderr
    assert (held.returncode != 0, free.returncode) == (True, 0)


def test_full_disk_is_told_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write cut short by a full disk is one message; what was there before is read afterwards."""
    real, room = os.write, 10

    def full(file: int, data: bytes) -> int:
        nonlocal room
        if room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = real(file, data[:room])
        room -= done
        return done

    with Journal(tmp_path) as journal:
        journal.append(RECORDS[:1])
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(ConfoundError, match=r"cannot be written: No space left on device\. Make room; .*--resume"):
            journal.append(RECORDS[1:2])
        monkeypatch.undo()
        with pytest.raises(ConfoundError, match="its last line is incomplete"):
            journal.append(RECORDS[1:2])
    assert read(tmp_path) == RECORDS[:1]


def test_answers_are_on_disk_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each append ends with fsync, after all was written."""
    calls: list[str] = []
    real_write, real_sync = os.write, os.fsync
    monkeypatch.setattr(os, "write", lambda file, data: (calls.append("write"), real_write(file, data))[1])
    monkeypatch.setattr(os, "fsync", lambda file: (calls.append("fsync"), real_sync(file))[1])
    with Journal(tmp_path) as journal:
        calls.clear()
        journal.append(RECORDS)
    assert calls == ["write", "fsync"]


@pytest.mark.parametrize(
    ("code", "mend"),
    [
        (errno.EROFS, "Choose a folder that you may write to with --out"),
        (errno.EACCES, "Choose a folder that you may write to with --out"),
        (errno.ENOSPC, "Make room"),
        (errno.EIO, "--resume continues"),
    ],
)
def test_trouble_at_opening_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, mend: str) -> None:
    """A folder that cannot be written is one message with file, cause and mend."""

    def refused(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(ConfoundError, match=rf"journal\.log: cannot be opened: {os.strerror(code)}.*{mend}"):
        Journal(tmp_path)


def test_replacing_is_all_or_nothing(tmp_path: Path) -> None:
    """A file is replaced when its new content is whole; after a failure the old one stands, and nothing beside it."""
    target = tmp_path / "table"
    with replacing(target) as aside:
        aside.write_text("old")
    with pytest.raises(ConfoundError, match="table: cannot be written: No space left"):
        _fails_half_way(target)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table"]
    with replacing(target) as aside:
        aside.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"


def _fails_half_way(target: Path) -> None:
    with replacing(target) as aside:
        aside.write_text("ne")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def changed(folder: Path, kind: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the first line of a kind, and give it a checksum."""
    records = read(folder)
    change(next(record for record in records if record["kind"] == kind))
    (folder / JOURNAL).unlink()
    with Journal(folder) as journal:
        journal.append(records)


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("run", lambda line: line.update(personas="6"), "is no line of a run's journal"),
        ("run", lambda line: line.update(personas=2**40), "must be 10,000,000 or less"),
        ("session", lambda line: line.update(prices={"users": ["a", 1]}), "is no line of a run's journal"),
        ("answers", lambda line: line["cells"][0].__setitem__(2, ["1"]), "is no line of a run's journal"),
        ("answers", lambda line: line["cells"][0].__setitem__(3, [99] * 4), "out of range"),
        ("answers", lambda line: line["cells"][0].__setitem__(5, [[77, "text"]]), "out of range"),
        ("adopted", lambda line: line["adopted"][0].__setitem__(1, "Atlantis"), "adopted is not what was asked"),
        ("adopted", lambda line: line["adopted"].pop(), "adopted is not what was asked"),
    ],
)
def test_what_does_not_fit_the_study_is_refused(
    tmp_path: Path, kind: str, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    """A line with a sound checksum whose content was changed is refused, and nothing is written on top of it."""
    simulate(small_study(), tmp_path)
    changed(tmp_path, kind, change)
    before = (tmp_path / JOURNAL).read_bytes()
    with pytest.raises(ConfoundError, match=said):
        simulate(small_study(), tmp_path, resume=True)
    assert (tmp_path / JOURNAL).read_bytes().startswith(before)
