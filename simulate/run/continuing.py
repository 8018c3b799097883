"""Whether a run in a folder may be continued: with what changes no prompt, and with more trials and personas."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from confound.errors import ConfoundError
from simulate.backends.registry import STRUCTURAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulate.study.definition import Persona, Study

# What may grow while a run goes on.
GROWS = ("personas", "trials")
_SAID = {
    "study_hash": "what the study file says to the models or asks",
    "personas_hash": "the personas",
    "format": "the format of the journal",
    "draw": "--draw",
}


def study_hash(study: Study, backend: str) -> str:
    """Return a hash of what a study says to the models and asks: comments, title and default sizes do not count."""
    questions = [(q.id, q.role, q.text, q.options, q.ordered, q.values) for q in study.questions.values()]
    content = {
        "study": study.study,
        "arms": [(arm.name, arm.statement, arm.agent) for arm in study.arms],
        "items": [(item.id, item.title) for item in study.items],
        "questions": questions,
        "labels": list(study.labels.items()),
        "batches": study.batches,
        "prompts": sorted(study.prompts.items()),
        "turns": study.turns,
        "structure": study.structure if backend == STRUCTURAL else None,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def personas_hash(personas: Sequence[Persona]) -> str:
    """Return a hash of the personas: ids, attributes and texts."""
    content = [[persona.id, dict(persona.attributes), persona.text] for persona in personas]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def grown(recorded: Mapping[str, Any], wanted: Mapping[str, Any], personas: Sequence[Persona]) -> bool:
    """Tell whether a run is to go on with more trials or more personas, those it has being the first of them.

    A run with a stop rule does not grow: the rule has looked at what there was.
    """
    sizes = [(recorded.get(name, 0), wanted[name]) for name in GROWS]
    if recorded.get("stop") is not None or sizes == [(new, new) for _, new in sizes]:
        return False
    same = personas_hash(personas[: recorded.get("personas", 0)]) == recorded.get("personas_hash")
    return same and all(old <= new for old, new in sizes)


def check_continues(
    folder: str, recorded: Mapping[str, Any], wanted: Mapping[str, Any], personas: Sequence[Persona]
) -> bool:
    """Refuse to continue a run with other settings, but for more trials and personas.

    Returns
    -------
    bool
        Whether there are more.

    Raises
    ------
    ConfoundError
        As `check_same`.
    """
    more = grown(recorded, wanted, personas)
    kept = {name: wanted[name] for name in (*GROWS, "personas_hash")} if more else {}
    check_same(folder, {**recorded, **kept}, wanted)
    return more


def check_same(folder: str, recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse to continue a run with other settings.

    Raises
    ------
    ConfoundError
        When a setting changed; the message names each with its old and its new value.
    """
    changed = [name for name in wanted if name != "source" and recorded.get(name) != wanted[name]]
    if not changed:
        return
    told = "; ".join(_change(name, recorded.get(name), wanted[name]) for name in changed)
    raise ConfoundError(
        f"{folder}: holds a run with other settings: {told}. Go on with what it was started with, or choose another "
        "folder with --out"
    )


def _change(name: str, old: Any, new: Any) -> str:
    if name.endswith("_hash"):
        return f"{_SAID[name]} changed since"
    return f"{_SAID.get(name, name)} was {old} and is now {new}"
