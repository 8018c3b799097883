"""The overview says what the frames say, a group at a time."""

import numpy as np
import pandas as pd
import pytest

import confound
from confound.presentation.report import overview
from tests.conftest import LogFrame


@pytest.fixture
def result(log_frame: LogFrame) -> confound.Analysis:
    """Analyse two models over two iterations: one drifts before adjustment, the other never."""
    parts, rng = [], np.random.default_rng(1)
    for model, before in (("drifting", "yyyyyyyy"), ("still", "xyxyxyxy")):
        for iteration, treated in ((0, before), (1, "xyxyxyxy")):
            party = log_frame({"control": "xyxyxyxx", "treated": treated}, personas=8)
            sex = log_frame({"control": "mfmfmfmf", "treated": "mfmfmfmm"}, question="sex", personas=8)
            outcome = log_frame(
                {"control": [1, 2, 1, 2], "treated": [3, 4, 3, 3 + iteration]}, question="rating", role="outcome"
            )
            asked = log_frame({"control": "rsrs", "treated": "rssr"}, question="religion", role="confounder")
            # Personas that answer everything alike would be taken for copies.
            pet = party.assign(question="pet", response=rng.choice(["cat", "dog"], len(party)))
            parts.append(pd.concat([party, sex, pet, outcome, asked]).assign(model=model, iteration=iteration))
    return confound.analyze(pd.concat(parts), correction="null")


def test_a_group_a_study_and_model(result: confound.Analysis) -> None:
    """Groups are numbered from 1 in the order of their labels, with drift at both ends."""
    groups = overview.groups(result.drift, result.effects, result.decomposition)
    assert [(group.number, group.study, group.model) for group in groups] == [
        (1, "study", "drifting"),
        (2, "study", "still"),
    ]
    assert [[drift.iteration for drift in group.drift] for group in groups] == [[0, 1], [0, 1]]
    assert [[drift.state == "shown" for drift in group.drift] for group in groups] == [[True, False], [False, False]]
    assert ["shown" in (group.state or "") for group in groups] == [False, False]


def test_largest_drift_and_surest_effect(result: confound.Analysis) -> None:
    """The largest corrected distance is taken, and the parts of the same outcome's effect, which add up."""
    drifting = overview.groups(result.drift, result.effects, result.decomposition)[0]
    rows = overview.controls(result.drift)
    rows = rows[(rows["model"] == "drifting") & (rows["iteration"] == 0)]
    assert drifting.drift[0].n == len(rows) == 3
    assert drifting.drift[0].largest["tvd"] == rows["tvd"].max()
    assert drifting.drift[0].largest["question"] == "party"
    assert drifting.effect is not None
    assert (drifting.effect["iteration"], drifting.effect["level"], drifting.n_effects) == (0, "", 1)
    parts = {name: row["estimate"] for name, row in drifting.parts.items()}
    assert parts["cate"] + parts["asb"] == pytest.approx(drifting.effect["estimate"])


def test_nothing_measured_is_said(log_frame: LogFrame) -> None:
    """Without a negative control a group has no drift, which is not none found; without an outcome, no effect."""
    outcome = log_frame({"control": [1, 2], "treated": [3, 4]}, question="rating", role="outcome")
    result = confound.analyze(outcome)
    (group,) = overview.groups(result.drift, result.effects, result.decomposition)
    assert (group.state, group.drift) == (None, ())
    result = confound.analyze(log_frame({"control": "xxyy", "treated": "xyyy"}), correction="null")
    (group,) = overview.groups(result.drift, result.effects, result.decomposition)
    assert (group.effect, group.n_effects, group.parts) == (None, 0, {})


def test_a_distance_that_cannot_be_corrected(log_frame: LogFrame) -> None:
    """With one answer of a persona in each arm the largest is that furthest beyond chance."""
    party = log_frame({"control": "x", "treated": "y"}, personas=6)
    sex = log_frame({"control": "m", "treated": "m"}, question="sex", personas=6)
    result = confound.analyze(pd.concat([party, sex]))
    (group,) = overview.groups(result.drift, result.effects, result.decomposition)
    assert pd.isna(group.drift[0].largest["tvd"])
    assert group.drift[0].largest["question"] == "party"
