"""A run from its first call to its tables, and the joining of shards."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confound.errors import ConfoundError
from simulate.run import manifest
from simulate.run.collect import Collector
from simulate.run.continuing import check_continues, check_same
from simulate.run.folder import check_folder, check_journal, home_of, joined, shard_folders
from simulate.run.iterations import Iterations
from simulate.run.journal import JOURNAL, Journal
from simulate.run.prepare import prepare
from simulate.run.replay import Recorded, recorded
from simulate.run.requests import Asking
from simulate.run.resources import Resources
from simulate.run.tables import truth_of, write_tables
from simulate.run.usable import Watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from simulate.backends.protocol import Backend
    from simulate.run.prepare import Prepared
    from simulate.study.definition import Study

    Progress = Callable[[int, int], None]


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
        Number of iterations run.
    stopped : str or None
        The stop rule that held, with its value; None if none did.
    truth : dict or None
        What an analysis should find; None if it is unknown, and for a shard.
    left_out : tuple of str
        Personas with missing answers, which are not in the tables.
    notes : tuple of str
        Sentences on Unknown answers and empty messages, if there are many.
    """

    out: Path
    answers: int
    iterations: int
    stopped: str | None
    truth: dict[str, Any] | None
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Incomplete(ConfoundError):  # noqa: N818 -- it is the run that is incomplete
    """A run in which some personas have missing answers. The others are on disk; a resumed run asks for the missing."""


def _unwatched(done: int, total: int) -> None:
    """Show no progress."""


def simulate(
    study: Study,
    out: Path,
    *,
    resume: bool = False,
    users: Backend | None = None,
    agent: Backend | None = None,
    resources: Resources | None = None,
    progress: Progress = _unwatched,
    **given: Any,
) -> Finished:
    """Run a study and leave its tables in a folder; or run a shard of it, and leave its journal.

    Parameters
    ----------
    study : Study
    out : Path
        A folder that does not exist yet or is empty. With `resume` it may hold this very run.
    resume : bool
        Continue the run in the folder; start one if there is none.
    users, agent : Backend or None
        The backends that play the users, and the agent of a dialogue. None: the backends named in the settings, and for
        the agent, if none is named, that of the users.
    resources : Resources or None
        How to reach the models, and what may be spent.
    progress : callable
        Called with the number of answers on disk, and with that of all answers if no rule stops the run.
    **given
        Settings of `simulate.run.settings.RunSettings`; those left out are as in the resumed run, else as in the study.

    Raises
    ------
    InputError
        When a setting is wrong.
    Incomplete
        When calls failed or `max_calls` is reached, so that answers are missing.
    Unusable
        When nearly all answers are Unknown, or nearly all messages of dialogues are empty.
    ConfoundError
        When the folder holds something else or cannot be written, another process works on the run, the run in the
        folder has other settings, or a model cannot be reached at all.
    """
    if users is not None:
        given["backend"] = users.name
    if agent is not None:
        given |= {"agent_backend": agent.name, "agent_model": agent.model}
    resources = resources or Resources()
    home = home_of(out, given.get("shard"))
    check_folder(out, home, resume=resume)
    if not (home / JOURNAL).exists():
        # So that a wrong setting is refused before a folder is made.
        prepare(study, None, given, resources, users=users, agent=agent)
    with Journal(home) as journal:
        found = recorded(journal)
        check_journal(home, found)
        if found.header is not None and not resume:
            raise ConfoundError(f"{home}: holds a run already; continue it with --resume, or choose another --out")
        prepared = prepare(study, found.header, given, resources, calls=found.calls, users=users, agent=agent)
        run = _Run(home, prepared, resources, journal, found, progress)
        run.begin(journal)
        with manifest.kept(run.describe, home):
            return run.finish()


def merge(study: Study, out: Path, *, drop_incomplete: bool = False) -> Finished:
    """Join the complete shards in a folder to the tables that a run without shards leaves.

    Parameters
    ----------
    study : Study
    out : Path
    drop_incomplete : bool
        As in `Resources`.

    Raises
    ------
    InputError
        When there are no shards.
    Incomplete
        When a shard is unfinished.
    ConfoundError
        When a shard is missing, belongs to another run, or is being written.
    """
    with contextlib.ExitStack() as stack:
        shards = [stack.enter_context(Journal(home)) for home in shard_folders(out)]
        found = joined([recorded(journal) for journal in shards], shards)
        resources = Resources(drop_incomplete=drop_incomplete)
        prepared = prepare(study, found.header, {}, resources, asks=False)
        check_same(str(out), found.header or {}, prepared.header())
        return _Run(out, prepared, resources, None, found, _unwatched).finish()


class _Run:
    """A run, or a shard: what its journal holds, and its iterations. Without a journal nothing is asked."""

    def __init__(
        self,
        home: Path,
        prepared: Prepared,
        resources: Resources,
        journal: Journal | None,
        found: Recorded,
        progress: Progress,
    ) -> None:
        self._home, self._prepared, self._resources, self._found = home, prepared, resources, found
        self._progress, self._done, self._total = progress, 0, 0
        users, budget = prepared.users, prepared.budget
        self._collector: Collector | None = None
        if journal is not None:
            asking = Asking(prepared.study, prepared.settings, chats=users.chats)
            self._collector = Collector(users, prepared.agent, asking, journal, found, budget, self._advance)
        self._iterations = Iterations(
            prepared,
            found,
            journal,
            self._collector,
            drop_incomplete=resources.drop_incomplete,
            place=str(home / JOURNAL),
        )

    def begin(self, journal: Journal) -> None:
        """Write the journal's header, or compare the journal's header with the settings given now.

        A run that goes on with more trials or personas gets a new header, which stands for the earlier one.
        """
        session = manifest.session(**self._resources.recorded())
        self._found.sessions.append(session)
        prepared, header = self._prepared, self._found.header
        wanted = prepared.header()
        new = header is None or check_continues(str(self._home), header, wanted, prepared.personas)
        if new:
            self._found.header = wanted
        journal.append([wanted, session] if new else [session])

    def _advance(self, answers: int) -> None:
        self._done += answers
        self._progress(self._done, self._total)

    def finish(self) -> Finished:
        """Run all iterations, then write the tables; of a shard, none."""
        self._total = self._iterations.answers_to_come()
        self._advance(self._found.answers_held())
        self._iterations.run()
        incomplete = self._iterations.incomplete
        if incomplete and (len(incomplete) == len(self._iterations.personas) or not self._resources.drop_incomplete):
            raise Incomplete(self._missing_told(incomplete))
        return self._finished(tuple(incomplete))

    def _finished(self, left_out: tuple[str, ...]) -> Finished:
        self._iterations.leave_out_incomplete()
        prepared, levels = self._prepared, self._iterations.levels
        told = self._told() if prepared.users.chats else ()
        whole, held = prepared.settings.shard is None, self._iterations.stopped
        if whole:
            seeded = prepared.users.chats and not self._found.unseeded
            answers = write_tables(self._home, prepared, levels, seeded=seeded)
        else:
            answers = sum(block.answered for block in self._iterations.blocks())
        truth = truth_of(prepared, levels) if whole else None
        stopped = "{rule} at iteration {iteration} ({value:.4g})".format(**held) if held else None
        manifest.write(self._home, self.describe("complete"))
        return Finished(self._home, answers, len(levels), stopped, truth, left_out, told)

    def _told(self) -> tuple[str, ...]:
        """Refuse a run that is of no use, as it may be found on disk; else tell how much of it is."""
        max_tokens = self._prepared.settings.sampling.get("max_tokens")
        watch = Watch.over(self._iterations.blocks(), self._found, max_tokens)
        watch.check_messages()
        watch.check_answers()
        return watch.notes()

    def _missing_told(self, incomplete: dict[str, int]) -> str:
        """Say what is missing, why, and what to do about it."""
        n, missing = len(incomplete), sum(incomplete.values())
        of_all = f"{n:,} of {len(self._iterations.personas):,} personas are incomplete"
        said = f"{self._home}: {of_all}, so no table is written"
        budget = self._prepared.budget
        if budget.refused:
            return f"{said}: --max-calls {budget.limit:,} is reached. Go on with --resume and a larger number"
        if self._collector is None:
            return f"{said}: {missing:,} answers are missing; continue the shards with --resume"
        reasons = ", ".join(f"{reason} ({times:,})" for reason, times in self._collector.failures.most_common(3))
        return (
            f"{said}: {missing:,} answers did not come: {reasons}. All others are on disk; --resume asks again for "
            "what is missing, and --drop-incomplete leaves these personas out"
        )

    def describe(self, state: str) -> dict[str, Any]:
        """Return the manifest."""
        first = self._prepared.study.targeted_from
        return manifest.content(
            self._prepared.header() | {"targeted_from": None if first is None else first + 1},
            self._found,
            self._iterations.blocks(),
            state=state,
            stopped=self._iterations.stopped,
            incomplete=tuple(self._iterations.incomplete),
        )
