"""What the tests of a run share: small studies, a backend that chats by rote, folders compared byte by byte."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from simulate.backends.protocol import Reply, Request
from simulate.backends.sampling import SETTINGS
from simulate.run.loop import simulate
from simulate.study.reading import load_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from simulate.run.loop import Finished
    from simulate.study.definition import Study
    from simulate.study.profile import Profile
    from simulate.study.prompts import Message

TABLES = ("responses.parquet", "attributes.parquet", "truth.json")


def small_study(name: str = "opinionqa", *, batches: int = 2, controls: int = 2, **changes: Any) -> Study:
    """Return a shipped study with fewer batches of confounders and fewer negative controls."""
    study = load_study(name)
    kept = [q for q in study.questions.values() if q.role == "outcome"]
    kept += [q for q in study.questions.values() if q.role == "negative_control"][:controls]
    kept += [study.questions[q] for batch in study.batches[:batches] for q in batch]
    chosen = {
        "questions": {q.id: q for q in kept},
        "batches": study.batches[:batches],
        "iterations": batches + 1,
        "trials": 4,
        "personas": replace(study.personas, count=6),
    }
    return replace(study, **(chosen | changes))


def contents(folder: Path, names: Sequence[str] = TABLES) -> dict[str, bytes]:
    """Return the bytes of a run's tables."""
    return {name: (folder / name).read_bytes() for name in names}


@dataclass
class ByRote:
    """A backend that reads prompts and answers by its seeds, out of order; `fails` says which replies fail."""

    fails: Callable[[Request, int], bool] = lambda request, trial: False  # noqa: ARG005
    name: str = "rote"
    model: str = "rote-1"
    chats: bool = True
    sampling_settings: frozenset[str] = frozenset(SETTINGS)
    asked: list[tuple[Request, int, list[Message]]] = field(default_factory=list)

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answer everything, the last request first."""
        for request in reversed(list(requests)):
            for trial, seed in zip(request.trials, request.seeds, strict=True):
                self.asked.append((request, trial, request.messages))
                if self.fails(request, trial):
                    yield Reply(request, trial, failure="timeout")
                else:
                    yield Reply(request, trial, text=self._said(request, seed), finish="stop", tokens=(10, 2))

    def _said(self, request: Request, seed: int) -> str:
        if request.question is None:
            return f"turn {request.turn}, {seed}"
        if seed % 10 == 0:
            return "I would rather not say."
        return request.question.options[seed % len(request.question.options)]

    def truth(self, profiles: Sequence[Sequence[Profile]]) -> None:  # noqa: ARG002
        """Nobody knows."""
        return


def write_example(out: Path, **sizes: Any) -> Finished:
    """Run the example study into a folder, by default with 100 personas and 30 trials."""
    return simulate(load_study("example"), out, **({"personas": 100, "trials": 30, "seed": 0} | sizes))
