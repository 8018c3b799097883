"""How users of a few latent classes answer: the structure behind the structural backend, checked.

A conversation (one persona, arm and trial) is held by a user of one latent class. How likely each class is depends on
the persona and, through the drift, on the arm. Every answer depends on the class only; an outcome depends on the arm
too. The drift is therefore the only way by which the arm can reach a negative control.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from confound.errors import InputError
from confound.vocabulary import ROLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from confound.statistics.arrays import FloatArray

TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class LatentQuestion:
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
        Number behind each answer, rising, in the outcome's own unit; required for an outcome.

    Raises
    ------
    InputError
        When the role is unknown, or options, probabilities and option values do not fit together.
    """

    id: str
    role: str
    options: tuple[str, ...]
    probabilities: FloatArray
    option_values: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        where = f"question {self.id!r}"
        check_distinct(self.options, f"{where}: options")
        if self.role not in ROLES:
            raise InputError(f"{where}: role must be one of {', '.join(ROLES)} but got {self.role!r}")
        table = _frozen(self.probabilities, f"{where}: probabilities")
        object.__setattr__(self, "probabilities", table)
        _check_axes(table, self.role, len(self.options), where)
        _check_distributions(table, f"{where}: probabilities")
        _check_values(self.option_values, self.role, len(self.options), where)


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """How users of A arms and C latent classes answer.

    A persona's log odds of the classes are `base`, plus a normal effect of the persona on each class with standard
    deviation `spread`, plus `drift_strength * drift[arm]`. Refusals depend on the arm alone, never on the class. Those
    who answer are therefore distributed like those who were asked, so that effects have a closed form.

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
    questions : tuple of LatentQuestion
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
    base: FloatArray
    spread: float
    drift: FloatArray
    drift_strength: float
    refusal: FloatArray
    questions: tuple[LatentQuestion, ...]
    adherence: float = 1.0

    def __post_init__(self) -> None:
        check_distinct(self.arms, "arms", at_least=2)
        check_distinct(self.classes, "classes")
        check_distinct([question.id for question in self.questions], "question ids")
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


def check_distinct(names: Sequence[str], what: str, *, at_least: int = 1) -> None:
    """Refuse names that are too few, or of which one occurs twice."""
    if len(names) < at_least:
        raise InputError(f"{what}: at least {at_least} needed but got {len(names)}")
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InputError(f"{what} must be distinct but {', '.join(map(repr, twice))} occurs more than once")


def _frozen(array: ArrayLike, what: str, shape: tuple[int, ...] | None = None) -> FloatArray:
    """Return a read-only copy, so that the structure does not change with the caller's array."""
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


def _check_shape(array: FloatArray, shape: tuple[int, ...], what: str) -> None:
    if array.shape != shape:
        raise InputError(f"{what} must have shape {shape} but got {array.shape}")


def _check_axes(table: FloatArray, role: str, n_options: int, where: str) -> None:
    axes = ("arm", "class", "option") if role == "outcome" else ("class", "option")
    if table.ndim != len(axes) or table.shape[-1] != n_options:
        raise InputError(
            f"{where}: probabilities of a question with role {role} run over {', '.join(axes)}, "
            f"here with {n_options} options, but got shape {table.shape}"
        )


def _check_distributions(table: FloatArray, what: str) -> None:
    if np.any(table < 0) or not np.allclose(table.sum(axis=-1), 1, rtol=0, atol=TOLERANCE):
        raise InputError(f"{what} must be 0 or more and add up to 1 in each row but got {table.tolist()}")


def _check_values(values: tuple[float, ...] | None, role: str, n_options: int, where: str) -> None:
    if values is None:
        if role == "outcome":
            raise InputError(f"{where}: an outcome needs option_values, one for each of its {n_options} options")
        return
    if len(values) != n_options or not np.all(np.isfinite(values)) or not np.all(np.diff(values) > 0):
        raise InputError(f"{where}: option_values must be {n_options} rising numbers but got {values}")
