"""A persona that the posterior hangs on is left out as if the others had been fitted alone."""

import numpy as np
import pytest

from confound.statistics.stabilization import draws, quadratic
from confound.statistics.stabilization.inputs import Priors

TIMES = np.array([0.0, 1.0, 3.0])


@pytest.mark.slow  # ArviZ takes seconds to load
@pytest.mark.parametrize(("path", "far"), [("exponential", 3.0), ("changepoint", 2.0)])
def test_density_left_out_is_the_ratio_of_marginal_likelihoods(path: str, far: float) -> None:
    """Of an outlier among ten, against draws from the prior: moved draws find what plain ones miss by far."""
    from confound.statistics.stabilization.arviz_versions import loo
    from confound.statistics.stabilization.leave_one_out import leave_out

    rng = np.random.default_rng(5)
    means, errors = rng.normal(0, 0.6, (10, 2, 3)), np.full((10, 2, 3), 0.5)
    means[0] += far
    data = quadratic.of_means(means, errors, TIMES)
    others = quadratic.of_means(means[1:], errors[1:], TIMES)
    prior = draws.draw_prior(path, 1, 60_000, priors=Priors(), rng=rng)
    every, without = draws.evidence(path, data, prior), draws.evidence(path, others, prior)
    exact = np.logaddexp.reduce(every) - np.logaddexp.reduce(without)
    shares = np.exp(every - every.max())
    posterior = prior.rows(rng.choice(len(every), 1000, p=shares / shares.sum()))
    told = draws.left_out(path, data, posterior)[:, 0]
    plain, first_k = loo(told[None, :, None])
    moved, k = leave_out(path, data, posterior, 0, told, Priors())
    assert k < 0.6 < 1 < first_k[0]
    assert abs(moved - exact) < 0.25
    assert plain[0] - exact > 1.5
