"""Whether users drift, in sentences that can be quoted: joint tests, the controls that show it, what is not known."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from confound.findings import decision
from confound.findings.decision import LEVEL, SHOWN, SMALL, UNSETTLED, WITHHELD
from confound.statistics import multiplicity
from confound.text import estimate, named, number, p_equals
from confound.vocabulary import ALL_CONTROLS

NAMED = 6  # controls or contrasts named in a sentence; the tables hold the rest

Row = Mapping[Hashable, Any]

UNMEASURED = (
    "drift was not measured. Without a negative control nothing here tells whether the arms hold the same people, "
    "and an "
    "observed effect may be selection bias: ask each persona facts that the treatment cannot change."
)


class Asked(NamedTuple):
    """Whether there is an effect to be read, and the outcomes that are refused more often in one arm."""

    effects: bool
    refused: tuple[str, ...]


def headline(state: str | None, drift: pd.DataFrame, *, margin: float, asked: Asked, copies: str) -> str:
    """Say what was found at the last iteration and what it means.

    Parameters
    ----------
    state : str or None
        As in `verdict[i].drift`.
    drift : pandas.DataFrame
        Rows of one study and model, single controls and `(all)`, two arms.
    margin : float
    asked : Asked
    copies : str
        What was found of copies.
    """
    if state is None:
        return UNMEASURED
    last = drift[drift["iteration"] == drift["iteration"].max()]
    when = f" at iteration {last['iteration'].iloc[0]}, the last" if len(drift["iteration"].unique()) > 1 else ""
    if state == WITHHELD:
        return f"withheld{when}, for the log holds copies, and no test or interval here is valid for copies. {copies}"
    if state == SHOWN:
        little = (
            f", but little: the distance of every control lies below {margin:g}" if _all_below(last, margin) else ""
        )
        mixes = ", so an observed effect mixes what the treatment does with whom it is done to, "
        mixes += "and is not causal as it stands"
        return f"the users drift{when}{little}. The arms hold different people{mixes if asked.effects else ''}."
    if state == SMALL:
        return (
            f"drift is shown to be small{when}: the distance of every control lies below {margin:g}. "
            f"{_reason(asked)}; in what "
            "was not asked users may still differ."
        )
    if decision.blind(controls := last[last["question"] != ALL_CONTROLS], margin).all():
        these = "the control" if len(controls) == 1 else "every control"
        return (
            f"not settled{when}. Nearly everyone gives the same answer to {these}, so no drift could show: ask what "
            "people differ in, such as their politics, age or habits."
        )
    return (
        f"not settled{when}. No drift is shown, nor is it shown to be small: a distance of {margin:g} or more is not "
        "ruled "
        "out, so that on this evidence the effect can be read neither as causal nor as biased."
    )


def _reason(asked: Asked) -> str:
    if asked.refused:
        more = f" and {len(asked.refused) - 1} more" if len(asked.refused) > 1 else ""
        return (
            f"But {named(asked.refused[0])}{more} is refused more often in one arm, which can make an effect by "
            "itself, among "
            "the same people"
        )
    return "What these controls ask about gives no reason against reading the effect as causal"


def _all_below(rows: pd.DataFrame, margin: float) -> bool:
    return bool((rows.loc[rows["question"] != ALL_CONTROLS, "ci_high"] < margin).all())


def by_iteration(drift: pd.DataFrame, *, confidence: float, margin: float) -> tuple[list[str], list[str]]:
    """Say what the decision rests on, at the first iteration and at the last.

    Parameters
    ----------
    drift : pandas.DataFrame
        As for `headline`.
    confidence : float
        Of the intervals.
    margin : float
        Drift below it counts as small.

    Returns
    -------
    tuple of list of str
        Of the first iteration, where it is not the last; and of the last.
    """
    ends = sorted({int(drift["iteration"].min()), int(drift["iteration"].max())}) if len(drift) else []
    said = []
    for iteration in ends:
        when = f"At iteration {iteration}, " if len(ends) > 1 else ""
        rows = drift[drift["iteration"] == iteration]
        said.append([_begun(when, sentence) for sentence in _at(rows, confidence, margin)])
    return (said[0] if len(ends) > 1 else []), (said[-1] if said else [])


def _begun(when: str, sentence: str) -> str:
    """Put the iteration first; what begins with a name from the log keeps its spelling."""
    own_words = sentence.startswith(("the ", "this ", "with ", "nearly "))
    return f"{when}{sentence}" if when or not own_words else sentence[:1].upper() + sentence[1:]


def _at(rows: pd.DataFrame, confidence: float, margin: float) -> Iterator[str]:
    controls = rows[rows["question"] != ALL_CONTROLS]
    several = len(controls["contrast"].unique()) > 1
    yield from _joint(decision.of_contrasts(rows), several=several)
    yield from _controls_named(controls, confidence, several=several)
    if not (controls["state"] == SHOWN).any():
        yield from _not_ruled_out(controls[~decision.blind(controls, margin)], several=several)
        yield from _findable(decision.of_contrasts(rows), margin)
    yield from _blind(controls, margin)
    if controls["tvd"].isna().all():
        yield (
            "with one answer of a persona in each arm only drift in a common direction can be tested; drift of "
            "personas "
            "in directions of their own would not show."
        )
    yield from _refusing(controls, several=several)


def _joint(contrasts: pd.DataFrame, *, several: bool) -> Iterator[str]:
    """Say the p-value by which each contrast is decided."""
    ordered = contrasts.sort_values("pvalue_verdict", kind="stable")
    for row in ordered.head(NAMED).to_dict("records"):
        controls, family = str(row["family"]).split(", ")
        alone = controls.startswith("1 ")
        what = f"the test of {named(row['question'])}" if alone else f"the joint test of {controls}"
        where = f" in {named(row['contrast'])}" if several else ""
        over = "" if family.startswith("1 ") else f"; adjusted over {family} {p_equals(row['pvalue_verdict'])}"
        yield f"{what}{where} has {p_equals(row['pvalue_joint'])}{over}."
    if len(ordered) > NAMED:
        yield f"and {len(ordered) - NAMED} more contrasts in the table."


def _controls_named(controls: pd.DataFrame, confidence: float, *, several: bool) -> Iterator[str]:
    shown = controls[controls["state"] == SHOWN].sort_values("pvalue_verdict", kind="stable")
    for row in shown.head(NAMED).to_dict("records"):
        what = (
            f"{_where(row, several=several)}: {_distance(row, confidence)}, adjusted {p_equals(row['pvalue_verdict'])}"
        )
        yield f"{what}{_direction(row, confidence)}."
    if len(shown) > NAMED:
        yield f"{len(shown) - NAMED} more controls drift."


def _not_ruled_out(controls: pd.DataFrame, *, several: bool) -> Iterator[str]:
    if controls["ci_high"].notna().any():
        widest = controls.sort_values("ci_high", ascending=False, kind="stable").to_dict("records")[0]
        where = _where(widest, several=several)
        yield f"the largest distance that is not ruled out is {number(widest['ci_high'], 2)} ({where})."


def _blind(controls: pd.DataFrame, margin: float) -> Iterator[str]:
    """Name the controls in which no drift can show."""
    names = list(dict.fromkeys(controls.loc[decision.blind(controls, margin), "question"]))
    if names:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        listed = f"{', '.join(map(named, names[:NAMED]))}{more}"
        yield f"nearly everyone gives the same answer to {listed}: no drift of {margin:g} can show there."


def _findable(contrasts: pd.DataFrame, margin: float) -> Iterator[str]:
    """Say what the study can find, and what it takes to find a drift of the margin."""
    unsettled = contrasts[contrasts["state"] == UNSETTLED]
    known = unsettled[unsettled["detectable_tvd"].notna()]
    if known.empty:
        return
    row = known.sort_values("detectable_tvd", kind="stable").to_dict("records")[-1]
    where = "in every control alike" if row["question"] == ALL_CONTROLS else f"in {named(row['question'])}"
    needed = ""
    if not pd.isna(row["needed_personas"]):
        each = " in each arm" if row["design"] == "between" else ""
        personas = f"{_rounded(row['needed_personas']):,} personas{each}"
        needed = f"; one of {margin:g} takes about {personas} with as many answers each"
    yield f"this study finds a drift of {number(row['detectable_tvd'], 2)} {where} with 80 % power{needed}."


def _rounded(n: float) -> int:
    """Round to two digits: more the calculation does not give."""
    return int(float(f"{n:.2g}"))


def _distance(row: Row, confidence: float) -> str:
    """Say how far apart the arms are: corrected if it can be, else as seen beside what chance alone makes."""
    if pd.isna(row["tvd"]):
        return f"distance {row['tvd_plugin']:.2f}, {row['tvd_null']:.2f} expected with no drift"
    return f"drift {estimate(row['tvd'], row['ci_low'], row['ci_high'], 2, confidence=confidence)}"


def _direction(row: Row, confidence: float) -> str:
    """Say which way a control with an order moved."""
    if pd.isna(row["mean_difference"]):
        return ""
    ends = row["mean_difference_low"], row["mean_difference_high"]
    moved = estimate(row["mean_difference"], *ends, 2, sign=True, confidence=confidence)
    return f"; mean answer, treated less control: {moved}"


def _where(row: Row, *, several: bool) -> str:
    where = f" in {named(row['contrast'])}" if several else ""
    return f"{named(row['question'])}{where}"


def _refusing(controls: pd.DataFrame, *, several: bool) -> Iterator[str]:
    """Say where the arms differ in how often no answer is given."""
    tested = controls[controls["pvalue_refusal"].notna()]
    if tested.empty:
        return
    stands = np.asarray(multiplicity.holm(tested["pvalue_refusal"].to_numpy(dtype=np.float64))) <= LEVEL
    listed = [
        f"{_where(row, several=several)} ({row['unknown_treated'] / row['n_treated']:.0%} of the treated arm's "
        "answers, "
        f"{row['unknown_control'] / row['n_control']:.0%} of the control arm's)"
        for row in tested[stands].to_dict("records")
    ]
    if listed:
        more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
        yield (
            f"the arms differ in how often no answer is given (Unknown): {'; '.join(listed[:NAMED])}{more}. This is "
            "not "
            "counted as drift: whether the same people refuse more or other people are there cannot be told from it."
        )
