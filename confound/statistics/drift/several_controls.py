"""Several negative controls tested together, permuting whole conversations so that their dependence is kept."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from confound.statistics.arrays import BoolArray, FloatArray, IntArray
from confound.statistics.drift.relabelling import TIE_TOLERANCE
from confound.statistics.validation import check_positive

__all__ = ["ManyControls", "step_down_maxt"]

Numbers = NDArray[np.floating[Any]]

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
    n_resamples: int


class _Block(NamedTuple):
    """Units that are relabelled among themselves: a persona's conversations (within), or all personas (between)."""

    treated: BoolArray  # (units,)
    values: Numbers  # (units, answers of all controls end to end): one-hot, or shares
    asked: Numbers  # (units, Q): 1 where the unit answered the control


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
    and the p-values are exact whatever B. Adjusted p-values: Westfall and Young (1993), Resampling-Based Multiple
    Testing, algorithm 4.1, as R's ``multtest::mt.maxT``. Strong control needs what they call subset pivotality, which
    holds where the answers without drift have the same joint law whichever others drift.

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
    distances = np.zeros((n_resamples + 1, len(n_answers)))
    for block in blocks:
        distances += _block_distances(block, places, rng, n_resamples)
    return _many_controls(distances / len(blocks))


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


def _block_distances(block: _Block, places: IntArray, rng: np.random.Generator, n_resamples: int) -> FloatArray:
    """Return the distance of each control, first as observed and then relabelled, shape (1 + B, Q)."""
    widths = np.diff([*places, block.values.shape[1]])
    times, given = block.asked.sum(axis=0), block.values.sum(axis=0)
    # With n1 + n0 = n units asked, a/n1 - (m - a)/n0 = (n a - m n1) / (n1 n0), and n a - m n1 is a sum over treated
    # units: in whole numbers, so exact in single precision, if each gave one answer.
    excess = block.values * np.repeat(times, widths) - np.repeat(block.asked, widths, axis=1) * given

    def distances(labels: Numbers) -> FloatArray:
        n1 = (block.asked.T @ labels).astype(np.float64)
        scale = 2 * n1 * (times[:, None] - n1)
        summed = np.add.reduceat(np.abs(excess.T @ labels), places, axis=0)
        return np.asarray(np.divide(summed, scale, out=np.zeros_like(scale), where=scale > 0).T)

    drawn = np.empty((n_resamples + 1, block.asked.shape[1]))
    drawn[:1] = distances(block.treated[:, None].astype(excess.dtype))
    at_once = max(1, NUMBERS_AT_ONCE // max(excess.shape))
    for start in range(1, n_resamples + 1, at_once):
        part = drawn[start : start + at_once]
        part[:] = distances(_labels(block.treated, len(part), rng).astype(excess.dtype, copy=False))
    return drawn


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


def _many_controls(distances: FloatArray) -> ManyControls:
    mean, sd = distances.mean(axis=0), distances.std(axis=0)
    # A control that cannot vary never stands out, and never hides another.
    fixed = sd <= TIE_TOLERANCE
    scores = np.where(fixed, 0.0, (distances - mean) / np.where(fixed, 1.0, sd))
    adjusted = _step_down(scores)
    return ManyControls(
        statistic=distances[0],
        null_mean=mean,
        null_sd=np.where(fixed, 0.0, sd),
        pvalue=_tail(scores),
        pvalue_adjusted=adjusted,
        pvalue_any=float(adjusted.min()),
        pvalue_pooled=float(_tail(scores.sum(axis=1))),
        n_resamples=len(distances) - 1,
    )


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
