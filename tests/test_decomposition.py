"""The parts of an effect: their algebra, their errors, and known truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from confound import decomposition
from confound.decomposition import QUANTITIES, Decomposition
from confound.errors import ConfoundError

MEANS = arrays(np.float64, (2, 5, 2), elements=st.floats(-100, 100))


def parts(result: Decomposition) -> dict[str, float]:
    """Return the estimates by name."""
    return dict(zip(QUANTITIES, result.estimate.tolist(), strict=True))


@given(MEANS, st.floats(0, 1), st.booleans())
def test_the_parts_add_up(means: np.ndarray, share: float, paired: bool) -> None:
    """On any table observed = CATE + ASB = ATT + SBC = ATC + SBT, for any share of treated users."""
    p = parts(decomposition.by_adjustment(means[0], means[1], paired=paired, share=share))
    for sum_of in (("cate", "asb"), ("att", "sbc"), ("atc", "sbt")):
        assert sum(p[name] for name in sum_of) == pytest.approx(p["observed"], abs=1e-9)
    assert p["cate"] == pytest.approx(share * p["att"] + (1 - share) * p["atc"], abs=1e-9)


@given(MEANS, st.booleans())
def test_swapping_the_arms(means: np.ndarray, paired: bool) -> None:
    """With the labels swapped every part changes sign, SBT and SBC change places, and so do ATT and ATC."""
    one = parts(decomposition.by_adjustment(means[0], means[1], paired=paired))
    other = parts(decomposition.by_adjustment(means[1], means[0], paired=paired))
    swap = {"sbt": "sbc", "sbc": "sbt", "att": "atc", "atc": "att"}
    for name in QUANTITIES:
        assert one[name] == pytest.approx(-other[swap.get(name, name)], abs=1e-9)


def test_the_parts_by_hand() -> None:
    """By hand: treated 3 to 2.8, control 2 to 2.3 give SBT .4, SBC .6, CATE .5, ASB .5."""
    treated, control = np.full((3, 2), [3.0, 2.8]), np.full((3, 2), [2.0, 2.3])
    p = parts(decomposition.by_adjustment(treated, control, paired=True))
    assert [p[name] for name in ("observed", "cate", "sbt", "sbc", "asb")] == pytest.approx([1, 0.5, 0.4, 0.6, 0.5])


def test_a_result_that_does_not_add_up_raises() -> None:
    """A decomposition checks its own identity."""
    with pytest.raises(ConfoundError, match="does not add up"):
        Decomposition(np.asarray([1.0, 0.5, 0, 0, 0, 0, 0.4]), *[np.zeros(7)] * 3)


@pytest.mark.parametrize("paired", [True, False])
def test_intervals_cover(paired: bool) -> None:
    """Over 1,000 normal logs each part's 95 % interval holds its truth as often as it says, give or take 3.5 errors."""
    rng = np.random.default_rng(0)
    means = {"treated": np.asarray([3.0, 2.7]), "control": np.asarray([2.0, 2.2])}
    truth = np.asarray([1.0, 0.5, 0.6, 0.4, 0.6, 0.4, 0.5])
    covered = np.zeros(7)
    for _ in range(1000):
        person = rng.normal(0, 0.5, size=(30, 1))
        sides = [m + rng.normal(0, 0.4, size=(30, 2)) + person * paired for m in means.values()]
        result = decomposition.by_adjustment(sides[0], sides[1], paired=paired)
        covered += (result.ci_low <= truth) & (truth <= result.ci_high)
    assert (np.abs(covered / 1000 - 0.95) < 3.5 * np.sqrt(0.95 * 0.05 / 1000)).all()
