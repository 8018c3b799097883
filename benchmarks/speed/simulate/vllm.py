"""``python -m benchmarks.speed.simulate.vllm``: the vllm backend against bare ``LLM.chat`` on one engine.

Three sides take turns on one engine, whose prefix cache is emptied before each: one call of ``LLM.chat`` with all
prompts, made beforehand; the backend, which makes the prompts; and a whole run, with its journal and its tables.
Without ``--model`` a model of two random layers is made, so small that what is around the engine weighs as much as it
ever can.
"""

import argparse
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks.speed.table import range_of
from simulate.backends.access import ModelAccess
from simulate.backends.limits import Budget
from simulate.backends.protocol import Request
from simulate.backends.vllm import VllmModel
from simulate.run.block import Block
from simulate.run.loop import simulate
from simulate.run.requests import Asking
from simulate.run.settings import chosen
from simulate.study.definition import Study
from simulate.study.personas import make_personas
from simulate.study.profile import Profile
from simulate.study.reading import load_study, study_text

SIDES = ("`LLM.chat`", "backend", "whole run")
HEAD = (
    "| side | seconds | answers a second | share of bare throughput | the same by the process's own time |\n"
    "| --- | --: | --: | --: | --: |"
)


class Workload(NamedTuple):
    """A study and its requests, with how much they come to."""

    study: Study
    requests: list[Request]
    given: dict[str, Any]

    @property
    def answers(self) -> int:
        """How many answers are drawn."""
        return sum(len(request.trials) for request in self.requests)


class Seconds(NamedTuple):
    """What one side took: on the clock, and of this process, in which the engine of the small model runs."""

    wall: float
    process: float


def workload(model: str, *, personas: int, trials: int, max_tokens: int) -> Workload:
    """Return one iteration of the survey: every persona's questions in both arms."""
    study = load_study("opinionqa")
    study = replace(study, iterations=1, sampling={**study.sampling, "max_tokens": max_tokens})
    given = {"personas": personas, "trials": trials, "iterations": 1, "backend": "vllm", "model": model, "seed": 1}
    settings = chosen(study, None, given)
    questions = study.asked(0, last=True)
    arms = tuple(arm.name for arm in study.arms)
    who = make_personas(study.personas, personas, seed=1, study=study)
    blocks = [Block(Profile(persona), arms, questions, trials) for persona in who]
    return Workload(study, list(Asking(study, settings, chats=True).questions(blocks, {})), given)


def sides(backend: VllmModel, work: Workload) -> dict[str, Callable[[], object]]:
    """Return what is timed."""
    engine = backend.start()
    messages = [request.messages for request in work.requests]
    sampling = [backend.sampling(request, request.trials, request.seeds[0]) for request in work.requests]

    def whole() -> None:
        with tempfile.TemporaryDirectory() as folder:
            done = simulate(work.study, Path(folder, "run"), users=backend, **work.given)
            assert done.answers == work.answers

    def bare() -> None:
        outputs = engine.chat(messages, sampling_params=sampling, use_tqdm=False)
        assert sum(len(output.outputs) for output in outputs) == work.answers

    def own() -> None:
        assert sum(reply.failure is None for reply in backend.answer(work.requests)) == work.answers

    return dict(zip(SIDES, (bare, own, whole), strict=True))


def seconds_of(side: Callable[[], object], engine: Any) -> Seconds:
    """Time one side."""
    engine.reset_prefix_cache()
    wall, own = time.perf_counter(), time.process_time()
    side()
    return Seconds(time.perf_counter() - wall, time.process_time() - own)


def compare(backend: VllmModel, work: Workload, *, rounds: int) -> str:
    """Time all sides in turn; return the table."""
    timed = sides(backend, work)
    engine = backend.start()
    for side in timed.values():
        seconds_of(side, engine)  # what is compiled and loaded on first use
    found: dict[str, list[Seconds]] = {name: [] for name in timed}
    for number in range(rounds):
        # No side always has the same neighbour before it.
        for name in (*SIDES[number % 3 :], *SIDES[: number % 3]):
            found[name].append(seconds_of(timed[name], engine))
    return "\n".join([HEAD, *(_row(name, found[name], found[SIDES[0]], work.answers) for name in SIDES)])


def _row(name: str, own: list[Seconds], bare: list[Seconds], answers: int) -> str:
    wall = [seconds.wall for seconds in own]
    shares = (
        range_of([getattr(other, clock) / getattr(seconds, clock) for other, seconds in zip(bare, own, strict=True)])
        for clock in Seconds._fields
    )
    return f"| {' | '.join([name, range_of(wall), f'{answers / statistics.median(wall):,.0f}', *shares])} |"


def tiny(folder: str) -> tuple[str, dict[str, Any]]:
    """Make the small model; return its place and what the engine needs for it on a CPU."""
    from tests.vllm.tiny import ENGINE, ENVIRONMENT, make_model

    os.environ.update(ENVIRONMENT)
    return str(make_model(Path(folder), [study_text("opinionqa")])), {**ENGINE, "max_num_seqs": 256}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.simulate.vllm", description=__doc__)
    parser.add_argument("--model", help="a model of your own, on the devices that vLLM finds")
    parser.add_argument("--engine", action="append", default=[], metavar="NAME=VALUE", help="passed to the engine")
    parser.add_argument("--personas", type=int, default=20)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--max-tokens", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if importlib.util.find_spec("vllm") is None:
        parser.error("vLLM is not installed here; `make test-vllm` sets up .venv-vllm with a CPU build")
    with tempfile.TemporaryDirectory() as folder:
        model, engine = (given.model, {}) if given.model else tiny(folder)
        engine |= {name: yaml.safe_load(value) for name, value in (pair.split("=", 1) for pair in given.engine)}
        backend = VllmModel(ModelAccess(model, engine=engine), Budget())
        work = workload(model, personas=given.personas, trials=given.trials, max_tokens=given.max_tokens)
        table = compare(backend, work, rounds=given.rounds)
        prompts = len(work.requests)
    print(
        f"{given.model or 'A model of two random layers'}: {given.personas} personas, {prompts:,} prompts, "
        f"{work.answers:,} answers of at most {given.max_tokens} tokens.\n\n{table}\n\n"
        f"Median (lowest to highest) of {given.rounds} rounds, the sides taking turns on one engine; shares within a "
        f"round; {circumstances()}."
    )


def circumstances() -> str:
    """Say where and with what the figures were made."""
    from vllm.platforms import current_platform

    package = next(iter(packages_distributions()["vllm"]))
    load = f"load {os.getloadavg()[0]:.1f} at the end"
    return f"{current_platform.get_device_name()}, {os.cpu_count()} cores, {load}, {package} {version(package)}"


if __name__ == "__main__":
    main()
