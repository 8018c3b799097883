"""Whether the population moved: level where rare answers are adopted, power, and what the numbers depend on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confound.statistics.effect.population_shift import Answered, Shift, shift

REPLICATES = 100


def answered(shares: object, n: float = 20.0) -> Answered:
    """Return shares that rest on n answers a persona."""
    held = np.asarray(shares, dtype=np.float64)
    return Answered(held, np.full(len(held), n))


def adopting(
    rng: np.random.Generator, mean: np.ndarray, *, personas: int, follow: float, some: float = 1.0, moved: float = 0.0
) -> Shift:
    """Test personas, some of whom adopt an answer that a share of theirs follows, and who move towards the first."""
    n = 60
    likely = rng.dirichlet(10 * mean, size=personas)
    before = rng.multinomial(n, likely) / n
    likely = (1 - moved) * likely + moved * np.eye(len(mean))[0]
    taken = (rng.random((personas, 1)) >= np.cumsum(likely, axis=1)[:, :-1]).sum(axis=1)
    follows = follow * (rng.random((personas, 1)) < some)
    after = rng.multinomial(n, follows * np.eye(len(mean))[taken] + (1 - follows) * likely) / n
    return shift(answered(before, n), answered(after, n))


def rare(share: float, answers: int) -> np.ndarray:
    """Return shares of answers of which the first is rare."""
    return np.asarray([share, *[(1 - share) / (answers - 1)] * (answers - 1)])


def test_a_shift_of_everyone_is_found() -> None:
    """If all of ten personas move the same way, only two of 1,024 sign flips are as far."""
    found = shift(answered([[0.5, 0.5]] * 10), answered([[0.9, 0.1]] * 10))
    assert found.distance == pytest.approx(0.4)
    assert found.pvalue == pytest.approx(2 / 1024, abs=0.004)
    assert found.null_mean < 0.12


def test_nobody_of_a_few_adopting_a_rare_answer_is_no_shift() -> None:
    """Of ten personas that say yes 4 % of the time none need adopt it; sign flips alone give p = 2/1,024."""
    likely = 0.96**10  # that nobody does
    found = shift(answered([[0.04, 0.96]] * 10, 50), answered([[0.0, 1.0]] * 10, 50))
    assert likely - 0.1 < found.pvalue


def test_one_answer_each_is_the_sign_test() -> None:
    """With one answer before and after, six of six personas that changed to yes have p = 2/64."""
    found = shift(answered([[1, 0]] * 6 + [[0, 1]] * 20, 1), answered([[0, 1]] * 26, 1))
    assert found.pvalue == pytest.approx(2 / 64, abs=0.012)


def test_a_persona_not_asked_twice_is_left_out() -> None:
    """Missing shares are left out and counted."""
    before = answered([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    found = shift(before, answered([[0.6, 0.4], [np.nan, np.nan], [0.8, 0.2]]))
    assert (found.n_personas, found.distance) == (2, pytest.approx(0.2))
    nobody = shift(before, answered(np.full((3, 2), np.nan)))
    assert nobody.n_personas == 0
    assert np.isnan(nobody.pvalue)


def test_an_answer_that_all_give_has_not_moved() -> None:
    """Nothing to adopt and nothing moved: distance 0 and p = 1."""
    assert shift(answered([[1.0, 0.0]] * 5), answered([[1.0, 0.0]] * 5)) == Shift(0.0, 0.0, 1.0, 5)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_numbers_depend_on_no_order(seed: int) -> None:
    """Personas and answers in another order give the same digits."""
    rng = np.random.default_rng(seed)
    before, after = rng.multinomial(8, [0.5, 0.3, 0.2], size=(2, 7)) / 8
    personas, answers = rng.permutation(7), rng.permutation(3)
    other = [answered(shares[personas][:, answers], 8) for shares in (before, after)]
    assert shift(answered(before, 8), answered(after, 8)) == shift(*other)


@pytest.mark.slow
@pytest.mark.parametrize("personas", [10, 30, 100])
@pytest.mark.parametrize(("share", "answers"), [(0.02, 2), (0.05, 4), (0.1, 10)])
@pytest.mark.parametrize("follow", [0.95, 0.5, 0.0])
def test_level_is_held(personas: int, share: float, answers: int, follow: float) -> None:
    """With no shift at most .05 of logs are rejected, whether an answer is adopted or not; sign flips reach .6."""
    rng = np.random.default_rng([5, personas, answers])
    rejected = [
        adopting(rng, rare(share, answers), personas=personas, follow=follow).pvalue <= 0.05 for _ in range(REPLICATES)
    ]
    assert np.mean(rejected) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / REPLICATES)


@pytest.mark.slow
def test_level_is_held_where_some_adopt() -> None:
    """Of 300 personas 30 % adopt an answer that 2 % give or the other; sign flips reject in .17 of logs."""
    rng = np.random.default_rng(9)
    rejected = [
        adopting(rng, rare(0.02, 2), personas=300, follow=1.0, some=0.3).pvalue <= 0.05 for _ in range(REPLICATES)
    ]
    assert np.mean(rejected) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / REPLICATES)


@pytest.mark.slow
@pytest.mark.parametrize(("follow", "least"), [(0.95, 0.35), (0.5, 0.9), (0.0, 0.98)])
def test_a_shift_of_a_tenth_is_found(follow: float, least: float) -> None:
    """Of 100 personas a tenth of all answers moves to a rare one of four."""
    rng = np.random.default_rng(6)
    found = [
        adopting(rng, rare(0.05, 4), personas=100, follow=follow, moved=0.1).pvalue <= 0.05 for _ in range(REPLICATES)
    ]
    assert np.mean(found) > least
