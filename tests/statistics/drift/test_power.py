"""Tests of `power` against the tests themselves, closed forms, and each other."""

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks.validity.drift.power import Cell, run_cell
from confound.statistics.drift import power_of_tests
from confound.statistics.drift.binomial import binomial_law
from confound.statistics.drift.common_direction import common_direction_test
from confound.statistics.drift.permutation import cluster_permutation_test, permutation_test
from confound.statistics.drift.power import Family, detectable_tvd, needed_personas, needed_trials, power_to_detect
from tests.statistics.drift.test_distance import relabelled_distances


def seeded() -> np.random.Generator:
    """Return the generator that the design calculations below share."""
    return np.random.default_rng(20260605)


def rejection_rate(
    distance: float, personas: int, trials: int, n_answers: int, direction: str, design: str, n: int
) -> float:
    """Simulate logs with this drift and return how often the test itself rejects at level .05."""
    rng = seeded()
    moved = distance / (1 - 1 / n_answers)
    rejected = 0
    for _ in range(n):
        before, other = rng.dirichlet(np.ones(n_answers), size=(2, personas))
        varied = direction == "varied" and design == "within"
        target = rng.integers(n_answers, size=personas if varied else 1)
        start = before if design == "within" else other
        treated = rng.multinomial(trials, (1 - moved) * start + moved * np.eye(n_answers)[target])
        control = rng.multinomial(trials, before)
        if design == "between":
            result = cluster_permutation_test(treated, control, rng=rng, n_resamples=499).pvalue
        elif varied:
            result = permutation_test(treated, control, rng=rng).pvalue
        else:
            result = common_direction_test(treated, control, rng=rng, n_resamples=499).pvalue
        rejected += result <= 0.05
    return rejected / n


@pytest.mark.slow
@pytest.mark.parametrize(
    ("personas", "trials", "n_answers", "direction", "design"),
    [
        (100, 30, 4, "varied", "within"),
        (100, 5, 4, "varied", "within"),
        (10, 30, 4, "varied", "within"),
        (10, 5, 2, "varied", "within"),
        (100, 30, 4, "common", "within"),
        (10, 5, 4, "common", "within"),
        (60, 1, 5, "common", "between"),
        (30, 5, 4, "common", "between"),
    ],
)
def test_detectable_distance_is_found_with_the_power_stated(personas, trials, n_answers, direction, design):
    """Calibration: at the distance said to be found with power .8 the test itself finds it with .72 to .88."""
    distance = detectable_tvd(personas, trials, n_answers, rng=seeded(), direction=direction, design=design)
    n = 300
    found = rejection_rate(distance, personas, trials, n_answers, direction, design, n)
    error = 3 * np.sqrt(0.8 * 0.2 / n)
    assert 0.72 - error < found < 0.85 + error
    if personas == 100:
        assert abs(found - 0.8) < error + 0.02


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [
        Cell(2, 4),
        Cell(5, 4, n_controls=12),
        Cell(5, 2, n_controls=12, drifting="one"),
        Cell(1, 4, n_controls=12, direction="common", design="between"),
    ],
    ids=str,
)
def test_the_verdict_finds_what_it_is_said_to_find(cell):
    """Calibration: the verdict's own tests find the drift said to be found with power .8 in .7 to .9 of 150 logs."""
    found = run_cell(cell, 150, 20260605)
    assert abs(found.achieved - 0.8) < 3 * np.sqrt(0.8 * 0.2 / 150)


def test_mean_excess_is_that_of_enumerating_both_arms():
    """The exact expected excess of a persona equals the sum over all possible counts of both arms."""
    after, before, trials = np.array([0.7, 0.3]), np.array([0.4, 0.6]), 3
    expected = 0.0
    law = [binomial_law(trials, np.array([p]))[0] for p in (after[0], before[0])]
    for a in range(4):
        for b in range(4):
            x, y = np.array([a, 3 - a]), np.array([b, 3 - b])
            none = sum(float(d) * float(chance) for d, chance in relabelled_distances(x, y).items())
            expected += law[0][a] * law[1][b] * (abs(a - b) / trials - none)
    counts = [power_of_tests._counts(trials, shares[None]) for shares in (after, before)]  # noqa: SLF001
    found = power_of_tests._mean_excess(*counts, trials)  # noqa: SLF001
    assert found[0] == pytest.approx(expected, abs=1e-12)
    assert power_of_tests._mean_excess(counts[1], counts[1], trials)[0] == pytest.approx(0, abs=1e-12)  # noqa: SLF001


def test_two_answers_in_a_common_direction_follow_the_textbook_formula():
    """With two answers and equal personas, power is that of comparing two proportions."""
    pool, distance, personas, trials = np.array([[0.5, 0.5]]), 0.1, 10, 20
    found = power_to_detect(distance, personas=personas, trials=trials, answers=pool, rng=seeded(), direction="common")
    pooled = 0.55
    z = distance / np.sqrt(2 * pooled * (1 - pooled) / (personas * trials))
    expected = norm.cdf(z - norm.isf(0.025)) + norm.cdf(-z - norm.isf(0.025))
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("direction", "design"), [("varied", "within"), ("common", "within"), ("common", "between")])
def test_detectable_distance_and_needed_design_invert_each_other(direction, design):
    """The personas needed for the detectable distance are those one started from, and power there is .8."""
    choices = {"direction": direction, "design": design}
    distance = detectable_tvd(80, 10, 4, rng=seeded(), **choices)
    assert power_to_detect(distance, personas=80, trials=10, answers=4, rng=seeded(), **choices) == pytest.approx(
        0.8, abs=0.02
    )
    assert needed_personas(distance, trials=10, answers=4, rng=seeded(), **choices) == pytest.approx(80, rel=0.05)
    if design == "within":
        assert needed_trials(distance, personas=80, answers=4, rng=seeded(), **choices) == pytest.approx(10, abs=1)


def test_more_of_anything_finds_smaller_drift():
    """The detectable distance falls with personas, trials and the level, and rises with the power asked for."""
    base = detectable_tvd(50, 10, 4, rng=seeded())
    assert detectable_tvd(100, 10, 4, rng=seeded()) < base
    assert detectable_tvd(50, 20, 4, rng=seeded()) < base
    assert detectable_tvd(50, 10, 4, rng=seeded(), level=0.1) < base
    assert detectable_tvd(50, 10, 4, rng=seeded(), power=0.9) > base


def test_common_drift_is_found_sooner_than_varied():
    """At 100 personas and 30 trials the common-direction test finds less than half of the drift."""
    common = detectable_tvd(100, 30, 4, rng=seeded(), direction="common")
    assert common < 0.5 * detectable_tvd(100, 30, 4, rng=seeded(), direction="varied")


def test_what_cannot_be_found_has_no_number():
    """A design too small for any drift gives NaN, and personas who differ set a limit to what trials can do."""
    assert np.isnan(detectable_tvd(1, 2, 2, rng=seeded()))
    assert np.isnan(detectable_tvd(3, 1, 2, rng=seeded(), design="between"))
    assert needed_trials(0.05, personas=20, answers=4, rng=seeded(), design="between") is None
    assert np.isnan(detectable_tvd(100, 1, 4, rng=seeded(), direction="varied"))


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"level": 0.0}, r"level must lie in the interval \(0, 1\) but got 0.0"),
        ({"power": 0.01}, "power must be between the level, 0.05, and 1 but got 0.01"),
        ({"direction": "up"}, "direction must be 'common' or 'varied' but got 'up'"),
        ({"design": "nested"}, "design must be 'within' or 'between' but got 'nested'"),
        ({"answers": 1}, "answers must be at least 2 but got 1"),
        ({"answers": [[0.5, 0.6]]}, "shares in rows"),
        ({"personas": 0}, "personas must be at least 1 but got 0"),
    ],
)
def test_bad_designs_are_refused(choices, message):
    """What is outside its range is refused with what was found."""
    arguments = {"personas": 10, "trials": 10, "answers": 3, **choices}
    with pytest.raises(ValueError, match=message):
        detectable_tvd(**arguments, rng=seeded())


def test_distance_beyond_reach_is_refused():
    """No drift can exceed what moving all answers makes."""
    with pytest.raises(ValueError, match=r"distance must be above 0 and at most 0\.5 here but got 0\.9"):
        needed_personas(0.9, trials=10, answers=[[0.5, 0.5]], rng=seeded())


def test_a_family_of_one_control_is_decided_by_its_two_tests():
    """The verdict on one control finds a little more than the distance test at half the level, and less than at all."""
    verdict = power_to_detect(0.08, personas=100, trials=30, answers=4, rng=seeded(), family=Family())
    half, whole = (
        power_to_detect(0.08, personas=100, trials=30, answers=4, rng=seeded(), level=level) for level in (0.025, 0.05)
    )
    assert half <= verdict < whole


@pytest.mark.parametrize("design", ["within", "between"])
def test_more_controls_and_contrasts_ask_for_more_or_give_more(design):
    """Many controls alike show a smaller drift, one alone must be larger, and each contrast more makes it harder."""

    def detectable(controls: int, contrasts: int = 1, drifting: str = "all") -> float:
        family = Family(controls, contrasts, drifting)
        return detectable_tvd(60, 5, 3, rng=seeded(), design=design, family=family)

    assert detectable(64) < detectable(12) < detectable(2) < detectable(1)
    assert detectable(1) < detectable(2, drifting="one") < detectable(12, drifting="one")
    assert detectable(12) < detectable(12, 6)
    assert detectable(12, drifting="one") < detectable(12, 6, "one")


@pytest.mark.parametrize("design", ["within", "between"])
def test_sizes_for_a_family_give_the_power_asked_for(design):
    """Personas and trials that a family needs have .8 power, and one less has not."""
    choices = {"answers": 3, "design": design, "family": Family(controls=12, contrasts=2)}
    personas = needed_personas(0.08, trials=5, rng=seeded(), **choices)
    for n, enough in ((personas, True), (personas - 1, False)):
        assert (power_to_detect(0.08, personas=n, trials=5, rng=seeded(), **choices) >= 0.8) is enough
    assert needed_trials(0.08, personas=personas, rng=seeded(), **choices) == pytest.approx(5, abs=1)


def test_one_answer_an_arm_shows_only_a_common_direction():
    """Within subjects one answer an arm gives the distance nothing to go by; the verdict's other test remains."""
    choices = {"rng": seeded(), "direction": "common"}
    assert np.isnan(detectable_tvd(100, 1, 4, rng=seeded(), direction="varied"))
    assert 0.1 < detectable_tvd(100, 1, 4, family=Family(), **choices) < 0.3
    assert 0.03 < detectable_tvd(100, 1, 4, family=Family(12), **choices) < 0.2


@pytest.mark.parametrize("design", ["within", "between"])
def test_no_order_of_the_pool_moves_a_digit(design):
    """Personas and answers in another order give the same detectable drift."""
    pool = seeded().dirichlet([1.0, 0.5, 2.0], size=40)
    moved = seeded().permutation(pool)[:, [2, 0, 1]]
    for family in (None, Family(4)):
        one, other = (
            detectable_tvd(40, 5, shares, rng=seeded(), design=design, family=family) for shares in (pool, moved)
        )
        assert one == pytest.approx(other, rel=1e-9)


@pytest.mark.parametrize("design", ["within", "between"])
def test_the_seed_moves_little(design):
    """Another seed moves the detectable drift by about 1 %."""
    pool = seeded().dirichlet([1.0, 0.5, 2.0], size=100)
    found = [
        detectable_tvd(100, 5, pool, rng=np.random.default_rng(i), design=design, family=Family(12)) for i in range(6)
    ]
    assert np.std(np.log(found)) < 0.01


def test_without_drift_the_verdict_is_wrong_no_more_often_than_the_level_says():
    """The power to find next to no drift is the level of the family or less."""
    for design in ("within", "between"):
        for family in (Family(), Family(12), Family(64, 6), Family(12, drifting="one")):
            found = power_to_detect(1e-6, personas=100, trials=5, answers=4, rng=seeded(), design=design, family=family)
            assert found <= 0.06 / family.contrasts + 0.002


def test_no_family_is_refused():
    """A family has a control and a contrast, and all drift or one."""
    for wrong, message in (({"controls": 0}, "controls must be"), ({"contrasts": 0}, "contrasts must be")):
        with pytest.raises(ValueError, match=message):
            Family(**wrong)
    with pytest.raises(ValueError, match="drifting must be 'all' or 'one' but got 'some'"):
        Family(drifting="some")
