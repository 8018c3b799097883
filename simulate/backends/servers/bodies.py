"""The body of a chat completion: what is sound is read, whatever else stands beside it, and the rest is trouble."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simulate.backends.servers.calling import Completion
from simulate.backends.servers.trouble import Trouble, of_body, of_status

if TYPE_CHECKING:
    from simulate.backends.protocol import Stopped

# A server reads and writes fewer tokens in a call; a larger number is no count.
MOST_TOKENS = 10**9
LONGEST_FINISH = 40
_LEAST_STATUS, _MOST_STATUS = 400, 599


def read(content: bytes) -> tuple[list[Completion | None], tuple[int, int]]:
    """Return the answers of a body, None in the place of an error, and the tokens read and written.

    Raises
    ------
    Trouble, Stopped
        When it holds no answer.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise of_body(content) from None
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list):
        raise (_error(body) or of_body(content)) from None
    read_ = [_completion(choice) for choice in choices]
    if not any(isinstance(one, Completion) for one in read_):
        troubles = [one for one in read_ if not isinstance(one, Completion)]
        raise troubles[0] if troubles else _error(body) or Trouble("no answer in the body")
    usage = body.get("usage")
    counts = [usage.get(name) if isinstance(usage, dict) else 0 for name in ("prompt_tokens", "completion_tokens")]
    tokens = (_count(counts[0]), _count(counts[1]))
    return [one if isinstance(one, Completion) else None for one in read_], tokens


def _completion(choice: Any) -> Completion | Trouble | Stopped:
    """Read one answer, or what stands in its place."""
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        return Trouble("no JSON with an answer")
    finish = choice.get("finish_reason")
    finish = finish[:LONGEST_FINISH] if isinstance(finish, str) else None
    if finish == "error" or choice.get("error"):
        return _error(choice) or Trouble("an error in place of an answer")
    text, refusal = _text(message.get("content")), message.get("refusal")
    if text is None and message.get("content") is not None:
        return Trouble("no JSON with an answer")
    if text is None and isinstance(refusal, str):
        return Completion(refusal, finish, reason="refused")
    return Completion(text, finish)


def _text(content: Any) -> str | None:
    """Return the text of a message: a text, a number, or the parts of a list that are text and no thinking."""
    if isinstance(content, str):
        return content
    if isinstance(content, int | float) and not isinstance(content, bool):
        return str(content)
    if not isinstance(content, list):
        return None
    parts = [part if isinstance(part, str) else _part(part) for part in content]
    return "".join(part for part in parts if part is not None) if all(part is not None for part in parts) else None


def _part(part: Any) -> str | None:
    """Return the text of one part of a message, empty for thinking; None for what is no part."""
    if not isinstance(part, dict):
        return None
    text = part.get("text")
    spoken = part.get("type", "text") in ("text", "output_text")
    return (
        text if spoken and isinstance(text, str) else "" if isinstance(part.get("type"), str) and not spoken else None
    )


def _count(value: Any) -> int:
    """Return a number of tokens; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MOST_TOKENS:
        return 0
    return int(value)


def _error(body: Any) -> Trouble | Stopped | None:
    """Return the error that a body or a choice reports in spite of its status 200."""
    error = body.get("error") if isinstance(body, dict) else None
    if not error:
        return None
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and _LEAST_STATUS <= code <= _MOST_STATUS:
        return of_status(code, {"error": error}, {})
    said = of_status(0, {"error": error}, {})
    return Trouble(f"an error in place of an answer{str(said).removeprefix('0')}")
