"""A run: personas through all iterations of Algorithm 1, from the journal to the tables in its folder."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confound.errors import ConfoundError
from simulate import manifest, settings
from simulate.adjust import Profile, adopt, asked
from simulate.backends import open_backend
from simulate.blocks import Block
from simulate.collect import Collector, adopted_line
from simulate.conversation import Asking
from simulate.folder import check_folder, home_of, joined, shard_folders
from simulate.journal import JOURNAL, Journal, replacing
from simulate.records import Recorded, recorded, restore
from simulate.stop import parse_rule
from simulate.table import Labels, write_attributes, write_responses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from simulate.backends import Backend
    from simulate.settings import Settings
    from simulate.study import Persona, Study

    # The mixture's blocks under None, those of the 2 x 2 under their source arm.
    Level = dict[str | None, list[Block]]

RESPONSES, SOURCE_DESIGN = "responses.parquet", "source_design.parquet"
ATTRIBUTES, TRUTH = "attributes.parquet", "truth.json"


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that came to its end.

    Attributes
    ----------
    out : Path
        Its folder.
    answers : int
        Rows of the response table; of a shard, answers in its journal.
    iterations : int
        How many were run.
    stopped : str or None
        The stop rule that held, with its value; None if none did.
    truth : dict or None
        What an analysis should find; None if nobody knows, and for a shard.
    """

    out: Path
    answers: int
    iterations: int
    stopped: str | None
    truth: dict[str, Any] | None


def simulate(
    study: Study,
    out: Path,
    *,
    resume: bool = False,
    users: Backend | None = None,
    agent: Backend | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 -- nobody watches
    **given: Any,
) -> Finished:
    """Run a study and leave its tables in a folder; or a shard of it, and leave its journal.

    Parameters
    ----------
    study : Study
    out : Path
        A folder that does not exist yet, is empty, or with `resume` holds this very run.
    resume : bool
        Continue what the folder holds; start if it holds nothing.
    users, agent : Backend or None
        Who answers as the users, and as the agent of a dialogue. None: the backend named in the settings; and who
        answers as the users.
    progress : callable
        Called with the answers on disk and the answers to come in all, if no rule stops the run.
    **given
        Of `simulate.settings.Settings`; what is left out comes from the resumed run, else from the study.

    Raises
    ------
    InputError
        When a setting is wrong.
    ConfoundError
        When the folder holds something else, or cannot be written, when another process works on the run, when the
        run in the folder was started otherwise, or when answers failed.
    """
    if users is not None:
        given["backend"] = users.name
    home = home_of(out, given.get("shard"))
    check_folder(out, home, resume=resume)
    if not (home / JOURNAL).exists():
        # A wrong setting is told before there is a folder.
        _prepared(study, None, given, users)
    with Journal(home) as journal:
        found = recorded(journal)
        if found.header is not None and not resume:
            raise ConfoundError(f"{home}: holds a run already; continue it with --resume, or choose another --out")
        run = _Run(study, home, *_prepared(study, found.header, given, users), agent, journal, found, progress)
        run.begin(journal)
        with manifest.kept(run.describe, home):
            run.fill()
            return run.finish()


def merge(study: Study, out: Path) -> Finished:
    """Join the complete shards in a folder to the tables that a run without shards leaves.

    Raises
    ------
    InputError
        When there are no shards.
    ConfoundError
        When a shard is missing, unfinished or of another run, or is being written.
    """
    with contextlib.ExitStack() as stack:
        shards = [stack.enter_context(Journal(home)) for home in shard_folders(out)]
        found = joined([recorded(journal) for journal in shards], shards)
        prepared = _prepared(study, found.header, {}, None)
        run = _Run(study, out, *prepared, None, None, found, lambda done, total: None)  # noqa: ARG005
        settings.check_same(str(out), found.header or {}, run.header())
        run.fill()
        return run.finish()


def _prepared(
    study: Study, header: dict[str, Any] | None, given: dict[str, Any], users: Backend | None
) -> tuple[Settings, Sequence[Persona], Backend]:
    from simulate.personas import make_personas

    chosen = settings.chosen(study, header, given)
    personas = make_personas(study.personas, chosen.personas, seed=chosen.seed, study=study)
    return chosen, personas, users or open_backend(chosen.backend, study, personas, seed=chosen.seed)


class _Run:
    """The state of a run: what its journal held, and the blocks filled so far. Without a journal nothing is asked."""

    def __init__(
        self,
        study: Study,
        home: Path,
        chosen: Settings,
        personas: Sequence[Persona],
        backend: Backend,
        agent: Backend | None,
        journal: Journal | None,
        found: Recorded,
        progress: Callable[[int, int], None],
    ) -> None:
        self.study, self.home, self.settings, self.personas = study, home, chosen, personas
        self.backend, self.journal, self.found = backend, journal, found
        self._own = chosen.share(personas)
        self._rule = None if chosen.stop is None else parse_rule(chosen.stop)
        self._arms = tuple(arm.name for arm in study.arms)
        self._progress, self._done, self._total = progress, 0, 0
        self.levels: list[Level] = []
        self.stopped: dict[str, Any] | None = None
        self.collector: Collector | None = None
        if journal is not None:
            asking = Asking(study, seed=chosen.seed, chats=backend.chats)
            self.collector = Collector(backend, agent or backend, asking, journal, found, self._advance)

    def header(self) -> dict[str, Any]:
        """Return all that the answers depend on."""
        return settings.header(self.study, self.settings, self.personas, self.backend)

    def begin(self, journal: Journal) -> None:
        """Write the journal's head, or hold it against what is asked for now."""
        session = manifest.session()
        self.found.sessions.append(session)
        if self.found.header is None:
            self.found.header = self.header()
            journal.append([self.found.header, session])
        else:
            settings.check_same(str(self.home), self.found.header, self.header())
            journal.append([session])

    def _advance(self, answers: int) -> None:
        self._done += answers
        self._progress(self._done, self._total)

    def fill(self) -> None:
        """Run iteration after iteration: ask, draw, specify."""
        chains: dict[str | None, list[Profile]] = {None: [Profile(persona) for persona in self._own]}
        self._total = self._answers_to_come()
        self._advance(sum(len(cell.trials) for cells in self.found.cells.values() for _, cell in cells))
        for iteration in range(self.settings.iterations):
            last = iteration + 1 == self.settings.iterations
            level = self._level(chains, last=last)
            self.levels.append(level)
            self._check_failures(level, last=last)
            if self._holds(level[None]) or last:
                return
            chains = self._next(chains, level)

    def _level(self, chains: dict[str | None, list[Profile]], *, last: bool) -> Level:
        """Return one iteration's blocks, with every answer that could be had."""
        retention = self.settings.retention
        level: Level = {
            source: [
                Block(p, self._arms, asked(self.study, p, last=last, retention=retention), self.settings.trials)
                for p in profiles
            ]
            for source, profiles in chains.items()
        }
        blocks = [block for chain in level.values() for block in chain]
        for block in blocks:
            restore(block, self.found, str(self.home / JOURNAL))
        open_ = [block for block in blocks if not block.complete]
        if open_ and self.collector is not None:
            self.collector.fill(open_)
        return level

    def _check_failures(self, level: Level, *, last: bool) -> None:
        """Stop where an answer is missing: what comes after rests on it."""
        missing = sum(block.codes.size - block.answered for chain in level.values() for block in chain)
        if not missing:
            return
        if self.collector is None:
            raise ConfoundError(f"{self.home}: {missing:,} answers are missing; continue the shards with --resume")
        reasons = ", ".join(f"{reason} ({n:,})" for reason, n in self.collector.failures.most_common(3))
        raise ConfoundError(
            f"{self.home}: {missing:,} answers of iteration {len(self.levels) - 1} did not come: {reasons}. "
            f"All others are on disk{'' if last else ', and the next iteration waits for them'}; --resume asks again"
        )

    def _holds(self, blocks: Sequence[Block]) -> bool:
        if self._rule is None:
            return False
        value = self._rule.value(blocks, self.study.control)
        held = self._rule.holds(value)
        if held:
            self.stopped = {"iteration": len(self.levels) - 1, "rule": str(self._rule), "value": value}
        return held

    def _next(self, chains: dict[str | None, list[Profile]], level: Level) -> dict[str | None, list[Profile]]:
        """Adopt, journal what was adopted, and return the profiles of the next iteration."""
        sources = self._arms if self.settings.source_design else ()
        lines: list[dict[str, Any]] = []
        found: dict[str | None, list[Profile]] = {}
        for source in (None, *sources):
            # Before adjustment the 2 x 2 and the mixture are one.
            origin = source if source in level else None
            pairs = zip(chains[origin], level[origin], strict=True)
            found[source] = [self._adjusted(profile, block, source, lines) for profile, block in pairs]
        if self.journal is not None:
            self.journal.append(lines)
        return found

    def _adjusted(self, profile: Profile, block: Block, source: str | None, lines: list[dict[str, Any]]) -> Profile:
        batch = self.study.batches[profile.iteration]
        following = profile.next((), source_arm=source)
        adoptions = self.found.adopted.get(following.key)
        if adoptions is None:
            chosen = self.settings
            adoptions = adopt(block, batch, seed=chosen.seed, draw=chosen.draw, source_arm=source)
            lines.append(adopted_line(following.key, adoptions))
        return profile.next(adoptions, source_arm=source)

    def _answers_to_come(self) -> int:
        """Count the answers of the whole run, if nothing stops it and every confounder is adopted."""
        profile, total = Profile(self._own[0]), 0
        chains = 1 + (len(self._arms) if self.settings.source_design else 0)
        for iteration in range(self.settings.iterations):
            last = iteration + 1 == self.settings.iterations
            questions = asked(self.study, profile, last=last, retention=False)
            retained = sum(map(len, self.study.batches[:iteration])) if self.settings.retention else 0
            total += (len(questions) + retained) * (chains if iteration else 1)
            profile = profile.next(())
        return total * len(self._own) * len(self._arms) * self.settings.trials

    def finish(self) -> Finished:
        """Write the tables of a complete run; of a shard, nothing."""
        whole = self.settings.shard is None
        answers = self._write() if whole else sum(block.answered for block in self.blocks())
        truth = self._truth() if whole else None
        stopped = "{rule} at iteration {iteration} ({value:.4g})".format(**self.stopped) if self.stopped else None
        manifest.write(self.home, self.describe("complete"))
        return Finished(self.home, answers, len(self.levels), stopped, truth)

    def blocks(self) -> Iterator[Block]:
        """Yield every block, iteration by iteration."""
        return (block for level in self.levels for chain in level.values() for block in chain)

    def _write(self) -> int:
        """Write truth and attributes, then the table: a folder with a table has all of them."""
        labels = Labels(self.study, self.backend.model, self.settings.seed if self.backend.chats else None)
        write_attributes(
            self.home / ATTRIBUTES, [b.profile for chain in self.levels[-1].values() for b in chain], labels
        )
        truth = self._truth()
        if truth is not None:
            with replacing(self.home / TRUTH) as aside:
                aside.write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
        if self.settings.source_design:
            squares = [[b for s, chain in level.items() if s is not None for b in chain] for level in self.levels[1:]]
            write_responses(self.home / SOURCE_DESIGN, squares, labels)
        return write_responses(self.home / RESPONSES, [level[None] for level in self.levels], labels)

    def _truth(self) -> dict[str, Any] | None:
        known = self.backend.truth([[block.profile for block in level[None]] for level in self.levels])
        if known is None:
            return None
        sizes = {name: getattr(self.settings, name) for name in ("personas", "trials", "seed")}
        return {"study": self.study.study, "model": self.backend.model, "design": "within", **sizes, **known}

    def describe(self, state: str) -> dict[str, Any]:
        """Return the manifest."""
        first = self.study.targeted_from
        header = self.header() | {"targeted_from": None if first is None else first + 1}
        return manifest.content(header, self.found, self.blocks(), state=state, stopped=self.stopped)
