"""The square of outcome arm and users' arm by standardization over elicited confounders (arrays only).

Outcome and confounders come from one conversation. The outcome of the treated as it would be with the control arm's
users is ``E[Y(1)|A=0] = sum_c P(c|A=0) E[Y|A=1, c]``, persona by persona where the same personas are in both arms.
"""

import warnings
from dataclasses import dataclass

import numpy as np

from confound.statistics.arrays import BoolArray, FloatArray, IntArray

METHODS = ("g-formula", "aipw")


@dataclass(frozen=True, slots=True)
class Conversations:
    """Outcome and confounders of conversations, those alike in all counted in one row.

    Attributes
    ----------
    outcome : ndarray of float64, shape (N,)
    confounders : ndarray of float64, shape (N, D)
        Indicators of the confounders' answers, one answer of each left out.
    persona : ndarray of int64, shape (N,)
        0 to P - 1. Within subjects each persona is in both arms.
    treated : ndarray of bool, shape (N,)
    n : ndarray of float64, shape (N,)
        Conversations, 1 or more.
    """

    outcome: FloatArray
    confounders: FloatArray
    persona: IntArray
    treated: BoolArray
    n: FloatArray


@dataclass(frozen=True, slots=True)
class Overlap:
    """Whether each arm holds users like the other's.

    Attributes
    ----------
    propensity_low, propensity_high : float
        Smallest and largest estimated probability of the treated arm given the confounders, in [0, 1].
    effective_share : float
        Effective share of conversations left by the weights (Kish), the smaller of the arms', in (0, 1].
    unmatched : float
        Largest share of an arm's conversations that hold an answer which the other arm never gives, in [0, 1].
    imbalance_before, imbalance_after : float
        Largest standardized mean difference of a confounder's answer between the arms, before and after weighting;
        above .1 is usually called unbalanced (Austin 2009, Statistics in Medicine 28).
    """

    propensity_low: float
    propensity_high: float
    effective_share: float
    unmatched: float
    imbalance_before: float
    imbalance_after: float


@dataclass(frozen=True, slots=True)
class Standardized:
    """What standardization gives `decomposition.decompose`.

    Attributes
    ----------
    groups : dict
        Method of `METHODS` -> groups of contributions, shapes (P_g, 1, 4). Without "aipw" if the propensity model did
        not converge.
    overlap : Overlap or None
        None if the propensity model did not converge.
    """

    groups: dict[str, list[FloatArray]]
    overlap: Overlap | None


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which conversations are compared: `stratum` is the persona within subjects, else everyone is in one."""

    data: Conversations
    paired: bool
    base: FloatArray  # (N,): each conversation's share of its persona's in its arm

    @property
    def stratum(self) -> IntArray:
        return self.data.persona if self.paired else np.zeros_like(self.data.persona)


def standardize(data: Conversations, *, paired: bool) -> Standardized:
    """Estimate the square by g-formula and by augmented inverse probability weighting.

    Assumes that within the confounders' answers (and within the persona, if `paired`) the arms hold the same users, and
    that both arms hold users of each kind. The outcome model is linear in the answers' indicators, arm by arm, with an
    effect of each persona if `paired`; the propensity model is logistic in the indicators and, if `paired`, in the
    persona's mean of them (Mundlak 1978). The g-formula is right if the outcome model is, AIPW if either is. The
    models are not fitted anew in resamples: what fitting the outcome model adds to the uncertainty is in the
    contributions, by its influence function.

    Parameters
    ----------
    data : Conversations
        With one or more confounders.
    paired : bool
        Whether the same personas are in both arms. Then a persona in one arm only must have been left out.

    Returns
    -------
    Standardized

    References
    ----------
    Robins (1986), Mathematical Modelling 7 (g-formula); Robins, Rotnitzky and Zhao (1994), JASA 89 (AIPW); Mundlak
    (1978), Econometrica 46. Fitted by statsmodels.

    Examples
    --------
    >>> import numpy as np
    >>> persona, treated = np.repeat(np.arange(20), 4), np.tile([True, True, False, False], 20)
    >>> young = np.random.default_rng(0).random(80) < np.where(treated, 0.6, 0.4)  # the confounder
    >>> data = Conversations(1.0 * treated + young, young[:, None] * 1.0, persona, treated, np.ones(80))
    >>> square = standardize(data, paired=False).groups["g-formula"]
    >>> means = sum(group.mean(axis=0)[0] for group in square)
    >>> round(float(means[0] - means[1]), 2) == round(float(means[2] - means[3]), 2)  # the same selection bias in both
    True
    """
    layout = _Layout(data, paired, _base(data))
    odds = _odds(layout)
    weights = {"g-formula": np.ones(len(data.n))} | ({} if odds is None else {"aipw": odds})
    groups = {name: _groups(layout, weight) for name, weight in weights.items()}
    return Standardized(groups, None if odds is None else _overlap(layout, odds))


def _base(data: Conversations) -> FloatArray:
    place = 2 * data.persona + data.treated
    return np.asarray(data.n / np.bincount(place, weights=data.n)[place])


def _odds(layout: _Layout) -> FloatArray | None:
    """Return each conversation's odds of the other arm given its confounders; None if the model did not converge."""
    import statsmodels.api as sm

    data = layout.data
    columns = [np.ones((len(data.n), 1)), data.confounders]
    if layout.paired:
        means = _persona_sums(data, (layout.base / 2)[:, None] * data.confounders)
        columns.append(means[data.persona])
    model = sm.GLM(
        data.treated.astype(float), np.hstack(columns), family=sm.families.Binomial(), var_weights=layout.base
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a fit that failed is told by its result
        try:
            fit = model.fit(maxiter=100)
        except (np.linalg.LinAlgError, ValueError):
            return None
    chance = np.asarray(fit.fittedvalues)
    if not fit.converged or not np.isfinite(chance).all() or (np.minimum(chance, 1 - chance) < 1e-6).any():
        return None
    odds = chance / (1 - chance)
    return np.asarray(np.where(data.treated, 1 / odds, odds))


def _persona_sums(data: Conversations, values: FloatArray) -> FloatArray:
    """Add up rows by persona, shape (P, columns)."""
    sums = np.zeros((int(data.persona.max()) + 1, values.shape[1]))
    np.add.at(sums, data.persona, values)
    return sums


def _groups(layout: _Layout, odds: FloatArray) -> list[FloatArray]:
    """Return the contributions to the square, with the conversations of the outcome's arm weighted by `odds`."""
    data = layout.data
    own = {
        arm: _persona_sums(data, np.where(data.treated == arm, layout.base * data.outcome, 0.0)[:, None])[:, 0]
        for arm in (True, False)
    }
    moved = {arm: _moved(layout, arm, odds) for arm in (True, False)}
    if layout.paired:
        square = [own[True], sum(moved[True]), sum(moved[False]), own[False]]
        return [np.stack(square, axis=-1)[:, None]]
    groups = []
    for arm in (True, False):
        members = np.unique(data.persona[data.treated == arm])
        nothing = np.zeros(len(own[arm]))
        # Of the treated outcome with control users, treated personas give the residuals, control personas the mix.
        parts = [moved[outcome][0 if arm == outcome else 1] for outcome in (True, False)]
        square = [own[True] if arm else nothing, *parts, nothing if arm else own[False]]
        groups.append(np.stack(square, axis=-1)[members][:, None])
    return groups


def _moved(layout: _Layout, arm: bool, odds: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return each persona's contribution to an arm's outcome with the other arm's users: from each of the two arms.

    With b the outcome model's slopes, the mean is that of the weighted ``y - c b`` in the arm plus that of ``c b``
    in the other; equal weights give the g-formula, odds of the other arm AIPW. Weights add up to 1 in each stratum.
    """
    data, base = layout.data, layout.base
    here = data.treated == arm
    rows = _Rows(data.outcome[here], data.confounders[here], layout.stratum[here], base[here])
    slopes = _slopes(rows)
    weight = base[here] * odds[here]
    weight /= np.bincount(rows.stratum, weights=weight)[rows.stratum]
    residual = rows.outcome - rows.confounders @ slopes
    own, other = data.persona[here], data.persona[~here]
    mix = _by_persona(data, other, base[~here] * (data.confounders[~here] @ slopes))
    mean_mix = (base[~here] @ data.confounders[~here]) / len(np.unique(other))
    n_own = len(np.unique(own))
    if layout.paired:
        level = _by_persona(data, own, weight * residual)
        mean_here = (weight @ rows.confounders) / n_own
    else:
        center = weight @ residual
        level = center + n_own * _by_persona(data, own, weight * (residual - center))
        mean_here = weight @ rows.confounders
    return level + _by_persona(data, own, _slope_influence(rows, slopes, mean_mix - mean_here, n_own)), mix


def _by_persona(data: Conversations, persona: IntArray, values: FloatArray) -> FloatArray:
    """Add up by persona, shape (P,)."""
    return np.bincount(persona, weights=values, minlength=int(data.persona.max()) + 1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The conversations of one arm."""

    outcome: FloatArray
    confounders: FloatArray
    stratum: IntArray
    base: FloatArray

    def centered(self, values: FloatArray) -> FloatArray:
        """Take from each column its mean in the stratum."""
        total = np.bincount(self.stratum, weights=self.base)
        sums = np.zeros((len(total), values.shape[1]))
        np.add.at(sums, self.stratum, self.base[:, None] * values)
        return np.asarray(values - (sums / np.maximum(total, 1e-300)[:, None])[self.stratum])


def _slopes(rows: _Rows) -> FloatArray:
    """Fit the outcome on the confounders' answers within strata; an answer never given gets 0."""
    import statsmodels.api as sm

    model = sm.WLS(rows.centered(rows.outcome[:, None])[:, 0], rows.centered(rows.confounders), weights=rows.base)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of answers that cannot be told apart, to which any slopes will do
        return np.asarray(model.fit().params)


def _slope_influence(rows: _Rows, slopes: FloatArray, gap: FloatArray, n_personas: int) -> FloatArray:
    """Return what each conversation adds to the estimate by way of the slopes; it adds up to 0."""
    c = rows.centered(rows.confounders)
    residual = rows.centered(rows.outcome[:, None])[:, 0] - c @ slopes
    bread = np.linalg.pinv((rows.base[:, None] * c).T @ c / n_personas, rcond=1e-10, hermitian=True)
    return np.asarray(rows.base * residual * (c @ (bread @ gap)))


def _overlap(layout: _Layout, odds: FloatArray) -> Overlap:
    data, base = layout.data, layout.base
    chance = np.where(data.treated, 1 / (1 + odds), odds / (1 + odds))
    effective, unmatched = [], []
    for arm in (True, False):
        here = data.treated == arm
        weight = odds[here]
        effective.append((data.n[here] @ weight) ** 2 / (data.n[here] @ weight**2) / data.n[here].sum())
        unmatched.append(_unmatched(data.confounders[here], data.confounders[~here], data.n[here]))
    before, after = _imbalance(layout, base, base), _imbalance(layout, base, base * odds)
    return Overlap(float(chance.min()), float(chance.max()), float(min(effective)), max(unmatched), before, after)


def _unmatched(here: FloatArray, there: FloatArray, n: FloatArray) -> float:
    """Return the share of conversations with an answer never given in the other arm."""
    alone = here.any(axis=0) & ~there.any(axis=0)
    return float(n[here[:, alone].any(axis=1)].sum() / n.sum())


def _imbalance(layout: _Layout, base: FloatArray, weight: FloatArray) -> float:
    """Return the largest standardized difference between one arm, weighted, and the other as it is."""
    data, largest = layout.data, 0.0
    spread = np.sqrt(
        sum(_variance(data.confounders[data.treated == a], base[data.treated == a]) for a in (True, False)) / 2
    )
    for arm in (True, False):
        here = data.treated == arm
        scaled = weight[here] / np.bincount(layout.stratum[here], weights=weight[here])[layout.stratum[here]]
        gap = scaled @ data.confounders[here] / scaled.sum() - base[~here] @ data.confounders[~here] / base[~here].sum()
        largest = max(largest, float(np.max(np.abs(gap) / np.maximum(spread, 1e-12), initial=0.0)))
    return largest


def _variance(values: FloatArray, weight: FloatArray) -> FloatArray:
    mean = weight @ values / weight.sum()
    return np.asarray(weight @ (values - mean) ** 2 / weight.sum())
