"""Settings, personas and backends of a run, before anything is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from confound.errors import InputError
from simulate.backends.limits import Budget
from simulate.backends.registry import STRUCTURAL, open_backend
from simulate.run import settings
from simulate.study.personas import make_personas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulate.backends.access import ModelAccess
    from simulate.backends.protocol import Backend
    from simulate.run.resources import Resources
    from simulate.run.settings import RunSettings
    from simulate.study.definition import Persona, Study


class Prepared(NamedTuple):
    """What a run begins with.

    Attributes
    ----------
    study : Study
    settings : RunSettings
    personas : sequence of Persona
        All personas, those of other shards too.
    users, agent : Backend
        The models that play the users, and the agent of a dialogue.
    budget : Budget
    """

    study: Study
    settings: RunSettings
    personas: Sequence[Persona]
    users: Backend
    agent: Backend
    budget: Budget

    def header(self) -> dict[str, Any]:
        """Return everything that the answers depend on."""
        return settings.header(self.study, self.settings, self.personas, self.users)


def prepare(
    study: Study,
    header: Mapping[str, Any] | None,
    given: Mapping[str, Any],
    resources: Resources,
    *,
    calls: int = 0,
    users: Backend | None = None,
    agent: Backend | None = None,
    asks: bool = True,
) -> Prepared:
    """Choose the settings of a run, make its personas and open its backends.

    Parameters
    ----------
    study : Study
    header : Mapping or None
        Settings of the run that is resumed.
    given : Mapping
        Settings as given; see `simulate.run.settings.chosen`.
    resources : Resources
    calls : int
        Calls that earlier sessions made.
    users, agent : Backend or None
        Backends already open; None: those named in the settings.
    asks : bool
        Whether the run asks anything. If so, the backends must be ready.

    Raises
    ------
    InputError
        When a setting is wrong, or a backend is not ready.
    """
    opened = {backend.name: backend.sampling_settings for backend in (users, agent) if backend is not None}
    chosen = settings.chosen(study, header, given, opened=opened)
    unnamed = chosen.backend == STRUCTURAL and chosen.model in (None, STRUCTURAL)
    if unnamed and (resources.access.base_urls or resources.agent_access.base_urls):
        raise InputError(
            "--base-url: which model of that server? Name it with --model; without a model made-up users would answer"
        )
    personas = make_personas(study.personas, chosen.personas, seed=chosen.seed, study=study)
    budget = Budget(resources.max_calls, calls)

    def open_(name: str, model: str | None, access: ModelAccess) -> Backend:
        access = replace(access, model=model, draws=chosen.draws)
        backend = open_backend(name, study, personas, seed=chosen.seed, access=access, budget=budget)
        if asks:
            backend.ready()
        return backend

    users = users or open_(chosen.backend, chosen.model, resources.access)
    if agent is None and (chosen.agent_backend or chosen.agent_model):
        name, access = chosen.agent_backend or chosen.backend, resources.agent_access
        if name == chosen.backend and not access.base_urls:
            own = resources.access
            access = replace(access, base_urls=own.base_urls, key_envs=access.key_envs or own.key_envs)
        agent = open_(name, chosen.agent_model or chosen.model, access)
    return Prepared(study, chosen, personas, users, agent or users, budget)
