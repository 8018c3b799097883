"""Sampling settings: which there are, and how preset, study and command line come together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confound.errors import InputError
from simulate.backends.presets import preset

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the value of a setting may be.

    Attributes
    ----------
    kind : type
        Its type; a whole number is accepted for a float.
    least, most : float
        Bounds of a number, inclusive.
    words : tuple of str
        The only texts allowed; empty: any.
    """

    kind: type
    least: float = float("-inf")
    most: float = float("inf")
    words: tuple[str, ...] = ()

    def fits(self, value: Any) -> bool:
        """Tell whether a value is allowed. True and False are no numbers."""
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


SETTINGS: Mapping[str, Allowed] = {
    "temperature": Allowed(float, 0, 2),
    "top_p": Allowed(float, 0, 1),
    "top_k": Allowed(int, -1),
    "min_p": Allowed(float, 0, 1),
    "max_tokens": Allowed(int, 1),
    "presence_penalty": Allowed(float, -2, 2),
    "frequency_penalty": Allowed(float, -2, 2),
    "repetition_penalty": Allowed(float, 0),
    "reasoning_effort": Allowed(str, words=("none", "minimal", "low", "medium", "high", "xhigh", "max")),
    "thinking_level": Allowed(str, words=("minimal", "low", "medium", "high")),
    "chat_template_kwargs": Allowed(dict),
}


def sampling(
    model: str | None, study: Mapping[str, Any], given: Mapping[str, Any], *, backend: str, known: Collection[str]
) -> dict[str, Any]:
    """Return the settings that a model is asked with: what was given, else what the study says, else the preset's.

    Parameters
    ----------
    model : str or None
    study : Mapping of str to Any
        Settings of the study file.
    given : Mapping of str to Any
        Settings of the command line.
    backend : str
        Its name, for messages.
    known : collection of str
        The settings that the backend says it knows. Those of a preset that it does not know are left out.

    Raises
    ------
    InputError
        When there is no such setting, the backend does not know it, or it is out of range.
    """
    own = preset(model)
    merged = {name: value for name, value in own.sampling.items() if name in known} if own else {}
    merged |= study
    if own and "max_tokens" in study:
        merged["max_tokens"] += own.room
    merged |= given
    for name, value in merged.items():
        if name not in SETTINGS:
            raise InputError(f"sampling: there is no setting '{name}'. There are {', '.join(SETTINGS)}")
        if name not in known:
            raise InputError(f"sampling: --backend {backend} does not know {name}. Leave it out")
        if not SETTINGS[name].fits(value):
            raise InputError(f"sampling: {name} must be {SETTINGS[name]} but is {value!r}")
    return merged
