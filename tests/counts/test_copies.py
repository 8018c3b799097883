"""Copies are found, honest logs are not called copies, and copies can be counted once."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pytest

from confound.counts import copies
from confound.counts.counting import Grouped, group
from confound.log import response_table

Frame = pd.DataFrame
PLACE = ("s", "m")


def drawn(
    rng: np.random.Generator,
    *,
    personas: int = 40,
    trials: int = 6,
    questions: int = 2,
    answers: int = 4,
    sharp: float = 1.0,
    between: bool = False,
    linked: float = 0.0,
) -> Frame:
    """Draw an honest log; `sharp` below 1 makes a persona's answers nearly all alike, `linked` questions depend."""
    shape = (personas, 2, trials, questions)
    shares = rng.dirichlet(np.full(answers, sharp), size=(personas, questions))
    mood = rng.random((personas, 1, 1, 1)) if trials == 1 else rng.random((personas, 2, trials, 1))
    at = np.where(rng.random(shape) < linked, mood, rng.random(shape))
    ends = np.cumsum(shares, axis=2)[:, None, None]
    answer = (at[..., None] > ends[..., :-1]).sum(axis=4)
    persona, arm, trial, question = np.indices(shape).reshape(4, -1)
    kept = (persona % 2 == arm) if between else np.ones(len(persona), dtype=bool)
    table = pd.DataFrame({"persona": persona, "arm": np.where(arm, "treated", "control"), "trial": trial})
    table["question"] = [f"q{q}" for q in question]
    table["response"] = [f"answer {a}" for a in answer.ravel()]
    return table[kept].assign(study="s", model="m", role="negative_control")


def grouped(table: Frame) -> Grouped:
    """Count a log."""
    with response_table.opened(table) as log:
        return group(log)


def said(table: Frame) -> dict[tuple[str, str], str]:
    """Return what is found."""
    return copies.found(grouped(table), {})


def first_trial_again(table: Frame) -> Frame:
    """Give every trial the answers of the first, as a cache does."""
    first = table[table["trial"] == 0].drop(columns="trial")
    return table.drop(columns="response").merge(first, how="left")


def five_personas_again(table: Frame) -> Frame:
    """Keep five personas, each under ten names."""
    few = table[table["persona"] < 5]
    return pd.concat([few.assign(persona=few["persona"] + 100 * copy) for copy in range(10)])


def half_again(table: Frame) -> Frame:
    """Log the conversations of half of the personas twice."""
    return pd.concat([table, table[table["persona"] < 30].assign(trial=lambda t: t["trial"] + 100)])


def personas_twice(table: Frame) -> Frame:
    """Give every persona a double of another name."""
    return pd.concat([table, table.assign(persona=table["persona"] + 1000)])


def everyone_alike(table: Frame) -> Frame:
    """Give all personas of an arm one answer to each question."""
    return table.assign(response=table["arm"] + table["question"])


COPIED: dict[str, tuple[Callable[[Frame], Frame], str]] = {
    "file twice": (lambda t: pd.concat([t, t]), "2 times"),
    "file twice, other trials": (lambda t: pd.concat([t, t.assign(trial=t["trial"] + 100)]), "2 times"),
    "file three times, no trials": (lambda t: pd.concat([t] * 3).drop(columns="trial"), "3 times"),
    "a cache": (first_trial_again, "one answer"),
    "three trials of a cache": (lambda t: first_trial_again(t[t["trial"] < 3]), "one answer"),
    "two trials of a cache": (lambda t: first_trial_again(t[t["trial"] < 2]), "one answer"),
    "one arm twice": (lambda t: pd.concat([t, t[t["arm"] == "treated"].assign(trial=t["trial"] + 100)]), "2 times"),
    "copied personas": (five_personas_again, "50 personas gave only 5"),
    "half of the personas twice": (half_again, "have every answer 2 times"),
    "everyone alike": (everyone_alike, "worth one persona"),
    "personas twice": (personas_twice, "120 personas gave only 60"),
    "personas twice, one answer each": (lambda t: personas_twice(t[t["trial"] == 0]), "120 personas gave only 60"),
}


@pytest.mark.parametrize("kind", COPIED)
def test_copies_are_found(kind: str) -> None:
    """Each kind of copy is found in each of two logs, and the sentence says which and what to do."""
    make, what = COPIED[kind]
    for seed in range(2):
        table = drawn(np.random.default_rng(seed), personas=60, questions=4)
        found = said(make(table))
        assert what in found[PLACE]
        assert "--unique" in found[PLACE]


def one_answer_to_all_questions(rng: np.random.Generator) -> Frame:
    """Draw few personas whose 16 questions are one and the same, as questions that go together entirely."""
    table = drawn(rng, personas=12, trials=4, questions=1, answers=2, sharp=50.0)
    return pd.concat([table.assign(question=f"q{q}") for q in range(16)])


def archetypes(rng: np.random.Generator) -> Frame:
    """Draw 100 personas of five kinds, who answer as their kind does with probability .99, once in each arm."""
    kind, own = rng.integers(5, size=100), rng.integers(5, size=(5, 8))
    persona, arm, question = np.indices((100, 2, 8)).reshape(3, -1)
    given = np.where(rng.random(len(persona)) < 0.99, own[kind[persona], question], rng.integers(5, size=len(persona)))
    table = pd.DataFrame({"persona": persona, "arm": np.where(arm, "treated", "control"), "trial": 0})
    table["question"], table["response"] = [f"q{q}" for q in question], [f"answer {a}" for a in given]
    return table.assign(study="s", model="m", role="negative_control")


def straight_lining(rng: np.random.Generator) -> Frame:
    """Draw 400 people between subjects, of whom 9 in 10 tick one answer to all 12 questions."""
    table = drawn(rng, personas=400, trials=1, questions=12, answers=5, between=True)
    lazy, tick = rng.random(400) < 0.9, rng.integers(5, size=400)
    same = lazy[table["persona"]]
    return table.assign(response=np.where(same, [f"answer {a}" for a in tick[table["persona"]]], table["response"]))


def specified(rng: np.random.Generator) -> Frame:
    """Draw personas who always answer eleven questions as they were told to, and the twelfth freely."""
    table = drawn(rng, personas=60, trials=3, questions=12)
    told = [f"answer {(17 * p + 5 * int(q[1:])) % 4}" for p, q in zip(table["persona"], table["question"], strict=True)]
    return table.assign(response=np.where(table["question"] == "q11", table["response"], told))


def hardly_varied(rng: np.random.Generator) -> Frame:
    """Draw two trials of personas who give their usual answer 97 times in 100."""
    table = drawn(rng, personas=60, trials=2, questions=2)
    usual = [
        f"answer {(17 * p + 5 * int(q[1:])) % 4}" for p, q in zip(table["persona"], table["question"], strict=True)
    ]
    return table.assign(response=np.where(rng.random(len(table)) < 0.97, usual, "answer 0"))


Draw = Callable[[np.random.Generator], Frame]
HONEST: dict[str, Draw] = {
    "many trials": drawn,
    "one answer, between": partial(drawn, trials=1, between=True, personas=1000, questions=3, answers=5),
    "questions that depend": partial(drawn, trials=1, between=True, personas=400, questions=3, answers=5, linked=0.8),
    "two trials of two answers": partial(drawn, trials=2, answers=2, personas=100),
    "sharp answers": partial(drawn, sharp=0.15, trials=4),
    "ten trials of two answers": partial(drawn, trials=10, answers=2, sharp=20.0),
    "four trials of two even answers": partial(drawn, trials=4, answers=2, sharp=50.0, personas=200),
    "few personas": partial(drawn, personas=5, trials=10),
    "many questions": partial(drawn, questions=16, trials=1, between=True, personas=250, answers=5, linked=0.7),
    "one answer to all questions": one_answer_to_all_questions,
    "archetypes": archetypes,
    "straight-lining": straight_lining,
    "specified attributes": specified,
    "hardly varied": hardly_varied,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", HONEST)
def test_honest_logs_are_no_copies(kind: str) -> None:
    """None of 20 honest logs of each kind is taken for copies."""
    found = [said(HONEST[kind](np.random.default_rng(1000 + seed))) for seed in range(20)]
    assert [each for each in found if each] == []


@pytest.mark.parametrize("kind", ["file twice", "file three times, no trials", "copied personas"])
def test_copies_counted_once_are_the_log_itself(kind: str) -> None:
    """Counts without copies are those of the log before it was copied."""
    table = drawn(np.random.default_rng(3), personas=60, questions=4)
    once, notes = copies.counted_once(grouped(COPIED[kind][0](table)), ())
    plain = grouped(table[table["persona"] < 5] if kind == "copied personas" else table)
    assert sorted(once.n.tolist()) == sorted(plain.n.tolist())
    assert "are copies and were left out" in notes[0].message
    assert copies.found(once, {}) == {}


def test_a_cache_counted_once_leaves_one_answer() -> None:
    """Six equal trials become one."""
    once, _ = copies.counted_once(grouped(first_trial_again(drawn(np.random.default_rng(4), personas=60))), ())
    assert set(once.n.tolist()) == {1}


def test_an_honest_log_stays_as_it_is() -> None:
    """Where there are no copies `--unique` changes no count and says nothing."""
    table = grouped(drawn(np.random.default_rng(5)))
    once, notes = copies.counted_once(table, ())
    assert np.array_equal(once.n, table.n)
    assert notes == []
