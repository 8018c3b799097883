"""Adjusting: what is asked, how answers are drawn to be adopted, and when to stop."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from confound.errors import ConfoundError, InputError
from confound.statistics.drift import distance, permutation
from simulate.run.adjust import adopt
from simulate.run.block import NOT_ASKED_CODE, UNKNOWN_CODE, Block, QuestionAnswers, counts
from simulate.run.stop import QUANTITIES, StopRule, parse_rule
from simulate.study.definition import ClosedQuestion, Persona
from simulate.study.profile import Adoption, Profile, questions_of, retention_question
from tests.simulate.fakes import small_study

ONE = ClosedQuestion("one", "confounder", "One?", ("a", "b", "c"))
TWO = ClosedQuestion("two", "confounder", "Two?", ("x", "y"))


def block(
    codes: Any, *, questions: tuple[ClosedQuestion, ...] = (ONE, TWO), persona: str = "p", iteration: int = 0
) -> Block:
    """Return a block of codes with shape (arms, trials, questions), its arms called u, v, ..."""
    array = np.array(codes, np.int16)
    arms = tuple("uvw"[: len(array)])
    made = Block(Profile(Persona(persona, {}), iteration), arms, questions, array.shape[1])
    made.codes[:] = array
    return made


def many(made: Block, number: int, **options: Any) -> list[tuple[Adoption, ...]]:
    """Draw under many seeds."""
    return [adopt(made, ("one", "two"), seed=seed, **options) for seed in range(number)]


def near(found: int, expected: float, number: int) -> bool:
    """Tell whether a count of `number` draws lies within 4.5 standard errors of its expectation."""
    return abs(found - expected * number) < 4.5 * np.sqrt(number * expected * (1 - expected))


def test_draw_is_uniform_over_arms_and_their_known_answers() -> None:
    """An arm that refuses three times as often is drawn from as often; within an arm each known answer is."""
    codes = np.full((2, 4, 2), 0)
    codes[0, :, 0] = [0, UNKNOWN_CODE, UNKNOWN_CODE, UNKNOWN_CODE]
    codes[1, :, 0] = [1, 1, 2, UNKNOWN_CODE]
    drawn = Counter(one.value for one, _ in many(block(codes), 4000))
    assert near(drawn["a"], 1 / 2, 4000)
    assert near(drawn["b"], 1 / 3, 4000)
    assert near(drawn["c"], 1 / 6, 4000)
    assert sum(drawn.values()) == 4000


def test_draw_names_where_it_comes_from() -> None:
    """Value, arm and trial agree with the block, and every known answer can be drawn."""
    codes = np.arange(12).reshape(2, 3, 2) % 2
    made = block(codes)
    places = set()
    for adoptions in many(made, 400):
        for place, adoption in enumerate(adoptions):
            question = made.questions[place]
            arm, trial = made.arms.index(adoption.source_arm or ""), (adoption.source_trial or 0) - 1
            assert adoption.question == question.id
            assert adoption.value == question.options[made.codes[arm, trial, place]]
            places.add((place, arm, trial))
    assert len(places) == 12


def test_separate_draws_are_independent_and_joint_ones_are_one_conversation() -> None:
    """Separately, two confounders come from two conversations; jointly, from one in which neither is Unknown."""
    codes = np.array([[[0, 0], [1, 1], [2, UNKNOWN_CODE]], [[0, 0], [1, 1], [UNKNOWN_CODE, 1]]])
    separate, joint = many(block(codes), 600), many(block(codes), 600, draw="joint")
    same = [(one.source_arm, one.source_trial) == (two.source_arm, two.source_trial) for one, two in separate]
    assert 0.05 < np.mean(same) < 0.35
    assert all((one.source_arm, one.source_trial) == (two.source_arm, two.source_trial) for one, two in joint)
    assert {(one.value, two.value) for one, two in joint} == {("a", "x"), ("b", "y")}
    assert near(sum(one.source_arm == "u" for one, _ in joint), 1 / 2, 600)


def test_joint_draw_falls_back_where_no_conversation_is_whole() -> None:
    """Where every conversation leaves one confounder Unknown, each is still drawn."""
    codes = [[[0, UNKNOWN_CODE]], [[UNKNOWN_CODE, 1]]]
    one, two = adopt(block(codes), ("one", "two"), seed=0, draw="joint")
    assert (one, two) == (Adoption("one", "a", "u", 1), Adoption("two", "y", "v", 1))


def test_nothing_known_is_not_adopted() -> None:
    """A confounder that every conversation left Unknown is recorded without a value, and not specified."""
    codes = np.zeros((2, 3, 2))
    codes[..., 0] = UNKNOWN_CODE
    found = adopt(block(codes), ("one", "two"), seed=0)
    assert found[0] == Adoption("one")
    assert Profile(Persona("p", {})).next(found).adopted == {"two": "x"}


def test_source_arm_draws_in_that_arm_alone() -> None:
    """For the 2 x 2, all is drawn in one arm, whatever the other says."""
    codes = np.stack([np.zeros((5, 2)), np.ones((5, 2))])
    for arm, values in (("u", ("a", "x")), ("v", ("b", "y"))):
        for adoptions in many(block(codes), 50, source_arm=arm):
            assert tuple(adoption.value for adoption in adoptions) == values
            assert {adoption.source_arm for adoption in adoptions} == {arm}


def test_draws_are_keyed() -> None:
    """A draw depends on seed, persona, iteration and question, and on nothing else of the run."""
    codes = np.zeros((2, 500, 2))

    def trials(made: Block, seed: int = 0, batch: tuple[str, ...] = ("one", "two")) -> tuple[Any, ...]:
        return tuple((a.source_arm, a.source_trial) for a in adopt(made, batch, seed=seed))

    base = trials(block(codes))
    others = [trials(block(codes), 1), trials(block(codes, persona="q")), trials(block(codes, iteration=1))]
    assert len({base, *others}) == 4
    assert base[0] != base[1]
    assert trials(block(codes), batch=("two", "one")) == base[::-1]


def test_unknown_way_to_draw_is_refused() -> None:
    """A draw that there is not is an error that shows it."""
    with pytest.raises(InputError, match="draw must be one of separate, joint but got 'both'"):
        adopt(block(np.zeros((2, 1, 2))), ("one",), seed=0, draw="both")  # type: ignore[arg-type]


def test_profile_grows_by_iteration() -> None:
    """What is adopted stays, in order, and the persona itself is not changed."""
    first = Profile(Persona("p", {"age": "30"}))
    second = first.next([Adoption("one", "a", "u", 1)]).next([Adoption("two", "y", "v", 2)], source_arm="v")
    assert (first.iteration, first.adopted, first.key) == (0, {}, ("p", 0, None))
    assert (second.iteration, list(second.adopted.items())) == (2, [("one", "a"), ("two", "y")])
    assert second.key == ("p", 2, "v")
    assert second.persona is first.persona


def test_questions_of_an_iteration() -> None:
    """Outcome and controls always; the next batch unless the iteration is last; retention only when asked for."""
    study = small_study()
    first = Profile(Persona("p", {}))
    batch = list(study.batches[0])
    fixed = [q.id for q in study.questions.values() if q.role != "confounder"]
    later = first.next([Adoption(batch[0], study.questions[batch[0]].options[0], "plain", 1), Adoption(batch[1])])

    def ids(profile: Profile, **options: bool) -> list[str]:
        return [q.id for q in questions_of(study, profile, **({"last": False, "retention": False} | options))]

    assert ids(first) == fixed + batch
    assert ids(first, last=True) == fixed
    assert ids(later) == fixed + list(study.batches[1])
    assert ids(later, last=True, retention=True) == [*fixed, f"retention_{batch[0]}"]
    again = retention_question(study.questions[batch[0]])
    assert (again.role, again.text) == ("retention", study.questions[batch[0]].text)


@pytest.mark.parametrize(
    "cell",
    [
        QuestionAnswers("u", "one", (1,), (0,)),
        QuestionAnswers("u", "one", (2, 2), (0, 0)),
        QuestionAnswers("w", "one", (2,), (0,)),
        QuestionAnswers("u", "three", (2,), (0,)),
        QuestionAnswers("u", "one", (0,), (0,)),
        QuestionAnswers("u", "one", (3,), (0,)),
        QuestionAnswers("u", "one", (2,), (3,)),
        QuestionAnswers("u", "one", (2,), (-2,)),
        QuestionAnswers("u", "one", (2,), (0, 0)),
        QuestionAnswers("u", "one", (), ()),
    ],
)
def test_block_refuses_what_does_not_belong(cell: QuestionAnswers) -> None:
    """A second answer, or one to another arm, question, trial or option, is refused and changes nothing."""
    made = block(np.full((2, 2, 2), NOT_ASKED_CODE))
    made.fill(QuestionAnswers("u", "one", (1,), (2,)))
    before = made.codes.copy()
    with pytest.raises(ConfoundError):
        made.check(cell)
    assert np.array_equal(made.codes, before)


def test_block_knows_what_is_missing() -> None:
    """Missing trials shrink as cells come, until the block is complete."""
    made = block(np.full((1, 3, 1), NOT_ASKED_CODE), questions=(ONE,))
    assert made.missing("u", "one") == (1, 2, 3)
    made.fill(QuestionAnswers("u", "one", (2,), (UNKNOWN_CODE,), {2: "refused"}, {2: "no"}))
    assert (made.missing("u", "one"), made.complete, made.answered) == ((1, 3), False, 1)
    made.fill(QuestionAnswers("u", "one", (1, 3), (0, 2)))
    assert made.complete
    assert made.codes_of("one").tolist() == [[0, UNKNOWN_CODE, 2]]
    assert made.reasons == {(0, 1, 0): "refused"}


def controls(seed: int, drift: float) -> list[Block]:
    """Return eight personas' answers to two controls, of which the second drifts."""
    rng = np.random.default_rng(seed)
    questions = tuple(ClosedQuestion(name, "negative_control", "?", ("a", "b")) for name in ("still", "drifts"))
    made = []
    for person in range(8):
        codes = np.stack([rng.random((20, 2)) < [0.5, 0.3 + shift] for shift in (0, drift)]).astype(int)
        codes[0, 0, 0] = UNKNOWN_CODE
        made.append(block(codes, questions=questions, persona=f"p{person}"))
    return made


def test_quantities_are_those_of_confound() -> None:
    """Each quantity is the worst over controls of what `confound` computes from the same counts."""
    blocks = controls(0, 0.4)
    pairs = [(counts(blocks, q, "v"), counts(blocks, q, "u")) for q in ("still", "drifts")]
    assert pairs[0][1][:, -1].tolist() == [1] * 8
    rng = np.random.default_rng(0)
    expected = {
        "tvd_plugin": max(distance.plugin(*pair) for pair in pairs),
        "tvd_excess": max(distance.plugin(*pair) - distance.null_mean(*pair) for pair in pairs),
        "pvalue": 2 * min(permutation.permutation_test(*pair, rng=rng).pvalue for pair in pairs),
    }
    assert {*expected, "tvd_upper"} == set(QUANTITIES)
    for name, value in expected.items():
        assert StopRule(name, "<", 0.0).value(blocks, "u") == pytest.approx(value)
    assert expected["pvalue"] < 0.001
    assert StopRule("pvalue", "<", 0.0).value(controls(1, 0.0), "u") > 0.05


def test_upper_end_bounds_the_worst_control() -> None:
    """`tvd_upper` lies above the drift there is, is lower where there is none, and the same at every resume."""
    drifting, still = controls(0, 0.4), controls(1, 0.0)
    upper = StopRule("tvd_upper", "<", 0.0).value(drifting, "u")
    assert 0.4 < upper <= 1
    assert StopRule("tvd_upper", "<", 0.0).value(still, "u") < upper
    assert StopRule("tvd_upper", "<", 0.0).value(drifting, "u") == upper


@pytest.mark.parametrize(
    ("text", "quantity", "sign", "bound"),
    [
        ("tvd_excess < 0.02", "tvd_excess", "<", 0.02),
        ("tvd_upper < 0.05", "tvd_upper", "<", 0.05),
        ("tvd_plugin<=.1", "tvd_plugin", "<=", 0.1),
        ("  pvalue  >  5e-2 ", "pvalue", ">", 0.05),
        ("pvalue >= 1", "pvalue", ">=", 1.0),
    ],
)
def test_rule_is_read(text: str, quantity: str, sign: str, bound: float) -> None:
    """A rule says what it was given, and holds where the comparison does."""
    rule = parse_rule(text)
    assert (rule.quantity, rule.sign, rule.bound) == (quantity, sign, bound)
    assert parse_rule(str(rule)) == rule
    assert [rule.holds(bound + step) for step in (-0.01, 0, 0.01)] == [sign[0] == "<", "=" in sign, sign[0] == ">"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "tvd_excess", "tvd_excess < ", "< 0.05", "tvd_excess = 0.05", "tvd_excess << 0.05", "tvd_excess < nan"),
        *("tvd_excess < 1e999", "tvd_excess < 0.05 or 1", "0.05 > tvd_excess", "tvd_excess < 1.2.3"),
        *("__import__('os') < 1", "tvd_excess < -", "TVD_EXCESS < 0.05"),
    ],
)
def test_other_rules_are_refused(text: str) -> None:
    """Anything but a quantity, a sign and a finite number is refused with the right form."""
    with pytest.raises(InputError, match=r"write a rule as QUANTITY < NUMBER, such as 'tvd_excess < 0\.02'"):
        parse_rule(text)


def test_rule_needs_a_negative_control() -> None:
    """A study without negative controls cannot be stopped by one."""
    with pytest.raises(InputError, match="--stop needs a negative control"):
        StopRule("tvd_plugin", "<", 0.1).value([block(np.zeros((2, 2, 2)))], "u")
