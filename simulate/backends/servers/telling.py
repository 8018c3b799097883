"""Tells of trouble with servers while calls are repeated, so that nobody waits for minutes without a word."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulate.backends.access import ModelAccess

# Seconds without any answer after which that is told, and between two words of trouble.
SILENCE, PAUSE = 5.0, 30.0


class Telling:
    """What to tell of a model's servers, and when.

    Parameters
    ----------
    access : ModelAccess
        Its `tell` is told; None: nobody.
    """

    def __init__(self, access: ModelAccess) -> None:
        self._access = access
        self._where = ", ".join(access.base_urls) or "the provider"
        self._told = -1.0
        self._heard = False

    def answered(self) -> None:
        """Note that a call brought an answer."""
        self._heard = True

    def of_trouble(self, trouble: Exception, attempt: int | None = None) -> None:
        """Tell of a call that is about to be repeated after so many attempts, or of a request that failed for good."""
        now = time.monotonic()
        if self._told >= 0 and now < self._told + PAUSE:
            return
        self._told = now
        goes_on = "a request failed for good, and the others go on"
        if attempt is not None:
            goes_on = f"trying again, {attempt} of {self._access.attempts} calls made for this request"
        self._tell(f"{self._where}: {trouble}; {goes_on}")

    async def of_silence(self) -> None:
        """Tell once, after some seconds, that no server has answered yet."""
        if self._access.tell is None:
            return
        await asyncio.sleep(SILENCE)
        if not self._heard and self._told < 0:
            self._tell(
                f"{self._where}: no answer yet after {SILENCE:.0f} seconds; a call may take {self._access.timeout:.0f} "
                "(--timeout)"
            )

    def _tell(self, text: str) -> None:
        if self._access.tell is not None:
            self._access.tell(text)
