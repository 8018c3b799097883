"""Whole studies with a real engine: the table comes out whole, again the same, and goes through the analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import confound
from simulate.run import usable
from simulate.run.loop import merge, simulate
from tests.simulate.fakes import contents, small_study
from tests.vllm.commands import KEY, SIZES, calls, check_whole, ran, responses

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from simulate.backends.protocol import Reply, Request
    from simulate.backends.vllm import VllmModel

TABLES = ("responses.parquet", "attributes.parquet")


def test_opinionqa_from_the_command_line(model: Path, by_command: Path, tmp_path: Path) -> None:
    """`--backend vllm` leaves a whole table, for which each prompt was sent once; `confound analyze` takes it."""
    frame = responses(by_command)
    check_whole(frame)
    assert sorted(frame["iteration"].unique()) == [0, 1, 2]
    assert set(frame["model"]) == {str(model)}
    assert frame["seed"].is_unique
    assert calls(by_command) == len(frame) / SIZES["trials"]
    said = ran("analyze", str(by_command), "--out", str(tmp_path / "report"), "--control", "control")
    assert said.stdout.startswith("VERDICT")
    drift = pd.read_csv(tmp_path / "report" / "tables" / "drift.csv")
    assert set(drift["iteration"]) == {0, 1, 2}
    assert drift["tvd_plugin"].between(0, 1).all()


@pytest.fixture(scope="module")
def first(engine: VllmModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small run."""
    out = tmp_path_factory.mktemp("first") / "run"
    simulate(small_study(), out, users=engine, choice=True, seed=1)
    return out


def test_the_same_seed_gives_the_same_table(engine: VllmModel, first: Path, tmp_path: Path) -> None:
    """A second run with the seed equals the first byte by byte; with another seed most conversations differ."""
    check_whole(responses(first), personas=6, trials=4)
    simulate(small_study(), tmp_path / "again", users=engine, choice=True, seed=1)
    assert contents(tmp_path / "again", TABLES) == contents(first, TABLES)
    simulate(small_study(), tmp_path / "other", users=engine, choice=True, seed=2)
    one, other = (responses(folder) for folder in (first, tmp_path / "other"))
    both = one.merge(other, on=KEY)
    assert len(both) == len(one)
    assert not set(one["seed"]) & set(other["seed"])


def test_a_resumed_run_is_the_same(engine: VllmModel, first: Path, tmp_path: Path) -> None:
    """A run that is killed in the midst of one prompt's draws, then resumed, leaves the table of one that was not."""

    class Interrupted:
        name, model, chats, sampling_settings = engine.name, engine.model, True, engine.sampling_settings
        left = 27

        def ready(self) -> None:
            """Need nothing."""

        def answer(self, requests: Iterable[Request]) -> Iterator[Reply]:
            for reply in engine.answer(requests):
                if self.left == 0:
                    raise KeyboardInterrupt
                self.left -= 1
                yield reply

        truth = engine.truth

    with pytest.raises(KeyboardInterrupt):
        simulate(small_study(), tmp_path / "run", users=Interrupted(), choice=True, seed=1)
    simulate(small_study(), tmp_path / "run", users=engine, resume=True)
    assert contents(tmp_path / "run", TABLES) == contents(first, TABLES)


def test_shards_are_the_same(engine: VllmModel, first: Path, tmp_path: Path) -> None:
    """Two shards, merged, leave the table of a run in one piece."""
    for shard in ("1/2", "2/2"):
        simulate(small_study(), tmp_path / "run", users=engine, choice=True, seed=1, shard=shard)
    merge(small_study(), tmp_path / "run")
    assert contents(tmp_path / "run", TABLES) == contents(first, TABLES)


def test_free_answers_are_kept_and_read(engine: VllmModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the model writes of itself is kept whole; what is no option is Unknown with a reason, not left out.

    Random weights answer nothing but Unknown, which stops a run; so the limit is taken away.
    """
    study = small_study(sampling={"max_tokens": 8})
    with pytest.raises(usable.Unusable, match="144 of 144 answers are Unknown"):
        simulate(study, tmp_path / "stopped", users=engine, iterations=1)
    monkeypatch.setattr(usable, "USELESS", 2.0)
    simulate(study, tmp_path / "run", users=engine, iterations=1)
    frame = responses(tmp_path / "run")
    assert len(frame) == 6 * 4 * 2 * 3
    assert frame["text"].notna().all()
    assert (frame["response"].isna() == frame["reason"].notna()).all()
    assert frame["reason"].notna().any()
    assert confound.analyze(frame).data["n_answers"].sum() == len(frame)


def test_dialogues_go_in_one_batch_a_turn(engine: VllmModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All conversations take each turn together, and every question branches from what its conversation has said."""
    sizes: list[int] = []
    chat = engine.start().chat

    def listening(messages: list[Any], **given: Any) -> Any:
        sizes.append(len(messages))
        return chat(messages, **given)

    monkeypatch.setattr(engine.start(), "chat", listening)
    study = small_study("movielens", turns=2, sampling={"max_tokens": 8}, trials=3)
    simulate(study, tmp_path / "run", users=engine, choice=True, iterations=1)
    conversations = 6 * 3 * 2
    assert sizes == [conversations] * 4 + [conversations * 3]
    frame = responses(tmp_path / "run")
    assert len(frame) == conversations * 3
    assert frame["response"].notna().all()
