"""Distance of two arms from the persona mixture, calibrated so that logs drawn from it look like the one seen.

1. Draw both arms' shares for all personas from the posterior, with doubt about the kinds' frequencies.
2. Simulate a log from each draw. Its ``T``, the plug-in less its exact mean with no drift, should be the
   observed one; the draw's distance is moved by the difference times the slope of distance on ``T``.
3. Widen by the shapes that the likelihood allows (profile), and towards the bounds that hold for any shape
   (`any_shape`) as far as the counts leave the shape open.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtri

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.drift.any_shape import any_shape_bounds
from confound.statistics.drift.excess import of_sizes
from confound.statistics.drift.persona_mixture import PERSONA_KINDS, Kind, PersonaMixture, fit, mixing_weights

__all__ = ["Calibrated", "calibrated", "draw_labels", "draw_shares"]


# Prior of the kinds other than none: sparse, worth one persona in all.
SHAPE_PRIOR = 1.0
# Prior of the proportion of personas that drift at all: nobody, everybody, or some, on the logit scale and
# leaning to few. Without the leaning the estimate was too high by .07 where few drift at 5 trials, too low by
# .02 where all do; with it by about .05 and .03.
DRIFTING = np.concatenate([[0.0], expit(np.linspace(-4.5, 4.5, 19)), [1.0]])
PRIOR_NOBODY, PRIOR_EVERYBODY = 0.4, 0.03
# Gibbs sampler: chains, sweeps left out, sweeps kept (one in five).
CHAINS, BURN_IN, KEPT, THIN = 50, 15, 6, 5
# Factors by which drift is scaled to find the slope of distance on T, the draws used, and the largest slope:
# where drift is hardly seen T is flat and the slope would carry noise only.
SCALES = (0.75, 1.3)
SCALED_DRAWS = 80
LARGEST_SLOPE = 3.0
# Standard deviation, with one persona, by which the posterior mean may be wrong because the true drift is of no
# kind in the mixture; it falls with the root of the number of personas. The larger it is beside T's own noise,
# the further the estimate follows T.
DISCREPANCY = 0.3
# Twice this is the fall of the log likelihood, per squared normal quantile, within which a shape is allowed:
# 4 for 95 %, the quantile of a chi squared with 3 to 4 degrees of freedom, as many as a shape seems to have.
PROFILE_FALL = 1.04
# Penalties of distance, per persona, with which extreme shapes are found, and EM steps for each. Above this number of
# personas the penalties fall with its root, as what the likelihood allows does.
PENALTIES = np.concatenate([-np.geomspace(100, 0.5, 12), [0.0], np.geomspace(0.5, 100, 12)])
PENALISED_PERSONAS = 100
PROFILE_STEPS = 80
# How far the counts leave the shape open: wholly where the plug-in's null mean is the first of these, or trials are as
# few as the second. Chosen by simulation: the mixture's own interval covered .53 to .88 with null means of .25 and
# more where each persona has shares of its own, and covers where the null mean is .15.
NULL_MEAN_WITHOUT_SHAPE = 0.35
TRIALS_WITHOUT_SHAPE = 2.0
# The same for the lower end, at least. With few personas drifting strongly the likelihood leaves too little room below.
TOWARDS_LOWER_BOUND = 0.3
TINY = float(np.finfo(np.float64).tiny)
# Personas whose chances are multiplied before the logarithm is taken.
BLOCK = 64
PROPORTIONS = np.column_stack([1 - DRIFTING, DRIFTING])
# Draws of all personas' shares, and the numbers held at once by them.
DRAWS_LIMIT = 6_000_000


class Calibrated(NamedTuple):
    """Mean distance over personas, with the ends of its interval before the exact test has its say."""

    estimate: float
    low: float
    high: float


def calibrated(treated: IntArray, control: IntArray, *, confidence: float, rng: np.random.Generator) -> Calibrated:
    """Estimate the distance averaged over personas, and its interval.

    Parameters
    ----------
    treated, control : ndarray of int, shape (personas, answers)
        Counts; each persona has an answer in each arm, at least two answers, each given.
    confidence : float
        In (0, 1).
    rng : numpy.random.Generator

    Returns
    -------
    Calibrated
        ``0 <= low <= estimate <= high <= 1``.
    """
    mixture = fit(treated, control, rng)
    labels = draw_labels(mixture.likelihoods, rng)
    labels = labels[-int(np.clip(DRAWS_LIMIT // treated.size, 50, len(labels))) :]
    drawn, slope, observed, simulated = _compared(treated, control, draw_shares(mixture, labels, rng), rng)
    # No drift at all stays no drift, however far T is off.
    moved = np.where(drawn > 0, np.clip(drawn + slope * (observed - simulated), 0.0, 1.0), 0.0)
    quantile, spread = float(ndtri((1 + confidence) / 2)), float(simulated.std())
    centre, noise = float(moved.mean()), quantile * float(moved.std())
    low, high = _likely_ends(mixture, centre, noise, quantile, rng)
    lowest, highest = any_shape_bounds(treated, control, observed - quantile * spread, observed + quantile * spread)
    estimate = _follow(drawn, centre, slope * spread, len(treated))
    unseen = _unseen(treated, control, observed)
    below = _reach(estimate - low, estimate - lowest, max(unseen, TOWARDS_LOWER_BOUND))
    above = _reach(high - estimate, highest - estimate, unseen)
    return Calibrated(estimate, max(estimate - below, 0.0), min(estimate + above, 1.0))


def _unseen(treated: IntArray, control: IntArray, excess: float) -> float:
    """Return how far the counts leave the shape of drift open, in [0, 1], from the null mean and the trials."""
    n_treated, n_control = (arm.sum(axis=1, keepdims=True) for arm in (treated, control))
    null_mean = float(_distances(treated / n_treated, control / n_control)) - excess
    trials = 2 / float((1 / n_treated + 1 / n_control).mean())
    return min(1.0, (null_mean / NULL_MEAN_WITHOUT_SHAPE) ** 2 + TRIALS_WITHOUT_SHAPE / trials)


def _reach(likely: float, possible: float, unseen: float) -> float:
    """Lengthen one side of the interval by what is unseen of the way to the bound for any shape, in quadrature.

    In quadrature, since the likely end counts the same doubt; with many personas it counts hardly any of it.
    """
    likely = max(likely, 0.0)
    return max(likely, min(possible, float(np.hypot(likely, unseen * possible))))


def _follow(drawn: FloatArray, moved: float, noise: float, n_personas: int) -> float:
    """Return the mean of the draws' distances, taken towards where T moves it the further the less noise T has."""
    doubt = float(drawn.var()) + DISCREPANCY**2 / n_personas
    mean = float(drawn.mean())
    return mean + doubt / (doubt + noise**2) * (moved - mean)


def _compared(
    treated: IntArray, control: IntArray, shares: tuple[FloatArray, FloatArray], rng: np.random.Generator
) -> tuple[FloatArray, float, float, FloatArray]:
    """Return the draws' distances, their slope on T, T observed, and T of a log simulated from each draw."""
    excess = of_sizes(treated.sum(axis=1), control.sum(axis=1))
    n_treated, n_control = excess.n_treated[:, 0], excess.n_control[:, 0]
    treated_shares, control_shares = shares
    distances = _distances(treated_shares, control_shares)
    simulated_control = _simulated(n_control, control_shares, rng)
    simulated = excess.of(_simulated(n_treated, treated_shares, rng), simulated_control)
    some = np.flatnonzero(distances > 0)[:SCALED_DRAWS]
    slope = 0.0
    if some.size:
        ends = []
        for scale in SCALES:
            scaled = np.maximum(0.0, control_shares[some] + scale * (treated_shares[some] - control_shares[some]))
            scaled /= scaled.sum(axis=-1, keepdims=True)
            logs_t = excess.of(_simulated(n_treated, scaled, rng), simulated_control[some])
            ends.append((float(_distances(scaled, control_shares[some]).mean()), float(logs_t.mean())))
        (low, t_low), (high, t_high) = ends
        slope = min(LARGEST_SLOPE, (high - low) / max(t_high - t_low, TINY))
    return distances, slope, float(excess.of(treated, control)), simulated


def _distances(treated: FloatArray, control: FloatArray) -> FloatArray:
    return np.asarray(0.5 * np.abs(treated - control).sum(axis=-1).mean(axis=-1))


def _simulated(sizes: IntArray, shares: FloatArray, rng: np.random.Generator) -> IntArray:
    return rng.multinomial(sizes, shares / shares.sum(axis=-1, keepdims=True))


def _likely_ends(
    mixture: PersonaMixture, centre: float, noise: float, quantile: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the ends that the noise and the shapes allowed by the likelihood leave together."""
    lowest, likeliest, highest = _allowed_distances(mixture, quantile, rng)
    low = centre - float(np.hypot(noise, max(centre - lowest, likeliest - lowest)))
    return low, centre + float(np.hypot(noise, max(highest - centre, highest - likeliest)))


def _allowed_distances(
    mixture: PersonaMixture, quantile: float, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Return the mean distance of the lowest shape that is allowed, of the likeliest and of the highest."""
    distances = mean_distances(mixture, rng)
    n_personas, n_kinds = distances.shape
    penalties = PENALTIES * min(1.0, float(np.sqrt(PENALISED_PERSONAS / n_personas)))
    tilted = mixture.likelihoods * np.exp(-penalties[:, None, None] * distances)
    weights = np.full((len(PENALTIES), 1, n_kinds), 1.0 / n_kinds)
    for _ in range(PROFILE_STEPS):
        scale = 1.0 / (tilted @ weights.transpose(0, 2, 1))
        weights = weights * (scale.transpose(0, 2, 1) @ tilted) / n_personas
    joint = weights * mixture.likelihoods
    total = joint.sum(axis=2)
    log_likelihood = np.log(total).sum(axis=1)
    mean = ((joint * distances).sum(axis=2) / total).mean(axis=1)
    allowed = log_likelihood >= log_likelihood.max() - PROFILE_FALL * quantile**2
    best = mean[log_likelihood.argmax()]
    return float(mean[allowed].min()), float(best), float(mean[allowed].max())


def draw_labels(likelihoods: FloatArray, rng: np.random.Generator) -> IntArray:
    """Draw every persona's kind from the posterior, doubt about how common the kinds are included.

    Parameters
    ----------
    likelihoods : ndarray, shape (P, J)
        The first kind is no drift.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (draws, P)
        Kinds, in 0..J-1.

    Notes
    -----
    Gibbs sampling by turns of the proportion of personas that drift (on a grid, kinds summed out), their
    kinds, and how common each is among those that drift.
    """
    n_kinds = likelihoods.shape[1]
    prior = np.full(n_kinds - 1, SHAPE_PRIOR / (n_kinds - 1))
    log_prior = np.log(_drifting_prior())[:, None]
    weights = np.tile(mixing_weights(likelihoods[:, 1:] + TINY, prior + 0.3), (CHAINS, 1))
    chain = np.arange(CHAINS)[:, None]
    kept = []
    for sweep in range(BURN_IN + KEPT * THIN):
        log_posterior = _log_chances(likelihoods[:, :1], likelihoods[:, 1:] @ weights.T) + log_prior
        share = DRIFTING[(log_posterior + rng.gumbel(size=log_posterior.shape)).argmax(axis=0)]
        labels = _drawn_kinds(np.column_stack([1 - share, share[:, None] * weights]), likelihoods, rng)
        if sweep >= BURN_IN and (sweep - BURN_IN) % THIN == THIN - 1:
            kept.append(labels)
        counts = np.bincount((chain * n_kinds + labels).ravel(), minlength=CHAINS * n_kinds)
        gammas = rng.standard_gamma(counts.reshape(CHAINS, n_kinds)[:, 1:] + prior) + TINY
        weights = gammas / gammas.sum(axis=1, keepdims=True)
    return np.concatenate(kept)


def _log_chances(none: FloatArray, drifting: FloatArray) -> FloatArray:
    """Return the log likelihood of each proportion of drifting personas up to a constant, shape (DRIFTING, CHAINS).

    `none` (P, 1) and `drifting` (P, CHAINS) are the personas' likelihoods. Each is divided by the larger one, so that
    the product over a block of personas can be taken before its logarithm: only proportions that are out of the
    question come below what a float holds.
    """
    both = np.stack(np.broadcast_arrays(none, drifting))
    both /= np.maximum(both.max(axis=0), TINY)
    terms = (PROPORTIONS @ both.reshape(2, -1)).reshape(len(PROPORTIONS), *drifting.shape)
    blocks = [terms[:, start : start + BLOCK].prod(axis=1) for start in range(0, len(drifting), BLOCK)]
    return np.asarray(np.log(np.maximum(blocks, TINY)).sum(axis=0))


def _drawn_kinds(chances: FloatArray, likelihoods: FloatArray, rng: np.random.Generator) -> IntArray:
    """Draw a kind for each chain and persona, given each chain's frequencies of the kinds (CHAINS, J)."""
    at = rng.random((len(chances), len(likelihoods))) * (chances @ likelihoods.T)
    below, labels = np.zeros(at.shape), np.zeros(at.shape, dtype=np.int64)
    # Kind by kind: what is held at once stays in the cache.
    for chance, likelihood in zip(chances.T[:-1], likelihoods.T[:-1], strict=True):
        below += chance[:, None] * likelihood
        labels += below <= at
    return labels


def _drifting_prior() -> FloatArray:
    some = (1 - DRIFTING[1:-1]) ** 2 + PRIOR_EVERYBODY
    some *= (1 - PRIOR_NOBODY - PRIOR_EVERYBODY) / some.sum()
    return np.concatenate([[PRIOR_NOBODY], some, [PRIOR_EVERYBODY]])


def draw_shares(mixture: PersonaMixture, labels: IntArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Draw both arms' shares of personas whose kinds are known.

    Parameters
    ----------
    mixture : PersonaMixture
    labels : ndarray of int, shape (D, P)
    rng : numpy.random.Generator

    Returns
    -------
    treated, control : ndarray, shape (D, P, K)
    """
    n_kinds, n_personas, n_draws = mixture.cumulative.shape
    shares, other = (array.reshape(n_personas * n_draws, -1) for array in (mixture.shares, mixture.other))
    treated, control = np.empty((2, labels.size, shares.shape[1]))
    uniform = rng.random(labels.size)
    order = np.argsort(labels.ravel().astype(np.int8), kind="stable")
    ends = np.cumsum(np.bincount(labels.ravel(), minlength=n_kinds))[:-1]
    for kind, cumulative, here in zip(PERSONA_KINDS, mixture.cumulative, np.split(order, ends), strict=True):
        persona = here % n_personas
        # One search over all rows at once: the cumulative weights of row i lie in (i, i + 1].
        rising = (cumulative + np.arange(n_personas)[:, None]).ravel()
        drawn = np.searchsorted(rising, persona + uniform[here]) - persona * n_draws
        place = persona * n_draws + np.clip(drawn, 0, n_draws - 1)
        control[here] = own = shares.take(place, axis=0)
        centre = kind.centre(own.T, other.take(place, axis=0).T, mixture.shift).T
        if np.isfinite(kind.precision):
            gammas = rng.standard_gamma(kind.precision * centre + mixture.treated[persona])
            centre = gammas / gammas.sum(axis=1, keepdims=True)
        treated[here] = _moved(centre, mixture.treated[persona], kind, rng) if kind.move else centre
    return treated.reshape(*labels.shape, -1), control.reshape(*labels.shape, -1)


def _moved(shares: FloatArray, seen: IntArray, kind: Kind, rng: np.random.Generator) -> FloatArray:
    """Move a share of the answers to one, drawn given the treated counts; shares and counts of shape (N, K)."""
    log_chance = seen * kind.log_gain(shares)
    aim = (log_chance + rng.gumbel(size=log_chance.shape)).argmax(axis=1)
    moved = (1 - kind.move) * shares
    moved[np.arange(len(moved)), aim] += kind.move
    return moved


def mean_distances(mixture: PersonaMixture, rng: np.random.Generator, *, n_draws: int = 12) -> FloatArray:
    """Return each persona's expected distance under each kind, shape (P, J), in [0, 1], from `n_draws` draws."""
    n_kinds, n_personas, _ = mixture.cumulative.shape
    labels = np.repeat(np.arange(n_kinds), n_draws)[:, None] + np.zeros(n_personas, dtype=np.int64)
    treated, control = draw_shares(mixture, labels, rng)
    distances = 0.5 * np.abs(treated - control).sum(axis=2)
    return np.asarray(distances.reshape(n_kinds, n_draws, n_personas).mean(axis=1).T)
