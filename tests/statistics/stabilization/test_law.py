"""The closed form agrees with the laws written out."""

import numpy as np
import pytest
from scipy import stats

from confound.statistics.stabilization import draws, law, quadratic
from confound.statistics.stabilization.inputs import PATHS, Priors

TIMES = np.array([0.0, 1.0, 2.0, 4.0])
PERSONS = law.Persons(
    cuts=np.array([[-0.3]]), sds=np.array([[0.8, 0.5, 0.4, 0.2]]), noise=np.array([0.3]), growth=np.array([2.0])
)


def covariance(persons: law.Persons) -> np.ndarray:
    """Return the covariance of one persona's linear predictors, written out."""
    design = law.loadings(TIMES, persons.growth)[0]
    return design @ np.diag(persons.sds[0] ** 2) @ design.T + persons.noise[0] ** 2 * np.eye(len(design))


def numeric_log(rng: np.random.Generator, personas: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Make cell means and standard errors."""
    return rng.normal(size=(personas, 2, len(TIMES))), rng.uniform(0.2, 0.6, size=(personas, 2, len(TIMES)))


@pytest.mark.parametrize("path", PATHS)
def test_evidence_is_the_density_of_a_multivariate_normal(path: str) -> None:
    """Of means with known errors the evidence of every path is the normal density that the model implies."""
    rng = np.random.default_rng(1)
    means, errors = numeric_log(rng)
    data = quadratic.of_means(means, errors, TIMES)
    theta = draws.draw_prior(path, 1, 1, priors=Priors(), rng=rng)
    factor, centre = draws.factors(path, TIMES, theta), rng.normal(size=(1, 8))
    ends = law.variants(path, len(TIMES))
    found, _, _ = law.given_path(law.condense(law.reduce(data, PERSONS)), centre, factor, ends)
    level = -PERSONS.cuts[0, 0]
    for v, end in enumerate(ends):
        shared = factor[0, :, :end] @ factor[0, :, :end].T
        total = np.kron(np.ones((3, 3)), shared)
        total += np.kron(np.eye(3), covariance(PERSONS)) + np.diag(errors.ravel() ** 2)
        expected = stats.multivariate_normal.logpdf(means.ravel(), np.tile(level + centre[0], 3), total)
        assert found[0, v] == pytest.approx(expected, abs=1e-8)


def test_cells_without_answers_say_nothing() -> None:
    """A missing cell and a persona that is padding leave the evidence as it is without them."""
    rng = np.random.default_rng(2)
    means, errors = numeric_log(rng)
    means[0, 1, 2] = np.nan
    one = quadratic.of_means(means, errors, TIMES)
    other = quadratic.of_means(*numeric_log(rng, personas=5), TIMES)
    both = quadratic.stacked([one, other])
    persons = law.Persons(*(np.repeat(getattr(PERSONS, name), 2, axis=0) for name in law.Persons.__slots__))
    alone, joined = law.condense(law.reduce(one, PERSONS)), law.condense(law.reduce(both, persons))
    for name in ("const", "h", "precision"):
        np.testing.assert_allclose(getattr(joined, name)[0], getattr(alone, name)[0], atol=1e-12)
    seen = ~np.isnan(means[0].ravel())
    total = covariance(PERSONS)[np.ix_(seen, seen)] + np.diag(errors[0].ravel()[seen] ** 2)
    expected = stats.multivariate_normal.logpdf(means[0].ravel()[seen], np.full(7, 0.3), total)
    assert law.reduce(one, PERSONS).const[0, 0] == pytest.approx(expected, abs=1e-9)


def test_shrinking_steps_sum_to_the_geometric_series() -> None:
    """Variances of steps that shrink add up to that of all steps, whatever iterations were recorded."""
    sds = law.shrinking(TIMES, np.array([0.7]), np.array([0.6]))
    assert (sds**2).sum() == pytest.approx(0.7**2 / (1 - 0.6**2))
    assert sds[0, 0] == pytest.approx(0.7)
    assert sds[0, 2] == pytest.approx(0.7 * np.sqrt(0.6**4 + 0.6**6))


def test_paths_start_where_their_names_say() -> None:
    """An exponential path starts half its bias away and ends without; after a change point nothing moves."""
    factor = law.exponential(TIMES, np.array([2.0]), np.array([1.0]), np.array([1.0]))[0]
    m = factor @ np.array([0.6, 0.4, 0.3])
    np.testing.assert_allclose(m[:4], 0.3 + 0.4 * np.exp(-TIMES / 2))
    np.testing.assert_allclose(m[4:], -0.3 - 0.3 * np.exp(-TIMES / 2))
    theta = draws.draw_prior("changepoint", 1, 1, priors=Priors(), rng=np.random.default_rng(0))
    until = draws.factors("changepoint", TIMES, theta)[0][:, : law.variants("changepoint", 4)[2]]
    step = theta.path["step"][0] ** 2
    np.testing.assert_allclose(np.diag(until @ until.T)[:4] - 1.5**2 / 4, step * np.array([2, 1, 0, 0]), atol=1e-12)


def test_paths_are_drawn_from_their_conditional_law() -> None:
    """Draws of the means given parameters have the mean and covariance of the normal law."""
    rng = np.random.default_rng(5)
    means, errors = numeric_log(rng, personas=8)
    data = quadratic.of_means(means, errors, TIMES)
    n = 4000
    one = draws.draw_prior("random_walk", 1, 1, priors=Priors(), rng=rng)
    theta = one.rows(np.zeros(n, dtype=np.int64))
    found = draws.draw_paths("random_walk", data, theta, rng)
    said, factors = law.condense(law.reduce(data, one.persons)), draws.factors("random_walk", TIMES, one)
    _, root, told = law.given_path(said, np.zeros((1, 8)), factors, law.variants("random_walk", 4))
    factor = factors[0]
    inner = np.linalg.inv(root[0] @ root[0].T)
    centre = factor @ np.linalg.solve(root[0].T, told[0])
    drawn = found.means[:, :, :-1].reshape(n, 8)
    sds = np.sqrt(np.diagonal(factor @ inner @ factor.T))
    np.testing.assert_allclose(drawn.mean(axis=0), centre, atol=4 * sds.max() / np.sqrt(n))
    np.testing.assert_allclose(drawn.std(axis=0), sds, rtol=0.06)


def test_likelihood_given_the_path_is_a_normal_density() -> None:
    """Personas' log likelihood given the means is the density of their cell means."""
    rng = np.random.default_rng(6)
    means, errors = numeric_log(rng)
    data = quadratic.of_means(means, errors, TIMES)
    theta = draws.draw_prior("exponential", 1, 2, priors=Priors(), rng=rng)
    found = draws.draw_paths("exponential", data, theta, rng)
    for s in range(2):
        one = theta.rows(slice(s, s + 1)).persons
        at = found.means[s, :, :-1].ravel() - one.cuts[0, 0]
        expected = sum(
            stats.multivariate_normal.logpdf(means[p].ravel(), at, covariance(one) + np.diag(errors[p].ravel() ** 2))
            for p in range(3)
        )
        assert found.log_likelihood[s] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("path", PATHS)
def test_left_out_is_the_evidence_that_a_persona_adds(path: str) -> None:
    """A persona's density given the others is the evidence of all over that of the others."""
    rng = np.random.default_rng(9)
    means, errors = numeric_log(rng, personas=4)
    theta = draws.draw_prior(path, 1, 2, priors=Priors(), rng=rng)
    ends, factor = law.variants(path, len(TIMES)), draws.factors(path, TIMES, theta)

    def evidence(kept: list[int]) -> np.ndarray:
        data = quadratic.of_means(means[kept], errors[kept], TIMES)
        said = law.condense(law.reduce(data, theta.persons))
        return law.averaged(law.given_path(said, draws.middle(path, TIMES, theta), factor, ends)[0])

    found = draws.left_out(path, quadratic.of_means(means, errors, TIMES), theta)
    for p in range(4):
        np.testing.assert_allclose(found[:, p], evidence([0, 1, 2, 3]) - evidence([q for q in range(4) if q != p]))


@pytest.mark.slow
def test_outcome_is_averaged_over_personas() -> None:
    """The expected answer is the mean over many simulated personas."""
    rng = np.random.default_rng(7)
    persons = law.Persons(np.array([[-1.0, 0.2, 1.5]]), PERSONS.sds, PERSONS.noise, PERSONS.growth)
    means = rng.normal(size=(1, 2, 5))
    numbers = np.array([1.0, 2.0, 3.0, 5.0])
    found = draws.expected(means, persons, TIMES, numbers, (0.0, 1.0))
    counts = draws.simulate(means[0, :, :-1], persons, TIMES, np.ones((200_000, 2, 4), dtype=int), rng)
    np.testing.assert_allclose(found[0, :, :-1], (counts @ numbers).mean(axis=0), atol=0.015)


def test_parts_add_up_in_every_draw() -> None:
    """The observed effect is the settled effect and the mean bias."""
    outcome = np.random.default_rng(8).normal(size=(50, 2, 6))
    found = draws.quantities(outcome)
    np.testing.assert_allclose(found["observed"], found["settled"] + found["asb"])
    np.testing.assert_allclose(found["sbt"], 2 * (outcome[:, 0, 0] - outcome[:, 0, -1]))
    np.testing.assert_allclose(found["sbc"], 2 * (outcome[:, 1, -1] - outcome[:, 1, 0]))


def test_settled_means_to_stay_near() -> None:
    """An effect that passes through the settled value and leaves it again is not settled."""
    effect = np.array([[3.0, 0.0, 2.0, 0.1, 0.0], [0.05, 0.0, 0.0, 0.0, 0.0]])
    outcome = np.stack([effect, 0 * effect], axis=1)
    np.testing.assert_allclose(draws.settled_by(outcome, 0.2), [0.5, 0.5, 0.5, 1.0])
