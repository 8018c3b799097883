"""The sentences say what the tables hold."""

import pandas as pd
import pytest

from confound.findings.stabilization_columns import CHECKS, SCHEMA, SETTLED
from confound.findings.verdict import settling

PLACE = {"study": "s", "model": "m", "contrast": "b - a", "question": "y"}
QUANTITIES = {"observed": 0.8, "settled": 0.42, "asb": 0.38}


def frames(
    probabilities: list[float], *, failed: str | None = None, weights: tuple[float, float] = (0.8, 0.2)
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Make the frames of one outcome with two paths; the second one never settles."""
    rows, settled, checks = [], [], []
    for path, weight in zip(("exponential", "random_walk"), weights, strict=True):
        place = {**PLACE, "path": path}
        rows += [
            {**place, "quantity": q, "mean": v, "ci_low": v - 0.1, "ci_high": v + 0.1} for q, v in QUANTITIES.items()
        ]
        checks.append({**place, "check": "weight", "value": weight, "passed": True})
        for iteration, probability in enumerate(probabilities):
            p = probability if path == "exponential" else 0.01
            settled.append({**place, "iteration": iteration, "probability": p, "tolerance": 0.05})
        names = ("rhat", "pareto_k", "ppc_jumps")
        checks += [{**place, "check": c, "value": 1.05, "limit": 1.01, "passed": c != failed} for c in names]
    return (
        pd.DataFrame(rows, columns=list(SCHEMA.names)),
        pd.DataFrame(settled, columns=list(SETTLED.names)),
        pd.DataFrame(checks, columns=list(CHECKS.names)),
    )


def test_settled_effect_is_told_with_when_and_where() -> None:
    """The first iteration that is sure enough is named, with the settled value and its interval."""
    (point,) = settling.points(*frames([0.1, 0.6, 0.97, 0.99]), 0.95)
    assert point == (
        "y, b - a: the effect settles: 97 % probability that by iteration 2 it is within 0.05 of its settled value "
        "+0.42 (95 % interval +0.32 to +0.52). Of the effect before adjustment, +0.80 (95 % interval +0.70 to +0.90), "
        "selection bias is +0.38 (95 % interval +0.28 to +0.48). (Model of the path: exponential approach, stacking "
        "weight 0.80.)"
    )


@pytest.mark.parametrize(
    ("probabilities", "words"),
    [
        ([0.999, 1.0, 1.0], "the effect settles: over 99 % probability that from the first iteration on"),
        ([0.1, 0.2, 0.7], "the effect may have settled: 70 % probability that by iteration 2, the last,"),
        ([0.0, 0.1, 0.2], "the effect is not seen to settle: only 20 % probability that by iteration 2, the last,"),
    ],
)
def test_less_is_said_with_less_evidence(probabilities: list[float], words: str) -> None:
    """At once, perhaps, and not at all."""
    (point,) = settling.points(*frames(probabilities), 0.95)
    assert words in point


def test_the_path_that_predicts_best_is_told() -> None:
    """Stacking weights decide whose numbers are in the sentence."""
    (point,) = settling.points(*frames([1.0, 1.0], weights=(0.3, 0.7)), 0.95)
    assert "not seen to settle" in point
    assert "random walk" in point


def test_failed_gate_is_a_plain_warning() -> None:
    """A fit that failed is never shown as if it were good; a predictive misfit is a caution."""
    (point,) = settling.points(*frames([0.99], failed="rhat"), 0.95)
    assert point.endswith(
        "WARNING: the computation failed its checks twice, so do not rely on these numbers: rhat 1.05 (limit 1.01)."
    )
    (point,) = settling.points(*frames([0.99], failed="pareto_k"), 0.95)
    assert point.endswith("predicts best hangs on a few personas: pareto_k 1.05 (limit 1.01).")
    (point,) = settling.points(*frames([0.99], failed="ppc_jumps"), 0.95)
    assert point.endswith("Caution: logs made by the model differ from this one in: jumps.")
