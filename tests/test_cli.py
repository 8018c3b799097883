"""The commands, as a user runs them."""

import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from confound.cli import main


def run(*arguments: object) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def written(folder: Path, log_frame) -> Path:  # type: ignore[no-untyped-def]
    """Write a small CSV log under names of its own."""
    control = log_frame({"old": "xxyy", "new": "xyyy"})
    outcome = log_frame({"old": ["no", "yes", "no"], "new": ["yes", "yes", "maybe"]}, question="buys", role="outcome")
    path = folder / "log.csv"
    pd.concat([control, outcome]).drop(columns="role").rename(columns={"arm": "condition"}).to_csv(path, index=False)
    return path


@pytest.fixture
def log(tmp_path: Path, log_frame) -> Path:  # type: ignore[no-untyped-def]
    """Write the log where a test writes too."""
    return written(tmp_path, log_frame)


@pytest.mark.slow
def test_analyze_end_to_end(log: Path, tmp_path: Path) -> None:
    """Options map the log, the verdict comes first, the tables are saved, and the exit code is 0."""
    options = ["--rename", "condition=arm", "--outcome", "b*", "--negative-control", "party", "--control", "old"]
    done = run("analyze", log, *options, "--order", "buys=no,maybe,yes", "--out", tmp_path / "out", "--seed", 3)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("VERDICT\nstudy, model: ")
    assert "new - old" in done.stdout
    assert "(seed 3)" in done.stdout
    effects = pd.read_csv(tmp_path / "out" / "tables" / "effects.csv")
    assert effects["level"].fillna("").tolist() == ["", "maybe", "yes"]
    assert done.stderr == ""


@pytest.mark.slow
def test_open_shows_the_report(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--open hands the page to the browser, once it is there; without a page nothing is opened."""
    seen: list[str] = []
    monkeypatch.setattr("click.launch", lambda url: seen.append(url) if Path(url).exists() else None)
    options = ["--rename", "condition=arm", "--outcome", "buys", "--skip", "figures", "--out", tmp_path / "o", "--open"]
    assert run("analyze", log, *options).exit_code == 0
    assert seen == [str(tmp_path / "o" / "report.html")]
    assert run("analyze", log, *options, "--skip", "report").exit_code == 0
    assert len(seen) == 1


@pytest.mark.slow
def test_skip_leaves_a_part_out(log: Path, tmp_path: Path) -> None:
    """--skip effects writes an empty effects table and no effect in the verdict."""
    options = ["--rename", "condition=arm", "--outcome", "buys", "--negative-control", "party", "--skip", "effects"]
    done = run("analyze", log, *options, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "EFFECTS" not in done.stdout
    assert pd.read_csv(tmp_path / "out" / "tables" / "effects.csv").empty


def test_check_describes_and_writes_nothing(log: Path, tmp_path: Path) -> None:
    """`check` says what the log holds."""
    done = run("check", log, "--rename", "condition=arm", "--outcome", "buys", "--negative-control", "party")
    assert done.exit_code == 0, done.output
    assert "56 answers, 0 of them Unknown. The log can be analysed." in done.stdout
    assert "nominal  maybe, no, yes" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["log.csv"]


def test_check_proposes_what_the_log_does_not_say(log: Path, tmp_path: Path) -> None:
    """Columns and roles that names suggest are assumed, and said; the command that is printed analyses the log."""
    done = run("check", log)
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert "nothing says it: --arm condition --outcome buys --negative-control party." in said
    command = shlex.split(done.stdout.split("TO ANALYSE IT\n")[1].replace("\\\n", " "))
    assert command[:2] == ["confound", "analyze"]
    quick = [word for part in ("figures", "report", "stabilization", "decomposition") for word in ("--skip", part)]
    done = run(*command[1:], *quick, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output


def test_check_refuses_what_no_name_suggests(tmp_path: Path) -> None:
    """Columns without usual names: the error says what is missing, and nothing is made up."""
    pd.DataFrame({"a": ["x", "y"], "b": ["1", "2"]}).to_csv(tmp_path / "log.csv", index=False)
    done = run("check", tmp_path / "log.csv")
    assert done.exit_code == 2
    assert "Say which column is which" in done.stderr


def test_bad_input_is_one_message(log: Path, tmp_path: Path) -> None:
    """A log that cannot be read as it is gives exit code 2, one message with the mend, and no folder."""
    done = run("analyze", log, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert done.stderr == (
        f"Error: {log}: column 'arm' is missing; found persona, condition, trial, question, response. "
        f"Try: confound check {log} --arm condition\n"
    )
    assert not (tmp_path / "out").exists()


def test_output_folder_is_checked_before_the_work(tmp_path: Path) -> None:
    """A folder of others is refused before anything is read."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.docx").write_text("mine")
    done = run("analyze", "no-such-log.csv", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "thesis.docx" in done.stderr


@pytest.mark.parametrize(
    "option", [["--rename", "arm"], ["--bin", "q=width:3"], ["--order", "q"], ["--rename", "a=x", "--rename", "a=y"]]
)
def test_malformed_options_are_refused(log: Path, option: list[str]) -> None:
    """An option of the wrong form says the right one."""
    done = run("check", log, *option)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


@pytest.mark.slow
def test_simulated_example_is_analysed(tmp_path: Path) -> None:
    """`simulate example` writes a folder that `analyze` takes as it is."""
    assert run("simulate", "example", "--out", tmp_path / "run", "--personas", 20, "--trials", 6).exit_code == 0
    done = run("analyze", tmp_path / "run", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "likely_to_read" in done.stdout


def test_power_says_what_can_be_found() -> None:
    """`power` gives the detectable drift, for common and varied drift, and the design that a given one takes."""
    done = run("power", "--personas", 20, "--trials", 10, "--answers", 3, "--drift", 0.1)
    assert done.exit_code == 0, done.output
    assert "With 80% power at level 0.05 (1 control, 1 contrast) the verdict finds\na drift (total" in done.stdout
    assert done.stdout.count("where personas drift all the same way") == 2
    assert done.stdout.count("where personas drift in different ways") == 2
    several = run("power", "--personas", 20, "--trials", 10, "--answers", 3, "--controls", 4, "--contrasts", 2)
    assert "(4 controls, 2 contrasts)" in several.stdout
    assert "and names one control that alone has a drift of" in several.stdout
    assert run("power", "--trials", 0).exit_code == 2


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, log_frame) -> Path:  # type: ignore[no-untyped-def]
    """Analyse the small log, once for all that read the result."""
    folder = tmp_path_factory.mktemp("saved")
    options = ["--rename", "condition=arm", "--outcome", "buys", "--negative-control", "party"]
    assert run("analyze", written(folder, log_frame), *options, "--out", folder / "out").exit_code == 0
    return folder / "out"


def test_tables_are_remade(saved: Path, tmp_path: Path) -> None:
    """`tables` prints one table of a saved result, the same as was saved with it, or writes it to a file."""
    done = run("tables", saved, "--table", "drift", "--format", "tex")
    assert done.exit_code == 0, done.output
    assert done.stdout == (saved / "tables" / "drift.tex").read_text()
    done = run("tables", saved, "--format", "csv", "--out", tmp_path / "drift.csv")
    assert done.stdout == f"Saved: {tmp_path / 'drift.csv'}\n"
    assert (tmp_path / "drift.csv").read_text() == (saved / "tables" / "drift.csv").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--table", "nothing"], "no such table"),
        (["--table", "decomposition"], "it is empty in this result"),
        (["--columns", "rows"], "it is one of model, statistic"),
        (["--iterations", "2"], "it is one of ends, all"),
        (["--format", "docx"], "needs --out"),
        (["--out", "no/such/folder/x.tex"], "cannot be written"),
    ],
)
def test_bad_table_options_are_told(saved: Path, options: list[str], said: str) -> None:
    """What cannot be made is one message and exit code 2."""
    done = run("tables", saved, *options)
    assert done.exit_code == 2
    assert said in done.stderr


def test_tables_of_no_result(log: Path, tmp_path: Path) -> None:
    """A log, or nothing at all, in the place of a result is one message."""
    for path in (log, tmp_path, tmp_path / "none"):
        done = run("tables", path)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.startswith(f"Error: {path}")


@pytest.mark.parametrize("command", [["power"], [], ["analyze"], ["check"], ["simulate"], ["tables"]])
def test_help_has_an_example(command: list[str]) -> None:
    """Every help text shows a line to copy."""
    done = run(*command, "--help")
    assert done.exit_code == 0
    assert "\n    confound " in done.stdout or "\n    confound" in done.stdout


def test_output_that_cannot_be_written_is_one_message(log: Path) -> None:
    """A full device ends with a message and no traceback."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    frame = pd.read_csv(log).rename(columns={"condition": "arm"})
    frame.to_csv(log, index=False)
    code = "from confound.cli import main; main()"
    options = ["--negative-control", "*"]
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", code, "check", str(log), *options]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)  # noqa: S603
    assert done.returncode == 1
    assert done.stderr.decode().startswith("Error: the output cannot be written")
