"""Users with a latent class, drawn without a model: a generator whose true drift and effect are known.

A conversation (one persona, arm and trial) is held by a user of one latent class. How likely each class is
depends on the persona and, through the drift, on the arm; every answer depends on the class only, the outcome
also on the arm. The drift is thus the only way by which the arm can reach a negative control.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from confound.errors import ConfoundError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Design = Literal["within", "between"]
ROLES = ("outcome", "negative_control", "confounder", "retention")
MODEL = "structural"
UNKNOWN = -1
TREATED_SHARE = 0.5
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A question and how each latent class answers it.

    Attributes
    ----------
    id : str
        Identifier, unique in a structure.
    role : str
        `outcome`, `negative_control`, `confounder` or `retention`.
    options : tuple of str
        The K answers, low to high where they are ordered.
    probabilities : ndarray, shape (C, K), or (A, C, K) for an outcome
        Probability of each answer given the class (and the arm), each row in [0, 1] and adding up to 1.
    option_values : tuple of float, length K, or None
        Number behind each answer, rising, in the outcome's own unit; needed for an outcome.

    Raises
    ------
    InputError
        When the role is unknown, or options, probabilities and option values do not fit together.
    """

    id: str
    role: str
    options: tuple[str, ...]
    probabilities: Floats
    option_values: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        where = f"question {self.id!r}"
        _distinct(self.options, f"{where}: options")
        if self.role not in ROLES:
            raise InputError(f"{where}: role must be one of {', '.join(ROLES)} but got {self.role!r}")
        table = _frozen(self.probabilities, f"{where}: probabilities")
        object.__setattr__(self, "probabilities", table)
        _check_axes(table, self.role, len(self.options), where)
        _check_distributions(table, f"{where}: probabilities")
        _check_values(self.option_values, self.role, len(self.options), where)


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """How users of A arms and C latent classes answer; everything that can be drawn follows from it.

    A persona's log odds of the classes are `base`, plus a normal effect of the persona's own with standard
    deviation `spread` on each class, plus `drift_strength * drift[arm]`. Refusals depend on the arm alone,
    never on the class: who is left in an effect is then who was asked, which keeps its truth in closed form.

    Attributes
    ----------
    arms : tuple of str
        The A arms, two or more.
    classes : tuple of str
        The C latent classes.
    base : ndarray, shape (C,)
        Log odds of the classes of the average persona, up to a constant.
    spread : float
        Standard deviation of the personas' effects on the log odds, 0 (personas alike) or more.
    drift : ndarray, shape (A, C)
        Direction in which each arm moves the log odds.
    drift_strength : float
        Multiplies `drift`; 0 is no drift.
    refusal : ndarray, shape (A,)
        Probability that an answer is Unknown, by arm, in [0, 1).
    questions : tuple of Question
        What every conversation is asked.
    adherence : float
        Share of the users who are as specified, in [0, 1]; see `condition`.

    Raises
    ------
    InputError
        When a shape, a probability or a name does not fit.
    """

    arms: tuple[str, ...]
    classes: tuple[str, ...]
    base: Floats
    spread: float
    drift: Floats
    drift_strength: float
    refusal: Floats
    questions: tuple[Question, ...]
    adherence: float = 1.0

    def __post_init__(self) -> None:
        _distinct(self.arms, "arms", at_least=2)
        _distinct(self.classes, "classes")
        _distinct([question.id for question in self.questions], "question ids")
        n_arms, n_classes = len(self.arms), len(self.classes)
        for name, shape in (("base", (n_classes,)), ("drift", (n_arms, n_classes)), ("refusal", (n_arms,))):
            object.__setattr__(self, name, _frozen(getattr(self, name), name, shape))
        for question in self.questions:
            by_class = (n_classes, len(question.options))
            wanted = (n_arms, *by_class) if question.role == "outcome" else by_class
            _check_shape(question.probabilities, wanted, f"question {question.id!r}: probabilities")
        if not (np.isfinite(self.spread) and self.spread >= 0):
            raise InputError(f"spread must be 0 or more but got {self.spread}")
        if not np.isfinite(self.drift_strength):
            raise InputError(f"drift_strength must be finite but got {self.drift_strength}")
        if not np.all((self.refusal >= 0) & (self.refusal < 1)):
            raise InputError(f"refusal must lie in [0, 1) but got {self.refusal.tolist()}")
        if not 0 <= self.adherence <= 1:
            raise InputError(f"adherence must lie in [0, 1] but got {self.adherence}")


@dataclass(frozen=True, slots=True, eq=False)
class Personas:
    """Realised personas.

    Attributes
    ----------
    ids : tuple of str
        Identifiers of the N personas.
    class_probabilities : ndarray, shape (N, A, C)
        Probability of each latent class by persona and arm, in [0, 1], adding up to 1 over the classes.
    """

    ids: tuple[str, ...]
    class_probabilities: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Drawn conversations, in B blocks of T trials; a block is a persona in an arm.

    Attributes
    ----------
    persona, arm : ndarray of int, shape (B,)
        Index of each block's persona and arm.
    latent : ndarray of int, shape (B, T)
        Index of the latent class that held the conversation.
    responses : ndarray of int, shape (B, T, Q)
        Index of the answer among the question's options, or -1 for Unknown.
    iteration : int
        Adjustment iteration, 0 before adjustment.
    """

    persona: Ints
    arm: Ints
    latent: Ints
    responses: Ints
    iteration: int


@dataclass(frozen=True, slots=True)
class TrueDrift:
    """Total variation distance between two arms' answers to one question, Unknown counted as an answer.

    Attributes
    ----------
    tvd : float
        Mean over personas of each persona's distance, in [0, 1].
    tvd_population : float
        Distance between the arms' persona-averaged distributions, in [0, 1], at most `tvd`.
    """

    tvd: float
    tvd_population: float


@dataclass(frozen=True, slots=True)
class TrueEffect:
    """An observed difference and its parts, in the outcome's unit, with half of the users in each arm.

    Attributes
    ----------
    observed : float
        `E[Y(1)|A=1] - E[Y(0)|A=0]`.
    cate : float
        Causal effect on the users of both arms taken together, `(att + atc) / 2`.
    att, atc : float
        Causal effect on the users of the treated and of the control arm.
    sbt, sbc : float
        Selection bias in the treated and in the control outcome, `E[Y(a)|A=1] - E[Y(a)|A=0]`.
    asb : float
        Average selection bias, `(sbt + sbc) / 2`.

    Raises
    ------
    ConfoundError
        When `observed = cate + asb = att + sbc = atc + sbt` does not hold.
    """

    observed: float
    cate: float
    att: float
    atc: float
    sbt: float
    sbc: float
    asb: float

    def __post_init__(self) -> None:
        sums = (self.cate + self.asb, self.att + self.sbc, self.atc + self.sbt)
        if not np.allclose(sums, self.observed, rtol=TOLERANCE, atol=TOLERANCE):
            raise ConfoundError(
                f"observed = {self.observed}, but cate + asb, att + sbc, atc + sbt = {sums}, not the same"
            )


@dataclass(frozen=True, slots=True)
class Truth:
    """What an analysis of one contrast should find.

    Attributes
    ----------
    control, treated : str
        The arms compared, `treated - control`.
    n_personas : int
        Number of personas that the truth is averaged over.
    drift : dict of str to TrueDrift
        By question that the arm cannot change: every one but the outcomes.
    effect : dict of str to TrueEffect
        By outcome.
    """

    control: str
    treated: str
    n_personas: int
    drift: dict[str, TrueDrift]
    effect: dict[str, TrueEffect]


def keyed_generator(seed: int, *labels: str | int) -> np.random.Generator:
    """Return the generator that belongs to a seed and the labels of what is drawn with it.

    Labels in the place of a running stream make a draw independent of what else is drawn, and in what order:
    shards, resumed runs and runs of another size agree wherever they overlap.
    """
    key = hashlib.blake2b(json.dumps([int(seed), *labels]).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))


def draw_personas(structure: Structure, ids: Sequence[str], *, seed: int) -> Personas:
    """Draw the personas' own effects and return their class probabilities by arm.

    Parameters
    ----------
    structure : Structure
    ids : sequence of str
        Identifiers of the personas, distinct; a persona's draw depends on its own identifier alone.
    seed : int

    Raises
    ------
    InputError
        When there is no persona, or one twice.
    """
    _distinct(ids, "persona ids")
    own = np.stack([keyed_generator(seed, "persona", i).standard_normal(len(structure.classes)) for i in ids])
    log_odds = (structure.base + structure.spread * own)[:, None] + structure.drift_strength * structure.drift
    return Personas(tuple(ids), _softmax(log_odds))


def condition(structure: Structure, personas: Personas, specified: Sequence[Mapping[str, str]]) -> Personas:
    """Return the personas as they are with attributes specified.

    Each attribute multiplies the odds of the classes by how likely they are to answer so (Bayes' rule). It is blurred
    by the users who do not keep to what is specified, a share `1 - adherence` of them: these are as they were before.
    The drift remains the prior of each arm, which what is specified outweighs only as it adds up.

    Parameters
    ----------
    structure : Structure
    personas : Personas
        As before any attribute was specified.
    specified : sequence of mapping of str to str
        For each persona, id of a question -> one of its options. What is no question of the structure (an age)
        or no option of it, and an outcome, is passed over; so are all attributes of a persona where no class could
        have given them together.

    Raises
    ------
    InputError
        When there are not as many mappings as personas.
    """
    if len(specified) != len(personas.ids):
        raise InputError(f"specified must have one mapping for each of {len(personas.ids)} personas: {len(specified)}")
    known = {q.id: q for q in structure.questions if q.role != "outcome"}
    kept = np.array([_log_likelihood(known, attributes, len(structure.classes)) for attributes in specified])
    kept[np.isneginf(kept).all(axis=-1)] = 0.0
    prior = personas.class_probabilities
    odds = prior * np.exp(kept - kept.max(axis=-1, keepdims=True))[:, None]
    posterior = odds / odds.sum(axis=-1, keepdims=True)
    return Personas(personas.ids, structure.adherence * posterior + (1 - structure.adherence) * prior)


def draw_answers(
    structure: Structure,
    personas: Personas,
    *,
    trials: int,
    seed: int,
    design: Design = "within",
    iteration: int = 0,
) -> Answers:
    """Hold the conversations and answer every question in each.

    The class is drawn once a conversation; given it, answers are independent. Each draw is keyed by (seed,
    persona, arm, iteration, question) with the trial as its place in the stream, so that the answers of a
    persona do not depend on the other personas, nor those of a trial on how many follow.

    Parameters
    ----------
    structure : Structure
    personas : Personas
    trials : int
        Conversations of a persona in an arm, T, 1 or more.
    seed : int
    design : {"within", "between"}
        `within`: every persona in every arm. `between`: every persona in one arm, by its own keyed throw with
        equal chances, so that the arms' sizes vary and few personas may leave an arm empty.
    iteration : int
        Adjustment iteration, 0 before adjustment.

    Raises
    ------
    InputError
        When `trials` is below 1 or the design is unknown.
    """
    if trials < 1:
        raise InputError(f"trials must be 1 or more but got {trials}")
    persona, arm = _blocks(structure, personas, design, seed)
    names = [(personas.ids[i], structure.arms[a], iteration) for i, a in zip(persona, arm, strict=True)]
    chance = np.stack([keyed_generator(seed, "class", *name).random(trials) for name in names])
    latent = pick(personas.class_probabilities[persona, arm][:, None], chance)
    responses = np.empty((*latent.shape, len(structure.questions)), np.int64)
    for q, question in enumerate(structure.questions):
        # Two a trial, answer and refusal, so that the trial stays the place in the stream.
        streams = [keyed_generator(seed, "answer", *name, question.id) for name in names]
        chance = np.stack([stream.random((trials, 2)) for stream in streams])
        answer = pick(_by_arm(structure, question)[arm[:, None], latent], chance[..., 0])
        refused = chance[..., 1] < structure.refusal[arm][:, None]
        responses[..., q] = np.where(refused, UNKNOWN, answer)
    return Answers(persona, arm, latent, responses, iteration)


def truth(structure: Structure, personas: Personas, *, control: str, treated: str) -> Truth:
    """Return the drift and the effect of these personas, in closed form.

    The estimand averages over all the personas given. It is also that of the between design, where the arm of
    a persona is thrown independently of everything else; a log of that design scatters around it.

    Parameters
    ----------
    structure : Structure
    personas : Personas
    control, treated : str
        The arms to compare.

    Raises
    ------
    InputError
        When an arm is not in the structure, or both are the same.

    References
    ----------
    Lin, Yun, Mataric, Canny, Gretton and D'Amour (2026), arXiv 2605.20767, Appendix A.
    """
    pair = [_arm_index(structure, label) for label in (control, treated)]
    if control == treated:
        raise InputError(f"control and treated must be two arms but both are {control!r}")
    classes = personas.class_probabilities[:, pair]
    return Truth(
        control=control,
        treated=treated,
        n_personas=len(personas.ids),
        drift={
            question.id: _true_drift(classes, question.probabilities, structure.refusal[pair])
            for question in structure.questions
            if question.role != "outcome"
        },
        effect={
            question.id: _true_effect(
                classes.mean(axis=0), question.probabilities[pair] @ np.array(question.option_values)
            )
            for question in structure.questions
            if question.role == "outcome"
        },
    )


def response_frame(structure: Structure, personas: Personas, answers: Answers, *, study: str = "study") -> pd.DataFrame:
    """Return the answers as a response table, one row an answer.

    Rows are ordered by persona, arm, trial and question. An Unknown has neither `response` nor `value`; a
    question without option values has no `value`. Trials count from 1.

    Returns
    -------
    DataFrame
        study, model, iteration, persona, trial, arm, question, role, response, value.
    """
    import pandas as pd

    shape = answers.responses.shape
    block, trial, question = (axis.ravel() for axis in np.indices(shape))
    chosen = answers.responses.ravel()
    labels, values = _option_tables(structure)
    return pd.DataFrame(
        {
            "study": study,
            "model": MODEL,
            "iteration": answers.iteration,
            "persona": np.array(personas.ids, object)[answers.persona[block]],
            "trial": trial + 1,
            "arm": np.array(structure.arms, object)[answers.arm[block]],
            "question": np.array([q.id for q in structure.questions], object)[question],
            "role": np.array([q.role for q in structure.questions], object)[question],
            # UNKNOWN is -1, the last column, which is padded with "missing" for every question.
            "response": labels[question, chosen],
            "value": values[question, chosen],
        }
    )


def _log_likelihood(known: Mapping[str, Question], attributes: Mapping[str, str], n_classes: int) -> Floats:
    """Return how likely each class is to answer so, as logarithms."""
    total = np.zeros(n_classes)
    with np.errstate(divide="ignore"):
        for name, option in attributes.items():
            question = known.get(name)
            if question is not None and option in question.options:
                total += np.log(question.probabilities[:, question.options.index(option)])
    return total


def _option_tables(structure: Structure) -> tuple[NDArray[np.object_], Floats]:
    width = 1 + max(len(question.options) for question in structure.questions)
    labels = np.full((len(structure.questions), width), None, object)
    values = np.full(labels.shape, np.nan)
    for row, question in enumerate(structure.questions):
        labels[row, : len(question.options)] = question.options
        if question.option_values is not None:
            values[row, : len(question.options)] = question.option_values
    return labels, values


def _blocks(structure: Structure, personas: Personas, design: Design, seed: int) -> tuple[Ints, Ints]:
    n_personas, n_arms = len(personas.ids), len(structure.arms)
    if design == "within":
        return np.repeat(np.arange(n_personas), n_arms), np.tile(np.arange(n_arms), n_personas)
    if design == "between":
        arms = [int(keyed_generator(seed, "arm", i).random() * n_arms) for i in personas.ids]
        return np.arange(n_personas), np.array(arms, np.int64)
    raise InputError(f"design must be within or between but got {design!r}")


def _by_arm(structure: Structure, question: Question) -> Floats:
    """Answer probabilities of shape (A, C, K), whatever the question's role."""
    return np.broadcast_to(
        question.probabilities,
        (len(structure.arms), len(structure.classes), len(question.options)),
    )


def pick(probabilities: Floats, chance: Floats) -> Ints:
    """Invert the distribution function along the last axis; `chance` is uniform on [0, 1)."""
    # The last bound is left out: rounding may put it below 1, and the last answer takes what remains.
    bounds = np.cumsum(probabilities, axis=-1)[..., :-1]
    picked: Ints = (chance[..., None] >= bounds).sum(axis=-1)
    return picked


def _true_drift(classes: Floats, table: Floats, refusal: Floats) -> TrueDrift:
    """Distances from class probabilities (N, 2, C), answers (C, K) and refusals (2,), control first."""
    answered = (classes @ table) * (1 - refusal)[:, None]
    unknown = np.broadcast_to(refusal[:, None], (len(classes), 2, 1))
    difference = np.diff(np.concatenate([answered, unknown], axis=-1), axis=1)[:, 0]
    return TrueDrift(
        tvd=float(np.abs(difference).sum(axis=-1).mean() / 2),
        tvd_population=float(np.abs(difference.mean(axis=0)).sum() / 2),
    )


def _true_effect(classes: Floats, means: Floats) -> TrueEffect:
    """Parts from class probabilities (2, C) and outcome means given arm and class (2, C), control first."""
    # potential[a, s] = E[Y(a) | A = s]
    potential = means @ classes.T
    mixture = (1 - TREATED_SHARE) * classes[0] + TREATED_SHARE * classes[1]
    sbc, sbt = potential[:, 1] - potential[:, 0]
    atc, att = potential[1] - potential[0]
    return TrueEffect(
        observed=float(potential[1, 1] - potential[0, 0]),
        cate=float((means[1] - means[0]) @ mixture),
        att=float(att),
        atc=float(atc),
        sbt=float(sbt),
        sbc=float(sbc),
        asb=float((1 - TREATED_SHARE) * sbt + TREATED_SHARE * sbc),
    )


def _softmax(log_odds: Floats) -> Floats:
    odds = np.exp(log_odds - log_odds.max(axis=-1, keepdims=True))
    shares: Floats = odds / odds.sum(axis=-1, keepdims=True)
    return shares


def _arm_index(structure: Structure, label: str) -> int:
    if label not in structure.arms:
        raise InputError(f"arm {label!r} is not in the structure; it has {', '.join(structure.arms)}")
    return structure.arms.index(label)


def _distinct(names: Sequence[str], what: str, *, at_least: int = 1) -> None:
    if len(names) < at_least:
        raise InputError(f"{what}: at least {at_least} needed but got {len(names)}")
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InputError(f"{what} must be distinct but {', '.join(map(repr, twice))} occurs more than once")


def _frozen(array: ArrayLike, what: str, shape: tuple[int, ...] | None = None) -> Floats:
    """Copy, so that the caller's array can change without changing the structure."""
    try:
        copy = np.array(array, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must be an array of numbers: {error}") from error
    if shape is not None:
        _check_shape(copy, shape, what)
    if not np.all(np.isfinite(copy)):
        raise InputError(f"{what} must be finite but got {copy.tolist()}")
    copy.setflags(write=False)
    return copy


def _check_shape(array: Floats, shape: tuple[int, ...], what: str) -> None:
    if array.shape != shape:
        raise InputError(f"{what} must have shape {shape} but got {array.shape}")


def _check_axes(table: Floats, role: str, n_options: int, where: str) -> None:
    axes = ("arm", "class", "option") if role == "outcome" else ("class", "option")
    if table.ndim != len(axes) or table.shape[-1] != n_options:
        raise InputError(
            f"{where}: probabilities of a question with role {role} run over {', '.join(axes)}, "
            f"here with {n_options} options, but got shape {table.shape}"
        )


def _check_distributions(table: Floats, what: str) -> None:
    if np.any(table < 0) or not np.allclose(table.sum(axis=-1), 1, rtol=0, atol=TOLERANCE):
        raise InputError(f"{what} must be 0 or more and add up to 1 in each row but got {table.tolist()}")


def _check_values(values: tuple[float, ...] | None, role: str, n_options: int, where: str) -> None:
    if values is None:
        if role == "outcome":
            raise InputError(f"{where}: an outcome needs option_values, one for each of its {n_options} options")
        return
    if len(values) != n_options or not np.all(np.isfinite(values)) or not np.all(np.diff(values) > 0):
        raise InputError(f"{where}: option_values must be {n_options} rising numbers but got {values}")
