"""What makes a run the run it is: its settings, as the journal's first line keeps them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from confound.errors import ConfoundError, InputError
from simulate.backends import presets
from simulate.backends.protocol import BACKENDS, MOST_DRAWS
from simulate.run.adjust import DRAWS, Draw
from simulate.run.stop import parse_rule
from simulate.study.definition import check_iterations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulate.backends.protocol import Backend
    from simulate.study.definition import Persona, Study

_LEAST = (("personas", 1), ("trials", 1), ("iterations", 1), ("seed", 0), ("draws", 1))
# Raised when the same settings would give other draws than before.
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """The choices of a run.

    Attributes
    ----------
    personas : int
        1 or more.
    trials : int
        Conversations of each persona in each arm, 1 or more.
    iterations : int
        The most there may be, iteration 0 included; 1 or more, at most one more than there are batches.
    seed : int
        0 or more.
    backend : str
    model : str or None
        None: the backend's own.
    sampling : Mapping of str to Any
        What the model is asked with, see `simulate.backends.presets`.
    choice : bool
        Whether the engine is to hold the model to the options' labels.
    draws : int
        Most answers drawn on one prompt in one call, 1 or more.
    agent_backend, agent_model : str or None
        Who speaks as the agent of a dialogue; None: who answers as the users.
    agent_sampling : Mapping of str to Any
    draw : {"separate", "joint"}
        How the answers to a batch of confounders are drawn, see `simulate.run.adjust.adopt`.
    retention : bool
        Whether retention questions are asked.
    source_design : bool
        Whether to run the 2 x 2 of arm by source arm besides.
    stop : str or None
        Rule by which to stop before the last iteration, see `simulate.run.stop`.
    shard : str or None
        `i/n`: the i-th of n shares of the personas.

    Raises
    ------
    InputError
        When one of them is out of range, or two do not go together.
    """

    personas: int
    trials: int
    iterations: int
    seed: int = 0
    backend: str = BACKENDS[0]
    model: str | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    choice: bool = False
    draws: int = MOST_DRAWS
    agent_backend: str | None = None
    agent_model: str | None = None
    agent_sampling: Mapping[str, Any] = field(default_factory=dict)
    draw: Draw = DRAWS[0]
    retention: bool = False
    source_design: bool = False
    stop: str | None = None
    shard: str | None = None

    def __post_init__(self) -> None:
        for name, least in _LEAST:
            if getattr(self, name) < least:
                raise InputError(f"--{name} must be {least} or more but got {getattr(self, name)}")
        if self.draw not in DRAWS:
            raise InputError(f"--draw must be one of {', '.join(DRAWS)} but got {self.draw!r}")
        if self.stop is not None:
            object.__setattr__(self, "stop", str(parse_rule(self.stop)))
        if self.shard is None:
            return
        if parse_shard(self.shard)[1] > self.personas:
            raise InputError(f"--shard {self.shard}: there are only {self.personas} personas to share out")
        if self.stop is not None:
            raise InputError(
                "--stop looks at all personas together, which a shard does not have; leave out one of them"
            )

    def share(self, personas: Sequence[Persona]) -> Sequence[Persona]:
        """Return the personas of this shard."""
        if self.shard is None:
            return personas
        part, parts = parse_shard(self.shard)
        return personas[part - 1 :: parts]


def parse_shard(text: str) -> tuple[int, int]:
    """Read `i/n` with 1 <= i <= n.

    Raises
    ------
    InputError
        When it has another form.
    """
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    part, parts = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= part <= parts:
        raise InputError(f"--shard {text}: write I/N with I from 1 to N, such as 2/4")
    return part, parts


def chosen(study: Study, recorded: Mapping[str, Any] | None, given: Mapping[str, Any]) -> Settings:
    """Fill in what was not given: from the run that is resumed, else from the study.

    Raises
    ------
    InputError
        When a setting is out of range or the study has too few batches.
    """
    defaults = {"personas": study.personas.count, "trials": study.trials, "iterations": study.iterations}
    known = defaults | {f.name: (recorded or {})[f.name] for f in fields(Settings) if f.name in (recorded or {})}
    said = {name: value for name, value in given.items() if value is not None}
    for name in ("sampling", "agent_sampling"):  # one setting of a model may be given again without the others
        said[name] = {**known.get(name, {}), **said.get(name, {})}
    settings = _sampled(study, Settings(**(known | said)))
    check_iterations(settings.iterations, len(study.batches), lambda text: InputError(f"--iterations: {text}"))
    return settings


def _sampled(study: Study, settings: Settings) -> Settings:
    """Complete the sampling of both models by their presets and the study."""
    own = settings.agent_backend or settings.agent_model or settings.agent_sampling
    if settings.backend == BACKENDS[0]:
        if settings.sampling or settings.choice or own:
            raise InputError(
                f"--backend {BACKENDS[0]} has no model, so it takes no sampling, no --choice and no agent. "
                f"Choose one of {', '.join(BACKENDS[1:])}"
            )
        return settings
    if own and not study.turns:
        raise InputError(f"--agent-model: '{study.study}' is a survey, in which no agent speaks. Leave it out")
    users = presets.sampling(settings.model, study.sampling, settings.sampling, backend=settings.backend)
    name, model = settings.agent_backend or settings.backend, settings.agent_model or settings.model
    agent = presets.sampling(model, study.sampling, settings.agent_sampling, backend=name)
    return replace(settings, sampling=users, agent_sampling=agent if own else {})


def header(study: Study, settings: Settings, personas: Sequence[Persona], backend: Backend) -> dict[str, Any]:
    """Return the journal's first record: all that the answers depend on."""
    return {
        "kind": "run",
        "format": FORMAT,
        "study": study.study,
        "source": study.source,
        "study_hash": study.text_hash,
        "control": study.control,
        **{f.name: getattr(settings, f.name) for f in fields(Settings)},
        "model": backend.model,
        "personas_hash": personas_hash(personas),
    }


def personas_hash(personas: Sequence[Persona]) -> str:
    """Return a hash of who is simulated."""
    content = [[persona.id, dict(persona.attributes), persona.text] for persona in personas]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


_SAID = {
    "study_hash": "the study file",
    "personas_hash": "the personas",
    "format": "the format of the journal",
    "draw": "--draw",
}


def check_same(folder: str, recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse to go on with a run under other settings.

    Raises
    ------
    ConfoundError
        Naming each setting that changed, with its old and its new value.
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


def joined(settings: Settings) -> Settings:
    """Return the settings of the whole that a shard is part of."""
    return replace(settings, shard=None)
