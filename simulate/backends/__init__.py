"""What answers: the protocol between a run and its backend, and the backends by name.

A request is one prompt with the trials that share it. A backend takes any number of requests and yields replies as
they finish, in any order; which request and trial a reply belongs to is part of the reply.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from confound.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from simulate.adjust import Profile
    from simulate.study import Persona, Question, Study

Message = dict[str, str]

BACKENDS = ("structural",)
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
        Settings of the model.
    """

    profile: Profile
    arm: str
    trials: tuple[int, ...]
    question: Question | None = None
    turn: int | None = None
    run_seed: int = 0
    compose: Callable[[], list[Message]] | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)

    @property
    def messages(self) -> list[Message]:
        """The chat messages, made when asked for."""
        return [] if self.compose is None else self.compose()

    @property
    def seeds(self) -> tuple[int, ...]:
        """A seed for each trial, that depends on what is asked and on nothing else of the run."""
        asked = f"turn {self.turn}" if self.question is None else self.question.id
        return tuple(answer_seed(self.run_seed, self.profile, self.arm, trial, asked) for trial in self.trials)


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
        Read and written, 0 where unknown.
    """

    request: Request
    trial: int
    text: str | None = None
    option: str | None = None
    reason: str | None = None
    failure: str | None = None
    finish: str | None = None
    tokens: tuple[int, int] = (0, 0)


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

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Yield one reply for each trial of each request, as they finish."""
        ...

    def truth(self, profiles: Sequence[Sequence[Profile]]) -> dict[str, Any] | None:
        """Return what an analysis should find, given the profiles of each iteration; None if nobody knows."""
        ...


def answer_seed(seed: int, profile: Profile, arm: str, trial: int, asked: str) -> int:
    """Return the seed of one answer, of `SEED_BITS` bits."""
    key = [seed, profile.persona.id, trial, arm, profile.iteration, asked, *profile.labels()]
    digest = hashlib.blake2b(json.dumps(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> (64 - SEED_BITS)


def asked(request: Request) -> Question:
    """Return the question of a request that has one."""
    if request.question is None:
        raise TypeError("a turn of a dialogue asks no question")
    return request.question


def open_backend(name: str, study: Study, personas: Sequence[Persona], *, seed: int) -> Backend:
    """Return a backend by its name, made ready for a study.

    Raises
    ------
    InputError
        When there is none of that name, or it cannot run the study.
    """
    if name not in BACKENDS:
        raise InputError(f"--backend {name}: there is no such backend. Known are {', '.join(BACKENDS)}")
    from simulate.backends.latent import LatentUsers

    return LatentUsers(study, personas, seed=seed)
