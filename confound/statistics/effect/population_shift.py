"""Whether adjustment moved the population: answers before and after, the persona as the unit (arrays only)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from confound.statistics.arrays import BoolArray, FloatArray
from confound.statistics.randomness import content_rng

N_DRAWS = 1999
ROUNDING = 1e-9  # by which equal sums over a persona may differ
AT_ONCE = 2_000_000  # draws times personas held at once
ADOPTED = np.linspace(1.0, 0.0, 21)  # shares of a persona's answers that may follow the one answer it adopted
LEAST = 0.05  # a share at which the moves scatter as little as was seen in fewer draws than this is ruled out
ADOPTING = (0.7, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05, 0.02)  # shares of personas that may adopt an answer, the others none
FEWEST = 5  # personas expected to adopt; with fewer, as a rule none does where no answer is adopted at all
SETTLED = 0.1  # above it a larger p-value would say nothing new


@dataclass(frozen=True, slots=True)
class Shift:
    """Distance between the answers before and after.

    Attributes
    ----------
    distance : float
        Total variation distance of the persona-averaged answers, as seen, in [0, 1].
    null_mean : float
        What it is on average with no shift.
    pvalue : float
        In (0, 1].
    n_personas : int
    """

    distance: float
    null_mean: float
    pvalue: float
    n_personas: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What personas answered at one time.

    Attributes
    ----------
    shares : ndarray of float64, shape (P, K)
        Each persona's shares of the answers; NaN where it was not asked.
    n : ndarray of float64, shape (P,)
        The number of answers that a persona's shares rest on.
    """

    shares: FloatArray
    n: FloatArray


def shift(before: Answered, after: Answered) -> Shift:
    """Test that the mean of the personas' answer shares has not moved.

    Null hypothesis: what a persona answers after has the mean of what it answered before. A persona that adopts an
    attribute drawn from its own answers does move, but on average nowhere, so the persona is the unit. The p-value is
    the largest of three, so it holds where any of three descriptions of the moves does:

    - *sign flips*: a persona is as likely to have moved one way as the opposite way;
    - *adoption by all*: a persona adopts one answer drawn from what it answered before, and a share of its answers
      after follows. The share is the largest that the scatter of the moves allows;
    - *adoption by some*: a share of the personas adopts one answer, which all their answers follow, the others none.
      The p-value is the largest over the shares that the scatter allows. Left out where the others exceed .1.

    Sign flips alone are not enough: a persona of whom 2 % say yes adopts no, as a rule, and moves by -.02, and rarely
    yes, and moves by +.98. They then reject up to .6 of the time at level .05.

    Parameters
    ----------
    before, after : Answered
        Row i is the same persona in both. Personas asked in one alone are left out.

    Returns
    -------
    Shift
        P-values are Monte Carlo, (1 + b) / (1 + 1999); draws depend on the shares alone, not on the order of personas
        or answers. `null_mean` is that of the description that gave the largest p-value.

    Notes
    -----
    Adoption: a persona's shares before are shrunk to the mean over personas by their intraclass correlation (moments of
    a Dirichlet-multinomial). Where one answer each is known, adoption cannot be described and sign flips decide.
    Measured: with no shift at most .09 of 200 logs are rejected at level .05, over 243 cells of 10 to 100 personas with
    rare (.02, .05) and even answers, where sign flips alone reach .64.

    References
    ----------
    Sign flips: Fisher (1935), "The Design of Experiments", section 21. A p-value that is the largest over what the data
    allow of a nuisance parameter: Berger and Boos (1994), JASA 89, 1012-1016.

    Examples
    --------
    >>> import numpy as np
    >>> asked = np.full(8, 20.0)
    >>> before = Answered(np.tile([0.5, 0.5], (8, 1)), asked)
    >>> found = shift(before, Answered(np.tile([0.9, 0.1], (8, 1)), asked))
    >>> round(found.distance, 2), found.pvalue < 0.05
    (0.4, True)
    """
    used = np.asarray(~np.isnan(before.shares + after.shares).any(axis=1))
    if not used.any():
        return Shift(np.nan, np.nan, np.nan, 0)
    first, later = _in_order(before, after, used)
    moved = later.shares - first.shares
    rng = content_rng(first.shares, later.shares, first.n, later.n)
    personas = _personas(first, later, rng)
    found = max(_against(moved, _flipped(moved, rng)), _against(moved, _adopted_by_all(personas, rng)))
    if found[0] <= SETTLED:
        found = max([found, *(_against(moved, law) for law in _adopted_by_some(personas, rng))])
    pvalue, null_mean = found
    return Shift(float(_size(_total(moved))) / len(moved), null_mean, pvalue, len(moved))


def _against(moved: FloatArray, law: FloatArray) -> tuple[float, float]:
    """Return p-value and mean distance of sums of moves drawn with no shift."""
    drawn, observed = _size(law), _size(_total(moved))
    at_least = int((drawn >= observed - ROUNDING * len(moved)).sum())
    return (1 + at_least) / (1 + N_DRAWS), float(drawn.mean()) / len(moved)


def _total(moved: FloatArray) -> FloatArray:
    return np.asarray(moved.sum(axis=0))


def _size(totals: FloatArray) -> FloatArray:
    """Return the total variation distance of sums of moves."""
    return np.asarray(0.5 * np.abs(totals).sum(axis=-1))


def _in_order(before: Answered, after: Answered, used: BoolArray) -> tuple[Answered, Answered]:
    """Put answers, then personas, into an order that only their numbers decide."""
    both = np.stack([before.shares[used], after.shares[used]], axis=1)
    keys = [[sorted(map(tuple, both[:, :, k].tolist()))] for k in range(both.shape[2])]
    both = both[:, :, sorted(range(len(keys)), key=lambda k: keys[k])]
    n = np.stack([before.n[used], after.n[used]], axis=1)
    rows = np.lexsort(np.hstack([both.reshape(len(n), -1), n]).T[::-1])
    return Answered(both[rows, 0], n[rows, 0]), Answered(both[rows, 1], n[rows, 1])


def _parts(n_personas: int) -> Iterator[int]:
    """Yield numbers of draws that fit into memory and add up to all."""
    at_once = max(1, AT_ONCE // n_personas)
    for start in range(0, N_DRAWS, at_once):
        yield min(at_once, N_DRAWS - start)


def _flipped(moved: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return sums of the moves with random signs, shape (draws, K)."""
    parts = [rng.integers(0, 2, size=(size, len(moved))) * 2.0 - 1.0 for size in _parts(len(moved))]
    return np.concatenate([signs @ moved for signs in parts])


@dataclass(frozen=True, slots=True)
class _Personas:
    """What is known of the personas' probabilities, and what was seen of their moves.

    Attributes
    ----------
    known, off : ndarray, shape (P, K)
        Probabilities as far as known, and these less the shares before.
    variance : ndarray, shape (2, P)
        Of answers after about what is known, with nothing adopted: of what is not known, and of counting.
    noise : ndarray, shape (draws, K)
        Sums over personas of such moves.
    scatter : float
        Of the moves as seen.
    """

    known: FloatArray
    off: FloatArray
    variance: FloatArray
    noise: FloatArray
    scatter: float

    def drawn(self, totals: FloatArray, squares: FloatArray, variance: float) -> tuple[FloatArray, bool]:
        """Add noise of a variance to sums of moves, and say whether they scatter as little as was seen."""
        n = len(self.known)
        noisy = totals + self.noise * np.sqrt(variance / max(self.variance.sum(), ROUNDING))
        scatter = _scatter(squares + (self.off**2).sum() + variance, noisy, n)
        return noisy, bool(self.scatter >= np.quantile(scatter, LEAST) - ROUNDING * n)


def _personas(first: Answered, later: Answered, rng: np.random.Generator) -> _Personas:
    known, weight = _shrunk(first)
    left = 1 - (known**2).sum(axis=1)
    variance = np.stack([left / (weight + 1), left * weight / (weight + 1) / later.n])
    noise = _counting_noise(known.mean(axis=0), float(variance.sum()), len(known), rng)
    moved = later.shares - first.shares
    scatter = _scatter((moved**2).sum(), _total(moved), len(moved))
    return _Personas(known, known - first.shares, variance, noise, float(scatter))


def _adopted_by_all(personas: _Personas, rng: np.random.Generator) -> FloatArray:
    """Return sums of moves where the largest share of answers that the scatter allows is adopted, (draws, K)."""
    totals, squares, crossed = _one_draw_each(personas, 1.0, rng)
    of_known, of_counting = personas.variance.sum(axis=1)
    for share in ADOPTED:
        variance = (1 - share) ** 2 * of_known + (1 - share**2) * of_counting
        law, allowed = personas.drawn(share * totals, share**2 * squares + 2 * share * crossed, variance)
        if allowed:
            break
    return law


def _adopted_by_some(personas: _Personas, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Yield sums of moves for each share of personas that may have adopted an answer, (draws, K)."""
    for share in ADOPTING:
        if share * len(personas.known) < FEWEST:
            return
        totals, squares, crossed = _one_draw_each(personas, share, rng)
        law, allowed = personas.drawn(totals, squares + 2 * crossed, (1 - share) * personas.variance.sum())
        if allowed:
            yield law


def _scatter(squares: FloatArray, totals: FloatArray, n_personas: int) -> FloatArray:
    """Return the sum of squared moves about their mean."""
    return np.asarray(squares - (totals**2).sum(axis=-1) / n_personas)


def _shrunk(first: Answered) -> tuple[FloatArray, FloatArray]:
    """Return what is known of each persona's probabilities: their posterior means, and of how many answers."""
    mean = first.shares.mean(axis=0)
    room, single = 1 - (mean**2).sum(), (1 / first.n).mean()
    correlation = 1.0
    if single < 1 and room > ROUNDING and len(first.n) > 1:
        spread = ((first.shares - mean) ** 2).sum() / (len(first.n) - 1)
        correlation = (spread / room - single) / (1 - single)
    correlation = min(max(correlation, 1e-6), 1 - ROUNDING)
    prior = (1 - correlation) / correlation
    weight = first.n + prior
    return np.asarray((first.n[:, None] * first.shares + prior * mean) / weight[:, None]), weight


def _one_draw_each(
    personas: _Personas, adopting: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Let a share of the personas adopt an answer x each, many times.

    Returns
    -------
    tuple of ndarray, shapes (draws, K), (draws,), (draws,)
        Sums over the adopting personas of x - p, of |x - p|^2 and of (x - p) off, where p is `known`.
    """
    known, off = personas.known, personas.off
    squares = (known**2).sum(axis=1, keepdims=True) + 1 - 2 * known
    crossed = off - (known * off).sum(axis=1, keepdims=True)
    parts = [_part_drawn(known, squares, crossed, adopting, rng, size) for size in _parts(len(known))]
    totals, of_squares, of_crossed = (np.concatenate(part) for part in zip(*parts, strict=True))
    return totals, of_squares, of_crossed


def _part_drawn(
    known: FloatArray, squares: FloatArray, crossed: FloatArray, adopting: float, rng: np.random.Generator, size: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    n, k = known.shape
    adopts = rng.random((size, n)) < adopting
    draw, persona = np.nonzero(adopts)
    edges = np.cumsum(known, axis=1)[:, :-1]
    answer = np.zeros(len(draw), dtype=np.int64)
    uniform = rng.random(len(draw))
    for edge in edges.T:
        answer += uniform >= edge[persona]
    chosen = np.bincount(draw * k + answer, minlength=size * k).reshape(size, k)
    of_squares, of_crossed = (
        np.bincount(draw, weights=values[persona, answer], minlength=size).astype(np.float64)
        for values in (squares, crossed)
    )
    return chosen - adopts.astype(np.float64) @ known, of_squares, of_crossed


def _counting_noise(mean: FloatArray, variance: float, n_personas: int, rng: np.random.Generator) -> FloatArray:
    """Draw the sum over personas of noise with this variance as one multinomial, which is as skewed as rare answers."""
    mean = mean / mean.sum()
    n = max(1, round((1 - (mean**2).sum()) * n_personas**2 / max(variance, ROUNDING)))
    return np.asarray((rng.multinomial(n, mean, size=N_DRAWS) / n - mean) * n_personas)
