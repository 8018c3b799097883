"""What can go wrong with a call: whether and when it is worth repeating, and how it is reported."""

from __future__ import annotations

import email.utils
import re
import time
from typing import TYPE_CHECKING, Any

from simulate.backends.protocol import Stopped

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_REASON = 200
# A wrong key, no right to use the model, no such model or address: every other request would fail too.
HOPELESS = {401: "the key is not accepted", 403: "the key may not use this", 404: "there is no such model or address"}
NEEDS_KEY = (401, 403)
TOO_MANY, UNFIT = 429, (400, 413, 422)
_AGAIN = {408: "timeout of the server", 409: "conflict", 425: "too early", TOO_MANY: "too many requests"}
# A run does not wait for a quota that is renewed tomorrow; --resume asks again.
LONGEST_WAIT = 900
_SERVER_ERRORS = 500
# Sent with status 429 when the account has no money left, so that waiting does not help.
_NO_MONEY = ("insufficient_quota", "billing_not_active")


class Trouble(Exception):  # noqa: N818 -- the server's or the network's, not the program's
    """A call without an answer.

    Parameters
    ----------
    reason : str
        As it is recorded.
    again : bool
        Whether the same call may succeed later.
    wait : float or None
        Seconds that the server asks to wait.
    status : int or None
        The HTTP status.
    """

    def __init__(
        self, reason: str, *, again: bool = True, wait: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(reason)
        self.reason, self.again, self.wait, self.status = reason, again, wait, status


def of_status(status: int, body: Any, headers: Mapping[str, str], *, keyless: bool = False) -> Trouble | Stopped:
    """Return what an HTTP status other than 200 means.

    Parameters
    ----------
    status : int
    body : Any
        Read from JSON; None where it is not JSON.
    headers : Mapping of str to str
        A mapping that finds names in upper and lower case.
    keyless : bool
        Whether no key was sent.
    """
    said = _message(body)
    if keyless and status in NEEDS_KEY:
        return Stopped(f"{status}: no key was sent; --key-env NAME says which environment variable holds it{said}")
    if status in HOPELESS:
        return Stopped(f"{status}: {HOPELESS[status]}{said}")
    if status == TOO_MANY and any(word in str(body) for word in _NO_MONEY):
        return Stopped(f"{status}: the provider's account has no money left{said}")
    if status >= _SERVER_ERRORS or status in _AGAIN:
        reason, wait = _AGAIN.get(status, "server error"), asked_wait(body, headers)
        if wait is not None and wait > LONGEST_WAIT:
            return Trouble(f"{status} {reason}, for more than {LONGEST_WAIT} seconds", again=False, status=status)
        return Trouble(f"{status} {reason}", wait=wait, status=status)
    return Trouble(f"{status}{said}", again=False, status=status)


def _message(body: Any) -> str:
    """Return the server's own message on one line."""
    found = body.get("error", body) if isinstance(body, dict) else None
    found = found.get("message") if isinstance(found, dict) else found
    return f": {' '.join(str(found).split())}" if found else ""


def asked_wait(body: Any, headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, in `Retry-After` or Google's `retryDelay`."""
    return max(filter(None, (_retry_after(headers), _retry_delay(body))), default=None)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    milliseconds, text = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    if re.fullmatch(r"\d+(\.\d+)?", milliseconds):
        return float(milliseconds) / 1000
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _retry_delay(body: Any) -> float | None:
    """Read `{"error": {"details": [{"@type": "...RetryInfo", "retryDelay": "3.5s"}]}}`."""
    error = body.get("error", body) if isinstance(body, dict) else {}
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else []:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)s", str(detail.get("retryDelay"))) if isinstance(detail, dict) else None
        if match:
            return float(match[1])
    return None


def of_body(content: bytes) -> Trouble:
    """Return what is wrong with a body without an answer."""
    start = content.lstrip()[:20].lower()
    if not start:
        return Trouble("empty body")
    return Trouble(
        "HTML in place of an answer" if start.startswith((b"<!doctype", b"<html")) else "no JSON with an answer"
    )
