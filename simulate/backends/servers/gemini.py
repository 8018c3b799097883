"""The `gemini` backend: Google's models, by the google-genai client."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from confound.errors import InputError
from simulate.backends.access import need
from simulate.backends.servers.calling import Calling, CallResult, Completion
from simulate.backends.servers.keys import keys_of
from simulate.backends.servers.trouble import Trouble, of_status
from simulate.parsing.answers import BLOCKED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.genai import Client, types

    from simulate.backends.access import ModelAccess
    from simulate.backends.limits import Budget
    from simulate.backends.protocol import Request
    from simulate.study.prompts import Message

KEYS, HOME = ("GEMINI_API_KEY", "GOOGLE_API_KEY"), "googleapis.com"
# Sampling settings -> how the API names them.
_NAMES = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "max_output_tokens",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
_ROLES = {"user": "user", "assistant": "model"}
_OK = 200
VERSION = "v1beta"


class GeminiModel(Calling):
    """Asks a Gemini model. Every answer is a call with a seed of its own, which the API follows as far as it can.

    Parameters
    ----------
    access : ModelAccess
    budget : Budget
    """

    name = "gemini"
    sampling_settings = frozenset((*_NAMES, "thinking_level"))

    def __init__(self, access: ModelAccess, budget: Budget) -> None:
        if len(access.base_urls) > 1:
            raise InputError("--base-url: --backend gemini takes one address")
        super().__init__(access, budget, [_key(access)])
        # The models refuse several candidates, or draw them without different seeds.
        self._most = 1
        self._client: Client | None = None

    def ready(self) -> None:
        """Raise `InputError` when a package or the key is missing."""
        need("google.genai", self.name)
        need("tenacity", self.name)
        if _key(self._access) is None:
            own = f"set {' or '.join(KEYS)}, or " if not self._access.base_urls else ""
            raise InputError(f"--backend gemini: {own}name the variable that holds the key with --key-env")

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[None]:
        import httpx2
        from google import genai
        from google.genai import types

        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=self._access.concurrency)
        # With our own transport the client does not repeat calls by itself, as it does with aiohttp.
        async with httpx2.AsyncClient(limits=limits, timeout=self._access.timeout) as connections:
            self._client = genai.Client(
                api_key=_key(self._access),
                http_options=types.HttpOptions(
                    base_url=next(iter(self._access.base_urls), None),
                    api_version=VERSION,
                    timeout=round(1000 * self._access.timeout),
                    httpx_async_client=connections,
                ),
            )
            try:
                yield
            finally:
                self._client.close()

    async def _call(self, request: Request, trials: tuple[int, ...]) -> CallResult:
        import httpx2
        from google.genai import errors

        seed = request.seeds[request.trials.index(trials[0])]
        system, contents = _contents(request.messages)
        assert self._client is not None  # noqa: S101 -- within `_connected`
        try:
            response = await self._client.aio.models.generate_content(
                model=self.model, contents=contents, config=_config(request, system, seed)
            )
        except httpx2.TimeoutException:
            raise Trouble("timeout") from None
        except httpx2.HTTPError:
            raise Trouble("broken connection") from None
        except errors.APIError as error:
            if error.code == _OK:
                raise Trouble("no JSON with an answer") from None
            headers = getattr(error.response, "headers", {})
            raise of_status(error.code, error.details, headers) from None
        except (ValueError, RecursionError, TypeError, AttributeError):  # no JSON, or not in the API's form
            raise Trouble("no JSON with an answer") from None
        return _result(response, request)


def _key(access: ModelAccess) -> str | None:
    return keys_of(access.base_urls, access.key_envs, KEYS, HOME)[0]


def _contents(messages: list[Message]) -> tuple[str, list[types.Content]]:
    """Return the system prompt and the turns."""
    from google.genai import types

    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    turns = [
        types.Content(role=_ROLES[message["role"]], parts=[types.Part(text=message["content"])])
        for message in messages
        if message["role"] != "system"
    ]
    return system, turns


def _config(request: Request, system: str, seed: int) -> types.GenerateContentConfig:
    from google.genai import types

    sampling = request.sampling
    settings: dict[str, Any] = {name: sampling[own] for own, name in _NAMES.items() if own in sampling}
    if "thinking_level" in sampling:
        settings["thinking_config"] = types.ThinkingConfig(thinking_level=sampling["thinking_level"].upper())
    if request.choices:
        schema = types.Schema(type=types.Type.STRING, enum=list(request.choices))
        settings |= {"response_mime_type": "text/x.enum", "response_schema": schema}
    return types.GenerateContentConfig(system_instruction=system or None, seed=seed, candidate_count=1, **settings)


def _result(response: types.GenerateContentResponse, request: Request) -> CallResult:
    """Read the answer. A blocked prompt and a blocked answer count as answers without an option."""
    usage = response.usage_metadata
    read = (usage.prompt_token_count or 0) if usage else 0
    written = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0) if usage else 0
    feedback = response.prompt_feedback
    if not response.candidates:
        if feedback is None or feedback.block_reason is None:
            raise Trouble("no answer in the body")
        return CallResult((Completion(None, reason=_blocked(feedback.block_reason.value)),), (read, written))
    candidate = response.candidates[0]
    if candidate.content is None and candidate.finish_reason is None:
        raise Trouble("no answer in the body")
    parts = (candidate.content.parts or []) if candidate.content else []
    texts = [part.text for part in parts if part.text is not None and not part.thought]
    finish = None if candidate.finish_reason is None else candidate.finish_reason.value
    reason = _blocked(finish) if finish and finish.lower() in BLOCKED else None
    one = Completion("".join(texts) if texts else None, finish, reason)
    outside = request.choices and finish == "STOP" and (one.text or "").strip() not in request.choices
    return CallResult((None if outside else one,), (read, written))


def _blocked(why: str) -> str:
    return f"blocked: {why.lower()}"
