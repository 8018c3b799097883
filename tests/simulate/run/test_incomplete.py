"""Failed answers: whole personas go on, the others wait; budgets, prices, and what is written in the end."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from confound.errors import ConfoundError, InputError
from simulate.backends.access import ModelAccess
from simulate.backends.latent_class.users import LatentUsers
from simulate.backends.protocol import Reply, Stopped
from simulate.run.loop import Incomplete, merge, simulate
from simulate.run.resources import Prices, Resources
from simulate.study.personas import make_personas
from tests.simulate.fakes import ByRote, contents, small_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from simulate.backends.protocol import Request

TABLES = ("responses.parquet", "attributes.parquet")


def failing(persona: str, iteration: int) -> Callable[[Request, int], bool]:
    """Return what fails for one persona from an iteration on, in its second trial."""
    return lambda request, trial: (
        trial == 2 and request.profile.persona.id == persona and request.profile.iteration >= iteration
    )


def manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a run."""
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


@pytest.mark.parametrize("given", [{}, {"source_design": True, "retention": True}], ids=["plain", "2 x 2"])
def test_whole_personas_go_on(tmp_path: Path, given: dict[str, Any]) -> None:
    """One persona fails in iteration 1: the others run to the end; resuming asks for that one's answers alone."""
    study = small_study()
    simulate(study, tmp_path / "good", users=ByRote(), **given)
    with pytest.raises(Incomplete, match=r"1 of 6 personas are incomplete, so no table is written"):
        simulate(study, tmp_path / "run", users=ByRote(failing("p0003", 1)), **given)
    found = manifest(tmp_path / "run")
    assert (found["state"], found["incomplete"], found["iterations_run"]) == ("stopped", ["p0003"], 3)
    assert set(found["failures"]) == {"timeout"}
    assert not (tmp_path / "run" / "responses.parquet").exists()
    again = ByRote()
    simulate(study, tmp_path / "run", users=again, resume=True)
    assert {request.profile.persona.id for request, _, _ in again.asked} == {"p0003"}
    assert {request.profile.iteration for request, _, _ in again.asked} == {1, 2}
    assert {trial for request, trial, _ in again.asked if request.profile.iteration == 1} == {2}
    assert contents(tmp_path / "run", TABLES) == contents(tmp_path / "good", TABLES)
    assert manifest(tmp_path / "run")["incomplete"] == []


def test_incomplete_personas_can_be_left_out(tmp_path: Path) -> None:
    """With `drop_incomplete` the tables hold the other personas, in all arms and iterations, and the rest is named."""
    study = small_study()
    simulate(study, tmp_path / "good", users=ByRote())
    done = simulate(
        study,
        tmp_path / "run",
        users=ByRote(failing("p0003", 1)),
        resources=Resources(drop_incomplete=True),
        retention=False,
    )
    assert done.left_out == ("p0003",)
    assert manifest(tmp_path / "run")["incomplete"] == ["p0003"]
    for table in TABLES:
        whole = pd.read_parquet(tmp_path / "good" / table)
        kept = whole[whole["persona"] != "p0003"].reset_index(drop=True)
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "run" / table), kept)
    assert done.answers == manifest(tmp_path / "run")["answers"] == len(pd.read_parquet(tmp_path / "run" / TABLES[0]))
    with pytest.raises(Incomplete, match="6 of 6 personas"):
        simulate(study, tmp_path / "none", users=ByRote(lambda *_: True), resources=Resources(drop_incomplete=True))


def test_a_rule_waits_for_everybody(tmp_path: Path) -> None:
    """A stop rule looks at all personas together: while one is missing, no iteration follows."""
    study, rule = small_study(), "tvd_plugin < 0"
    with pytest.raises(Incomplete):
        simulate(study, tmp_path / "run", users=ByRote(failing("p0003", 0)), stop=rule)
    assert manifest(tmp_path / "run")["iterations_run"] == 1
    simulate(study, tmp_path / "run", users=ByRote(), resume=True)
    simulate(study, tmp_path / "good", users=ByRote(), stop=rule)
    assert contents(tmp_path / "run", TABLES) == contents(tmp_path / "good", TABLES)


class Failing(LatentUsers):
    """The structural backend, but that the second trial of one persona fails."""

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answer as ever, but for that."""
        for reply in super().answer(requests):
            failed = (reply.request.profile.persona.id, reply.trial) == ("p0004", 2)
            yield Reply(reply.request, reply.trial, failure="timeout") if failed else reply


def test_shards_with_failures(tmp_path: Path) -> None:
    """An unfinished shard says so; merged before it is resumed, the whole is refused, or leaves the persona out."""
    study = small_study()
    simulate(study, tmp_path / "good")
    simulate(study, tmp_path / "run", shard="1/2")
    users = Failing(study, make_personas(study.personas, 6, seed=0, study=study), seed=0)
    with pytest.raises(Incomplete, match="1 of 3 personas"):
        simulate(study, tmp_path / "run", users=users, shard="2/2")
    with pytest.raises(Incomplete, match=r"1 of 6 .* 10 answers are missing; continue the shards with --resume"):
        merge(study, tmp_path / "run")
    assert not (tmp_path / "run" / "responses.parquet").exists()
    assert merge(study, tmp_path / "run", drop_incomplete=True).left_out == ("p0004",)
    whole = pd.read_parquet(tmp_path / "good" / "responses.parquet")
    kept = whole[whole["persona"] != "p0004"].reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "run" / "responses.parquet"), kept)
    simulate(study, tmp_path / "run", shard="2/2", resume=True)
    merge(study, tmp_path / "run")
    assert contents(tmp_path / "run") == contents(tmp_path / "good")


def test_budget_ends_a_run_that_resuming_goes_on_with(tmp_path: Path) -> None:
    """No call is made beyond `max_calls`, whatever was answered is kept, and in the end the table is as without it."""
    study = small_study(trials=1)
    simulate(study, tmp_path / "good", users=ByRote())
    made = 0
    for limit in (10, 11, 50, 100):
        users = ByRote()
        with pytest.raises(Incomplete, match=f"--max-calls {limit} is reached"):
            simulate(study, tmp_path / "run", users=users, resume=True, resources=Resources(max_calls=limit))
        made += len(users.asked)
        assert manifest(tmp_path / "run")["calls"] == made == limit
    simulate(study, tmp_path / "run", users=ByRote(), resume=True)
    assert contents(tmp_path / "run", TABLES) == contents(tmp_path / "good", TABLES)


def test_cost_is_counted(tmp_path: Path) -> None:
    """Tokens times prices, the agent's at its own; resumed without prices, at those given last."""
    study = small_study("movielens", turns=1)
    prices = Prices(users=(1.0, 10.0), agent=(100.0, 1000.0))
    agent = ByRote(name="agent")
    simulate(study, tmp_path, users=ByRote(), agent=agent, iterations=1, resources=Resources(prices=prices))
    found = manifest(tmp_path)
    assert found["agent_tokens_read"] == 10 * len(agent.asked)
    calls, agents = found["calls"], len(agent.asked)
    expected = ((calls - agents) * (10 * 1 + 2 * 10) + agents * (10 * 100 + 2 * 1000)) / 1e6
    assert found["cost"] == pytest.approx(expected)
    simulate(study, tmp_path, users=ByRote(), agent=agent, resume=True)
    assert manifest(tmp_path)["cost"] == pytest.approx(expected)
    simulate(study, tmp_path / "free", users=ByRote(), iterations=1)
    assert manifest(tmp_path / "free")["cost"] is None


def test_what_came_before_the_end_is_kept(tmp_path: Path) -> None:
    """A backend that cannot go on ends the run, and its answers until then are not asked for again."""

    class Broken(ByRote):
        def answer(self, requests: Iterable[Request]) -> Iterator[Reply]:
            for number, reply in enumerate(super().answer(requests)):
                if number == 50:
                    raise Stopped("401: the key is not accepted")
                yield reply

    with pytest.raises(Stopped, match="401"):
        simulate(small_study(), tmp_path, users=Broken())
    assert manifest(tmp_path)["answers"] == 50
    again = ByRote()
    simulate(small_study(), tmp_path, users=again, resume=True)
    assert len(again.asked) == manifest(tmp_path)["answers"] - 50


def test_other_models_and_sampling_are_refused(tmp_path: Path) -> None:
    """A run goes on with the models and the sampling that it was started with; servers and limits may change."""
    study = small_study("movielens", turns=1)
    given = {"sampling": {"temperature": 0.5}, "agent_sampling": {"top_p": 0.5}, "iterations": 1}
    simulate(study, tmp_path, users=ByRote(), agent=ByRote(name="agent", model="speaker"), **given)
    agent = ByRote(name="agent", model="speaker")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"users": ByRote(model="rote-2")}, "model was rote-1 and is now rote-2"),
        ({"agent": replace(agent, model="other")}, "agent_model was speaker and is now other"),
        ({"sampling": {"temperature": 0.6}}, "sampling was .*0.5.* and is now .*0.6"),
        ({"agent_sampling": {"top_p": 0.6}}, "agent_sampling was .*0.5.* and is now .*0.6"),
        ({"choice": True}, "choice was False and is now True"),
        ({"draws": 1}, "draws was 128 and is now 1"),
    ]
    for changed, said in wrong:
        with pytest.raises(ConfoundError, match=said):
            simulate(study, tmp_path, resume=True, **{"users": ByRote(), "agent": agent, **changed})
    same = {"sampling": {"temperature": 0.5}}
    resources = Resources(access=ModelAccess(concurrency=3, rpm=5.0), max_calls=9999)
    simulate(study, tmp_path, resume=True, users=ByRote(), agent=agent, resources=resources, **same)


def test_budget_is_a_number_above_zero() -> None:
    """A budget of nothing is a mistake."""
    with pytest.raises(InputError, match="--max-calls must be 1 or more but got 0"):
        Resources(max_calls=0)
