"""Trouble and silence are told once, and again only after a pause."""

from __future__ import annotations

import asyncio

import pytest

from simulate.backends.access import ModelAccess
from simulate.backends.servers import telling
from simulate.backends.servers.telling import Telling
from simulate.backends.servers.trouble import Trouble


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is told, without waiting for silence."""
    monkeypatch.setattr(telling, "SILENCE", 0.0)
    return []


def _telling(told: list[str]) -> Telling:
    return Telling(ModelAccess(base_urls=("http://a/v1", "http://b/v1"), attempts=8, tell=told.append))


def test_first_trouble_is_told_and_the_next_after_a_pause(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first trouble is told at once; more of it within the pause is not, and after the pause it is."""
    one = _telling(told)
    for attempt in (1, 2, 3):
        one.of_trouble(Trouble("broken connection"), attempt)
    assert told == ["http://a/v1, http://b/v1: broken connection; trying again, 1 of 8 calls made for this request"]
    monkeypatch.setattr(telling, "PAUSE", 0.0)
    one.of_trouble(Trouble("400: no"))
    assert told[1:] == ["http://a/v1, http://b/v1: 400: no; a request failed for good, and the others go on"]


@pytest.mark.parametrize("heard", ["nothing", "an answer", "trouble"])
def test_silence_is_told_unless_something_came(told: list[str], heard: str) -> None:
    """Where neither an answer nor trouble came, the silence is told, with the time that a call may take."""
    one = _telling(told)
    if heard == "an answer":
        one.answered()
    elif heard == "trouble":
        one.of_trouble(Trouble("timeout"), 1)
    told.clear()
    asyncio.run(one.of_silence())
    assert bool(told) == (heard == "nothing")
    assert heard != "nothing" or "no answer yet" in told[0]


def test_nobody_needs_to_listen() -> None:
    """Without someone to tell, nothing is told and nothing is waited for."""
    one = Telling(ModelAccess())
    one.of_trouble(Trouble("timeout"), 1)
    asyncio.run(one.of_silence())
