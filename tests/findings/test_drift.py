"""Rows of single negative controls."""

import pandas as pd
import pytest

import confound


def test_jensen_shannon_of_arms_without_an_answer_in_common() -> None:
    """Personas who never answer alike in both arms diverge by a bit."""
    rows = [(p, arm, arm) for p in "abc" for arm in ("x", "y") for _ in range(2)]
    frame = pd.DataFrame(rows, columns=["persona", "arm", "response"]).assign(question="q", role="negative_control")
    assert confound.analyze(frame, control=["x"]).drift["jensen_shannon"].tolist() == pytest.approx([1.0])
