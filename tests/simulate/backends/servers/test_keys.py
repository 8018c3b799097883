"""Keys are read from the environment and go to the server; they are found nowhere else."""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
import traceback
import urllib.parse
from typing import TYPE_CHECKING, Any

import pytest

from confound.errors import ConfoundError, InputError
from simulate.backends.access import ModelAccess
from simulate.backends.servers.keys import BLOT, blotter, keys_of
from simulate.run.loop import simulate
from simulate.run.resources import Resources
from tests.simulate.fakes import small_study
from tests.simulate.servers import Answer, Call, completion, owned_by, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest.importorskip("openai")
pytest.importorskip("google.genai")

KEY = "sk-0123456789-the-very-secret-key"
COMMAND = (sys.executable, "-c", "import sys; sys.argv[0] = 'confound'; from confound.cli import main; main()")
SENT = {
    "openai": ("OPENAI_API_KEY", "authorization", "Qwen/Qwen3-30B-A3B", "/v1"),
    "gemini": ("GEMINI_API_KEY", "x-goog-api-key", "gemini-3-flash-preview", ""),
}


def told(call: Call) -> str:
    """Return all headers of a call, as a server that helps to debug would print them."""
    return json.dumps(call.headers)


def answered(call: Call, text: str) -> Answer:
    """Return a text as an answer of either kind of server."""
    if call.method == "GET":
        return owned_by(text)
    if "contents" in call.body:
        return Answer(
            {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}]}
        )
    return completion([text] * call.body.get("n", 1))


def failing(status: int) -> Callable[[Call], Answer]:
    """Return a server that fails with what it was sent."""
    return lambda call: Answer({"error": {"code": status, "message": f"padding {told(call)}"}}, status=status)


# What a server may do with the headers that it was sent.
ECHOES: dict[str, Callable[[Call], Answer]] = {
    "wrong key": failing(401),
    "unfit": failing(400),
    "error": failing(500),
    "too many": failing(429),
    "text": lambda call: answered(call, f"A {told(call)}"),
    "page": lambda call: Answer(f"<html>{told(call)}</html>".encode()),
    "page of error": lambda call: Answer(f"<html>{told(call)}</html>".encode(), status=502),
    "no JSON": lambda call: Answer(f"{{{told(call)}".encode()),
    "odd": lambda call: Answer({"choices": told(call), "candidates": told(call)}),
    "cut": lambda call: Answer(told(call).encode(), cut=True),
}


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("backend", SENT)
def test_key_is_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, backend: str, echo: str
) -> None:
    """Whatever a server does with what it was sent, no file, error, traceback or log of any level holds the key."""
    variable, header, model, path = SENT[backend]
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    monkeypatch.delenv(variable, raising=False)
    record: list[Call] = []
    caught: list[str] = []
    with caplog.at_level(logging.DEBUG), serving(ECHOES[echo], record) as url:
        options = ModelAccess(
            base_urls=(url + path,), key_envs=("MY_KEY",), attempts=2, first_wait=0.01, longest_wait=0.01
        )
        try:
            simulate(
                small_study(),
                tmp_path,
                backend=backend,
                model=model,
                iterations=1,
                personas=1,
                resources=Resources(options),
            )
        except ConfoundError:
            caught.append(traceback.format_exc())
    assert caught
    assert {call.headers[header].removeprefix("Bearer ") for call in record} == {KEY}
    places = {str(file): file.read_bytes().decode(errors="replace") for file in tmp_path.rglob("*") if file.is_file()}
    assert len(places) > 1
    for place, content in {**places, "error": "".join(caught), "log": caplog.text}.items():
        assert KEY not in content, place
    if echo in ("unfit", "text"):
        assert "[key]" in places[str(tmp_path / "journal.log")]


@pytest.mark.slow
@pytest.mark.parametrize("backend", SENT)
def test_key_is_not_printed(tmp_path: Path, backend: str) -> None:
    """The command line ends in one message without the key, exits 2, and its child's output holds it nowhere."""
    variable, _, model, path = SENT[backend]
    environment = os.environ | {variable: KEY, "PYTHONUNBUFFERED": "1", "OPENAI_LOG": "debug"}
    with serving(ECHOES["wrong key"]) as url:
        server = ("--base-url", url + path, "--key-env", variable)
        options = ("--out", str(tmp_path / "run"), "--model", model, *server, "--backend", backend)
        done = subprocess.run(  # noqa: S603
            [*COMMAND, "simulate", "opinionqa", *options], env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 2, done.stderr
    assert "401: the key is not accepted: padding" in done.stderr
    assert "--resume" in done.stderr
    assert KEY not in done.stdout + done.stderr
    assert not any(KEY.encode() in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_key_never_reaches_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a debugger or an assertion prints of options and backends has no key in it."""
    from simulate.backends.registry import open_backend

    for backend, (variable, _, model, _) in SENT.items():
        monkeypatch.setenv(variable, KEY)
        made: Any = open_backend(backend, small_study(), (), seed=0, access=ModelAccess(model=model))
        assert KEY not in repr(made)
        assert KEY not in repr(ModelAccess(model=model))


@pytest.mark.parametrize("form", list(range(9)))
def test_key_is_blotted_out_in_every_form(form: int) -> None:
    """A key goes where it stands as it is, percent-encoded, in base64 at any place, in hexadecimal, or in part."""
    key = "sk-0123/4567+89ab=cdefghijklmnop"
    forms = [
        key,
        urllib.parse.quote(key, safe=""),
        "".join(f"%{byte:02X}" for byte in key.encode()),
        key.encode().hex(),
        *(base64.b64encode(b"x" * n + key.encode() + b" and more").decode() for n in range(3)),
        base64.urlsafe_b64encode(b"Bearer " + key.encode()).decode(),
        f"{key[:10]}*****{key[-4:]}",
    ]
    pattern = blotter([None, key])
    assert pattern is not None
    left = pattern.sub(BLOT, f"You sent {forms[form]} to us.")
    assert BLOT in left
    assert not any(piece in left for piece in (forms[form][8:20], key[8:16], key[-4:]))
    assert left.startswith("You sent ")
    assert left.endswith(" to us.")


def test_key_goes_to_its_own_address_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each server gets the key of its own variable; the provider's key goes to no other address, nor do the agent's."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ONE", "key-of-the-first")
    monkeypatch.setenv("OTHER", "key-of-the-other")
    records: list[list[Call]] = [[], [], []]

    def sound(call: Call) -> Answer:
        return owned_by("vllm") if call.method == "GET" else completion(["A"] * call.body.get("n", 1))

    with serving(sound, records[0]) as one, serving(sound, records[1]) as other, serving(sound, records[2]) as agent:
        resources = Resources(
            access=ModelAccess(base_urls=(f"{one}/v1", f"{other}/v1"), key_envs=("ONE", "OTHER"), concurrency=4),
            agent_access=ModelAccess(base_urls=(f"{agent}/v1",)),
        )
        simulate(
            small_study("movielens", turns=1),
            tmp_path,
            backend="openai",
            model="m",
            agent_model="n",
            iterations=1,
            personas=2,
            trials=2,
            resources=resources,
        )
    sent = [{call.headers["authorization"].removeprefix("Bearer ") for call in record} for record in records]
    assert sent == [{"key-of-the-first"}, {"key-of-the-other"}, {"none"}]


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("http://api.openai.com/v1", False),
        ("https://api.openai.com.example.org/v1", False),
        ("https://openrouter.ai/api/v1", False),
    ],
)
def test_provider_key_goes_to_the_provider(monkeypatch: pytest.MonkeyPatch, url: str, own: bool) -> None:
    """`OPENAI_API_KEY` alone is enough for OpenAI's own hosts, over https, and is sent to nobody else."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert keys_of((url,), (), ("OPENAI_API_KEY",), "api.openai.com") == [KEY if own else None]
    assert keys_of((), (), ("OPENAI_API_KEY",), "api.openai.com") == [KEY]


def test_key_variables_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not set, and another number of variables than of addresses, are refused."""
    monkeypatch.delenv("UNSET", raising=False)
    with pytest.raises(InputError, match="--key-env UNSET: there is no such variable"):
        keys_of(("http://a", "http://b"), ("UNSET",), (), "")
    with pytest.raises(InputError, match="2 variables for 3 addresses"):
        keys_of(("http://a",) * 3, ("UNSET", "UNSET"), (), "")
