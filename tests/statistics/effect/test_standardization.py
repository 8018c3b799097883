"""Standardization over confounders: by hand, against known truth, and doubly robust."""

import numpy as np
import pytest

from confound.statistics.effect.decomposition import QUANTITIES, decompose
from confound.statistics.effect.standardization import Conversations, standardize


def made(
    outcome: list[float], answer: list[int], persona: list[int], treated: list[int], n: list[int] | None = None
) -> Conversations:
    """Lay out conversations about one yes-no confounder."""
    return Conversations(
        np.asarray(outcome, float),
        np.asarray(answer, float)[:, None],
        np.asarray(persona),
        np.asarray(treated, bool),
        np.ones(len(outcome)) if n is None else np.asarray(n, float),
    )


def square(groups: list[np.ndarray]) -> np.ndarray:
    """Return the four means."""
    return np.asarray(sum(group.mean(axis=0)[0] for group in groups))


BY_HAND = made(
    # Control: 1 without, 2 with the trait (half have it). Treated: 2 without, 4 with it (three quarters have it).
    [1, 1, 2, 2, 2, 4, 4, 4],
    [0, 0, 1, 1, 0, 1, 1, 1],
    [0, 1, 2, 3, 4, 5, 6, 7],
    [0, 0, 0, 0, 1, 1, 1, 1],
)


@pytest.mark.parametrize("method", ["g-formula", "aipw"])
def test_between_by_hand(method: str) -> None:
    """E[Y(1)|A=0] = .5 x 2 + .5 x 4 = 3 and E[Y(0)|A=1] = .25 x 1 + .75 x 2 = 1.75."""
    found = standardize(BY_HAND, paired=False)
    assert square(found.groups[method]) == pytest.approx([3.5, 3.0, 1.75, 1.5])


@pytest.mark.parametrize("method", ["g-formula", "aipw"])
def test_within_by_hand(method: str) -> None:
    """Two personas whose outcomes differ by 10 and whose arms hold the trait as above give the same, 5 higher."""
    rows = [(y + 10 * p, int(c), p, int(a)) for p in (0, 1) for y, c, a in zip(*_columns(), strict=True)]
    data = made(*[list(column) for column in zip(*rows, strict=True)])
    assert square(standardize(data, paired=True).groups[method]) == pytest.approx([8.5, 8.0, 6.75, 6.5])


def _columns() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return BY_HAND.outcome, BY_HAND.confounders[:, 0], BY_HAND.treated


def test_counts_stand_for_rows() -> None:
    """Equal conversations in one row with their number give what they give one by one."""
    data = made([1, 2, 2, 4], [0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 1], n=[2, 2, 1, 3])
    whole = made(*[np.repeat(x, [2, 2, 1, 3]).tolist() for x in ([1, 2, 2, 4], [0, 1, 0, 1], [0] * 4, [0, 0, 1, 1])])
    for method, groups in standardize(data, paired=True).groups.items():
        assert square(groups) == pytest.approx(square(standardize(whole, paired=True).groups[method]))


def test_without_confounding_nothing_moves() -> None:
    """Where both arms answer the confounder alike, selection bias is 0."""
    data = made([1, 2, 3, 5] * 2, [0, 1] * 4, [0] * 4 + [1] * 4, [0, 0, 1, 1] * 2)
    means = square(standardize(data, paired=True).groups["g-formula"])
    assert means[0] == pytest.approx(means[1])
    assert means[2] == pytest.approx(means[3])


def test_overlap_is_seen() -> None:
    """An answer that one arm never gives is counted, and so is imbalance before and after weighting."""
    overlap = standardize(BY_HAND, paired=False).overlap
    assert overlap is not None
    assert (overlap.propensity_low, overlap.propensity_high) == pytest.approx((1 / 3, 3 / 5))
    assert overlap.unmatched == 0
    assert overlap.imbalance_before == pytest.approx(0.25 / np.sqrt((0.25 + 0.1875) / 2))
    assert overlap.imbalance_after == pytest.approx(0, abs=1e-6)


def test_separated_arms_have_no_weights() -> None:
    """Where the confounder tells the arms apart, there is no propensity and so no AIPW and no overlap to report."""
    data = made([1, 1, 2, 2], [0, 0, 1, 1], [0, 1, 2, 3], [0, 0, 1, 1])
    found = standardize(data, paired=False)
    assert set(found.groups) == {"g-formula"}
    assert found.overlap is None


def drawn(rng: np.random.Generator, *, curved: bool) -> Conversations:
    """Draw 4,000 conversations, a persona each, with two traits that do or do not interact in the outcome."""
    n = 4000
    traits = rng.random((n, 2)) < 0.5
    chance = 1 / (1 + np.exp(0.8 - 0.8 * traits.sum(axis=1)))
    treated = rng.random(n) < chance
    outcome = traits.sum(axis=1) + treated + 2.0 * curved * traits.prod(axis=1) * treated + rng.normal(0, 0.3, n)
    return Conversations(outcome, traits.astype(float), np.arange(n), treated, np.ones(n))


def test_aipw_is_right_where_the_outcome_model_is_wrong() -> None:
    """With traits that interact, a linear outcome model misleads the g-formula; weights mend it (doubly robust)."""
    errors: dict[str, list[float]] = {"g-formula": [], "aipw": []}
    for seed in range(20):
        data = drawn(np.random.default_rng(seed), curved=True)
        traits, controls = data.confounders, ~data.treated
        # Both traits: 1 + 1 + 1 + 2; the control arm's mix of traits decides.
        true = float((traits.sum(axis=1) + 1 + 2 * traits.prod(axis=1))[controls].mean())
        for method, groups in standardize(data, paired=False).groups.items():
            errors[method].append(square(groups)[1] - true)
    assert abs(np.mean(errors["aipw"])) < 3.5 * np.std(errors["aipw"]) / np.sqrt(20)
    assert abs(np.mean(errors["g-formula"])) > 3.5 * np.std(errors["g-formula"]) / np.sqrt(20)


@pytest.mark.slow
def test_the_slopes_uncertainty_is_in_the_standard_error() -> None:
    """Over 300 small logs the mean standard error of the parts is their spread, within 12 %."""
    estimates, errors = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        data = drawn(rng, curved=False)
        few = slice(0, 120)
        data = Conversations(
            data.outcome[few], data.confounders[few], data.persona[few], data.treated[few], data.n[few]
        )
        found = decompose(standardize(data, paired=False).groups["g-formula"], rng=rng, n_draws=20)
        estimates.append(found.estimate[0])
        errors.append(found.se[0])
    assert np.mean(errors, axis=0) == pytest.approx(np.std(estimates, axis=0), rel=0.12)
    assert len(QUANTITIES) == np.shape(errors)[1]
