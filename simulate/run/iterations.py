"""Algorithm 1, iteration by iteration: ask, draw, specify, repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confound.errors import ConfoundError
from simulate.run.adjust import adopt
from simulate.run.block import Block
from simulate.run.collect import adopted_line
from simulate.run.replay import restore
from simulate.run.stop import parse_rule
from simulate.study.profile import Profile, questions_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulate.run.collect import Collector
    from simulate.run.journal import Journal
    from simulate.run.prepare import Prepared
    from simulate.run.replay import Recorded
    from simulate.study.profile import Adoption

# The mixture's blocks under None, those of the 2 x 2 under their source arm.
Level = dict[str | None, list[Block]]
Chains = dict[str | None, list[Profile]]


class Iterations:
    """All iterations of a run, or of a shard.

    Parameters
    ----------
    prepared : Prepared
    found : Recorded
        What the journal holds.
    journal : Journal or None
        None: nothing is asked and nothing is written.
    collector : Collector or None
        Asks for missing answers; None: nothing is asked.
    drop_incomplete : bool
        As in `Resources`.
    place : str
        What messages call the journal.

    Attributes
    ----------
    levels : list of dict
        For each iteration run: None -> blocks of the mixture, source arm -> blocks of the 2 x 2.
    incomplete : dict of str to int
        Persona -> number of its missing answers.
    stopped : dict or None
        The stop rule that held, with iteration and value.
    """

    def __init__(
        self,
        prepared: Prepared,
        found: Recorded,
        journal: Journal | None,
        collector: Collector | None,
        *,
        drop_incomplete: bool,
        place: str,
    ) -> None:
        self._study, self._settings = prepared.study, prepared.settings
        self._found, self._journal, self._collector = found, journal, collector
        self._drop_incomplete, self._place = drop_incomplete, place
        self.personas = self._settings.share(prepared.personas)
        self._rule = None if self._settings.stop is None else parse_rule(self._settings.stop)
        self._arms = tuple(arm.name for arm in self._study.arms)
        self.levels: list[Level] = []
        self.incomplete: dict[str, int] = {}
        self.stopped: dict[str, Any] | None = None

    def run(self) -> None:
        """Run iteration after iteration. Personas with missing answers stay behind while the others go on."""
        chains: Chains = {None: [Profile(persona) for persona in self.personas]}
        for iteration in range(self._settings.iterations):
            last = iteration + 1 == self._settings.iterations
            level = self._level(chains, last=last)
            self.levels.append(level)
            self._ask(level)
            self._note_missing(level)
            level = self._complete(level)
            # A rule looks at all personas together.
            waits = self._rule is not None and self.incomplete and not self._drop_incomplete
            if not level[None] or waits or self._holds(level[None]) or last:
                return
            chains = self._next(level)

    def leave_out_incomplete(self) -> None:
        """Take the personas with missing answers out of all iterations."""
        self.levels = [self._complete(level) for level in self.levels]

    def blocks(self) -> Iterator[Block]:
        """Yield every block, iteration by iteration."""
        return (block for level in self.levels for block in _blocks(level))

    def answers_to_come(self) -> int:
        """Count the answers of the whole run, if nothing stops it and every confounder is adopted."""
        profile, total = Profile(self.personas[0]), 0
        chains = 1 + (len(self._arms) if self._settings.source_design else 0)
        for iteration in range(self._settings.iterations):
            last = iteration + 1 == self._settings.iterations
            questions = questions_of(self._study, profile, last=last, retention=False)
            retained = sum(map(len, self._study.batches[:iteration])) if self._settings.retention else 0
            total += (len(questions) + retained) * (chains if iteration else 1)
            profile = profile.next(())
        return total * len(self.personas) * len(self._arms) * self._settings.trials

    def _level(self, chains: Chains, *, last: bool) -> Level:
        """Return one iteration's blocks, with every answer that the journal holds."""
        level: Level = {
            source: [self._block(profile, last=last) for profile in profiles] for source, profiles in chains.items()
        }
        for block in _blocks(level):
            restore(block, self._found, self._place)
        return level

    def _block(self, profile: Profile, *, last: bool) -> Block:
        questions = questions_of(self._study, profile, last=last, retention=self._settings.retention)
        return Block(profile, self._arms, questions, self._settings.trials)

    def _ask(self, level: Level) -> None:
        """Ask for every answer that is missing."""
        open_ = [block for block in _blocks(level) if not block.complete]
        if open_ and self._collector is not None:
            self._collector.fill(open_)

    def _note_missing(self, level: Level) -> None:
        """Note which personas have missing answers."""
        for block in (block for block in _blocks(level) if not block.complete):
            name = block.profile.persona.id
            self.incomplete[name] = self.incomplete.get(name, 0) + block.codes.size - block.answered

    def _complete(self, level: Level) -> Level:
        """Return the blocks of the personas without missing answers so far."""
        return {
            source: [block for block in chain if block.profile.persona.id not in self.incomplete]
            for source, chain in level.items()
        }

    def _holds(self, blocks: Sequence[Block]) -> bool:
        """Tell whether the stop rule holds, and note it."""
        if self._rule is None:
            return False
        value = self._rule.value(blocks, self._study.control)
        held = self._rule.holds(value)
        if held:
            self.stopped = {"iteration": len(self.levels) - 1, "rule": str(self._rule), "value": value}
        return held

    def _next(self, level: Level) -> Chains:
        """Adopt, write to the journal what was adopted, and return the profiles of the next iteration."""
        sources = self._arms if self._settings.source_design else ()
        lines: list[dict[str, Any]] = []
        # Before adjustment the 2 x 2 and the mixture have the same blocks.
        found: Chains = {
            source: [self._adjusted(block, source, lines) for block in level[source if source in level else None]]
            for source in (None, *sources)
        }
        if self._journal is not None:
            self._journal.append(lines)
        return found

    def _adjusted(self, block: Block, source: str | None, lines: list[dict[str, Any]]) -> Profile:
        profile = block.profile
        batch = self._study.batches[profile.iteration]
        following = profile.next((), source_arm=source)
        adoptions = self._found.adopted.get(following.key)
        if adoptions is None:
            chosen = self._settings
            adoptions = adopt(block, batch, seed=chosen.seed, draw=chosen.draw, source_arm=source)
            lines.append(adopted_line(following.key, adoptions))
        elif not all(map(self._may_be, adoptions, batch)) or len(adoptions) != len(batch):
            raise ConfoundError(f"{self._place}: what persona {profile.persona.id} adopted is not what was asked")
        return profile.next(adoptions, source_arm=source)

    def _may_be(self, adoption: Adoption, question: str) -> bool:
        """Tell whether an answer that the journal says was adopted could have been given."""
        options, arms = self._study.questions[question].options, (None, *self._arms)
        return (
            adoption.question == question
            and adoption.value in (None, *options)
            and adoption.source_arm in arms
            and (adoption.source_trial is None or 1 <= adoption.source_trial <= self._settings.trials)
        )


def _blocks(level: Level) -> Iterator[Block]:
    return (block for chain in level.values() for block in chain)
