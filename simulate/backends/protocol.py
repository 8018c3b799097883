"""What answers: the protocol between a run and its backend, and the backends by name.

A request is one prompt with the trials that share it. A backend takes any number of requests and yields replies as
they finish, in any order; which request and trial a reply belongs to is part of the reply.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from confound.errors import ConfoundError, InputError
from simulate.backends.limits import Budget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from simulate.run.adjust import Profile
    from simulate.study.definition import Persona, Question, Study

Message = dict[str, str]

# Name -> where the class is; imported when asked for, so that no engine is loaded for another's sake. Each is made from
# `Options` and a `Budget`, and neither loads an engine nor calls a server before its first answer.
CHATTING = {
    "vllm": ("simulate.backends.vllm", "VllmModel"),
    "openai": ("simulate.backends.servers.openai", "OpenAIModel"),
    "gemini": ("simulate.backends.servers.gemini", "GeminiModel"),
}
BACKENDS = ("structural", *CHATTING)
# More trials of one prompt are split; servers have limits of about this size.
MOST_DRAWS = 128
# Engines differ in the widest seed they take; every one takes a positive 32-bit integer.
SEED_BITS = 31


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One prompt and the trials that share it.

    Attributes
    ----------
    profile : Profile
        The persona as specified.
    arm : str
    trials : tuple of int
        From 1; each wants an answer of its own.
    question : Question or None
        What is asked, with its options; None for a turn of a dialogue, which is answered freely.
    turn : int or None
        Number of that turn, from 0: the agent's are even, the user's odd.
    run_seed : int
        Seed of the run.
    compose : callable or None
        Returns the chat messages; None for a backend that reads none.
    sampling : Mapping of str to Any
        Settings of the model, see `simulate.backends.presets`; the preset's, the study's and the command line's in one.
    choices : tuple of str
        The only texts that may be written, where the engine is to hold the model to them; else empty.
    cycle : int
        Trials t, t + cycle, t + 2 cycle, ... share the prompt.
    """

    profile: Profile
    arm: str
    trials: tuple[int, ...]
    question: Question | None = None
    turn: int | None = None
    run_seed: int = 0
    compose: Callable[[], list[Message]] | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    cycle: int = 1

    @property
    def messages(self) -> list[Message]:
        """The chat messages, made when asked for."""
        return [] if self.compose is None else self.compose()

    @property
    def seeds(self) -> tuple[int, ...]:
        """A seed for each trial, that depends on what is asked and on nothing else of the run."""
        asked = f"turn {self.turn}" if self.question is None else self.question.id
        own = (self.run_seed, self.profile, self.arm)
        return tuple(answer_seed(*own, trial, asked, cycle=self.cycle) for trial in self.trials)

    def runs(self, longest: int) -> Iterator[tuple[tuple[int, ...], int]]:
        """Yield trials whose seeds follow each other, at most `longest` together, and the first of these seeds."""
        seeds, start = self.seeds, 0
        for end in range(1, len(seeds) + 1):
            if end == len(seeds) or end - start == longest or seeds[end] != seeds[end - 1] + 1:
                yield self.trials[start:end], seeds[start]
                start = end


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """One answer, or the failure to get one.

    Attributes
    ----------
    request : Request
    trial : int
        One of the request's.
    text : str or None
        What the model wrote; None if the backend writes nothing.
    option : str or None
        The option chosen, where the backend chooses among them; else the text is parsed by the run.
    reason : str or None
        Why there is no option (`refused`, `blocked`, ...), where the backend knows: the answer is then Unknown.
    failure : str or None
        Why no answer came at all. It does not count as an answer, and is asked again when the run resumes.
    finish : str or None
        How the engine says that generation ended.
    tokens : tuple of int
        Read and written, 0 where unknown. Replies that came of one call share its tokens out: they are counted once.
    calls : int
        Calls that it took to get this reply, failed ones included; 0 for a reply that came along with another.
    seeded : bool
        Whether it was drawn with the seed of its trial.
    """

    request: Request
    trial: int
    text: str | None = None
    option: str | None = None
    reason: str | None = None
    failure: str | None = None
    finish: str | None = None
    tokens: tuple[int, int] = (0, 0)
    calls: int = 1
    seeded: bool = True


@dataclass(frozen=True, slots=True)
class Options:
    """How to reach a model; nothing of it changes what the model is asked, but `model` and `draws`.

    Attributes
    ----------
    model : str or None
        Name of the model, as the engine or server knows it.
    draws : int
        Most answers drawn on one prompt in one call, 1 or more.
    base_urls : tuple of str
        Servers that serve the same model; empty: the provider's own.
    concurrency : int
        Calls at once, 1 or more.
    rpm, tpm : float or None
        Most calls, and most tokens read and written, in a minute; None: no limit.
    timeout : float
        Seconds that one call may take, above 0.
    attempts : int
        Calls made for one request before it counts as failed, 1 or more.
    first_wait, longest_wait : float
        Seconds: before the second call about the first of them, then twice as long each time up to the second.
    engine : Mapping of str to Any
        Passed on to the engine of the `vllm` backend: `tensor_parallel_size`, ...
    """

    model: str | None = None
    draws: int = MOST_DRAWS
    base_urls: tuple[str, ...] = ()
    concurrency: int = 64
    rpm: float | None = None
    tpm: float | None = None
    timeout: float = 300.0
    attempts: int = 8
    first_wait: float = 1.0
    longest_wait: float = 60.0
    engine: Mapping[str, Any] = field(default_factory=dict)

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
    """Refuse what is no address of a server, and one that holds a key: addresses are written into the run."""
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query:
        raise InputError("--base-url: leave keys and passwords out of the address; they come from the environment")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"--base-url {url}: write http:// or https:// and a host, such as http://localhost:8000/v1")


class Stopped(ConfoundError):  # noqa: N818 -- said of the run
    """Why a backend cannot go on at all: a wrong key, no such model. What was answered before is kept."""


class Backend(Protocol):
    """What a run needs of a backend.

    Attributes
    ----------
    name : str
        As given to `--backend`.
    model : str
        Written into column `model`.
    chats : bool
        Whether it reads prompts and takes seeds; else dialogues are left out and `Request.messages` is empty.
    """

    name: str
    model: str
    chats: bool

    def ready(self) -> None:
        """Raise `InputError` where a package or a key is missing; load and call nothing."""
        ...

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Yield one reply for each trial of each request, as they finish; what gets none counts as not asked."""
        ...

    def truth(self, profiles: Sequence[Sequence[Profile]]) -> dict[str, Any] | None:
        """Return what an analysis should find, given the profiles of each iteration; None if nobody knows."""
        ...


def answer_seed(seed: int, profile: Profile, arm: str, trial: int, asked: str, *, cycle: int = 1) -> int:
    """Return the seed of one answer, of `SEED_BITS` bits.

    Trials that share a prompt have seeds that follow each other, since vLLM draws `n` answers with seed s as if they
    were asked for one by one with s, s + 1, ...: whichever of them are drawn together, and whichever by themselves when
    a run is resumed, all have the same noise as ever, and no two the same.
    """
    place, prompt = divmod(trial - 1, cycle)
    key = [seed, profile.persona.id, prompt, arm, profile.iteration, asked, *profile.labels()]
    digest = hashlib.blake2b(json.dumps(key).encode(), digest_size=8).digest()
    first = int.from_bytes(digest, "little") >> (64 - SEED_BITS)
    return (first + place) % (1 << SEED_BITS)


def asked(request: Request) -> Question:
    """Return the question of a request that has one."""
    if request.question is None:
        raise TypeError("a turn of a dialogue asks no question")
    return request.question


def open_backend(
    name: str,
    study: Study,
    personas: Sequence[Persona],
    *,
    seed: int,
    options: Options | None = None,
    budget: Budget | None = None,
) -> Backend:
    """Return a backend by its name, made ready for a study; nothing is loaded or called yet.

    Raises
    ------
    InputError
        When there is none of that name, or it cannot run the study.
    """
    options = options or Options()
    if name not in BACKENDS:
        raise InputError(f"--backend {name}: there is no such backend. Known are {', '.join(BACKENDS)}")
    if name in CHATTING:
        if options.model is None:
            raise InputError(
                f"--backend {name}: which model? Name it with --model; `confound simulate --models` has some"
            )
        module, made = CHATTING[name]
        backend: Backend = getattr(importlib.import_module(module), made)(options, budget or Budget())
        return backend
    from simulate.backends.latent_class.users import LatentUsers

    if options.model not in (None, LatentUsers.model):
        raise InputError(
            f"--model {options.model}: --backend structural has no model; choose one of {', '.join(CHATTING)}"
        )
    return LatentUsers(study, personas, seed=seed)


def need(package: str, backend: str) -> None:
    """Refuse to go on without a package that a backend needs.

    Raises
    ------
    InputError
        Saying what to install.
    """
    try:
        found = importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the package that `package` is part of
        found = False
    if not found:
        raise InputError(f"--backend {backend} needs what is not installed: pip install 'confound[{backend}]'")
