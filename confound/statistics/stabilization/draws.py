"""Posterior draws of the sampled parameters -> draws of the arms' paths, on the outcome's own scale (arrays only)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np

from confound.statistics.arrays import FloatArray, IntArray
from confound.statistics.stabilization.inputs import Priors
from confound.statistics.stabilization.law import (
    EFFECTS,
    SIDES,
    Persons,
    Quadratic,
    averaged,
    condense,
    exponential,
    given_path,
    lasting,
    loadings,
    others,
    reduce,
    shrinking,
    variants,
    walk,
)

CHUNK = 50  # draws at a time: a hundred personas then take some tens of megabytes
NODES = 20  # of the quadrature over personas


@dataclass(frozen=True, slots=True)
class Theta:
    """Draws of the parameters of one group; S draws.

    Attributes
    ----------
    persons : Persons
        Of S in the place of groups.
    centre : ndarray of float64, shape (S, 3)
        Expected settled effect and halves of the biases of the treated and control arm, before the data of the group.
    effect_sd, bias_sd : ndarray of float64, shape (S,)
    path : dict
        The path's own parameters, each of shape (S,): `scale`; `step` and `kept`; `step`.
    """

    persons: Persons
    centre: FloatArray
    effect_sd: FloatArray
    bias_sd: FloatArray
    path: Mapping[str, FloatArray]

    def rows(self, which: slice | IntArray) -> "Theta":
        """Return some of the draws."""
        persons = Persons(*(getattr(self.persons, name.name)[which] for name in fields(Persons)))
        path = {name: values[which] for name, values in self.path.items()}
        return Theta(persons, self.centre[which], self.effect_sd[which], self.bias_sd[which], path)


@dataclass(frozen=True, slots=True)
class Paths:
    """Draws of one group's paths, on the scale of the linear predictor.

    Attributes
    ----------
    means : ndarray of float64, shape (S, 2, T + 1)
        Treated arm first; the last column is the settled level.
    change : ndarray of int64, shape (S,)
        From which of the T iterations on the path is constant; T - 1: from none. -1 if the path has no such point.
    log_likelihood : ndarray of float64, shape (S,)
        Of all personas given the path, their effects integrated out.
    log_prior : ndarray of float64, shape (S,)
        Of the path given its parameters.
    """

    means: FloatArray
    change: IntArray
    log_likelihood: FloatArray
    log_prior: FloatArray


def factors(path: str, times: FloatArray, theta: Theta) -> FloatArray:
    """Return the factor of a path for each draw, shape (S, 2 T, Q)."""
    if path == "exponential":
        return exponential(times, theta.path["scale"], theta.effect_sd, theta.bias_sd)
    if path == "random_walk":
        return walk(shrinking(times, theta.path["step"], theta.path["kept"]), theta.effect_sd)
    return walk(lasting(len(times), theta.path["step"]), theta.effect_sd)


def middle(path: str, times: FloatArray, theta: Theta) -> FloatArray:
    """Return the centre of the arms' means for each draw, shape (S, 2 T)."""
    level = np.repeat(SIDES, len(times)) * theta.centre[:, :1]
    if path != "exponential":
        return np.asarray(level)
    left = np.exp(-times / theta.path["scale"][:, None])
    return np.asarray(level + np.concatenate([left * theta.centre[:, 1:2], -left * theta.centre[:, 2:]], axis=1))


def draw_paths(path: str, data: Quadratic, theta: Theta, rng: np.random.Generator) -> Paths:
    """Draw the arms' means from their normal law given the data and each draw of the parameters.

    Parameters
    ----------
    path : {"exponential", "random_walk", "changepoint"}
    data : Quadratic
        Of one group.
    theta : Theta
    rng : numpy.random.Generator
    """
    parts = [_drawn(path, data, some, rng) for some in _chunks(theta)]
    return Paths(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Paths)))


def _chunks(theta: Theta) -> Iterator[Theta]:
    return (theta.rows(slice(i, i + CHUNK)) for i in range(0, len(theta.effect_sd), CHUNK))


def _drawn(path: str, data: Quadratic, theta: Theta, rng: np.random.Generator) -> Paths:
    n_times = len(data.times)
    centre, factor, ends = _law(path, data.times, theta)
    each = reduce(data, theta.persons)
    found, root, told = given_path(condense(each), centre, factor, ends)
    change = _variant(found, rng)
    z = _columns(root, told + rng.standard_normal(told.shape), ends[change])
    m = centre + (factor @ z[..., None])[..., 0]
    settled = theta.centre[:, 0] + theta.effect_sd * z[:, 0]
    arms = np.stack([side * settled for side in SIDES], axis=1)
    means = np.concatenate([m.reshape(len(m), 2, n_times), arms[..., None]], axis=-1)
    pulled = (each.v * m[:, None] ** 2).sum(axis=-1) - ((each.w @ m[:, None, :, None])[..., 0] ** 2).sum(axis=-1)
    likelihood = each.const + (each.h * m[:, None]).sum(axis=-1) - pulled / 2
    if path != "changepoint":
        change = np.full(len(found), -1)
    return Paths(means, change, likelihood.sum(axis=-1), -(z**2).sum(axis=-1) / 2)


def _law(path: str, times: FloatArray, theta: Theta) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return centre, factor and variants, as `given_path` takes them."""
    return middle(path, times, theta), factors(path, times, theta), variants(path, len(times))


def _variant(found: FloatArray, rng: np.random.Generator) -> IntArray:
    """Draw one variant a row by its evidence."""
    shares = np.exp(found - found.max(axis=1, keepdims=True))
    bounds = np.cumsum(shares, axis=1)
    return np.asarray((rng.uniform(size=(len(found), 1)) * bounds[:, -1:] > bounds).sum(axis=1))


def _columns(root: FloatArray, told: FloatArray, ends: IntArray) -> FloatArray:
    """Solve ``root' z = told`` in the first `ends` columns; the others of z are 0."""
    used = np.arange(told.shape[1]) < ends[:, None]
    return np.asarray(np.linalg.solve(root.swapaxes(-1, -2), np.where(used, told, 0.0)[..., None])[..., 0])


def evidence(path: str, data: Quadratic, theta: Theta) -> FloatArray:
    """Return the log density of all answers of one group given each draw of the parameters, shape (S,)."""
    parts = []
    for some in _chunks(theta):
        found, _, _ = given_path(condense(reduce(data, some.persons)), *_law(path, data.times, some))
        parts.append(averaged(found))
    return np.concatenate(parts)


def left_out(path: str, data: Quadratic, theta: Theta) -> FloatArray:
    """Return the log density of each persona's answers given those of all others, shape (S, P).

    The path is integrated out as well, so that leaving a persona out moves a dozen parameters only, and importance
    sampling is steady where that of draws of the path is not.

    Parameters
    ----------
    path : {"exponential", "random_walk", "changepoint"}
    data : Quadratic
        Of one group.
    theta : Theta
    """
    return np.concatenate([_left_out(path, data, some) for some in _chunks(theta)])


def _left_out(path: str, data: Quadratic, theta: Theta) -> FloatArray:
    centre, factor, ends = _law(path, data.times, theta)
    each = reduce(data, theta.persons)
    said = condense(each)
    every, _, _ = given_path(said, centre, factor, ends)
    without, _, _ = given_path(others(each, said), centre[:, None], factor[:, None], ends)
    return averaged(every)[:, None] - averaged(without)


def expected(
    means: FloatArray, persons: Persons, times: FloatArray, values: FloatArray | None, unit: tuple[float, float]
) -> FloatArray:
    """Average the outcome over the population of personas, shape (S, 2, T + 1).

    Parameters
    ----------
    means : ndarray, shape (S, 2, T + 1)
        As in `Paths`.
    persons : Persons
        Of S draws.
    times : ndarray, shape (T,)
    values : ndarray, shape (K,), or None
        Numbers behind the answers; None for a numeric outcome.
    unit : (float, float)
        Mean and standard deviation that a numeric outcome was divided by.
    """
    if values is None:
        level = -persons.cuts[:, 0][:, None, None]
        return np.asarray(unit[0] + unit[1] * (level + means))
    sd = _spread(persons, times)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    total = np.full(means.shape, float(values[0]))
    for c, jump in enumerate(np.diff(values)):
        above = means - persons.cuts[:, c][:, None, None]
        shares = sum(w / (1 + np.exp(-above - x * sd)) for x, w in zip(nodes, weights / weights.sum(), strict=True))
        total += jump * shares
    return np.asarray(total)


def _spread(persons: Persons, times: FloatArray) -> FloatArray:
    """Return the standard deviation of eta over personas, shape (S, 2, T + 1)."""
    until = np.append(times, np.inf)
    design = loadings(until, persons.growth)
    variance = ((design * persons.sds[:, None, :]) ** 2).sum(axis=-1) + persons.noise[:, None] ** 2
    return np.asarray(np.sqrt(variance).reshape(len(variance), 2, len(until)))


def quantities(outcome: FloatArray) -> dict[str, FloatArray]:
    """Return the draws of what is reported, from expected outcomes of shape (S, 2, T + 1) whose first iteration is 0.

    The observed effect at the first iteration, the settled effect, the selection bias in the treated and in the control
    outcome and their mean: ``observed = settled + asb`` in every draw.

    Examples
    --------
    >>> import numpy as np
    >>> outcome = np.array([[[3.0, 2.5], [1.0, 1.5]]])  # one draw: treated and control, at first and settled
    >>> {name: values.tolist() for name, values in quantities(outcome).items()}
    {'observed': [2.0], 'settled': [1.0], 'sbt': [1.0], 'sbc': [1.0], 'asb': [1.0]}
    """
    (treated, control), (later_treated, later_control) = outcome[:, :, 0].T, outcome[:, :, -1].T
    sbt, sbc = 2 * (treated - later_treated), 2 * (later_control - control)
    return {
        "observed": treated - control,
        "settled": later_treated - later_control,
        "sbt": sbt,
        "sbc": sbc,
        "asb": (sbt + sbc) / 2,
    }


def settled_by(outcome: FloatArray, tolerance: float) -> FloatArray:
    """Return the probability that from each iteration on the effect is within a tolerance of the settled one.

    Examples
    --------
    >>> import numpy as np
    >>> outcome = np.array([[[3.0, 2.0, 2.0], [1.0, 1.0, 1.0]]])  # one draw, two iterations, then the settled level
    >>> settled_by(outcome, 0.1).tolist()
    [0.0, 1.0]
    """
    effect = outcome[:, 0] - outcome[:, 1]
    away = np.abs(effect[:, :-1] - effect[:, -1:]) > tolerance
    still = np.maximum.accumulate(away[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(1 - still.mean(axis=0))


def simulate(
    means: FloatArray, persons: Persons, times: FloatArray, sizes: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Draw what new personas would answer: counts, or means of a numeric outcome.

    Parameters
    ----------
    means : ndarray, shape (2, T)
        Of the linear predictor.
    persons : Persons
        Of one draw.
    times : ndarray, shape (T,)
    sizes : ndarray of int, shape (P, 2, T)
        Answers of each persona, arm and iteration.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (P, 2, T, K)
    """
    eta = simulate_predictors(means, persons, times, len(sizes), rng)
    above = 1 / (1 + np.exp(persons.cuts[0] - eta[..., None]))
    ends = np.ones((*eta.shape, 1))
    shares = -np.diff(np.concatenate([ends, above, 0 * ends], axis=-1), axis=-1)
    return np.asarray(rng.multinomial(sizes, np.maximum(shares, 0)))


def simulate_predictors(
    means: FloatArray, persons: Persons, times: FloatArray, n_personas: int, rng: np.random.Generator
) -> FloatArray:
    """Draw linear predictors of new personas, shape (P, 2, T)."""
    design = loadings(times, persons.growth)[0] * persons.sds[0]
    own = rng.standard_normal((n_personas, design.shape[1])) @ design.T
    noise = persons.noise[0] * rng.standard_normal(own.shape)
    return np.asarray(means + (own + noise).reshape(n_personas, 2, len(times)))


def draw_prior(path: str, n_cuts: int, n: int, *, priors: Priors, rng: np.random.Generator) -> Theta:
    """Draw the parameters of one group from their prior.

    Parameters
    ----------
    path : {"exponential", "random_walk", "changepoint"}
    n_cuts : int
        Answers less one; of a numeric outcome 1.
    n : int
    priors : Priors
    rng : numpy.random.Generator
    """
    gaps = np.exp(rng.standard_normal((n, n_cuts - 1)))
    first = rng.normal(0, priors.cut, n)
    cuts = first[:, None] + np.concatenate([np.zeros((n, 1)), np.cumsum(gaps, axis=1)], axis=1)
    scales = np.array([priors.level, priors.level, priors.difference, priors.difference])
    median, width = priors.scale
    persons = Persons(
        cuts=cuts,
        sds=np.abs(rng.normal(0, scales, (n, EFFECTS))),
        noise=np.abs(rng.normal(0, priors.noise, n)),
        growth=median * np.exp(width * rng.standard_normal(n)),
    )
    if path == "exponential":
        own = {"scale": median * np.exp(width * rng.standard_normal(n))}
    else:
        own = {"step": priors.step[0] * np.exp(priors.step[1] * rng.standard_normal(n))}
    if path == "random_walk":
        own["kept"] = rng.beta(*priors.kept, n)
    return Theta(persons, np.zeros((n, 3)), np.full(n, priors.effect), np.full(n, priors.bias), own)


def draw_prior_paths(path: str, times: FloatArray, theta: Theta, rng: np.random.Generator) -> FloatArray:
    """Draw the arms' means of each draw of the parameters without data, shape (S, 2, T + 1)."""
    centre, factor, ends = _law(path, times, theta)
    n, _, n_columns = factor.shape
    used = np.arange(n_columns) < rng.choice(ends, size=n)[:, None]
    z = np.where(used, rng.standard_normal((n, n_columns)), 0.0)
    m = centre + (factor @ z[..., None])[..., 0]
    settled = theta.centre[:, 0] + theta.effect_sd * z[:, 0]
    arms = np.stack([side * settled for side in SIDES], axis=1)
    return np.concatenate([m.reshape(n, 2, len(times)), arms[..., None]], axis=-1)
