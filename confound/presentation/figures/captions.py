"""What is said of a figure: sizes for captions, and the main numbers for a reader who cannot see it."""

from collections.abc import Sequence

import pandas as pd

from confound.text import estimate, number
from confound.vocabulary import ALL_CONTROLS

MOST = 8  # numbers in one text


def span(counts: pd.Series) -> str:
    """Write a number, or from which to which they go."""
    low, high = int(counts.min()), int(counts.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def sizes(part: pd.DataFrame) -> str:
    """Say how many personas and answers are behind each estimate of a contrast."""
    return (
        f"N: {span(part['n_personas'])} personas, {span(part['n_control'])} answers in the control and "
        f"{span(part['n_treated'])} in the treated arm for each estimate."
    )


def ends(part: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of the first and of the last iteration."""
    return part[part["iteration"] == part["iteration"].min()], part[part["iteration"] == part["iteration"].max()]


def of_drift(part: pd.DataFrame) -> str:
    """Say how large the drift is, before and after."""
    first, last = ends(part)
    top = first.sort_values("tvd").to_dict("records")[-1]
    mean = top["question"] == ALL_CONTROLS
    what = "Mean over the negative controls" if mean else f"Negative controls: {part['question'].nunique()}"
    text = (
        f"{what}; models: {part['model'].nunique()}. The largest drift is "
        f"{estimate(top['tvd'], top['ci_low'], top['ci_high'], 2)}, of {top['question']} with {top['model']} in "
        f"{top['study']}; the median is {first['tvd'].median():.2f}."
    )
    if part["iteration"].min() < part["iteration"].max():
        text += f" At the last iteration the largest is {last['tvd'].max():.2f}, the median {last['tvd'].median():.2f}."
    return text


def of_answers(part: pd.DataFrame) -> str:
    """Say where the arms' answers differ most."""
    place = ["study", "model", "question", "answer"]
    gap = part.groupby(place, sort=False)["share"].agg(lambda shares: shares.max() - shares.min())
    top = gap.reset_index(name="gap").sort_values("gap", kind="stable").to_dict("records")[-1]
    here = part[(part[place] == pd.Series({name: top[name] for name in place})).all(axis=1)].to_dict("records")
    sides = ", ".join(f"{row['share']:.2f} under {row['arm']}" for row in here)
    return (
        f"Shares of the answers to {part['question'].nunique()} questions by arm. They differ most, by "
        f"{top['gap']:.2f}, for {top['answer']} to {top['question']} with {top['model']}: {sides}."
    )


def of_marginals(part: pd.DataFrame) -> str:
    """Say how far shares of answers move."""
    place = ["study", "model", "question", "answer"]
    first, last = (end[[*place, "share"]] for end in ends(part))
    both = first.merge(last, on=place, suffixes=("_first", "_last"))
    both["moved"] = (both["share_last"] - both["share_first"]).abs()
    top = both.sort_values("moved", kind="stable").to_dict("records")[-1]
    return (
        f"Shares of answers over the iterations. From the first to the last they move by {both['moved'].mean():.3f} on "
        f"average; most, by {top['moved']:.2f}, for {top['answer']} to {top['question']} with {top['model']} in "
        f"{top['study']}."
    )


def of_effects(part: pd.DataFrame) -> str:
    """Say where effects begin and end."""
    place = ["study", "model", "contrast", "question", "level"]
    first, last = ends(part)
    both = first.merge(last[[*place, "estimate"]], on=place, how="left", suffixes=("", "_last"))
    lines = [
        f"{row['question']} with {row['model']} in {row['study']}: from {number(row['estimate'], 2)} to "
        f"{number(row['estimate_last'], 2)}"
        for row in both.to_dict("records")
    ]
    return "Effects over the iterations. " + _some(lines)


def of_means(part: pd.DataFrame) -> str:
    """Say the means by arm at the first iteration."""
    lines = [
        f"{row['question']}, {row['arm']}, {row['model']}: "
        f"{estimate(row['estimate'], row['ci_low'], row['ci_high'], 2)}"
        for row in ends(part)[0].to_dict("records")
    ]
    return "Means by arm. " + _some(lines)


def of_parts(part: pd.DataFrame) -> str:
    """Say what observed effects are made of."""
    place = ["study", "model", "contrast", "question"]
    table = part.pivot_table(index=place, columns="quantity", values="estimate", sort=False).reset_index()
    lines = [
        f"{row['question']} with {row['model']} in {row['study']}: observed {number(row['observed'], 2)}, "
        f"selection bias {number(row['asb'], 2)}, causal {number(row['cate'], 2)}"
        for row in table.to_dict("records")
    ]
    return "Bars from the observed to the causal effect. " + _some(lines)


def of_settling(part: pd.DataFrame) -> str:
    """Say how probable it is to have settled at the end."""
    lines = [
        f"{row['question']} with {row['model']} in {row['study']} ({row['path']}): {row['probability']:.2f}"
        for row in ends(part)[1].to_dict("records")
    ]
    return "Probability of having settled by the last iteration. " + _some(lines)


def of_settled_parts(part: pd.DataFrame) -> str:
    """Say what the models of the path found."""
    lines = [
        f"{row['quantity']} of {row['question']} with {row['model']} in {row['study']} ({row['path']}): "
        f"{estimate(row['mean'], row['ci_low'], row['ci_high'], 2)}"
        for row in part.to_dict("records")
    ]
    return "Dots with intervals. " + _some(lines)


def of_sensitivity(part: pd.DataFrame) -> str:
    """Say which drift would explain effects away, and which was seen."""
    lines = [
        f"{row['question']} with {row['model']} in {row['study']}: {row['drift_to_explain_away']:.2f} would, "
        f"{row['largest_tvd']:.2f} was seen"
        for row in part.to_dict("records")
    ]
    return "Drift that would explain the effect away, and the largest seen. " + _some(lines)


def _some(lines: Sequence[str]) -> str:
    return "; ".join(lines[:MOST]) + ("; and others." if len(lines) > MOST else ".")
