"""Tests of `distance` against enumeration of every relabelling."""

from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confound.statistics.drift import distance as tvd

# Answers to books_read_10y_thriller of `llm_twin` in story_thriller_vs_diary: how many twins gave each of
# the five levels. Source: Twin-2K-500 Mega-Study (TianyiPeng/Twin-2K-500-Mega-Study, Apache-2.0).
TWINS_THRILLER = np.array([[0, 23, 30, 8, 0]])
TWINS_DIARY = np.array([[0, 44, 15, 0, 0]])


def relabelled_distances(treated: np.ndarray, control: np.ndarray) -> dict[Fraction, Fraction]:
    """Return the law of one stratum's distance over all choices of which answers carry the treated label."""
    answers = np.repeat(np.arange(treated.size), treated + control)
    n1, n0 = int(treated.sum()), int(control.sum())
    law: dict[Fraction, Fraction] = {}
    n_labellings = 0
    for chosen in combinations(range(n1 + n0), n1):
        a = np.bincount(answers[list(chosen)], minlength=treated.size)
        b = treated + control - a
        distance = sum(abs(Fraction(int(x), n1) - Fraction(int(y), n0)) for x, y in zip(a, b, strict=True)) / 2
        law[Fraction(distance)] = law.get(Fraction(distance), Fraction(0)) + 1
        n_labellings += 1
    return {distance: count / n_labellings for distance, count in law.items()}


@st.composite
def arm_pairs(draw: st.DrawFn, max_strata: int = 3, max_answers: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Small counts in two arms, equal or unequal, empty answers included, at most four answers an arm."""
    n_strata = draw(st.integers(1, max_strata))
    n_answers = draw(st.integers(1, max_answers))
    arm = st.lists(st.integers(0, n_answers - 1), min_size=1, max_size=4)
    arms = [[draw(arm) for _ in range(n_strata)] for _ in range(2)]
    treated, control = (np.array([np.bincount(answers, minlength=n_answers) for answers in strata]) for strata in arms)
    return treated, control


@settings(deadline=None)
@given(arm_pairs())
def test_null_mean_is_the_mean_over_all_relabellings(arms):
    """The closed form of the no-drift expectation equals the average over every relabelling."""
    treated, control = arms
    means = [
        sum(distance * chance for distance, chance in relabelled_distances(a, b).items())
        for a, b in zip(treated, control, strict=True)
    ]
    assert tvd.null_mean(treated, control) == pytest.approx(float(sum(means) / len(means)), rel=1e-12, abs=1e-15)


@given(arm_pairs())
def test_plugin_is_the_mean_of_stratum_distances_in_rationals(arms):
    """The plug-in agrees with the definition worked out in exact fractions."""
    treated, control = arms
    expected = [
        sum(abs(Fraction(int(x), int(a.sum())) - Fraction(int(y), int(b.sum()))) for x, y in zip(a, b, strict=True)) / 2
        for a, b in zip(treated, control, strict=True)
    ]
    assert tvd.stratum_distances(treated, control) == pytest.approx([float(d) for d in expected], abs=1e-15)
    assert tvd.plugin(treated, control) == pytest.approx(float(sum(expected) / len(expected)), abs=1e-15)


def test_published_twins_give_the_known_distance_and_null_mean():
    """A real between-subjects log gives the values found when it was first analysed."""
    assert tvd.plugin(TWINS_THRILLER, TWINS_DIARY) == pytest.approx(0.3687, abs=5e-5)
    assert tvd.null_mean(TWINS_THRILLER, TWINS_DIARY) == pytest.approx(0.0893, abs=5e-5)


def test_null_mean_agrees_with_hypergeometric_sums_at_thousands_of_answers():
    """The closed form keeps ten digits where its logarithms are large."""
    from scipy.stats import hypergeom

    treated, control = np.array([[1200, 700, 3, 0, 97]]), np.array([[1500, 400, 1, 1, 1]])
    n1, n0 = treated.sum(), control.sum()
    expected = 0.0
    for margin in (treated + control)[0]:
        a = np.arange(margin + 1)
        expected += 0.5 * np.sum(hypergeom(n1 + n0, margin, n1).pmf(a) * np.abs(a / n1 - (margin - a) / n0))
    assert tvd.null_mean(treated, control) == pytest.approx(expected, rel=1e-10, abs=0)


@settings(deadline=None, max_examples=60)
@given(arm_pairs(max_strata=2, max_answers=3))
def test_population_null_mean_is_the_mean_over_all_relabellings(arms):
    """The convolved no-drift expectation equals the average over every combination of relabellings."""
    treated, control = arms
    margin = treated + control
    laws = []
    for counts in zip(treated, control, strict=True):
        answers = np.repeat(np.arange(treated.shape[1]), sum(counts))
        chosen = combinations(range(answers.size), int(counts[0].sum()))
        laws.append([np.bincount(answers[list(c)], minlength=treated.shape[1]) for c in chosen])
    means = [tvd.population_plugin(np.array(draw), margin - np.array(draw)) for draw in product(*laws)]
    assert tvd.population_null_mean(treated, control) == pytest.approx(np.mean(means), rel=1e-9, abs=1e-12)


def test_population_null_mean_on_a_grid_is_close_to_the_exact_one(monkeypatch):
    """Splitting atoms over a grid, as unlike arm sizes need, is off by less than one part in a thousand."""
    rng = np.random.default_rng(7)
    shares = rng.dirichlet(np.ones(4), size=30)
    treated, control = rng.multinomial(30, shares), rng.multinomial(25, shares)
    exact = tvd.population_null_mean(treated, control)
    monkeypatch.setattr(tvd, "LATTICE_POINTS", 0)
    assert tvd.population_null_mean(treated, control) == pytest.approx(exact, rel=1e-3)


@given(arm_pairs())
def test_population_distance_is_at_most_the_mean_distance(arms):
    """Averaging distributions first can only let drift cancel, and with one stratum changes nothing."""
    treated, control = arms
    assert tvd.population_plugin(treated, control) <= tvd.plugin(treated, control) + 1e-12
    first = treated[:1], control[:1]
    assert tvd.population_plugin(*first) == pytest.approx(tvd.plugin(*first), abs=1e-15)


@given(
    st.lists(st.integers(0, 20), min_size=2, max_size=6).filter(any),
    st.lists(st.integers(0, 20), min_size=6, max_size=6),
)
def test_euclidean_distance_brackets_total_variation(p, q):
    """Half of the Euclidean distance is at most the TVD, which is at most half of it times the root of K."""
    q = [x + 1 for x in q[: len(p)]]
    shares = np.array(p) / sum(p), np.array(q) / sum(q)
    euclidean = np.sqrt(((shares[0] - shares[1]) ** 2).sum())
    distance = tvd.plugin([p], [q])
    assert euclidean / 2 - 1e-12 <= distance <= np.sqrt(len(p)) * euclidean / 2 + 1e-12


def test_null_mean_matches_simulated_relabelling_without_drift():
    """Calibration: the plug-in of shuffled labels averages to the null mean within simulation error."""
    rng = np.random.default_rng(20260605)
    margin = np.array([[25, 17, 12, 6], [40, 10, 9, 1], [15, 15, 15, 15]])
    treated = np.stack([rng.multivariate_hypergeometric(m, 30, size=4000) for m in margin], axis=1)
    draws = np.array([tvd.plugin(t, margin - t) for t in treated])
    error = draws.std() / np.sqrt(draws.size)
    assert abs(draws.mean() - tvd.null_mean(treated[0], margin - treated[0])) < 4 * error


def test_arms_without_a_common_answer_are_at_distance_one():
    """Arms that share no answer are as far apart as can be."""
    assert tvd.plugin(np.array([[3, 0]]), np.array([[0, 5]])) == 1.0


@pytest.mark.parametrize(
    ("treated", "control", "message"),
    [
        ([[1, 2], [0, 0]], [[1, 2], [1, 1]], "treated: stratum 1 has no answers"),
        ([[1, 2], [1, 1]], [[0, 0], [0, 0]], "control: stratum 0 has no answers"),
        ([[1, -2], [1, 1]], [[1, 2], [1, 1]], "treated: stratum 0 has a negative count"),
        ([[1, 2]], [[1, 2, 3]], r"treated and control must have one shape but got \(1, 2\) and \(1, 3\)"),
        ([1, 2], [1, 2], r"treated must have two dimensions \(stratum, answer\) but got shape \(2,\)"),
        ([[1.0, 2.0]], [[1, 2]], "treated must hold integer counts but got dtype float64"),
        (np.zeros((0, 2), int), np.zeros((0, 2), int), "treated must hold at least one stratum"),
    ],
)
def test_bad_counts_are_refused_by_argument_and_stratum(treated, control, message):
    """What cannot be counted is refused, naming the argument and the first bad stratum."""
    for function in (
        tvd.stratum_distances,
        tvd.plugin,
        tvd.null_mean,
        tvd.population_plugin,
        tvd.population_null_mean,
    ):
        with pytest.raises(ValueError, match=message):
            function(np.array(treated), np.array(control))
