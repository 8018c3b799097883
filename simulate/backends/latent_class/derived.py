"""The structure behind a study's made-up users: what its file sets under `structure`, the rest derived.

Derived numbers depend on the ids of classes, arms and questions alone. They are the same in every run, whatever else a
study asks. They do not describe real people: they make a log whose drift and effects are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from confound.errors import InputError
from simulate.backends.latent_class.classes import softmax
from simulate.backends.latent_class.structure import LatentQuestion, Structure
from simulate.randomness import keyed_generator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from confound.statistics.arrays import FloatArray
    from simulate.study.definition import ClosedQuestion, Study

KEYS = ("classes", "base", "spread", "drift", "drift_strength", "refusal", "adherence", "answers")
# Chosen among many. With this seed ideology and party tell much about the class, race something, citizenship and having
# heard of a book little, as is plausible of people.
SEED = 38
CLASSES = 4
SPREAD = 0.7
# Log odds between the outermost classes and the middle, per unit of `drift_strength`.
DRIFT = 0.8
REFUSAL = 0.02
ADHERENCE = 0.98
# Log odds of the highest answer to an outcome, against the middle, that a treated arm adds.
EFFECT = 0.6
# How strongly answers depend on the class: drawn from these ranges. Targeted confounders are chosen to tell more.
SLOPES = {"outcome": (1.0, 1.5), "negative_control": (0.0, 3.0), "confounder": (0.5, 2.0), "retention": (0.5, 2.0)}
TARGETED_SLOPES = (1.0, 3.0)
INTERCEPT_SPREAD = 0.5


def structure_of(study: Study) -> Structure:
    """Return the structure of a study.

    Classes lie on a line. How an answer depends on the class, and how often it is given, is drawn with the question's
    id as key. The control arm does not move the classes. Every other arm moves them along the line and shifts the
    outcomes: the first upwards, the next downwards, and so on in the file's order. A placebo arm moves the classes like
    the arm that it imitates, and leaves the outcomes as they are.

    Parameters
    ----------
    study : Study
        Its `structure` may have these keys: `classes` (how many, or their names), `base` (one
        number a class), `spread`, `drift` (arm -> one number a class), `drift_strength`, `refusal` (a number, or
        arm -> number), `adherence`, and `answers` (question -> rows of probabilities, one a class; for an outcome
        arm -> rows). See `Structure`.

    Raises
    ------
    InputError
        When `structure` has another key, or a value does not fit.
    """
    given = dict(study.structure or {})
    try:
        return _structure(study, given)
    except (InputError, TypeError, ValueError) as error:
        raise InputError(f"{study.source}: structure: {error}") from error


def _structure(study: Study, given: Mapping[str, Any]) -> Structure:
    _known(given, KEYS, "key")
    classes = _classes(given.get("classes", CLASSES))
    arms = tuple(arm.name for arm in study.arms)
    answers: Mapping[str, Any] = given.get("answers", {})
    _known(answers, study.questions, "question")
    return Structure(
        arms=arms,
        classes=classes,
        base=np.asarray(given.get("base", [0.0] * len(classes)), np.float64),
        spread=float(given.get("spread", SPREAD)),
        drift=_drift(study, given.get("drift"), len(classes)),
        drift_strength=float(given.get("drift_strength", 1.0)),
        refusal=_refusal(arms, given.get("refusal", REFUSAL)),
        questions=tuple(_question(study, q, len(classes), answers.get(q.id)) for q in study.questions.values()),
        adherence=float(given.get("adherence", ADHERENCE)),
    )


def _known(given: Mapping[str, Any], known: Sequence[str] | Mapping[str, Any], what: str) -> None:
    unknown = sorted(map(str, set(given) - set(known)))
    if unknown:
        raise InputError(f"unknown {what} {', '.join(unknown)}. Known are {', '.join(known)}")


def _classes(given: Any) -> tuple[str, ...]:
    if isinstance(given, int):
        return tuple(f"class {number}" for number in range(1, given + 1))
    return tuple(str(name) for name in given)


def _line(n_classes: int) -> FloatArray:
    return np.linspace(-1.0, 1.0, n_classes) if n_classes > 1 else np.zeros(1)


def _directions(study: Study) -> dict[str, float]:
    """Return the direction in which each arm moves its users: 0 for the control arm, then 1 and -1 in turn."""
    real = [arm.name for arm in study.arms if arm.name != study.control and arm.placebo_of is None]
    found = {study.control: 0.0} | {name: (-1.0) ** place for place, name in enumerate(real)}
    return found | {arm.name: found.get(arm.placebo_of, 0.0) for arm in study.arms if arm.placebo_of is not None}


def _drift(study: Study, given: Mapping[str, Sequence[float]] | None, n_classes: int) -> FloatArray:
    if given is None:
        direction = _directions(study)
        return np.array([DRIFT * direction[arm.name] * _line(n_classes) for arm in study.arms])
    _known(given, [arm.name for arm in study.arms], "arm")
    return np.array([given.get(arm.name, [0.0] * n_classes) for arm in study.arms], np.float64)


def _refusal(arms: Sequence[str], given: float | Mapping[str, float]) -> FloatArray:
    if isinstance(given, int | float):
        return np.full(len(arms), float(given))
    _known(given, arms, "arm")
    return np.array([given.get(arm, 0.0) for arm in arms], np.float64)


def _question(study: Study, question: ClosedQuestion, n_classes: int, rows: Any) -> LatentQuestion:
    table = _derived(study, question, n_classes) if rows is None else _given(study, question, rows)
    return LatentQuestion(question.id, question.role, question.options, table, _values(question))


def _values(question: ClosedQuestion) -> tuple[float, ...] | None:
    if question.role != "outcome":
        return None
    if question.values is None:
        raise InputError(f"question '{question.id}': an outcome needs `values`, so that its effect has a truth")
    return question.values


def _given(study: Study, question: ClosedQuestion, rows: Any) -> FloatArray:
    if question.role != "outcome":
        return np.array(rows, np.float64)
    if not isinstance(rows, dict):
        raise InputError(f"answers: outcome '{question.id}' needs rows of probabilities for each arm by its name")
    _known(rows, [arm.name for arm in study.arms], "arm")
    return np.array([rows[arm.name] for arm in study.arms if arm.name in rows], np.float64)


def _derived(study: Study, question: ClosedQuestion, n_classes: int) -> FloatArray:
    """Answer probabilities by class (and arm): a softmax that is linear in the class's place."""
    draw = keyed_generator(SEED, "structure", question.id)
    width = len(question.options)
    low, high = TARGETED_SLOPES if question.id in _targeted(study) else SLOPES[question.role]
    slope = low + (high - low) * draw.random()
    intercepts = INTERCEPT_SPREAD * draw.standard_normal(width)
    along = question.ordered or question.values is not None
    places = np.linspace(-1.0, 1.0, width) if along else draw.permutation(np.linspace(-1.0, 1.0, width))
    by_class = intercepts + slope * np.outer(_line(n_classes), places)
    if question.role != "outcome":
        return softmax(by_class)
    real = [_directions(study)[arm.name] for arm in study.arms]
    return softmax(by_class + EFFECT * np.array(real)[:, None, None] * places)


def _targeted(study: Study) -> set[str]:
    if study.targeted_from is None:
        return set()
    return {name for batch in study.batches[study.targeted_from :] for name in batch}
