"""Resuming: whatever stops a run, going on gives the tables of a run that nothing stopped."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from confound.errors import ConfoundError, InputError
from simulate.run import collect
from simulate.run.journal import JOURNAL, Journal
from simulate.run.loop import simulate
from simulate.study.reading import load_study, study_text
from tests.simulate.fakes import TABLES, ByRote, contents, small_study

if TYPE_CHECKING:
    from collections.abc import Iterator


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it to tidy up."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the tables of a run that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    simulate(small_study(), folder)
    return contents(folder)


@pytest.fixture
def every_reply_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the replies to each request be written on their own, so that there are many moments to be killed at."""
    monkeypatch.setattr(collect, "FLUSH_SECONDS", -1)


def killing(monkeypatch: pytest.MonkeyPatch, moment: int, torn: int) -> None:
    """Kill the process at its `moment`-th write, after `torn` bytes of it."""
    real, left = os.write, moment

    def write(file: int, data: bytes) -> int:
        nonlocal left
        left -= 1
        if left == 0:
            real(file, data[:torn])
            raise Killed
        return real(file, data)

    monkeypatch.setattr(os, "write", write)


@pytest.mark.usefixtures("every_reply_written")
def test_killed_in_the_middle_of_any_write(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed again and again in mid-write and resumed each time, a run ends in the same bytes, nothing doubled."""
    rng = np.random.default_rng(0)
    kills = 0
    while True:
        with monkeypatch.context() as patched:
            killing(patched, int(rng.integers(1, 21)), int(rng.integers(0, 41)))
            try:
                simulate(small_study(), tmp_path, resume=True)
                break
            except Killed:
                kills += 1
    assert kills > 10
    assert contents(tmp_path) == whole
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["calls"] == manifest["answers"]
    assert manifest["state"] == "complete"


def test_killed_while_a_table_is_written(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before any of the files at the end is moved to its place, a run is finished without asking again."""
    for moment in range(1, 6):
        folder = tmp_path / str(moment)
        left = moment
        real = Path.replace

        def moved(self: Path, target: Path) -> Path:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return real(self, target)  # noqa: B023 -- the same in every round

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", moved)
            with pytest.raises(Killed):
                simulate(small_study(), folder)
        calls_before = (folder / JOURNAL).read_bytes().count(b'"kind":"answers"')
        simulate(small_study(), folder, resume=True)
        assert contents(folder) == whole
        if moment > 1:  # the first is the manifest's, before anything is asked
            assert (folder / JOURNAL).read_bytes().count(b'"kind":"answers"') == calls_before


def test_interrupted_run_says_so_and_keeps_what_came(tmp_path: Path) -> None:
    """Ctrl-C writes what is there, marks the manifest, and passes on; resumed, each answer was asked for once."""

    class Interrupted(ByRote):
        left = 100

        def answer(self, requests: Any) -> Iterator[Any]:
            for reply in super().answer(requests):
                yield reply
                self.left -= 1
                if self.left == 0:
                    raise KeyboardInterrupt

    simulate(small_study(), tmp_path / "whole", users=ByRote())
    with pytest.raises(KeyboardInterrupt):
        simulate(small_study(), tmp_path / "run", users=Interrupted())
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert (manifest["state"], manifest["calls"]) == ("stopped", 100)
    simulate(small_study(), tmp_path / "run", users=ByRote(), resume=True)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["calls"] == manifest["answers"]
    assert len(manifest["sessions"]) == 2
    names = ("responses.parquet", "attributes.parquet")
    assert contents(tmp_path / "run", names) == contents(tmp_path / "whole", names)


def test_finished_run_is_left_as_it_is(tmp_path: Path, whole: dict[str, bytes]) -> None:
    """Resuming what is finished asks nothing and gives the same bytes; starting on it anew is refused."""
    simulate(small_study(), tmp_path)
    (tmp_path / "responses.parquet").unlink()
    simulate(small_study(), tmp_path, resume=True)
    assert contents(tmp_path) == whole
    with pytest.raises(ConfoundError, match="holds a run already; continue it with --resume, or choose another --out"):
        simulate(small_study(), tmp_path)
    assert contents(tmp_path) == whole


def test_resuming_nothing_starts(tmp_path: Path, whole: dict[str, bytes]) -> None:
    """With `resume`, a folder that is not there or empty is begun."""
    simulate(small_study(), tmp_path / "new", resume=True)
    assert contents(tmp_path / "new") == whole


@pytest.mark.parametrize(
    ("given", "changed", "said"),
    [
        ({"seed": 1}, {}, "seed was 0 and is now 1"),
        ({"personas": 5}, {}, "personas was 6 and is now 5"),
        ({"trials": 3}, {}, "trials was 4 and is now 3"),
        ({"iterations": 2}, {}, "iterations was 3 and is now 2"),
        ({"draw": "joint"}, {}, "--draw was separate and is now joint"),
        ({"retention": True}, {}, "retention was False and is now True"),
        ({"source_design": True}, {}, "source_design was False and is now True"),
        ({"stop": "pvalue > 0.1"}, {}, "stop was None and is now pvalue > 0.1"),
        ({}, {"structure": {"spread": 2}}, "what the study file says to the models or asks changed since"),
        ({}, {"labels": {"age": "Years", "sex": "Sex"}}, "what the study file says to the models or asks changed"),
        ({"users": ByRote()}, {}, "backend was structural and is now rote; model was structural and is now rote-1"),
    ],
)
def test_changed_settings_are_refused(
    tmp_path: Path, given: dict[str, Any], changed: dict[str, Any], said: str
) -> None:
    """A run is not continued under another study, model, seed or size; the message names what changed."""
    simulate(small_study(), tmp_path)
    before = (tmp_path / JOURNAL).read_bytes()
    with pytest.raises(ConfoundError, match=f"holds a run with other settings: .*{said}"):
        simulate(replace(small_study(), **changed), tmp_path, resume=True, **given)
    assert (tmp_path / JOURNAL).read_bytes() == before


def test_settings_come_from_the_resumed_run(tmp_path: Path) -> None:
    """Settings left out when resuming are those that the run was started with, not the study's."""
    simulate(small_study(), tmp_path / "whole", personas=3, trials=2, seed=9, draw="joint")
    with Journal(tmp_path / "whole") as journal:
        lines = journal.path.read_bytes().splitlines(keepends=True)
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / JOURNAL).write_bytes(b"".join(lines[:4]))
    simulate(small_study(), tmp_path / "cut", resume=True)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


@pytest.mark.parametrize("name", ["notes.txt", "responses.parquet", "manifest.json"])
def test_other_folders_are_left_alone(tmp_path: Path, name: str) -> None:
    """A folder that holds anything but a run is refused by what it holds, with and without `resume`."""
    (tmp_path / name).write_text("mine")
    for resume in (False, True):
        with pytest.raises(InputError, match=rf"{name}.*--out"):
            simulate(small_study(), tmp_path, resume=resume)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_file_in_the_way_is_refused(tmp_path: Path) -> None:
    """A file where the folder or its parent should be is an error, and stays."""
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ConfoundError, match="--out"):
            simulate(small_study(), out)
    assert (tmp_path / "file").read_text() == "mine"


def test_full_disk_ends_in_one_message_and_the_run_goes_on(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever the disk fills up, what came before is kept, and resuming gives the tables."""
    real = os.write
    for size in (200, 3000, 6000, 9000):
        room = size

        def full(file: int, data: bytes) -> int:
            nonlocal room
            if room <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            done = real(file, data[:room])
            room -= done
            return done

        folder = tmp_path / str(size)
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(ConfoundError, match=r"journal\.log: cannot be written: No space left.*--resume"):
                simulate(small_study(), folder)
        simulate(small_study(), folder, resume=True)
        assert contents(folder) == whole


def test_damaged_journal_is_not_continued(tmp_path: Path) -> None:
    """A sound line that does not belong in this run, or one answer twice, is told by its line."""
    simulate(small_study(), tmp_path)
    file = tmp_path / JOURNAL
    sound = file.read_bytes()
    lines = sound.splitlines(keepends=True)
    answers = next(line for line in lines if b'"kind":"answers"' in line)
    with Journal(tmp_path) as journal:
        journal.append([{"kind": "answers", "persona": "p0001"}])
    cases = [(sound + answers, "is answered twice"), (file.read_bytes(), "is no line of a run's journal")]
    cases.append((b"".join(lines[1:]), "line 1 comes before the settings"))
    for content, said in cases:
        file.write_bytes(content)
        with pytest.raises(ConfoundError, match=rf"journal\.log: line \d+.*{said}|{said}"):
            simulate(small_study(), tmp_path, resume=True)
        assert file.read_bytes()[: len(content)] == content


def test_second_run_in_the_folder_is_refused(tmp_path: Path) -> None:
    """While a run is going on in a folder, another there is refused, and the first is not disturbed."""
    with Journal(tmp_path), pytest.raises(ConfoundError, match="another process is writing this run"):
        simulate(small_study(), tmp_path, resume=True)


COMMAND = "import sys; sys.argv[0] = 'confound'; from confound.cli import main; main()"


@pytest.mark.slow
def test_sigkill_at_twenty_random_moments(tmp_path: Path) -> None:
    """Killed by SIGKILL at 20 random moments and resumed each time, a run ends in the bytes of one never killed."""
    sizes = ["--personas", "30", "--trials", "12"]

    def start(folder: str, *options: str) -> subprocess.Popen[bytes]:
        command = ["simulate", "book_opinions", "--out", str(tmp_path / folder), *sizes, *options]
        program = [sys.executable, "-c", COMMAND, *command]
        return subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603

    whole = start("whole")
    _await_writing(whole, tmp_path / "whole" / JOURNAL, 0)
    begun = time.monotonic()
    assert whole.wait() == 0
    took = time.monotonic() - begun
    rng = np.random.default_rng(1)
    journal, kills, sizes_seen = tmp_path / "run" / JOURNAL, 0, set()
    while kills < 20:
        before = journal.stat().st_size if journal.exists() else 0
        running = start("run", "--resume")
        _await_writing(running, journal, before)
        try:
            running.wait(timeout=rng.uniform(0, 0.5) * took)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            running.wait()
            kills += 1
            sizes_seen.add(journal.stat().st_size)
        else:
            # It came to its end: the kills that are left are for a new run.
            assert contents(tmp_path / "run") == contents(tmp_path / "whole")
            (tmp_path / "run").rename(tmp_path / f"finished{kills}")
    assert start("run", "--resume").wait() == 0
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")
    assert len(sizes_seen) > 5  # the moments fell at different stages
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted([*TABLES, JOURNAL, "manifest.json"])


def _await_writing(process: subprocess.Popen[bytes], journal: Path, size: int) -> None:
    """Wait until a process has started to write, or ended: Python's start is no moment to be killed at."""
    while process.poll() is None and not (journal.exists() and journal.stat().st_size > size):
        time.sleep(0.005)


def test_emptied_journal_is_no_new_run(tmp_path: Path) -> None:
    """Where the journal lost everything but tables lie beside it, nothing is replaced, whatever would answer now."""
    simulate(small_study(), tmp_path, users=ByRote(), iterations=1)
    before = (tmp_path / "responses.parquet").read_bytes()
    (tmp_path / "journal.log").write_bytes(b"")
    with pytest.raises(ConfoundError, match=r"journal.log is empty, but attributes.parquet of an earlier run"):
        simulate(small_study(), tmp_path, iterations=1, resume=True)
    assert (tmp_path / "responses.parquet").read_bytes() == before


@pytest.mark.parametrize("more", [{"trials": 6}, {"personas": 8}, {"trials": 6, "personas": 8}])
def test_run_grows_by_trials_and_personas(tmp_path: Path, more: dict[str, int]) -> None:
    """More trials and personas are asked for alone; before adjustment the table is that of a run begun with them.

    Afterwards what was adopted stays, and each new persona is as in that run.
    """
    first, second = ByRote(), ByRote()
    simulate(small_study(), tmp_path / "run", users=first)
    before = pd.read_parquet(tmp_path / "run" / "responses.parquet")
    simulate(small_study(), tmp_path / "run", users=second, resume=True, **more)
    after = pd.read_parquet(tmp_path / "run" / "responses.parquet")
    simulate(small_study(), tmp_path / "whole", users=ByRote(), **more)
    whole = pd.read_parquet(tmp_path / "whole" / "responses.parquet")
    assert len(first.asked) + len(second.asked) == len(after) == len(whole)
    key = ["iteration", "persona", "arm", "trial", "question"]
    kept = before.merge(after, on=key, suffixes=("", "_after"))
    assert len(kept) == len(before)
    assert kept["response"].equals(kept["response_after"])
    start = after[after["iteration"] == 0].reset_index(drop=True)
    assert start.equals(whole[whole["iteration"] == 0].reset_index(drop=True))
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert {name: manifest[name] for name in more} == more
    simulate(small_study(), tmp_path / "run", users=ByRote(), resume=True)
    assert pd.read_parquet(tmp_path / "run" / "responses.parquet").equals(after)


def test_other_personas_and_stop_rules_do_not_grow(tmp_path: Path) -> None:
    """A run whose rule has decided on its size, or whose first personas are others, is not continued."""
    simulate(small_study(), tmp_path / "stopped", stop="tvd_plugin < 2")
    with pytest.raises(ConfoundError, match="trials was 4 and is now 9"):
        simulate(small_study(), tmp_path / "stopped", stop="tvd_plugin < 2", trials=9, resume=True)
    simulate(small_study(), tmp_path / "run")
    other = replace(small_study(), base=("age",), labels={"age": "Age"})
    with pytest.raises(ConfoundError, match="the personas changed since"):
        simulate(other, tmp_path / "run", personas=9, resume=True)


def test_comments_and_titles_change_nothing(tmp_path: Path) -> None:
    """A study file with other comments, title, trials and count of personas resumes a run as it was."""
    text = study_text("opinionqa")
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    sizes: dict[str, Any] = {"personas": 2, "trials": 2, "iterations": 2}
    simulate(load_study(path), tmp_path / "run", **sizes)
    before = contents(tmp_path / "run")
    path.write_text("# A comment.\n" + text.replace("trials: 10", "trials: 30").replace("title: Opinion", "title: My"))
    simulate(load_study(path), tmp_path / "run", resume=True)
    assert contents(tmp_path / "run") == before
    path.write_text(text.replace("There are no right or wrong answers.", "Be brief."))
    with pytest.raises(ConfoundError, match="what the study file says to the models or asks changed"):
        simulate(load_study(path), tmp_path / "run", resume=True)


def test_half_a_character_in_an_old_journal_is_put_right(tmp_path: Path) -> None:
    """A run whose journal holds half a character, which no table takes, is read with a sign in its place."""
    simulate(small_study(), tmp_path / "run", users=ByRote(), personas=1, iterations=1)
    with Journal(tmp_path / "run") as journal:
        lines = [line for _, line in journal.records()]
    for line in lines:
        for cell in line.get("cells", []):
            cell[5] = [[trial, f"{text} \ud83d"] for trial, text in cell[5]]
    (tmp_path / "old").mkdir()
    with Journal(tmp_path / "old") as journal:
        journal.append(lines)
    simulate(small_study(), tmp_path / "old", users=ByRote(), resume=True)
    assert pd.read_parquet(tmp_path / "old" / "responses.parquet")["text"].str.endswith("\ufffd").all()
