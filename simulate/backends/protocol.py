"""The protocol between a run and its backend: requests out, replies in.

A request is one prompt with the trials that share it. A backend takes any number of requests and yields replies as
they finish, in any order; which request and trial a reply belongs to is part of the reply.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from confound.errors import ConfoundError
from simulate.backends.seeds import answer_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from simulate.study.definition import ClosedQuestion
    from simulate.study.profile import Profile
    from simulate.study.prompts import Message


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One prompt and the trials that share it.

    Attributes
    ----------
    profile : Profile
        The persona as specified.
    arm : str
    trials : tuple of int
        From 1; each needs its own answer.
    question : ClosedQuestion or None
        What is asked, with its options; None for a turn of a dialogue, which is answered freely.
    turn : int or None
        Number of that turn, from 0: the agent's are even, the user's odd.
    run_seed : int
        Seed of the run.
    compose : callable or None
        Returns the chat messages; None for a backend that reads none.
    sampling : Mapping of str to Any
        Settings of the model, as `simulate.backends.sampling.sampling` returns them.
    choices : tuple of str
        The only texts that the engine may let the model write; empty: any.
    cycle : int
        Trials t, t + cycle, t + 2 cycle, ... share the prompt.
    """

    profile: Profile
    arm: str
    trials: tuple[int, ...]
    question: ClosedQuestion | None = None
    turn: int | None = None
    run_seed: int = 0
    compose: Callable[[], list[Message]] | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    cycle: int = 1

    @property
    def messages(self) -> list[Message]:
        """The chat messages, composed on each use."""
        return [] if self.compose is None else self.compose()

    @property
    def seeds(self) -> tuple[int, ...]:
        """A seed for each trial. It depends on what is asked and on the run's seed, on nothing else."""
        asked = f"turn {self.turn}" if self.question is None else self.question.id
        own = (self.run_seed, self.profile, self.arm)
        return tuple(answer_seed(*own, trial, asked, cycle=self.cycle) for trial in self.trials)

    def runs(self, longest: int) -> Iterator[tuple[tuple[int, ...], int]]:
        """Yield groups of at most `longest` trials whose seeds follow each other, each with its first seed."""
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
        The option chosen, where the backend chooses among them; None: the run parses the text.
    reason : str or None
        Why there is no option (`refused`, `blocked`, ...), where the backend knows. The answer is then Unknown.
    failure : str or None
        Why no answer came. This does not count as an answer: a resumed run asks again.
    finish : str or None
        Why generation ended, in the engine's words.
    tokens : tuple of int
        Read and written, 0 where unknown. Where one call brought several replies, its tokens are counted once, in one
        of them or divided among them.
    calls : int
        Calls made to get this reply, failed ones included; 0 for a reply that the call of another brought.
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


class Stopped(ConfoundError):  # noqa: N818 -- it is the run that stopped
    """Why a backend cannot go on at all: a wrong key, no such model. The answers before it are kept."""


class Backend(Protocol):
    """What a run needs of a backend.

    Attributes
    ----------
    name : str
        As given to `--backend`.
    model : str
        Written into column `model`.
    chats : bool
        Whether it reads prompts and takes seeds. If not, dialogues are left out and `Request.messages` is empty.
    sampling_settings : frozenset of str
        The settings of `simulate.backends.sampling.SETTINGS` that it passes on to the model.
    """

    name: str
    model: str
    chats: bool
    sampling_settings: frozenset[str]

    def ready(self) -> None:
        """Raise `InputError` when a package or a key is missing; load and call nothing."""
        ...

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Yield one reply for each trial of each request, as they finish. A trial without a reply was not asked."""
        ...

    def truth(self, profiles: Sequence[Sequence[Profile]]) -> dict[str, Any] | None:
        """Return what an analysis should find, given the profiles of each iteration; None if the truth is unknown."""
        ...


def question_of(request: Request) -> ClosedQuestion:
    """Return the question of a request that has one."""
    if request.question is None:
        raise TypeError("a turn of a dialogue asks no question")
    return request.question
