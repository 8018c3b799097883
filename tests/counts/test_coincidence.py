"""Bounds of the probability that independent answers look like copies."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from confound.counts.coincidence import log_chance_of_counts, log_chance_of_doubles, log_chance_of_share
from confound.counts.copies import MULTIPLES


def test_share_is_bounded_from_above() -> None:
    """The bound is never below the binomial tail, nor below that of events of different probabilities."""
    for n, p in itertools.product([5, 30, 200], [0.1, 0.5]):
        for happened in range(n + 1):
            bound = log_chance_of_share(np.arange(n) < happened, np.full(n, p))
            assert bound >= stats.binom.logsf(happened - 1, n, p) - 1e-9


def test_no_events_prove_nothing() -> None:
    """Without events, or with as many as expected, the bound is 1."""
    assert log_chance_of_share(np.zeros(0, dtype=bool), np.zeros(0)) == 0
    assert log_chance_of_share(np.array([True, False]), np.array([0.5, 0.5])) == 0


def test_counts_have_no_larger_probability() -> None:
    """The multinomial probability of counts at any shares is at most the bound, which their own shares reach."""
    rng = np.random.default_rng(1)
    counts = np.array([3, 1, 2])
    bound = log_chance_of_counts(np.zeros(3, dtype=np.int64), counts)[0]
    assert bound == pytest.approx(stats.multinomial.logpmf(counts, 6, counts / 6))
    assert all(stats.multinomial.logpmf(counts, 6, p) <= bound for p in rng.dirichlet(np.ones(3), 200))


def test_more_doubles_are_less_probable() -> None:
    """Doubles whose counts may well repeat prove nothing; each other one makes chance less likely."""
    assert log_chance_of_doubles(10, 5, np.zeros(5)) == 0
    assert log_chance_of_doubles(10, 5, np.empty(0)) == 0
    bounds = [log_chance_of_doubles(50, 50 - k, np.full(k, -12.0)) for k in range(1, 20)]
    assert np.all(np.diff(bounds) < 0)


def _multiple_by_chance(n: int, shares: np.ndarray, times: int) -> float:
    """Return the probability that all counts are multiples, given that all answers were given."""
    seen = held = 0.0
    for head in itertools.product(range(1, n), repeat=len(shares) - 1):
        counts = (*head, n - sum(head))
        if counts[-1] < 1:
            continue
        ways = math.factorial(n) / math.prod(map(math.factorial, counts))
        chance = ways * float(np.prod(shares ** np.array(counts)))
        seen, held = seen + chance, held + chance * all(count % times == 0 for count in counts)
    return held / seen


@pytest.mark.parametrize("times", MULTIPLES)
def test_multiples_are_bounded(times: int) -> None:
    """By enumeration: of J answers given, all counts are multiples with the bound's (J - 1)th power at most."""
    rng = np.random.default_rng(2)
    for n_answers, most in ((2, 30), (3, 16)):
        for n in range(n_answers * times, most, times):
            for shares in (np.full(n_answers, 1 / n_answers), *rng.dirichlet(np.ones(n_answers), 6)):
                assert _multiple_by_chance(n, shares, times) <= MULTIPLES[times] ** (n_answers - 1) + 1e-9
