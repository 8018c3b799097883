"""What a run may spend: calls in all, calls and tokens a minute."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

MINUTE = 60.0


@dataclass(slots=True)
class Budget:
    """The calls that a run may make.

    The run takes one for each request that it hands to a backend; a backend takes one for each further call that it
    makes for a request.

    Attributes
    ----------
    limit : int or None
        None: no end.
    spent : int
        Calls made so far, those of earlier sessions included.
    refused : bool
        Whether somebody asked for more than there is.
    """

    limit: int | None = None
    spent: int = 0
    refused: bool = False

    def take(self) -> bool:
        """Take one call; False if none is left."""
        if self.limit is not None and self.spent >= self.limit:
            self.refused = True
            return False
        self.spent += 1
        return True


class Rate:
    """Holds calls back to so much a minute, evenly spread.

    What a call costs in tokens is known only when it is over, so it pays afterwards and those behind it wait, which
    libraries for rate limits do not offer.

    Parameters
    ----------
    per_minute : float or None
        Above 0; None: no limit.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._seconds = 0.0 if per_minute is None else MINUTE / per_minute
        self._free_at = 0.0

    async def wait(self) -> None:
        """Wait until what was spent before is paid for."""
        while (left := self._free_at - time.monotonic()) > 0:
            await asyncio.sleep(left)

    def spend(self, amount: float) -> None:
        """Pay for something."""
        if self._seconds:
            self._free_at = max(self._free_at, time.monotonic()) + amount * self._seconds
