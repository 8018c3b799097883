"""Tests of `measured`: each part against the function that it comes from."""

import numpy as np
import pytest
from hypothesis import given

from confound.statistics.drift import distance
from confound.statistics.drift.corrected_distance import corrected_tvd
from confound.statistics.drift.measured import measured_drift, persona_drift
from confound.statistics.drift.permutation import permutation_test
from tests.statistics.drift.test_distance import arm_pairs


@given(arm_pairs())
def test_persona_drift_has_the_sign_and_order_of_the_excess(arms):
    """The signed root is positive where the distance exceeds its no-drift mean, and at most the distance."""
    distances, none = distance.stratum_distances(*arms), distance.stratum_null_means(*arms)
    drift = persona_drift(*arms)
    clear = np.abs(distances - none) > 1e-9
    assert (np.sign(drift)[clear] == np.sign(distances - none)[clear]).all()
    assert (drift <= distances + 1e-9).all()


def test_measured_drift_is_the_corrected_distance_of_the_personas_with_enough_answers():
    """Personas with fewer than two answers in an arm keep their row, and change nothing else."""
    rng = np.random.default_rng(1)
    treated, control = rng.multinomial(8, rng.dirichlet(np.ones(3), size=(2, 20)))
    found = measured_drift(np.vstack([treated, [[1, 0, 0]]]), np.vstack([control, [[5, 0, 0]]]))
    pvalue = permutation_test(treated, control, rng=rng).pvalue
    expected = corrected_tvd(treated, control, pvalue=pvalue)
    assert (found.estimate, found.ci_low, found.ci_high) == (expected.estimate, expected.ci_low, expected.ci_high)
    assert found.by_persona[:-1] == pytest.approx(persona_drift(treated, control))
    assert found.by_chance[:-1] == pytest.approx(distance.stratum_null_means(treated, control))
    assert np.isnan([found.by_persona[-1], found.by_chance[-1]]).all()
    assert found.distances.mean() == pytest.approx(found.estimate, abs=0.1)
    assert (found.squares <= 2 * found.distances + 1e-9).all()


def test_names_and_orders_do_not_move_what_is_measured():
    """The same counts in another order of personas and answers give the same digits."""
    rng = np.random.default_rng(2)
    treated, control = rng.multinomial(6, rng.dirichlet(np.ones(4), size=(2, 15)))
    found = measured_drift(treated, control)
    rows, columns = rng.permutation(15), rng.permutation(4)
    other = measured_drift(treated[rows][:, columns], control[rows][:, columns])
    assert (other.estimate, other.ci_low, other.ci_high) == (found.estimate, found.ci_low, found.ci_high)
    assert (other.distances == found.distances).all()
    assert other.by_persona == pytest.approx(found.by_persona[rows])


def test_drift_that_few_personas_have_is_more_uneven():
    """The posterior tells few personas that drift strongly from all drifting a little, at the same distance."""
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.ones(4), size=100)
    gap = np.eye(4)[shares.argmin(axis=1)] - shares
    few = np.where(np.arange(100) < 16, 0.6, 0.0)
    drawn = []
    for amount in (np.full(100, 0.1), few):
        moved = shares + amount[:, None] * gap / (0.5 * np.abs(gap).sum(axis=1, keepdims=True))
        moved = np.maximum(moved, 0) / np.maximum(moved, 0).sum(axis=1, keepdims=True)
        found = measured_drift(rng.multinomial(30, moved), rng.multinomial(30, shares))
        drawn.append(np.median(np.sqrt(found.squares) / found.distances))
    assert drawn[1] > 1.4 * drawn[0]


def test_nothing_measured_is_not_a_number():
    """Without a persona with two answers an arm there is no estimate; with one answer in all there is no drift."""
    found = measured_drift([[1, 0]], [[0, 1]])
    assert np.isnan([found.estimate, found.ci_low, found.ci_high, found.by_persona[0]]).all()
    assert found.distances.size == 0
    same = measured_drift([[5, 0], [4, 0]], [[5, 0], [5, 0]])
    assert (same.estimate, same.ci_high, same.distances.max()) == (0.0, 0.0, 0.0)
