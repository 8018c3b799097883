"""The paragraph for a paper says what the tables hold: claim, direction, estimate, interval, p, n, method, source."""

import numpy as np
import pandas as pd
import pytest

import confound

SKIP = ("stabilization", "decomposition", "sensitivity", "figures", "report")


def log(shift: float) -> pd.DataFrame:
    """Make a log of an ordered control, of another, and of an outcome; the first control moves by so much."""
    rng = np.random.default_rng(5)
    place = pd.MultiIndex.from_product(
        [range(30), ["control", "treated"], range(8)], names=["persona", "arm", "trial"]
    ).to_frame(index=False)
    moved = (place["arm"] == "treated") & (rng.random(len(place)) < shift)
    books = np.where(moved, 5, rng.integers(1, 5, len(place)))
    return pd.concat(
        [
            place.assign(question="books", role="negative_control", response=books.astype(str)),
            place.assign(question="party", role="negative_control", response=rng.choice(["l", "r"], len(place))),
            place.assign(question="likes", role="outcome", response=rng.integers(1, 6, len(place)).astype(str)),
        ]
    )


@pytest.fixture(scope="module")
def drifting() -> confound.Analysis:
    """Analyse a log in which users drift."""
    return confound.analyze(log(0.5), skip=SKIP, workers=1)


def test_it_holds_the_numbers_of_the_tables(drifting: confound.Analysis) -> None:
    """Distance, interval, direction and p-values are those of `drift`; the effect is that of `effects`."""
    (finding,) = drifting.verdict
    said, rows = finding.paragraph, drifting.drift.set_index("question")
    books, effect = rows.loc["books"], drifting.effects.iloc[0]
    assert said.startswith(
        "To check for user drift (Lin et al., 2026), the answers of 30 users (model), in both arms, "
    )
    assert "2 negative controls" in said
    interval = f"[{books['ci_low']:.2f}, {books['ci_high']:.2f}]"
    assert f"total variation distance = {books['tvd']:.2f}, 95 % CI {interval}" in said
    assert f"mean answer treated minus control +{books['mean_difference']:.2f}" in said
    assert "The arms held different users (joint test, p = .001): books" in said
    assert f"likes, {effect['estimate']:+.3f}".replace("-", "\N{MINUS SIGN}") in said
    assert "answers were relabelled within personas" in said
    assert said.endswith(f"Computed with confound {confound.__version__}.")


def test_without_drift_it_claims_none() -> None:
    """What is not shown is said so, with the distance that is not ruled out."""
    found = confound.analyze(log(0.0), skip=SKIP, workers=1)
    (finding,) = found.verdict
    assert finding.drift == "unsettled"
    assert "Drift was neither shown (joint test, p = ." in finding.paragraph
    controls = found.drift[found.drift["question"] != "(all)"]
    assert f"distances up to {controls['ci_high'].max():.2f} (" in finding.paragraph
    assert "different users" not in finding.paragraph


def test_it_survives_saving_and_stands_on_the_page(drifting: confound.Analysis, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """`load` reads it back, and results that were saved without one are read too."""
    drifting.save(tmp_path / "out")
    assert confound.load(tmp_path / "out").verdict == drifting.verdict
