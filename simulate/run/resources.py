"""What a run may use: servers, calls, and prices to count its cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from confound.errors import InputError
from simulate.backends.access import ModelAccess


class Prices(NamedTuple):
    """Prices of a million tokens, read and written, for the users' model and for the agent's."""

    users: tuple[float, float]
    agent: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Resources:
    """What a run may use. Nothing here changes what is asked, so a resumed run may have other resources.

    Attributes
    ----------
    access, agent_access : ModelAccess
        How to reach the users' model and the agent's. Model and draws are those of the settings. An agent on the users'
        backend uses the users' servers, unless it has servers of its own.
    max_calls : int or None
        Most calls of the whole run, earlier sessions included, 1 or more; None: no limit.
    prices : Prices or None
        The manifest computes the cost from them.
    drop_incomplete : bool
        Whether the tables leave out personas with missing answers. If not, there are no tables while any has.

    Raises
    ------
    InputError
        When `max_calls` is below 1.
    """

    access: ModelAccess = field(default_factory=ModelAccess)
    agent_access: ModelAccess = field(default_factory=ModelAccess)
    max_calls: int | None = None
    prices: Prices | None = None
    drop_incomplete: bool = False

    def __post_init__(self) -> None:
        if self.max_calls is not None and self.max_calls < 1:
            raise InputError(f"--max-calls must be 1 or more but got {self.max_calls}")

    def recorded(self) -> dict[str, Any]:
        """Return what the journal keeps of it."""
        servers = {"base_urls": self.access.base_urls, "agent_base_urls": self.agent_access.base_urls}
        prices = {} if self.prices is None else {"prices": self.prices._asdict()}
        return {name: list(urls) for name, urls in servers.items() if urls} | prices
