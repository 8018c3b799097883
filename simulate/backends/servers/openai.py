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
from simulate.backends.access import need
from simulate.backends.servers import bodies
from simulate.backends.servers.calling import Calling, CallResult, Completion
from simulate.backends.servers.keys import keys_of
from simulate.backends.servers.trouble import Trouble, of_status
from simulate.parsing.cleaning import spoken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from openai import AsyncOpenAI

    from simulate.backends.access import ModelAccess
    from simulate.backends.limits import Budget
    from simulate.backends.protocol import Request

KEY, HOME = "OPENAI_API_KEY", "api.openai.com"
# Local servers need no key, and the client needs something to send.
NO_KEY = "none"
# Settings that are sent under the same name; only servers of open models know the second row.
_SAME_NAME = (
    *("temperature", "top_p", "presence_penalty", "frequency_penalty", "reasoning_effort"),
    *("top_k", "min_p", "repetition_penalty", "chat_template_kwargs"),
)
# Servers tell what they are by the owner that they name for their models.
VLLM, LLAMA_CPP = frozenset({"vllm"}), frozenset({"llamacpp"})
# The code by which a provider says that its filter blocked the prompt or the answer.
BLOCKED = "content_filter"
FIRST_REST, LONGEST_REST = 1.0, 30.0


@dataclass(slots=True, eq=False)
class _Server:
    """One of the servers, and its state.

    Attributes
    ----------
    client : AsyncOpenAI
    keyless : bool
        Whether it is sent no key.
    load : int
        Calls under way.
    rests_until : float
        It could not be reached, and is not called again before this time of `time.monotonic`.
    rest : float
        Length of its next rest in seconds.
    owners : frozenset of str or None
        Whom it names as the owners of its models; None: not asked yet.
    asking : asyncio.Lock
        Held while the server is asked for that.
    """

    client: AsyncOpenAI
    keyless: bool = False
    load: int = 0
    rests_until: float = 0.0
    rest: float = FIRST_REST
    owners: frozenset[str] | None = None
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def fail(self) -> None:
        """Let the server rest, since it could not be reached. Without load it would be given every call otherwise."""
        self.rests_until = time.monotonic() + self.rest
        self.rest = min(2 * self.rest, LONGEST_REST)


class OpenAIModel(Calling):
    """Asks a model behind one server or several.

    Parameters
    ----------
    access : ModelAccess
    budget : Budget
    """

    name = "openai"
    sampling_settings = frozenset((*_SAME_NAME, "max_tokens"))

    def __init__(self, access: ModelAccess, budget: Budget) -> None:
        super().__init__(access, budget, _keys(access))
        self._servers: list[_Server] = []
        # The provider's own models use another name for this setting.
        own = not access.base_urls and "OPENAI_BASE_URL" not in os.environ
        self._max_tokens = "max_completion_tokens" if own else "max_tokens"

    def ready(self) -> None:
        """Raise `InputError` when a package or the key is missing."""
        need("openai", self.name)
        need("tenacity", self.name)
        if not self._access.base_urls and _keys(self._access) == [None]:
            raise InputError(f"--backend openai: set {KEY}, or name a server of your own with --base-url")

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[None]:
        import openai

        limits = openai.DEFAULT_CONNECTION_LIMITS
        limits = type(limits)(max_connections=None, max_keepalive_connections=self._access.concurrency)
        async with contextlib.AsyncExitStack() as stack:
            self._servers = []
            for url, key in zip(self._access.base_urls or (None,), _keys(self._access), strict=True):
                client = openai.AsyncOpenAI(
                    api_key=key or NO_KEY,
                    base_url=url,
                    max_retries=0,
                    timeout=self._access.timeout,
                    http_client=openai.DefaultAsyncHttpxClient(limits=limits),
                )
                self._servers.append(_Server(await stack.enter_async_context(client), keyless=key is None))
            yield

    async def _call(self, request: Request, trials: tuple[int, ...]) -> CallResult:
        server = self._least_loaded()
        server.load += 1
        try:
            if len(trials) > 1 or request.choices:
                async with server.asking:
                    if server.owners is None:
                        server.owners = await self._owners(server)
            body = self._body(request, trials, server)
            content = await self._post(server, body)
        finally:
            server.load -= 1
        return replace(_result(content, request), seeded="seed" in body)

    def _least_loaded(self) -> _Server:
        now = time.monotonic()
        server = min(self._servers, key=lambda one: (max(one.rests_until - now, 0.0), one.load))
        # Among equals, the one that was called longest ago.
        self._servers.remove(server)
        self._servers.append(server)
        return server

    def _body(self, request: Request, trials: tuple[int, ...], server: _Server) -> dict[str, Any]:
        sampling = request.sampling
        body: dict[str, Any] = {"model": self.model, "messages": request.messages}
        body |= {name: sampling[name] for name in _SAME_NAME if name in sampling}
        if "max_tokens" in sampling:
            body[self._max_tokens] = sampling["max_tokens"]
        if request.choices:
            body |= _held_to(request.choices, server)
        if len(trials) > 1:
            body["n"] = len(trials)
        # vLLM adds a draw's place to the seed of the call. Any other server may give all draws of a call one seed, and
        # identical answers: several draws are sent without a seed there.
        if len(trials) == 1 or server.owners == VLLM:
            body["seed"] = request.seeds[request.trials.index(trials[0])]
        return body

    async def _post(self, server: _Server, body: dict[str, Any]) -> bytes:
        import httpx2
        import openai

        try:
            # The client's own method for chats takes twice as long, for objects that are not needed here.
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
            raise of_status(error.status_code, error.body, error.response.headers, keyless=server.keyless) from None
        server.rest = FIRST_REST
        return answer.content

    async def _owners(self, server: _Server) -> frozenset[str]:
        """Ask the server whom it names as the owners of its models; a server that cannot say names nobody."""
        import openai

        try:
            content = (await server.client.models.with_raw_response.list()).http_response.content
            return frozenset(entry["owned_by"] for entry in json.loads(content)["data"])
        except openai.APITimeoutError:
            raise Trouble("timeout") from None
        except openai.APIConnectionError:
            server.fail()
            raise Trouble("broken connection") from None
        except openai.APIStatusError as error:
            trouble = of_status(error.status_code, error.body, error.response.headers)
            if isinstance(trouble, Trouble) and trouble.again:
                raise trouble from None
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        return frozenset()


def _held_to(choices: tuple[str, ...], server: _Server) -> dict[str, Any]:
    """Return the setting that holds answers to the choices. llama.cpp has no list of choices, but grammars (GBNF)."""
    if server.owners == LLAMA_CPP:
        return {"grammar": "root ::= " + " | ".join(json.dumps(choice, ensure_ascii=False) for choice in choices)}
    return {"structured_outputs": {"choice": list(choices)}}


def _result(content: bytes, request: Request) -> CallResult:
    """Read the answers from a body; an error in place of one is asked for again, as is a text outside the choices."""
    completions, tokens = bodies.read(content)
    return CallResult(tuple(one if one and _fits(one, request) else None for one in completions), tokens)


def _keys(access: ModelAccess) -> list[str | None]:
    return keys_of(access.base_urls, access.key_envs, (KEY,), HOME)


def _fits(one: Completion, request: Request) -> bool:
    """Tell whether an answer is among the choices, if there are any. Answers cut off or blocked are left to the run."""
    if not request.choices or one.finish not in (None, "stop") or one.reason is not None:
        return True
    return spoken(one.text or "")[0].strip() in request.choices
