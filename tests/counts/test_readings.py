"""What columns mean where their names do not say it: repetitions, items, row numbers, rounded ids, unread columns."""

import numpy as np
import pandas as pd
import pytest

from confound import InputError
from tests.log.made import analysed, made, numbers, told


def test_an_iteration_that_numbers_repetitions_is_a_trial() -> None:
    """Without a word, or anything that says personas were changed, it is no adjustment; the user's word decides."""
    other = made().rename(columns={"trial": "iteration"})
    found = analysed(other)
    pd.testing.assert_frame_equal(numbers(found), numbers(analysed(made())))
    assert "read as the number of a repetition" in told(found, "warning")
    said = analysed(other, iteration="iteration")
    assert set(said.drift["iteration"]) == {0, 1, 2, 3}


@pytest.mark.parametrize("sign", ["trial", "several answers", "confounder", "specified"])
def test_an_iteration_of_adjustment_stays(sign: str) -> None:
    """Trials, several answers in an iteration, confounders or what was specified say that it is one."""
    frame = made(trials=3).rename(columns={"trial": "iteration"})
    options = {}
    if sign == "trial":
        frame["trial"] = 0
    elif sign == "several answers":
        frame = pd.concat([frame, frame])
    elif sign == "confounder":
        extra = frame[frame["question"] == "party"].assign(question="job", role="confounder")
        frame = pd.concat([frame, extra])
    else:
        frame["specified"] = "x"
    assert set(analysed(frame, **options).drift["iteration"]) == {0, 1, 2}


def items(*, personas: int = 30, trials: int = 6, seed: int = 1) -> pd.DataFrame:
    """Return a log in which the treatment moves answers about one half of the items up and of the other down."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"p{p}", arm, item, t, "yes" if rng.random() < 0.5 + (0.3 if arm == "treated" else 0) * (-1) ** i else "no")
        for p in range(personas)
        for arm in ("control", "treated")
        for i, item in enumerate("abcd")
        for t in range(trials)
    ]
    return pd.DataFrame(rows, columns=["persona", "arm", "scenario", "trial", "response"]).assign(question="party")


def test_the_stratum_is_persona_and_item() -> None:
    """Drift that goes one way for some items and the other way for others is seen, with its true size of .3."""
    found = analysed(items(), item="scenario", outcome=[])
    row = found.drift[found.drift["question"] == "party"].iloc[0]
    assert row["ci_low"] <= 0.3 <= row["ci_high"]
    assert row["tvd"] == pytest.approx(0.3, abs=0.06)
    assert row["n_personas"] == 30 * 4
    blind = analysed(items(), outcome=[]).drift.iloc[0]
    assert blind["tvd"] < 0.1


def test_the_stratum_is_the_item_where_each_is_asked_once() -> None:
    """With one answer about each item the arms' answers about it are compared; the true .3 is within the interval."""
    found = analysed(items(trials=1, personas=60), item="scenario", outcome=[])
    row = found.drift[found.drift["question"] == "party"].iloc[0]
    assert row["n_personas"] == 4
    assert row["ci_low"] <= 0.3 <= row["ci_high"]
    assert row["state"] == "shown"
    assert "single users may be farther apart" in told(found)


def test_an_item_that_nothing_reads_is_named() -> None:
    """A column that tells repeated rows apart is named, whatever it is called."""
    for name in ("scenario", "phase", "Preis"):
        found = analysed(items(trials=2).drop(columns="trial").rename(columns={"scenario": name}), outcome=[])
        assert f"--item {name}" in told(found, "warning")
    assert "--item" not in told(analysed(items(), item="scenario", outcome=[]))


def test_other_columns_are_not_named() -> None:
    """Times, texts, and what follows from the answer tell no rows apart."""
    frame = made().drop(columns="trial")
    rng = np.random.default_rng(0)
    frame["time"] = rng.random(len(frame))
    frame["reason"] = "because " + frame["response"]
    frame["engine"] = "gpt"
    frame["age"] = frame["persona"].str[1:]
    assert "If it is" not in told(analysed(frame), "warning")


def test_the_real_persona_is_named() -> None:
    """Where another column names more people, each within one persona, it is proposed."""
    frame = made().rename(columns={"persona": "agent_id"})
    frame["persona"] = np.where(frame["agent_id"] < "p06", "Skeptic", "Optimist")
    assert "--persona agent_id" in told(analysed(frame), "warning")
    pd.testing.assert_frame_equal(numbers(analysed(frame, persona="agent_id")), numbers(analysed(made())))


def test_row_numbers_are_different_people_between_subjects() -> None:
    """Equal names in both arms are different people where the design says so; the log alone raises a warning."""
    frame = made(personas=40, trials=1).drop(columns="trial")
    frame["persona"] = frame["persona"].str[1:].astype(int).astype(str)
    apart = frame.assign(persona=frame["arm"] + frame["persona"])
    said = analysed(frame, design="between")
    pd.testing.assert_frame_equal(numbers(said), numbers(analysed(apart)))
    assert "--design between" in told(analysed(frame), "warning")
    assert "row numbers" not in told(analysed(made()), "warning")


@pytest.mark.parametrize("ids", [1.58e18, 1.2345678901234e17])
def test_rounded_ids_are_refused(ids: float) -> None:
    """Ids that a spreadsheet rounded would merge people: refused, as text and as floats."""
    frame = made().assign(persona=lambda t: ids + 1e3 * t["persona"].str[1:].astype(int))
    for persona in (frame["persona"], frame["persona"].map(repr)):
        with pytest.raises(InputError, match=r"rounded.*Write the column as text"):
            analysed(frame.assign(persona=persona))


def test_arms_that_are_numbers() -> None:
    """The smallest number is the control, and arms stand in the order of numbers."""
    frame = made()
    more = frame[frame["arm"] == "treated"].assign(arm="10")
    numbered = pd.concat([frame.replace({"arm": {"control": "2", "treated": "50"}}), more])
    found = analysed(numbered)
    assert list(dict.fromkeys(found.effects["contrast"])) == ["10 - 2", "50 - 2"]
    assert "'2' was taken as the control, the smallest of the numbers" in told(found)


def test_arms_that_differ_in_case_are_one() -> None:
    """'Treated' and 'treated' are one arm, and it is said."""
    frame = made()
    other = frame.assign(arm=frame["arm"].mask((frame["arm"] == "treated") & (frame["persona"] < "p03"), "Treated"))
    found = analysed(other)
    pd.testing.assert_frame_equal(numbers(found), numbers(analysed(frame)))
    assert "counts as 'treated'" in told(found, "warning")


def test_weights_are_not_used_in_silence() -> None:
    """A column of weights is named as not used."""
    assert "'weight' is not used" in told(analysed(made().assign(weight=2.0)), "warning")


def test_a_value_that_numbers_rows_is_not_the_answer() -> None:
    """A row number in `value` is passed over with a warning."""
    frame = made()
    found = analysed(frame.assign(value=range(len(frame))))
    pd.testing.assert_frame_equal(numbers(found), numbers(analysed(frame)))
    assert "it numbers the rows" in told(found, "warning")


def test_a_bare_model_is_one_stratum() -> None:
    """Without personas all answers are of one stratum, and it is said; a log with people in it must name them."""
    bare = made().drop(columns="persona")
    found = analysed(bare)
    assert set(found.drift["n_personas"]) == {1}
    assert "one stratum" in told(found, "warning")
    with pytest.raises(InputError, match="--persona user_id"):
        analysed(made().rename(columns={"persona": "user_id"}))


def test_exchanged_columns_are_asked_about() -> None:
    """More arms than personas are told."""
    swapped = made(trials=2).rename(columns={"persona": "arm", "arm": "persona"})
    assert "exchanged" in told(analysed(swapped), "warning")


@pytest.mark.parametrize("stray", [{"persona": "persona", "arm": "arm"}, {"persona": "Total", "arm": "all"}])
def test_stray_rows_are_no_arms(stray: dict[str, str]) -> None:
    """A header inside the log, or a line of totals, is left out and told."""
    row = pd.DataFrame([{**stray, "trial": "0", "question": q, "response": "n"} for q in ("party", "likely")])
    found = analysed(pd.concat([made(), row]))
    pd.testing.assert_frame_equal(numbers(found), numbers(analysed(made())))
    assert "seem to be stray rows" in told(found, "warning")


def test_people_written_otherwise_in_each_arm_are_told() -> None:
    """Names that would meet without case or leading zeros are pointed to; different people are not."""
    frame = made()
    for write in (str.upper, lambda name: name.replace("p", "p-")):
        other = frame.assign(
            persona=[write(p) if a == "treated" else p for p, a in zip(frame["persona"], frame["arm"], strict=True)]
        )
        assert "No persona is in two arms, but 12 would be" in told(analysed(other), "warning")
    apart = frame.assign(persona=frame["arm"] + frame["persona"])
    assert "would be if case" not in told(analysed(apart), "warning")


def test_answers_of_one_arm_alone_are_told() -> None:
    """Where the arms share no answer it may be the spelling; a usual log is not suspected."""
    frame = made()
    other = frame.assign(
        response=frame["response"].mask(
            (frame["arm"] == "treated") & (frame["question"] == "party"), "I am a " + frame["response"]
        )
    )
    assert "given in no other" in told(analysed(other), "warning")
    assert "given in no other" not in told(analysed(frame), "warning")


def test_items_that_do_not_meet_are_not_used() -> None:
    """A column `item` that numbers rows does not turn the design around."""
    frame = made(trials=2)
    found = analysed(frame.assign(item=range(len(frame))))
    pd.testing.assert_frame_equal(numbers(found), numbers(analysed(frame)))
    assert "Column 'item' is not used" in told(found, "warning")


def test_controls_that_are_mostly_blank_are_told() -> None:
    """Blanks of what was not asked would hide drift."""
    frame = made()
    blank = (frame["question"] == "party") & (frame["trial"] > "0")
    assert "Most answers are Unknown in party (75%)" in told(
        analysed(frame.assign(response=frame["response"].mask(blank))), "warning"
    )


def test_what_keeps_an_outcome_from_having_a_mean_is_told() -> None:
    """One answer that is no number among many is named."""
    frame = made()
    place = frame.index[frame["question"] == "likely"][0]
    frame.loc[place, "response"] = "I'd say 4"
    assert "1 of 96 answers are no numbers" in told(analysed(frame), "warning")


def test_too_many_arms_are_refused() -> None:
    """A column with a label a row is no arm."""
    frame = pd.concat([made(personas=2, trials=1).assign(arm=f"a{i}") for i in range(301)])
    with pytest.raises(InputError, match="301 different labels, and 300 arms can be compared"):
        analysed(frame)
