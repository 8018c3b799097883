"""Budgets and rates."""

from __future__ import annotations

import asyncio
import time

from simulate.backends.limits import Budget, Rate


def test_budget_gives_out_no_more_than_it_has() -> None:
    """What earlier sessions spent counts; that more was asked for is noted; without a limit there is no end."""
    budget = Budget(5, spent=3)
    assert [budget.take() for _ in range(2)] == [True, True]
    assert not budget.refused
    assert not budget.take()
    assert (budget.refused, budget.spent) == (True, 5)
    assert all(Budget().take() for _ in range(1000))


def spent(rate: Rate, amounts: list[float]) -> list[float]:
    """Spend from many tasks at once; return when each could, in seconds from the start."""

    async def all_of_them() -> list[float]:
        begun = time.monotonic()

        async def one(amount: float) -> float:
            await rate.wait()
            rate.spend(amount)
            return time.monotonic() - begun

        return await asyncio.gather(*map(one, amounts))

    return asyncio.run(all_of_them())


def test_rate_spreads_calls_evenly() -> None:
    """At 6,000 a minute, many at once are held back to one in 10 ms, and none gets lost."""
    times = sorted(spent(Rate(6000), [1.0] * 20))
    assert all(when >= 0.01 * place * 0.99 for place, when in enumerate(times))


def test_rate_lets_tokens_be_paid_afterwards() -> None:
    """A dear call goes through at once and those behind it wait; what was reserved too much is given back."""
    assert sorted(spent(Rate(60_000), [200.0, 1.0]))[1] >= 0.198
    rate = Rate(60_000)
    rate.spend(60_000)
    rate.spend(-60_000)
    assert asyncio.run(asyncio.wait_for(rate.wait(), 1)) is None


def test_no_rate_holds_nothing_back() -> None:
    """Without a limit nobody waits, whatever was spent."""
    rate = Rate(None)
    rate.spend(1e12)
    assert asyncio.run(asyncio.wait_for(rate.wait(), 1)) is None
