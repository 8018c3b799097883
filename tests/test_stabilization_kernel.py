"""The compiled evidence is the array code's, and its gradient is right."""

import numpy as np
import pytest

from confound import stabilization_draws as draws
from confound import stabilization_law as law
from confound import stabilization_quadratic as quadratic
from confound.stabilization_settings import PATHS, Priors

TIMES = np.arange(4.0)


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_kernel_agrees_with_the_law_and_its_finite_differences(path: str) -> None:
    """Value and all five gradients, of two groups of different sizes."""
    from confound.stabilization_kernel import evidence

    rng = np.random.default_rng(1)
    data = quadratic.stacked(
        [quadratic.of_counts(rng.multinomial(9, np.full(k, 1 / k), size=(k + 2, 2, 4)), TIMES) for k in (3, 5)]
    )
    theta = draws.draw_prior(path, 4, 2, priors=Priors(), rng=rng)
    persons = theta.persons
    centre = rng.normal(size=(2, 8)) / 4
    design = law.loadings(TIMES, persons.growth, np) * persons.sds[:, None]
    given = [persons.cuts, design, persons.noise**2, centre, draws.factors(path, TIMES, theta)]
    fixed = (data.weight, data.slope, data.offset)
    found, *slopes = evidence(*given, *fixed)
    each, _, _ = law.given_path(law.condense(data, persons), centre, given[4])
    expected = np.logaddexp.reduce(each, axis=1) - np.log(each.shape[1])
    np.testing.assert_allclose(found + law.direct(data, persons.cuts, np).sum(axis=1), expected, rtol=1e-10)
    for k, slope in enumerate(slopes):
        for _ in range(6):
            at = tuple(rng.integers(n) for n in slope.shape)
            ends = []
            for step in (1e-5, -1e-5):
                moved = [array.copy() for array in given]
                moved[k][at] += step
                ends.append(evidence(*moved, *fixed)[0].sum())
            assert slope[at] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-5)
