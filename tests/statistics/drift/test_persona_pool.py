"""Tests of `persona_pool` against the distribution that personas were drawn from."""

import numpy as np
import pytest

from confound.statistics.drift.persona_pool import pool_of_shares


@pytest.mark.parametrize("concentration", [1.0, 4.0, 20.0])
def test_shares_are_spread_as_the_personas_own(concentration: float) -> None:
    """Shares drawn from two answers an arm vary as the personas' own do; those seen vary far more."""
    rng = np.random.default_rng(5)
    shares = rng.dirichlet(concentration * np.array([0.5, 0.3, 0.2]), size=1500)
    arms = [rng.multinomial(2, shares) for _ in range(2)]
    pool = pool_of_shares(*arms)
    true, drawn, seen = ((p**2).sum(axis=1).mean() for p in (shares, pool, sum(arms) / 4))
    assert drawn == pytest.approx(true, rel=0.05)
    assert seen > true + 0.04


def test_a_persona_known_well_has_the_shares_seen() -> None:
    """With many answers the pool is what was seen."""
    counts = np.array([[9000, 1000], [2000, 8000], [5000, 5000]])
    pool = np.sort(pool_of_shares(counts), axis=None)
    expected = np.sort(np.resize([0.9, 0.1, 0.2, 0.8, 0.5, 0.5], len(pool)))
    assert np.abs(pool - expected).max() < 0.03


def test_no_order_moves_the_pool() -> None:
    """Personas and answers in another order, and an answer that nobody gave, leave the pool as it is."""
    rng = np.random.default_rng(3)
    treated, control = rng.multinomial(5, [0.5, 0.3, 0.2], size=(2, 30))
    personas, answers = rng.permutation(30), [2, 0, 1]
    moved = [np.insert(arm[personas][:, answers], 1, 0, axis=1) for arm in (treated, control)]
    assert (pool_of_shares(treated, control) == pool_of_shares(*moved)).all()


def test_personas_of_whom_one_answer_is_known_have_a_pool() -> None:
    """One answer in each arm, or in all, still gives shares inside their range."""
    once = np.eye(3, dtype=np.int64)[[0, 1, 1, 2]]
    for arms in ((once, once[::-1]), (once,), (once[:1],)):
        pool = pool_of_shares(*arms)
        assert pool.sum(axis=1) == pytest.approx(1.0)
        assert (pool >= 0).all()
