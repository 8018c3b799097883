"""Effects on people with the help of simulated users: published sizes, plain formulas, and no bias."""

import numpy as np
import pytest

from confound.statistics.people.combined import Arm, Others, combined, effective_size


def arms(rng: np.random.Generator, n: int = 60, rho: float = 0.7) -> tuple[Arm, Arm]:
    """Draw people and personas, with an effect of 0.3 on people and of 1 on personas."""
    made = []
    for treated in (1, 0):
        twin = rng.normal(size=n)
        made.append(Arm(rho * twin + np.sqrt(1 - rho**2) * rng.normal(size=n) + 0.3 * treated, twin + treated))
    return made[0], made[1]


def test_effective_sizes_are_those_published() -> None:
    """Broska, Howes and van Loon (2024): 10,000 people and 100,000 simulated users."""
    assert int(effective_size(10_000, 100_000, 0.353)) == 11_277
    assert int(effective_size(10_000, 100_000, 0.055)) == 10_027
    assert effective_size(100, 0, 0.9) == 100


def test_it_is_the_formula_of_ppi() -> None:
    """Weight and estimate follow from variances and covariances as numpy has them."""
    rng = np.random.default_rng(0)
    treated, control = arms(rng)
    others = Others((rng.normal(1, 1, 500), rng.normal(0, 1, 400)))
    found = combined(treated, control, others)
    assert found is not None
    covariances = [np.cov(arm.people, arm.simulated) / 60 for arm in (treated, control)]
    further = sum(values.var(ddof=1) / len(values) for values in others.values)
    weight = sum(c[0, 1] for c in covariances) / (sum(c[1, 1] for c in covariances) + further)
    alone = treated.people.mean() - control.people.mean()
    predicted = treated.simulated.mean() - control.simulated.mean()
    gap = others.values[0].mean() - others.values[1].mean() - predicted
    assert found.weight == pytest.approx(weight)
    assert found.estimate == pytest.approx(alone + weight * gap)
    assert found.people_se == pytest.approx(np.sqrt(sum(c[0, 0] for c in covariances)))
    assert found.worth.low < found.worth.value < found.worth.high


def test_personas_in_both_arms_help_by_their_differences() -> None:
    """Where simulated users answer in both arms alike, their noise cancels and they are worth more."""
    rng = np.random.default_rng(1)
    treated, control = arms(rng)
    level = rng.normal(size=200)
    apart = combined(treated, control, Others((level + 1, rng.permutation(level))))
    together = combined(treated, control, Others((np.full(200, 1.0) + 0.01 * level,)))
    assert apart is not None
    assert together is not None
    assert together.worth.value > apart.worth.value > apart.n_people


def test_useless_users_count_for_nothing() -> None:
    """Personas that go against their people get no weight, and the effect is that of people alone."""
    rng = np.random.default_rng(2)
    treated, control = (Arm(arm.people, -arm.simulated) for arm in arms(rng))
    found = combined(treated, control, Others((rng.normal(size=500), rng.normal(size=500))))
    assert found is not None
    assert found.weight == 0
    assert found.estimate == found.people
    assert found.worth.value == found.n_people
    assert combined(treated, control, Others((np.zeros(1), np.zeros(500)))) is None


@pytest.mark.slow
def test_a_wrong_simulation_does_not_bias() -> None:
    """The simulated effect is three times people's; the combined one is people's, more precisely."""
    rng, errors, held, sharper = np.random.default_rng(3), [], 0, 0
    for _ in range(400):
        found = combined(*arms(rng, n=40), Others((rng.normal(1, 1, 1000), rng.normal(0, 1, 1000))))
        assert found is not None
        errors.append(found.estimate - 0.3)
        held += found.low < 0.3 < found.high
        sharper += found.se < found.people_se
    assert np.mean(errors) == pytest.approx(0, abs=0.03)
    assert held / 400 > 0.92
    assert sharper / 400 > 0.95
