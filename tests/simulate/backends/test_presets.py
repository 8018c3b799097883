"""Presets and how sampling settings come together."""

from __future__ import annotations

from typing import Any

import pytest

from confound.errors import InputError
from simulate.backends import presets
from simulate.backends.registry import CHATTING, backend_class
from simulate.backends.sampling import SETTINGS, sampling

QWEN, GEMINI, GPT_OSS = "Qwen/Qwen3-30B-A3B", "gemini-3-flash-preview", "openai/gpt-oss-20b"


def asked_with(model: str, study: dict[str, Any], given: dict[str, Any], *, backend: str) -> dict[str, Any]:
    """Return what a model behind a backend is asked with."""
    return sampling(model, study, given, backend=backend, known=backend_class(backend).sampling_settings)


def test_table_1() -> None:
    """The six models of Table 1 have its backend, temperature, top-p and top-k."""
    found = {p.model: (p.backend, *(p.sampling[n] for n in ("temperature", "top_p", "top_k"))) for p in presets.PRESETS}
    assert found == {
        "openai/gpt-oss-20b": ("vllm", 1.0, 1.0, 0),
        "google/gemma-3-4b-it": ("vllm", 1.0, 0.95, 64),
        "google/gemma-4-31B-it": ("vllm", 1.0, 0.95, 64),
        "Qwen/Qwen3-30B-A3B": ("vllm", 0.7, 0.8, 20),
        "Qwen/Qwen3-30B-A3B-Instruct-2507": ("vllm", 0.7, 0.8, 20),
        "gemini-3-flash-preview": ("gemini", 1.0, 0.95, 64),
    }
    assert presets.AGENT in found
    assert all(p.model in presets.listing() for p in presets.PRESETS)


def test_given_overrides_study_overrides_preset() -> None:
    """The command line goes before the study, the study before the preset; another model has no preset."""
    study = {"top_p": 0.5, "temperature": 0.5}
    found = asked_with(QWEN, study, {"temperature": 0.1}, backend="openai")
    assert (found["temperature"], found["top_p"], found["top_k"]) == (0.1, 0.5, 20)
    assert asked_with("mine", study, {}, backend="openai") == study


def test_thinking_gets_room_beside_the_answer() -> None:
    """The study's `max_tokens` is for the answer; what is given on the command line is taken as it is."""
    assert asked_with(GPT_OSS, {"max_tokens": 512}, {}, backend="vllm")["max_tokens"] == 512 + presets.ROOM
    assert asked_with(GPT_OSS, {"max_tokens": 512}, {"max_tokens": 64}, backend="vllm")["max_tokens"] == 64
    assert asked_with(QWEN, {"max_tokens": 512}, {}, backend="vllm")["max_tokens"] == 512


def test_presets_keep_to_what_the_backend_knows() -> None:
    """Behind another backend a preset leaves out what that does not know; from anyone else it is refused."""
    assert "thinking_level" not in asked_with(GEMINI, {}, {}, backend="openai")
    assert "chat_template_kwargs" not in asked_with(QWEN, {}, {}, backend="gemini")
    with pytest.raises(InputError, match="--backend gemini does not know min_p"):
        asked_with(GEMINI, {"min_p": 0.1}, {}, backend="gemini")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("temperature", -0.1, "a number, 0 or more and at most 2 but is -0.1"),
        ("temperature", True, "but is True"),
        ("temperature", "hot", "but is 'hot'"),
        ("temperature", float("nan"), "but is nan"),
        ("top_p", 1.1, "at most 1"),
        ("top_k", 2.5, "a whole number, -1 or more"),
        ("max_tokens", 0, "1 or more"),
        ("reasoning_effort", "great", "one of none, minimal, low"),
        ("chat_template_kwargs", "off", "a mapping"),
        ("warmth", 1, "there is no setting 'warmth'"),
    ],
)
def test_settings_out_of_range_are_refused(name: str, value: Any, said: str) -> None:
    """Each message says what is allowed and what was found."""
    with pytest.raises(InputError, match=said):
        asked_with("mine", {}, {name: value}, backend="openai")


def test_each_backend_says_which_settings_it_knows() -> None:
    """What a backend says it knows are settings that there are; a backend that is in no list is refused."""
    for name in CHATTING:
        assert "max_tokens" in backend_class(name).sampling_settings <= set(SETTINGS)
    with pytest.raises(InputError, match="--backend magic: there is no such backend"):
        backend_class("magic")
    with pytest.raises(InputError, match="--backend mine does not know top_k"):
        sampling("m", {}, {"top_k": 1}, backend="mine", known=frozenset({"top_p"}))
