"""How a model is reached: servers, limits, engine, and the packages that a backend needs."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from confound.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# More trials of one prompt are split; servers have limits of about this size.
MOST_DRAWS = 128


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """How to reach a model. Only `model` and `draws` change what the model is asked.

    Attributes
    ----------
    model : str or None
        Name of the model, as the engine or server knows it.
    draws : int
        Most answers drawn on one prompt in one call, 1 or more.
    base_urls : tuple of str
        Servers of the same model; empty: the provider's own.
    key_envs : tuple of str
        Environment variables with the keys of the servers: one for each, or one for all; empty: the provider's own key,
        which goes to the provider alone.
    concurrency : int
        Calls at once, 1 or more.
    rpm, tpm : float or None
        Most calls, and most tokens read and written, in a minute; None: no limit.
    timeout : float
        Most seconds of one call, above 0.
    attempts : int
        Calls made for one request before it counts as failed, 1 or more.
    first_wait, longest_wait : float
        Seconds. The wait before the second call is about `first_wait`; it doubles each time, up to `longest_wait`.
    engine : Mapping of str to Any
        Passed on to the engine of the `vllm` backend: `tensor_parallel_size`, ...
    tell : callable or None
        Told of trouble with a server while calls are still repeated, one sentence each.

    Raises
    ------
    InputError
        When a number is out of range, or an address is not one of a server or holds a key.
    """

    model: str | None = None
    draws: int = MOST_DRAWS
    base_urls: tuple[str, ...] = ()
    key_envs: tuple[str, ...] = ()
    concurrency: int = 64
    rpm: float | None = None
    tpm: float | None = None
    timeout: float = 300.0
    attempts: int = 8
    first_wait: float = 1.0
    longest_wait: float = 60.0
    engine: Mapping[str, Any] = field(default_factory=dict)
    tell: Callable[[str], None] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("concurrency", "attempts", "draws"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} must be 1 or more but got {getattr(self, name)}")
        for name in ("rpm", "tpm", "timeout"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"--{name} must be above 0 but got {value}")
        for url in self.base_urls:
            _check_url(url)


def _check_url(url: str) -> None:
    """Refuse what is no address of a server, and an address with a key in it: addresses are written into the run."""
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query:
        raise InputError("--base-url: leave keys and passwords out of the address; they come from the environment")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"--base-url {url}: write http:// or https:// and a host, such as http://localhost:8000/v1")


def need(package: str, backend: str) -> None:
    """Check that a package that a backend needs is installed.

    Raises
    ------
    InputError
        When it is not; the message says what to install.
    """
    try:
        found = importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the package that `package` is part of
        found = False
    if not found:
        raise InputError(
            f"--backend {backend} needs a package that is not installed: pip install 'confound[{backend}]'"
        )
