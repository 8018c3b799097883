"""The quadratic likelihood of counts stands for the exact one: moments, probabilities, and what they say of noise."""

import numpy as np
import pytest

from confound.statistics.stabilization import draws, law, quadratic

TIMES = np.arange(4.0)
LOPSIDED, EVEN = (2.0, 3.0, 4.5), (-1.3, 0.1, 1.5)
SDS = np.linspace(0.04, 2.5, 42)  # of noise


def made(
    cuts: tuple[float, ...], noise: float, *, sds: tuple[float, ...] = (0.0,) * 4, trials: int = 10, personas: int = 60
) -> np.ndarray:
    """Make counts, shape (personas, 2, T, K), the arms' means 0."""
    persons = law.Persons(np.array([cuts]), np.array([sds]), np.array([noise]), np.array([3.0]))
    sizes = np.full((personas, 2, len(TIMES)), trials)
    return draws.simulate(np.zeros((2, len(TIMES))), persons, TIMES, sizes, np.random.default_rng(1))


def log_likelihood(counts: np.ndarray, cuts: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """Return the cumulative logit log likelihood of each cell, written out; eta has one axis more than cells."""
    ends = np.ones((*eta.shape, 1))
    below = 1 / (1 + np.exp(eta[..., None] - cuts))
    shares = np.diff(np.concatenate([0 * ends, below, ends], axis=-1), axis=-1)
    return (counts[..., None, :] * np.log(np.maximum(shares, 1e-300))).sum(axis=-1)


def evidence(counts: np.ndarray, cuts: np.ndarray, noise: float) -> float:
    """Return the log evidence of cells that differ by noise alone, each integrated by brute force."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    cells, times = np.unique(counts.reshape(-1, counts.shape[-1]), axis=0, return_counts=True)
    log = log_likelihood(cells, cuts, np.tile(noise * nodes, (len(cells), 1))) + np.log(weights / weights.sum())
    top = log.max(axis=1, keepdims=True)
    return float(times @ (top[:, 0] + np.log(np.exp(log - top).sum(axis=1))))


def approximate(data: law.Quadratic, cuts: np.ndarray, noise: float) -> float:
    """Return the same log evidence from the quadratic."""
    persons = law.Persons(cuts[None], np.full((1, 4), 1e-9), np.array([noise]), np.array([3.0]))
    return float(law.reduce(data, persons).const.sum())


def summary(log: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation of noise, given its log evidence at `SDS`, under the default prior."""
    chances = np.exp(log - log.max() - SDS**2 / 2 / 0.5**2)
    chances /= chances.sum()
    mean = chances @ SDS
    return mean, np.sqrt(chances @ SDS**2 - mean**2)


@pytest.mark.parametrize("trials", [5, 10, 30])
@pytest.mark.parametrize("cuts", [EVEN, LOPSIDED], ids=["even", "lopsided"])
@pytest.mark.parametrize("noise", [0.3, 1.0, 1.5])
def test_noise_is_what_the_exact_likelihood_makes_it(cuts: tuple[float, ...], trials: int, noise: float) -> None:
    """The posterior of noise is that of the exact likelihood, where an expansion about the mode is two sds too low."""
    counts, at = made(cuts, noise, trials=trials), np.array(cuts)
    data = quadratic.of_counts(counts, TIMES)
    exact, sd = summary(np.array([evidence(counts, at, each) for each in SDS]))
    found, width = summary(np.array([approximate(data, at, each) for each in SDS]))
    assert found == pytest.approx(exact, abs=0.4 * sd)
    assert width == pytest.approx(sd, rel=0.15)


def test_cells_keep_mean_variance_and_probability() -> None:
    """Among all others a quadratic cell has the exact one's moments, and its answers the same probability."""
    counts = made(LOPSIDED, 0.8, sds=(1.0, 0.5, 0.5, 0.3), personas=20).reshape(20, 8, 4).astype(float)
    data, persons = quadratic._fitted(counts, TIMES)  # noqa: SLF001 -- the fit of which they are the cells
    pilot = quadratic._pilot(data, persons)  # noqa: SLF001
    eta = np.linspace(-12, 12, 4001)
    prior = -((eta - pilot.cavity[..., None]) ** 2) / 2 / pilot.cavity_variance[..., None]
    exact = prior + log_likelihood(counts, persons.cuts[0], np.broadcast_to(eta, prior.shape))
    given = (data.slope[0] * persons.cuts[0]).sum(axis=-1) - data.offset[0]
    quick = prior + given[..., None] * eta - data.weight[0][..., None] * eta**2 / 2

    def moments(log: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chances = np.exp(log - log.max(axis=-1, keepdims=True))
        total = chances.sum(axis=-1)
        mean = (chances * eta).sum(axis=-1) / total
        variance = (chances * eta**2).sum(axis=-1) / total - mean**2
        return mean, variance, np.log(total) + log.max(axis=-1)

    for one, other in zip(moments(quick)[:2], moments(exact)[:2], strict=True):
        np.testing.assert_allclose(one, other, atol=5e-3)
    whole = law.direct(data, persons.cuts)[0] + moments(quick)[2].sum(axis=1)
    np.testing.assert_allclose(whole, moments(exact)[2].sum(axis=1), atol=5e-3)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_evidence_changes_with_cutpoints_as_the_exact_one_does(which: int) -> None:
    """The derivative of the log evidence in each cutpoint is the exact one."""
    counts = made(LOPSIDED, 1.0, personas=200)
    data, persons = quadratic._fitted(counts.reshape(200, 8, 4).astype(float), TIMES)  # noqa: SLF001 -- its place
    at, noise, step = persons.cuts[0], persons.noise[0], 0.05 * np.eye(3)[which]
    exact, found = (
        (law_of(of, at + step, noise) - law_of(of, at - step, noise)) / 0.1
        for law_of, of in ((evidence, counts), (approximate, data))
    )
    curvature = (evidence(counts, at + step, noise) + evidence(counts, at - step, noise)) / 0.05**2
    curvature -= 2 * evidence(counts, at, noise) / 0.05**2
    assert abs(exact - found) < 0.5 * np.sqrt(-curvature)


def test_pilot_finds_what_answers_were_made_with() -> None:
    """With many personas and answers the pilot's cutpoints and standard deviations are the true ones."""
    counts = made((-1.0, 0.2, 1.5), 0.3, sds=(0.8, 0.5, 0.4, 0.2), trials=100, personas=300)
    _, persons = quadratic._fitted(counts.reshape(300, 8, 4).astype(float), TIMES)  # noqa: SLF001 -- a step of its own
    np.testing.assert_allclose(np.diff(persons.cuts[0]), [1.2, 1.3], atol=0.05)
    np.testing.assert_allclose(persons.sds[0], [0.8, 0.5, 0.4, 0.2], atol=0.15)
    assert persons.noise[0] == pytest.approx(0.3, abs=0.02)


def test_cells_without_answers_are_zero() -> None:
    """A persona that answered nothing, and a cell without answers, have no likelihood."""
    counts = made(EVEN, 0.5, personas=6)
    counts[0] = counts[1, 0, 2] = 0
    data = quadratic.of_counts(counts, TIMES)
    for name in ("weight", "offset", "slope"):
        np.testing.assert_allclose(getattr(data, name)[0, 0], 0)
        np.testing.assert_allclose(getattr(data, name)[0, 1, 2], 0)
    np.testing.assert_allclose(data.const[0, 0], 0, atol=1e-12)


@pytest.mark.parametrize("kind", ["personas", "cells", "arms", "rare"])
def test_answers_that_are_all_alike_leave_it_finite(kind: str) -> None:
    """Logs whose answers a persona, a cell or an arm settles, or nearly all alike, have a finite likelihood."""
    rng = np.random.default_rng(0)
    answer = {
        "personas": np.broadcast_to(rng.integers(0, 3, (20, 1, 1)), (20, 2, 4)),
        "cells": rng.integers(0, 3, (20, 2, 4)),
        "arms": np.broadcast_to(np.array([0, 2])[:, None], (20, 2, 4)),
        "rare": np.zeros((20, 2, 4), dtype=int),
    }[kind]
    counts = 10.0 * (answer[..., None] == np.arange(3))
    counts[0, 0, 0] += [0, 1, 1]
    data = quadratic.of_counts(counts, TIMES)
    assert (data.weight >= 0).all()
    for name in ("weight", "offset", "slope", "const", "linear", "square"):
        assert np.isfinite(getattr(data, name)).all()


@pytest.mark.parametrize("seed", range(5))
def test_pilot_comes_to_rest(seed: int) -> None:
    """On logs from the prior the pilot rests before its steps run out: more of them change nothing."""
    rng = np.random.default_rng(seed)
    theta = draws.draw_prior("exponential", 3, 1, priors=quadratic.PRIORS, rng=rng)
    counts = draws.simulate(np.zeros((2, 4)), theta.persons, TIMES, np.full((30, 2, 4), 10), rng)
    counts = counts[..., counts.sum(axis=(0, 1, 2)) > 0]
    data, persons = quadratic._fitted(counts.reshape(30, 8, -1).astype(float), TIMES)  # noqa: SLF001
    pilot = quadratic._pilot(data, persons)  # noqa: SLF001
    cells = quadratic._matched(counts.reshape(30, 8, -1).astype(float), persons.cuts[0], pilot)  # noqa: SLF001
    np.testing.assert_allclose(cells.weight.sum(axis=-1), data.weight[0], rtol=0.02, atol=1e-3)
