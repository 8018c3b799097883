"""Bad input: each file and option of the corpus is refused with one clear message, and nothing is left behind."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from confound.cli import main

CORPUS = Path(__file__).parent / "corpus"
BAD = CORPUS / "bad"
CASES: list[dict[str, Any]] = yaml.safe_load((CORPUS / "cases.yaml").read_text(encoding="utf-8"))


def arguments(case: dict[str, Any]) -> list[str]:
    """Return the command line of a case, but for --out."""
    logs = [case["log"]] if isinstance(case["log"], str) else case["log"]
    options = [option.replace("FILE", str(BAD)) for option in case.get("options", [])]
    return [*(str(BAD / log) for log in logs), *options]


def name(case: dict[str, Any]) -> str:
    """Return a case's name in the list of tests."""
    return " ".join([str(case["log"]), *case.get("options", [])])


def check_refusal(code: int, stdout: str, stderr: str) -> None:
    """Hold a refusal to one message on stderr, without a traceback."""
    assert code == 2, stdout + stderr
    assert stdout == ""
    assert stderr.startswith("Error: ")
    assert stderr.count("\n") == 1
    assert "Traceback" not in stderr
    assert len(stderr) < 700


@pytest.mark.parametrize("case", CASES, ids=name)
def test_refused(case: dict[str, Any], tmp_path: Path) -> None:
    """A bad log or option gives exit code 2 and one message that names what is wrong, and writes nothing."""
    result = CliRunner().invoke(main, ["analyze", *arguments(case), "--out", str(tmp_path / "out")])
    check_refusal(result.exit_code, result.stdout, result.stderr)
    for fragment in case["says"]:
        assert fragment in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", CASES[::6], ids=name)
def test_check_refuses_the_same(case: dict[str, Any]) -> None:
    """What `analyze` refuses, `check` refuses with the same message."""
    options = [option for option in case.get("options", []) if option in ("--confidence", "--seed")]
    if options:
        pytest.skip("an option that `check` does not have")
    both = [CliRunner().invoke(main, [command, *arguments(case)]) for command in ("analyze", "check")]
    assert both[0].stderr == both[1].stderr
    assert both[1].exit_code == 2


def test_corpus_is_whole() -> None:
    """Every file of the corpus is used by a case, and the one valid log is valid."""
    used = {word for case in CASES for word in arguments(case)}
    files = {path for path in BAD.iterdir() if not any(word.startswith(str(path)) for word in used)}
    assert files == set()
    assert CliRunner().invoke(main, ["check", str(BAD / "valid.csv")]).exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("log", ["truncated.parquet", "broken_line.jsonl"])
def test_refused_in_a_process(log: str, tmp_path: Path) -> None:
    """A real process, too, ends with code 2, one message and no file."""
    command = [sys.executable, "-c", "from confound.cli import main; main()", "analyze", str(BAD / log)]
    done = subprocess.run([*command, "--out", "out"], cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603
    check_refusal(done.returncode, done.stdout, done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_empty_folder(tmp_path: Path) -> None:
    """A folder without files is refused by its name."""
    (tmp_path / "logs").mkdir()
    result = CliRunner().invoke(main, ["analyze", str(tmp_path / "logs"), "--out", str(tmp_path / "out")])
    check_refusal(result.exit_code, result.stdout, result.stderr)
    assert "the folder holds no log" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_ten_thousand_answers(tmp_path: Path) -> None:
    """A negative control with free text is refused with the advice to sort it."""
    n = 10_000
    frame = pd.DataFrame({"persona": [f"p{i % 50}" for i in range(n)], "arm": ["control", "treated"] * (n // 2)})
    frame = frame.assign(question="mother", role="negative_control", response=[f"name {i}" for i in range(n)])
    frame.to_csv(tmp_path / "log.csv", index=False)
    result = CliRunner().invoke(main, ["analyze", str(tmp_path / "log.csv"), "--out", str(tmp_path / "out")])
    check_refusal(result.exit_code, result.stdout, result.stderr)
    assert "'mother' has 10,000 distinct answers" in result.stderr
    assert "Sort free text into categories first" in result.stderr
    assert not (tmp_path / "out").exists()


def test_many_bad_labels(tmp_path: Path) -> None:
    """A column of the wrong thing, with thousands of bad entries, is refused by its first rows."""
    n = 5_000
    frame = pd.DataFrame({"persona": "p", "arm": ["control", "treated"] * (n // 2), "question": "q", "response": "1"})
    frame.assign(iteration=[f"id-{i:05d}" for i in range(n)]).to_csv(tmp_path / "log.csv", index=False)
    result = CliRunner().invoke(main, ["analyze", str(tmp_path / "log.csv"), "--out", str(tmp_path / "out")])
    check_refusal(result.exit_code, result.stdout, result.stderr)
    assert "column 'iteration', row " in result.stderr


@pytest.mark.slow
def test_earlier_results_stay(tmp_path: Path) -> None:
    """A refusal leaves an earlier analysis as it was, to the byte and the second."""
    out = tmp_path / "out"
    assert CliRunner().invoke(main, ["analyze", str(BAD / "valid.csv"), "--out", str(out)]).exit_code == 0
    before = {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in out.rglob("*")}
    for log in ("one_arm.csv", "corrupted_pages.parquet", "row_long.csv"):
        assert CliRunner().invoke(main, ["analyze", str(BAD / log), "--out", str(out)]).exit_code == 2
    after = {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in out.rglob("*")}
    assert after == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    "options",
    [
        ["--rename", "persona"],
        ["--order", "likely"],
        ["--bin", "likely=3"],
        ["--confidence", "much"],
        ["--skip", "all"],
    ],
    ids=" ".join,
)
def test_malformed_options(options: list[str], tmp_path: Path) -> None:
    """An option that cannot be parsed shows the usage, then one error, and exits 2."""
    result = CliRunner().invoke(main, ["analyze", str(BAD / "valid.csv"), *options, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")
    assert result.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert list(tmp_path.iterdir()) == []
