"""``python -m benchmarks.speed.simulate.backends``: `confound simulate` against a bare loop with the same client.

Both call the same local server, in a process of its own, with the same prompts, as many at once. The bare loop has its
prompts ready and throws the answers away; `simulate` composes them, keys their seeds, reads the answers, writes them to
its journal and makes the response table, all of which is timed. Rounds take turns.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.speed.table import range_of
from simulate.backends.access import ModelAccess
from simulate.run.loop import simulate
from simulate.run.resources import Resources
from simulate.study.definition import Study
from simulate.study.reading import load_study
from tests.simulate.servers import Answer, Call, completion, owned_by, serve

ROOT = Path(__file__).parents[3]
MODEL, CONCURRENCY, QUESTIONS = "google/gemma-3-4b-it", 64, 10
SAMPLING = {"temperature": 1.0, "top_p": 0.95, "max_tokens": 512}
TOP_K = 64


def served(latency: float) -> None:
    """Serve for good: answers come after `latency` seconds; GET /calls tells how many calls and draws there were."""
    counted = {"calls": 0, "draws": 0}

    def handler(call: Call) -> Answer:
        if call.method == "GET":
            return Answer(dict(counted)) if call.path == "/calls" else owned_by("vllm")
        n = call.body.get("n", 1)
        counted["calls"] += 1
        counted["draws"] += n
        return Answer(completion(["A"] * n, tokens=(200, 1)).body, delay=latency)

    async def run() -> None:
        server = await serve(handler)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(run())


@contextlib.contextmanager
def serving(latency: float) -> Iterator[str]:
    """Run the server in a process of its own; yield its address."""
    command = [sys.executable, "-m", "benchmarks.speed.simulate.backends", "--serve", str(latency)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def counted(url: str) -> dict[str, int]:
    """Return the calls and draws that the server has seen."""
    with urllib.request.urlopen(f"{url}/calls") as answer:  # noqa: S310 -- our own server
        found: dict[str, int] = json.load(answer)
    return found


def survey(calls: int) -> tuple[Study, int]:
    """Return a survey of ten questions, and how many personas make so many calls."""
    study = load_study("opinionqa")
    asked = [q for q in study.questions.values() if q.role in ("outcome", "negative_control")][:QUESTIONS]
    return replace(study, questions={q.id: q for q in asked}, batches=(), iterations=1), calls // (2 * len(asked))


def by_confound(url: str, study: Study, personas: int, draws: int) -> None:
    """Run the study."""
    resources = Resources(access=ModelAccess(base_urls=(f"{url}/v1",), concurrency=CONCURRENCY))
    with tempfile.TemporaryDirectory() as folder:
        simulate(
            study,
            Path(folder, "run"),
            backend="openai",
            model=MODEL,
            personas=personas,
            trials=draws,
            resources=resources,
        )


def by_loop(url: str, prompts: list[Any], draws: int, *, raw: bool) -> None:
    """Call as an asyncio loop would, by the client's method for chats or by its lowest one."""
    import httpx2
    import openai

    async def run() -> None:
        feed = iter(enumerate(prompts))
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=CONCURRENCY)
        transport = openai.DefaultAsyncHttpxClient(limits=limits)
        async with openai.AsyncOpenAI(
            api_key="none", base_url=f"{url}/v1", max_retries=0, http_client=transport
        ) as client:

            async def worker() -> None:
                for seed, messages in feed:
                    sent = {"model": MODEL, "messages": messages, "n": draws, "seed": seed, **SAMPLING}
                    if raw:
                        body = {**sent, "top_k": TOP_K}
                        json.loads((await client.post("/chat/completions", cast_to=httpx2.Response, body=body)).content)
                    else:
                        await client.chat.completions.create(**sent, extra_body={"top_k": TOP_K})

            await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))

    asyncio.run(run())


class Taken(NamedTuple):
    """Seconds by the clock, and of the processor by this process."""

    seconds: float
    processor: float


def timed(way: Callable[[], None]) -> Taken:
    """Time one way."""
    begun, processor = time.perf_counter(), time.process_time()
    way()
    return Taken(time.perf_counter() - begun, time.process_time() - processor)


def prompts_of(study: Study, personas: int) -> list[Any]:
    """Return the chats that the study makes, in its order."""
    from simulate.study.personas import make_personas
    from simulate.study.prompts import Prompts

    made = Prompts(study)
    return [
        made.question(made.conversation(persona, {}, arm), question)
        for persona in make_personas(study.personas, personas, seed=0, study=study)
        for arm in study.arms
        for question in study.questions.values()
    ]


def compare(calls: int, draws: int, latency: float, rounds: int) -> str:
    """Return rows of the table for one setting."""
    study, personas = survey(calls)
    prompts = prompts_of(study, personas)
    with serving(latency) as url:
        ways: dict[str, Callable[[], None]] = {
            "confound": lambda: by_confound(url, study, personas, draws),
            "bare loop": lambda: by_loop(url, prompts, draws, raw=False),
            "bare loop, the client's lowest call": lambda: by_loop(url, prompts, draws, raw=True),
        }
        for way in ways.values():  # connections, imports, caches
            way()
        before = counted(url)
        taken: dict[str, list[Taken]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                taken[name].append(timed(way))
        after = counted(url)
    seen = {name: (after[name] - before[name]) / (rounds * len(ways)) for name in after}
    assert seen == {"calls": len(prompts), "draws": len(prompts) * draws}
    rows = []
    for name, found in taken.items():
        rate = range_of([len(prompts) / one.seconds for one in found])
        pairs = list(zip(taken["confound"], found, strict=True))
        ratio = range_of([other.seconds / own.seconds for own, other in pairs])
        processor = range_of([1000 * one.processor / len(prompts) for one in found])
        sizes = f"{1000 * latency:g} | {draws} | {len(prompts):,} | {len(prompts) * draws:,}"
        rows.append(f"| {name} | {sizes} | {rate} | {ratio} | {processor} |")
    return "\n".join(rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.simulate.backends", description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", type=float, metavar="LATENCY", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve is not None:
        served(given.serve)
        return
    print(f"{CONCURRENCY} calls at once, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start.")
    print(f"Median (lowest to highest) of {given.rounds} rounds; ratio: confound's rate over that way's, in a round.")
    print()
    print("| way | latency, ms | draws a call | calls | answers | calls a second | ratio | processor, ms a call |")
    print("| --- | --: | --: | --: | --: | --: | --: | --: |")
    for draws, latency in ((1, 0.0), (1, 0.1), (30, 0.0), (30, 0.1)):
        print(compare(given.calls, draws, latency, given.rounds), flush=True)


if __name__ == "__main__":
    main()
