"""What an analysis of made-up users should find, in closed form: drift and effect of given personas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from confound.errors import ConfoundError, InputError
from simulate.backends.latent_class.structure import TOLERANCE

if TYPE_CHECKING:
    from confound.statistics.arrays import FloatArray
    from simulate.backends.latent_class.classes import LatentPersonas
    from simulate.backends.latent_class.structure import Structure

# Effects on both arms' users together are those of as many users in one arm as in the other.
TREATED_SHARE = 0.5


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


def truth(structure: Structure, personas: LatentPersonas, *, control: str, treated: str) -> Truth:
    """Return the drift and the effect of these personas, in closed form.

    The estimand averages over all the personas given. It is also that of the between design, in which the arm of a
    persona is drawn independently of everything else.

    Parameters
    ----------
    structure : Structure
    personas : LatentPersonas
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


def _true_drift(classes: FloatArray, table: FloatArray, refusal: FloatArray) -> TrueDrift:
    """Return distances from class probabilities (N, 2, C), answers (C, K) and refusals (2,), control first."""
    answered = (classes @ table) * (1 - refusal)[:, None]
    unknown = np.broadcast_to(refusal[:, None], (len(classes), 2, 1))
    difference = np.diff(np.concatenate([answered, unknown], axis=-1), axis=1)[:, 0]
    return TrueDrift(
        tvd=float(np.abs(difference).sum(axis=-1).mean() / 2),
        tvd_population=float(np.abs(difference.mean(axis=0)).sum() / 2),
    )


def _true_effect(classes: FloatArray, means: FloatArray) -> TrueEffect:
    """Return the parts from class probabilities (2, C) and outcome means by arm and class (2, C), control first."""
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


def _arm_index(structure: Structure, label: str) -> int:
    if label not in structure.arms:
        raise InputError(f"arm {label!r} is not in the structure; it has {', '.join(structure.arms)}")
    return structure.arms.index(label)
