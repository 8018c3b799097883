"""What statuses, headers and bodies mean: another try, none, or the end of the run."""

from __future__ import annotations

import email.utils
import time
from typing import Any

import pytest

from simulate.backends.protocol import Stopped
from simulate.backends.servers.trouble import Trouble, asked_wait, of_body, of_status

RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"}


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_passing_trouble_is_tried_again(status: int) -> None:
    """Too many requests, early ones and servers' own errors are worth another try, by any body."""
    for body in (None, "busy", {"error": {"message": "busy"}}, {"error": "busy"}, [1]):
        found = of_status(status, body, {})
        assert isinstance(found, Trouble)
        assert found.again
        assert found.reason.startswith(str(status))


@pytest.mark.parametrize("status", [400, 413, 422, 418])
def test_unfit_requests_are_not_tried_again(status: int) -> None:
    """A request that does not fit never will; what the server says about it is kept."""
    found = of_status(status, {"error": {"message": "too\nlong"}}, {})
    assert isinstance(found, Trouble)
    assert (found.again, found.reason) == (False, f"{status}: too long")


@pytest.mark.parametrize(("status", "code"), [(401, ""), (403, ""), (404, ""), (429, "insufficient_quota")])
def test_hopeless_trouble_ends_the_run(status: int, code: str) -> None:
    """A wrong key, a missing right, a missing model and an empty account concern every request."""
    assert isinstance(of_status(status, {"message": "no", "code": code}, {}), Stopped)


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        (None, {"retry-after": "7"}, 7.0),
        (None, {"retry-after": "7.5", "retry-after-ms": "8000"}, 8.0),
        ({"error": {"details": [{"@type": "other"}, "odd", RETRY_INFO]}}, {}, 3.5),
        ({"error": {"details": [RETRY_INFO]}}, {"retry-after": "9"}, 9.0),
        ({"details": [RETRY_INFO]}, {}, 3.5),
        (None, {"retry-after": "soon"}, None),
        ({"error": {"details": [{"retryDelay": "x"}]}}, {}, None),
        ("text", {}, None),
    ],
)
def test_wait_asked_for(body: Any, headers: dict[str, str], seconds: float | None) -> None:
    """`Retry-After` in seconds, `retry-after-ms` and Google's `retryDelay` are read; the longest counts."""
    assert asked_wait(body, headers) == seconds


def test_wait_until_a_date() -> None:
    """`Retry-After` may be a date; one that is past asks for no wait."""
    for ahead, least, most in ((60, 55, 60), (-60, 0, 0)):
        date = email.utils.formatdate(time.time() + ahead, usegmt=True)
        assert least <= (asked_wait(None, {"retry-after": date}) or 0) <= most


def test_waits_of_hours_are_failures() -> None:
    """A quota that comes back tomorrow is not waited for."""
    found = of_status(429, None, {"retry-after": "86400"})
    assert isinstance(found, Trouble)
    assert not found.again


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty body"),
        (b" \n", "empty body"),
        (b"<!DOCTYPE html><p>", "HTML in place of an answer"),
        (b"<html>", "HTML in place of an answer"),
        (b"{]", "no JSON with an answer"),
        (b"\xff\xfe", "no JSON with an answer"),
    ],
)
def test_bodies_without_an_answer(content: bytes, reason: str) -> None:
    """What came in place of an answer is told apart, and worth another try."""
    found = of_body(content)
    assert (found.reason, found.again) == (reason, True)
