"""The models of the paper's Table 1, with the sampling settings that it used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Preset:
    """A model, and the settings that it is asked with.

    Attributes
    ----------
    model : str
    backend : str
        The one that serves it by default.
    sampling : Mapping of str to Any
        By the names of `simulate.backends.sampling.SETTINGS`.
    thinking : str
        How its thinking is limited, in words; empty for a model that does not think.
    room : int
        Tokens allowed for thinking, added to the study's `max_tokens`, which is for the answer.
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
# Lin, Yun, Mataric, Canny, Gretton and D'Amour (2026), arXiv 2605.20767, Table 1, which says nothing about thinking.
PRESETS = (
    Preset("openai/gpt-oss-20b", "vllm", _table(1.0, 1.0, 0, reasoning_effort="low"), "low, stripped", ROOM),
    Preset("google/gemma-3-4b-it", "vllm", _table(1.0, 0.95, 64)),
    Preset("google/gemma-4-31B-it", "vllm", _table(1.0, 0.95, 64, chat_template_kwargs=_NO_THINKING), "off"),
    Preset("Qwen/Qwen3-30B-A3B", "vllm", _table(0.7, 0.8, 20, chat_template_kwargs=_NO_THINKING), "off"),
    Preset("Qwen/Qwen3-30B-A3B-Instruct-2507", "vllm", _table(0.7, 0.8, 20)),
    Preset("gemini-3-flash-preview", "gemini", _table(1.0, 0.95, 64, thinking_level="minimal"), "minimal", ROOM),
)
AGENT = "google/gemma-4-31B-it"


def preset(model: str | None) -> Preset | None:
    """Return the preset of a model; None if it has none."""
    return next((one for one in PRESETS if one.model == model), None)


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
            "with the server's defaults, except for what the study, --temperature, --top-p, ... say.",
        ]
    )
