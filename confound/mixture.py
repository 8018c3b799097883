"""Persona mixture: what the answers of many personas say, together, about how far each one drifted.

Every persona is of one *kind* with all its answers: no drift, a share of a common shift of the log odds, its
own shares drawn around a centre, or a leak towards other shares. How common the kinds are is unknown and is
drawn from its posterior, so that doubt about the shape of the drift (few personas strongly, or all a little)
stays in the result. The shares in the control arm are a mixture of Dirichlets, fitted to that arm.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

__all__ = ["KINDS", "PersonaMixture", "fit", "mixing_weights"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

# Importance draws of a persona's control shares given its control answers and this part of its treated ones:
# together they serve every kind, from no drift (all) to unrelated arms (none).
PULLS = np.array([0.0, 0.25, 0.6, 1.0])
# Draws a pull; a tenfold number moved the estimate by less than 0.002. Fewer where the product below,
# personas x answers x draws a pull, would pass 150,000 (600 MB in all).
DRAWS_PER_PULL = 48
DRAWS_LIMIT = 150_000
# Shares below this are taken as this: beyond any log's resolution.
LOWEST = 1e-9
# Points, evenly spaced in log share, at which log rising factorials are tabled and interpolated.
TABLE_POINTS = 256

# Centres: control shares; those with the common shift times these; those mixed with other shares by these.
SHIFTS = (0.25, 0.5, 0.75, 1.0, 1.3, 1.7)
LEAKS = (0.1, 0.2, 0.35, 0.5, 0.7, 1.0)
SAME, FIRST_SHIFT, FIRST_LEAK = 0, 1, 1 + len(SHIFTS)
# Precisions of treated shares around the control shares, and around the whole shift. Drift finer than 100 is
# told from none by no log of this size and would only add to the estimate.
OWN_PRECISIONS = (100.0, 50.0, 25.0, 12.0, 6.0, 3.0, 1.5, 0.7)
SHIFT_PRECISIONS = (60.0, 15.0, 5.0)
# Worth, in personas, of the prior on the mixture of Dirichlets; components below the share are left out.
BASE_PRIOR, BASE_NEGLIGIBLE = 1.0, 2e-3
BASE_STEPS = 60
# Shrinkage of the common shift (variance of a log odds of 4), and steps of its EM.
SHIFT_RIDGE, SHIFT_STEPS, SHIFT_STRETCH = 0.25, 10, 1.8


class Kind(NamedTuple):
    """Treated shares lie at a centre, or are Dirichlet around it."""

    centre: int
    precision: float


KINDS = (
    Kind(SAME, np.inf),
    *(Kind(SAME, precision) for precision in OWN_PRECISIONS),
    *(Kind(FIRST_SHIFT + i, np.inf) for i in range(len(SHIFTS))),
    *(Kind(FIRST_SHIFT + SHIFTS.index(1.0), precision) for precision in SHIFT_PRECISIONS),
    *(Kind(FIRST_LEAK + i, np.inf) for i in range(len(LEAKS))),
)


class PersonaMixture(NamedTuple):
    """What each kind says of each persona. P personas, J kinds, S importance draws, K answers, C centres.

    Attributes
    ----------
    treated : ndarray of int, shape (P, K)
        Counts.
    shares : ndarray, shape (P, S, K)
        Control shares drawn.
    centres : tuple of ndarray, C arrays of shape (P, S, K)
        What the treated shares would be, or lie around.
    weights : ndarray, shape (J, P, S)
        Importance weights of the draws under each kind, not normalised.
    likelihoods : ndarray, shape (P, J)
        Of both arms' counts, each persona's scaled so that its largest is 1.
    """

    treated: IntArray
    shares: FloatArray
    centres: tuple[FloatArray, ...]
    weights: FloatArray
    likelihoods: FloatArray


class _Draws(NamedTuple):
    shares: FloatArray
    log_shares: FloatArray
    log_weights: FloatArray


class _Base(NamedTuple):
    """Mixture of Dirichlets: parameters (H, K) and log weights (H,)."""

    alphas: FloatArray
    log_weights: FloatArray


def fit(treated: IntArray, control: IntArray, rng: np.random.Generator) -> PersonaMixture:
    """Find the likelihood of every persona's counts under every kind.

    Parameters
    ----------
    treated, control : ndarray of int, shape (personas, answers)
        Counts; each persona has an answer in each arm, each answer was given.
    rng : numpy.random.Generator

    Returns
    -------
    PersonaMixture
    """
    margin = (treated + control).sum(axis=0) + 0.5
    alphas = _dictionary(margin / margin.sum())
    n_draws = int(np.clip(DRAWS_LIMIT // treated.size, 6, DRAWS_PER_PULL))
    pulled = control[:, None, :] + PULLS[:, None] * treated[:, None, :]
    own = _importance_draws(pulled, pulled - control[:, None, :], _base(control, alphas), n_draws, rng)
    other = _other_shares(treated, control, _base(treated, alphas), n_draws, rng)
    centres = _centres(own, other.shares, _common_shift(treated, own))
    log_weights = _log_weights(treated, own, other.log_weights, centres)
    weights = np.exp(log_weights - log_weights.max(axis=(0, 2), keepdims=True))
    likelihoods = weights.mean(axis=2).T
    likelihoods /= likelihoods.max(axis=1, keepdims=True)
    return PersonaMixture(treated, own.shares, centres, weights, likelihoods)


# Control shares.


def _dictionary(population: FloatArray) -> FloatArray:
    """Return Dirichlet parameters: about the mean of all, about even shares, and about each single answer."""
    n = len(population)
    about_mean = np.geomspace(0.3, 90, 9)[:, None] * population
    even = np.outer([0.25, 0.5, 1.0], np.ones(n))
    rests, sizes = (0.02, 0.06, 0.18), (0.7, 2.0, 8.0)
    pure = [np.full((n, n), size / n) + (size / rest - size) * np.eye(n) for rest in rests for size in sizes]
    return np.concatenate([about_mean, even, *pure])


def _log_beta(alphas: FloatArray) -> FloatArray:
    return np.asarray(gammaln(alphas).sum(axis=-1) - gammaln(alphas.sum(axis=-1)))


def _base(counts: IntArray, alphas: FloatArray) -> _Base:
    """Fit the mixture of Dirichlets to one arm's counts by EM."""
    log_likelihood = _log_beta(alphas + counts[:, None, :]) - _log_beta(alphas)
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    weights = mixing_weights(likelihood, np.full(len(alphas), BASE_PRIOR / len(alphas)))
    kept = weights > BASE_NEGLIGIBLE
    return _Base(alphas[kept], np.log(weights[kept] / weights[kept].sum()))


def mixing_weights(likelihood: FloatArray, prior: FloatArray) -> FloatArray:
    """Return how common each column is among the rows, by EM under a Dirichlet prior worth `prior` rows."""
    weights = prior / prior.sum()
    for _ in range(BASE_STEPS):
        posterior = weights * likelihood
        posterior /= posterior.sum(axis=1, keepdims=True)
        weights = posterior.sum(axis=0) + prior
        weights /= weights.sum()
    return np.asarray(weights)


def _importance_draws(
    seen: FloatArray, powers: FloatArray, base: _Base, n_draws: int, rng: np.random.Generator
) -> _Draws:
    """Draw shares from the base given each row of ``seen`` (P, T, K), weighted towards the base given the rest.

    Row ``t`` has density ``base(p) prod p**seen_t / Z_t``. With ``seen_t = rest + powers_t``, the weight of a draw
    from all rows alike towards ``base(p) prod p**rest`` is ``1 / mean_t(prod p**powers_t / Z_t)``: the base cancels.
    """
    log_terms = base.log_weights + _log_beta(base.alphas + seen[:, :, None, :]) - _log_beta(base.alphas)
    log_z = logsumexp(log_terms, axis=2)
    cumulative = np.cumsum(np.exp(log_terms - log_z[..., None]), axis=2)
    at = (np.arange(n_draws) + rng.random((*log_z.shape, n_draws))) / n_draws
    component = np.minimum((cumulative[:, :, None, :] < at[..., None]).sum(axis=3), len(base.alphas) - 1)
    gammas = rng.standard_gamma(base.alphas[component] + seen[:, :, None, :])
    gammas = np.maximum(gammas, np.finfo(np.float64).tiny).reshape(len(seen), -1, seen.shape[2])
    shares = gammas / gammas.sum(axis=-1, keepdims=True)
    log_shares = np.log(np.maximum(shares, LOWEST))
    log_powers = np.einsum("psk,ptk->pst", log_shares, powers)
    log_weights = np.log(seen.shape[1]) - logsumexp(log_powers - log_z[:, None, :], axis=2)
    return _Draws(shares, log_shares, log_weights)


def _other_shares(treated: IntArray, control: IntArray, base: _Base, n_draws: int, rng: np.random.Generator) -> _Draws:
    """Draw shares of other personas of the treated arm, many where they may explain a persona's answers."""
    expected = control * (treated.sum(axis=1) / control.sum(axis=1))[:, None]
    nothing = np.zeros(treated.shape)
    seen = np.stack([nothing, nothing, treated, np.maximum(0.0, treated - expected)], axis=1)
    draws = _importance_draws(seen, seen, base, n_draws, rng)
    # Paired with the control shares at random, not pull by pull.
    order = rng.permutation(draws.shares.shape[1])
    return _Draws(*(array[:, order] for array in draws))


# Treated shares.


def _common_shift(treated: IntArray, own: _Draws) -> FloatArray:
    """Fit one shift of all personas' log odds by EM over their control shares, shrunk as James and Stein's.

    The shrinkage keeps a shift that is only noise from passing for drift.
    """
    log_shares = own.log_shares[:, ::3]
    log_weights = own.log_weights[:, ::3] + np.einsum("psk,pk->ps", log_shares, treated)
    n_answers = treated.shape[1]
    sizes = treated.sum(axis=1)[:, None]
    shift, information = np.zeros(n_answers), np.eye(n_answers)
    for step in range(SHIFT_STEPS):
        tilted = log_shares + shift
        log_total = logsumexp(tilted, axis=-1)
        log_posterior = log_weights + (treated @ shift)[:, None] - sizes * log_total
        posterior = np.exp(log_posterior - log_posterior.max(axis=1, keepdims=True))
        posterior *= sizes / posterior.sum(axis=1, keepdims=True)
        shares = np.exp(tilted - log_total[..., None]).reshape(-1, n_answers)
        weighted = shares * posterior.reshape(-1, 1)
        score = treated.sum(axis=0) - weighted.sum(axis=0) - SHIFT_RIDGE * shift
        information = np.diag(weighted.sum(axis=0)) - weighted.T @ shares + SHIFT_RIDGE * np.eye(n_answers)
        stretch = SHIFT_STRETCH if step < SHIFT_STEPS - 1 else 1.0
        shift = shift + stretch * np.linalg.solve(information, score)
        shift -= shift.mean()
    # The control arm is as uncertain as the treated one, so half of the treated arm's information counts.
    strength = float(shift @ information @ shift) / 2
    return np.asarray(shift * max(0.0, 1.0 - (n_answers - 1) / max(strength, LOWEST)))


def _centres(own: _Draws, other: FloatArray, shift: FloatArray) -> tuple[FloatArray, ...]:
    def shifted(size: float) -> FloatArray:
        tilted = own.log_shares + size * shift
        weights = np.exp(tilted - tilted.max(axis=-1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True))

    leaked = (own.shares + size * (other - own.shares) for size in LEAKS)
    return (own.shares, *(shifted(size) for size in SHIFTS), *leaked)


def _log_weights(
    treated: IntArray, own: _Draws, other_log_weights: FloatArray, centres: tuple[FloatArray, ...]
) -> FloatArray:
    """Return log importance weight times likelihood of the treated counts, shape (J, P, S)."""
    result = np.empty((len(KINDS), *own.log_weights.shape))
    for centre, shares in enumerate(centres):
        log_shares = np.log(np.maximum(shares, LOWEST))
        kinds = [j for j, kind in enumerate(KINDS) if kind.centre == centre]
        spread = [j for j in kinds if np.isfinite(KINDS[j].precision)]
        for j in set(kinds) - set(spread):
            result[j] = np.einsum("psk,pk->ps", log_shares, treated)
        for j, value in zip(spread, _log_dirichlet_multinomial(treated, log_shares, spread), strict=True):
            result[j] = value
        if centre >= FIRST_LEAK:
            result[kinds] += other_log_weights
    return result + own.log_weights


def _log_dirichlet_multinomial(treated: IntArray, log_shares: FloatArray, kinds: list[int]) -> list[FloatArray]:
    """Return log probabilities of the treated counts, Dirichlet around the shares, for each kind's precision."""
    if not kinds:
        return []
    width = int(treated.max()) + 1
    place = (log_shares / -np.log(LOWEST) + 1.0) * (TABLE_POINTS - 1)
    below = np.minimum(place.astype(np.int64), TABLE_POINTS - 2)
    fraction = place - below
    index = below * width + treated[:, None, :]
    sizes = treated.sum(axis=1)
    points = np.geomspace(LOWEST, 1.0, TABLE_POINTS)[:, None]
    result = []
    for j in kinds:
        precision = KINDS[j].precision
        rising = np.zeros((TABLE_POINTS, width))
        rising[:, 1:] = np.cumsum(np.log(precision * points + np.arange(width - 1)), axis=1)
        low, high = rising.ravel()[index], rising.ravel()[index + width]
        total = gammaln(precision + sizes) - gammaln(precision)
        result.append((low + fraction * (high - low)).sum(axis=-1) - total[:, None])
    return result
