"""The settings of a run, as the first line of its journal keeps them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from confound import shape
from confound.errors import InputError
from simulate.backends.access import MOST_DRAWS
from simulate.backends.registry import CHATTING, STRUCTURAL, backend_class
from simulate.backends.sampling import sampling
from simulate.run.adjust import BATCH_DRAWS, BatchDraw
from simulate.run.continuing import personas_hash, study_hash
from simulate.run.stop import parse_rule
from simulate.study.definition import check_iterations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulate.backends.protocol import Backend
    from simulate.study.definition import Persona, Study

_RANGES = {
    "personas": (1, 10_000_000),
    "trials": (1, 1_000_000),
    "iterations": (1, 10_000),
    "seed": (0, 2**63 - 1),
    "draws": (1, 1_000_000),
}
# To be raised when the same settings would give other draws than before.
FORMAT = 1


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The settings of a run: everything that its answers depend on, except the study.

    Attributes
    ----------
    personas : int
        1 or more.
    trials : int
        Conversations of each persona in each arm, 1 or more.
    iterations : int
        Most iterations, iteration 0 included: 1 or more, at most one more than there are batches.
    seed : int
        0 or more.
    backend : str
    model : str or None
        None: the backend's own.
    sampling : Mapping of str to Any
        Sampling settings, see `simulate.backends.sampling`.
    choice : bool
        Whether the engine lets the model write the options' labels only.
    draws : int
        Most answers drawn on one prompt in one call, 1 or more.
    agent_backend, agent_model : str or None
        The model that speaks as the agent of a dialogue; None: the users' model.
    agent_sampling : Mapping of str to Any
        Sampling settings of the agent's model.
    draw : {"separate", "joint"}
        How the answers to a batch of confounders are drawn, see `simulate.run.adjust.adopt`.
    retention : bool
        Whether retention questions are asked.
    source_design : bool
        Whether to run the 2 x 2 of arm by source arm too.
    stop : str or None
        Rule that stops the run before its last iteration, see `simulate.run.stop`.
    shard : str or None
        `i/n`: the i-th of n shares of the personas.

    Raises
    ------
    InputError
        When a setting is out of range, or two do not go together.
    """

    personas: int
    trials: int
    iterations: int
    seed: int = 0
    backend: str = STRUCTURAL
    model: str | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    choice: bool = False
    draws: int = MOST_DRAWS
    agent_backend: str | None = None
    agent_model: str | None = None
    agent_sampling: Mapping[str, Any] = field(default_factory=dict)
    draw: BatchDraw = BATCH_DRAWS[0]
    retention: bool = False
    source_design: bool = False
    stop: str | None = None
    shard: str | None = None

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            if getattr(self, name) < least:
                raise InputError(f"--{name} must be {least} or more but got {getattr(self, name)}")
            if getattr(self, name) > most:
                raise InputError(f"--{name} must be {most:,} or less but got {getattr(self, name):,}")
        if self.draw not in BATCH_DRAWS:
            raise InputError(f"--draw must be one of {', '.join(BATCH_DRAWS)} but got {self.draw!r}")
        if self.stop is not None:
            object.__setattr__(self, "stop", str(parse_rule(self.stop)))
        if self.shard is None:
            return
        if parse_shard(self.shard)[1] > self.personas:
            raise InputError(f"--shard {self.shard}: there are only {self.personas} personas")
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


def check_header(header: Mapping[str, Any]) -> None:
    """Hold the settings that a journal begins with to their types; what they say is checked as any settings are.

    Raises
    ------
    TypeError, ValueError, KeyError
        Where one is of another type, or missing.
    """
    kinds = {
        shape.whole: ("personas", "trials", "iterations", "seed", "draws"),
        shape.text: ("study", "source", "backend", "draw"),
        shape.maybe(shape.text): ("model", "agent_backend", "agent_model", "stop", "shard"),
        shape.flag: ("choice", "retention", "source_design"),
        shape.mapping: ("sampling", "agent_sampling"),
    }
    for check, names in kinds.items():
        for name in names:
            check(header[name])


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


def chosen(
    study: Study,
    recorded: Mapping[str, Any] | None,
    given: Mapping[str, Any],
    *,
    opened: Mapping[str, frozenset[str]] | None = None,
) -> RunSettings:
    """Return the settings of a run: those given, else those of the run that is resumed, else those of the study.

    Parameters
    ----------
    study : Study
    recorded : Mapping or None
        Header of the run that is resumed.
    given : Mapping
        None stands for a setting that was not given.
    opened : Mapping of str to frozenset of str
        Name of a backend that is open already -> the sampling settings that it knows.

    Raises
    ------
    InputError
        When a setting is out of range, a backend is unknown, or the study has too few batches.
    """
    defaults = {"personas": study.personas.count, "trials": study.trials, "iterations": study.iterations}
    known = defaults | {f.name: (recorded or {})[f.name] for f in fields(RunSettings) if f.name in (recorded or {})}
    said = {name: value for name, value in given.items() if value is not None}
    for name in ("sampling", "agent_sampling"):  # a resumed run may give one of them without the others
        said[name] = {**known.get(name, {}), **said.get(name, {})}
    settings = _sampled(study, RunSettings(**(known | said)), opened or {})
    check_iterations(settings.iterations, len(study.batches), lambda text: InputError(f"--iterations: {text}"))
    return settings


def _sampled(study: Study, settings: RunSettings, opened: Mapping[str, frozenset[str]]) -> RunSettings:
    """Complete the sampling settings of both models from their presets and the study."""
    own = settings.agent_backend or settings.agent_model or settings.agent_sampling
    if settings.backend == STRUCTURAL:
        if settings.sampling or settings.choice or own:
            raise InputError(
                f"--backend {STRUCTURAL} has no model, so it takes no sampling, no --choice and no agent. "
                f"Choose one of {', '.join(CHATTING)}"
            )
        return settings
    if own and not study.turns:
        raise InputError(f"--agent-model: '{study.study}' is a survey, in which no agent speaks. Leave it out")

    def completed(backend: str, model: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
        known = opened[backend] if backend in opened else backend_class(backend).sampling_settings
        return sampling(model, study.sampling, given, backend=backend, known=known)

    users = completed(settings.backend, settings.model, settings.sampling)
    if not own:
        return replace(settings, sampling=users, agent_sampling={})
    name, model = settings.agent_backend or settings.backend, settings.agent_model or settings.model
    return replace(settings, sampling=users, agent_sampling=completed(name, model, settings.agent_sampling))


def header(study: Study, settings: RunSettings, personas: Sequence[Persona], backend: Backend) -> dict[str, Any]:
    """Return the journal's first record: everything that the answers depend on."""
    return {
        "kind": "run",
        "format": FORMAT,
        "study": study.study,
        "source": study.source,
        "study_hash": study_hash(study, settings.backend),
        "control": study.control,
        **{f.name: getattr(settings, f.name) for f in fields(RunSettings)},
        "model": backend.model,
        "personas_hash": personas_hash(personas),
    }
