"""A run: what it asks, what it adopts, what it leaves in its folder."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from confound.errors import ConfoundError, InputError
from simulate.backends.latent_class.classes import draw_personas
from simulate.backends.latent_class.users import LatentUsers
from simulate.run.loop import simulate
from simulate.study.personas import make_personas
from simulate.study.reading import load_study
from tests.simulate.conversations import draw_answers
from tests.simulate.fakes import ByRote, contents, small_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from simulate.backends.protocol import Reply, Request


def tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read responses and attributes."""
    return pd.read_parquet(folder / "responses.parquet"), pd.read_parquet(folder / "attributes.parquet")


def test_every_answer_is_there_once(tmp_path: Path) -> None:
    """Each persona, trial and arm has every question of its iteration once; the last iteration asks no confounder."""
    study = small_study("book_opinions")
    done = simulate(study, tmp_path / "run")
    frame, adopted = tables(tmp_path / "run")
    assert (len(frame), done.iterations) == (done.answers, 3)
    keys = ["iteration", "persona", "trial", "arm", "question"]
    assert not frame.duplicated(keys).any()
    per_cell = frame.groupby(["iteration", "persona", "trial", "arm"], observed=True)["question"].agg(list)
    assert len(per_cell) == 3 * 6 * 4 * 2
    fixed = ["likely_to_read", "citizenship", "ideology"]
    for (iteration, *_), asked in per_cell.items():  # type: ignore[misc]
        assert asked == fixed + list(study.batches[iteration] if iteration < 2 else ())  # type: ignore[has-type]
    assert list(adopted["iteration"].value_counts().sort_index().items()) == [(1, 12), (2, 12)]


def test_rows_are_in_order_and_labelled(tmp_path: Path) -> None:
    """Columns, order of rows, roles, numbers, items in rotation and reasons are as documented."""
    study = small_study("book_opinions", trials=7)
    simulate(study, tmp_path / "run", personas=2)
    frame = tables(tmp_path / "run")[0]
    assert list(frame.columns) == [
        *("study", "model", "iteration", "persona", "trial", "arm", "question", "role", "response", "value"),
        *("item", "source_arm", "specified", "text", "reason", "seed"),
    ]
    arms = {arm.name: place for place, arm in enumerate(study.arms)}
    order = frame.assign(arm=frame["arm"].map(arms))[["iteration", "persona", "arm", "trial"]]
    assert order.apply(tuple, axis=1).is_monotonic_increasing
    assert frame["role"].tolist() == [study.questions[q].role for q in frame["question"]]
    items = [item.id for item in study.items]
    assert frame["item"].tolist() == [items[(trial - 1) % 5] for trial in frame["trial"]]
    known = frame[frame["response"].notna() & (frame["role"] == "outcome")]
    numbers = dict(zip(study.questions["likely_to_read"].options, (1, 2, 3, 4), strict=True))
    assert known["value"].tolist() == [numbers[r] for r in known["response"]]
    assert (frame["reason"].notna() == frame["response"].isna()).all()
    assert set(frame["reason"].dropna()) == {"refused"}
    assert frame["seed"].isna().all()


def test_iteration_zero_is_drawn_as_the_structure_draws_it(tmp_path: Path) -> None:
    """Before adjustment the run gives exactly the answers of `draw_answers` for the same seed."""
    study = small_study()
    simulate(study, tmp_path / "run", seed=5)
    frame = tables(tmp_path / "run")[0]
    people = make_personas(study.personas, 6, seed=5, study=study)
    structure = LatentUsers(study, people, seed=5).structure
    answers = draw_answers(structure, draw_personas(structure, [p.id for p in people], seed=5), trials=4, seed=5)
    questions = study.asked(0)
    places = [list(study.questions).index(q.id) for q in questions]
    expected = [
        None if code < 0 else q.options[code]
        for block in answers.responses[..., places]
        for trial in block
        for q, code in zip(questions, trial, strict=True)
    ]
    found = frame.loc[frame["iteration"] == 0, "response"]
    assert [None if missing else r for r, missing in zip(found, found.isna(), strict=True)] == expected


def test_adopted_answers_were_given(tmp_path: Path) -> None:
    """Every adopted value is the answer of the persona, arm and trial that it names, one iteration before."""
    simulate(small_study(), tmp_path / "run")
    frame, adopted = tables(tmp_path / "run")
    given = frame.set_index(["iteration", "persona", "arm", "trial", "question"])["response"].to_dict()
    assert len(adopted) == 6 * 4
    for row in adopted.itertuples():
        place = (row.iteration - 1, row.persona, row.source_arm, row.source_trial, row.question)
        assert given[place] == row.value
    assert set(adopted["design"]) == {"mixture"}


def test_adopted_answers_reach_the_prompt(tmp_path: Path) -> None:
    """From the next iteration on, and not before, both arms' prompts state what was adopted, and nothing else new."""
    study, model = small_study(), ByRote()
    simulate(study, tmp_path / "run", users=model)
    adopted = tables(tmp_path / "run")[1]
    by_persona = adopted.groupby(["persona", "iteration"])[["question", "value"]].agg(list).to_dict("index")
    seen = Counter()
    for request, _, messages in model.asked:
        persona, iteration, source = request.profile.key
        expected = {}
        for level in range(1, iteration + 1):
            row = by_persona[persona, level]
            expected |= dict(zip(row["question"], row["value"], strict=True))
        assert source is None
        assert request.profile.adopted == expected
        for question, value in expected.items():
            assert f"{study.questions[question].text} {value}" in messages[0]["content"]
        assert messages[0]["content"].count("\n- ") == len(expected)
        seen[request.arm, iteration] += 1
    assert len(seen) == 2 * 3


def test_trials_share_a_prompt_where_they_can(tmp_path: Path) -> None:
    """A survey sends one request a question and arm for all trials; with items, one an item; seeds all differ."""
    for study, per_question in ((small_study(), 1), (small_study(items=load_study("movielens").items[:2]), 2)):
        model = ByRote()
        simulate(study, tmp_path / f"run{per_question}", users=model, iterations=1)
        requests = {id(request): request for request, _, _ in model.asked}.values()
        assert len(requests) == 6 * 2 * 3 * per_question
        seeds = [seed for request in requests for seed in request.seeds]
        assert len(set(seeds)) == len(seeds) == 6 * 2 * 3 * 4


def test_dialogues_go_turn_by_turn(tmp_path: Path) -> None:
    """The agent speaks first; each turn sees all before it; every question branches from the whole dialogue."""
    study, users, agent = small_study("movielens", turns=2), ByRote(), ByRote(name="agent")
    simulate(study, tmp_path / "run", users=users, agent=agent, iterations=1)
    assert {request.turn for request, _, _ in agent.asked} == {0, 2}
    assert len(agent.asked) == 2 * 6 * 2 * 4
    for request, trial, messages in users.asked:
        said = [m["content"] for m in messages[1:]]
        assert request.trials == (trial,)
        if request.question is None:
            assert len(said) == request.turn
            assert said[-1].startswith(f"turn {request.turn - 1}, ")
        else:
            assert [s.split(",")[0] for s in said[:4]] == ["turn 0", "turn 1", "turn 2", "turn 3"]
            assert request.question.text in said[4]
            others = [q.text for q in study.questions.values() if q != request.question]
            assert not any(text in message["content"] for text in others for message in messages)
    frame = tables(tmp_path / "run")[0]
    by_conversation = frame.groupby(["persona", "arm", "trial"])["seed"].nunique()
    assert (by_conversation == 3).all()


def test_texts_are_kept_and_read(tmp_path: Path) -> None:
    """What a model wrote is kept as it is, beside the option or the reason found in it, and the calls are counted."""
    simulate(small_study(), tmp_path / "run", users=ByRote())
    frame = tables(tmp_path / "run")[0]
    refused = frame["text"] == "I would rather not say."
    assert 0 < refused.mean() < 0.3
    assert (frame.loc[refused, "reason"] == "refused").all()
    assert (frame.loc[~refused, "text"] == frame.loc[~refused, "response"]).all()
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["calls"] == manifest["answers"] == len(frame)
    assert (manifest["tokens_read"], manifest["tokens_written"]) == (10 * len(frame), 2 * len(frame))
    assert manifest["model"] == "rote-1"
    unknown = frame[frame["response"].isna()].groupby("arm").size().to_dict()
    assert {arm: tally["refused"] for arm, tally in manifest["unknown"].items()} == unknown
    assert not (tmp_path / "run" / "truth.json").exists()


def test_failures_are_no_answers_and_are_asked_again(tmp_path: Path) -> None:
    """Failed calls stop the run with their reason; resuming asks for them alone, and the table is as without them."""
    study = small_study()
    simulate(study, tmp_path / "good", users=ByRote())
    flaky = ByRote(fails=lambda request, trial: trial == 2 and request.profile.persona.id.endswith("3"))
    with pytest.raises(ConfoundError, match=r"1 of 6 .* 6 answers did not come: timeout \(6\).*--resume"):
        simulate(study, tmp_path / "run", iterations=1, users=flaky)
    assert not (tmp_path / "run" / "responses.parquet").exists()
    again = ByRote()
    simulate(study, tmp_path / "run", users=again, resume=True)
    assert {trial for _, trial, _ in again.asked} == {2}
    assert len(again.asked) == 6
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert (manifest["failures"], manifest["calls"]) == ({"timeout": 6}, manifest["answers"] + 6)
    simulate(study, tmp_path / "one", iterations=1, users=ByRote())
    assert contents(tmp_path / "run", ("responses.parquet",)) == contents(tmp_path / "one", ("responses.parquet",))


def test_failed_dialogue_is_held_again_where_it_stopped(tmp_path: Path) -> None:
    """A dialogue that failed in its third message goes on there when resumed, and the table is as without trouble."""
    study = small_study("movielens", turns=2)
    simulate(study, tmp_path / "good", users=ByRote(), iterations=1)
    flaky = ByRote(fails=lambda request, trial: request.turn == 2 and trial == 1)
    with pytest.raises(ConfoundError, match="36 answers did not come"):
        simulate(study, tmp_path / "run", iterations=1, users=flaky)
    again = ByRote()
    simulate(study, tmp_path / "run", users=again, resume=True)
    turns = Counter(request.turn for request, _, _ in again.asked)
    assert turns == {2: 12, 3: 12, None: 36}
    names = ("responses.parquet", "attributes.parquet")
    assert contents(tmp_path / "run", names) == contents(tmp_path / "good", names)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda reply: [replace(reply, option="Perhaps", text=None)], "rote answered 'Perhaps', no option of "),
        (lambda reply: [reply, reply], "is answered twice"),
        (lambda reply: [replace(reply, trial=99)], "out of range"),
    ],
)
def test_replies_that_were_not_asked_for_are_refused(
    tmp_path: Path, wrong: Callable[[Reply], list[Reply]], said: str
) -> None:
    """Another option, a second answer and another trial stop the run and never reach the journal."""

    class Wrong(ByRote):
        def answer(self, requests: Iterable[Request]) -> Iterator[Reply]:
            for reply in super().answer(requests):
                yield from wrong(reply)

    with pytest.raises(ConfoundError, match=said):
        simulate(small_study(), tmp_path, users=Wrong())
    assert b'"kind":"answers"' not in (tmp_path / "journal.log").read_bytes()


def test_retention_asks_for_what_was_adopted(tmp_path: Path) -> None:
    """With `retention`, each adopted confounder is asked again, mostly kept, with the arm that it came from."""
    study = small_study(structure={"adherence": 0.8, "refusal": 0.0})
    simulate(study, tmp_path / "run", personas=30, trials=10, retention=True)
    frame, adopted = tables(tmp_path / "run")
    asked = frame[frame["role"] == "retention"]
    assert asked.groupby("iteration")["question"].nunique().to_dict() == {1: 2, 2: 4}
    told = adopted.set_index(["persona", "question"])[["value", "source_arm"]].to_dict("index")
    places = [told[p, q.removeprefix("retention_")] for p, q in zip(asked["persona"], asked["question"], strict=True)]
    assert asked["source_arm"].tolist() == [place["source_arm"] for place in places]
    kept = np.mean([place["value"] == r for place, r in zip(places, asked["response"], strict=True)])
    assert 0.8 < kept < 0.95
    assert frame.loc[frame["role"] != "retention", "source_arm"].isna().all()


def test_source_design_draws_from_one_arm(tmp_path: Path) -> None:
    """The 2 x 2 carries attributes from its source arm alone, is run in both arms, and leaves the mixture as it is."""
    study = small_study()
    simulate(study, tmp_path / "plain")
    simulate(study, tmp_path / "run", source_design=True)
    names = ("responses.parquet", "truth.json")
    assert contents(tmp_path / "run", names) == contents(tmp_path / "plain", names)
    adopted = tables(tmp_path / "run")[1]
    square = pd.read_parquet(tmp_path / "run" / "source_design.parquet")
    assert Counter(adopted["design"]) == {"mixture": 24, "source": 48}
    assert set(square["iteration"]) == {1, 2}
    cells = square.groupby(["iteration", "arm", "source_arm"]).size()
    assert len(cells) == 2 * 2 * 2
    keys = ["iteration", "persona", "trial", "arm", "question", "source_arm"]
    assert not square.duplicated(keys).any()
    both = pd.concat([pd.read_parquet(tmp_path / "run" / "responses.parquet"), square])
    given = both.set_index(["iteration", "persona", "arm", "trial", "question", "source_arm"])["response"].to_dict()
    first = {key[:-1]: value for key, value in given.items() if key[0] == 0}
    for row in adopted[adopted["design"] == "source"].itertuples():
        place = (row.iteration - 1, row.persona, row.source_arm, row.source_trial, row.question)
        assert row.value == (first[place] if row.iteration == 1 else given[(*place, row.source_arm)])


def test_stop_rule_ends_the_run(tmp_path: Path) -> None:
    """A rule that holds ends the run after that iteration; one that does not leaves it as it is."""
    study = small_study()
    done = simulate(study, tmp_path / "stopped", stop="tvd_plugin <= 1")
    assert (done.iterations, done.stopped is not None) == (1, True)
    assert json.loads((tmp_path / "stopped" / "manifest.json").read_text())["stopped_by"]["rule"] == "tvd_plugin <= 1"
    simulate(study, tmp_path / "whole")
    never = simulate(study, tmp_path / "never", stop="tvd_plugin<0")
    assert (never.iterations, never.stopped) == (3, None)
    assert contents(tmp_path / "never") == contents(tmp_path / "whole")
    frame = tables(tmp_path / "stopped")[0]
    pd.testing.assert_frame_equal(frame, tables(tmp_path / "whole")[0].query("iteration == 0"))


def test_more_personas_trials_or_iterations_leave_the_rest_alone(tmp_path: Path) -> None:
    """A larger run answers as a smaller one wherever nothing was adopted from what the smaller did not have."""
    study = small_study()
    simulate(study, tmp_path / "small", personas=3, iterations=2)
    simulate(study, tmp_path / "large", personas=6, iterations=3)
    small, large = (tables(tmp_path / name)[0] for name in ("small", "large"))
    keys = ["iteration", "persona", "trial", "arm", "question"]
    both = small.merge(large, on=keys, how="left", suffixes=("", "_large"))
    pd.testing.assert_series_equal(both["response"], both["response_large"], check_names=False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"personas": 0}, "--personas must be 1 or more but got 0"),
        ({"trials": 0}, "--trials must be 1 or more but got 0"),
        ({"iterations": 0}, "--iterations must be 1 or more but got 0"),
        ({"iterations": 4}, "--iterations: 4 iterations need 3 batches"),
        ({"seed": -1}, "--seed must be 0 or more but got -1"),
        ({"backend": "magic"}, "--backend magic: there is no such backend. Known are structural"),
        ({"draw": "both"}, "--draw must be one of separate, joint"),
        ({"shard": "5/4"}, "--shard 5/4: write I/N"),
        ({"shard": "1/7"}, "--shard 1/7: there are only 6 personas"),
        ({"shard": "1/2", "stop": "tvd_plugin < 1"}, "--stop looks at all personas together"),
        ({"stop": "tvd_lower < 0.05"}, "there is no quantity tvd_lower. There are tvd_upper, tvd_plugin"),
    ],
)
def test_wrong_settings_are_refused_before_a_folder_is_made(
    tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    """Each wrong setting is told by its option, and nothing is written."""
    with pytest.raises(InputError, match=message):
        simulate(small_study(), tmp_path / "run", **given)
    assert list(tmp_path.iterdir()) == []
