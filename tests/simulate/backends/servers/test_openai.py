"""The `openai` backend, by way of real servers on this machine: what it sends, what it makes of what comes back."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from confound.errors import InputError
from simulate.backends import presets
from simulate.backends.access import ModelAccess
from simulate.backends.protocol import Stopped
from simulate.backends.registry import open_backend
from simulate.parsing.options import labelled
from simulate.run.loop import Incomplete, simulate
from simulate.run.resources import Resources
from tests.simulate.fakes import contents, small_study
from tests.simulate.servers import Answer, Call, completion, owned_by, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest.importorskip("openai")

MODEL = "Qwen/Qwen3-30B-A3B-Instruct-2507"
FAST: dict[str, Any] = {"first_wait": 0.01, "longest_wait": 0.02}
# Table 1 of Lin, Yun, Mataric, Canny, Gretton and D'Amour (2026): temperature, top-p, top-k.
TABLE_1 = {
    "openai/gpt-oss-20b": (1.0, 1.0, 0),
    "google/gemma-3-4b-it": (1.0, 0.95, 64),
    "google/gemma-4-31B-it": (1.0, 0.95, 64),
    "Qwen/Qwen3-30B-A3B": (0.7, 0.8, 20),
    "Qwen/Qwen3-30B-A3B-Instruct-2507": (0.7, 0.8, 20),
}


def by_seed(call: Call) -> Answer:
    """Answer as vLLM would: each of n draws by a seed of its own."""
    if call.method == "GET":
        return owned_by("vllm")
    return completion(["AB"[(call.body.get("seed", 0) + place) % 2] for place in range(call.body.get("n", 1))])


def asked(record: list[Call]) -> list[Any]:
    """Return the bodies of what was asked for."""
    return [call.body for call in record if call.method == "POST"]


def run(url: str, out: Path, *, options: dict[str, Any] | None = None, **given: Any) -> pd.DataFrame:
    """Run a small survey against a server; return its table."""
    study = given.pop("study", None) or small_study()
    resources = given.pop("resources", None) or Resources(
        access=ModelAccess(base_urls=(f"{url}/v1",), **FAST, **(options or {}))
    )
    given = {"backend": "openai", "model": MODEL, "iterations": 1, **given}
    simulate(study, out, resources=resources, **given)
    return pd.read_parquet(out / "responses.parquet")


@pytest.mark.parametrize("model", TABLE_1)
def test_requests_match_table_1(tmp_path: Path, model: str) -> None:
    """Every field of a request is what Table 1, the study and the run say, and there is no other field."""
    record: list[Call] = []
    study = small_study()
    with serving(by_seed, record) as url:
        frame = run(url, tmp_path / "run", model=model, trials=30)
    temperature, top_p, top_k = TABLE_1[model]
    thinking: dict[str, dict[str, Any]] = {
        "openai/gpt-oss-20b": {"reasoning_effort": "low"},
        "google/gemma-4-31B-it": {"chat_template_kwargs": {"enable_thinking": False}},
        "Qwen/Qwen3-30B-A3B": {"chat_template_kwargs": {"enable_thinking": False}},
    }
    bodies = asked(record)
    for body in bodies:
        messages, seed = body.pop("messages"), body.pop("seed")
        assert body == {
            "model": model,
            "temperature": temperature,
            "top_p": top_p,
            "top_k": top_k,
            "max_tokens": 512 + (2048 if "gpt-oss" in model else 0),
            "n": 30,
            **thinking.get(model, {}),
        }
        assert [message["role"] for message in messages] in (["system", "user"], ["system", "user", "user"])
        assert 0 <= seed < 2**31
    posts = [call for call in record if call.method == "POST"]
    assert {call.path for call in posts} == {"/v1/chat/completions"}
    # One call for the 30 draws on each prompt: personas x arms x questions.
    questions = len(study.asked(0, last=True))
    assert len(bodies) == 6 * 2 * questions == len(frame) / 30
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert (manifest["calls"], manifest["tokens_read"]) == (len(bodies), 50 * len(bodies))


def test_every_setting_can_be_overridden(tmp_path: Path) -> None:
    """What is given stands in the request in place of the preset's and the study's."""
    record: list[Call] = []
    given = {"temperature": 0.5, "top_p": 0.5, "top_k": 5, "max_tokens": 7, "min_p": 0.1}
    with serving(by_seed, record) as url:
        run(url, tmp_path / "run", sampling=given)
    for body in asked(record):
        assert {name: body[name] for name in given} == given


def test_draws_of_one_call_have_seeds_of_their_own_or_none(tmp_path: Path) -> None:
    """A seed goes with several draws only where the server is known to part it; every single draw has one."""
    for owner, seeds in (("vllm", True), ("somebody", False)):
        record: list[Call] = []

        def handler(call: Call, owner: str = owner) -> Answer:
            return owned_by(owner) if call.method == "GET" else by_seed(call)

        with serving(handler, record) as url:
            frame = run(url, tmp_path / owner)
        assert all(("seed" in body) == seeds for body in asked(record))
        manifest = json.loads((tmp_path / owner / "manifest.json").read_text())
        assert manifest["answers_without_seed"] == (0 if seeds else len(frame))
        # The k-th draw has the k-th seed from the one that was sent; a seed that was not sent is not told.
        sent = sorted(body["seed"] + place for body in asked(record) for place in range(4)) if seeds else []
        assert sorted(frame["seed"].dropna()) == sent
        assert sum(call.method == "GET" for call in record) == 1
    record = []
    with serving(by_seed, record) as url:
        frame = run(url, tmp_path / "single", draws=1)
    seeds_sent = sorted(body["seed"] for body in asked(record))
    assert len(set(seeds_sent)) == len(frame)
    assert sorted(frame["seed"]) == seeds_sent
    assert not any("n" in body for body in asked(record))


@pytest.mark.parametrize("kind", ["ignores n", "refuses n"])
def test_servers_that_draw_once_are_asked_once_a_draw(tmp_path: Path, kind: str) -> None:
    """Where a server gives one answer however many are asked for, each trial gets a call and a seed of its own."""
    record: list[Call] = []

    def handler(call: Call) -> Answer:
        if call.method == "GET":
            return owned_by("somebody")
        if kind == "refuses n" and "n" in call.body:
            return Answer({"error": {"message": "n must be 1"}}, status=400)
        return completion(["A"])

    with serving(handler, record) as url:
        frame = run(url, tmp_path / "run", options={"concurrency": 1})
    single = [body for body in asked(record) if "n" not in body]
    assert len(frame) == 6 * 2 * 3 * 4
    assert len(single) in (len(frame), len(frame) - 1)
    assert len({body["seed"] for body in single}) == len(single)
    assert len(asked(record)) - len(single) == 1


def test_more_trials_than_draws_are_split(tmp_path: Path) -> None:
    """With at most 3 draws a call, 4 trials take two calls: 3 draws and 1."""
    record: list[Call] = []
    with serving(by_seed, record) as url:
        frame = run(url, tmp_path / "run", draws=3)
    assert Counter(body.get("n", 1) for body in asked(record)) == {3: 36, 1: 36}
    assert frame["response"].notna().all()


def test_choice_is_asked_for_and_held_to(tmp_path: Path) -> None:
    """`--choice` sends the labels; what is answered outside them all the same is a failure, and no answer."""
    record: list[Call] = []
    with serving(by_seed, record) as url:
        run(url, tmp_path / "good", choice=True)
    questions = {tuple(o.label for o in labelled(q.options)) for q in small_study().asked(0, last=True)}
    assert {tuple(body["structured_outputs"]["choice"]) for body in asked(record)} == questions

    def ignores(call: Call) -> Answer:
        return owned_by("vllm") if call.method == "GET" else completion(["Well, A."] * call.body["n"])

    with serving(ignores) as url, pytest.raises(Incomplete, match="answer outside the choices"):
        run(url, tmp_path / "bad", choice=True, options={"attempts": 2})
    manifest = json.loads((tmp_path / "bad" / "manifest.json").read_text())
    assert manifest["answers"] == 0
    with serving(ignores) as url:  # without it, the same text is read as any text is
        assert (run(url, tmp_path / "free")["text"] == "Well, A.").all()


def test_llama_cpp_is_sent_a_grammar(tmp_path: Path) -> None:
    """A server that is llama.cpp gets the labels as a grammar, also for single draws, and several draws get no seed."""

    def handler(call: Call) -> Answer:
        return owned_by("llamacpp") if call.method == "GET" else completion(["A"] * call.body.get("n", 1))

    for draws in (1, 4):
        record: list[Call] = []
        with serving(handler, record) as url:
            run(url, tmp_path / str(draws), choice=True, draws=draws)
        labels = [[o.label for o in labelled(q.options)] for q in small_study().asked(0, last=True)]
        expected = {"root ::= " + " | ".join(f'"{label}"' for label in one) for one in labels}
        assert {body["grammar"] for body in asked(record)} == expected
        assert all(("seed" in body) == (draws == 1) for body in asked(record))
        assert not any("structured_outputs" in body for body in asked(record))
        assert sum(call.method == "GET" for call in record) == 1


@pytest.mark.parametrize(
    ("message", "finish", "reason"),
    [
        ({"content": "<think>B? No.</think>A"}, "stop", None),
        ({"content": None, "reasoning": "so many thoughts"}, "length", "truncated"),
        ({"content": None, "refusal": "I cannot help with that"}, "stop", "refused"),
        ({"content": None}, "content_filter", "blocked"),
        ({"content": ""}, "stop", "empty"),
        ({"content": "Z"}, "stop", "ambiguous"),
    ],
)
def test_answers_without_an_option_have_a_reason(
    tmp_path: Path, message: dict[str, Any], finish: str, reason: str | None
) -> None:
    """Thinking is stripped; a refusal, a block, silence and what is no option are Unknown, each with its reason."""

    def handler(call: Call) -> Answer:
        if call.method == "GET":
            return owned_by("vllm")
        first = {"message": {"content": "A"}, "finish_reason": "stop"}
        others = [{"message": message, "finish_reason": finish}] * (call.body["n"] - 1)
        return Answer({"choices": [first, *others]})

    with serving(handler) as url:
        frame = run(url, tmp_path / "run")
    others = frame[frame["trial"] > 1]
    if reason is None:
        assert others["response"].notna().all()
    else:
        assert (others["reason"] == reason).all()
        assert others["response"].isna().all()


def test_prompt_stopped_by_a_filter_is_blocked(tmp_path: Path) -> None:
    """A provider's filter that lets no prompt through answers 400: that is Unknown, not a failure."""

    def handler(call: Call) -> Answer:
        if call.method == "GET":
            return owned_by("somebody")
        if "Female" in call.body["messages"][0]["content"]:
            return completion(["A"] * call.body["n"])
        return Answer({"error": {"message": "filtered", "code": "content_filter"}}, status=400)

    with serving(handler) as url:
        frame = run(url, tmp_path / "run")
    assert set(frame.loc[frame["response"].isna(), "reason"]) == {"blocked"}
    assert 0 < frame["response"].isna().sum() < len(frame)


def test_servers_share_the_load_and_one_that_is_gone_is_left_alone(tmp_path: Path) -> None:
    """The faster of two servers gets more calls; an address where nobody listens costs a few calls and no answer."""
    slow: list[Call] = []
    fast: list[Call] = []

    def handler(delay: float) -> Callable[[Call], Answer]:
        return lambda call: Answer(by_seed(call).body, delay=delay)

    with serving(lambda call: by_seed(call)) as gone:
        pass
    with serving(handler(1.0), slow) as one, serving(handler(0.0), fast) as other:
        urls = tuple(f"{url}/v1" for url in (gone, one, other))
        frame = run(
            "",
            tmp_path / "run",
            draws=1,
            resources=Resources(access=ModelAccess(base_urls=urls, concurrency=8, **FAST)),
        )
    assert len(frame) == 144 == len(slow) + len(fast)
    assert len(fast) > len(slow) > 0
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert 144 < manifest["calls"] < 144 + 20


@pytest.mark.slow
def test_users_and_agent_are_apart(tmp_path: Path) -> None:
    """In dialogues the agent's turns go to its server, model and sampling, all else to the users'."""
    users: list[Call] = []
    agents: list[Call] = []
    study = small_study("movielens", turns=2)
    with serving(by_seed, users) as one, serving(by_seed, agents) as other:
        resources = Resources(
            access=ModelAccess(base_urls=(f"{one}/v1",)),
            agent_access=ModelAccess(base_urls=(f"{other}/v1",)),
            prices=None,
        )
        sampling = {"agent_backend": "openai", "agent_model": presets.AGENT, "agent_sampling": {"temperature": 0.3}}
        frame = run("", tmp_path / "run", study=study, resources=resources, **sampling)
    turns = 6 * 2 * 4 * 2
    assert (len(agents), len(users)) == (turns, turns + len(frame))
    assert {(b["model"], b["temperature"], b["top_k"]) for b in asked(agents)} == {(presets.AGENT, 0.3, 64)}
    assert {(b["model"], b["temperature"], b["top_k"]) for b in asked(users)} == {(MODEL, 0.7, 20)}
    assert all("n" not in body for body in asked(users))
    assert frame["seed"].nunique() == len(frame)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["agent_tokens_read"] == 50 * turns
    assert manifest["tokens_read"] == 50 * (len(users) + turns)


def test_thinking_and_silence_stay_out_of_dialogues(tmp_path: Path) -> None:
    """The other side never hears thinking; where nothing is said a sign stands for it, and the manifest counts it."""
    record: list[Call] = []
    silences: list[bool] = []

    def handler(call: Call) -> Answer:
        content = call.body["messages"][-1]["content"]
        silent = "nothing else" not in content and len(record) % 2
        silences.append(bool(silent))
        return completion(["<think>secret</think>" if silent else "A"])

    with serving(handler, record) as url:
        run(url, tmp_path / "run", study=small_study("movielens", turns=1))
    texts = [message["content"] for body in asked(record) for message in body["messages"]]
    assert not any("secret" in text for text in texts)
    assert "..." in texts
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["silent_messages"] == {"stop": sum(silences)}


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "key is not accepted"), (403, "may not use this"), (404, "no such model"), (429, "no money left")],
)
def test_hopeless_errors_stop_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, said: str) -> None:
    """A wrong key, a missing model and an empty account end the run with one message; what came before is kept."""
    monkeypatch.setenv("MINE", "key-for-tests")
    record: list[Call] = []

    def handler(call: Call) -> Answer:
        if len(record) <= 10:
            return by_seed(call)
        return Answer({"error": {"message": "said so", "code": "insufficient_quota"}}, status=status)

    with serving(handler, record) as url, pytest.raises(Stopped, match=f"{status}: .*{said}.*: said so"):
        run(url, tmp_path / "run", options={"concurrency": 2, "key_envs": ("MINE",)}, draws=1)
    assert len(record) <= 13
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["state"] == "stopped"
    assert manifest["answers"] == 10


@pytest.mark.parametrize("status", [401, 403])
def test_server_that_wants_a_key_is_told_how_it_gets_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """A server of another address is sent no key of the provider's; where it wants one the message says what to do."""
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-provider")
    record: list[Call] = []
    answer = Answer({"error": {"message": "who are you"}}, status=status)
    with serving(lambda call: answer, record) as url, pytest.raises(Stopped, match="no key was sent; --key-env NAME"):  # noqa: ARG005
        run(url, tmp_path / "run")
    assert {call.headers["authorization"] for call in record} == {"Bearer none"}


def test_servers_that_are_gone_end_the_run(tmp_path: Path) -> None:
    """Where nothing can be reached, the run ends after a row of failures instead of trying everything for hours."""
    with serving(by_seed) as url:
        pass
    with pytest.raises(Incomplete, match=r"1,440 answers did not come: broken connection \(\d+\)"):
        run(url, tmp_path / "run", options={"attempts": 2}, draws=1, trials=40)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["calls"] == 2 * manifest["failures"]["broken connection"] < 230


def test_what_is_missing_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model, no key, no package, a key in the address, a setting out of range: each is told with its mend."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    url = "http://127.0.0.1:9/v1"
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"model": None}, "Name it with --model"),
        ({"resources": Resources()}, "set OPENAI_API_KEY, or name a server"),
        ({"sampling": {"temperature": 3}}, "temperature must be a number, 0 or more and at most 2 but is 3"),
        ({"sampling": {"warmth": 3}}, "there is no setting 'warmth'"),
        ({"sampling": {"thinking_level": "low"}}, "--backend openai does not know thinking_level"),
        ({"agent_model": "x"}, "is a survey, in which no agent speaks"),
        ({"backend": "structural"}, "choose one of vllm, openai, gemini"),
        ({"backend": "structural", "model": None, "choice": True}, "Choose one of vllm, openai, gemini"),
        ({"draws": 0}, "--draws must be 1 or more but got 0"),
    ]
    for given, said in wrong:
        with pytest.raises(InputError, match=said):
            run(url.removesuffix("/v1"), tmp_path / "run", **given)
    for bad in ("http://me:secret@host/v1", "http://host/v1?key=secret"):
        with pytest.raises(InputError, match="leave keys and passwords out") as told:
            ModelAccess(base_urls=(bad,))
        assert "secret" not in str(told.value)
    for name in ("concurrency", "attempts", "rpm", "timeout"):
        with pytest.raises(InputError, match=f"--{name} must be"):
            ModelAccess(**{name: 0})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # noqa: ARG005
    with pytest.raises(InputError, match=r"pip install 'confound\[openai\]'"):
        run(url, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_own_models_are_told_their_tokens_under_the_newer_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider's own address takes `max_completion_tokens`, every other server `max_tokens`."""
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    for urls, name in (((), "max_completion_tokens"), (("http://127.0.0.1:9/v1",), "max_tokens")):
        options = ModelAccess(model="m", base_urls=urls)
        backend: Any = open_backend("openai", small_study(), (), seed=0, access=options)
        assert backend._max_tokens == name  # noqa: SLF001


def test_budget_counts_every_call(tmp_path: Path) -> None:
    """Retries and split draws are paid for too: the server never sees more calls than the budget has."""
    record: list[Call] = []
    study = small_study()

    def handler(call: Call) -> Answer:
        return by_seed(call) if call.method == "GET" or len(record) % 3 else Answer(b"", status=500)

    with serving(handler, record) as url:
        for limit in (20, 21, 47, 60):
            options = ModelAccess(base_urls=(f"{url}/v1",), concurrency=4, **FAST)
            with pytest.raises(Incomplete, match=f"--max-calls {limit} is reached"):
                run(
                    "",
                    tmp_path / "run",
                    study=study,
                    resources=Resources(options, max_calls=limit),
                    draws=3,
                    resume=True,
                )
            assert len(asked(record)) == limit
            assert json.loads((tmp_path / "run" / "manifest.json").read_text())["calls"] == limit
        run(url, tmp_path / "run", study=study, draws=3, resume=True)
    with serving(by_seed) as url:
        run(url, tmp_path / "good", study=study, draws=3)
    assert contents(tmp_path / "run", ("responses.parquet",)) == contents(tmp_path / "good", ("responses.parquet",))


def test_rate_is_kept_to(tmp_path: Path) -> None:
    """At 1,200 calls a minute they come 50 ms apart; at as many tokens a minute, those spent hold others back."""
    for limit in ({"rpm": 1200.0}, {"tpm": 1200.0 * 51}):
        times: list[float] = []

        def handler(call: Call, times: list[float] = times) -> Answer:
            times.append(time.monotonic())
            return by_seed(call)

        with serving(handler) as url:
            run(url, tmp_path / next(iter(limit)), options={"concurrency": 1, **limit}, draws=1, personas=1, trials=2)
        assert len(times) == 12
        # The last of 12 calls starts when 11 have been paid for; a little less, for the way here is not always as long.
        assert times[-1] - times[0] > 0.05 * 11 * 0.9
