"""The `openai` backend: any server that speaks the protocol of OpenAI's chat completions, several of them at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from confound.errors import InputError
from simulate.backends.protocol import need
from simulate.backends.servers.calling import Calling, Draw, Drawn
from simulate.backends.servers.trouble import Trouble, of_body, of_status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from openai import AsyncOpenAI

    from simulate.backends.limits import Budget
    from simulate.backends.protocol import Options, Request

KEY = "OPENAI_API_KEY"
# Local servers need no key, and the client needs something to send.
NO_KEY = "none"
# Settings that are sent as they are called here; the second row is known to servers of open models only.
_SETTINGS = (
    *("temperature", "top_p", "presence_penalty", "frequency_penalty", "reasoning_effort"),
    *("top_k", "min_p", "repetition_penalty", "chat_template_kwargs"),
)
# Owners that servers put on their models which give each of several draws the seed that its trial has: vLLM, the call's
# seed + the draw's place.
_SEEDS_APART = ("vllm",)
# How a provider says that its filter let no prompt or no answer through.
BLOCKED = "content_filter"
FIRST_REST, LONGEST_REST = 1.0, 30.0


@dataclass(slots=True, eq=False)
class _Server:
    """One of the servers, and how it fares.

    Attributes
    ----------
    client : AsyncOpenAI
    load : int
        Calls under way.
    rests_until : float
        Not before is it called again, on the clock of `time.monotonic`: it could not be reached.
    rest : float
        Seconds of the next rest.
    seeds_apart : bool or None
        Whether draws of one call have seeds of their own; None: not known yet.
    asking : asyncio.Lock
        Held while that is found out.
    """

    client: AsyncOpenAI
    load: int = 0
    rests_until: float = 0.0
    rest: float = FIRST_REST
    seeds_apart: bool | None = None
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def fail(self) -> None:
        """Note that it could not be reached: it has no load then, and would be given everything."""
        self.rests_until = time.monotonic() + self.rest
        self.rest = min(2 * self.rest, LONGEST_REST)


class OpenAIModel(Calling):
    """Asks a model behind one server or several.

    Parameters
    ----------
    options : Options
    budget : Budget
    """

    name = "openai"

    def __init__(self, options: Options, budget: Budget) -> None:
        super().__init__(options, budget, os.environ.get(KEY, "").strip() or None)
        self._servers: list[_Server] = []
        # The provider's own models take another name for it.
        own = not options.base_urls and "OPENAI_BASE_URL" not in os.environ
        self._max_tokens = "max_completion_tokens" if own else "max_tokens"

    def ready(self) -> None:
        """Raise `InputError` where the package or the key is missing."""
        need("openai", self.name)
        need("tenacity", self.name)
        if not self._options.base_urls and not os.environ.get(KEY, "").strip():
            raise InputError(f"--backend openai: set {KEY}, or name a server of your own with --base-url")

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[None]:
        import openai

        limits = openai.DEFAULT_CONNECTION_LIMITS
        limits = type(limits)(max_connections=None, max_keepalive_connections=self._options.concurrency)
        async with contextlib.AsyncExitStack() as stack:
            self._servers = []
            for url in self._options.base_urls or (None,):
                client = openai.AsyncOpenAI(
                    api_key=os.environ.get(KEY, "").strip() or NO_KEY,
                    base_url=url,
                    max_retries=0,
                    timeout=self._options.timeout,
                    http_client=openai.DefaultAsyncHttpxClient(limits=limits),
                )
                self._servers.append(_Server(await stack.enter_async_context(client)))
            yield

    async def _call(self, request: Request, trials: tuple[int, ...]) -> Drawn:
        server = self._least_loaded()
        server.load += 1
        try:
            if len(trials) > 1:
                async with server.asking:
                    if server.seeds_apart is None:
                        server.seeds_apart = await self._seeds_apart(server)
            body = self._body(request, trials, server)
            content = await self._post(server, body)
        finally:
            server.load -= 1
        return replace(_drawn(content, request), seeded="seed" in body)

    def _least_loaded(self) -> _Server:
        now = time.monotonic()
        server = min(self._servers, key=lambda one: (max(one.rests_until - now, 0.0), one.load))
        # Of equals, the one that waited longest.
        self._servers.remove(server)
        self._servers.append(server)
        return server

    def _body(self, request: Request, trials: tuple[int, ...], server: _Server) -> dict[str, Any]:
        sampling = request.sampling
        body: dict[str, Any] = {"model": self.model, "messages": request.messages}
        body |= {name: sampling[name] for name in _SETTINGS if name in sampling}
        if "max_tokens" in sampling:
            body[self._max_tokens] = sampling["max_tokens"]
        if request.choices:
            body["structured_outputs"] = {"choice": list(request.choices)}
        if len(trials) > 1:
            body["n"] = len(trials)
        if len(trials) == 1 or server.seeds_apart:
            body["seed"] = request.seeds[request.trials.index(trials[0])]
        return body

    async def _post(self, server: _Server, body: dict[str, Any]) -> bytes:
        import httpx2
        import openai

        try:
            # The client's own method for chats spends half of the time on objects that are not needed here.
            answer = await server.client.post("/chat/completions", cast_to=httpx2.Response, body=body)
        except openai.APITimeoutError:
            raise Trouble("timeout") from None
        except openai.APIConnectionError:
            server.fail()
            raise Trouble("broken connection") from None
        except openai.APIStatusError as error:
            if error.code == BLOCKED:
                choice = {"finish_reason": BLOCKED, "message": {"content": None}}
                return json.dumps({"choices": [choice] * body.get("n", 1)}).encode()
            raise of_status(error.status_code, error.body, error.response.headers) from None
        server.rest = FIRST_REST
        return answer.content

    async def _seeds_apart(self, server: _Server) -> bool:
        """Ask who serves the model; where nobody says, draws of one call are asked for without a seed.

        A seed that all draws share would make them copies of each other.
        """
        import openai

        try:
            content = (await server.client.models.with_raw_response.list()).http_response.content
            owners = {entry["owned_by"] for entry in json.loads(content)["data"]}
        except openai.APITimeoutError:
            raise Trouble("timeout") from None
        except openai.APIConnectionError:
            server.fail()
            raise Trouble("broken connection") from None
        except openai.APIStatusError as error:
            trouble = of_status(error.status_code, error.body, error.response.headers)
            if isinstance(trouble, Trouble) and trouble.again:
                raise trouble from None
            return False
        except (ValueError, KeyError, TypeError):
            return False
        return bool(owners) and owners <= set(_SEEDS_APART)


def _drawn(content: bytes, request: Request) -> Drawn:
    """Read the answers out of a body."""
    try:
        body = json.loads(content)
        draws = [_draw(choice) for choice in body["choices"]]
        usage = body.get("usage") or {}
        tokens = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise of_body(content) from None
    if not draws:
        raise Trouble("no answer in the body")
    return Drawn(tuple(draw if _fits(draw, request) else None for draw in draws), tokens)


def _draw(choice: dict[str, Any]) -> Draw:
    message = choice["message"]
    text, refusal = message.get("content"), message.get("refusal")
    if text is None and isinstance(refusal, str):
        return Draw(refusal, choice.get("finish_reason"), reason="refused")
    if not (text is None or isinstance(text, str)):
        raise TypeError("no text")
    return Draw(text, choice.get("finish_reason"))


def _fits(draw: Draw, request: Request) -> bool:
    """Tell whether an answer is among the choices, where there are; one cut off or blocked is for the run to judge."""
    if not request.choices or draw.finish not in (None, "stop") or draw.reason is not None:
        return True
    from simulate.parsing.cleaning import spoken

    return spoken(draw.text or "")[0].strip() in request.choices
