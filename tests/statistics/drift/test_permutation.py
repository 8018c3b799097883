"""Tests of `permutation` against enumeration, exact integer laws, R, and simulation."""

import json
import math
from collections import Counter
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confound.statistics.drift import law_sum, null_law, permutation, relabelling
from confound.statistics.drift.permutation import cluster_permutation_test, permutation_test
from tests.statistics.drift.test_distance import TWINS_DIARY, TWINS_THRILLER, arm_pairs, relabelled_distances

# Made by tests/reference/permutation.R with coin and libcoin.
REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "permutation.json").read_text())


# Every `approx` of a p-value says abs=0: pytest's default, 1e-12, passes whatever is small.


def unused_rng() -> np.random.Generator:
    """Return a generator for calls that are exact, or refused, and so draw nothing."""
    return np.random.default_rng(0)


def enumerated_pvalue(treated: np.ndarray, control: np.ndarray) -> Fraction:
    """Return the p-value summed over every combination of the strata's relabellings."""
    observed = sum(
        (
            abs(Fraction(int(a), int(t.sum())) - Fraction(int(b), int(c.sum()))) / 2
            for t, c in zip(treated, control, strict=True)
            for a, b in zip(t, c, strict=True)
        ),
        Fraction(0),
    )
    laws = [relabelled_distances(t, c).items() for t, c in zip(treated, control, strict=True)]
    return sum(
        (math.prod(chance for _, chance in cell) for cell in product(*laws) if sum(d for d, _ in cell) >= observed),
        Fraction(0),
    )


def counted_pvalue(treated: np.ndarray, control: np.ndarray) -> Fraction:
    """Return the p-value by counting relabellings in whole numbers, for data too large to enumerate."""
    sizes = [(int(t.sum()), int(c.sum())) for t, c in zip(treated, control, strict=True)]
    common = math.lcm(*(n1 * n0 for n1, n0 in sizes))
    total, observed, n_labellings = Counter({0: 1}), 0, 1
    for t, c, (n1, n0) in zip(treated.tolist(), control.tolist(), sizes, strict=True):
        scale = common // (n1 * n0)
        states = Counter({(0, 0): 1})
        for a, b in zip(t, c, strict=True):
            moved: Counter[tuple[int, int]] = Counter()
            for (count, distance), ways in states.items():
                for x in range(a + b + 1):
                    step = abs(n0 * x - n1 * (a + b - x)) * scale
                    moved[count + x, distance + step] += ways * math.comb(a + b, x)
            states = moved
            observed += abs(n0 * a - n1 * b) * scale
        law = {distance: ways for (count, distance), ways in states.items() if count == n1}
        summed: Counter[int] = Counter()
        for (x, p), (y, q) in product(total.items(), law.items()):
            summed[x + y] += p * q
        total, n_labellings = summed, n_labellings * math.comb(n1 + n0, n1)
    return Fraction(sum(ways for distance, ways in total.items() if distance >= observed), n_labellings)


def simulated_arms(
    rng: np.random.Generator, sizes: list[tuple[int, int]], n_answers: int, drift: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return counts of strata with the given arm sizes, each with its own answer shares and its own drift."""
    shares = rng.dirichlet(np.ones(n_answers), size=len(sizes))
    drifted = (1 - drift) * shares + drift * rng.dirichlet(np.ones(n_answers), size=len(sizes))
    treated = [rng.multinomial(n1, p) for (n1, _), p in zip(sizes, drifted, strict=True)]
    control = [rng.multinomial(n0, p) for (_, n0), p in zip(sizes, shares, strict=True)]
    return np.array(treated), np.array(control)


@settings(deadline=None, max_examples=200)
@given(arm_pairs())
def test_pvalue_is_that_of_enumerating_every_relabelling(arms):
    """With up to three strata, equal or unequal arms and empty answers, the p-value is the enumerated one."""
    treated, control = arms
    result = permutation_test(treated, control, rng=unused_rng())
    expected = enumerated_pvalue(treated, control)
    assert counted_pvalue(treated, control) == expected
    assert result.method == "exact"
    assert result.pvalue == pytest.approx(float(expected), rel=1e-11, abs=0)
    assert result.pvalue_low == result.pvalue
    assert result.n_strata == len(treated)


@settings(deadline=None)
@given(arm_pairs(), st.randoms(use_true_random=False))
def test_pvalue_does_not_depend_on_how_the_data_are_laid_out(arms, random):
    """Exchanging the arms, reordering answers or strata, or adding an empty answer changes nothing."""
    treated, control = arms
    answers = random.sample(range(treated.shape[1]), treated.shape[1])
    strata = random.sample(range(len(treated)), len(treated))
    expected = permutation_test(treated, control, rng=unused_rng())
    for a, b in [
        (control, treated),
        (treated[:, answers], control[:, answers]),
        (treated[strata], control[strata]),
        (np.pad(treated, [(0, 0), (0, 1)]), np.pad(control, [(0, 0), (0, 1)])),
    ]:
        other = permutation_test(a, b, rng=unused_rng())
        assert other.pvalue == pytest.approx(expected.pvalue, rel=1e-12, abs=0)
        assert other.statistic == pytest.approx(expected.statistic, abs=1e-15)
        assert other.null_mean == pytest.approx(expected.null_mean, abs=1e-15)


@pytest.mark.parametrize("margin", [(5, 4, 3), (1, 1, 10), (8, 8)])
@pytest.mark.parametrize("n1", [4, 5, 6])
def test_null_mean_is_the_mean_of_the_law_the_pvalues_describe(margin, n1):
    """Integrating the p-value over all possible distances gives the null mean."""
    tables = [t for t in product(*(range(m + 1) for m in margin)) if sum(t) == n1]
    results = [permutation_test([t], np.array([margin]) - t, rng=unused_rng()) for t in tables]
    tail = sorted({(result.statistic, result.pvalue) for result in results})
    mean, reached = 0.0, 0.0
    for distance, pvalue in tail:
        mean += (distance - reached) * pvalue
        reached = distance
    assert mean == pytest.approx(results[0].null_mean, rel=1e-12, abs=0)


@pytest.mark.parametrize("direct_limit", [0, 2**40], ids=["fft", "direct"])
@pytest.mark.parametrize(("constant", "value"), [("SCATTER_NS", 0.0), ("SLIDE_NS", 0.0), ("SMALL_LATTICE", 1000)])
@pytest.mark.parametrize(
    ("sizes", "treated_shares", "at_most"),
    [
        ([(25, 24)] * 4, [0.2, 0.3, 0.5], 1.0),
        ([(25, 24)] * 4, [0.6, 0.3, 0.1], 1e-5),
        ([(25, 24)] * 4, [0.8, 0.15, 0.05], 1e-15),
        ([(20, 20), (20, 18), (15, 12)], [0.9, 0.1, 0.0], 1e-10),
        ([(30, 30)] * 8, [0.75, 0.2, 0.05], 1e-30),
    ],
)
def test_tails_of_any_size_are_right_to_ten_digits(
    sizes, treated_shares, at_most, direct_limit, constant, value, monkeypatch
):
    """Every route through the program agrees with whole-number counting, from p near 1 down to 1e-30."""
    monkeypatch.setattr(law_sum, "DIRECT_LIMIT", direct_limit)
    monkeypatch.setattr(null_law, "SMALL_LATTICE", 0)
    monkeypatch.setattr(null_law, constant, value)  # so that this way to a law is always taken
    rng = np.random.default_rng(1)
    treated = np.array([rng.multinomial(n1, treated_shares) for n1, _ in sizes])
    control = np.array([rng.multinomial(n0, [0.2, 0.3, 0.5]) for _, n0 in sizes])
    expected = float(counted_pvalue(treated, control))
    result = permutation_test(treated, control, rng=unused_rng())
    assert result.method == "exact"
    assert result.pvalue == pytest.approx(expected, rel=1e-10, abs=0)
    assert expected < at_most


@pytest.mark.parametrize("rare", [1, 2, 5])
def test_fft_is_right_where_a_law_has_few_far_apart_points(rare, monkeypatch):
    """Strata where nearly everyone agrees have a lumpy law, which the tilted FFT must still resolve."""
    monkeypatch.setattr(law_sum, "DIRECT_LIMIT", 0)
    treated = np.array([[31 - rare, rare], [31, 0], [30, 1], [31 - rare, rare]])
    control = np.array([[29, 0], [29 - rare, rare], [29, 0], [29, 0]])
    result = permutation_test(treated, control, rng=unused_rng())
    assert result.pvalue == pytest.approx(float(counted_pvalue(treated, control)), rel=1e-9, abs=0)


def test_complete_separation_has_the_closed_form_pvalue():
    """At the far end of the law, p is the product of the strata's two separated relabellings: 1e-84."""
    treated, control = np.tile([[30, 0]], (5, 1)), np.tile([[0, 30]], (5, 1))
    result = permutation_test(treated, control, rng=unused_rng())
    assert result.pvalue == pytest.approx((2 / math.comb(60, 30)) ** 5, rel=1e-9, abs=0)


@pytest.mark.parametrize("n_strata", [1, 2])
def test_pvalue_below_the_smallest_float_is_the_smallest_float(n_strata):
    """A p-value that no float can hold is reported as the smallest positive one, never as 0."""
    treated, control = np.tile([[3000, 0]], (n_strata, 1)), np.tile([[0, 3000]], (n_strata, 1))
    result = permutation_test(treated, control, rng=unused_rng())
    assert 0 < result.pvalue == permutation.SMALLEST_PVALUE
    assert result.method == "exact"


def test_thousands_of_answers_neither_overflow_nor_lose_digits():
    """Two answers a stratum at 2,000 against 1,500 agree with scipy's hypergeometric tails."""
    from scipy.stats import hypergeom

    treated, control = np.array([[1100, 900]]), np.array([[700, 800]])
    count = hypergeom(3500, 1800, 2000)
    possible = np.arange(300, 1801)
    far = np.abs(3500 * possible - 2000 * 1800) >= abs(3500 * 1100 - 2000 * 1800)
    result = permutation_test(treated, control, rng=unused_rng())
    assert result.pvalue == pytest.approx(count.pmf(possible)[far].sum(), rel=1e-8, abs=0)


@pytest.mark.parametrize(("grid_points", "at_most_apart"), [(2**19, 1e-3), (2**7, 0.9)])
@pytest.mark.parametrize("seed", range(12))
def test_bounds_contain_the_exact_pvalue(seed, grid_points, at_most_apart, monkeypatch):
    """Rounded to a fine grid or a coarse one, the two bounds enclose the p-value, and closely on the fine."""
    rng = np.random.default_rng(seed)
    treated = rng.multinomial([14, 11, 10], [0.2 + 0.06 * seed, 0.3 - 0.02 * seed, 0.5 - 0.04 * seed])
    control = rng.multinomial([13, 9, 10], [0.2, 0.3, 0.5])
    expected = float(counted_pvalue(treated, control))
    monkeypatch.setattr(law_sum, "COMMON_LATTICE_POINTS", 0)
    monkeypatch.setattr(law_sum, "GRID_POINTS", grid_points)
    result = permutation_test(treated, control, rng=unused_rng())
    assert result.method == "bounds"
    assert result.pvalue_low <= expected * (1 + 1e-9)
    assert expected <= result.pvalue * (1 + 1e-9)
    assert result.pvalue - expected <= at_most_apart * result.pvalue


def test_ragged_strata_are_bounded_closely_without_being_asked():
    """A hundred strata of 20 to 30 answers share no lattice: the bounds differ by less than one per cent."""
    rng = np.random.default_rng(5)
    sizes = [(int(n1), int(n0)) for n1, n0 in rng.integers(20, 31, size=(100, 2))]
    result = permutation_test(*simulated_arms(rng, sizes, 5, drift=0.3), rng=unused_rng())
    assert result.method == "bounds"
    assert 0 < result.pvalue - result.pvalue_low < 0.01 * result.pvalue


PRIME_SIZES = [(97, 89), (83, 79), (73, 71), (67, 61), (59, 53), (47, 43)]


@pytest.mark.parametrize("sizes", [[(20, 20)] * 5, [(20, 19), (12, 9)], PRIME_SIZES], ids=["64", "mixed", "long"])
def test_monte_carlo_agrees_with_the_exact_pvalue(sizes, monkeypatch):
    """Drawn relabellings estimate the exact p-value, also where ties need integers beyond 64 bits."""
    treated, control = simulated_arms(np.random.default_rng(11), sizes, 4, drift=0.1)
    expected = permutation_test(treated, control, rng=unused_rng())
    monkeypatch.setattr(null_law, "EXACT_LIMIT_NS", -1.0)
    result = permutation_test(treated, control, rng=np.random.default_rng(3), n_resamples=20_000)
    assert (result.method, result.n_resamples) == ("monte carlo", 20_000)
    assert expected.n_resamples == 0
    error = math.sqrt(expected.pvalue * (1 - expected.pvalue) / 20_000)
    assert abs(result.pvalue - expected.pvalue) < 4 * error + expected.pvalue - expected.pvalue_low


def test_monte_carlo_counts_ties_as_at_least_as_large(monkeypatch):
    """Where every relabelling is tied with the observed one, p is exactly 1."""
    monkeypatch.setattr(null_law, "EXACT_LIMIT_NS", -1.0)
    mirrored = permutation_test([[1, 0], [3, 4]], [[0, 1], [3, 4]], rng=unused_rng(), n_resamples=500)
    assert mirrored.pvalue == 1.0
    treated, control = np.array([[1, 3, 2], [3, 0, 1]]), np.array([[2, 1, 2], [1, 2, 0]])
    expected = float(enumerated_pvalue(treated, control))
    result = permutation_test(treated, control, rng=np.random.default_rng(2), n_resamples=20_000)
    assert abs(result.pvalue - expected) < 4 * math.sqrt(expected * (1 - expected) / 20_000)


def test_one_stratum_too_large_for_the_exact_law_is_drawn_and_said_so():
    """A stratum of 1,000 against 999 answers on five levels goes to Monte Carlo, by the rng it was given."""
    arms = simulated_arms(np.random.default_rng(1), [(1000, 999)], 5, drift=0.02)
    results = [permutation_test(*arms, rng=np.random.default_rng(s), n_resamples=999) for s in (1, 1, 2)]
    assert results[0].method == "monte carlo"
    assert results[0] == results[1] != results[2]


def test_strata_in_which_all_agree_leave_the_pvalue_alone():
    """A stratum with one answer only has distance 0 under every relabelling."""
    treated, control = np.array([[5, 3, 0], [9, 1, 4]]), np.array([[2, 6, 0], [3, 5, 6]])
    agreed = np.array([[0, 7, 0], [3, 0, 0]])
    alone = permutation_test(treated, control, rng=unused_rng())
    beside = permutation_test(np.vstack([treated, agreed]), np.vstack([control, agreed]), rng=unused_rng())
    assert beside.pvalue == pytest.approx(alone.pvalue, rel=1e-12, abs=0)
    assert beside.statistic == pytest.approx(alone.statistic / 2)
    assert permutation_test(agreed, agreed, rng=unused_rng()).pvalue == 1.0


def test_strata_whose_distance_cannot_vary_give_p_one():
    """One answer against one, and one against three, are at the same distance under every relabelling."""
    result = permutation_test([[1, 0], [1, 0]], [[0, 1], [1, 2]], rng=unused_rng())
    assert result.pvalue == pytest.approx(float(enumerated_pvalue(*np.array([[[1, 0], [1, 0]], [[0, 1], [1, 2]]]))))
    assert permutation_test([[1, 0]] * 3, [[0, 1]] * 3, rng=unused_rng()).pvalue == 1.0


def test_published_twins_drift_as_first_found():
    """A real between-subjects log gives the p-value found when it was first analysed."""
    result = permutation_test(TWINS_THRILLER, TWINS_DIARY, rng=unused_rng())
    assert result.method == "exact"
    assert result.pvalue == pytest.approx(0.000073, abs=5e-7)
    assert result.pvalue == pytest.approx(float(counted_pvalue(TWINS_THRILLER, TWINS_DIARY)), rel=1e-11, abs=0)


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: case["name"])
def test_agrees_with_the_blocked_permutations_of_coin(case):
    """R's blocked permutations (tests/reference/permutation.R) give the same p, give or take four errors."""
    result = permutation_test(case["treated"], case["control"], rng=unused_rng())
    n_resample = REFERENCE["n_resample"]
    error = math.sqrt(result.pvalue * (1 - result.pvalue) / n_resample)
    assert result.statistic == pytest.approx(case["statistic"], rel=1e-12, abs=0)
    assert abs(result.pvalue - case["pvalue"]) < 4 * error
    # A distance's standard deviation is below half, so this is well above four standard errors of its mean.
    assert result.null_mean == pytest.approx(case["null_mean"], abs=2 / math.sqrt(n_resample))


@pytest.mark.parametrize(
    "case", [c for c in REFERENCE["cases"] if c["pvalue_exact"] is not None], ids=lambda case: case["name"]
)
def test_agrees_with_the_exact_two_sided_test_of_coin(case):
    """With one stratum and two answers it is coin's exact oneway_test (tests/reference/permutation.R)."""
    result = permutation_test(case["treated"], case["control"], rng=unused_rng())
    assert result.pvalue == pytest.approx(case["pvalue_exact"], rel=1e-9, abs=0)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[(12, 12)] * 10, [(12, 11), (9, 9), (8, 6)] * 3, [(40, 37)]])
def test_type_one_error_stays_at_the_level(sizes):
    """Without drift, p falls at or below each level no more often than the level, within simulation error."""
    rng = np.random.default_rng(20260605)
    n_simulated = 4000
    pvalues = np.array([permutation_test(*simulated_arms(rng, sizes, 4), rng=rng).pvalue for _ in range(n_simulated)])
    for level in (0.01, 0.05, 0.1, 0.25, 0.5):
        error = math.sqrt(level * (1 - level) / n_simulated)
        assert (pvalues <= level).mean() <= level + 3 * error
    assert (pvalues <= 0.5).mean() > 0.35  # and the test is not merely silent


def enumerated_cluster_pvalue(treated: np.ndarray, control: np.ndarray) -> tuple[Fraction, Fraction]:
    """Return p-value and null mean over every choice of the personas that form the treated arm."""
    personas = [[Fraction(int(a), int(row.sum())) for a in row] for row in np.vstack([treated, control])]
    n1, n = len(treated), len(personas)

    def distance(chosen: tuple[int, ...]) -> Fraction:
        arms = [[i for i in range(n) if i in chosen], [i for i in range(n) if i not in chosen]]
        means = [[sum(column) / len(arm) for column in zip(*(personas[i] for i in arm), strict=True)] for arm in arms]
        return sum((abs(p - q) for p, q in zip(*means, strict=True)), Fraction(0)) / 2

    drawn = [distance(chosen) for chosen in combinations(range(n), n1)]
    return Fraction(sum(d >= drawn[0] for d in drawn), len(drawn)), sum(drawn, Fraction(0)) / len(drawn)


CLUSTERS = [
    ([[3, 1, 0], [2, 2, 0], [4, 0, 0]], [[0, 3, 1], [1, 1, 1], [0, 1, 3], [2, 0, 1]]),
    ([[1, 0], [0, 1], [2, 0]], [[1, 1], [0, 3], [3, 0]]),
    ([[2, 1, 1], [2, 1, 1]], [[2, 1, 1], [1, 2, 1], [1, 1, 2], [3, 0, 0], [0, 3, 3]]),
]


@pytest.mark.parametrize(("treated", "control"), CLUSTERS)
def test_clustered_pvalue_is_that_of_enumerating_the_personas(treated, control):
    """Drawn persona labels estimate the p-value and the null mean over all labellings of personas."""
    n = 20_000
    result = cluster_permutation_test(treated, control, rng=np.random.default_rng(4), n_resamples=n)
    pvalue, null_mean = (float(x) for x in enumerated_cluster_pvalue(np.array(treated), np.array(control)))
    assert (result.method, result.n_strata, result.n_resamples) == ("monte carlo", 1, n)
    assert abs(result.pvalue - pvalue) < 4 * math.sqrt(pvalue * (1 - pvalue) / n) + 1 / n
    assert result.null_mean == pytest.approx(null_mean, abs=2 / math.sqrt(n))


def test_one_answer_a_persona_is_the_exact_test():
    """Where no persona answers twice, clustering changes nothing and the exact p-value is returned."""
    rows = [np.repeat(np.eye(5, dtype=int), counts[0], axis=0) for counts in (TWINS_THRILLER, TWINS_DIARY)]
    clustered = cluster_permutation_test(*rows, rng=unused_rng())
    assert clustered == permutation_test(TWINS_THRILLER, TWINS_DIARY, rng=unused_rng())


def test_repeated_answers_of_one_persona_are_not_counted_as_evidence():
    """Thirty equal answers of each persona weigh as one: the p-value is that of the personas."""
    treated, control = np.array([[30, 0]] * 5 + [[0, 30]] * 2), np.array([[30, 0]] * 2 + [[0, 30]] * 5)
    result = cluster_permutation_test(treated, control, rng=np.random.default_rng(1), n_resamples=20_000)
    once = permutation_test([[5, 2]], [[2, 5]], rng=unused_rng())
    assert abs(result.pvalue - once.pvalue) < 4 * math.sqrt(once.pvalue / 20_000)
    assert result.statistic == pytest.approx(once.statistic)


def test_clustered_ties_are_counted_despite_rounding():
    """Thirds and sevenths do not add up alike in every order; tied labellings still count, so p is 1."""
    treated, control = [[1, 2, 4]], [[2, 4, 1]]
    result = cluster_permutation_test(treated, control, rng=np.random.default_rng(0), n_resamples=199)
    assert result.pvalue == 1.0


def test_clustered_draws_do_not_depend_on_how_many_are_held_at_once(monkeypatch):
    """Drawing in chunks gives the same labels as drawing at once."""
    whole = cluster_permutation_test(*CLUSTERS[0], rng=np.random.default_rng(7), n_resamples=500)
    monkeypatch.setattr(relabelling, "LABELS_AT_ONCE", 7 * 13)
    assert cluster_permutation_test(*CLUSTERS[0], rng=np.random.default_rng(7), n_resamples=500) == whole


def test_clustered_type_one_error_stays_at_the_level():
    """With personas that differ and no drift, the clustered p-value keeps its level."""
    rng = np.random.default_rng(8)
    n_simulated = 800
    pvalues = []
    for _ in range(n_simulated):
        answers = [rng.multinomial(6, p) for p in rng.dirichlet(np.ones(3) / 2, size=25)]
        result = cluster_permutation_test(answers[:13], answers[13:], rng=rng, n_resamples=399)
        pvalues.append(result.pvalue)
    for level in (0.05, 0.1, 0.5):
        error = math.sqrt(level * (1 - level) / n_simulated)
        assert level - 4 * error <= np.mean(np.array(pvalues) <= level) <= level + 3 * error


@pytest.mark.parametrize(
    ("treated", "control", "n_resamples", "message"),
    [
        ([[1, 1], [0, 0]], [[1, 1], [1, 1]], 9, "treated: (stratum|persona) 1 has no answers"),
        ([[1, 1]], [[1, -1]], 9, "control: (stratum|persona) 0 has a negative count"),
        ([[1, 1]], [[1, 1, 1]], 9, "treated and control must have one"),
        ([[1, 1]], [[1, 1]], 0, "n_resamples must be at least 1 but got 0"),
    ],
)
def test_bad_input_is_refused_by_argument(treated, control, n_resamples, message):
    """What cannot be tested is refused, naming the argument and the first bad row."""
    for function in (permutation_test, cluster_permutation_test):
        with pytest.raises(ValueError, match=message):
            function(treated, control, rng=unused_rng(), n_resamples=n_resamples)
