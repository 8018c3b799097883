"""The parts of an effect: their algebra, their errors, and known truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.validity.effect import decomposition as validity
from benchmarks.validity.effect.square import Size, World
from confound.statistics.effect import decomposition
from confound.statistics.effect.decomposition import QUANTITIES, Decomposition

VALUE = st.floats(-100, 100)
SQUARES = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 3), st.just(4)), elements=VALUE)
MEANS = arrays(np.float64, (2, 5, 3), elements=VALUE)
SHARE = st.floats(0, 1)


def decomposed(groups: list[np.ndarray], **options: float) -> Decomposition:
    """Decompose with the same few draws each time."""
    return decomposition.decompose(groups, rng=np.random.default_rng(0), n_draws=50, **options)


def parts(values: np.ndarray) -> dict[str, np.ndarray]:
    """Return quantities by name."""
    return dict(zip(QUANTITIES, np.moveaxis(values, -1, 0), strict=True))


@given(st.lists(SQUARES, min_size=1, max_size=2), SHARE)
def test_the_parts_add_up_in_every_draw(groups: list[np.ndarray], share: float) -> None:
    """On any table, in the estimate and in each draw, observed = CATE + ASB = ATT + SBC = ATC + SBT to 1e-12."""
    iterations = min(group.shape[1] for group in groups)
    found = decomposed([group[:, :iterations] for group in groups], share=share)
    for values in (found.estimate, found.draws):
        p = parts(values)
        scale = np.maximum(1.0, np.abs(values).max(axis=-1))
        for one, other in (("cate", "asb"), ("att", "sbc"), ("atc", "sbt")):
            assert (np.abs(p["observed"] - p[one] - p[other]) <= 1e-12 * scale).all()


@given(MEANS, st.booleans(), SHARE)
def test_swapping_the_arms(means: np.ndarray, paired: bool, share: float) -> None:
    """With labels swapped, and the share, all parts change sign; SBT and SBC change places, and so do ATT and ATC."""
    one = decomposed(decomposition.by_adjustment(means[0], means[1], paired=paired), share=share)
    other = decomposed(decomposition.by_adjustment(means[1], means[0], paired=paired), share=1 - share)
    swap = {"sbt": "sbc", "sbc": "sbt", "att": "atc", "atc": "att"}
    here, there = parts(one.estimate), parts(other.estimate)
    for name in QUANTITIES:
        assert here[name] == pytest.approx(-there[swap.get(name, name)], abs=1e-9)


@given(arrays(np.float64, (4, 2, 2, 2), elements=VALUE), SHARE)
def test_swapping_the_arms_of_the_square(means: np.ndarray, share: float) -> None:
    """The rule is the same for the 2 x 2, where arms and source arms are swapped together."""
    one, other = (
        decomposed(decomposition.by_source(m, arms_paired=True, sources_paired=True), share=s)
        for m, s in ((means, share), (means[:, :, ::-1, ::-1], 1 - share))
    )
    swap = {"sbt": "sbc", "sbc": "sbt", "att": "atc", "atc": "att"}
    here, there = parts(one.estimate), parts(other.estimate)
    for name in QUANTITIES:
        assert here[name] == pytest.approx(-there[swap.get(name, name)], abs=1e-9)


def test_adjustment_by_hand() -> None:
    """By hand: treated 3 to 2.8, control 2 to 2.3 give SBT .4, SBC .6, CATE .5, ASB .5."""
    treated, control = np.full((3, 2), [3.0, 2.8]), np.full((3, 2), [2.0, 2.3])
    for paired in (True, False):
        p = parts(decomposed(decomposition.by_adjustment(treated, control, paired=paired)).estimate[0])
        assert [p[name] for name in ("observed", "cate", "sbt", "sbc", "asb")] == pytest.approx([1, 0.5, 0.4, 0.6, 0.5])


def test_the_share_weighs_att_and_atc() -> None:
    """By hand with three quarters treated: CATE = .75 ATT + .25 ATC, ASB = .25 SBT + .75 SBC."""
    treated, control = np.full((3, 2), [3.0, 2.8]), np.full((3, 2), [2.0, 2.3])
    p = parts(decomposed(decomposition.by_adjustment(treated, control, paired=True), share=0.75).estimate[0])
    assert (p["att"], p["atc"]) == pytest.approx((0.4, 0.6))
    assert (p["cate"], p["asb"]) == pytest.approx((0.45, 0.55))


def test_a_share_is_a_share() -> None:
    """A share outside [0, 1] is refused with its value."""
    with pytest.raises(ValueError, match=r"interval \[0, 1\] but got 1.5"):
        decomposition.square_weights(1.5)


@pytest.mark.parametrize(("arms", "sources"), [(True, True), (True, False), (False, True), (False, False)])
def test_the_square_by_hand(arms: bool, sources: bool) -> None:
    """Cells 3, 2.6 / 2.5, 2 give SBT .4, SBC .5, however personas are spread over the cells."""
    cells = np.asarray([[3.0, 2.6], [2.5, 2.0]])
    means = np.full((8, 1, 2, 2), np.nan)
    for persona in range(8):
        rows = [0, 1] if arms else [persona % 2]
        columns = [0, 1] if sources else [persona // 2 % 2]
        means[persona, 0][np.ix_(rows, columns)] = cells[np.ix_(rows, columns)]
    groups = decomposition.by_source(means, arms_paired=arms, sources_paired=sources)
    assert len(groups) == (2 - arms) * (2 - sources)
    p = parts(decomposed(groups).estimate[0])
    assert [p[name] for name in ("observed", "sbt", "sbc", "cate")] == pytest.approx([1.0, 0.4, 0.5, 0.55])


def test_an_empty_cell_has_no_square() -> None:
    """Without personas in one cell there is nothing to decompose."""
    means = np.ones((4, 1, 2, 2))
    means[:, 0, 1, 0] = np.nan
    assert decomposition.by_source(means, arms_paired=True, sources_paired=True) == []


def test_a_persona_missing_at_one_iteration_is_missed_there_alone() -> None:
    """A persona without an answer at iteration 1 leaves iteration 2 as it is."""
    rng = np.random.default_rng(4)
    treated, control = rng.normal(size=(2, 6, 3))
    whole = decomposed(decomposition.by_adjustment(treated, control, paired=True))
    treated[0, 1] = np.nan
    found = decomposed(decomposition.by_adjustment(treated, control, paired=True))
    fewer = decomposed(decomposition.by_adjustment(treated[1:], control[1:], paired=True))
    assert found.estimate[1] == pytest.approx(whole.estimate[1])
    assert found.estimate[0] == pytest.approx(fewer.estimate[0])


def test_steps_add_up_to_the_change_of_the_effect() -> None:
    """In every draw steps add up to the last effect less the first, in the resamples of the decomposition."""
    rng = np.random.default_rng(5)
    treated, control = rng.normal(size=(2, 8, 4))
    step = decomposition.steps(treated, control, paired=True, rng=np.random.default_rng(0), n_draws=50)
    whole = decomposed(decomposition.by_adjustment(treated, control, paired=True))
    cate, observed = (whole.draws[:, -1, QUANTITIES.index(name)] for name in ("cate", "observed"))
    assert step.draws.sum(axis=1) == pytest.approx(cate - observed, abs=1e-9)


def test_a_result_that_does_not_add_up_raises() -> None:
    """A decomposition checks its own identity, in the estimate and in the draws."""
    good = np.zeros((1, 7))
    bad = np.asarray([[1.0, 0.5, 0, 0, 0, 0, 0.4]])
    with pytest.raises(ArithmeticError, match="does not add up"):
        Decomposition(bad, good, good, good, good[None])
    with pytest.raises(ArithmeticError, match="does not add up"):
        Decomposition(good, good, good, good, np.stack([good, bad]))


@pytest.mark.slow
@pytest.mark.parametrize("paired", [True, False])
def test_intervals_cover(paired: bool) -> None:
    """Over 600 normal logs of 10 personas each part's 95 % interval holds its truth in .92 or more."""
    rng = np.random.default_rng(0)
    means = {"treated": np.asarray([3.0, 2.7]), "control": np.asarray([2.0, 2.2])}
    truth = np.asarray([1.0, 0.5, 0.6, 0.4, 0.6, 0.4, 0.5])
    covered = np.zeros(7)
    for _ in range(600):
        person = rng.normal(0, 0.5, size=(10, 1))
        sides = [m + rng.normal(0, 0.4, size=(10, 2)) + person * paired for m in means.values()]
        groups = decomposition.by_adjustment(sides[0], sides[1], paired=paired)
        result = decomposition.decompose(groups, rng=rng, n_draws=999)
        covered += (result.ci_low[0] <= truth) & (truth <= result.ci_high[0])
    assert (covered / 600 >= 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 600)).all()


@pytest.mark.slow
@pytest.mark.parametrize("size", [Size("within", 100, 10), Size("within", 10, 5), Size("between", 60, 3)])
def test_every_route_finds_the_truth(size: Size) -> None:
    """Over 100 logs whose users and outcomes are known, no route is off by more than chance, and it covers."""
    known = np.asarray(validity.truth())
    found, _ = validity.simulate(size, World(), 100, seed=7)
    assert set(found) == set(validity.ROUTES)
    for one in found.values():
        error = one.estimate.std(axis=0, ddof=1) / 10
        assert (np.abs(one.estimate.mean(axis=0) - known) < 4 * error).all()
        assert (one.covered.mean(axis=0) >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / 100)).all()


@pytest.mark.slow
def test_a_broken_assumption_is_seen() -> None:
    """With a confounder that tells half, ASB is found too small by every route, and drift is left to show it."""
    known = dict(zip(QUANTITIES, validity.truth(), strict=True))
    found, seen = validity.simulate(Size("within", 60, 10), World(complete=0.5), 30, seed=7)
    for one in found.values():
        assert 0 < one.estimate.mean(axis=0)[QUANTITIES.index("asb")] < 0.6 * known["asb"]
    assert seen.remaining > 0.1
