"""The structural backend on any study: structures derived or given, answers, and the truth of each iteration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from confound.errors import InputError
from simulate.backends.latent_class.derived import structure_of
from simulate.backends.latent_class.users import LatentUsers
from simulate.backends.protocol import Request
from simulate.study.catalogue import shipped_names
from simulate.study.definition import Arm, Persona, Study
from simulate.study.profile import Adoption, Profile, retention_question
from simulate.study.reading import load_study
from tests.simulate.fakes import small_study

TRIALS = 20_000


def users(study: Study, number: int = 3) -> tuple[LatentUsers, list[Persona]]:
    """Return the backend and its personas."""
    people = [Persona(f"p{i}", {"age": "30"}) for i in range(number)]
    return LatentUsers(study, people, seed=0), people


def adopted(study: Study, persona: Persona, iteration: int) -> Profile:
    """Return a profile with the first option of each confounder so far adopted."""
    profile = Profile(persona)
    for batch in study.batches[:iteration]:
        first = [Adoption(name, study.questions[name].options[0], "control", 1) for name in batch]
        profile = profile.next(first)
    return profile


def shares(backend: LatentUsers, profile: Profile, arm: str, question: Any) -> np.ndarray:
    """Ask one question many times and return each answer's share, Unknown last."""
    request = Request(profile, arm, tuple(range(1, TRIALS + 1)), question=question)
    replies = list(backend.answer([request]))
    assert [reply.trial for reply in replies] == list(request.trials)
    assert all((reply.option is None) == (reply.reason == "refused") for reply in replies)
    options = [*question.options, None]
    return np.bincount([options.index(reply.option) for reply in replies], minlength=len(options)) / TRIALS


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_study_has_drift_effects_and_an_end_of_drift(name: str) -> None:
    """A derived structure drifts, has an effect, is biased by it, and is nearly unbiased when much is specified."""
    study = load_study(name)
    backend, people = users(study, 50)
    levels = [[adopted(study, persona, iteration) for persona in people] for iteration in (0, 13)]
    (contrast,) = backend.truth(levels)["contrasts"]
    first, last = contrast["iterations"]
    (effect,) = first["effect"].values()
    assert effect["cate"] > 0.2
    assert 0.2 < effect["asb"] / effect["observed"] < 0.6
    controls = [q.id for q in study.questions.values() if q.role == "negative_control"]
    distances = [first["drift"][q]["tvd"] for q in controls]
    assert max(distances) > 0.15
    assert min(distances) < 0.05
    assert max(last["drift"][q]["tvd"] for q in controls) < 0.03


def test_derived_numbers_hang_on_names_alone() -> None:
    """A question has the same probabilities whatever else a study asks, and another id has others."""
    study = small_study()
    less = replace(study, questions=dict(list(study.questions.items())[::2]), batches=(), iterations=1)
    whole, part = structure_of(study), structure_of(less)
    by_id = {q.id: q.probabilities for q in whole.questions}
    for question in part.questions:
        assert np.array_equal(question.probabilities, by_id[question.id])
    first = next(iter(study.questions.values()))
    renamed = replace(study, questions={"other": replace(first, id="other")}, batches=())
    assert not np.allclose(structure_of(renamed).questions[0].probabilities, by_id[first.id])


def test_arms_take_turns_and_a_placebo_is_its_arm_again() -> None:
    """The control arm stays, others go up and down in turns; a placebo, a rewording, does what its arm does."""
    arms = (Arm("control"), Arm("up"), Arm("down"), Arm("sham", placebo_of="up"))
    structure = structure_of(replace(small_study(), arms=arms, control="control"))
    drift = dict(zip(structure.arms, structure.drift, strict=True))
    assert not drift["control"].any()
    assert np.array_equal(drift["down"], -drift["up"])
    assert np.array_equal(drift["sham"], drift["up"])
    outcome = structure.questions[0]
    means = dict(zip(structure.arms, outcome.probabilities @ np.array(outcome.option_values), strict=True))
    assert (means["up"] > means["control"]).all()
    assert (means["down"] < means["control"]).all()
    assert np.array_equal(means["sham"], means["up"])


def test_given_numbers_are_used() -> None:
    """What a study file sets is what the structure has; arms left out neither drift nor refuse."""
    study = small_study(controls=1)
    rows = [[0.9, 0.1], [0.2, 0.8]]
    spread = [[0.2] * 5, [0.2] * 5]
    given = {
        "classes": ["x", "y"],
        "base": [0.0, 1.0],
        "spread": 0.1,
        "drift": {"leading": [0.0, 2.0]},
        "drift_strength": 3,
        "refusal": {"leading": 0.25},
        "adherence": 0.5,
        "answers": {"citizenship": rows, "gun_laws": {"leading": spread, "control": spread}},
    }
    structure = structure_of(replace(study, structure=given))
    assert (structure.classes, structure.spread, structure.drift_strength) == (("x", "y"), 0.1, 3.0)
    assert structure.adherence == 0.5
    assert structure.base.tolist() == [0.0, 1.0]
    assert structure.drift.tolist() == [[0.0, 0.0], [0.0, 2.0]]
    assert structure.refusal.tolist() == [0.0, 0.25]
    by_id = {q.id: q.probabilities.tolist() for q in structure.questions}
    assert by_id["citizenship"] == rows
    assert by_id["gun_laws"] == [spread, spread]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"clases": 3}, "unknown key clases. Known are classes, base"),
        ({"answers": {"q": [[1.0]]}}, "unknown question q. Known are gun_laws"),
        ({"drift": {"nowhere": [0, 0, 0, 0]}}, "unknown arm nowhere. Known are control, leading"),
        ({"refusal": {"nowhere": 0.1}}, "unknown arm nowhere"),
        ({"refusal": 1.5}, r"refusal must lie in \[0, 1\)"),
        ({"base": [0.0]}, r"base must have shape \(4,\)"),
        ({"spread": "wide"}, "could not convert string to float"),
        ({"classes": 0}, "classes: at least 1 needed"),
        ({"answers": {"gun_laws": [[0.2] * 5] * 4}}, "outcome 'gun_laws' needs rows of probabilities for each arm"),
        ({"answers": {"citizenship": [[0.5, 0.6]] * 4}}, "add up to 1"),
    ],
)
def test_wrong_numbers_are_refused_with_the_file(given: dict[str, Any], message: str) -> None:
    """What does not fit is told with the study file and the key."""
    with pytest.raises(InputError, match=rf"opinionqa\.yaml: structure: .*{message}"):
        structure_of(small_study(structure=given))


def test_outcome_without_numbers_is_refused() -> None:
    """An outcome needs values, without which its effect has no truth."""
    study = small_study()
    bare = {**study.questions, "gun_laws": replace(study.questions["gun_laws"], values=None)}
    with pytest.raises(InputError, match="question 'gun_laws': an outcome needs `values`"):
        structure_of(replace(study, questions=bare))


def test_answers_agree_with_the_truth_given_what_was_adopted() -> None:
    """Shares over 20,000 trials give the distances and the means of the closed form within 4.5 standard errors."""
    study = small_study(structure={"refusal": {"leading": 0.1}, "adherence": 0.9})
    backend, (persona,) = users(study, 1)
    profile = adopted(study, persona, 2)
    (contrast,) = backend.truth([[Profile(persona)], [profile]])["contrasts"]
    before, level = contrast["iterations"]
    for question in study.questions.values():
        found = {arm: shares(backend, profile, arm, question) for arm in ("control", "leading")}
        if question.role == "outcome":
            values = np.array(question.values)
            for arm, name in (("control", "mean_control"), ("leading", "mean_treated")):
                known = found[arm][:-1] / found[arm][:-1].sum()
                error = np.sqrt((known @ values**2 - (known @ values) ** 2) / TRIALS / 0.9)
                assert abs(known @ values - level["effect"][question.id][name]) < 4.5 * error
        else:
            distance = np.abs(found["leading"] - found["control"]).sum() / 2
            assert abs(distance - level["drift"][question.id]["tvd"]) < 4.5 * np.sqrt(0.5 / TRIALS)
    assert level["effect"]["gun_laws"]["mean_control"] != pytest.approx(before["effect"]["gun_laws"]["mean_control"])


def test_target_is_the_effect_before_adjustment() -> None:
    """What adjusting is to find is the effect on the users of both arms before it; parts add up in every iteration."""
    study = load_study("movielens")
    backend, people = users(study, 5)
    found = backend.truth([[adopted(study, persona, k) for persona in people] for k in range(4)])
    (contrast,) = found["contrasts"]
    assert contrast["contrast"] == "positive - negative"
    assert [level["iteration"] for level in contrast["iterations"]] == [0, 1, 2, 3]
    for level in contrast["iterations"]:
        effect = level["effect"]["likely_to_watch"]
        assert effect["cate"] + effect["asb"] == pytest.approx(effect["observed"])
        assert effect["mean_treated"] - effect["mean_control"] == pytest.approx(effect["observed"])
    assert contrast["target"] == {part: contrast["iterations"][0][part] for part in ("effect", "drift")}


def test_retention_is_kept_as_often_as_adherence_says() -> None:
    """The specified answer is given by the share that keeps to it, and by chance by the others."""
    study = small_study(structure={"adherence": 0.7, "refusal": 0.0})
    backend, (persona,) = users(study, 1)
    profile = adopted(study, persona, 1)
    name = study.batches[0][0]
    found = shares(backend, profile, "control", retention_question(study.questions[name]))
    plain = shares(backend, profile, "control", study.questions[name])
    assert abs(found[0] - (0.7 + 0.3 * plain[0])) < 4.5 * np.sqrt(0.5 / TRIALS)


def test_replies_do_not_depend_on_what_else_is_asked() -> None:
    """A reply is the same alone, among others, in another order, and for part of the trials."""
    study = small_study()
    backend, people = users(study)
    questions = list(study.questions.values())
    trials = tuple(range(1, 9))
    requests = [
        Request(Profile(p), arm, trials, question=q)
        for p in people
        for arm in ("control", "leading")
        for q in questions
    ]
    whole = {
        (r.request.profile.key, r.request.arm, r.request.question.id, r.trial): r.option
        for r in backend.answer(requests)
    }  # type: ignore[union-attr]
    other, _ = users(study)
    some = [replace(request, trials=(3, 7)) for request in requests[::-1]]
    replies = list(other.answer(some))
    assert len(replies) == 2 * len(requests)
    for r in replies:
        assert r.request.question is not None
        assert whole[r.request.profile.key, r.request.arm, r.request.question.id, r.trial] == r.option
