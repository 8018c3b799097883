"""`confound simulate` with models behind servers, from the outside."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import confound
from confound.cli import main
from simulate.backends import presets
from tests.simulate.servers import Answer, Call, completion, owned_by, serving

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("openai")

MODEL = "Qwen/Qwen3-30B-A3B"
COMMAND = (sys.executable, "-c", "import sys; sys.argv[0] = 'confound'; from confound.cli import main; main()")


def run(*arguments: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, ["simulate", *map(str, arguments)])


def by_seed(call: Call) -> Answer:
    """Answer by the seed, as vLLM would."""
    if call.method == "GET":
        return owned_by("vllm")
    return completion(["AB"[(call.body["seed"] + place) // 3 % 2] for place in range(call.body.get("n", 1))])


def test_models_are_listed() -> None:
    """`--models` prints every preset with its backend and its sampling."""
    lines = run("--models").stdout.splitlines()
    for preset in presets.PRESETS:
        (line,) = [line for line in lines if line.startswith(f"{preset.model} ")]
        assert line.split()[1:3] == [preset.backend, f"{preset.sampling['temperature']:g}"]


def test_backend_follows_from_the_model(tmp_path: Path) -> None:
    """A server named makes it `openai`; Gemini's model is known; any other model needs to be told where it is."""
    done = run("opinionqa", "--out", tmp_path / "run", "--model", "mine")
    assert done.exit_code == 2
    assert "Name a server with --base-url, or a --backend" in done.stderr
    done = run("opinionqa", "--out", tmp_path / "run", "--model", "gemini-3-flash-preview", "--base-url", "ftp://x")
    assert "--base-url ftp://x: write http://" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", ["--base-url", "--agent-base-url"])
def test_server_without_a_model_is_refused(tmp_path: Path, option: str) -> None:
    """An address without a model names no one who answers; made-up users do not take its place."""
    done = run("movielens", "--out", tmp_path / "run", option, "http://localhost:1/v1")
    assert done.exit_code == 2
    assert "Name it with --model" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_run_by_a_server_is_analysed(tmp_path: Path) -> None:
    """From the command line to the verdict: every option reaches the server, and `analyze` takes the table."""
    record: list[Call] = []
    options = ("--temperature", 0.4, "--top-p", 0.9, "--top-k", 9, "--max-tokens", 5, "--choice", "--price-in", 2)
    sizes = ("--personas", 3, "--trials", 4, "--iterations", 1)
    with serving(by_seed, record) as url:
        server = ("--model", MODEL, "--base-url", f"{url}/v1", "--concurrency", 4)
        done = run("opinionqa", "--out", tmp_path / "run", *server, *sizes, *options)
    assert done.exit_code == 0, done.stderr
    bodies = [call.body for call in record if call.method == "POST"]
    expected = {"model": MODEL, "temperature": 0.4, "top_p": 0.9, "top_k": 9, "max_tokens": 5, "n": 4}
    assert all({name: body[name] for name in expected} == expected for body in bodies)
    assert all("structured_outputs" in body for body in bodies)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["cost"] == pytest.approx(50 * len(bodies) * 2 / 1e6)
    frame = pd.read_parquet(tmp_path / "run" / "responses.parquet")
    assert frame["model"].unique().tolist() == [MODEL]
    assert len(confound.analyze(tmp_path / "run", control=["control"]).drift)


@pytest.mark.slow
def test_trouble_ends_with_the_command_that_goes_on(tmp_path: Path) -> None:
    """An incomplete run exits 2 with a command that, run as it stands, asks for the rest at the same server."""
    up = False

    def handler(call: Call) -> Answer:
        if call.method == "GET" or up or call.body["messages"][0]["content"].count("Female"):
            return by_seed(call)
        return Answer(b"", status=500)

    sizes = ("--personas", 6, "--trials", 2, "--iterations", 2)
    with serving(handler) as url:
        server = ("--model", MODEL, "--base-url", f"{url}/v1", "--attempts", 1)
        done = run("opinionqa", "--out", tmp_path / "my run", *server, *sizes)
        assert done.exit_code == 2
        first, last = done.stderr.splitlines()
        assert f"{url}/v1: 500 server error; a request failed for good" in first
        assert "500 server error" in last
        command = shlex.split(done.stderr.partition("Continue with: ")[2])
        assert command[:2] == ["confound", "simulate"]
        assert f"{url}/v1" in command
        dropped = CliRunner().invoke(main, [*command[1:], "--drop-incomplete"])
        assert dropped.exit_code == 0, dropped.stderr
        assert "Left out, because answers are missing" in dropped.stdout
        some = pd.read_parquet(tmp_path / "my run" / "responses.parquet")["persona"].nunique()
        up = True
        assert CliRunner().invoke(main, command[1:]).exit_code == 0
    assert 0 < some < pd.read_parquet(tmp_path / "my run" / "responses.parquet")["persona"].nunique() == 6


def test_budget_from_the_command_line(tmp_path: Path) -> None:
    """`--max-calls` ends a run cleanly; without it, `--resume` goes on to the end."""
    sizes = ("--personas", 2, "--trials", 2, "--iterations", 1)
    record: list[Call] = []
    with serving(by_seed, record) as url:
        server = ("--model", MODEL, "--base-url", f"{url}/v1")
        done = run("opinionqa", "--out", tmp_path / "run", *server, *sizes, "--max-calls", 5)
        assert done.exit_code == 2
        assert "--max-calls 5 is reached" in done.stderr
        assert sum(call.method == "POST" for call in record) == 5
        assert run("--out", tmp_path / "run", "--resume", "--base-url", f"{url}/v1").exit_code == 0


def test_agent_options(tmp_path: Path) -> None:
    """The agent of a dialogue has a server, a model and sampling of its own."""
    users: list[Call] = []
    agents: list[Call] = []
    sizes = ("--personas", 1, "--trials", 1, "--iterations", 1)
    with serving(by_seed, users) as one, serving(by_seed, agents) as other:
        server = ("--model", MODEL, "--base-url", f"{one}/v1", "--agent-base-url", f"{other}/v1")
        agent = ("--agent-model", presets.AGENT, "--agent-sampling", "temperature=0.2")
        done = run("movielens", "--out", tmp_path / "run", *server, *agent, *sizes)
    assert done.exit_code == 0, done.stderr
    assert {call.body["model"] for call in users} == {MODEL}
    assert {(call.body["model"], call.body["temperature"]) for call in agents} == {(presets.AGENT, 0.2)}


@pytest.mark.slow
def test_ctrl_c_amid_calls(tmp_path: Path) -> None:
    """Ctrl-C ends the calls under way and prints the command that goes on; nothing that was answered is asked again."""
    record: list[Call] = []
    sizes = ("--personas", 10, "--trials", 4, "--iterations", 1, "--draws", 1)

    def handler(call: Call) -> Answer:
        return Answer(by_seed(call).body, delay=0.1)

    with serving(handler, record) as url:
        server = ("--model", MODEL, "--base-url", f"{url}/v1", "--concurrency", 4)
        program = [*COMMAND, "simulate", "opinionqa", "--out", str(tmp_path), *map(str, (*server, *sizes))]
        running = subprocess.Popen(program, stderr=subprocess.PIPE, text=True)  # noqa: S603
        while len(record) < 100 and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
        assert running.returncode == 130
        assert "Traceback" not in told
        command = shlex.split(told.splitlines()[-1])
        assert command[-1] == "--resume"
        before = json.loads((tmp_path / "manifest.json").read_text())["answers"]
        assert before >= 90
        record.clear()
        assert CliRunner().invoke(main, command[1:]).exit_code == 0
    frame = pd.read_parquet(tmp_path / "responses.parquet")
    assert len(record) == len(frame) - before
