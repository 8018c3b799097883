"""A server that fails one call in five, in eight ways: nothing is lost, doubled or changed by it."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from simulate.backends.access import ModelAccess
from simulate.run.loop import Incomplete, simulate
from simulate.run.resources import Resources
from tests.simulate.fakes import contents, small_study
from tests.simulate.servers import Answer, Call, completion, owned_by, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest.importorskip("openai")

TABLES = ("responses.parquet", "attributes.parquet")
TIMEOUT = 1.0
BUSY = {"error": {"message": "busy"}}
# What goes wrong -> how it is recorded, if it goes wrong each time.
TROUBLE: dict[str, tuple[Answer, str]] = {
    "429": (Answer(BUSY, status=429, headers={"retry-after-ms": "30"}), "429 too many requests"),
    "500": (Answer(BUSY, status=500), "500 server error"),
    "cut": (Answer(completion(["A"]).body, cut=True), "broken connection"),
    "late": (Answer(completion(["A"]).body, delay=3 * TIMEOUT), "timeout"),
    "empty": (Answer(b""), "empty body"),
    "html": (Answer(b"<html><body>Bad gateway</body></html>"), "HTML in place of an answer"),
    "garbage": (Answer(b'{"choices": [{"mess'), "no JSON with an answer"),
    "outside": (completion(["Zebra"]), "answer outside the choices: does the server know `structured_outputs`?"),
}


def good(call: Call) -> Answer:
    """Answer each draw by its seed; one seed in 40 is blocked by a filter, which is an answer of its own."""
    if call.method == "GET":
        return owned_by("vllm")
    labels = call.body["structured_outputs"]["choice"]
    seeds = [call.body["seed"] + place for place in range(call.body.get("n", 1))]
    answer = completion([labels[seed // 7 % len(labels)] for seed in seeds])
    for choice, seed in zip(answer.body["choices"], seeds, strict=True):  # type: ignore[index]
        if seed % 40 == 0:
            choice |= {"finish_reason": "content_filter", "message": {"content": None}}
    return answer


def flaky(order: int, tally: Counter[str]) -> Callable[[Call], Answer]:
    """Return a server that fails one call in five, at random; what it did is counted in `tally`."""
    rng = random.Random(order)  # noqa: S311 -- no secrets

    def handler(call: Call) -> Answer:
        if call.method == "GET":
            return good(call)
        tally["calls"] += 1
        if rng.random() >= 0.2:
            return good(call)
        what = rng.choice(list(TROUBLE))
        tally[what] += 1
        return TROUBLE[what][0]

    return handler


def run(out: Path, handler: Callable[[Call], Answer], *, attempts: int, **given: Any) -> int:
    """Run the study, resuming it until nobody is incomplete; return how often it was resumed."""
    options: dict[str, Any] = {
        "timeout": TIMEOUT,
        "attempts": attempts,
        "first_wait": 0.01,
        "longest_wait": 0.05,
        "concurrency": 16,
    }
    resumed = 0
    with serving(handler) as url:
        resources = Resources(access=ModelAccess(base_urls=(f"{url}/v1",), **options))
        while True:
            try:
                simulate(
                    small_study(),
                    out,
                    backend="openai",
                    model="m",
                    choice=True,
                    resources=resources,
                    resume=True,
                    **given,
                )
            except Incomplete as error:
                told(out, error)
                resumed += 1
            else:
                return resumed


def told(out: Path, error: Incomplete) -> None:
    """Hold that an unfinished run has no table, says what is missing, and has a known reason for each failure."""
    manifest = json.loads((out / "manifest.json").read_text())
    assert not (out / "responses.parquet").exists()
    assert f"{len(manifest['incomplete'])} of {manifest['personas']} personas are incomplete" in str(error)
    assert "--resume" in str(error)
    assert set(manifest["failures"]) <= {reason for _, reason in TROUBLE.values()}


@pytest.mark.slow
def test_five_thousand_calls_to_a_flaky_server(tmp_path: Path) -> None:
    """All 5,040 answers come, in the end as if nothing had gone wrong.

    With three calls at most for a request, some fail for good: they are recorded as failed and are no answers, whole
    personas go on without the others, and resuming asks for what is missing alone. The manifest counts the calls
    that the server saw.
    """
    sizes: dict[str, Any] = {"personas": 63, "trials": 5, "iterations": 2, "draws": 1}
    # A call to the sound server, too, may take too long on a busy machine, and is then made again.
    assert run(tmp_path / "good", good, attempts=3, **sizes) == 0
    tally: Counter[str] = Counter()
    assert run(tmp_path / "bad", flaky(1, tally), attempts=3, **sizes) >= 1
    assert contents(tmp_path / "bad", TABLES) == contents(tmp_path / "good", TABLES)
    manifest = json.loads((tmp_path / "bad" / "manifest.json").read_text())
    assert manifest["answers"] == 5040
    came = tally.pop("calls")
    assert came >= 5040 + sum(tally.values())
    # A call that takes too long on a busy machine may never reach the server.
    assert 0 <= manifest["calls"] - came <= 50
    assert set(tally) == set(TROUBLE)
    assert sum(tally.values()) > 1000
    assert sum(manifest["failures"].values()) > 20
    frame = pd.read_parquet(tmp_path / "good" / "responses.parquet")
    assert not frame.duplicated(["iteration", "persona", "arm", "trial", "question"]).any()
    assert set(frame["reason"].dropna()) == {"blocked"}


@pytest.mark.slow
def test_order_of_trouble_leaves_no_trace(tmp_path: Path) -> None:
    """Whatever goes wrong when, resumed or not, the tables have the same bytes."""
    sizes: dict[str, Any] = {"personas": 4, "trials": 3, "iterations": 2, "draws": 1}
    found = set()
    for order in range(3):
        run(tmp_path / str(order), flaky(order, Counter()), attempts=2, **sizes)
        found.add(tuple(contents(tmp_path / str(order), TABLES).items()))
    assert len(found) == 1


def test_draws_on_one_prompt_from_a_flaky_server(tmp_path: Path) -> None:
    """With 10 draws a call too, the table is as without trouble, and each prompt is paid for once."""
    sizes: dict[str, Any] = {"personas": 4, "trials": 10, "iterations": 2}
    assert run(tmp_path / "good", good, attempts=1, **sizes) == 0
    tally: Counter[str] = Counter()
    run(tmp_path / "bad", flaky(3, tally), attempts=3, **sizes)
    assert contents(tmp_path / "bad", TABLES) == contents(tmp_path / "good", TABLES)
    manifest = json.loads((tmp_path / "bad" / "manifest.json").read_text())
    calls = tally.pop("calls")
    assert calls >= 4 * 2 * 8 + sum(tally.values())
    assert 0 <= manifest["calls"] - calls <= 5


def test_draws_outside_the_choices_are_asked_for_again_alone(tmp_path: Path) -> None:
    """Where some of several draws will not do, the others keep their trials, and only the gaps are filled."""
    sizes: dict[str, Any] = {"personas": 2, "trials": 10, "iterations": 1}
    rng = random.Random(5)  # noqa: S311
    record: list[Call] = []

    def handler(call: Call) -> Answer:
        answer = good(call)
        # First requests only: a draw that fails time and again would be given up, and be missing from the table.
        for choice in answer.body["choices"] if call.method == "POST" and call.body.get("n") == 10 else ():  # type: ignore[index]
            # What a filter stopped is an answer of its own kind, whatever text comes with it.
            if choice["finish_reason"] != "content_filter" and rng.random() < 0.3:
                choice["message"] = {"content": "Zebra"}
        return answer

    with serving(handler, record) as url:
        resources = Resources(access=ModelAccess(base_urls=(f"{url}/v1",), first_wait=0.01, longest_wait=0.05))
        given: dict[str, Any] = {"backend": "openai", "model": "m", "choice": True, **sizes}
        simulate(small_study(), tmp_path / "some", resources=resources, **given)
    run(tmp_path / "good", good, attempts=1, **sizes)
    assert contents(tmp_path / "some", TABLES) == contents(tmp_path / "good", TABLES)
    assert any(call.body.get("n", 1) < 10 for call in record if call.method == "POST")
