"""`confound simulate` from the outside: what it prints, how it ends, what `analyze` makes of it."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import confound
from confound.cli import main
from simulate.run.journal import JOURNAL, Journal
from simulate.run.loop import simulate
from simulate.study.reading import load_study
from tests.simulate.fakes import contents

if TYPE_CHECKING:
    from pathlib import Path

SIZES = ("--personas", "4", "--trials", "2", "--iterations", "2")
COMMAND = (sys.executable, "-c", "import sys; sys.argv[0] = 'confound'; from confound.cli import main; main()")


def run(*arguments: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, ["simulate", *map(str, arguments)])


def test_list_names_every_study() -> None:
    """Each study that can be named is listed with its title, and loads."""
    done = run("--list")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["example", "book_opinions", "movielens", "opinionqa"]
    for name in names:
        assert run(name, "--dry-run").exit_code == 0


def test_show_prints_a_study_file(tmp_path: Path) -> None:
    """What `--show` prints, saved to a file, runs as the study shown."""
    file = tmp_path / "mine.yaml"
    file.write_text(run("example", "--show").stdout, encoding="utf-8")
    for study, out in (("example", "one"), (file, "two")):
        assert run(study, "--out", tmp_path / out, *SIZES).exit_code == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_dry_run_tells_the_size_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--dry-run` prints prompts, and counts the answers that the run then gives."""
    monkeypatch.chdir(tmp_path)
    done = run("book_opinions", "--dry-run", *SIZES)
    assert list(tmp_path.iterdir()) == []
    assert "How likely are you to read this book" in done.stdout
    finished = simulate(load_study("book_opinions"), tmp_path / "run", personas=4, trials=2, iterations=2)
    assert f"{finished.answers:,} answers" in done.stdout


def test_run_prints_the_truth_that_it_stores(tmp_path: Path) -> None:
    """The end of a run says where the table lies, what the truth is, and what to do next."""
    done = run("opinionqa", "--out", tmp_path / "run", *SIZES)
    assert done.exit_code == 0, done.output
    effect = json.loads((tmp_path / "run" / "truth.json").read_text())["contrasts"][0]["target"]["effect"]["gun_laws"]
    for part in ("observed", "cate", "asb", "sbt", "sbc"):
        assert f"{effect[part]:+.3f}" in done.stdout
    assert f"Next: confound analyze {tmp_path / 'run'} --control control" in done.stdout
    assert done.stderr == ""


def test_shards_are_run_and_merged(tmp_path: Path) -> None:
    """`--shard` and `--merge` give the bytes of one run; the study need not be named again to merge."""
    assert run("movielens", "--out", tmp_path / "whole", *SIZES, "--source-design", "--retention").exit_code == 0
    for part in (1, 2):
        options = ("--shard", f"{part}/2", "--source-design", "--retention")
        done = run("movielens", "--out", tmp_path / "run", *SIZES, *options)
        assert "--merge" in done.stdout
    assert run("--out", tmp_path / "run", "--merge").exit_code == 0
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_resume_needs_no_more_than_the_folder(tmp_path: Path) -> None:
    """A run that was cut off goes on with `--resume` alone, and ends in the same bytes."""
    assert run("movielens", "--out", tmp_path / "run", *SIZES).exit_code == 0
    whole = contents(tmp_path / "run")
    journal = tmp_path / "run" / JOURNAL
    journal.write_bytes(journal.read_bytes()[:3000])
    (tmp_path / "run" / "responses.parquet").unlink()
    assert run("--out", tmp_path / "run", "--resume").exit_code == 0
    assert contents(tmp_path / "run") == whole


def test_trouble_is_one_message_and_exit_2(tmp_path: Path) -> None:
    """Whatever is refused ends with exit code 2 and one message that says the mend."""
    out = tmp_path / "run"
    assert run("example", "--out", out, *SIZES).exit_code == 0
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    cases = [
        (("example", "--out", out), "--resume"),
        (("example", "--out", out, "--resume", "--seed", 1), "seed was 0 and is now 1"),
        (("opinionqa", "--out", out, "--resume"), "study was book_recommendation and is now opinionqa"),
        (("example", "--out", tmp_path / "full"), "already holds notes.txt"),
        (("example", "--out", tmp_path / "full", "--resume"), "holds no run to resume, but notes.txt"),
        (("exampel", "--out", tmp_path / "new"), "no study 'exampel'"),
        (("--out", tmp_path / "new"), "which study?"),
        (("--show",), "which study?"),
        (("example", "--out", tmp_path / "new", "--stop", "rm -rf"), "QUANTITY < NUMBER"),
        (("example", "--out", tmp_path / "new", "--iterations", 3), "ask for 2 or fewer"),
        (("example", "--out", tmp_path / "new", "--backend", "magic"), "Known are structural"),
        (("example", "--out", out, "--merge"), "holds no shards to merge"),
    ]
    for arguments, mend in cases:
        done = run(*arguments)
        assert done.exit_code == 2, arguments
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1
        assert mend in done.stderr
    assert not (tmp_path / "new").exists()
    with Journal(out):
        assert "another process is writing this run" in run("example", "--out", out, "--resume").stderr


def test_out_is_asked_for() -> None:
    """Without a folder nothing runs."""
    done = run("example")
    assert done.exit_code == 2
    assert "--out" in done.stderr


@pytest.mark.slow
def test_ctrl_c_on_a_terminal_says_how_to_go_on(tmp_path: Path) -> None:
    """On a terminal, progress shows rate and time left; Ctrl-C ends with the command that goes on, which does."""
    out = tmp_path / "run"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(  # noqa: S606
            sys.executable,
            [*COMMAND, "simulate", "opinionqa", "--out", str(out), "--personas", "100", "--trials", "30"],
        )
    shown = _until_interrupted(terminal, out / JOURNAL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert "answers, " in shown
    assert " a second" in shown
    assert "%" in shown
    assert f"confound simulate opinionqa --out {out} --resume" in shown
    assert "Traceback" not in shown
    held = (out / JOURNAL).stat().st_size
    subprocess.run([*COMMAND, "simulate", "--out", str(out), "--resume"], check=True, capture_output=True)  # noqa: S603
    assert (out / JOURNAL).stat().st_size > held
    assert len(pd.read_parquet(out / "responses.parquet", columns=["arm"])) == 996_000


def _until_interrupted(terminal: int, journal: Path) -> str:
    """Press Ctrl-C once the journal holds some answers; return all that the terminal showed."""
    shown, pressed, begun = b"", False, time.monotonic()
    while time.monotonic() - begun < 120:
        if not pressed and journal.exists() and journal.stat().st_size > 1_000_000:
            os.write(terminal, b"\x03")
            pressed = True
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # how Linux says that the other side is closed
                break
            if not part:
                break
            shown += part
    return shown.decode()


@pytest.mark.slow
def test_default_run_is_judged_as_its_truth_says(tmp_path: Path) -> None:
    """Of `book_opinions` at its default size, `analyze` finds drift before adjustment and none that stands after it."""
    assert run("book_opinions", "--out", tmp_path).exit_code == 0
    (contrast,) = json.loads((tmp_path / "truth.json").read_text())["contrasts"]
    first, last = contrast["iterations"][0]["drift"], contrast["iterations"][-1]["drift"]
    found = confound.analyze(tmp_path, skip=["stabilization"])
    drift = found.drift[found.drift["question"].isin(first)]  # not the row that pools them
    shown = drift[drift["state"] == "shown"]
    at_first = set(shown.loc[shown["iteration"] == 0, "question"])
    assert at_first
    assert all(first[question]["tvd"] > 0.1 for question in at_first)
    assert max(last[question]["tvd"] for question in set(drift["question"])) < 0.03
    assert not len(shown[shown["iteration"] == 13])


@pytest.mark.slow
def test_paper_size(tmp_path: Path) -> None:
    """At 100 personas x 30 trials x 2 arms x 14 iterations the log is whole and agrees with its truth.

    Adjusting finds CATE, SBT and SBC within their 95 % intervals over personas, and the distances fall.
    """
    finished = simulate(load_study("opinionqa"), tmp_path, personas=100, trials=30, iterations=14, seed=1)
    assert finished.answers == 100 * 30 * 2 * (13 * 12 + 10)
    assert finished.truth is not None
    target = finished.truth["contrasts"][0]["target"]["effect"]["gun_laws"]
    result = confound.analyze(tmp_path, control=["control"], skip=["stabilization"])
    found = result.decomposition[result.decomposition["iteration"] == 13].set_index("quantity")
    for quantity in ("cate", "sbt", "sbc"):
        row = found.loc[quantity]
        assert row["ci_high"] - row["ci_low"] < 0.6
        assert row["ci_low"] < target[quantity] < row["ci_high"], quantity
    drift = result.drift[result.drift["question"].isin(finished.truth["contrasts"][0]["target"]["drift"])]
    excess = (drift["tvd_plugin"] - drift["tvd_null"]).groupby(drift["iteration"]).max()
    assert excess[0] > 0.1
    assert excess[6] < excess[0] / 2
    assert excess[13] < 0.02
