"""What a stabilization model is given: outcomes over the iterations, paths, priors, and how to sample."""

from dataclasses import dataclass

import numpy as np

from confound.statistics.arrays import FloatArray, IntArray

PATHS = ("exponential", "random_walk", "changepoint")


@dataclass(frozen=True, slots=True)
class Trajectory:
    """The answers to one outcome over T iterations, of P personas in the treated and the control arm.

    Attributes
    ----------
    times : ndarray of float64, shape (T,)
        Iteration numbers, increasing.
    sizes : ndarray of int64, shape (P, 2, T)
        Known answers of each persona, treated arm first.
    counts : ndarray of int64, shape (P, 2, T, K), or None
        By answer, from low to high; None for a numeric outcome.
    numbers : ndarray of float64, shape (K,), or None
        Those behind the answers, increasing.
    means, errors : ndarray of float64, shape (P, 2, T)
        Cell means and their standard errors from the scatter within cells, all cells pooled, in units of the outcome;
        NaN without an answer.
    sd : float
        Standard deviation of all answers, in units of the outcome; above 0.
    """

    times: FloatArray
    sizes: IntArray
    counts: IntArray | None
    numbers: FloatArray | None
    means: FloatArray
    errors: FloatArray
    sd: float

    def unit(self) -> tuple[float, float]:
        """Return the mean and standard deviation that a numeric outcome is measured in."""
        return float(np.nansum(self.means * self.sizes) / self.sizes.sum()), self.sd


@dataclass(frozen=True, slots=True)
class Pool:
    """Outcomes whose settled effects, biases and scales are drawn from common laws; one alone is not pooled.

    Attributes
    ----------
    name : str
        Keys the sampler's random numbers.
    members : tuple of Trajectory
        G of them, with the same iterations.
    names : tuple of str
        Of the members; key the random numbers of what follows for each.
    study, model : tuple of int
        Which study and which model each member is of, from 0 on.
    """

    name: str
    members: tuple[Trajectory, ...]
    names: tuple[str, ...]
    study: tuple[int, ...]
    model: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Priors:
    """Scales of the priors, of the linear predictor: log odds, or standard deviations of a numeric outcome.

    Attributes
    ----------
    effect : float
        Standard deviation of the settled effect. Effects beyond 3 on the log odds scale turn most answers around.
    bias : float
        Standard deviation of half a selection bias; as wide in all as the effect.
    scale : (float, float)
        Median and standard deviation of the log of the exponential's scale. Lin et al. (2026) see effects move over
        the first few iterations; three standard deviations up there is no settling in sight.
    step : (float, float)
        Median and standard deviation of the log of a step's size, of the random walk or before the change point; biases
        come out about as wide as the exponential's.
    kept : (float, float)
        Beta law of the factor by which the random walk's steps shrink.
    level, difference : float
        Scales of the standard deviations of persona effects in level and in effect (half-normal).
    noise : float
        Scale of what is a persona's, an arm's and an iteration's own (half-normal).
    cut : float
        Standard deviation of the first cutpoint; distances between cutpoints are log-normal about 1.
    between : float
        Scale of the standard deviations between studies, between models and over both (half-normal).
    """

    effect: float = 1.5
    bias: float = 0.75
    scale: tuple[float, float] = (3.0, 1.0)
    step: tuple[float, float] = (0.4, 1.0)
    kept: tuple[float, float] = (2.0, 2.0)
    level: float = 1.0
    difference: float = 0.5
    noise: float = 0.5
    cut: float = 3.0
    between: float = 0.5


@dataclass(frozen=True, slots=True)
class Sampler:
    """How to sample.

    Attributes
    ----------
    chains, draws, tune : int
    target_accept : float
        In (0, 1): nearer to 1 the steps are shorter.
    cores : int or None
        Chains, and afterwards series, at a time; None: one a core. Their number does not change the result.
    """

    chains: int = 4
    draws: int = 1000
    tune: int = 500
    target_accept: float = 0.9
    cores: int | None = None

    def tighter(self) -> "Sampler":
        """Return the settings of a second try."""
        return Sampler(self.chains, 2 * self.draws, 2 * self.tune, 0.97, self.cores)
