"""How much of the observed effect is causal, and how much is selection bias (arrays only).

With ``Y(a)`` the outcome under arm ``a``, and ``A`` the arm whose users are meant:

    observed = E[Y(1)|A=1] - E[Y(0)|A=0]
    SBT = E[Y(1)|A=1] - E[Y(1)|A=0]          selection bias in the treated outcome
    SBC = E[Y(0)|A=1] - E[Y(0)|A=0]          selection bias in the control outcome
    ATT = observed - SBC,   ATC = observed - SBT
    CATE = share ATT + (1 - share) ATC,   ASB = (1 - share) SBT + share SBC,   observed = CATE + ASB

with `share` of the users in the treated arm (Lin et al. 2026, arXiv 2605.20767, appendix A).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from confound import effects
from confound.errors import ConfoundError

FloatArray = npt.NDArray[np.float64]

QUANTITIES = ("observed", "cate", "att", "atc", "sbt", "sbc", "asb")
TOLERANCE = 1e-12  # by which observed and CATE + ASB may differ, relative to the largest mean


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The parts of an observed effect, in the units of the outcome.

    Attributes
    ----------
    estimate, se, ci_low, ci_high : ndarray of float64, shape (7,)
        In the order of `QUANTITIES`.
    """

    estimate: FloatArray
    se: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray

    def __post_init__(self) -> None:
        observed, cate, *_, asb = self.estimate
        if abs(observed - cate - asb) > TOLERANCE * max(1.0, *np.abs(self.estimate)):
            raise ConfoundError(f"a decomposition does not add up: observed {observed}, CATE {cate}, ASB {asb}")


def by_adjustment(
    treated: FloatArray, control: FloatArray, *, paired: bool, confidence: float = 0.95, share: float = 0.5
) -> Decomposition:
    """Decompose an effect by how the arms' means move when the users of both arms are made alike.

    Adjusted personas carry attributes drawn from the treatment-uniform mixture of the arms, so an arm's mean moves from
    E[Y(a)|A=a] to E[Y(a)] under the mixture: ``SBT = 2 (mean_1(0) - mean_1(k))``, ``SBC = 2 (mean_0(k) - mean_0(0))``.
    This assumes that the adopted attributes carry all of the drift, that a specified persona behaves as users with
    those attributes do, and that adjustment does not move the population itself.

    Parameters
    ----------
    treated, control : ndarray of float64, shape (personas, 2)
        Means of each persona's answers before adjustment and after it.
    paired : bool
        Whether row i is the same persona in both.
    confidence : float, default 0.95
        In (0, 1).
    share : float, default 0.5
        Of the users in the treated arm, in [0, 1].

    Returns
    -------
    Decomposition
        Every part is a difference of means over personas, so its t interval has the persona as the unit: paired, or
        Welch's.

    References
    ----------
    Lin, Yun, Mataric, Canny, Gretton and D'Amour (2026), arXiv 2605.20767, appendix A.
    """
    first, later = np.eye(2)
    # Each quantity as weights of the treated arm's means (before, after) and of the control arm's.
    observed = np.concatenate([first, -first])
    sbt = np.concatenate([2 * (first - later), np.zeros(2)])
    sbc = np.concatenate([np.zeros(2), 2 * (later - first)])
    att, atc = observed - sbc, observed - sbt
    cate, asb = share * att + (1 - share) * atc, (1 - share) * sbt + share * sbc
    weights = np.stack([observed, cate, att, atc, sbt, sbc, asb], axis=1)
    compare = effects.paired_difference if paired else effects.welch_difference
    result = compare(treated @ weights[:2], -control @ weights[2:], confidence=confidence)
    return Decomposition(result.estimate, result.se, result.ci_low, result.ci_high)
