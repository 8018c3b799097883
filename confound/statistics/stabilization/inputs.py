"""What a stabilization model is asked: its paths, its priors, its sampler."""

from dataclasses import dataclass

PATHS = ("exponential", "random_walk", "changepoint")


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
