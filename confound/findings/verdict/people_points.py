"""Whether any human answer stands behind an analysis, and how simulated users compare with people, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from confound.findings.effects_compared import LEVEL
from confound.statistics.people.combined import effective_size
from confound.text import estimate, named, number
from confound.vocabulary import ALL_ARMS

STAMP = "No people in this log: internal validity only."
CALLED_PEOPLE = frozenset({"human", "humans", "people", "participants", "respondents"})
NAMED = 3  # questions at either end that are named
ANY_NUMBER = 10**9  # of simulated users
HARDLY = 110  # people that 100 people must be worth at least to be worth the trouble
FLATTERING = 0.3  # a correlation above it would be read as agreement

Frames = Mapping[str, pd.DataFrame]


def stamp(frames: Frames, settings: Mapping[str, Any]) -> str:
    """Say that no human answer stands behind the effects; empty where a model is said to be people."""
    if settings.get("reference") is not None:
        return ""
    people = sorted(model for model in set(frames["data"]["model"]) if model.casefold() in CALLED_PEOPLE)
    if not people:
        return STAMP
    how = f"Name them with --reference model={named(people[0])}."
    return f"Nothing was held against people: internal validity only. {how}"


def points(frames: Frames, settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """Say of each model where it agrees with people; empty without people.

    Parameters
    ----------
    frames : mapping
        Tables by name.
    settings : mapping
        Those of the analysis.

    Returns
    -------
    dict
        Model -> sentences.
    """
    people, agreement, effects = str(settings.get("reference")), frames["agreement"], frames["effects_compared"]
    models = dict.fromkeys([*agreement["model"], *effects["model"]])
    return {
        model: [
            *_agreement(_of_last(agreement, model), people),
            *_effects(_of_last(effects, model)),
            *_worth(_of_last(agreement, model), _of_last(frames["combined"], model)),
            *_spread(_of_last(frames["variance"], model), _of_last(frames["variance"], people)),
        ]
        for model in models
    }


def _of_last(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return a model's rows of its last iteration."""
    own = table[table["model"] == model]
    kept: pd.DataFrame = own[own["iteration"] == own["iteration"].max()]
    return kept


def lines(frames: Frames, settings: Mapping[str, Any]) -> list[str]:
    """Return what a terminal shows of it: at most two lines."""
    said = stamp(frames, settings)
    if said:
        return [said]
    found = points(frames, settings)
    first = [f"{named(model)}: {_short(model, frames)}" for model in found]
    more = f" ({len(first) - 2} more models on the page)" if len(first) > 2 else ""
    return [*first[:1], *(line + more for line in first[1:2])]


def _agreement(rows: pd.DataFrame, people: str) -> Iterator[str]:
    """Say how well personas answer as their people do."""
    last = rows[rows["arm"] == ALL_ARMS]
    paired = last[last["r"].notna()]
    if len(paired):
        apart = _middle(100 * (1 - paired["accuracy"]), 0, " %")
        yield (
            f"Over {_questions(len(paired))} a persona's answers correlate with those of its person (model "
            f"{named(people)}) by {_middle(paired['r'])}, and lie {apart} of the scale apart."
        )
    if len(paired) > 2 * NAMED:
        ordered = paired.sort_values("r", kind="stable")
        yield f"Most alike: {_listed(ordered.iloc[::-1])}. Least alike: {_listed(ordered)}."
    if len(last) and not len(paired):
        yield f"Personas do not carry the names of people (model {named(people)}), so groups are compared, not persons."


def _effects(rows: pd.DataFrame) -> Iterator[str]:
    """Say which effects are found in both, and how much larger the simulated ones are."""
    single = rows[(rows["quantity"] == "difference") & (rows["unit"] == "raw")]
    if single.empty:
        return
    real = single[single["people_pvalue"] < LEVEL]
    found = real[(real["same_sign"] == "yes") & (real["simulated_pvalue"] < LEVEL)]
    same = int((single["same_sign"] == "yes").sum())
    yield (
        f"Of {len(real)} effects that are significant in people, {len(found)} are found in simulation, significant and "
        f"with the same sign; of all {len(single)} effects, {same} have the same sign."
    )
    larger = int((single["simulated"].abs() > single["people"].abs()).sum())
    whole = _over_all(rows, "d")
    slope = whole.get("slope_corrected", whole.get("slope"))
    sizes = [number(whole[f"mean_size_{side}"]["estimate"], 2) for side in ("simulated", "people")]
    yield (
        f"Simulated effects are larger than people's in {larger} of {len(single)}; their mean size is {sizes[0]} "
        f"standard deviations, that of people's {sizes[1]}."
    )
    if slope is not None and pd.isna(slope["estimate"]):
        yield f"How far simulated effects are to be shrunk is not estimated: {slope['reason']}."
    elif slope is not None:
        yield (
            "Where a simulated effect is larger by one standard deviation, people's is larger by "
            f"{_interval(slope)}, corrected for sampling noise.{_flatters(whole, slope)}"
        )


def _worth(agreement: pd.DataFrame, combined: pd.DataFrame) -> Iterator[str]:
    """Say how many people simulated users are worth: those who have no person, or any number of them."""
    if len(combined):
        gain = combined["worth"] / combined["n_people"]
        yield (
            f"Combined with {combined['n_others'].max():,} simulated users without a person, 100 people are worth "
            f"{_middle(100 * gain, 0, ' people')} for an effect."
        )
    r = agreement.loc[(agreement["arm"] == ALL_ARMS) & (agreement["role"] != "other"), "r_within_arms"].dropna()
    if len(r):
        most = r.clip(0, 1).map(lambda rho: effective_size(100, ANY_NUMBER, rho))
        hardly = " That is hardly more than the people themselves." if most.median() < HARDLY else ""
        worth = _middle(most, 0, " people")
        yield f"With any number of such personas, 100 people would be worth at most {worth}.{hardly}"


def _spread(rows: pd.DataFrame, of_people: pd.DataFrame) -> Iterator[str]:
    """Say whether simulated answers vary as people's do, and between whom."""
    beside = rows[(rows["arm"] == ALL_ARMS) & rows["sd_ratio"].notna()]
    if len(beside):
        fewer, more = int((beside["sd_ratio_high"] < 1).sum()), int((beside["sd_ratio_low"] > 1).sum())
        yield (
            f"Simulated answers vary less than people's in {fewer} of {_questions(len(beside))}, more in {more}; the "
            f"ratio of standard deviations is {_middle(beside['sd_ratio'])}."
        )
    modes = beside[beside["modal_share_people"].notna()]
    if len(modes):
        own, theirs = (number(100 * modes[name].median(), 0) for name in ("modal_share", "modal_share_people"))
        yield f"The most frequent answer has {own} % of the simulated answers, and {theirs} % of people's (medians)."
    yield from variance_points(rows)
    repeated = of_people.loc[of_people["arm"] == ALL_ARMS, "icc"].dropna()
    if len(repeated):
        yield f"Of people who answered more than once, that part is {_middle(repeated)}."


def variance_points(rows: pd.DataFrame) -> Iterator[str]:
    """Say how much of the variance lies between personas, where they answered more than once.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of `variance`, of one model and iteration.
    """
    known = rows[(rows["arm"] == ALL_ARMS) & rows["icc"].notna()]
    if known.empty:
        return
    yield (
        f"Of the variance of answers in an arm, a part of {_middle(known['icc'])} lies between personas, and the rest "
        "between the runs of one."
    )
    gains = [(known[f"se_twice_{what}"] / known["se_mean"]).median() for what in ("personas", "trials")]
    if np.isfinite(gains).all():
        personas, trials = (number(100 * (1 - gain), 0) for gain in gains)
        yield (
            f"Twice as many personas would make the error of a mean {personas} % smaller, twice as many trials of each "
            f"{trials} %."
        )


def _questions(n: int) -> str:
    return f"{n:,} question{'' if n == 1 else 's'}"


def _middle(values: pd.Series, places: int = 2, unit: str = "") -> str:
    """Write the median, and the range where there are several."""
    low, middle, high = (number(value, places) for value in np.quantile(values.dropna(), [0, 0.5, 1]))
    return f"{middle}{unit}" if low == high else f"{middle}{unit} at the median ({low} to {high}{unit})"


def _listed(rows: pd.DataFrame) -> str:
    several = len(set(rows["study"])) > 1
    shown = rows.head(NAMED).to_dict("records")
    return ", ".join(f"{named(row['question'])}{_of(row, several)} ({number(row['r'], 2)})" for row in shown)


def _of(row: Mapping[Any, Any], several: bool) -> str:
    return f" of {named(row['study'])}" if several else ""


def words(frames: Frames, settings: Mapping[str, Any]) -> list[str]:
    """Return all of it in a list, as `analysis.json` holds it: the stamp, or each model's sentences after its name."""
    said = stamp(frames, settings)
    found = points(frames, settings)
    return [said] if said else [f"{model}: {sentence}" for model, sentences in found.items() for sentence in sentences]


def _over_all(rows: pd.DataFrame, unit: str) -> dict[str, Mapping[Any, Any]]:
    """Return the quantities over all contrasts by name."""
    kept = rows[(rows["quantity"] != "difference") & (rows["unit"] == unit)]
    return {row["quantity"]: row for row in kept.to_dict("records")}


def _interval(row: Mapping[Any, Any]) -> str:
    return estimate(row["estimate"], row["ci_low"], row["ci_high"], 2)


def _flatters(whole: Mapping[str, Mapping[Any, Any]], slope: Mapping[Any, Any]) -> str:
    """Warn where a correlation looks better than the slope is."""
    r = whole["r"]["estimate"]
    if not (r > FLATTERING and abs(slope["estimate"] - 1) > abs(1 - r)):
        return ""
    return f" Their correlation of {number(r, 2)} flatters: it does not see that sizes differ."


def _short(model: str, frames: Frames) -> str:
    """Say the least of a model, in one line."""
    agreement, effects = (_of_last(frames[name], model) for name in ("agreement", "effects_compared"))
    r = agreement.loc[agreement["arm"] == ALL_ARMS, "r"].dropna()
    single = effects[(effects["quantity"] == "difference") & (effects["unit"] == "raw")]
    real = single[single["people_pvalue"] < LEVEL]
    found = int(((real["same_sign"] == "yes") & (real["simulated_pvalue"] < LEVEL)).sum())
    said = [f"r {number(r.median(), 2)} with people ({_questions(len(r))})"] if len(r) else []
    said += [f"{found} of {len(real)} effects replicated"] if len(single) else []
    slope = _over_all(effects, "d").get("slope_corrected")
    said += [f"slope {number(slope['estimate'], 2)}"] if slope and pd.notna(slope["estimate"]) else []
    return f"{'; '.join(said) or 'people answered other questions'}."
