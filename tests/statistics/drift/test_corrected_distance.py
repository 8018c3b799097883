"""Tests of `corrected_distance` and what it rests on, against brute force, closed forms and known truth."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import betaln, gammaln, logsumexp
from scipy.stats import binom, norm

from benchmarks.validity.drift import corrected_distance as validity
from benchmarks.validity.drift.generator import SIZES, Cell, cells, draw
from confound.statistics.drift import calibration, distance, persona_mixture
from confound.statistics.drift.corrected_distance import METHODS, CorrectedTvd, corrected_tvd, effective_counts
from confound.statistics.drift.excess import null_means
from confound.statistics.drift.permutation import permutation_test
from tests.statistics.drift.test_distance import TWINS_DIARY, TWINS_THRILLER, arm_pairs


def corrected(treated, control, *, seed=0, pvalue=None, **options) -> CorrectedTvd:
    """Return the corrected distance with its own exact p-value unless one is given."""
    rng = np.random.default_rng(seed)
    if pvalue is None:
        pvalue = permutation_test(treated, control, rng=rng).pvalue
    return corrected_tvd(treated, control, pvalue=pvalue, **options)


def personas(rng, n_personas=12, n_answers=4, sizes=(8, 6)) -> tuple[np.ndarray, np.ndarray]:
    """Return counts of personas that drift, all differently, in arms of unequal size."""
    shares = rng.dirichlet(np.ones(n_answers), size=(2, n_personas))
    return rng.multinomial(sizes[0], shares[0]), rng.multinomial(sizes[1], shares[1])


# Properties.


@settings(deadline=None, max_examples=40)
@given(arm_pairs(), st.sampled_from(METHODS), st.sampled_from([0.001, 0.04, 0.06, 1.0]))
def test_estimate_and_interval_are_ordered_within_0_and_1(arms, method, pvalue):
    """Whatever the counts, 0 <= ci_low <= estimate <= ci_high <= 1, or the interval is not a number."""
    result = corrected(*arms, pvalue=pvalue, method=method)
    assert 0 <= result.estimate <= 1
    assert result.method == method
    if not np.isnan(result.ci_low):
        assert 0 <= result.ci_low <= result.estimate <= result.ci_high <= 1


@settings(deadline=None, max_examples=25)
@given(arm_pairs(), st.sampled_from([0.0, 1e-9, 0.009, 0.011, 0.049, 0.051, 1.0]), st.sampled_from([0.95, 0.99]))
def test_lower_end_is_0_exactly_where_the_test_does_not_reject(arms, pvalue, confidence):
    """The interval holds 0 if and only if the exact test keeps no drift at its level, answers given alike aside."""
    result = corrected(*arms, pvalue=pvalue, confidence=confidence)
    one_answer = (arms[0] + arms[1]).any(axis=0).sum() == 1
    assert (result.ci_low > 0) == (pvalue <= 1 - confidence and not one_answer)


@pytest.mark.parametrize("method", METHODS)
def test_names_and_order_of_personas_and_answers_change_nothing(method):
    """Personas and answers in another order, and an answer nobody gave, leave every digit as it was."""
    rng = np.random.default_rng(5)
    treated, control = personas(rng)
    rows, columns = rng.permutation(12), rng.permutation(4)
    moved = [np.pad(arm[rows][:, columns], ((0, 0), (1, 0))) for arm in (treated, control)]
    assert corrected(*moved, method=method) == corrected(treated, control, method=method)


@pytest.mark.parametrize("method", METHODS)
def test_one_answer_cannot_drift(method):
    """Where only one answer was ever given the distance is 0, and so is its interval."""
    counts = np.array([[0, 4, 0], [0, 2, 0]])
    assert corrected(counts, counts * 2, method=method) == CorrectedTvd(0.0, 0.0, 0.0, method)


@pytest.mark.parametrize(("sharp", "at_most"), [(np.array([30, 0, 0, 0]), 0.01), (np.array([12, 9, 6, 3]), 0.03)])
def test_equal_arms_have_hardly_any_distance(sharp, at_most):
    """Personas who answer alike in both arms are found not to drift, nearly deterministic ones above all."""
    counts = np.array([np.roll(sharp, i) for i in range(50)])
    result = corrected(counts, counts)
    assert result.estimate <= at_most
    assert result.ci_low == 0


def test_arms_without_a_common_answer_are_at_distance_one():
    """The other end of the scale is reached as well."""
    treated, control = np.array([[30, 0]] * 40), np.array([[0, 30]] * 40)
    result = corrected(treated, control)
    assert result.estimate == pytest.approx(1, abs=0.01)
    assert result.ci_high > 0.99
    for method in ("plugin", "jackknife", "bootstrap", "folded", "npmle"):
        assert corrected(treated, control, method=method).estimate == pytest.approx(1)


def test_between_subjects_has_an_interval_from_the_mixture_only():
    """Two samples have no personas to draw anew, but the mixture's interval holds below the plug-in's bias."""
    result = corrected(TWINS_THRILLER, TWINS_DIARY)
    assert 0 < result.ci_low < result.estimate < distance.plugin(TWINS_THRILLER, TWINS_DIARY) < result.ci_high
    for method in METHODS[:-1]:
        assert np.isnan(corrected(TWINS_THRILLER, TWINS_DIARY, method=method).ci_low)


@pytest.mark.parametrize(
    "arms",
    [
        (np.array([[1, 0]]), np.array([[0, 1]])),
        (np.array([[1, 0], [0, 1]]), np.array([[0, 9], [1, 0]])),
        personas(np.random.default_rng(1), n_personas=40, n_answers=30),
        (np.array([[4000, 3000, 3000]]), np.array([[2100, 1600, 1300]])),
        tuple(np.random.default_rng(2).multinomial(np.arange(1, 31), np.ones(3) / 3, size=(2, 30))),
    ],
    ids=["one answer an arm", "two personas", "thirty answers", "thousands of answers", "arms of all sizes"],
)
def test_extreme_designs_give_an_estimate(arms):
    """From one answer an arm to thousands, from two kinds of answer to thirty, no warning and no NaN."""
    result = corrected(*arms)
    assert np.isfinite([result.estimate, result.ci_low, result.ci_high]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "best"}, "method must be one of plugin, null, .* but got 'best'"),
        ({"pvalue": 1.5}, r"pvalue must lie in the interval \[0, 1\] but got 1.5"),
        ({"pvalue": np.nan}, r"pvalue must lie in the interval \[0, 1\] but got nan"),
        ({"confidence": 95}, r"confidence must lie in the interval \(0, 1\) but got 95"),
    ],
)
def test_bad_options_are_refused_by_name(options, message):
    """What cannot be is refused, naming the option and its value."""
    counts = np.array([[3, 1]])
    with pytest.raises(ValueError, match=message):
        corrected_tvd(counts, counts, **({"pvalue": 0.5} | options))


# The corrections in use.


def test_plugin_and_null_are_those_of_tvd():
    """The uncorrected distance, and the one less its null mean, are what `distance` says."""
    treated, control = personas(np.random.default_rng(3))
    plugin = distance.plugin(treated, control)
    assert corrected(treated, control, method="plugin").estimate == pytest.approx(plugin)
    expected = plugin - distance.null_mean(treated, control)
    assert corrected(treated, control, method="null").estimate == pytest.approx(expected)


def test_jackknife_leaves_out_each_answer_in_turn():
    """The closed form equals leaving the answers out one by one, arm by arm."""
    treated, control = np.array([[5, 2, 1]]), np.array([[1, 3, 0]])
    whole = distance.plugin(treated, control)
    expected = whole
    for arm, other in ((treated, control), (control, treated)):
        answers = np.repeat(np.arange(3), arm[0])
        without = [
            distance.plugin(np.bincount(np.delete(answers, i), minlength=3)[None], other) for i in range(len(answers))
        ]
        expected -= (len(answers) - 1) * (np.mean(without) - whole)
    assert corrected(treated, control, method="jackknife").estimate == pytest.approx(expected)


def test_bootstrap_is_twice_the_plugin_less_the_resampled_mean():
    """With two answers the resampled mean is a sum over two binomials."""
    treated, control = np.array([[6, 2]] * 400), np.array([[2, 3]] * 400)
    mean = sum(
        binom(8, 6 / 8).pmf(a) * binom(5, 2 / 5).pmf(b) * abs(a / 8 - b / 5) for a, b in product(range(9), range(6))
    )
    expected = 2 * distance.plugin(treated, control) - mean
    assert corrected(treated, control, method="bootstrap").estimate == pytest.approx(expected, abs=0.003)


def test_folded_maximises_the_folded_normal_likelihood():
    """Each answer's difference is the one most likely to be observed: Allen et al. (2015), eq. 12, and PySAL."""
    treated, control = np.array([[16, 3, 1]]), np.array([[6, 9, 5]])
    expected = 0.0
    for a, b in zip(treated[0] / 20, control[0] / 20, strict=True):
        error = np.sqrt(a * (1 - a) / 20 + b * (1 - b) / 20)
        observed = abs(a - b) / error
        likelihood = lambda mean, x=observed: -(norm.pdf(x - mean) + norm.pdf(x + mean))  # noqa: E731
        found = minimize_scalar(likelihood, bounds=(0, 10), method="bounded", options={"xatol": 1e-10})
        expected += 0.5 * error * found.x
    assert corrected(treated, control, method="folded").estimate == pytest.approx(expected, abs=1e-5)


def test_folded_calls_a_difference_below_its_error_none():
    """A difference of less than one standard error is most likely folded from 0."""
    assert corrected(np.array([[11, 9]]), np.array([[9, 11]]), method="folded").estimate == 0


def test_npmle_finds_the_distance_of_a_known_mixture():
    """Half the personas do not drift and half drift by .4: with many answers each is seen for what it is."""
    same, moved = [[5000, 5000]], [[9000, 1000]]
    treated, control = np.array(same * 5 + moved * 5), np.array(same * 10)
    assert corrected(treated, control, method="npmle").estimate == pytest.approx(0.2, abs=0.02)


# What the mixture rests on.


def test_null_means_by_margin_are_those_of_tvd():
    """The table that calibration looks up agrees with the exact null mean, answer by answer."""
    table = null_means(7, 4)
    for treated in range(8):
        for control in range(5):
            counts = np.array([[treated, 7 - treated]]), np.array([[control, 4 - control]])
            expected = distance.null_mean(*counts) / 2
            assert table[treated + control] == pytest.approx(expected, abs=1e-12)


def test_importance_sampling_finds_the_closed_form_likelihoods():
    """Of no drift and of unrelated arms the likelihood has a closed form, which the draws must reproduce."""
    rng = np.random.default_rng(8)
    treated, control = personas(rng, n_personas=30, n_answers=3, sizes=(12, 12))
    fitted = persona_mixture.fit(treated, control, rng)
    margin = (treated + control).sum(axis=0) + 0.5
    alphas = persona_mixture._dictionary(margin / margin.sum())  # noqa: SLF001
    first, second = (persona_mixture._base(arm, alphas) for arm in (control, treated))  # noqa: SLF001

    def log_marginal(counts, base):
        log_ratio = gammaln(base.alphas + counts[:, None]).sum(axis=2) - gammaln(
            base.alphas.sum(axis=1) + counts.sum(axis=1, keepdims=True)
        )
        constant = gammaln(base.alphas).sum(axis=1) - gammaln(base.alphas.sum(axis=1))
        return logsumexp(base.log_weights + log_ratio - constant, axis=1)

    expected = log_marginal(treated + control, first) - log_marginal(treated, second) - log_marginal(control, first)
    unrelated = persona_mixture.PERSONA_KINDS.index(persona_mixture.Kind(leak=1.0))
    found = np.log(fitted.likelihoods[:, 0] / fitted.likelihoods[:, unrelated])
    assert np.abs(found - expected).mean() < 0.12
    assert abs((found - expected).mean()) < 0.05


def test_tabled_dirichlet_multinomial_is_the_exact_one():
    """Interpolating the log rising factorial costs less than 0.002 of log likelihood."""
    treated, shares = np.array([[7, 3]]), np.array([[[0.83, 0.17], [0.01, 0.99]]])
    kinds = [j for j, kind in enumerate(persona_mixture.PERSONA_KINDS) if np.isfinite(kind.precision)]
    found = persona_mixture._log_dirichlet_multinomial(treated, np.log(shares).transpose(2, 0, 1), kinds)  # noqa: SLF001
    for j, value in zip(kinds, found, strict=True):
        a, b = persona_mixture.PERSONA_KINDS[j].precision * shares[0].T
        assert value[0] == pytest.approx(betaln(a + 7, b + 3) - betaln(a, b), abs=2e-3)


def test_posterior_of_kinds_is_that_of_enumeration():
    """With one persona that two kinds explain, the chance of each follows from the prior by Bayes' rule."""
    likelihoods = np.zeros((1, len(persona_mixture.PERSONA_KINDS)))
    likelihoods[0, 0], likelihoods[0, 5] = 0.1, 1.0
    rng = np.random.default_rng(4)
    draws = np.concatenate([calibration.draw_labels(likelihoods, rng) for _ in range(10)])
    drifts = float(calibration._drifting_prior() @ calibration.DRIFTING)  # noqa: SLF001
    of_its_kind = drifts / (len(persona_mixture.PERSONA_KINDS) - 1)
    expected = 0.1 * (1 - drifts) / (0.1 * (1 - drifts) + of_its_kind)
    assert set(np.unique(draws)) == {0, 5}
    assert (draws == 0).mean() == pytest.approx(expected, abs=0.06)


def test_ends_reach_the_bounds_for_any_shape_as_far_as_the_shape_is_open():
    """The likely end stays where the counts show the shape, and is at the bound where they do not."""
    assert calibration._reach(0.02, 0.1, 0.0) == pytest.approx(0.02)  # noqa: SLF001
    assert calibration._reach(0.02, 0.1, 1.0) == pytest.approx(0.1)  # noqa: SLF001
    assert calibration._reach(0.1, 0.02, 1.0) == pytest.approx(0.1)  # noqa: SLF001
    assert 0.02 < calibration._reach(0.02, 0.1, 0.3) < 0.05  # noqa: SLF001


def test_shape_is_open_with_two_trials_and_seen_with_many():
    """Two trials say nothing about the shape, hundreds nearly all."""
    rng = np.random.default_rng(6)
    opened = []
    for n in (2, 30, 500):
        treated, control = rng.multinomial(n, [0.4, 0.3, 0.2, 0.1], size=(2, 50))
        excess = distance.plugin(treated, control) - distance.null_mean(treated, control)
        opened.append(calibration._unseen(treated, control, excess))  # noqa: SLF001
    assert opened[0] == 1
    assert 0.1 < opened[1] < 0.5
    assert opened[2] < 0.03


# Known truth.


def test_generated_logs_have_the_distance_aimed_at_and_come_again():
    """The benchmark's logs depend on cell, replicate and seed alone, and their truth is near what was aimed at."""
    for cell in cells():
        if cell.n_trials == 5 and cell.n_personas == 100:
            logs = [draw(cell, number, 1) for number in range(6)]
            again = draw(cell, 3, 1)
            assert (logs[3].treated == again.treated).all()
            assert (logs[3].control.sum(axis=1) == 5).all()
            assert np.mean([log.tvd for log in logs]) == pytest.approx(np.mean(SIZES[cell.drift]), abs=0.06)


def test_no_drift_is_seldom_given_a_distance():
    """With no drift, 30 trials and 50 personas, the estimate stays below .05 and the plug-in near .1."""
    rng = np.random.default_rng(2)
    shares = rng.dirichlet(np.ones(3), size=50)
    treated, control = rng.multinomial(30, shares), rng.multinomial(30, shares)
    assert distance.plugin(treated, control) > 0.08
    assert corrected(treated, control, pvalue=1.0).estimate < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("drift", SIZES)
def test_mixture_is_nearly_unbiased_and_its_interval_covers(drift):
    """Calibration, 24 logs a kind of drift: bias, error and coverage are what the published table has."""
    found = validity.run_cell(Cell(4, 30, 100, drift), 24, seed=99)
    ours = validity.summarise(Cell(4, 30, 100, drift), found)[-1]
    assert ours.method == "mixture"
    assert abs(ours.bias) < 0.025
    assert ours.rmse < 0.035
    assert ours.coverage >= 0.83


def test_effective_counts_of_single_answers_are_the_counts() -> None:
    """One answer a persona: nothing is lost."""
    rows = np.eye(4, dtype=np.int64)[np.random.default_rng(0).integers(4, size=50)]
    np.testing.assert_array_equal(effective_counts(rows), rows.sum(axis=0))


def test_effective_counts_of_like_minded_personas_are_personas() -> None:
    """Personas that always answer alike are worth one answer each, whatever the number of trials."""
    rows = 30 * np.eye(3, dtype=np.int64)[[0] * 10 + [1] * 6 + [2] * 4]
    np.testing.assert_array_equal(effective_counts(rows), [10, 6, 4])


def test_effective_counts_of_independent_answers_are_nearly_all() -> None:
    """Personas drawn from one distribution are worth nearly as many answers as they gave."""
    rows = np.random.default_rng(1).multinomial(10, [0.2, 0.3, 0.5], size=400)
    found = effective_counts(rows)
    assert 3500 < found.sum() <= 4000
    assert np.abs(found / found.sum() - rows.sum(axis=0) / 4000).max() < 1e-3


def test_effective_counts_have_the_variance_of_the_personas_average() -> None:
    """Over many logs, p (1 - p) over the effective size is the variance of the averaged share."""
    rng = np.random.default_rng(2)
    shares, sizes = [], []
    for _ in range(400):
        rows = rng.multinomial(5, rng.dirichlet([1.0, 1.0], size=40))
        shares.append((rows / 5).mean(axis=0)[0])
        sizes.append(effective_counts(rows).sum())
    assert np.var(shares) == pytest.approx(0.25 / np.mean(sizes), rel=0.2)
