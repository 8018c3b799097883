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
from simulate.backends.servers.keys import BLOT, blotter
from simulate.backends.servers.telling import Telling
from simulate.backends.servers.trouble import LONGEST_REASON, UNFIT, Trouble
from simulate.parsing.cleaning import sound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from simulate.backends.access import ModelAccess
    from simulate.backends.limits import Budget
    from simulate.backends.protocol import Request
    from simulate.study.profile import Profile

# Seconds for which replies are collected before they are passed on: passing on interrupts the calls for a moment.
GATHERED = 0.02
# When so many requests fail one after another, the servers are taken to be down. No more requests are made until
# `answer` is called again.
HOPELESS_ROW = 50
CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Completion:
    """One of the answers of a call; the attributes are those of `Reply`."""

    text: str | None
    finish: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CallResult:
    """The answers of one call.

    Attributes
    ----------
    completions : tuple of Completion or None
        In the order of their trials; None for a text that is not among the choices.
    tokens : tuple of int
        Read and written.
    seeded : bool
        Whether each was drawn with the seed of its trial.
    """

    completions: tuple[Completion | None, ...]
    tokens: tuple[int, int] = (0, 0)
    seeded: bool = True


@dataclass(slots=True)
class _Tally:
    """Calls and tokens used for a request since its last reply."""

    calls: int = 0
    tokens: list[int] = field(default_factory=lambda: [0, 0])

    def taken(self) -> dict[str, Any]:
        """Return both as attributes of a reply, and count from 0 again."""
        counted = {"calls": self.calls, "tokens": (self.tokens[0], self.tokens[1])}
        self.calls, self.tokens = 0, [0, 0]
        return counted


class Calling:
    """A backend that calls servers. A subclass says by `_connected` and `_call` how to call its kind of server.

    Parameters
    ----------
    access : ModelAccess
    budget : Budget
    keys : sequence of str or None
        Removed from everything that is written or raised.
    """

    name = "calling"
    chats = True
    sampling_settings: frozenset[str] = frozenset()

    def __init__(self, access: ModelAccess, budget: Budget, keys: Sequence[str | None]) -> None:
        self.model = str(access.model)
        self._access, self._budget = access, budget
        self._blot = blotter(keys)
        self._telling = Telling(access)
        self._most = access.draws
        self._calls, self._tokens = Rate(access.rpm), Rate(access.tpm)
        self._failed_in_a_row = 0

    def truth(self, profiles: Sequence[Sequence[Profile]]) -> None:  # noqa: ARG002
        """Return None: the truth about a language model's answers is unknown."""
        return

    def _connected(self) -> AbstractAsyncContextManager[None]:
        """Keep the connections open while answers are asked for."""
        raise NotImplementedError

    async def _call(self, request: Request, trials: tuple[int, ...]) -> CallResult:
        """Make one call; raise `Trouble` or `Stopped` if it brings no answer."""
        raise NotImplementedError

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Yield one reply for each trial of each request, as they finish; none for those given up with the servers.

        Calls are made in a thread with an event loop of its own. They go on while answers are written to disk, and work
        in a notebook, which already runs an event loop.

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
        except BaseException as error:  # noqa: BLE001 -- raised again in `answer`
            box.close(error)
        else:
            box.close(None)

    def _parts(self, requests: Iterable[Request]) -> Iterator[tuple[Request, tuple[int, ...]]]:
        """Split requests that want more answers than one call may draw."""
        for request in requests:
            first = True
            for trials, _ in request.runs(self._access.draws):
                # The run has taken the first call from the budget.
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

        workers = [asyncio.create_task(worker()) for _ in range(self._access.concurrency)]
        waiting = asyncio.create_task(self._telling.of_silence())
        try:
            await asyncio.gather(*workers)
        finally:
            for one in (*workers, waiting):
                one.cancel()
            await asyncio.gather(*workers, waiting, return_exceptions=True)

    async def _replies(self, request: Request, trials: tuple[int, ...]) -> list[Reply]:
        """Get an answer for each trial, in as few calls as the server allows; fewer only if the budget ends."""
        replies: dict[int, Reply] = {}
        tally, alone, paid = _Tally(), False, True
        while (left := tuple(trial for trial in trials if trial not in replies)) and (paid or self._budget.take()):
            paid = False
            part, _ = next(replace(request, trials=left).runs(1 if alone else self._most))
            try:
                result = await self._tried(request, part, tally)
            except Trouble as trouble:
                if trouble.status in UNFIT and len(part) > 1:
                    alone = True  # the server may draw only one answer in a call
                    continue
                self._failed_in_a_row += 1
                self._telling.of_trouble(trouble)
                replies |= {trial: Reply(request, trial, failure=str(trouble), **tally.taken()) for trial in part}
                if self._hopeless:
                    break
                continue
            self._failed_in_a_row = 0
            self._telling.answered()
            if alone or len(part) > len(result.completions) == 1:
                self._most = 1
            for trial, one in zip(part, result.completions, strict=False):
                if one is not None:
                    replies[trial] = self._reply(request, trial, one, seeded=result.seeded, tally=tally)
        return list(replies.values())

    def _reply(self, request: Request, trial: int, one: Completion, *, seeded: bool, tally: _Tally) -> Reply:
        text, finish = self._clean(one.text), self._clean(one.finish)
        return Reply(request, trial, text, reason=one.reason, finish=finish, seeded=seeded, **tally.taken())

    async def _tried(self, request: Request, trials: tuple[int, ...], tally: _Tally) -> CallResult:
        """Make a call, and repeat it where that may help."""
        import tenacity

        def worth(error: BaseException) -> bool:
            return isinstance(error, Trouble) and error.again

        def enough(state: tenacity.RetryCallState) -> bool:
            return state.attempt_number >= self._access.attempts or not self._budget.take()

        policy = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(worth),
            stop=enough,
            wait=self._wait,
            sleep=asyncio.sleep,
            before_sleep=self._tell_again,
            reraise=True,
        )
        return await policy(self._once, request, trials, tally)

    def _tell_again(self, state: Any) -> None:
        """Tell of a call that is about to be repeated."""
        self._telling.of_trouble(state.outcome.exception(), state.attempt_number)

    def _wait(self, state: Any) -> float:
        """Return the seconds until the next call: random, longer each time, and no shorter than the server asks for."""
        import tenacity

        jittered = tenacity.wait_random_exponential(multiplier=self._access.first_wait, max=self._access.longest_wait)
        asked = state.outcome.exception().wait
        # Calls that were all asked to wait equally long should not be repeated at the same moment.
        return jittered(state) if asked is None else asked + jittered(state) / 2

    async def _once(self, request: Request, trials: tuple[int, ...], tally: _Tally) -> CallResult:
        await self._calls.wait()
        self._calls.spend(1)
        await self._tokens.wait()
        reserved = self._reserved(request)
        self._tokens.spend(reserved)
        tally.calls += 1
        try:
            async with asyncio.timeout(self._access.timeout):
                result = await self._call(request, trials)
        except TimeoutError:
            raise Trouble("timeout") from None
        except (Trouble, Stopped) as trouble:
            # Servers quote what they were sent, and so may the exception behind this one.
            trouble.args = (self._clean(str(trouble))[:LONGEST_REASON],)
            raise trouble from None
        self._tokens.spend(sum(result.tokens) - reserved)
        tally.tokens = [held + more for held, more in zip(tally.tokens, result.tokens, strict=True)]
        if not any(result.completions):
            raise Trouble("answer outside the choices: does the server know `structured_outputs`?")
        return result

    def _reserved(self, request: Request) -> int:
        """Estimate the tokens that a call will read, so that many calls at once keep to the limit."""
        if self._access.tpm is None:
            return 0
        return sum(len(message["content"]) for message in request.messages) // CHARACTERS_A_TOKEN

    def _clean(self, text: str | None) -> Any:
        """Remove keys from a text, and halves of characters, which no file takes."""
        if not text:
            return text
        whole = sound(text)
        return self._blot.sub(BLOT, whole) if self._blot else whole


class _Box:
    """Passes replies from the thread that calls servers to the thread that reads them."""

    def __init__(self) -> None:
        self.queue: queue.SimpleQueue[list[Reply] | BaseException | None] = queue.SimpleQueue()
        self._held: list[Reply] = []
        self._opened = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None

    def open(self) -> None:
        """Note the event loop and the task that make the calls."""
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._opened.set()

    def put(self, replies: list[Reply]) -> None:
        """Pass replies on after a moment, together with those that come until then."""
        if not self._held and self._loop is not None:
            self._loop.call_later(GATHERED, self._flush)
        self._held += replies

    def _flush(self) -> None:
        if self._held:
            self.queue.put(self._held)
            self._held = []

    def close(self, last: BaseException | None) -> None:
        """Pass on what is left, then the end."""
        self._flush()
        self.queue.put(last)

    def stop(self) -> None:
        """Cancel the calls that are under way."""
        self._opened.wait()
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                self._loop.call_soon_threadsafe(self._task.cancel)
