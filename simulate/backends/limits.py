"""What a run may spend: calls in all, calls and tokens a minute."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

MINUTE = 60.0


@dataclass(slots=True)
class Budget:
    """The calls that a run may make.

    The run takes one for each request that it gives to a backend. The backend takes one for each further call for the
    same request.

    Attributes
    ----------
    limit : int or None
        None: no limit.
    spent : int
        Calls made so far, those of earlier sessions included.
    refused : bool
        Whether more calls were wanted than there are.
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
    """Delays calls so that no more than a given amount is spent in a minute, evenly.

    How many tokens a call takes is known only when it is over. It is therefore charged afterwards, and later calls
    wait; libraries for rate limits do not offer this.

    Parameters
    ----------
    per_minute : float or None
        Above 0; None: no limit.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._seconds = 0.0 if per_minute is None else MINUTE / per_minute
        self._free_at = 0.0

    async def wait(self) -> None:
        """Wait until there is room for another call."""
        while (left := self._free_at - time.monotonic()) > 0:
            await asyncio.sleep(left)

    def spend(self, amount: float) -> None:
        """Charge an amount; later calls wait for it."""
        if self._seconds:
            self._free_at = max(self._free_at, time.monotonic()) + amount * self._seconds
