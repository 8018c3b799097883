"""The structural backend: its closed-form truth, its draws and what it refuses."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confound.errors import ConfoundError, InputError
from simulate.backends.latent_class.classes import LatentPersonas, condition, draw_personas
from simulate.backends.latent_class.structure import LatentQuestion, Structure
from simulate.backends.latent_class.truth import TrueEffect, truth
from simulate.randomness import keyed_generator
from tests.simulate.conversations import UNKNOWN, draw_answers, response_frame

# Two-sided chance of a false alarm per comparison below 1e-5; the largest comparison makes 180 of them.
STANDARD_ERRORS = 4.5


def make_structure(rng: np.random.Generator | None = None, **changes: Any) -> Structure:
    """Return a structure with three arms, three classes and unequal refusals, its tables random."""
    rng = np.random.default_rng(1) if rng is None else rng
    outcome = LatentQuestion(
        "buy", "outcome", ("no", "maybe", "yes"), rng.dirichlet(np.ones(3), (3, 3)), (0.0, 1.0, 5.0)
    )
    control = LatentQuestion("party", "negative_control", ("a", "b", "c", "d"), rng.dirichlet(np.ones(4), 3))
    confounder = LatentQuestion("region", "confounder", ("north", "south"), rng.dirichlet(np.ones(2), 3))
    settings_ = {
        "arms": ("control", "ad", "praise"),
        "classes": ("x", "y", "z"),
        "base": rng.normal(size=3),
        "spread": 0.8,
        "drift": rng.normal(size=(3, 3)),
        "drift_strength": 1.0,
        "refusal": np.array([0.05, 0.1, 0.0]),
        "questions": (outcome, control, confounder),
    }
    return Structure(**(settings_ | changes))


def people(number: int) -> list[str]:
    """Return persona identifiers."""
    return [f"p{i:03d}" for i in range(number)]


def outcome_means(structure: Structure, trials: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulate the outcome mean of each arm over six personas; return it with its standard error."""
    personas = draw_personas(structure, people(6), seed=3)
    answers = draw_answers(structure, personas, trials=trials, seed=4)
    values = np.array(structure.questions[0].option_values)
    means, variances = np.empty((6, 3)), np.empty((6, 3))
    for block, (i, a) in enumerate(zip(answers.persona, answers.arm, strict=True)):
        chosen = answers.responses[block, :, 0]
        given_values = values[chosen[chosen != UNKNOWN]]
        means[i, a], variances[i, a] = given_values.mean(), given_values.var() / given_values.size
    return means.mean(axis=0), np.sqrt(variances.sum(axis=0)) / 6


def test_effect_agrees_with_simulation() -> None:
    """Every part of the true effect lies within 4.5 standard errors of a simulation of 20,000 trials a cell.

    Users of the other arm are simulated by exchanging the drift of the two arms and leaving the rest.
    """
    structure = make_structure()
    swapped = replace(structure, drift=structure.drift[[1, 0, 2]])
    (factual, se), (other, se_other) = outcome_means(structure, 20_000), outcome_means(swapped, 20_000)
    personas = draw_personas(structure, people(6), seed=3)
    effect = truth(structure, personas, control="control", treated="ad").effect["buy"]
    simulated = {
        "observed": (factual[1] - factual[0], np.hypot(se[1], se[0])),
        "att": (factual[1] - other[0], np.hypot(se[1], se_other[0])),
        "atc": (other[1] - factual[0], np.hypot(se_other[1], se[0])),
        "sbt": (factual[1] - other[1], np.hypot(se[1], se_other[1])),
        "sbc": (other[0] - factual[0], np.hypot(se_other[0], se[0])),
        "cate": ((factual[1] - other[0] + other[1] - factual[0]) / 2, np.sqrt(sum(se**2 + se_other**2)) / 2),
        "asb": ((factual[1] - other[1] + other[0] - factual[0]) / 2, np.sqrt(sum(se**2 + se_other**2)) / 2),
    }
    assert set(simulated) == set(asdict(effect))
    for quantity, (estimate, error) in simulated.items():
        assert error < 0.02
        assert abs(estimate - getattr(effect, quantity)) < STANDARD_ERRORS * error, quantity


def plug_in_distance(shares: np.ndarray, trials: int) -> tuple[float, float]:
    """Return the distance of shares (2, K) and its standard error, the differences' signs taken as known."""
    difference = shares[1] - shares[0]
    variances = (1 - (shares @ np.sign(difference)) ** 2) / trials
    return np.abs(difference).sum() / 2, np.sqrt(variances.sum()) / 2


def test_drift_agrees_with_simulation() -> None:
    """The true distances lie within 4.5 standard errors of the plug-in at 20,000 trials a cell."""
    structure, trials = make_structure(), 20_000
    personas = draw_personas(structure, people(6), seed=3)
    answers = draw_answers(structure, personas, trials=trials, seed=4)
    drift = truth(structure, personas, control="control", treated="ad").drift
    assert set(drift) == {"party", "region"}
    for q, question in list(enumerate(structure.questions))[1:]:
        answered = answers.responses[..., q].reshape(6, 3, trials)[:, :2]
        labels = (UNKNOWN, *range(len(question.options)))
        shares = np.stack([(answered == label).mean(axis=-1) for label in labels], axis=-1)
        distances, errors = np.transpose([plug_in_distance(persona, trials) for persona in shares])
        pooled, pooled_error = plug_in_distance(shares.mean(axis=0), 6 * trials)
        error = np.sqrt((errors**2).sum()) / 6
        assert max(error, pooled_error) < 0.0025
        assert abs(distances.mean() - drift[question.id].tvd) < STANDARD_ERRORS * error
        assert abs(pooled - drift[question.id].tvd_population) < STANDARD_ERRORS * pooled_error
        assert drift[question.id].tvd > 0.05


def test_answer_shares_agree_with_the_structure() -> None:
    """Each answer's share, by persona, arm and question, is as stated within 4.5 standard errors."""
    structure, trials = make_structure(), 5_000
    personas = draw_personas(structure, people(5), seed=3)
    answers = draw_answers(structure, personas, trials=trials, seed=4)
    compared = 0
    for block, (i, a) in enumerate(zip(answers.persona, answers.arm, strict=True)):
        for q, question in enumerate(structure.questions):
            table = question.probabilities[a] if question.role == "outcome" else question.probabilities
            expected = personas.class_probabilities[i, a] @ table * (1 - structure.refusal[a])
            expected = np.append(expected, structure.refusal[a])
            counts = np.bincount(answers.responses[block, :, q] % expected.size, minlength=expected.size)
            error = np.sqrt(expected * (1 - expected) / trials)
            assert np.all(np.abs(counts / trials - expected) <= STANDARD_ERRORS * error)
            compared += expected.size
    assert compared == 5 * 3 * 12


def test_a_conversation_has_one_user() -> None:
    """Answers of one conversation depend on each other through the class, and not within a class."""
    sharp = np.array([[0.9, 0.1], [0.1, 0.9]])
    structure = Structure(
        arms=("control", "ad"),
        classes=("x", "y"),
        base=np.zeros(2),
        spread=0.0,
        drift=np.zeros((2, 2)),
        drift_strength=0.0,
        refusal=np.zeros(2),
        questions=tuple(LatentQuestion(name, "negative_control", ("no", "yes"), sharp) for name in ("a", "b")),
    )
    personas = draw_personas(structure, ["p"], seed=0)
    answers = draw_answers(structure, personas, trials=20_000, seed=0)
    pairs, latent = answers.responses.reshape(-1, 2), answers.latent.ravel()
    # True correlation .64; within a class 0, with standard error 1/sqrt(20,000) = .007.
    assert np.corrcoef(pairs.T)[0, 1] == pytest.approx(0.64, abs=0.03)
    for c in (0, 1):
        assert abs(np.corrcoef(pairs[latent == c].T)[0, 1]) < STANDARD_ERRORS / np.sqrt((latent == c).sum())


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.floats(-3, 3))
def test_decomposition_holds_for_any_structure(seed: int, strength: float) -> None:
    """Observed equals its parts in all three ways, and a slow sum over personas and classes."""
    structure = make_structure(np.random.default_rng(seed), drift_strength=strength)
    personas = draw_personas(structure, people(4), seed=seed)
    effect = truth(structure, personas, control="control", treated="praise").effect["buy"]
    means = structure.questions[0].probabilities @ np.array(structure.questions[0].option_values)
    potential = {
        (a, s): np.mean([sum(p[s, c] * means[a, c] for c in range(3)) for p in personas.class_probabilities])
        for a in (0, 2)
        for s in (0, 2)
    }
    expected = {
        "observed": potential[2, 2] - potential[0, 0],
        "sbt": potential[2, 2] - potential[2, 0],
        "sbc": potential[0, 2] - potential[0, 0],
        "att": potential[2, 2] - potential[0, 2],
        "atc": potential[2, 0] - potential[0, 0],
    }
    expected["asb"] = (expected["sbt"] + expected["sbc"]) / 2
    expected["cate"] = (expected["att"] + expected["atc"]) / 2
    assert asdict(effect) == pytest.approx(expected, abs=1e-9)
    assert effect.observed == pytest.approx(effect.cate + effect.asb, abs=1e-9)


@pytest.mark.parametrize("part", ["observed", "cate", "att", "atc", "sbt", "sbc", "asb"])
def test_broken_decomposition_raises(part: str) -> None:
    """A true effect whose parts do not add up cannot be made."""
    good = TrueEffect(observed=0.5, cate=0.3, att=0.4, atc=0.2, sbt=0.3, sbc=0.1, asb=0.2)
    with pytest.raises(ConfoundError, match="observed = "):
        replace(good, **{part: getattr(good, part) + 0.01})


def test_swapped_arms_flip_the_effect() -> None:
    """Exchanging treated and control changes signs and places of the effect's parts, and no distance."""
    structure = make_structure()
    personas = draw_personas(structure, people(20), seed=0)
    there = truth(structure, personas, control="control", treated="ad")
    back = truth(structure, personas, control="ad", treated="control")
    one, other = there.effect["buy"], back.effect["buy"]
    flipped = TrueEffect(
        observed=-other.observed,
        cate=-other.cate,
        att=-other.atc,
        atc=-other.att,
        sbt=-other.sbc,
        sbc=-other.sbt,
        asb=-other.asb,
    )
    assert asdict(one) == pytest.approx(asdict(flipped), abs=1e-12)
    assert abs(one.observed) > 0.01
    for question, distance in there.drift.items():
        assert asdict(distance) == pytest.approx(asdict(back.drift[question]), abs=1e-12)


def test_without_drift_nothing_is_biased() -> None:
    """At drift strength 0 and equal refusals every distance and every selection bias is 0."""
    structure = make_structure(drift_strength=0.0, refusal=np.full(3, 0.1))
    found = truth(structure, draw_personas(structure, people(9), seed=0), control="control", treated="ad")
    effect = found.effect["buy"]
    assert [effect.sbt, effect.sbc, effect.asb] == pytest.approx([0, 0, 0], abs=1e-12)
    assert effect.cate == pytest.approx(effect.observed, abs=1e-12)
    assert abs(effect.cate) > 0.01
    for distance in found.drift.values():
        assert [distance.tvd, distance.tvd_population] == pytest.approx([0, 0], abs=1e-12)


def test_refusals_alone_make_a_distance_but_no_effect() -> None:
    """Without drift the distance is the difference of the refusals, and the effect does not see them."""
    structure = make_structure(drift_strength=0.0, refusal=np.array([0.05, 0.25, 0.0]))
    silent = replace(structure, refusal=np.zeros(3))
    personas = draw_personas(structure, people(9), seed=0)
    refused = truth(structure, personas, control="control", treated="ad")
    assert refused.drift["party"].tvd == pytest.approx(0.2, abs=1e-12)
    assert refused.effect == truth(silent, personas, control="control", treated="ad").effect


def test_common_drift_survives_averaging_and_varied_drift_shrinks() -> None:
    """Personas alike have one distance under both definitions, others a smaller one in the population."""
    alike = make_structure(spread=0.0)
    varied = make_structure(spread=3.0)
    for structure, gap in ((alike, False), (varied, True)):
        personas = draw_personas(structure, people(30), seed=0)
        distance = truth(structure, personas, control="control", treated="praise").drift["party"]
        assert distance.tvd_population <= distance.tvd + 1e-12
        assert (distance.tvd - distance.tvd_population > 1e-6) is gap


@pytest.mark.parametrize("design", ["within", "between"])
def test_shards_trials_and_questions_do_not_change_a_draw(design: Any) -> None:
    """Part of the personas, fewer trials or fewer questions give exactly the matching part of the log."""
    structure = make_structure()

    def log(made: Structure, ids: list[str], trials: int) -> pd.DataFrame:
        personas = draw_personas(made, ids, seed=7)
        answers = draw_answers(made, personas, trials=trials, seed=7, design=design, iteration=2)
        return response_frame(made, personas, answers)

    full = log(structure, people(40), 6)
    some = people(40)[5:15][::-1]
    part = log(replace(structure, questions=structure.questions[1:]), some, 4)
    expected = full[full["persona"].isin(some) & (full["trial"] <= 4) & (full["question"] != "buy")]
    order = ["persona", "arm", "trial", "question"]
    pd.testing.assert_frame_equal(
        part.sort_values(order, ignore_index=True), expected.sort_values(order, ignore_index=True)
    )


def test_draws_differ_by_everything_in_their_key() -> None:
    """Seed, persona, arm, iteration and question each give other draws."""
    keys = [(0, "p", "ad", 0, "q"), (1, "p", "ad", 0, "q"), (0, "r", "ad", 0, "q"), (0, "p", "no", 0, "q")]
    keys += [(0, "p", "ad", 1, "q"), (0, "p", "ad", 0, "r"), (0, "pa", "d", 0, "q")]
    assert len({keyed_generator(*key).random() for key in keys}) == len(keys)
    structure = make_structure()
    personas = draw_personas(structure, people(30), seed=0)
    first, later = (draw_answers(structure, personas, trials=5, seed=0, iteration=iteration) for iteration in (0, 1))
    assert np.mean(first.latent != later.latent) > 0.1
    assert np.mean(first.responses != later.responses) > 0.1


def test_within_has_every_arm_and_between_one() -> None:
    """Each persona is in all arms under one design, and in one of them, in equal shares, under the other."""
    structure = make_structure()
    personas = draw_personas(structure, people(600), seed=0)
    within = draw_answers(structure, personas, trials=2, seed=0)
    assert np.array_equal(np.bincount(within.persona), np.full(600, 3))
    assert np.array_equal(np.bincount(within.arm), np.full(3, 600))
    between = draw_answers(structure, personas, trials=2, seed=0, design="between")
    assert np.array_equal(between.persona, np.arange(600))
    shares = np.bincount(between.arm, minlength=3) / 600
    assert np.all(np.abs(shares - 1 / 3) < STANDARD_ERRORS * np.sqrt(2 / 9 / 600))
    assert len(set(shares)) > 1


def test_between_log_scatters_around_the_truth() -> None:
    """A log of the between design estimates the same observed difference, within its Welch standard error."""
    structure = make_structure()
    personas = draw_personas(structure, people(2_000), seed=0)
    answers = draw_answers(structure, personas, trials=5, seed=0, design="between")
    frame = response_frame(structure, personas, answers).query("role == 'outcome'")
    means = frame.groupby(["arm", "persona"])["value"].mean()
    treated, control = means["ad"], means["control"]
    error = np.sqrt(treated.var() / treated.size + control.var() / control.size)
    found = truth(structure, personas, control="control", treated="ad").effect["buy"]
    assert error < 0.1
    assert abs(treated.mean() - control.mean() - found.observed) < STANDARD_ERRORS * error


def test_response_frame_is_a_response_table() -> None:
    """One row an answer, with label, value and role of its question, and both missing where it is Unknown."""
    structure = make_structure(refusal=np.full(3, 0.3))
    personas = draw_personas(structure, people(3), seed=0)
    answers = draw_answers(structure, personas, trials=4, seed=0, iteration=5)
    frame = response_frame(structure, personas, answers, study="shop")
    assert list(frame.columns) == [
        "study",
        "model",
        "iteration",
        "persona",
        "trial",
        "arm",
        "question",
        "role",
        "response",
        "value",
    ]
    assert len(frame) == 3 * 3 * 4 * 3
    assert not frame.duplicated(["persona", "arm", "trial", "question"]).any()
    assert (frame["study"].unique(), frame["model"].unique()) == ("shop", "structural")
    assert (frame["iteration"] == 5).all()
    assert sorted(frame["trial"].unique()) == [1, 2, 3, 4]
    assert frame["response"].isna().sum() == (answers.responses == UNKNOWN).sum() > 0
    value = {"no": 0.0, "maybe": 1.0, "yes": 5.0}
    bought = frame[frame["question"] == "buy"]
    assert bought["value"].equals(bought["response"].map(value).astype(float))
    assert frame.loc[frame["question"] != "buy", "value"].isna().all()
    for question in structure.questions:
        asked = frame[frame["question"] == question.id]
        assert set(asked["role"]) == {question.role}
        assert set(asked["response"].dropna()) <= set(question.options)


def test_structure_keeps_its_own_copy() -> None:
    """A structure does not change with the arrays it was made from, nor can its own be written to."""
    drift = np.zeros((3, 3))
    structure = make_structure(drift=drift)
    drift[:] = 9
    assert np.all(structure.drift == 0)
    with pytest.raises(ValueError, match="read-only"):
        structure.drift[0, 0] = 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": ("control",)}, "arms: at least 2 needed but got 1"),
        ({"arms": ("ad", "ad", "praise")}, "arms must be distinct but 'ad' occurs more than once"),
        ({"classes": ()}, "classes: at least 1 needed"),
        ({"questions": ()}, "question ids: at least 1 needed"),
        ({"base": np.zeros(2)}, r"base must have shape \(3,\) but got \(2,\)"),
        ({"base": np.array([0, 0, np.nan])}, "base must be finite"),
        ({"base": ["a", "b", "c"]}, "base must be an array of numbers"),
        ({"drift": np.zeros((2, 3))}, r"drift must have shape \(3, 3\) but got \(2, 3\)"),
        ({"drift_strength": np.inf}, "drift_strength must be finite but got inf"),
        ({"spread": -1.0}, "spread must be 0 or more but got -1.0"),
        ({"refusal": np.array([0, 0, 1.0])}, r"refusal must lie in \[0, 1\) but got \[0.0, 0.0, 1.0\]"),
        ({"refusal": np.array([0, -0.1, 0])}, r"refusal must lie in \[0, 1\)"),
        ({"adherence": 1.1}, r"adherence must lie in \[0, 1\] but got 1.1"),
        (
            {"classes": ("x", "y"), "base": np.zeros(2), "drift": np.zeros((3, 2))},
            r"question 'buy': probabilities must have shape \(3, 2, 3\) but got \(3, 3, 3\)",
        ),
    ],
)
def test_wrong_structure_is_refused(changes: dict[str, Any], message: str) -> None:
    """What does not fit in a structure is an error that names it and shows what was found."""
    with pytest.raises(InputError, match=message):
        make_structure(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"role": "mediator"}, "role must be one of outcome, .* but got 'mediator'"),
        ({"options": ("no", "no")}, "options must be distinct"),
        ({"options": ("no", "yes", "maybe")}, r"here with 3 options, but got shape \(1, 2\)"),
        ({"role": "outcome"}, "of a question with role outcome run over arm, class, option"),
        ({"probabilities": np.full((2, 1, 2), 0.5)}, "role negative_control run over class, option"),
        ({"probabilities": np.array([[0.5, 0.6]])}, "add up to 1"),
        ({"probabilities": np.array([[-0.5, 1.5]])}, "must be 0 or more"),
        ({"role": "outcome", "probabilities": np.full((2, 1, 2), 0.5)}, "an outcome needs option_values"),
        ({"option_values": (1.0,)}, "option_values must be 2 rising numbers"),
        ({"option_values": (2.0, 1.0)}, "option_values must be 2 rising numbers"),
        ({"option_values": (0.0, np.inf)}, "option_values must be 2 rising numbers"),
    ],
)
def test_wrong_question_is_refused(changes: dict[str, Any], message: str) -> None:
    """What does not fit in a question is an error that names the question."""
    good = LatentQuestion("q", "negative_control", ("no", "yes"), np.array([[0.5, 0.5]]))
    with pytest.raises(InputError, match=f"question 'q': .*{message}"):
        replace(good, **changes)


def test_wrong_requests_are_refused() -> None:
    """Sizes, designs, arms and personas that make no sense are errors that show them."""
    structure = make_structure()
    personas = draw_personas(structure, ["p"], seed=0)
    with pytest.raises(InputError, match="trials must be 1 or more but got 0"):
        draw_answers(structure, personas, trials=0, seed=0)
    with pytest.raises(InputError, match="design must be within or between but got 'crossed'"):
        draw_answers(structure, personas, trials=1, seed=0, design="crossed")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="arm 'none' is not in the structure; it has control, ad, praise"):
        truth(structure, personas, control="none", treated="ad")
    with pytest.raises(InputError, match="both are 'ad'"):
        truth(structure, personas, control="ad", treated="ad")
    with pytest.raises(InputError, match="persona ids: at least 1 needed"):
        draw_personas(structure, [], seed=0)
    with pytest.raises(InputError, match="persona ids must be distinct but 'p'"):
        draw_personas(structure, ["p", "p"], seed=0)


def test_condition_is_bayes_rule_blurred() -> None:
    """Classes given attributes are as a slow sum has them: Bayes' rule for those who keep to them, else as before."""
    structure = make_structure(adherence=0.8)
    personas = draw_personas(structure, people(5), seed=0)
    specified = [{}, {"party": "b"}, {"party": "d", "region": "south"}, {"age": "30"}, {"party": "e", "buy": "no"}]
    found = condition(structure, personas, specified)
    tables = {q.id: q for q in structure.questions[1:]}
    for i, attributes in enumerate(specified):
        for a in range(3):
            weights = []
            for c in range(3):
                weight = personas.class_probabilities[i, a, c]
                for name, option in attributes.items():
                    if name in tables and option in tables[name].options:
                        weight *= tables[name].probabilities[c, tables[name].options.index(option)]
                weights.append(weight)
            kept = np.array(weights) / sum(weights)
            expected = 0.8 * kept + 0.2 * personas.class_probabilities[i, a]
            assert found.class_probabilities[i, a] == pytest.approx(expected, abs=1e-12)
    assert found.ids == personas.ids
    moved = np.abs(found.class_probabilities - personas.class_probabilities).max(axis=(1, 2))
    assert (moved > 0.01).tolist() == [False, True, True, False, False]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_averaged_over_the_answers_conditioning_changes_nothing(seed: int) -> None:
    """In one arm, the classes given its own answers, weighted by how often each is given, are the classes before."""
    structure = make_structure(np.random.default_rng(seed), adherence=0.9)
    personas = draw_personas(structure, ["p"], seed=seed)
    before = personas.class_probabilities[0]
    party = structure.questions[1]
    after = np.zeros_like(before)
    for k, option in enumerate(party.options):
        given_option = condition(structure, personas, [{"party": option}]).class_probabilities[0]
        after += (before @ party.probabilities[:, k])[:, None] * given_option
    assert after == pytest.approx(before, abs=1e-12)


def test_contradictory_attributes_are_passed_over() -> None:
    """Attributes that no class could have together leave the persona as it was, where one of them alone would not."""
    sure = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    one, two = (
        LatentQuestion(name, "confounder", ("yes", "no"), table) for name, table in (("m", sure), ("n", 1 - sure))
    )
    structure = make_structure(questions=(one, two))
    personas = draw_personas(structure, ["p", "q"], seed=0)
    found = condition(structure, personas, [{"m": "yes", "n": "yes"}, {"m": "yes"}])
    assert found.class_probabilities[0] == pytest.approx(personas.class_probabilities[0])
    assert found.class_probabilities[1] == pytest.approx(np.tile([1.0, 0.0, 0.0], (3, 1)))


def test_condition_refuses_other_numbers_of_personas() -> None:
    """There is one mapping a persona."""
    structure = make_structure()
    with pytest.raises(InputError, match="one mapping for each of 1 personas: 2"):
        condition(structure, draw_personas(structure, ["p"], seed=0), [{}, {}])
    assert isinstance(condition(structure, draw_personas(structure, ["p"], seed=0), [{}]), LatentPersonas)
