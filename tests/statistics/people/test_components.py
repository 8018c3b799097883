"""Variance between personas and between the runs of each: published values, and what must not matter."""

import numpy as np
import pytest

from confound.statistics.people.components import components
from confound.statistics.people.marginals import gini_spread

# Shrout and Fleiss (1979), "Intraclass correlations: uses in assessing rater reliability", Psychological Bulletin 86,
# table 2: six targets, four ratings each. Table 3 gives mean squares of 11.24 and 6.26; ICC(1,1) is .17.
RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)


def of(answers: list[np.ndarray], **more: float):
    """Split the variance of personas' answers, however many each gave."""
    n = np.array([[len(own)] for own in answers])
    sums = np.array([[[own.sum()]] for own in answers])
    squares = np.array([[(own**2).sum()] for own in answers])
    return components(n, sums, squares, **more)


def test_it_is_what_shrout_and_fleiss_published() -> None:
    """The mean squares and the intraclass correlation of their table."""
    found = of(list(RATINGS))
    assert found.within == pytest.approx(6.26, abs=0.005)
    assert found.between * 4 + found.within == pytest.approx(11.24, abs=0.005)
    assert found.icc.value == pytest.approx(0.17, abs=0.005)
    assert found.icc.low < 0.17 < found.icc.high
    assert found.design_effect == pytest.approx(1 + 3 * found.icc.value)
    assert found.se(6, 4) == pytest.approx(np.sqrt(11.24 / 24), rel=1e-3)


def test_leaving_out_in_closed_form_is_leaving_out() -> None:
    """With unequal trials the interval is that of ratios of mean squares computed anew without each persona."""
    rng = np.random.default_rng(0)
    answers = [rng.normal(rng.normal(), 1, size) for size in rng.integers(2, 6, 20)]
    found = of(answers)

    def squares(own: list[np.ndarray]) -> float:
        every = np.concatenate(own)
        between = sum(len(o) * (o.mean() - every.mean()) ** 2 for o in own) / (len(own) - 1)
        within = sum(((o - o.mean()) ** 2).sum() for o in own) / (len(every) - len(own))
        return between / within

    logs = np.log([squares(answers[:i] + answers[i + 1 :]) for i in range(20)])
    half = 2.093024 * np.sqrt(19 / 20 * np.sum((logs - logs.mean()) ** 2))
    size = (found.icc.value - 1) * (1 - squares(answers)) / found.icc.value
    ends = np.exp(np.log(squares(answers)) + np.array([-half, half]))
    assert (found.icc.low, found.icc.high) == pytest.approx(tuple((ends - 1) / (ends - 1 + size)), rel=1e-5)


def test_arms_are_no_variance_between_personas() -> None:
    """A shift of an arm changes nothing, and neither does a unit."""
    rng = np.random.default_rng(1)
    answers = rng.normal(size=(15, 1, 1)) + rng.normal(size=(15, 2, 4))
    shifted = 3 * (answers + np.array([0.0, 100.0])[:, None])
    n = np.full((15, 2), 4)
    one, other = (components(n, v.sum(axis=2)[..., None], (v**2).sum(axis=2)) for v in (answers, shifted))
    assert other.icc == pytest.approx(one.icc, rel=1e-6)
    assert other.between == pytest.approx(9 * one.between, rel=1e-6)


def test_indicators_make_ginis_variance() -> None:
    """Of unordered answers both parts together are about the chance that two answers differ."""
    rng = np.random.default_rng(2)
    shares = rng.dirichlet([1, 1, 1], 400)
    counts = np.array([rng.multinomial(10, p) for p in shares])[:, None, :]
    found = components(counts.sum(axis=2), counts.astype(float), counts.sum(axis=2).astype(float))
    p = counts.sum(axis=(0, 1)) / counts.sum()
    assert found.between + found.within == pytest.approx(1 - np.sum(p**2), abs=0.005)
    # Dirichlet(1, 1, 1): the correlation of two answers is 1 / (1 + 3).
    assert found.icc.low < 0.25 < found.icc.high
    assert gini_spread(counts[:, 0] / 10).sd ** 2 == pytest.approx(1 - np.sum(p**2), rel=0.01)


def test_copies_and_single_answers() -> None:
    """Copies make the correlation 1 without an interval; single answers and one mind make none."""
    copies = of([np.full(3, float(i)) for i in range(5)])
    assert copies.icc.value == 1
    assert np.isnan(copies.icc.low)
    assert np.isnan(of([np.array([float(i)]) for i in range(5)]).icc.value)
    assert np.isnan(of([np.full(3, 0.1 + 0.2)] * 5).icc.value)


@pytest.mark.slow
def test_intervals_cover() -> None:
    """Of 400 logs of 100 personas with five answers, at least 92 % of the intervals hold the truth."""
    rng, held = np.random.default_rng(3), 0
    for _ in range(400):
        answers = np.sqrt(0.3) * rng.normal(size=(100, 1)) + np.sqrt(0.7) * rng.normal(size=(100, 5))
        found = of(list(answers))
        held += found.icc.low < 0.3 < found.icc.high
    assert held / 400 >= 0.92
