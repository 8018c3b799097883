"""The compiled evidence is the array code's, and its gradient is right."""

import numpy as np
import pytest

from confound.statistics.stabilization import draws, law, quadratic
from confound.statistics.stabilization.inputs import PATHS, Priors

TIMES = np.array([0.0, 1.0, 2.0, 4.0])


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_kernel_agrees_with_the_law_and_its_finite_differences(path: str) -> None:
    """The value, and the gradient in every kind of parameter, of two groups of different sizes."""
    from confound.statistics.stabilization.kernel import evidence
    from confound.statistics.stabilization.model import Evidence

    rng = np.random.default_rng(1)
    data = quadratic.stacked(
        [quadratic.of_counts(rng.multinomial(9, np.full(k, 1 / k), size=(k + 2, 2, 4)), TIMES) for k in (3, 5)]
    )
    theta = draws.draw_prior(path, 4, 2, priors=Priors(), rng=rng)
    theta = draws.Theta(theta.persons, rng.normal(size=(2, 3)) / 4, theta.effect_sd, theta.bias_sd, theta.path)
    persons = theta.persons
    own = np.stack([*theta.path.values(), np.ones(2)][:2], axis=1)
    given = [persons.cuts, persons.sds, persons.noise, persons.growth]
    given += [theta.centre, theta.effect_sd, theta.bias_sd, own]
    fixed = Evidence(path, data).data
    found, *slopes = evidence(PATHS.index(path), TIMES, *given, fixed)
    centre, factor = draws.middle(path, TIMES, theta), draws.factors(path, TIMES, theta)
    said = law.condense(law.reduce(data, persons))
    each, _, _ = law.given_path(said, centre, factor, law.variants(path, len(TIMES)))
    assert found == pytest.approx(law.averaged(each).sum(), rel=1e-10)
    for k, slope in enumerate(slopes):
        for at in np.ndindex(slope.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [array.copy() for array in given]
                moved[k][at] += step
                ends.append(evidence(PATHS.index(path), TIMES, *moved, fixed)[0])
            assert slope[at] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-4)
