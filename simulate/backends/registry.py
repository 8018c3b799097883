"""The backends by name, each imported when it is asked for, so that no engine is loaded without need."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from confound.errors import InputError
from simulate.backends.access import ModelAccess
from simulate.backends.latent_class.users import LatentUsers
from simulate.backends.limits import Budget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulate.backends.protocol import Backend
    from simulate.study.definition import Persona, Study

STRUCTURAL = LatentUsers.name
# Name -> module and class. Each is made from a `ModelAccess` and a `Budget`, and neither loads an engine nor calls a
# server before its first answer.
CHATTING = {
    "vllm": ("simulate.backends.vllm", "VllmModel"),
    "openai": ("simulate.backends.servers.openai", "OpenAIModel"),
    "gemini": ("simulate.backends.servers.gemini", "GeminiModel"),
}
BACKENDS = (STRUCTURAL, *CHATTING)


def backend_class(name: str) -> Any:
    """Return the class of a backend.

    Raises
    ------
    InputError
        When there is no backend of that name.
    """
    if name not in BACKENDS:
        raise InputError(f"--backend {name}: there is no such backend. Known are {', '.join(BACKENDS)}")
    if name == STRUCTURAL:
        return LatentUsers
    module, made = CHATTING[name]
    return getattr(importlib.import_module(module), made)


def open_backend(
    name: str,
    study: Study,
    personas: Sequence[Persona],
    *,
    seed: int,
    access: ModelAccess | None = None,
    budget: Budget | None = None,
) -> Backend:
    """Return a backend by its name, made ready for a study; nothing is loaded or called yet.

    Raises
    ------
    InputError
        When there is no backend of that name, or it cannot run the study.
    """
    access, made = access or ModelAccess(), backend_class(name)
    backend: Backend
    if name != STRUCTURAL:
        if access.model is None:
            raise InputError(
                f"--backend {name}: which model? Name it with --model; `confound simulate --models` has some"
            )
        backend = made(access, budget or Budget())
        return backend
    if access.model not in (None, STRUCTURAL):
        raise InputError(
            f"--model {access.model}: --backend {STRUCTURAL} has no model; choose one of {', '.join(CHATTING)}"
        )
    backend = made(study, personas, seed=seed)
    return backend
