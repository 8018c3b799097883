"""Forty kinds of trouble that servers make: sound answers are read, the rest is told, nothing is lost in silence.

Each kind is what the server says for all users but the women, in place of or around its answer. Either the table is as
without trouble, or the run ends in one error that names the trouble, and once the server is sound `--resume` gives that
table.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from confound.errors import ConfoundError
from simulate.backends.access import ModelAccess
from simulate.run.loop import simulate
from simulate.run.resources import Resources
from tests.simulate.fakes import small_study
from tests.simulate.servers import Answer, Call, completion, owned_by, serving

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("openai")


def _sound(text: Any = "A", *, n: int = 1, finish: Any = "stop", usage: Any = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}, **more}
    counts = {"prompt_tokens": 5, "completion_tokens": 1} if usage is None else usage
    return {"choices": [choice] * n, "usage": counts}


def _body(text: Any = "A", **given: Any) -> Answer:
    """Return one answer in a body of which some part is odd."""
    return Answer(_sound(text, **given))


def _raw(text: str, status: int = 200, **given: Any) -> Answer:
    return Answer(text.encode(), status=status, **given)


def _error(status: int, message: Any = "no", *, http: int = 200, code: Any = None) -> Answer:
    return Answer({"error": {"message": message, "code": status if code is None else code}}, status=http)


DEEP = '{"choices":' + "[" * 100_000 + "]" * 100_000 + "}"
READ = {
    "parts of text": _body([{"type": "text", "text": "A"}]),
    "parts with thinking": _body([{"type": "thinking", "thinking": "B?"}, {"type": "text", "text": "A"}]),
    "parts as strings": _body(["A"]),
    "lone surrogate": _body("A \ud83d"),
    "NUL in the text": _body("A\x00"),
    "text direction marks": _body("\u202eA"),
    "usage as text": _body(usage="many"),
    "usage as list": _body(usage=[1, 2]),
    "tokens as text": _body(usage={"prompt_tokens": "five", "completion_tokens": None}),
    "tokens below zero": _body(usage={"prompt_tokens": -5, "completion_tokens": 1}),
    "tokens without end": _raw(json.dumps(_sound(usage={"prompt_tokens": float("inf"), "completion_tokens": 1}))),
    "tokens no number": _raw(json.dumps(_sound(usage={"prompt_tokens": float("nan")}))),
    "tokens of 400 digits": _raw(json.dumps(_sound()).replace('"prompt_tokens": 5', '"prompt_tokens": ' + "9" * 400)),
    "finish reason a number": _body(finish=7),
    "finish reason an object": _body(finish={"type": "stop"}),
    "finish reason missing": _body(finish=None),
    "finish reason endless": _body(finish="stop" * 10_000),
    "more choices than asked": _body(n=7),
    "byte-order mark": Answer(b"\xef\xbb\xbf" + json.dumps(_sound()).encode()),
    "keys nobody knows": _body(extra={"a": [1, {"b": None}]}),
}
TOLD = {
    "finish reason error": (_body("half an ans", finish="error"), "an error in place of an answer"),
    "error in the choice": (_body("", error={"message": "upstream"}), "an error in place of an answer: upstream"),
    "error with status 200": (_error(502), "502 server error"),
    "error of the quota with status 200": (_error(429), "429 too many requests"),
    "wrong key with status 200": (_error(401), "401: the key is not accepted"),
    "error as text": (Answer({"error": "it broke"}), "an error in place of an answer: it broke"),
    "error with a surrogate": (_error(400, "bad \udcff"), "400: bad"),
    "no choices": (Answer({"choices": []}), "no answer in the body"),
    "choices as text": (Answer({"choices": "A"}), "no JSON with an answer"),
    "choices of nothing": (Answer({"choices": [None]}), "no JSON with an answer"),
    "message missing": (Answer({"choices": [{"finish_reason": "stop"}]}), "no JSON with an answer"),
    "content an object": (_body({"text": "A"}), "no JSON with an answer"),
    "content true": (_body(True), "no JSON with an answer"),
    "deep JSON": (_raw(DEEP), "no JSON with an answer"),
    "deep error": (_raw(DEEP, status=500), "500 server error"),
    "a list": (_raw("[1]"), "no JSON with an answer"),
    "no UTF-8": (Answer(b"\xff\xfe\xfa"), "no JSON with an answer"),
    "a stream": (_raw('data: {"choices": []}\n\ndata: [DONE]'), "no JSON with an answer"),
    "a page": (_raw("<html>Welcome</html>"), "HTML in place of an answer"),
    "nothing": (_raw(""), "empty body"),
    "an odd wait": (_raw("", status=503, headers={"retry-after": "9" * 400}), "503 server error"),
    "a wait in the past": (_raw("", status=503, headers={"retry-after": "Thu, 01 Jan 0001 00:00:00 GMT"}), "503"),
    "cut in the middle": (Answer(_sound(), cut=True), "broken connection"),
    "wrong compression": (_raw("A", headers={"content-encoding": "gzip"}), "empty body"),
    "redirected for ever": (_raw("", status=307, headers={"location": "/v1/chat/completions"}), "broken connection"),
    "an odd status": (_raw("", status=599), "599 server error"),
}


def _serve(trouble: Answer | None) -> Any:
    """Return what answers soundly, but all users except women with the trouble."""

    def handler(call: Call) -> Answer:
        if call.method == "GET":
            return owned_by("somebody")
        troubled = trouble is not None and "Female" not in call.body["messages"][0]["content"]
        return trouble if trouble is not None and troubled else completion(["A"])

    return handler


def _run(out: Path, trouble: Answer | None, told: list[str], *, resume: bool = False) -> None:
    """Run a small survey at such a server."""
    with serving(_serve(trouble)) as url:
        access = ModelAccess(
            base_urls=(f"{url}/v1",), attempts=2, concurrency=2, first_wait=0.01, longest_wait=0.01, tell=told.append
        )
        sizes: dict[str, Any] = {"personas": 4, "trials": 1, "iterations": 1, "draws": 1}
        simulate(small_study(), out, backend="openai", model="m", resources=Resources(access), resume=resume, **sizes)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the tables of a run without trouble."""
    out = tmp_path_factory.mktemp("whole")
    _run(out, None, [])
    return _options(out)


def _options(out: Path) -> dict[str, Any]:
    """Return what was answered, whatever stands beside the answers' labels."""
    frame = pd.read_parquet(out / "responses.parquet")
    return {"rows": frame[["persona", "arm", "trial", "question", "response"]].to_dict("list")}


def test_there_are_forty() -> None:
    """As many kinds as the name says, and more."""
    assert len(READ) + len(TOLD) >= 40


@pytest.mark.parametrize("kind", READ)
def test_sound_answers_are_read(tmp_path: Path, whole: dict[str, Any], kind: str) -> None:
    """What is odd beside an answer, or around it, costs no answer and no second call."""
    _run(tmp_path, READ[kind], told := [])
    assert _options(tmp_path) == whole
    assert not told
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["calls"] == manifest["answers"]
    assert 0 <= manifest["tokens_read"] <= 50 * manifest["calls"]
    _run(tmp_path, None, [], resume=True)
    assert _options(tmp_path) == whole


@pytest.mark.parametrize("kind", TOLD)
def test_trouble_is_told_and_mended_by_resuming(tmp_path: Path, whole: dict[str, Any], kind: str) -> None:
    """Trouble ends in one error with its name, is told when it first comes, and leaves no table and no answer."""
    trouble, said = TOLD[kind]
    told: list[str] = []
    with pytest.raises(ConfoundError) as raised:
        _run(tmp_path, trouble, told)
    assert said in str(raised.value)
    assert not (tmp_path / "responses.parquet").exists()
    assert said.startswith("401") or said in told[0]
    json.loads((tmp_path / "manifest.json").read_text())
    _run(tmp_path, None, [], resume=True)
    assert _options(tmp_path) == whole
