"""A run whose answers or messages are nearly all of no use stops early and says what to try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from simulate.backends.protocol import Reply, Request
from simulate.run.loop import simulate
from simulate.run.usable import ENOUGH_ANSWERS, ENOUGH_MESSAGES, Unusable
from tests.simulate.fakes import ByRote, small_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


@dataclass
class Useless(ByRote):
    """A model of whose replies some are of no use: `made` writes them."""

    made: Callable[[Request, int], Reply | None] = lambda request, trial: None  # noqa: ARG005
    calls: int = 0

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answer as `made` says, else by rote."""
        for request in requests:
            for trial in request.trials:
                self.calls += 1
                said = "A" if request.question else "Hello."
                yield self.made(request, trial) or Reply(request, trial, text=said, finish="stop")


def _silent(request: Request, trial: int) -> Reply:
    return Reply(request, trial, text=None, finish="length")


def _said(text: str, finish: str = "stop") -> Callable[[Request, int], Reply]:
    return lambda request, trial: Reply(request, trial, text=text, finish=finish)


def test_silent_dialogues_stop_early(tmp_path: Path) -> None:
    """A thinking model that never gets to its message stops the run after a few; no such dialogue is kept."""
    users = Useless(made=_silent)
    study = small_study("movielens", turns=2)
    with pytest.raises(Unusable, match=r"messages of the dialogues are empty \(length 30\).*raise --max-tokens.*--out"):
        simulate(study, tmp_path / "run", users=users, iterations=1)
    assert users.calls == ENOUGH_MESSAGES
    assert not (tmp_path / "run" / "responses.parquet").exists()
    sound = Useless()
    simulate(study, tmp_path / "run", users=sound, iterations=1, resume=True)
    assert not any("..." in m["content"] for request, *_ in sound.asked for m in request.messages)


@pytest.mark.parametrize(
    ("made", "advice"),
    [
        (_silent, r"truncated 200\).*raise --max-tokens"),
        (_said(""), r"empty 200\).*no text"),
        (_said("I'd rather not say."), r"refused 200\).*The first is 'I'd rather|refused 200\).*another model"),
        (_said("Blue"), r"ambiguous 200\). The first is 'Blue'.*--choice"),
        (_said("", "content_filter"), r"blocked 200\).*filter"),
    ],
)
def test_unknown_answers_stop_early(tmp_path: Path, made: Callable[[Request, int], Reply], advice: str) -> None:
    """Where nearly all answers are Unknown, the run says why after a few hundred, and what to try."""
    users = Useless(made=made)
    with pytest.raises(Unusable, match=advice):
        simulate(small_study(), tmp_path / "run", users=users, trials=20)
    assert users.calls == ENOUGH_ANSWERS
    assert not (tmp_path / "run" / "responses.parquet").exists()


def test_small_run_without_an_answer_is_refused_at_its_end(tmp_path: Path) -> None:
    """A run of a few answers, all Unknown, leaves no table either, and neither does resuming it."""
    for resume in (False, True):
        with pytest.raises(Unusable, match="answers are Unknown"):
            simulate(
                small_study(),
                tmp_path / "run",
                users=Useless(made=_said("Blue")),
                personas=1,
                trials=1,
                iterations=1,
                resume=resume,
            )
    assert not (tmp_path / "run" / "responses.parquet").exists()


def test_one_hard_question_stops_nothing_and_is_told(tmp_path: Path) -> None:
    """Where one question of several is never answered, the run goes on, and its end says how many are Unknown."""

    def made(request: Request, trial: int) -> Reply | None:
        hard = request.question is not None and request.question.role == "outcome"
        return Reply(request, trial, text="No comment.", finish="stop") if hard else None

    done = simulate(small_study(), tmp_path / "run", users=Useless(made=made), iterations=1)
    (note,) = done.notes
    assert "answers are Unknown (" in note
    assert "refused" in note
