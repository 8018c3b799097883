"""From missing answers to requests: which trials share a prompt, and what each turn of a dialogue is asked with."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from simulate.backends.protocol import Request
from simulate.parsing.options import labelled
from simulate.study.prompts import Prompts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from simulate.run.block import Block
    from simulate.run.settings import RunSettings
    from simulate.study.definition import Arm, ClosedQuestion, Item, Study
    from simulate.study.profile import Profile, ProfileKey
    from simulate.study.prompts import Message

    # A conversation, by its profile's key, its arm and its trial -> its messages so far.
    Dialogues = dict[tuple[ProfileKey, str, int], tuple[str, ...]]


class Asking:
    """Makes the requests of a run.

    Parameters
    ----------
    study : Study
    settings : RunSettings
    chats : bool
        Whether the backend reads prompts.
    """

    def __init__(self, study: Study, settings: RunSettings, *, chats: bool) -> None:
        self._study = study
        self._settings = settings
        self._chats = chats
        self._agent_sampling = settings.agent_sampling or settings.sampling
        self._prompts = Prompts(study)

    @property
    def max_tokens(self) -> int | None:
        """Most tokens of a user's answer; None: the server's own limit."""
        return self._settings.sampling.get("max_tokens")

    @property
    def turns(self) -> int:
        """Number of messages in a dialogue, the agent's and the user's; 0 without dialogue."""
        return 2 * self._study.turns if self._chats else 0

    def questions(self, blocks: Iterable[Block], dialogues: Dialogues) -> Iterator[Request]:
        """Yield requests for all missing answers, those of one conversation together.

        Trials that share the prompt share a request. Without a dialogue these are all trials with the same item.
        """
        for block in blocks:
            for arm in block.arms:
                for trials in self._sharing(block, arm, dialogues):
                    for question in block.questions:
                        open_ = set(block.missing(arm, question.id)) & set(trials)
                        if open_:
                            yield self._question(block.profile, arm, tuple(sorted(open_)), question, dialogues)

    def _sharing(self, block: Block, arm: str, dialogues: Dialogues) -> list[tuple[int, ...]]:
        trials = range(1, block.trials + 1)
        if not self._chats:
            return [tuple(trials)]
        if self.turns:
            held = (block.profile.key, arm)
            return [(trial,) for trial in trials if len(dialogues.get((*held, trial), ())) == self.turns]
        groups: dict[Item | None, list[int]] = defaultdict(list)
        for trial in trials:
            groups[self._study.item(trial - 1)].append(trial)
        return [tuple(group) for group in groups.values()]

    def _question(
        self, profile: Profile, arm: str, trials: tuple[int, ...], question: ClosedQuestion, dialogues: Dialogues
    ) -> Request:
        held = dialogues.get((profile.key, arm, trials[0]), ())

        def compose() -> list[Message]:
            return self._prompts.question(self._user(profile, arm, trials[0], held), question)

        return Request(
            profile,
            arm,
            trials,
            question=question,
            run_seed=self._settings.seed,
            compose=compose if self._chats else None,
            sampling=self._settings.sampling,
            choices=tuple(option.label for option in labelled(question.options)) if self._settings.choice else (),
            cycle=max(1, len(self._study.items)),
        )

    def turn(self, number: int, places: Sequence[tuple[Profile, str, int]], said: Dialogues) -> Iterator[Request]:
        """Yield the requests for one turn of many dialogues, given their messages so far."""
        for profile, arm, trial in places:
            yield self._turn(number, profile, arm, trial, said)

    def _turn(self, number: int, profile: Profile, arm: str, trial: int, said: Dialogues) -> Request:
        held = said.get((profile.key, arm, trial), ())

        def compose() -> list[Message]:
            if number % 2:
                return self._user(profile, arm, trial, held)
            return self._prompts.agent(self._arm(arm), self._study.item(trial - 1), held)

        return Request(
            profile,
            arm,
            (trial,),
            turn=number,
            run_seed=self._settings.seed,
            compose=compose,
            sampling=self._settings.sampling if number % 2 else self._agent_sampling,
            cycle=max(1, len(self._study.items)),
        )

    def _user(self, profile: Profile, arm: str, trial: int, held: Sequence[str]) -> list[Message]:
        item = self._study.item(trial - 1)
        return self._prompts.conversation(profile.persona, profile.adopted, self._arm(arm), item, held)

    def _arm(self, name: str) -> Arm:
        return self._study.arm(name)
