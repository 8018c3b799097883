"""Persona mixture: what the answers of many personas say, together, about how far each one drifted.

Every persona is of one *kind* with all its answers: no drift, a share of a common shift of the log odds, its
own shares drawn around a centre, a leak towards other shares, or towards one answer of its own. How common
the kinds are is unknown and is drawn from its posterior, so that doubt about the shape of the drift (few
personas strongly, or all a little) stays in the result. The shares in the control arm are a mixture of
Dirichlets, fitted to that arm.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from confound.statistics.arrays import FloatArray, IntArray

__all__ = ["PERSONA_KINDS", "PersonaMixture", "fit", "mixing_weights"]


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

# How much of the common shift, and of other shares, a persona may have.
SHIFTS = (0.25, 0.5, 0.75, 1.0, 1.3, 1.7)
LEAKS = (0.1, 0.2, 0.35, 0.5, 0.7, 1.0)
# How much of its answers a persona may move to one answer.
MOVES = (0.06, 0.12, 0.2, 0.35, 0.6, 0.9)
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
    """Treated shares lie at a centre, or are Dirichlet around it.

    The centre is the control shares, with their log odds moved by `shift` times the common shift, or mixed with other
    shares by `leak`. After that a share `move` of all answers goes to one answer, any with the same chance.
    """

    shift: float = 0.0
    leak: float = 0.0
    move: float = 0.0
    precision: float = np.inf

    def centre(self, shares: FloatArray, other: FloatArray, common_shift: FloatArray) -> FloatArray:
        """Return the centres of draws of control shares and of other shares, all of shape (K, ...)."""
        if self.leak:
            return np.asarray(shares + self.leak * (other - shares))
        if self.shift:
            moved = self.shift * common_shift.reshape(-1, *[1] * (shares.ndim - 1))
            tilted = np.log(np.maximum(shares, LOWEST)) + moved
            weights = np.exp(tilted - tilted.max(axis=0))
            return np.asarray(weights / weights.sum(axis=0))
        return shares

    def log_gain(self, shares: FloatArray) -> FloatArray:
        """Return the log of the factor by which `move` makes one given answer likelier than the rest, as `shares`."""
        return np.asarray(np.log1p(self.move / (1 - self.move) / np.maximum(shares, LOWEST)))


PERSONA_KINDS = (
    Kind(),
    *(Kind(precision=precision) for precision in OWN_PRECISIONS),
    *(Kind(shift=shift) for shift in SHIFTS),
    *(Kind(shift=1.0, precision=precision) for precision in SHIFT_PRECISIONS),
    *(Kind(leak=leak) for leak in LEAKS),
    *(Kind(move=move) for move in MOVES),
)


class PersonaMixture(NamedTuple):
    """What each kind says of each persona. P personas, J kinds, S importance draws, K answers.

    Attributes
    ----------
    treated : ndarray of int, shape (P, K)
        Counts.
    shares, other : ndarray, shape (P, S, K)
        Control shares and other shares drawn.
    shift : ndarray, shape (K,)
        The common shift of the log odds.
    cumulative : ndarray, shape (J, P, S)
        Importance weights of the draws under each kind, added up; the last of S is 1.
    likelihoods : ndarray, shape (P, J)
        Of both arms' counts, each persona's scaled so that its largest is 1.
    """

    treated: IntArray
    shares: FloatArray
    other: FloatArray
    shift: FloatArray
    cumulative: FloatArray
    likelihoods: FloatArray


class _Draws(NamedTuple):
    shares: FloatArray  # (P, S, K)
    log_shares: FloatArray  # (K, P, S): numpy adds up the first axis many times faster than a short last one
    log_weights: FloatArray  # (P, S)


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
    other, other_log_weights = _other_shares(treated, control, _base(treated, alphas), n_draws, rng)
    shift = _common_shift(treated, own)
    weights = _log_weights(treated, own, other, other_log_weights, shift)
    weights -= weights.max(axis=(0, 2), keepdims=True)
    cumulative = np.cumsum(np.exp(weights, out=weights), axis=2)
    total = cumulative[:, :, -1:].copy()
    cumulative /= total
    likelihoods = total[:, :, 0].T / total[:, :, 0].max(axis=0)[:, None]
    return PersonaMixture(treated, own.shares, other, shift, cumulative, likelihoods)


# Control shares.


def _dictionary(population: FloatArray) -> FloatArray:
    """Return Dirichlet parameters: about the mean of all, about even shares, and about each single answer."""
    n = len(population)
    about_mean = np.geomspace(0.3, 90, 9)[:, None] * population
    even = np.outer([0.25, 0.5, 1.0], np.ones(n))
    rests, sizes = (0.02, 0.06, 0.18), (0.7, 2.0, 8.0)
    pure = [np.full((n, n), size / n) + (size / rest - size) * np.eye(n) for rest in rests for size in sizes]
    return np.concatenate([about_mean, even, *pure])


def _log_sum_exp(values: FloatArray, axis: int) -> FloatArray:
    """Return the log of the sum of exponentials; without the corner cases of scipy's, it takes a tenth of the time."""
    largest = values.max(axis=axis, keepdims=True)
    total = np.log(np.exp(values - largest).sum(axis=axis, keepdims=True)) + largest
    return np.asarray(total.squeeze(axis))


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
    log_z = _log_sum_exp(log_terms, axis=2)
    cumulative = np.cumsum(np.exp(log_terms - log_z[..., None]), axis=2)
    at = (np.arange(n_draws) + rng.random((*log_z.shape, n_draws))) / n_draws
    component = np.minimum((cumulative[:, :, None, :] < at[..., None]).sum(axis=3), len(base.alphas) - 1)
    gammas = rng.standard_gamma(base.alphas[component] + seen[:, :, None, :])
    gammas = np.maximum(gammas, np.finfo(np.float64).tiny).reshape(len(seen), -1, seen.shape[2])
    shares = gammas / gammas.sum(axis=-1, keepdims=True)
    log_shares = np.log(np.maximum(_answers_first(shares), LOWEST))
    log_powers = _log_power(log_shares, powers)
    log_weights = np.log(seen.shape[1]) - _log_sum_exp(log_powers - log_z[:, :, None], axis=1)
    return _Draws(shares, log_shares, log_weights)


def _answers_first(shares: FloatArray) -> FloatArray:
    return np.moveaxis(shares, -1, 0).copy()


def _log_power(log_shares: FloatArray, powers: FloatArray | IntArray) -> FloatArray:
    """Return ``sum_k powers_k log(p_k)`` of each persona's draws for each row of powers (P, T, K), shape (P, T, S)."""
    return np.asarray(powers.astype(np.float64) @ log_shares.transpose(1, 0, 2))


def _other_shares(
    treated: IntArray, control: IntArray, base: _Base, n_draws: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw shares of other personas of the treated arm, many where they may explain a persona's answers.

    Returns them, shape (P, S, K), and their log weights, shape (P, S).
    """
    expected = control * (treated.sum(axis=1) / control.sum(axis=1))[:, None]
    nothing = np.zeros(treated.shape)
    seen = np.stack([nothing, nothing, treated, np.maximum(0.0, treated - expected)], axis=1)
    draws = _importance_draws(seen, seen, base, n_draws, rng)
    # Paired with the control shares at random, not pull by pull.
    order = rng.permutation(draws.shares.shape[1])
    return draws.shares.take(order, axis=1), draws.log_weights.take(order, axis=1)


# Treated shares.


def _common_shift(treated: IntArray, own: _Draws) -> FloatArray:
    """Fit one shift of all personas' log odds by EM over their control shares, shrunk as James and Stein's.

    The shrinkage keeps a shift that is only noise from passing for drift.
    """
    control = np.exp(own.log_shares[:, :, ::3])
    log_weights = own.log_weights[:, ::3] + _log_power(own.log_shares[:, :, ::3], treated[:, None])[:, 0]
    n_answers = treated.shape[1]
    sizes = treated.sum(axis=1)[:, None]
    shift, information = np.zeros(n_answers), np.eye(n_answers)
    for step in range(SHIFT_STEPS):
        tilted = control * np.exp(shift - shift.max())[:, None, None]
        total = tilted.sum(axis=0)
        log_posterior = log_weights + (treated @ (shift - shift.max()))[:, None] - sizes * np.log(total)
        posterior = np.exp(log_posterior - log_posterior.max(axis=1, keepdims=True))
        posterior *= sizes / posterior.sum(axis=1, keepdims=True)
        shares = (tilted / total).reshape(n_answers, -1)
        weighted = shares * posterior.ravel()
        expected = weighted.sum(axis=1)
        score = treated.sum(axis=0) - expected - SHIFT_RIDGE * shift
        information = np.diag(expected) - weighted @ shares.T + SHIFT_RIDGE * np.eye(n_answers)
        stretch = SHIFT_STRETCH if step < SHIFT_STEPS - 1 else 1.0
        shift = shift + stretch * np.linalg.solve(information, score)
        shift -= shift.mean()
    # The control arm is as uncertain as the treated one, so half of the treated arm's information counts.
    strength = float(shift @ information @ shift) / 2
    return np.asarray(shift * max(0.0, 1.0 - (n_answers - 1) / max(strength, LOWEST)))


def _log_weights(
    treated: IntArray, own: _Draws, other: FloatArray, other_log_weights: FloatArray, shift: FloatArray
) -> FloatArray:
    """Return log importance weight times likelihood of the treated counts, shape (J, P, S)."""
    shares, other_shares = _answers_first(own.shares), _answers_first(other)
    result = np.empty((len(PERSONA_KINDS), *own.log_weights.shape))
    alike: dict[Kind, list[int]] = {}
    for j, kind in enumerate(PERSONA_KINDS):
        if kind.move:
            result[j] = _log_moved(treated, shares, own.log_shares, kind)
            continue
        alike.setdefault(kind._replace(precision=np.inf), []).append(j)
    for centre, kinds in alike.items():
        log_shares = np.log(np.maximum(centre.centre(shares, other_shares, shift), LOWEST))
        spread = [j for j in kinds if np.isfinite(PERSONA_KINDS[j].precision)]
        for j in set(kinds) - set(spread):
            result[j] = _log_power(log_shares, treated[:, None])[:, 0]
        for j, value in zip(spread, _log_dirichlet_multinomial(treated, log_shares, spread), strict=True):
            result[j] = value
        if centre.leak:
            result[kinds] += other_log_weights
    result += own.log_weights
    return result


def _log_moved(treated: IntArray, shares: FloatArray, log_shares: FloatArray, kind: Kind) -> FloatArray:
    """Return log probabilities of the treated counts where a share of them moves to one answer, shape (P, S)."""
    n_answers = treated.shape[1]
    stayed = _log_power(log_shares, treated[:, None])[:, 0] + treated.sum(axis=1)[:, None] * np.log1p(-kind.move)
    log_gains = np.zeros(log_shares.shape)
    for k in range(n_answers):
        seen = np.flatnonzero(treated[:, k])
        log_gains[k, seen] = treated[seen, k, None] * kind.log_gain(shares[k, seen])
    return np.asarray(stayed + _log_sum_exp(log_gains, axis=0) - np.log(n_answers))


def _log_dirichlet_multinomial(treated: IntArray, log_shares: FloatArray, kinds: list[int]) -> list[FloatArray]:
    """Return log probabilities of the treated counts, Dirichlet around the shares, for each kind's precision."""
    if not kinds:
        return []
    width = int(treated.max()) + 1
    place = (log_shares / -np.log(LOWEST) + 1.0) * (TABLE_POINTS - 1)
    below = np.minimum(place.astype(np.int64), TABLE_POINTS - 2)
    fraction = place - below
    index = below + TABLE_POINTS * treated.T[:, :, None]
    sizes = treated.sum(axis=1)
    points = np.geomspace(LOWEST, 1.0, TABLE_POINTS)
    result = []
    for j in kinds:
        precision = PERSONA_KINDS[j].precision
        rising = np.zeros((width, TABLE_POINTS))
        rising[1:] = np.cumsum(np.log(precision * points + np.arange(width - 1)[:, None]), axis=0)
        steps = np.diff(rising, axis=1, append=0.0)
        total = gammaln(precision + sizes) - gammaln(precision)
        result.append((rising.take(index) + fraction * steps.take(index)).sum(axis=0) - total[:, None])
    return result
