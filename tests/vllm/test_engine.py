"""The backend and a real engine: what is sent, what comes back, what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from confound.errors import InputError
from simulate.backends.access import ModelAccess
from simulate.backends.limits import Budget
from simulate.backends.protocol import Stopped
from simulate.backends.vllm import CHUNK, VllmModel
from tests.vllm.asking import ASKED, counted, replies, request, texts
from tests.vllm.tiny import ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORDS = {"max_tokens": 12}


@pytest.fixture
def sent(engine: VllmModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Return what is passed to `LLM.chat`, call by call; the engine answers as ever."""
    found: list[dict[str, Any]] = []
    chat = engine.start().chat

    def listening(messages: list[Any], **given: Any) -> Any:
        found.append({"messages": messages, **given})
        return chat(messages, **given)

    monkeypatch.setattr(engine.start(), "chat", listening)
    return found


def other(model: Path, *, draws: int = 128, limit: int | None = None, chunk: int = CHUNK) -> VllmModel:
    """Return another backend on the engine that runs."""
    return VllmModel(ModelAccess(str(model), draws=draws, engine=ENGINE), Budget(limit), chunk=chunk)


def test_a_survey_prompt_is_sent_and_read_once(engine: VllmModel, sent: list[dict[str, Any]]) -> None:
    """30 trials of each of 8 prompts: 8 prompts go to the engine, which reads each once but for a part of a block."""
    asked = [request(persona, 30, sampling=WORDS, run_seed=5) for persona in range(8)]
    before = counted(engine)
    found = replies(engine, *asked)
    after = counted(engine)
    assert [len(call["messages"]) for call in sent] == [8]
    assert [params.n for params in sent[0]["sampling_params"]] == [30] * 8
    assert len(found) == 8 * 30
    assert sum(reply.calls for reply in found) == 8
    tokens = [reply.tokens[0] for reply in found if reply.tokens[0]]
    assert len(tokens) == 8
    read = {name: after[name] - before[name] for name in ("prefix_cache_queries", "prefix_cache_hits")}
    assert read["prefix_cache_queries"] == 30 * sum(tokens)
    # Each draw but the first reads again what of the prompt fills no block of its own.
    again = read["prefix_cache_queries"] - read["prefix_cache_hits"] - sum(tokens)
    assert again <= 8 * 29 * ENGINE["block_size"]


def test_branches_of_a_conversation_share_what_they_have_in_common(engine: VllmModel) -> None:
    """Questions to one persona are sent together, and the engine reads the persona once."""
    from simulate.study.prompts import Prompts
    from tests.vllm.asking import STUDY

    prompts, arm = Prompts(STUDY), STUDY.arms[0]
    first = request(9, 1, sampling=WORDS)
    who = first.profile.persona
    asked = [
        replace(
            first,
            question=question,
            compose=lambda question=question: prompts.question(prompts.conversation(who, {}, arm), question),
        )
        for question in STUDY.questions.values()
    ]
    before = counted(engine)
    tokens = [reply.tokens[0] for reply in replies(engine, *asked)]
    after = counted(engine)
    read = {name: after[name] - before[name] for name in ("prefix_cache_queries", "prefix_cache_hits")}
    # Else the counters do not say whether there were hits.
    assert read["prefix_cache_queries"] == sum(tokens)
    assert read["prefix_cache_hits"] >= ENGINE["block_size"] * (len(tokens) - 1)


def test_answers_are_the_same_alone_together_and_in_parts(engine: VllmModel, model: Path) -> None:
    """A trial's answer does not depend on which others are drawn with it: in one call, in parts, or after a resume."""
    whole = texts(engine, request(sampling=WORDS))[0]
    assert len(set(whole.values())) > 20
    assert texts(other(model, draws=1), request(sampling=WORDS))[0] == whole
    assert texts(other(model, draws=7, chunk=5), request(sampling=WORDS))[0] == whole
    rest = texts(engine, request(trials=(2, 5, 6, 30), sampling=WORDS))[0]
    assert rest == {trial: whole[trial] for trial in (2, 5, 6, 30)}


def test_seeds_tell_requests_apart(engine: VllmModel) -> None:
    """Another run seed, arm or question gives other answers to the same prompt."""
    first = request(sampling=WORDS)
    others = [replace(first, run_seed=1), replace(first, arm="leading"), replace(first, question=None, turn=1)]
    found = texts(engine, first, *others)
    assert len({tuple(one.values()) for one in found}) == 4


def test_answers_come_chunk_by_chunk(model: Path, engine: VllmModel, sent: list[dict[str, Any]]) -> None:  # noqa: ARG001
    """Requests are taken in and answered a chunk at a time, so that what is answered can be kept."""
    taken = []

    def asking() -> Iterator[Any]:
        for persona in range(6):
            taken.append(persona)
            yield request(persona, 4, sampling=WORDS)

    answers = other(model, chunk=8).answer(asking())
    next(answers)
    assert (taken, len(sent)) == ([0, 1], 1)
    assert len(list(answers)) == 6 * 4 - 1
    assert [len(call["messages"]) for call in sent] == [2, 2, 2]


def test_sampling_reaches_the_engine(engine: VllmModel, sent: list[dict[str, Any]]) -> None:
    """Settings are passed on by name; without any there is still room for an answer; the chat template has its own."""
    sampling = {"temperature": 0.7, "top_p": 0.8, "top_k": 1, "max_tokens": 3}
    said = texts(engine, request(sampling=sampling))[0]
    assert len(set(said.values())) == 1
    replies(engine, request(trials=1, sampling={}))
    first, second = (call["sampling_params"][0] for call in sent)
    assert {name: getattr(first, name) for name in sampling} == sampling
    assert second.max_tokens == 512
    assert [call["chat_template_kwargs"] for call in sent] == [None, None]


def test_thinking_is_switched_off_where_the_model_is_told_to(engine: VllmModel) -> None:
    """`chat_template_kwargs` reaches the chat template, request by request."""
    off = {**WORDS, "chat_template_kwargs": {"enable_thinking": False}}
    plain, quiet = replies(engine, request(trials=1, sampling=WORDS), request(trials=1, sampling=off))
    assert quiet.tokens[0] > plain.tokens[0]


def test_answers_are_held_to_the_choices(engine: VllmModel) -> None:
    """With choices every answer is one of them; without, a model that knows nothing never gives one by itself."""
    held, free = texts(engine, request(choice=True, sampling=WORDS), request(sampling=WORDS))
    assert set(held.values()) <= set("ABCDE")
    assert not set(free.values()) & set(ASKED.options)


def test_what_is_cut_off_says_so(engine: VllmModel) -> None:
    """The engine's word on how an answer ended is kept, and tokens are counted once a prompt."""
    found = replies(engine, request(trials=5))
    assert {reply.finish for reply in found} == {"length"}
    assert [reply.tokens[1] for reply in found] == [1] * 5
    assert [bool(reply.tokens[0]) for reply in found] == [True, *[False] * 4]


def test_a_conversation_too_long_fails_alone(engine: VllmModel) -> None:
    """One prompt beyond the model's length is a failure with the engine's reason; all others are answered."""
    long = request(2, 3, compose=lambda: [{"role": "user", "content": "hello " * 3_000}])
    asked = [request(0, 3), request(1, 3), long, request(3, 3)]
    found = replies(engine, *asked)
    assert len(found) == 12
    assert [reply.failure is not None for reply in found] == [reply.request is long for reply in found]
    failures = {reply.failure for reply in found if reply.failure}
    assert len(failures) == 1
    assert "maximum context length is 1024" in failures.pop()


def test_further_calls_are_paid_for(model: Path, engine: VllmModel) -> None:  # noqa: ARG001
    """A request that takes several calls takes those after the first from the budget, and stops where it ends."""
    backend = other(model, draws=2, limit=3)
    assert len(replies(backend, request(trials=20))) == 2 * 4


def test_an_engine_that_breaks_down_stops_the_run(engine: VllmModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the engine raises for reasons of its own ends the run in words, after the chunks answered before."""

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(engine.start(), "chat", broken)
    with pytest.raises(Stopped, match="engine broke down: out of memory"):
        replies(engine, request())


def test_what_an_interrupted_run_left_is_not_taken_for_an_answer(engine: VllmModel) -> None:
    """Requests that an earlier run left in the engine do not shift the answers of the next."""
    expected = texts(engine, request(sampling=WORDS))
    engine.start().enqueue_chat([request(5).messages] * 3, use_tqdm=False)
    assert texts(engine, request(sampling=WORDS)) == expected


@pytest.mark.parametrize(
    ("model_name", "given", "said"),
    [
        (None, {"tensor_paralel_size": 2}, "tensor_paralel_size"),
        (None, {"data_parallel_size": 2}, "single-process"),
        ("nobody/nothing", {}, "nobody/nothing"),
    ],
)
def test_what_cannot_start_says_why(model: Path, model_name: str | None, given: dict[str, Any], said: str) -> None:
    """A wrong argument or model is told with vLLM's own reason."""
    backend = VllmModel(ModelAccess(model_name or str(model), engine=given), Budget())
    with pytest.raises(InputError, match=said):
        backend.start()


def test_a_wrong_setting_is_told(engine: VllmModel) -> None:
    """A setting that the sampler does not know, or that is out of its range, is an error that names it."""
    for wrong in ({"thinking_level": "low"}, {"top_p": 3.0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            replies(engine, request(sampling=wrong))


def test_one_engine_serves_the_same_model_twice(engine: VllmModel, model: Path) -> None:
    """Users and agent of one model share its weights."""
    assert other(model).start() is engine.start()
