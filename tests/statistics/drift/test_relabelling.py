"""Tests of `relabelling`: the draws, and the p-value that stops early."""

import numpy as np
import pytest

from confound.statistics.drift.relabelling import ENOUGH_REACHED, relabelled_counts, sequential_pvalue


def test_draws_keep_the_margins_and_have_hypergeometric_moments():
    """Relabelled counts of three arms keep both sums, with the mean and variance of random allocation."""
    counts = np.array([[5, 3, 0], [1, 6, 2], [2, 2, 9]])
    drawn = relabelled_counts(counts, rng=np.random.default_rng(1), n_resamples=20_000)
    sizes, margin, total = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    assert (drawn.sum(axis=2) == sizes).all()
    assert (drawn.sum(axis=1) == margin).all()
    mean = np.outer(sizes, margin) / total
    variance = mean * np.outer(total - sizes, total - margin) / (total * (total - 1))
    assert drawn.mean(axis=0) == pytest.approx(mean, abs=5 * np.sqrt(variance.max() / 20_000))
    assert drawn.var(axis=0) == pytest.approx(variance, rel=0.06)


def test_drawing_stops_where_the_pvalue_is_large():
    """A p-value of one half is settled after some 400 draws, a tiny one takes twenty times as many as asked."""
    rng = np.random.default_rng(2)
    large, few = sequential_pvalue(rng.random, 0.5, n_resamples=9999)
    small, every = sequential_pvalue(rng.random, 2.0, n_resamples=9999)
    assert large == pytest.approx(0.5, abs=0.15)
    assert few == ENOUGH_REACHED / large < 600
    assert (small, every) == (1 / 199_981, 199_980)


def test_ties_are_counted():
    """A draw equal to the observed statistic up to rounding reaches it."""
    assert sequential_pvalue(lambda n: np.full(n, 0.1 + 0.2), 0.3 + 1e-12, n_resamples=99) == (1.0, 99)


def test_pvalue_is_uniform_whether_or_not_drawing_stops():
    """Calibration: among exchangeable statistics the sequential p-value is at most u with chance at most u."""
    rng = np.random.default_rng(3)
    pvalues = np.array([sequential_pvalue(rng.random, rng.random(), n_resamples=1999)[0] for _ in range(4000)])
    for level in (0.01, 0.05, 0.1, 0.5, 0.9):
        assert abs((pvalues <= level).mean() - level) < 4 * np.sqrt(level * (1 - level) / 4000)
