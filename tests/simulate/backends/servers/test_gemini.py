"""The `gemini` backend, by way of real servers on this machine."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from confound.errors import InputError
from simulate.backends.access import ModelAccess
from simulate.backends.protocol import Stopped
from simulate.run.loop import Incomplete, simulate
from simulate.run.resources import Resources
from tests.simulate.fakes import small_study
from tests.simulate.servers import Answer, Call, serving

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("google.genai")

MODEL = "gemini-3-flash-preview"
KEY = "a-key-for-tests-only"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a key."""
    monkeypatch.setenv("GEMINI_API_KEY", KEY)


def said(text: str | None = "A", finish: str = "STOP", **candidate: Any) -> Answer:
    """Return an answer as the API gives it, with a thought before it."""
    parts = [{"text": "hm, B", "thought": True}, *([] if text is None else [{"text": text}])]
    usage = {"promptTokenCount": 50, "candidatesTokenCount": 1, "thoughtsTokenCount": 7, "totalTokenCount": 58}
    content = {"content": {"role": "model", "parts": parts}, "finishReason": finish, **candidate}
    return Answer({"candidates": [content], "usageMetadata": usage})


def run(url: str, out: Path, *, options: dict[str, Any] | None = None, **given: Any) -> pd.DataFrame:
    """Run a small study against a server; return its table."""
    fast = {
        "first_wait": 0.01,
        "longest_wait": 0.02,
        "base_urls": (url,),
        "key_envs": ("GEMINI_API_KEY",),
        **(options or {}),
    }
    study = given.pop("study", None) or small_study(trials=2)
    given = {"backend": "gemini", "model": MODEL, "iterations": 1, **given}
    simulate(study, out, resources=Resources(access=ModelAccess(**fast)), **given)
    return pd.read_parquet(out / "responses.parquet")


def test_requests_match_table_1(tmp_path: Path) -> None:
    """Every field of a request is what Table 1, the study and the run say; each answer is a call with its own seed."""
    record: list[Call] = []
    with serving(lambda call: said(), record) as url:  # noqa: ARG005
        frame = run(url, tmp_path / "run")
    assert len(record) == len(frame) == 6 * 2 * 2 * 3
    seeds = []
    for call in record:
        assert call.path == f"/v1beta/models/{MODEL}:generateContent"
        assert call.headers["x-goog-api-key"] == KEY
        config = call.body["generationConfig"]
        seeds.append(config.pop("seed"))
        thinking = config.pop("thinkingConfig")
        # Table 1; room for 2,048 tokens of thinking beside the study's 512.
        assert config == {"temperature": 1.0, "topP": 0.95, "topK": 64, "candidateCount": 1, "maxOutputTokens": 2560}
        assert [value.upper() for value in thinking.values()] == ["MINIMAL"]
        assert set(call.body) == {"contents", "systemInstruction", "generationConfig"}
        assert {turn["role"] for turn in call.body["contents"]} == {"user"}
        assert "You are a member of the public" in call.body["systemInstruction"]["parts"][0]["text"]
    assert sorted(seeds) == sorted(frame["seed"])
    assert len(set(seeds)) == len(seeds)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert (manifest["tokens_read"], manifest["tokens_written"]) == (50 * len(frame), 8 * len(frame))


def test_dialogues_alternate(tmp_path: Path) -> None:
    """In a dialogue the roles alternate between user and model, and thoughts are never passed on."""
    record: list[Call] = []
    with serving(lambda call: said(), record) as url:  # noqa: ARG005
        run(url, tmp_path / "run", study=small_study("movielens", turns=2, trials=1))
    for call in record:
        roles = [turn["role"] for turn in call.body["contents"]]
        assert roles == [("user", "model")[place % 2] for place in range(len(roles))]
    assert "hm, B" not in json.dumps([call.body for call in record])


@pytest.mark.slow
def test_blocked_prompts_and_answers_are_unknown(tmp_path: Path) -> None:
    """A blocked prompt and a blocked answer are Unknown with the API's reason, counted by arm, and are no failures."""
    reasons = {}
    for name, answer in {
        "blocked: prohibited_content": Answer({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
        "blocked: safety": Answer({"candidates": [{"finishReason": "SAFETY"}]}),
        "blocked: recitation": said(None, "RECITATION"),
        "truncated": said(None, "MAX_TOKENS"),
        "empty": said(None),
    }.items():

        def handler(call: Call, answer: Answer = answer) -> Answer:
            return said() if "Female" in json.dumps(call.body["systemInstruction"]) else answer

        with serving(handler) as url:
            frame = run(url, tmp_path / name)
        lost = frame[frame["response"].isna()]
        reasons[name] = set(lost["reason"])
        manifest = json.loads((tmp_path / name / "manifest.json").read_text())
        assert manifest["failures"] == {}
        assert (
            manifest["unknown"]["control"]
            == manifest["unknown"]["leading"]
            == {
                "(all)": len(lost) // 2,
                name: len(lost) // 2,
            }
        )
    assert reasons == {name: {name} for name in reasons}


def test_retry_delay_is_honoured(tmp_path: Path) -> None:
    """After a 429 with `retryDelay` the same request comes again, and not before that time is over."""
    came: dict[int, list[float]] = {}
    delay = 0.4
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{delay}s"}
    error = {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED", "details": [info]}}

    def handler(call: Call) -> Answer:
        times = came.setdefault(call.body["generationConfig"]["seed"], [])
        times.append(time.monotonic())
        return Answer(error, status=429) if len(times) == 1 else said()

    with serving(handler) as url:
        frame = run(url, tmp_path / "run")
    assert len(came) == len(frame)
    assert all(second - first >= delay for first, second in came.values())


def test_choice_is_an_enum(tmp_path: Path) -> None:
    """`--choice` asks for one of the labels by a schema, and an answer outside them is a failure."""
    record: list[Call] = []
    with serving(lambda call: said(), record) as url:  # noqa: ARG005
        run(url, tmp_path / "run", choice=True)
    for call in record:
        config = call.body["generationConfig"]
        assert config["responseMimeType"] == "text/x.enum"
        assert config["responseSchema"]["type"] == "STRING"
        assert config["responseSchema"]["enum"][:2] == ["A", "B"]
    with serving(lambda call: said("Z")) as url, pytest.raises(Incomplete, match="outside the choices"):  # noqa: ARG005
        run(url, tmp_path / "bad", choice=True, options={"attempts": 2}, personas=1, trials=1)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (Answer(b""), "no answer in the body"),
        (Answer(b"<html>busy</html>"), "no JSON with an answer"),
        (Answer(b"{]"), "no JSON with an answer"),
        (Answer({"candidates": "none"}), "no answer in the body|no JSON with an answer"),
        (Answer({"candidates": []}), "no answer in the body"),
        (Answer(b"<html>busy</html>", status=503), "503 server error"),
        (Answer(said().body, cut=True), "broken connection"),
        (Answer(said().body, delay=1.0), "timeout"),
        (Answer({"error": {"code": 400, "message": "no such field"}}, status=400), "400: no such field"),
    ],
)
def test_what_is_no_answer_is_a_failure(tmp_path: Path, broken: Answer, reason: str) -> None:
    """Broken bodies, connections and statuses are failures with their reason, tried again but for 400."""
    record: list[Call] = []
    options = {"attempts": 2, "timeout": 0.3 if reason == "timeout" else 30.0}
    with serving(lambda call: broken, record) as url, pytest.raises(Incomplete, match=reason):  # noqa: ARG005
        run(url, tmp_path / "run", personas=1, trials=1, options=options)
    # A call that took too long may have done so before it reached the server.
    assert len(record) == 6 * (1 if reason.startswith("400") else 2) or reason == "timeout"


def test_hopeless_errors_stop_at_once(tmp_path: Path) -> None:
    """A model that does not exist ends the run after the calls under way."""
    record: list[Call] = []
    error = Answer({"error": {"code": 404, "message": "not found"}}, status=404)
    with serving(lambda call: error, record) as url, pytest.raises(Stopped, match="404: there is no such model"):  # noqa: ARG005
        run(url, tmp_path / "run", options={"concurrency": 3})
    assert len(record) <= 3


def test_key_and_address_are_checked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key, or with two addresses, nothing is written."""
    with pytest.raises(InputError, match="takes one address"):
        run("", tmp_path / "run", options={"base_urls": ("http://a/", "http://b/")})
    monkeypatch.delenv("GEMINI_API_KEY")
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    with pytest.raises(InputError, match="set GEMINI_API_KEY or GOOGLE_API_KEY"):
        run("", tmp_path / "run", options={"base_urls": (), "key_envs": ()})
    with pytest.raises(InputError, match="--backend gemini: name the variable that holds the key with --key-env"):
        run("http://a/", tmp_path / "run", options={"key_envs": ()})
    assert not (tmp_path / "run").exists()
