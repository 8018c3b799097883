"""Tests of no drift among three arms or more, by their distances to what they give together.

In a stratum the statistic is ``A/(A-1)`` times the mean over its A arms of the total variation distance (TVD) between
an arm's answers and the stratum's pooled answers. It is the TVD itself for two arms, 1 if no two arms share an answer,
and a mean over arms, so that a small arm counts as much as a large one. Distances to the pooled answers are less noisy
than those of all pairs of arms.
"""

import numpy as np
from numpy.typing import ArrayLike

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.drift import distance
from confound.statistics.drift.permutation import PermutationTest, cluster_permutation_test, permutation_test
from confound.statistics.drift.relabelling import relabelled_counts, sequential_pvalue
from confound.statistics.validation import check_positive, checked_samples, checked_strata

__all__ = ["cluster_k_sample_test", "k_sample_test"]


def k_sample_test(counts: ArrayLike, *, rng: np.random.Generator, n_resamples: int = 9999) -> PermutationTest:
    """Stratified permutation test that two arms or more give the same answers.

    Null hypothesis: within each stratum the answers are exchangeable between the arms. Exchangeable unit: the answer.
    Within subjects a stratum is a persona, and its answers are its trials; between subjects there is one stratum, and
    each persona gave one answer (several: `cluster_k_sample_test`). Drift in a common direction:
    `common_direction.general_association_test`.

    Parameters
    ----------
    counts : array_like of int, shape (strata, arms, answers)
        How often each answer was given in each arm of each stratum. An arm without answers is left out of its stratum;
        a stratum with one arm is left out.
    rng : numpy.random.Generator
    n_resamples : int, default 9999
        Relabellings drawn at most; at least 1.

    Returns
    -------
    PermutationTest
        `statistic` is the mean over strata of the module's statistic, in [0, 1], and `null_mean` its exact expectation.
        With two arms throughout, the result of `permutation.permutation_test`; else `method` is ``"monte
        carlo"``, with the p-value of `relabelling.sequential_pvalue`.

    Raises
    ------
    ValueError
        As `validation.checked_strata`, if no stratum has two arms, or if `n_resamples` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> counts = [[[8, 2], [5, 5], [2, 8]], [[7, 3], [5, 5], [3, 7]]]
    >>> test = k_sample_test(counts, rng=np.random.default_rng(0), n_resamples=999)
    >>> round(test.statistic, 3), round(test.null_mean, 3), test.pvalue < 0.05
    (0.25, 0.15, False)
    """
    checked = checked_strata(counts)
    check_positive(n_resamples=n_resamples)
    checked = checked[np.count_nonzero(checked.sum(axis=2), axis=1) > 1]
    if not len(checked):
        raise ValueError("counts: no stratum has answers in two arms")
    if checked.shape[1] == 2:
        return permutation_test(checked[:, 1], checked[:, 0], rng=rng, n_resamples=n_resamples)
    strata = [stratum[stratum.sum(axis=1) > 0] for stratum in checked]
    # With one answer only, a stratum's distance is 0 whatever the labels.
    varied = [stratum for stratum in strata if np.count_nonzero(stratum.sum(axis=0)) > 1]

    def draw(n: int) -> FloatArray:
        total = np.zeros(n)
        for stratum in varied:
            total += _distances(relabelled_counts(stratum, rng=rng, n_resamples=n))
        return total

    observed = sum((float(_distances(stratum[None])[0]) for stratum in varied), 0.0)
    pvalue, drawn = sequential_pvalue(draw, observed, n_resamples=n_resamples)
    null_mean = sum((_null_mean(stratum) for stratum in varied), 0.0) / len(strata)
    return PermutationTest(observed / len(strata), null_mean, pvalue, pvalue, "monte carlo", len(strata), drawn)


def _distances(counts: IntArray) -> FloatArray:
    """Return the statistic of each draw of one stratum, shape (draws, arms, answers) to (draws,)."""
    sizes = counts[0].sum(axis=1)
    pooled = counts[0].sum(axis=0) / sizes.sum()
    return _scaled(np.abs(counts / sizes[:, None] - pooled))


def _scaled(gaps: FloatArray) -> FloatArray:
    n_arms = gaps.shape[1]
    return np.asarray(gaps.sum(axis=(1, 2)) / (2 * (n_arms - 1)))


def _null_mean(stratum: IntArray) -> float:
    """Return the exact expectation: an arm's distance to all is in known proportion to that to the others."""
    others = stratum.sum(axis=0) - stratum
    shares = others.sum(axis=1) / stratum.sum()
    return float(shares @ distance.stratum_null_means(stratum, others)) / (len(stratum) - 1)


def cluster_k_sample_test(*arms: ArrayLike, rng: np.random.Generator, n_resamples: int = 9999) -> PermutationTest:
    """Permutation test of two arms or more between subjects, where a persona may have given several answers.

    Null hypothesis: personas are exchangeable between the arms. Exchangeable unit: the persona, with all its answers.
    Every persona weighs the same: arms are compared by the means of their personas' answer shares.

    Parameters
    ----------
    *arms : array_like of int, shape (personas in the arm, answers)
        Two arms or more, of any sizes: how often each persona gave each answer, at least one.
    rng : numpy.random.Generator
    n_resamples : int, default 9999
        Relabellings of the personas drawn at most; at least 1.

    Returns
    -------
    PermutationTest
        With `n_strata` 1. With two arms, the result of `permutation.cluster_permutation_test`; where every
        persona gave one answer, that of `k_sample_test`; else `null_mean` is the mean over a thousand relabellings.

    Raises
    ------
    ValueError
        If there are fewer than two arms, they differ in their number of answers, a count is negative or no integer, a
        persona has no answer or an arm no persona; or if `n_resamples` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> arms = [[[3, 0], [2, 1], [3, 0]], [[1, 2], [2, 1], [1, 2]], [[0, 3], [0, 3], [1, 2]]]
    >>> test = cluster_k_sample_test(*arms, rng=np.random.default_rng(0), n_resamples=999)
    >>> round(test.statistic, 3), test.pvalue < 0.1
    (0.407, True)
    """
    rows = checked_samples({f"arm {i}": arm for i, arm in enumerate(arms)})
    check_positive(n_resamples=n_resamples)
    if len(rows) == 2:
        return cluster_permutation_test(rows[1], rows[0], rng=rng, n_resamples=n_resamples)
    counts = np.concatenate(rows)
    if (counts.sum(axis=1) == 1).all():
        return k_sample_test(np.stack([arm.sum(axis=0) for arm in rows])[None], rng=rng, n_resamples=n_resamples)
    labels = np.repeat(np.arange(len(rows)), [len(arm) for arm in rows])
    shares = counts / counts.sum(axis=1, keepdims=True)
    sizes, pooled = np.bincount(labels)[:, None], shares.mean(axis=0)

    def distances(drawn_labels: IntArray) -> FloatArray:
        indicators = (drawn_labels[:, None, :] == np.arange(len(rows))[:, None]).astype(float)
        return _scaled(np.abs(indicators @ shares / sizes - pooled))

    def draw(n: int) -> FloatArray:
        return distances(rng.permuted(np.broadcast_to(labels, (n, len(labels))), axis=1))

    observed = float(distances(labels[None])[0])
    null_mean = float(draw(1000).mean())
    pvalue, drawn = sequential_pvalue(draw, observed, n_resamples=n_resamples)
    return PermutationTest(observed, null_mean, pvalue, pvalue, "monte carlo", 1, drawn)
