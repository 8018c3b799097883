"""Requests without a run, the model's own probabilities, and what the engine counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulate.backends.protocol import Request
from simulate.study.personas import make_personas
from simulate.study.profile import Profile
from simulate.study.prompts import Prompts
from tests.simulate.fakes import small_study

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from simulate.backends.protocol import Reply
    from simulate.backends.vllm import VllmModel

STUDY = small_study()
ASKED = STUDY.questions["gun_laws"]


def request(persona: int = 0, trials: int | tuple[int, ...] = 30, *, choice: bool = False, **given: Any) -> Request:
    """Return a request for one persona's answers to the outcome question in the first arm."""
    who = make_personas(STUDY.personas, persona + 1, seed=0, study=STUDY)[persona]
    prompts, arm = Prompts(STUDY), STUDY.arms[0]
    known: dict[str, Any] = {
        "question": ASKED,
        "compose": lambda: prompts.question(prompts.conversation(who, {}, arm), ASKED),
        "choices": tuple("ABCDE") if choice else (),
        "sampling": {"max_tokens": 1},
    }
    numbers = tuple(range(1, trials + 1)) if isinstance(trials, int) else trials
    return Request(Profile(who), arm.name, numbers, **(known | given))


def texts(backend: VllmModel, *requests: Request) -> list[dict[int, str | None]]:
    """Return for each request what was written in each trial; no reply may fail."""
    found: dict[int, dict[int, str | None]] = {id(one): {} for one in requests}
    for reply in replies(backend, *requests):
        assert reply.failure is None
        assert reply.trial not in found[id(reply.request)]
        found[id(reply.request)][reply.trial] = reply.text
    return [dict(sorted(found[id(one)].items())) for one in requests]


def replies(backend: VllmModel, *requests: Request) -> list[Reply]:
    """Return all replies."""
    return list(backend.answer(requests))


def next_word(model: Path, asked: Request) -> dict[str, float]:
    """Return the probability of each text that the model's next token may come to, computed by transformers."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    ids = tokenizer.apply_chat_template(
        asked.messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )["input_ids"]
    with torch.no_grad():
        shares = torch.softmax(network(ids).logits[0, -1].double(), dim=0).numpy()
    found: dict[str, float] = {}
    for token, share in enumerate(shares):
        said = written(tokenizer.decode([token], skip_special_tokens=True))
        found[said] = found.get(said, 0.0) + float(share)
    return found


def written(text: str | None) -> str:
    """Return a text as it can be compared: half a letter is shown in several ways, all as none here."""
    return "" if text is None or "\ufffd" in text else text


def classes(shares: dict[str, float], number: int) -> tuple[dict[str, int], NDArray[np.float64]]:
    """Gather texts into classes of about equal probability; return each text's class and each class's probability."""
    totals = np.zeros(number)
    found: dict[str, int] = {}
    for text, share in sorted(shares.items(), key=lambda pair: -pair[1]):
        found[text] = int(totals.argmin())
        totals[found[text]] += share
    return found, totals


def counted(backend: VllmModel) -> dict[str, float]:
    """Return the engine's counters."""
    return {
        metric.name.removeprefix("vllm:"): metric.value
        for metric in backend.start().get_metrics()
        if getattr(metric, "value", None) is not None
    }
