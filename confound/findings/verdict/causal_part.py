"""How much of an effect is causal, in sentences that can be quoted, each with what it rests on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from confound.findings.decision import LEVEL
from confound.statistics import multiplicity
from confound.text import estimate, named, number
from confound.vocabulary import ALL_CONTROLS

SHOWN = 6  # outcomes named; the tables hold the rest
DETAILED = 3  # outcomes of which it is also said what each sentence rests on
# The route that is quoted is the first that a log allows: of adjustment the observed effect is the one before it.
ROUTES = {
    "adjustment": "by adjustment up to iteration {iteration}, if the adopted attributes carry the drift",
    "source": "from attributes drawn in one arm and shown in both, at iteration {iteration}, if they carry the drift",
    "aipw": "by standardization over the confounders at iteration {iteration}, if they carry the drift",
    "g-formula": "by standardization over the confounders at iteration {iteration}, if they carry the drift",
}
OTHERS = {"adjustment": "adjustment", "source": "attributes drawn in one arm"}

Row = Mapping[Any, Any]


def interval(row: Row, confidence: float | None) -> str:
    """Write an estimate with its interval, if it has one; what it is is said once in a sentence."""
    return estimate(row["estimate"], row["ci_low"], row["ci_high"], 3, sign=True, confidence=confidence)


def part_points(
    decomposition: pd.DataFrame, assumptions: pd.DataFrame, sensitivity: pd.DataFrame, confidence: float
) -> Iterator[str]:
    """Say of each outcome how much of its effect is causal, at the last iteration of the best route.

    Parameters
    ----------
    decomposition, assumptions, sensitivity : pandas.DataFrame
        As in `confound.result.Analysis`, of one study and model.
    confidence : float
        Of the intervals.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in decomposition.to_dict("records"):
        groups.setdefault((row["contrast"], row["question"]), []).append(row)
    checked: dict[str, None] = {}  # each sentence about assumptions once, whatever outcomes share it
    for (contrast, question), rows in list(groups.items())[:SHOWN]:
        method = next(method for method in ROUTES if any(row["method"] == method for row in rows))
        iteration = max(row["iteration"] for row in rows if row["method"] == method)
        parts = {r["quantity"]: r for r in rows if r["method"] == method and r["iteration"] == iteration}
        observed = interval(parts["observed"], confidence)
        cate, asb = (interval(parts[name], None) for name in ("cate", "asb"))
        yield (
            f"{named(question)}, {named(contrast)}: of the observed effect {observed}, the causal part is "
            f"{cate} and selection bias {asb}, {ROUTES[method].format(iteration=iteration)}."
        )
        here = [row for row in _of(assumptions, contrast) if row["iteration"] == iteration]
        said = [sentence for sentence in _checks(here, question, method) if sentence not in checked]
        checked |= dict.fromkeys(said)
        if said:
            yield f"Its assumptions, checked: {'; '.join(said)}."
        if len(groups) > DETAILED:
            continue
        yield from _other_routes(rows, method, question, confidence)
        yield from _sensitive([r for r in _of(sensitivity, contrast) if r["question"] == question], confidence)
    if len(groups) > SHOWN:
        yield f"and {len(groups) - SHOWN} more outcomes in the table of the decomposition."
    said_of = groups if len(groups) <= DETAILED else {}
    last = sensitivity[sensitivity["iteration"] == sensitivity["iteration"].max()].to_dict("records")
    yield from _drift_needed([r for r in last if (r["contrast"], r["question"]) not in said_of])


def _other_routes(rows: Sequence[Row], method: str, question: str, confidence: float) -> Iterator[str]:
    """Say what the routes that are not quoted find: where all assumptions hold they agree."""
    others = dict.fromkeys(row["method"] for row in rows if row["method"] != method)
    if "aipw" in others:
        others.pop("g-formula", None)  # the same means, by a model less
    found = []
    for other in others:
        cates = [row for row in rows if row["method"] == other and row["quantity"] == "cate"]
        last = max(cates, key=lambda row: row["iteration"])
        what = OTHERS.get(other, f"{other} over the confounders of iteration {last['iteration']} alone")
        found.append(f"{interval(last, confidence)} by {what}")
    if found:
        yield f"The causal part of {named(question)} by other routes: {'; '.join(found)}."


def _of(frame: pd.DataFrame, contrast: str) -> list[Row]:
    """Return a contrast's rows, and those that are of no contrast."""
    return [row for row in frame.to_dict("records") if pd.isna(row["contrast"]) or row["contrast"] == contrast]


def _checks(rows: Sequence[Row], question: str, method: str) -> Iterator[str]:
    """Say what the checks of a route's assumptions found."""
    by_check: dict[str, list[Row]] = {}
    for row in rows:
        by_check.setdefault(row["check"], []).append(row)
    if method in ("adjustment", "source"):
        yield from _drift_left([r for r in by_check.get("remaining drift", ()) if r["question"] != ALL_CONTROLS])
        yield from _kept([r for r in by_check.get("retention", ()) if r["question"] != ALL_CONTROLS])
    if method == "adjustment":
        yield from _population(by_check.get("population shift", ()))
    if method == "source":
        yield from _own([row for row in by_check.get("own attributes", ()) if row["question"] == question])
    if method in ("aipw", "g-formula"):
        yield from _overlap({row["check"]: row["estimate"] for row in rows if row["question"] == question})


def _drift_left(rows: Sequence[Row]) -> Iterator[str]:
    if rows:
        worst = max(rows, key=lambda row: row["estimate"])
        sure = any(row["ci_low"] > 0 for row in rows)
        yield (
            f"the drift left is up to {worst['estimate']:.2f} ({named(worst['question'])})"
            f"{', so that some selection bias still counts as causal' if sure else ''}"
        )


def _kept(rows: Sequence[Row]) -> Iterator[str]:
    if rows:
        shares = [row["estimate"] for row in rows]
        yield f"{np.mean(shares):.1%} of answers about adopted attributes are as specified (least {min(shares):.1%})"


def _population(rows: Sequence[Row]) -> Iterator[str]:
    if rows:
        stands = multiplicity.holm(np.asarray([row["pvalue"] for row in rows])) < LEVEL
        moved = [row for row, sure in zip(rows, stands, strict=True) if sure]
        listed = ", ".join(f"{named(row['question'])} ({row['estimate']:.2f})" for row in moved[:SHOWN])
        more = f" and {len(moved) - SHOWN} more controls" if len(moved) > SHOWN else ""
        yield f"adjustment moved the population itself in {listed}{more}" if moved else "no population shift is seen"


def _own(rows: Sequence[Row]) -> Iterator[str]:
    if rows:
        moves = " and ".join(f"{number(row['estimate'], 3, sign=True)} ({named(row['arm'])})" for row in rows)
        sure = any(row["pvalue"] < LEVEL / len(rows) for row in rows)
        yield f"attributes from a persona's own arm, which should change nothing, moved the outcome by {moves}" + (
            ", more than chance" if sure else ", no more than chance"
        )


def _overlap(found: Mapping[str, float]) -> Iterator[str]:
    if "overlap: effective share" in found:
        yield (
            f"{found['overlap: unmatched']:.0%} of conversations hold an answer that the other arm never gives, and "
            f"weighting leaves {found['overlap: effective share']:.0%} of them in effect"
        )


def _sensitive(rows: Sequence[Row], confidence: float) -> Iterator[str]:
    """Say what drift would explain the last iteration's effect away, and how far the largest step moved it."""
    yield from _drift_needed([row for row in rows if row["iteration"] == max(r["iteration"] for r in rows)])
    steps = [row for row in rows if isinstance(row["adopted"], str) and row["adopted"]]
    if steps:
        yield _step(max(steps, key=lambda row: abs(row["change"])), confidence)


def _drift_needed(rows: Sequence[Row]) -> Iterator[str]:
    """Say which effects users as far apart as the controls may be could make by themselves."""
    known = [row for row in rows if not pd.isna(row["largest_tvd"])]
    if not known:
        return
    high = max(row["largest_tvd_high"] for row in known)
    when = f"at iteration {known[0]['iteration']} " if known[0]["iteration"] else ""
    seen = (
        f"The controls' distances {when}reach {max(row['largest_tvd'] for row in known):.2f} (total variation "
        f"distance), {high:.2f} is not ruled out, and users may be farther apart than any control shows"
    )
    beyond = [row for row in known if row["drift_to_explain_away"] > row["largest_tvd_high"]]
    if len(known) == 1:
        (row,) = known
        apart = f"Users {row['drift_to_explain_away']:.2f} apart could make the effect on {_whose(row)} by themselves"
        yield f"{seen}. {apart}: {'more than that' if beyond else 'this is not ruled out'}."
        return
    own = ", each held against its own contrast's controls" if len({row["contrast"] for row in known}) > 1 else ""
    n, more = len(known), len(beyond)
    which = f"all {n}" if not more else "none" if more == n else f"{n - more} of the {n}"
    rest = f"; {'they' if more == n else more} would take more: {_listed(beyond)}" if more else ""
    of = " of the observed effects" if more == n else " observed effects"
    yield f"{seen}. Users {high:.2f} apart could make {which}{of} by themselves{own}{rest}."


def _whose(row: Row) -> str:
    return f"{named(row['question'])} ({named(row['contrast'])})"


def _listed(rows: Sequence[Row]) -> str:
    """Name effects, each with the drift that would explain it away."""
    said = [f"{_whose(row)} {row['drift_to_explain_away']:.2f}" for row in rows[:SHOWN]]
    return ", ".join(said) + (f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else "")


def _step(row: Row, confidence: float) -> str:
    adopted = [named(name) for name in row["adopted"].split(", ")]
    what = f"{', '.join(adopted[:-1])} and {adopted[-1]}" if len(adopted) > 1 else adopted[0]
    moved = {"estimate": row["change"], "ci_low": row["change_low"], "ci_high": row["change_high"]}
    return (
        f"Adopting {what} at iteration {row['iteration']} moved the effect by {interval(moved, confidence)}; "
        "confounders as strong that are not adopted would move it as far."
    )
