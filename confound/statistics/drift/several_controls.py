"""Several negative controls tested together, permuting whole conversations so that their dependence is kept."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from confound.statistics.arrays import BoolArray, FloatArray, IntArray
from confound.statistics.drift import distance
from confound.statistics.drift.common_direction import QuadraticForm
from confound.statistics.drift.relabelling import TIE_TOLERANCE
from confound.statistics.validation import check_positive

__all__ = ["ManyControls", "step_down_maxt"]

Numbers = NDArray[np.floating[Any]]

# Weights of the three p-values behind the joint one: summed distances, summed directions, and the largest statistic.
# Where one of the latter two is at work its p-value is small by far, so that most weight goes to the first, which alone
# finds many controls that drift a little in ways of the personas' own.
WEIGHTS = (0.7, 0.15, 0.15)
# Labels, or drawn counts, of one persona held at once: 32 MB as float32.
NUMBERS_AT_ONCE = 2**23


@dataclass(frozen=True, slots=True)
class ManyControls:
    """Result of testing Q negative controls together.

    Attributes
    ----------
    statistic : ndarray of float64, shape (Q,)
        Total variation distance of each control, averaged over the personas asked in both arms (within), or of the
        arms' persona-averaged answers (between), in [0, 1].
    null_mean, null_sd : ndarray of float64, shape (Q,)
        Its mean and standard deviation over the relabellings.
    pvalue : ndarray of float64, shape (Q,)
        Of each control by itself, in (0, 1].
    pvalue_adjusted : ndarray of float64, shape (Q,)
        Step-down adjusted, in (0, 1], never below `pvalue`: the chance of any false rejection is at most the level.
    pvalue_any : float
        That no control drifts, by the largest standardised distance; the smallest of `pvalue_adjusted`.
    pvalue_pooled : float
        That no control drifts, by the sum of the standardised distances: more powerful where many drift a little.
    pvalue_common : float
        That no control drifts, by the sum of the standardised statistics of a common direction.
    pvalue_joint : float
        That no control drifts, by the smallest of three p-values, each over its weight in `WEIGHTS`: of
        `pvalue_pooled`, of `pvalue_common`, and of the statistic that stands out most.
    pvalue_named : ndarray of float64, shape (Q,)
        Step-down adjusted, of the larger of each control's two standardised statistics, distance and direction.
    n_resamples : int
        Relabellings drawn.
    """

    statistic: FloatArray
    null_mean: FloatArray
    null_sd: FloatArray
    pvalue: FloatArray
    pvalue_adjusted: FloatArray
    pvalue_any: float
    pvalue_pooled: float
    pvalue_common: float
    pvalue_joint: float
    pvalue_named: FloatArray
    n_resamples: int


class _Block(NamedTuple):
    """Units that are relabelled among themselves: a persona's conversations (within), or all personas (between)."""

    treated: BoolArray  # (units,)
    values: Numbers  # (units, answers of all controls end to end): one-hot, or shares
    asked: Numbers  # (units, Q): 1 where the unit answered the control


class _Drawn(NamedTuple):
    """What the relabellings give, the observed labels first."""

    distances: FloatArray  # (1 + B, Q)
    scored: FloatArray  # (1 + B, Q): the same, less what an uneven split of the answers adds by chance
    deviations: FloatArray  # (1 + B, answers of all controls): treated answers less their expectation, summed


def step_down_maxt(
    codes: ArrayLike,
    *,
    design: Literal["within", "between"],
    rng: np.random.Generator,
    n_resamples: int = 9999,
) -> ManyControls:
    """Test Q negative controls for drift with strong control of the family-wise error.

    Null hypothesis of a control: its answers are exchangeable between the arms, jointly with those of the other
    controls without drift. Exchangeable unit: within subjects the conversation, with all its answers, within its
    persona; between subjects the persona, with all its answers.

    Parameters
    ----------
    codes : array_like of int, shape (personas, 2, trials, Q)
        The answer given, 0 to K - 1 (Unknown has a code of its own), or -1 where the question was not asked; a
        conversation that was not held is -1 throughout. Axis 1: control arm, treated arm. Between subjects a persona
        has conversations in one arm alone.
    design : {"within", "between"}
    rng : numpy.random.Generator
    n_resamples : int, default 9999
        Relabellings drawn, at least 1.

    Returns
    -------
    ManyControls

    Raises
    ------
    ValueError
        If the codes are not integers of that shape or below -1, a control was not answered in both arms, a persona
        is in both arms between subjects, or no persona is in both within; or if `n_resamples` is below 1.

    Notes
    -----
    A control's statistic is its summed distance, standardised by its mean and standard deviation over all
    relabellings drawn, the observed one among them; so that controls with few answers and with many can be compared,
    and the p-values are exact whatever B. Where some units did not answer a control, its distance counts less its mean
    by chance for the split of its answers, so that arms that answer less often do not pass for drift. Adjusted
    p-values: Westfall and Young (1993), Resampling-Based Multiple Testing, algorithm 4.1, as R's ``multtest::mt.maxT``.
    Strong control needs what they call subset pivotality, which holds where the answers without drift have the same
    joint law whichever others drift.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> codes = rng.integers(0, 2, size=(20, 2, 10, 2))
    >>> codes[:, 1, :, 0] = 1  # the first control's treated answers are all alike
    >>> test = step_down_maxt(codes, design="within", rng=rng, n_resamples=999)
    >>> (test.pvalue_adjusted < 0.05).tolist()
    [True, False]
    """
    array = _checked_codes(codes)
    check_positive(n_resamples=n_resamples)
    blocks = _within_blocks(array) if design == "within" else [_between_block(array)]
    n_answers = [int(array[..., q].max()) + 1 for q in range(array.shape[3])]
    places = np.cumsum([0, *n_answers[:-1]])
    shape = (n_resamples + 1, len(n_answers))
    drawn = _Drawn(np.zeros(shape), np.zeros(shape), np.zeros((n_resamples + 1, sum(n_answers))))
    for block in blocks:
        for total, part in zip(drawn, _block_statistics(block, places, rng, n_resamples), strict=True):
            total += part
    return _many_controls(_Drawn(drawn[0] / len(blocks), *drawn[1:]), places)


def _checked_codes(codes: ArrayLike) -> IntArray:
    array = np.asarray(codes)
    if array.ndim != 4 or array.shape[1] != 2 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"codes must hold integers in shape (personas, 2, trials, controls) but got {array.dtype} {array.shape}"
        )
    if array.size and array.min() < -1:
        raise ValueError(f"codes must be -1 or above but got {int(array.min())}")
    answered = (array >= 0).any(axis=(0, 2))
    if not answered.all():
        arm, control = np.argwhere(~answered)[0].tolist()
        raise ValueError(f"codes: control {control} has no answers in arm {arm}")
    return array.astype(np.int64)


def _one_hot(codes: IntArray, n_answers: IntArray) -> FloatArray:
    """Return which answers each conversation gave, shape (conversations, answers of all controls)."""
    places = np.cumsum(n_answers) - n_answers
    held = np.zeros((len(codes), int(n_answers.sum())))
    row, control = np.nonzero(codes >= 0)
    held[row, places[control] + codes[row, control]] = 1
    return held


def _within_blocks(codes: IntArray) -> list[_Block]:
    n_answers = codes.max(axis=(0, 1, 2)) + 1
    blocks = []
    for persona in codes:
        held = (persona >= 0).any(axis=2)
        if held.any(axis=1).all():
            arm, _ = np.nonzero(held)
            values, asked = _one_hot(persona[held], n_answers), persona[held] >= 0
            blocks.append(_Block(arm == 1, values.astype(np.float32), asked.astype(np.float32)))
    if not blocks:
        raise ValueError("codes: no persona has a conversation in both arms; between subjects needs design='between'")
    return blocks


def _between_block(codes: IntArray) -> _Block:
    n_answers = codes.max(axis=(0, 1, 2)) + 1
    in_arm = np.asarray((codes >= 0).any(axis=(2, 3)))
    in_control, in_treated = in_arm[:, 0], in_arm[:, 1]
    both, either = in_control & in_treated, in_control | in_treated
    if both.any():
        raise ValueError(f"codes: persona {int(both.argmax())} is in both arms, in design 'between'")
    codes, in_treated = codes[either], in_treated[either]
    own = np.where(in_treated[:, None, None], codes[:, 1], codes[:, 0])
    counts = _one_hot(own.reshape(-1, own.shape[2]), n_answers).reshape(*own.shape[:2], -1).sum(axis=1)
    times = (own >= 0).sum(axis=1)
    shares = counts / np.maximum(1, np.repeat(times, n_answers, axis=1))
    return _Block(in_treated, shares, (times > 0).astype(np.float64))


def _block_statistics(block: _Block, places: IntArray, rng: np.random.Generator, n_resamples: int) -> _Drawn:
    """Return each control's statistics in one block, first as observed and then relabelled."""
    widths = np.diff([*places, block.values.shape[1]])
    times, given = block.asked.sum(axis=0), block.values.sum(axis=0)
    # With n1 + n0 = n units asked, a/n1 - (m - a)/n0 = (n a - m n1) / (n1 n0), and n a - m n1 is a sum over treated
    # units: in whole numbers, so exact in single precision, if each gave one answer.
    excess = block.values * np.repeat(times, widths) - np.repeat(block.asked, widths, axis=1) * given
    answered = np.repeat(np.maximum(1, times), widths)
    by_chance = _chance_by_split(block, places)

    def statistics(labels: Numbers) -> _Drawn:
        n1 = (block.asked.T @ labels).astype(np.float64)
        scale = 2 * n1 * (times[:, None] - n1)
        summed = excess.T @ labels
        distances = np.add.reduceat(np.abs(summed), places, axis=0)
        distances = np.divide(distances, scale, out=np.zeros_like(scale), where=scale > 0)
        scored = distances.copy()
        for control, chance in by_chance.items():
            scored[control] -= chance[np.rint(n1[control]).astype(np.int64)]
        return _Drawn(distances.T, scored.T, summed.T / answered)

    shape = (n_resamples + 1, block.asked.shape[1])
    drawn = _Drawn(np.empty(shape), np.empty(shape), np.empty((n_resamples + 1, excess.shape[1])))
    _fill(drawn, 0, statistics(block.treated[:, None].astype(excess.dtype)))
    at_once = max(1, NUMBERS_AT_ONCE // max(excess.shape))
    for start in range(1, n_resamples + 1, at_once):
        labels = _labels(block.treated, min(at_once, n_resamples + 1 - start), rng)
        _fill(drawn, start, statistics(labels.astype(excess.dtype, copy=False)))
    return drawn


def _fill(drawn: _Drawn, start: int, part: _Drawn) -> None:
    for whole, new in zip(drawn, part, strict=True):
        whole[start : start + len(new)] = new


def _chance_by_split(block: _Block, places: IntArray) -> dict[int, FloatArray]:
    """Return, for each control that some units did not answer, the no-drift mean of its distance by n1.

    Relabelled, such a control's answers split between the arms in other numbers than observed, and an uneven split has
    a larger distance by chance alone. Exact where each unit gave one answer; else by the normal law of mean shares.
    """
    partly = np.flatnonzero((block.asked == 0).any(axis=0) & block.asked.any(axis=0))
    ends = [*places[1:], block.values.shape[1]]
    found = {}
    for control in partly.tolist():
        values = block.values[:, places[control] : ends[control]]
        if ((values == 0) | (values == 1)).all():
            found[control] = distance.split_null_means(values.sum(axis=0).astype(np.int64))
        else:
            found[control] = _normal_null_means(values[block.asked[:, control] > 0])
    return found


def _normal_null_means(shares: Numbers) -> FloatArray:
    n = len(shares)
    n1 = np.arange(1, n)
    spread = np.sqrt(shares.var(axis=0, ddof=1)).sum() * np.sqrt(n / (n1 * (n - n1)))
    return np.concatenate([[0.0], 0.5 * np.sqrt(2 / np.pi) * spread, [0.0]])


def _labels(treated: BoolArray, n_resamples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return labels that give the treated arm as many units as it has, at random, shape (units, B).

    Unit by unit over all draws at once: faster by far than to permute each draw.
    """
    labels = rng.random((len(treated), n_resamples), dtype=np.float32)
    left = np.full(n_resamples, treated.sum(), dtype=np.float32)
    for unit, row in enumerate(labels):
        np.less(row * (len(treated) - unit), left, out=row)
        left -= row
    return labels


def _many_controls(drawn: _Drawn, places: IntArray) -> ManyControls:
    distances = drawn.distances
    by_distance, by_direction = _standardised(drawn.scored), _direction_scores(drawn.deviations, places)
    adjusted = _step_down(by_distance)
    larger = np.maximum(by_distance, by_direction)
    summed = np.column_stack([by_distance.sum(axis=1), by_direction.sum(axis=1), larger.max(axis=1)])
    pooled, common, _ = _tail(summed)
    sd = distances.std(axis=0)
    return ManyControls(
        statistic=distances[0],
        null_mean=distances.mean(axis=0),
        null_sd=np.where(sd <= TIE_TOLERANCE, 0.0, sd),
        pvalue=_tail(by_distance),
        pvalue_adjusted=adjusted,
        pvalue_any=float(adjusted.min()),
        pvalue_pooled=float(pooled),
        pvalue_common=float(common),
        pvalue_joint=_smallest_pvalue(summed),
        pvalue_named=_step_down(larger),
        n_resamples=len(distances) - 1,
    )


def _standardised(values: FloatArray) -> FloatArray:
    """Return the columns less their means, over their standard deviations; 0 throughout where a column is fixed."""
    mean, sd = values.mean(axis=0), values.std(axis=0)
    # A control that cannot vary never stands out, and never hides another.
    fixed = sd <= TIE_TOLERANCE
    return np.where(fixed, 0.0, (values - mean) / np.where(fixed, 1.0, sd))


def _direction_scores(deviations: FloatArray, places: IntArray) -> FloatArray:
    """Return each control's quadratic form of summed deviations, on the scale of a standard normal, shape (1 + B, Q).

    Wilson and Hilferty (1931): the cube root of a chi-square over its degrees of freedom is close to normal. So large
    values of few and of many degrees of freedom, and of distances, can be compared.
    """
    scores = np.zeros((len(deviations), len(places)))
    for control, (start, end) in enumerate(zip(places, [*places[1:], deviations.shape[1]], strict=True)):
        own = deviations[:, start:end]
        form = QuadraticForm.of(np.atleast_2d(own.T @ own) / len(own))
        if form.rank:
            scores[:, control] = np.cbrt(form(own) / form.rank)
    return _standardised(scores)


def _smallest_pvalue(statistics: FloatArray) -> float:
    """Combine statistics by the smallest of their weighted p-values, whose law the same relabellings give."""
    ranked = np.stack([_tails(column) for column in statistics.T], axis=1)
    smallest = (ranked / WEIGHTS).min(axis=1)
    return float((smallest <= smallest[0] * (1 + TIE_TOLERANCE)).mean())


def _tails(column: FloatArray) -> FloatArray:
    """Return for each row the share of rows that reach it."""
    least = column - TIE_TOLERANCE * np.maximum(1.0, np.abs(column))
    return np.asarray(1 - np.searchsorted(np.sort(column), least, side="left") / len(column))


def _tail(scores: FloatArray) -> FloatArray:
    """Return the share of rows, the observed first one included, that reach the first."""
    least = scores[0] - TIE_TOLERANCE * np.maximum(1.0, np.abs(scores[0]))
    return np.asarray((scores >= least).mean(axis=0))


def _step_down(scores: FloatArray) -> FloatArray:
    order = np.argsort(-scores[0], kind="stable")
    # Each control is compared with the largest of itself and those that stand out less.
    largest = np.maximum.accumulate(scores[:, order[::-1]], axis=1)[:, ::-1]
    largest[0] = scores[0, order]
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(_tail(largest))
    return adjusted
