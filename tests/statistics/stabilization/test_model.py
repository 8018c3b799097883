"""What groups have in common has the law that the page states, however it is sampled."""

import numpy as np
import pytest
from scipy import stats

pytestmark = pytest.mark.slow  # PyMC takes seconds to load

STUDY, MODEL = (0, 0, 0, 1, 1, 1, 2), (0, 1, 2, 0, 1, 2, 2)


@pytest.mark.parametrize("model_of", [MODEL, STUDY])
def test_values_of_groups_vary_by_mean_and_labels(model_of: tuple[int, ...]) -> None:
    """Sampled coordinates are a root of the covariance: mean, study and model deviations, unbalanced, or the same."""
    import pymc as pm
    import pytensor

    from confound.statistics.stabilization.model import INNER, _alike

    spreads = [(STUDY, np.array([0.4])), (model_of, np.array([0.7]))]
    with pm.Model() as model:
        values = _alike("centre", np.array([1.5]), spreads, len(STUDY), 100.0)[:, 0]
    inner = [rv for rv in model.free_RVs if rv.name.endswith(INNER)]
    linear = pytensor.function(inner, values, on_unused_input="ignore", mode="FAST_COMPILE")
    sds = [np.broadcast_to(pm.draw(rv.owner.inputs[-1]), rv.type.shape) for rv in inner]
    columns = []
    for k, sd in enumerate(sds):
        for at in np.ndindex(sd.shape):
            given = [np.zeros(each.shape) for each in sds]
            given[k][at] = sd[at]
            columns.append(linear(*given))
    same_study, same_model = (np.equal.outer(labels, labels) for labels in (STUDY, model_of))
    expected = 1.5**2 + 0.4**2 * same_study + 0.7**2 * same_model
    np.testing.assert_allclose(np.array(columns).T @ np.array(columns), expected, atol=1e-12)


def test_units_of_the_sampler_leave_the_law_as_it_is() -> None:
    """The density of what is sampled is the normal density times the unit that it is measured in."""
    import pymc as pm

    from confound.statistics.stabilization.model import _Near

    with pm.Model() as model:
        sd = pm.HalfNormal("sd", 0.5)
        pm.Normal("x", 0, sd, shape=2, transform=_Near(30.0))
    density = model.compile_logp()
    for log_sd in (-4.0, 0.3):
        size, inner = np.exp(log_sd), np.array([0.8, -1.3])
        unit = 1 / np.sqrt(1 / size**2 + 30)
        expected = stats.norm.logpdf(unit * inner, 0, size).sum() + 2 * np.log(unit)
        expected += stats.halfnorm.logpdf(size, scale=0.5) + log_sd
        assert density({"sd_log__": log_sd, "x_near__": inner}) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:Numba will use object mode")  # the operation is compiled by itself
@pytest.mark.parametrize("path", ["exponential", "random_walk", "changepoint"])
def test_gradient_that_the_sampler_meets_is_right(path: str) -> None:
    """Of three groups in two studies with two models, against finite differences."""
    from confound.statistics.stabilization import quadratic
    from confound.statistics.stabilization.inputs import Priors
    from confound.statistics.stabilization.model import _compiled

    rng, times = np.random.default_rng(2), np.array([0.0, 1.0, 3.0])
    made = _compiled(path, 2, (0, 0, 1), (0, 1, 1), Priors())
    logs = [rng.multinomial(6, [0.3, 0.3, 0.4], size=(4, 2, 3)) for _ in range(3)]
    made.evidence.put(quadratic.stacked([quadratic.of_counts(log, times) for log in logs]))
    x = made.start + rng.uniform(-0.5, 0.5, len(made.start))
    _, slope = made.density(x)
    for k in range(len(x)):
        step = 1e-5 * (np.arange(len(x)) == k)
        found = (float(made.density(x + step)[0]) - float(made.density(x - step)[0])) / 2e-5
        assert slope[k] == pytest.approx(found, rel=1e-4, abs=1e-4)
