"""Effects on simulated users beside the effects on people, over many contrasts (arrays only)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from confound.statistics.arrays import BoolArray, FloatArray, IntArray
from confound.statistics.people.jackknife import NOTHING, Estimate, Scale, jackknifed, jackknifed_ratio

FEWEST_EFFECTS = 5
FEWEST_STUDIES = 3
RELIABLE = 0.2  # of the variance seen must be no noise for it to be corrected for noise
TOO_FEW = f"fewer than {FEWEST_EFFECTS} effects"
ONE_STUDY = f"fewer than {FEWEST_STUDIES} studies, which are the clusters"
NOISE = "the effects vary hardly more than by chance"
NONE_SIGNIFICANT = "no effect on people is significant"
UNVARIED = "the effects do not vary"


class Moments(NamedTuple):
    """First and second moments of the effects, corrected for noise or not.

    Attributes
    ----------
    people, simulated, product : float
        Variances about the means and covariance, over k - 1.
    people0, simulated0, product0 : float
        Mean squares and products about 0.
    apart : float
        Squared difference of the means.
    reliability : tuple of float
        Part of each variance about the mean (people, simulated) that is not noise, and of each mean square.
    """

    people: float
    simulated: float
    product: float
    people0: float
    simulated0: float
    product0: float
    apart: float
    reliability: tuple[float, ...]


class Answered(NamedTuple):
    """A quantity over all effects: its estimate, and why it or its interval is missing."""

    estimate: Estimate
    reason: str


@dataclass(frozen=True, slots=True)
class Effects:
    """Effects of k contrasts.

    Attributes
    ----------
    people, simulated : ndarray of float64, shape (k,)
    noise_people, noise_simulated, noise_product : ndarray of float64, shape (k, k)
        Covariances of their sampling errors: people's, simulated users', and people's (rows) with simulated users'.
    study : ndarray of int64, shape (k,)
        Which study each is of.
    """

    people: FloatArray
    simulated: FloatArray
    noise_people: FloatArray
    noise_simulated: FloatArray
    noise_product: FloatArray
    study: IntArray

    def of(self, keep: BoolArray) -> "Effects":
        """Return some of the effects."""
        place = np.ix_(keep, keep)
        noises = (self.noise_people[place], self.noise_simulated[place], self.noise_product[place])
        return Effects(self.people[keep], self.simulated[keep], *noises, self.study[keep])


def moments(effects: Effects, *, corrected: bool) -> Moments:
    """Return the moments of the effects; `corrected` takes off what sampling noise adds on average.

    The noise of contrasts goes together where they share an arm or persons, and people's with simulated users' where
    names are shared: both are in the covariances.
    """
    x, y, k = effects.people, effects.simulated, len(effects.people)
    about = [v - v.mean() for v in (x, y)]
    pairs = ((0, 0, effects.noise_people), (1, 1, effects.noise_simulated), (0, 1, effects.noise_product))
    seen = [float(about[i] @ about[j]) / (k - 1) for i, j, _ in pairs]
    seen0 = [float((x, y)[i] @ (x, y)[j]) / k for i, j, _ in pairs]
    traces = [float(np.trace(noise)) for _, _, noise in pairs]
    sums = [float(noise.sum()) for _, _, noise in pairs]
    noise = [(trace - total / k) / (k - 1) for trace, total in zip(traces, sums, strict=True)]
    noise0 = [trace / k for trace in traces]
    apart, noise_apart = float((x.mean() - y.mean()) ** 2), (sums[0] + sums[1] - 2 * sums[2]) / k**2
    both = zip(noise[:2] + noise0[:2], seen[:2] + seen0[:2], strict=True)
    reliability = tuple(1 - n / s if s > 0 else 0.0 for n, s in both)
    if not corrected:
        noise, noise0, noise_apart = [0.0] * 3, [0.0] * 3, 0.0
    values = [s - n for s, n in zip(seen + seen0, noise + noise0, strict=True)]
    (people, simulated, product), (people0, simulated0, product0) = values[:3], values[3:]
    return Moments(people, simulated, product, people0, simulated0, product0, apart - noise_apart, reliability)


def _geometric(m: Moments) -> float:
    """Return the geometric mean of the variances, below 0 where one is."""
    mean = float(np.sqrt(abs(m.people * m.simulated)))
    return mean if min(m.people, m.simulated) > 0 else -mean


class Measure(NamedTuple):
    """A quantity that is a ratio of moments.

    Attributes
    ----------
    top, bottom : callable
        What it is the ratio of.
    needs : tuple of int
        Which reliabilities its correction for noise needs.
    bounded : bool
        Whether it lies between -1 and 1, as correlations do.
    """

    top: Callable[[Moments], float]
    bottom: Callable[[Moments], float]
    needs: tuple[int, ...]
    bounded: bool = False


MEASURES: Mapping[str, Measure] = {
    "r": Measure(lambda m: m.product, _geometric, (0, 1), bounded=True),
    "ccc": Measure(lambda m: 2 * m.product, lambda m: m.people + m.simulated + m.apart, (0, 1), bounded=True),
    "slope": Measure(lambda m: m.product, lambda m: m.simulated, (1,)),
    "slope_through_zero": Measure(lambda m: m.product0, lambda m: m.simulated0, (3,)),
    "slope_simulated": Measure(lambda m: m.product, lambda m: m.people, (0,)),
}


def measures(effects: Effects, *, confidence: float = 0.95) -> Mapping[str, Answered]:
    """Relate simulated effects to those on people: correlation, concordance and slopes, each also corrected for noise.

    Estimands, of the studies that these are a sample of: Pearson's r of the effects; Lin's concordance; the slope of
    people's effects on simulated ones (1: a simulated effect may be taken at its word; below 1: it is to be shrunk),
    also through 0; and the slope of simulated effects on people's. The names with `_corrected` are of the true effects
    in place of the estimates, with errors in both variables. The study is the exchangeable unit.

    Parameters
    ----------
    effects : Effects
    confidence : float
        In (0, 1).

    Returns
    -------
    mapping
        Name -> estimate and reason. Intervals leave out one study at a time: correlations on Fisher's scale, corrected
        ones by Fieller's method, slopes as they are (`jackknife`). What they cover: benchmarks/validity/people.md.

    References
    ----------
    Lin (1989), "A concordance correlation coefficient to evaluate reproducibility", Biometrics 45; Fuller (1987),
    Measurement Error Models, section 1.3; Gelber and Zelen (1986) and Daniels and Hughes (1997), "Meta-analysis for the
    evaluation of potential surrogate markers", Statistics in Medicine 16, for effects with known errors.

    Examples
    --------
    >>> import numpy as np
    >>> people, none = np.arange(6.0), np.zeros((6, 6))
    >>> found = measures(Effects(people, 2 * people + [0, 1, 0, -1, 0, 1], none, none, none, np.arange(6)))
    >>> round(found["r"].estimate.value, 3), round(found["slope"].estimate.value, 3), found["slope"].reason
    (0.981, 0.474, '')
    """
    studies = np.unique(effects.study)
    without = [effects.of(effects.study != study) for study in studies]
    found = {}
    for corrected in (False, True):
        whole = moments(effects, corrected=corrected)
        parts = [moments(part, corrected=corrected) for part in without if len(part.people) > 1]
        for name, measure in MEASURES.items():
            key = f"{name}_corrected" if corrected else name
            found[key] = _answered(measure, whole, parts, len(studies), corrected=corrected, confidence=confidence)
    return found


def _answered(
    measure: Measure, whole: Moments, parts: Sequence[Moments], studies: int, *, corrected: bool, confidence: float
) -> Answered:
    if corrected and any(whole.reliability[i] < RELIABLE for i in measure.needs):
        return Answered(NOTHING, NOISE)
    top, bottom = measure.top(whole), measure.bottom(whole)
    if bottom <= 0:
        return Answered(NOTHING, UNVARIED)
    value = top / bottom
    ends = _interval(measure, top, bottom, parts, corrected=corrected, confidence=confidence)
    if measure.bounded:
        value, *ends = np.clip([value, *ends], -1, 1).tolist()
    if studies < FEWEST_STUDIES or len(parts) < studies:
        return Answered(Estimate(value, np.nan, np.nan), ONE_STUDY)
    if np.isinf(ends).any():
        return Answered(Estimate(value, np.nan, np.nan), NOISE)
    return Answered(Estimate(value, *ends), "")


def _interval(
    measure: Measure, top: float, bottom: float, parts: Sequence[Moments], *, corrected: bool, confidence: float
) -> Sequence[float]:
    """Return the ends; which way covers best was found by simulation (benchmarks/validity/people.md)."""
    tops, bottoms = (np.array([of(part) for part in parts]) for of in (measure.top, measure.bottom))
    if measure.bounded and corrected:
        return jackknifed_ratio(top, bottom, tops, bottoms, confidence=confidence)[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(bottoms > 0, tops / bottoms, np.nan)
    scale: Scale = "atanh" if measure.bounded else "plain"
    return jackknifed(top / bottom, left, scale=scale, confidence=confidence)[1:]


def share(hits: BoolArray, among: BoolArray, study: IntArray, *, confidence: float = 0.95) -> Answered:
    """Return how often something holds among some effects, with an interval over studies.

    The interval is Wilson's, for as many independent effects as would leave the same jackknife error over studies, with
    Student's t of one degree of freedom less than there are studies (Korn and Graubard 1998, for the interval of
    Clopper and Pearson).

    Examples
    --------
    >>> import numpy as np
    >>> yes, all_of_them = np.array([1, 1, 0, 1, 1, 0], bool), np.ones(6, bool)
    >>> found = share(yes, all_of_them, np.arange(6))
    >>> round(found.estimate.value, 3), found.estimate.low < 0.667 < found.estimate.high
    (0.667, True)
    """
    n = int(among.sum())
    if not n:
        return Answered(NOTHING, NONE_SIGNIFICANT)
    value = float(hits[among].mean())
    clusters = np.unique(study[among])
    if len(clusters) < FEWEST_STUDIES:
        return Answered(Estimate(value, np.nan, np.nan), ONE_STUDY)
    left = np.array([hits[among & (study != c)].mean() for c in clusters])
    g = len(clusters)
    variance, binary = (g - 1) / g * np.sum((left - left.mean()) ** 2), value * (1 - value)
    effective = float(np.clip(binary / variance, 1, n)) if variance > 0 and binary > 0 else float(g)
    t2 = float(stdtrit(g - 1, 0.5 + confidence / 2)) ** 2 / effective
    centre, half = value + t2 / 2, np.sqrt(t2 * (binary + t2 / 4))
    return Answered(Estimate(value, float((centre - half) / (1 + t2)), float((centre + half) / (1 + t2))), "")
