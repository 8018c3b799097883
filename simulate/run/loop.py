"""A run: personas through all iterations of Algorithm 1, from the journal to the tables in its folder."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from confound.errors import ConfoundError, InputError
from simulate.backends.limits import Budget
from simulate.backends.protocol import Options, open_backend
from simulate.run import manifest, settings
from simulate.run.adjust import Profile, adopt, asked
from simulate.run.block import Block
from simulate.run.collect import Collector, adopted_line
from simulate.run.folder import check_folder, home_of, joined, shard_folders
from simulate.run.journal import JOURNAL, Journal, replacing
from simulate.run.replay import Recorded, recorded, restore
from simulate.run.requests import Asking
from simulate.run.response_table import Labels, write_attributes, write_responses
from simulate.run.stop import parse_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from simulate.backends.protocol import Backend
    from simulate.run.settings import Settings
    from simulate.study.definition import Persona, Study

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
    left_out : tuple of str
        Personas that miss answers and are not in the tables.
    """

    out: Path
    answers: int
    iterations: int
    stopped: str | None
    truth: dict[str, Any] | None
    left_out: tuple[str, ...] = ()


class Incomplete(ConfoundError):  # noqa: N818 -- said of the run
    """A run some of whose personas miss answers; those that came are on disk, and resuming asks for the others."""


class Prices(NamedTuple):
    """What a million tokens cost, read and written."""

    users: tuple[float, float]
    agent: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Means:
    """By which means a run is made: nothing of it changes what is asked, and a resumed run may have others.

    Attributes
    ----------
    options, agent_options : Options
        How to reach the users' model and the agent's; model and draws are taken from the settings. An agent on the
        users' backend without servers of its own is reached at theirs.
    max_calls : int or None
        Calls that the run may make in all, earlier sessions included; None: no end.
    prices : Prices or None
        What the manifest counts the cost with.
    drop_incomplete : bool
        Whether personas that miss answers are left out of the tables; else there are no tables while any does.
    """

    options: Options = field(default_factory=Options)
    agent_options: Options = field(default_factory=Options)
    max_calls: int | None = None
    prices: Prices | None = None
    drop_incomplete: bool = False

    def __post_init__(self) -> None:
        if self.max_calls is not None and self.max_calls < 1:
            raise InputError(f"--max-calls must be 1 or more but got {self.max_calls}")

    def recorded(self) -> dict[str, Any]:
        """Return what the journal keeps of it."""
        servers = {"base_urls": self.options.base_urls, "agent_base_urls": self.agent_options.base_urls}
        prices = {} if self.prices is None else {"prices": self.prices._asdict()}
        return {name: list(urls) for name, urls in servers.items() if urls} | prices


def simulate(
    study: Study,
    out: Path,
    *,
    resume: bool = False,
    users: Backend | None = None,
    agent: Backend | None = None,
    means: Means | None = None,
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
    means : Means or None
        How to reach the models, and what may be spent.
    progress : callable
        Called with the answers on disk and the answers to come in all, if no rule stops the run.
    **given
        Of `simulate.run.settings.Settings`; what is left out comes from the resumed run, else from the study.

    Raises
    ------
    InputError
        When a setting is wrong.
    Incomplete
        When answers failed, or may not be paid for.
    ConfoundError
        When the folder holds something else, or cannot be written, when another process works on the run, when the
        run in the folder was started otherwise, or when a model cannot be reached at all.
    """
    if users is not None:
        given["backend"] = users.name
    if agent is not None:
        given |= {"agent_backend": agent.name, "agent_model": agent.model}
    means = means or Means()
    home = home_of(out, given.get("shard"))
    check_folder(out, home, resume=resume)
    if not (home / JOURNAL).exists():
        # A wrong setting is told before there is a folder.
        _prepared(study, None, given, means, users=users, agent=agent)
    with Journal(home) as journal:
        found = recorded(journal)
        if found.header is not None and not resume:
            raise ConfoundError(f"{home}: holds a run already; continue it with --resume, or choose another --out")
        prepared = _prepared(study, found.header, given, means, calls=found.calls, users=users, agent=agent)
        run = _Run(study, home, prepared, means, journal, found, progress)
        run.begin(journal)
        with manifest.kept(run.describe, home):
            run.fill()
            return run.finish()


def merge(study: Study, out: Path, *, drop_incomplete: bool = False) -> Finished:
    """Join the complete shards in a folder to the tables that a run without shards leaves.

    Parameters
    ----------
    study : Study
    out : Path
    drop_incomplete : bool
        As in `Means`.

    Raises
    ------
    InputError
        When there are no shards.
    Incomplete
        When a shard is unfinished.
    ConfoundError
        When a shard is missing or of another run, or is being written.
    """
    with contextlib.ExitStack() as stack:
        shards = [stack.enter_context(Journal(home)) for home in shard_folders(out)]
        found = joined([recorded(journal) for journal in shards], shards)
        means = Means(drop_incomplete=drop_incomplete)
        prepared = _prepared(study, found.header, {}, means, asks=False)
        run = _Run(study, out, prepared, means, None, found, lambda done, total: None)  # noqa: ARG005
        settings.check_same(str(out), found.header or {}, run.header())
        run.fill()
        return run.finish()


class _Prepared(NamedTuple):
    settings: Settings
    personas: Sequence[Persona]
    users: Backend
    agent: Backend
    budget: Budget


def _prepared(
    study: Study,
    header: dict[str, Any] | None,
    given: dict[str, Any],
    means: Means,
    *,
    calls: int = 0,
    users: Backend | None = None,
    agent: Backend | None = None,
    asks: bool = True,
) -> _Prepared:
    from simulate.study.personas import make_personas

    chosen = settings.chosen(study, header, given)
    personas = make_personas(study.personas, chosen.personas, seed=chosen.seed, study=study)
    budget = Budget(means.max_calls, calls)

    def opened(name: str, model: str | None, options: Options) -> Backend:
        options = replace(options, model=model, draws=chosen.draws)
        backend = open_backend(name, study, personas, seed=chosen.seed, options=options, budget=budget)
        if asks:
            backend.ready()
        return backend

    users = users or opened(chosen.backend, chosen.model, means.options)
    if agent is None and (chosen.agent_backend or chosen.agent_model):
        name, options = chosen.agent_backend or chosen.backend, means.agent_options
        if name == chosen.backend:
            options = replace(options, base_urls=options.base_urls or means.options.base_urls)
        agent = opened(name, chosen.agent_model or chosen.model, options)
    return _Prepared(chosen, personas, users, agent or users, budget)


class _Run:
    """The state of a run: what its journal held, and the blocks filled so far. Without a journal nothing is asked."""

    def __init__(
        self,
        study: Study,
        home: Path,
        prepared: _Prepared,
        means: Means,
        journal: Journal | None,
        found: Recorded,
        progress: Callable[[int, int], None],
    ) -> None:
        self.study, self.home, self.means, self.journal, self.found = study, home, means, journal, found
        self.settings, self.personas, self.backend, agent, self._budget = prepared
        self._own = self.settings.share(self.personas)
        self._rule = None if self.settings.stop is None else parse_rule(self.settings.stop)
        self._arms = tuple(arm.name for arm in study.arms)
        self._progress, self._done, self._total = progress, 0, 0
        self.levels: list[Level] = []
        # Persona -> the answers that it misses.
        self.incomplete: dict[str, int] = {}
        self.stopped: dict[str, Any] | None = None
        self.collector: Collector | None = None
        if journal is not None:
            asking = Asking(study, self.settings, chats=self.backend.chats)
            self.collector = Collector(self.backend, agent, asking, journal, found, self._budget, self._advance)

    def header(self) -> dict[str, Any]:
        """Return all that the answers depend on."""
        return settings.header(self.study, self.settings, self.personas, self.backend)

    def begin(self, journal: Journal) -> None:
        """Write the journal's head, or hold it against what is asked for now."""
        session = manifest.session(**self.means.recorded())
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
        """Run iteration after iteration: ask, draw, specify. A persona that misses answers waits while others go on."""
        chains: dict[str | None, list[Profile]] = {None: [Profile(persona) for persona in self._own]}
        self._total = self._answers_to_come()
        self._advance(sum(len(cell.trials) for cells in self.found.cells.values() for _, cell in cells))
        for iteration in range(self.settings.iterations):
            last = iteration + 1 == self.settings.iterations
            level = self._level(chains, last=last)
            self.levels.append(level)
            self._ask(level)
            self._miss(level)
            level = self._whole(level)
            # A rule looks at all personas together.
            waits = self._rule is not None and self.incomplete and not self.means.drop_incomplete
            if not level[None] or waits or self._holds(level[None]) or last:
                return
            chains = self._next(level)

    def _miss(self, level: Level) -> None:
        """Note which personas miss answers."""
        for block in (block for chain in level.values() for block in chain if not block.complete):
            name = block.profile.persona.id
            self.incomplete[name] = self.incomplete.get(name, 0) + block.codes.size - block.answered

    def _whole(self, level: Level) -> Level:
        """Return the blocks of the personas that miss nothing so far."""
        return {
            source: [block for block in chain if block.profile.persona.id not in self.incomplete]
            for source, chain in level.items()
        }

    def _level(self, chains: dict[str | None, list[Profile]], *, last: bool) -> Level:
        """Return one iteration's blocks, with every answer that the journal holds."""
        retention = self.settings.retention
        level: Level = {
            source: [
                Block(p, self._arms, asked(self.study, p, last=last, retention=retention), self.settings.trials)
                for p in profiles
            ]
            for source, profiles in chains.items()
        }
        for block in (block for chain in level.values() for block in chain):
            restore(block, self.found, str(self.home / JOURNAL))
        return level

    def _ask(self, level: Level) -> None:
        """Get every answer that is missing and can be had."""
        open_ = [block for chain in level.values() for block in chain if not block.complete]
        if open_ and self.collector is not None:
            self.collector.fill(open_)

    def _holds(self, blocks: Sequence[Block]) -> bool:
        if self._rule is None:
            return False
        value = self._rule.value(blocks, self.study.control)
        held = self._rule.holds(value)
        if held:
            self.stopped = {"iteration": len(self.levels) - 1, "rule": str(self._rule), "value": value}
        return held

    def _next(self, level: Level) -> dict[str | None, list[Profile]]:
        """Adopt, journal what was adopted, and return the profiles of the next iteration."""
        sources = self._arms if self.settings.source_design else ()
        lines: list[dict[str, Any]] = []
        # Before adjustment the 2 x 2 and the mixture are one.
        found = {
            source: [self._adjusted(block, source, lines) for block in level[source if source in level else None]]
            for source in (None, *sources)
        }
        if self.journal is not None:
            self.journal.append(lines)
        return found

    def _adjusted(self, block: Block, source: str | None, lines: list[dict[str, Any]]) -> Profile:
        profile = block.profile
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
        if self.incomplete and (len(self.incomplete) == len(self._own) or not self.means.drop_incomplete):
            raise Incomplete(self._told())
        self.levels = [self._whole(level) for level in self.levels]
        whole = self.settings.shard is None
        answers = self._write() if whole else sum(block.answered for block in self.blocks())
        truth = self._truth() if whole else None
        stopped = "{rule} at iteration {iteration} ({value:.4g})".format(**self.stopped) if self.stopped else None
        manifest.write(self.home, self.describe("complete"))
        return Finished(self.home, answers, len(self.levels), stopped, truth, tuple(self.incomplete))

    def _told(self) -> str:
        """Say what is missing, why, and what to do about it."""
        n, missing = len(self.incomplete), sum(self.incomplete.values())
        said = f"{self.home}: {n:,} of {len(self._own):,} personas are incomplete, so no table is written"
        if self._budget.refused:
            return f"{said}: --max-calls {self._budget.limit:,} is reached. Go on with --resume and a larger number"
        if self.collector is None:
            return f"{said}: {missing:,} answers are missing; continue the shards with --resume"
        reasons = ", ".join(f"{reason} ({times:,})" for reason, times in self.collector.failures.most_common(3))
        return (
            f"{said}: {missing:,} answers did not come: {reasons}. All others are on disk; --resume asks again for "
            "what is missing, and --drop-incomplete leaves these personas out"
        )

    def blocks(self) -> Iterator[Block]:
        """Yield every block, iteration by iteration."""
        return (block for level in self.levels for chain in level.values() for block in chain)

    def _write(self) -> int:
        """Write truth and attributes, then the table: a folder with a table has all of them."""
        seeded = self.backend.chats and not self.found.unseeded
        labels = Labels(self.study, self.backend.model, self.settings.seed if seeded else None)
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
        return manifest.content(
            self.header() | {"targeted_from": None if first is None else first + 1},
            self.found,
            self.blocks(),
            state=state,
            stopped=self.stopped,
            incomplete=tuple(self.incomplete),
        )
