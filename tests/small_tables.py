"""Frames of a small result, made up, for the tests of the tables."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from confound.vocabulary import ALL_CONTROLS

NAN = float("nan")
SETTINGS = {"confidence": 0.95, "correction": "mixture", "seed": 7}
HOSTILE = [
    "<script>alert(1)</script>",
    "\\input{/etc/passwd}",
    '=HYPERLINK("http://x","y")',
    "100% of a_b & c #1 $x$ ^~{}",
    "\"quoted\" 'it`s' -- ?`",
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd (x)",
    "\U0001f469\u200d\U0001f4bb smile \U0001f600",
    "a\nb\\\\",
    "a|b `code` [l](u) *x*",
    "na\u00efve \u00c5ngstr\u00f6m \u0110or\u0111e",
    "\u65e5\u672c\u8a9e \u0395\u03bb",
    "[bracket]",
    "*star",
    "ends with \\",
    "\u202eturned",
    "x" * 150,
    "&lt;b&gt; ]]>",
    "\x1b[2J\x00",
]


def drift(models: Sequence[str], questions: Sequence[str], iterations: Sequence[int] = (0,)) -> pd.DataFrame:
    """Make drift rows with numbers that differ."""
    rows: list[dict[str, Any]] = []
    for m, model in enumerate(models):
        for iteration in iterations:
            for q, question in enumerate([*questions, ALL_CONTROLS]):
                joint = question == ALL_CONTROLS
                low = 0.01 * (q + m)
                rows.append(
                    {
                        "study": "books",
                        "model": model,
                        "iteration": iteration,
                        "contrast": "b - a",
                        "question": question,
                        "design": "within",
                        "n_personas": 100 + m,
                        "n_control": 3000 + 30 * m,
                        "n_treated": 3000 + 30 * m,
                        "tvd_plugin": low + 0.15,
                        "tvd_null": 0.1,
                        "tvd": low + 0.05,
                        "ci_low": low,
                        "ci_high": low + 0.1,
                        "pvalue": [1e-9, 0.0432, 1.0][q % 3],
                        "pvalue_holm": NAN if joint else [2e-9, 0.0864, 1.0][q % 3],
                        "pvalue_common": NAN if joint else 0.5,
                        "pvalue_verdict": [4e-9, 0.0864, 1.0][q % 3],
                        "state": ["shown", "unsettled", "small"][q % 3],
                    }
                )
    return pd.DataFrame(rows)


def effects(models: Sequence[str], questions: Sequence[str] = ("rating",), level: str = "") -> pd.DataFrame:
    """Make effect rows, of which the first is negative."""
    rows = [
        {
            "study": "books",
            "model": model,
            "iteration": 0,
            "contrast": "b - a",
            "question": question,
            "level": level,
            "n_personas": 100,
            "n_control": 3000,
            "n_treated": 2990,
            "mean_control": 2.5,
            "mean_treated": 2.5 + m - 0.125,
            "estimate": m - 0.125,
            "se": 0.02,
            "ci_low": m - 0.165,
            "ci_high": m - 0.085,
            "pvalue": 0.0004 if m else 0.0321,
            "design": "within",
        }
        for m, model in enumerate(models)
        for question in questions
    ]
    return pd.DataFrame(rows)
