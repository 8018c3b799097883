"""The models of the paper's Table 1 with their sampling, and how sampling settings come together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confound.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Preset:
    """A model and what it is asked with.

    Attributes
    ----------
    model : str
    backend : str
        The one that the paper used.
    sampling : Mapping of str to Any
        Settings by the names of `CHECKS`.
    thinking : str
        What becomes of its thinking, in words; empty for a model that does not think.
    room : int
        Tokens that thinking may take beside the answer, added to the study's `max_tokens`.
    """

    model: str
    backend: str
    sampling: Mapping[str, Any]
    thinking: str = ""
    room: int = 0


def _table(temperature: float, top_p: float, top_k: int, **more: Any) -> dict[str, Any]:
    return {"temperature": temperature, "top_p": top_p, "top_k": top_k, **more}


_NO_THINKING = {"enable_thinking": False}
ROOM = 2048
# Lin, Yun, Mataric, Canny, Gretton and D'Amour (2026), arXiv 2605.20767, Table 1; it does not speak of thinking.
PRESETS = (
    Preset("openai/gpt-oss-20b", "vllm", _table(1.0, 1.0, 0, reasoning_effort="low"), "low, stripped", ROOM),
    Preset("google/gemma-3-4b-it", "vllm", _table(1.0, 0.95, 64)),
    Preset("google/gemma-4-31B-it", "vllm", _table(1.0, 0.95, 64, chat_template_kwargs=_NO_THINKING), "off"),
    Preset("Qwen/Qwen3-30B-A3B", "vllm", _table(0.7, 0.8, 20, chat_template_kwargs=_NO_THINKING), "off"),
    Preset("Qwen/Qwen3-30B-A3B-Instruct-2507", "vllm", _table(0.7, 0.8, 20)),
    Preset("gemini-3-flash-preview", "gemini", _table(1.0, 0.95, 64, thinking_level="minimal"), "minimal", ROOM),
)
AGENT = "google/gemma-4-31B-it"


@dataclass(frozen=True, slots=True)
class Check:
    """What a setting may be: a kind, and the least and the most it may come to."""

    kind: type
    least: float = float("-inf")
    most: float = float("inf")
    words: tuple[str, ...] = field(default=())

    def fits(self, value: Any) -> bool:
        """Tell whether a value will do; a whole number does for a float, and True is no number."""
        if self.kind in (int, float):
            kinds = (int,) if self.kind is int else (int, float)
            return type(value) in kinds and self.least <= value <= self.most
        return isinstance(value, self.kind) and (not self.words or value in self.words)

    def __str__(self) -> str:
        if self.words:
            return f"one of {', '.join(self.words)}"
        if self.kind is dict:
            return "a mapping"
        bounds = [f"{self.least:g} or more"] if self.least > float("-inf") else []
        bounds += [f"at most {self.most:g}"] if self.most < float("inf") else []
        return f"a {'whole ' if self.kind is int else ''}number, {' and '.join(bounds)}"


CHECKS: Mapping[str, Check] = {
    "temperature": Check(float, 0, 2),
    "top_p": Check(float, 0, 1),
    "top_k": Check(int, -1),
    "min_p": Check(float, 0, 1),
    "max_tokens": Check(int, 1),
    "presence_penalty": Check(float, -2, 2),
    "frequency_penalty": Check(float, -2, 2),
    "repetition_penalty": Check(float, 0),
    "reasoning_effort": Check(str, words=("none", "minimal", "low", "medium", "high", "xhigh", "max")),
    "thinking_level": Check(str, words=("minimal", "low", "medium", "high")),
    "chat_template_kwargs": Check(dict),
}


# Backend -> the settings that it has no use for.
UNKNOWN: Mapping[str, frozenset[str]] = {
    "vllm": frozenset({"thinking_level"}),
    "openai": frozenset({"thinking_level"}),
    "gemini": frozenset({"min_p", "repetition_penalty", "reasoning_effort", "chat_template_kwargs"}),
}


def preset(model: str | None) -> Preset | None:
    """Return the preset of a model; None if it has none."""
    return next((one for one in PRESETS if one.model == model), None)


def sampling(model: str | None, study: Mapping[str, Any], given: Mapping[str, Any], *, backend: str) -> dict[str, Any]:
    """Return what a model is asked with: what was given, else what the study says, else the model's preset.

    Raises
    ------
    InputError
        When there is no such setting, or the backend does not know it, or it is out of range.
    """
    known, unknown = preset(model), UNKNOWN.get(backend, frozenset())
    own = {name: value for name, value in known.sampling.items() if name not in unknown} if known else {}
    merged = {**own, **study}
    if known and "max_tokens" in study:
        merged["max_tokens"] += known.room
    merged |= given
    for name, value in merged.items():
        if name not in CHECKS:
            raise InputError(f"sampling: there is no setting '{name}'. There are {', '.join(CHECKS)}")
        if name in unknown:
            raise InputError(f"sampling: --backend {backend} does not know {name}. Leave it out")
        if not CHECKS[name].fits(value):
            raise InputError(f"sampling: {name} must be {CHECKS[name]} but is {value!r}")
    return merged


def listing() -> str:
    """Return the presets as a table."""
    head = ("model", "backend", "temperature", "top-p", "top-k", "thinking")
    rows = [
        (
            p.model,
            p.backend,
            *(f"{p.sampling[name]:g}" for name in ("temperature", "top_p", "top_k")),
            p.thinking or "-",
        )
        for p in PRESETS
    ]
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]
    return "\n".join(
        [
            *table,
            "",
            f"The paper's agent in dialogues is {AGENT} (--agent-model). Any other model can be named too: it is asked",
            "with the server's defaults, but for what the study, --temperature, --top-p, ... say.",
        ]
    )
