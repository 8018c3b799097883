"""What the backends that call servers share: many calls at once, retries, limits, and replies as they come."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from simulate.backends.limits import Rate
from simulate.backends.protocol import Reply, Stopped
from simulate.backends.servers.trouble import LONGEST_REASON, UNFIT, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from simulate.backends.limits import Budget
    from simulate.backends.protocol import Options, Request
    from simulate.run.adjust import Profile

# Seconds that replies are gathered before they are handed over: each handing over stops the calls for a moment.
GATHERED = 0.02
# So many requests failing one after another mean that the servers are gone, not that some requests are unlucky: no
# more are made until answers are asked for anew.
HOPELESS_ROW = 50
CHARACTERS_A_TOKEN = 4
SHORTEST_KEY = 8


@dataclass(frozen=True, slots=True)
class Draw:
    """One of the answers that a call brought; the attributes are those of `Reply`."""

    text: str | None
    finish: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a call brought.

    Attributes
    ----------
    draws : tuple of Draw or None
        In their order; None for one that will not do.
    tokens : tuple of int
        Read and written.
    seeded : bool
        Whether each was drawn with the seed of its trial.
    """

    draws: tuple[Draw | None, ...]
    tokens: tuple[int, int] = (0, 0)
    seeded: bool = True


@dataclass(slots=True)
class _Tally:
    """Calls made and tokens spent on a request since the last reply."""

    calls: int = 0
    tokens: list[int] = field(default_factory=lambda: [0, 0])

    def taken(self) -> dict[str, Any]:
        """Return it as a reply tells it, and start anew."""
        told = {"calls": self.calls, "tokens": (self.tokens[0], self.tokens[1])}
        self.calls, self.tokens = 0, [0, 0]
        return told


class Calling:
    """A backend that calls servers. A kind of server is told by `_connected` and `_call`.

    Parameters
    ----------
    options : Options
    budget : Budget
    key : str or None
        Kept out of everything that is written or raised.
    """

    name = "calling"
    chats = True

    def __init__(self, options: Options, budget: Budget, key: str | None) -> None:
        self.model = str(options.model)
        self._options, self._budget = options, budget
        # Something so short would be found in any text, and is no key.
        self._key = key if key and len(key) >= SHORTEST_KEY else None
        self._most = options.draws
        self._calls, self._tokens = Rate(options.rpm), Rate(options.tpm)
        self._failed_in_a_row = 0

    def truth(self, profiles: Sequence[Sequence[Profile]]) -> None:  # noqa: ARG002
        """Nobody knows."""
        return

    def _connected(self) -> AbstractAsyncContextManager[None]:
        """Hold the connections while answers are asked for."""
        raise NotImplementedError

    async def _call(self, request: Request, trials: tuple[int, ...]) -> Drawn:
        """Make one call; raise `Trouble` or `Stopped` if it brings no answer."""
        raise NotImplementedError

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Yield one reply for each trial of each request, as they finish; none for what there is no sense in asking.

        Calls are made in a thread with a loop of its own, so that they go on while answers are written to disk, and
        work in a notebook, whose own loop is running.

        Raises
        ------
        Stopped
            When no request can be answered.
        """
        box = _Box()
        self._failed_in_a_row = 0
        thread = threading.Thread(target=lambda: asyncio.run(self._answer_all(requests, box)), daemon=True)
        thread.start()
        try:
            while (found := box.queue.get()) is not None:
                if isinstance(found, BaseException):
                    raise found
                yield from found
        finally:
            box.stop()
            thread.join()

    async def _answer_all(self, requests: Iterable[Request], box: _Box) -> None:
        box.open()
        try:
            async with self._connected():
                await self._work(self._parts(requests), box)
        except asyncio.CancelledError:
            box.close(None)
        except BaseException as error:  # noqa: BLE001 -- raised again on the other side
            box.close(error)
        else:
            box.close(None)

    def _parts(self, requests: Iterable[Request]) -> Iterator[tuple[Request, tuple[int, ...]]]:
        """Split requests that want more answers than one call may draw."""
        for request in requests:
            first = True
            for trials, _ in request.runs(self._options.draws):
                # The run has paid for the first.
                if self._hopeless or not (first or self._budget.take()):
                    return
                yield request, trials
                first = False

    @property
    def _hopeless(self) -> bool:
        return self._failed_in_a_row >= HOPELESS_ROW

    async def _work(self, parts: Iterator[tuple[Request, tuple[int, ...]]], box: _Box) -> None:
        async def worker() -> None:
            for request, trials in parts:
                box.put(await self._replies(request, trials))

        workers = [asyncio.create_task(worker()) for _ in range(self._options.concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for one in workers:
                one.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _replies(self, request: Request, trials: tuple[int, ...]) -> list[Reply]:
        """Get an answer for each trial, in as few calls as the server allows; fewer only if the budget ends."""
        replies: dict[int, Reply] = {}
        tally, alone, paid = _Tally(), False, True
        while (left := tuple(trial for trial in trials if trial not in replies)) and (paid or self._budget.take()):
            paid = False
            part, _ = next(replace(request, trials=left).runs(1 if alone else self._most))
            try:
                drawn = await self._tried(request, part, tally)
            except Trouble as trouble:
                if trouble.status in UNFIT and len(part) > 1:
                    alone = True  # perhaps the server draws one answer a call
                    continue
                self._failed_in_a_row += 1
                replies |= {trial: Reply(request, trial, failure=str(trouble), **tally.taken()) for trial in part}
                if self._hopeless:
                    break
                continue
            self._failed_in_a_row = 0
            if alone or len(part) > len(drawn.draws) == 1:
                self._most = 1
            for trial, draw in zip(part, drawn.draws, strict=False):
                if draw is not None:
                    told = {"reason": draw.reason, "finish": draw.finish, "seeded": drawn.seeded, **tally.taken()}
                    replies[trial] = Reply(request, trial, self._clean(draw.text), **told)
        return list(replies.values())

    async def _tried(self, request: Request, trials: tuple[int, ...], tally: _Tally) -> Drawn:
        """Make one call, and make it again where that may help."""
        import tenacity

        def worth(error: BaseException) -> bool:
            return isinstance(error, Trouble) and error.again

        def enough(state: tenacity.RetryCallState) -> bool:
            return state.attempt_number >= self._options.attempts or not self._budget.take()

        policy = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(worth),
            stop=enough,
            wait=self._wait,
            sleep=asyncio.sleep,
            reraise=True,
        )
        return await policy(self._once, request, trials, tally)

    def _wait(self, state: Any) -> float:
        """Return the seconds before the next call: at random, longer each time, no less than the server asks for."""
        import tenacity

        jittered = tenacity.wait_random_exponential(multiplier=self._options.first_wait, max=self._options.longest_wait)
        asked = state.outcome.exception().wait
        # Those who are asked to wait equally long should not come back at the same moment.
        return jittered(state) if asked is None else asked + jittered(state) / 2

    async def _once(self, request: Request, trials: tuple[int, ...], tally: _Tally) -> Drawn:
        await self._calls.wait()
        self._calls.spend(1)
        await self._tokens.wait()
        reserved = self._reserved(request)
        self._tokens.spend(reserved)
        tally.calls += 1
        try:
            async with asyncio.timeout(self._options.timeout):
                drawn = await self._call(request, trials)
        except TimeoutError:
            raise Trouble("timeout") from None
        except (Trouble, Stopped) as trouble:
            # Servers echo what they were sent, and what raised this may hold it too.
            trouble.args = (self._clean(str(trouble))[:LONGEST_REASON],)
            raise trouble from None
        self._tokens.spend(sum(drawn.tokens) - reserved)
        tally.tokens = [held + more for held, more in zip(tally.tokens, drawn.tokens, strict=True)]
        if not any(drawn.draws):
            raise Trouble("answer outside the choices: does the server know `structured_outputs`?")
        return drawn

    def _reserved(self, request: Request) -> int:
        """Guess what a call will read, so that many at once do not overrun the limit."""
        if self._options.tpm is None:
            return 0
        return sum(len(message["content"]) for message in request.messages) // CHARACTERS_A_TOKEN

    def _clean(self, text: str | None) -> Any:
        """Blot the key out of a text."""
        return text.replace(self._key, "[key]") if text and self._key else text


class _Box:
    """Carries replies from the thread that calls to the one that asked."""

    def __init__(self) -> None:
        self.queue: queue.SimpleQueue[list[Reply] | BaseException | None] = queue.SimpleQueue()
        self._held: list[Reply] = []
        self._opened = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None

    def open(self) -> None:
        """Note who calls."""
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._opened.set()

    def put(self, replies: list[Reply]) -> None:
        """Hand replies over in a moment, with those that come until then."""
        if not self._held and self._loop is not None:
            self._loop.call_later(GATHERED, self._flush)
        self._held += replies

    def _flush(self) -> None:
        if self._held:
            self.queue.put(self._held)
            self._held = []

    def close(self, last: BaseException | None) -> None:
        """Hand over what is left, then the end."""
        self._flush()
        self.queue.put(last)

    def stop(self) -> None:
        """End the calls, if they have not ended."""
        self._opened.wait()
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                self._loop.call_soon_threadsafe(self._task.cancel)
