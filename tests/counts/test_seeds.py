"""Equal seeds with equal answers are copies; equal seeds alone are not."""

import numpy as np
import pandas as pd
import pytest

import confound
from confound.counts import copies, seeds
from confound.counts.counting import group
from confound.counts.options import Options
from confound.counts.prepare import CountedLog, prepare
from confound.log import response_table
from confound.log.layout import Layout
from tests.counts.test_copies import PLACE, drawn

Frame = pd.DataFrame


def seeded(seed: int = 0) -> Frame:
    """Draw a log whose answers have seeds of their own."""
    table = drawn(np.random.default_rng(seed), personas=40, trials=6)
    return table.assign(seed=np.random.default_rng(seed).integers(2**62, size=len(table)))


def prepared(table: Frame, *, unique: bool = False) -> CountedLog:
    """Read, count and check a log."""
    return prepare(table, Layout(), Options(unique=unique))


def again(table: Frame, trials: int) -> Frame:
    """Log the first trials again under other numbers."""
    return pd.concat([table, table[table["trial"] < trials].assign(trial=lambda t: t["trial"] + 100)])


@pytest.mark.parametrize("trials", [1, 2, 6])
def test_trials_again_are_found(trials: int) -> None:
    """Some of the trials logged again, or all, are found by seed and answer."""
    assert "repeat the seed and the answer" in prepared(again(seeded(), trials)).copies[PLACE]


def test_seeds_alone_prove_nothing() -> None:
    """Seeds of their own, one seed for all, seeds of the trial, and seeds that an engine ignores are no copies."""
    table = seeded()
    twice = table.assign(seed=table["trial"] // 2)
    for honest in (table, table.assign(seed=42), table.assign(seed=table["trial"]), twice):
        assert prepared(honest).copies == {}


def test_unique_counts_each_seed_once() -> None:
    """Copies counted once are the log before trials were logged again."""
    table = seeded()
    once, plain = prepared(again(table, 3), unique=True), prepared(table)
    assert once.copies == {}
    assert all(np.array_equal(a.answers, b.answers) for a, b in zip(once.cells, plain.cells, strict=True))
    assert any("480 of 1,440 answers are copies" in note.message for note in once.notes)


def test_answers_may_be_numbers() -> None:
    """Answers and iterations may be whole numbers in the log, and some missing."""
    table = again(seeded(), 6)
    number = table["response"].str[-1].astype("Int64").replace(0, pd.NA)
    assert "repeat the seed" in prepared(table.assign(response=number, iteration=2)).copies[PLACE]


def test_without_seeds_nothing_is_asked() -> None:
    """A log without seeds has no repeated ones."""
    with response_table.opened(seeded().drop(columns="seed")) as log:
        assert seeds.repeated(log, group(log)) == {}


def test_a_cluster_takes_the_place_of_the_persona() -> None:
    """Personas that share a profile become one, and their copies show as answers that stand there again."""
    table = drawn(np.random.default_rng(3), personas=30).assign(profile=lambda t: t["persona"] % 10)
    counted = prepare(table, Layout(cluster="profile"), Options())
    assert {cell.personas for cell in counted.cells} == {tuple(map(str, range(10)))}
    assert counted.copies == {}
    with pytest.raises(confound.InputError, match="--cluster nothing: column 'nothing' is missing; found persona"):
        prepare(table, Layout(cluster="nothing"), Options())


def test_what_is_found_is_a_warning() -> None:
    """The sentence stands among the warnings too."""
    counted = prepared(again(seeded(), 6))
    assert copies.notes(counted.copies)[0] in counted.notes
