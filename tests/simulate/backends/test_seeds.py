"""Seeds: each answer has its own, and those that are drawn together follow each other."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from simulate.backends.protocol import Request
from simulate.backends.seeds import SEED_BITS, answer_seed
from simulate.run.loop import simulate
from simulate.study.reading import load_study
from tests.simulate.fakes import ByRote, small_study

if TYPE_CHECKING:
    from pathlib import Path

    from simulate.study.definition import Study

ITEMS = load_study("movielens").items[:2]


def requests_of(study: Study, out: Path) -> list[Request]:
    """Run a study; return what the model was asked."""
    model = ByRote()
    simulate(study, out, users=model, seed=1)
    return list({id(request): request for request, _, _ in model.asked}.values())


@pytest.mark.parametrize("study", [small_study(), small_study(items=ITEMS), small_study("movielens", turns=1)])
def test_seeds_of_one_prompt_follow_each_other(study: Study, tmp_path: Path) -> None:
    """Trials that share a prompt have seeds in a row, with items too; no two answers of a run share a seed."""
    asked = requests_of(study, tmp_path / "run")
    for request in asked:
        assert all(after == before + 1 for before, after in pairwise(request.seeds))
    seeds = [seed for request in asked for seed in request.seeds]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**SEED_BITS for seed in seeds)


def test_the_table_tells_each_answers_seed(tmp_path: Path) -> None:
    """Column `seed` holds what the answer was asked with, items or not."""
    asked = requests_of(small_study(items=ITEMS), tmp_path / "run")
    frame = pd.read_parquet(tmp_path / "run" / "responses.parquet")
    told = frame.set_index(["iteration", "persona", "arm", "question", "trial"])["seed"].to_dict()
    sent = {
        (one.profile.iteration, one.profile.persona.id, one.arm, one.question.id, trial): seed
        for one in asked
        if one.question is not None
        for trial, seed in zip(one.trials, one.seeds, strict=True)
    }
    assert told == sent


def test_what_is_left_of_a_prompt_keeps_its_seeds(tmp_path: Path) -> None:
    """Trials asked later have the seeds they would have had with the others, in as few runs as their gaps allow."""
    whole = requests_of(small_study(trials=9), tmp_path / "run")[0]
    seeds = dict(zip(whole.trials, whole.seeds, strict=True))
    rest = Request(whole.profile, whole.arm, (2, 3, 6, 7, 8, 9), question=whole.question, run_seed=whole.run_seed)
    assert list(rest.runs(3)) == [((2, 3), seeds[2]), ((6, 7, 8), seeds[6]), ((9,), seeds[9])]
    assert list(whole.runs(100)) == [(whole.trials, whole.seeds[0])]


def test_a_seed_depends_on_all_that_is_asked(tmp_path: Path) -> None:
    """Another seed of the run, arm, question, iteration or persona begins somewhere else."""
    one, *others = requests_of(small_study(), tmp_path / "run")
    firsts = {
        (r.profile.persona.id, r.profile.iteration, r.arm, r.question and r.question.id): r.seeds[0] for r in others
    }
    assert len(set(firsts.values())) == len(firsts)
    assert answer_seed(1, one.profile, one.arm, 1, "q") != answer_seed(2, one.profile, one.arm, 1, "q")
