"""The options of an analysis, checked before the log is read."""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np

from confound.counts.scales import canonical, label
from confound.counts.study_file import QuestionSpec, StudyFiles, read_study_files
from confound.errors import InputError
from confound.vocabulary import CORRECTION_WORDS, DEFAULT_CORRECTION, DEFAULT_MARGIN, Design

MAX_BINS = 30
GIVEN_ROLES = ("outcome", "negative_control", "confounder")  # roles that an option can give


@dataclass(frozen=True)
class Options:
    """The options of an analysis, under the keywords of `confound.analyze`, which describes each.

    None stands for an empty mapping. Sequences are kept as tuples, mappings as copies, and arms in `placebo` as the
    log's labels are written. Study files are read once, when the options are made. What follows from the fields is
    a property.

    Raises
    ------
    InputError
        Where a value is not possible, or a study file cannot be used.
    """

    outcome: Sequence[str] = ()
    negative_control: Sequence[str] = ()
    confounder: Sequence[str] = ()
    control: Sequence[str] | Mapping[str, str] = ()
    placebo: Mapping[str, str] = field(default_factory=dict)
    reference: str | None = None
    group: str | None = None
    order: Mapping[str, Sequence[str]] = field(default_factory=dict)
    bins: Mapping[str, int] = field(default_factory=dict)
    ranges: Mapping[str, Sequence[float]] = field(default_factory=dict)
    study_file: Sequence[str | Path] = ()
    missing: Sequence[str] = ()
    merge: Sequence[str] = ()
    design: Design | None = None
    unique: bool = False
    stabilization: bool = False
    correction: str = DEFAULT_CORRECTION
    share: float = 0.5
    margin: float = DEFAULT_MARGIN
    confidence: float = 0.95
    seed: int = 0

    @classmethod
    def of(cls, keywords: Mapping[str, Any]) -> Self:
        """Make the options from keywords of a function; those that are no field of `Options` are passed over."""
        return cls(**{each.name: keywords[each.name] for each in fields(cls) if each.name in keywords})

    def __post_init__(self) -> None:
        for name in (*GIVEN_ROLES, "study_file", "missing", "merge"):
            self._normalise(name, _sequence(getattr(self, name)))
        control = self.control
        self._normalise("control", dict(control) if isinstance(control, Mapping) else _sequence(control))
        self._normalise("placebo", {label(a) or a: label(b) or b for a, b in (self.placebo or {}).items()})
        self._normalise("order", {name: _order(name, answers) for name, answers in (self.order or {}).items()})
        self._normalise("bins", dict(self.bins or {}))
        self._normalise("ranges", {name: _sequence(ends) for name, ends in (self.ranges or {}).items()})
        self._check_numbers()
        self._check_choices()
        self.merged  # noqa: B018 -- what cannot be read is refused now
        self.study_files  # noqa: B018 -- a file that cannot be used is refused now

    def _normalise(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check_numbers(self) -> None:
        if not 0 < self.confidence < 1:
            raise InputError(f"confidence must lie between 0 and 1, such as 0.95, but got {self.confidence}")
        if not 0 < self.margin < 1:
            raise InputError(f"the margin must lie between 0 and 1, such as 0.05, but got {self.margin}")
        if not 0 <= self.share <= 1:
            raise InputError(f"share must lie between 0 and 1, such as 0.5, but got {self.share}")
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, but got {self.seed}")
        for question, count in self.bins.items():
            if not 2 <= count <= MAX_BINS:
                raise InputError(f"--bin {question}: from 2 to {MAX_BINS} bins are possible, but got {count}")
        for question, ends in self.ranges.items():
            if len(ends) != 2 or not -np.inf < ends[0] < ends[1] < np.inf:
                raise InputError(f"--range {question}: it must be two numbers, the lower first, such as 1,7")

    def _check_choices(self) -> None:
        if self.correction not in CORRECTION_WORDS:
            raise InputError(
                f"--correction {self.correction}: no such correction. There are {', '.join(CORRECTION_WORDS)}"
            )
        if self.design is not None and self.design not in get_args(Design):
            raise InputError(f"design must be one of {', '.join(get_args(Design))}, but got {self.design!r}")

    @cached_property
    def study_files(self) -> StudyFiles:
        """What the study files say."""
        return read_study_files(self.study_file)

    @property
    def merged(self) -> dict[str, dict[str, str]]:
        """Question -> answer -> the answer that it counts as."""
        found: dict[str, dict[str, str]] = {}
        for entry in self.merge:
            question, colon, rest = entry.partition(":")
            answers, equals, name = rest.rpartition("=")
            if not (question and colon and answers and equals and name):
                raise InputError(f"--merge {entry}: it must have the form Q:A|B=NAME, such as party:Dem|D|democrat=Dem")
            for answer in answers.split("|"):
                found.setdefault(question, {})[canonical(answer) or answer] = canonical(name) or name
        return found

    @property
    def margin_shown(self) -> float:
        """The margin below which drift is small; 0 where the interval does not know the bias of its correction."""
        return self.margin if self.correction == DEFAULT_CORRECTION else 0.0

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """Role -> patterns of question names."""
        return {role: tuple(getattr(self, role)) for role in GIVEN_ROLES}

    @property
    def control_arms(self) -> tuple[tuple[str | None, str], ...]:
        """The control arms asked for, as (study or None, arm): those of study files, then those of `control`."""
        return self.study_files.control + self._asked_control

    @property
    def placebos(self) -> dict[str, str]:
        """Arm -> the arm that it only rewords: those of study files, then those of `placebo`."""
        said = {label(a) or a: label(b) or b for a, b in self.study_files.placebo.items()}
        return said | dict(self.placebo)

    @property
    def _asked_control(self) -> tuple[tuple[str | None, str], ...]:
        if isinstance(self.control, Mapping):
            return tuple(self.control.items())
        return tuple((None, arm) for arm in self.control)

    def listed(self) -> dict[str, Any]:
        """Return the options as they are saved in `analysis.json`, with the labels that study files give."""
        found: dict[str, Any] = {}
        for each in fields(self):
            found[each.name] = _listed(getattr(self, each.name))
            if each.name == "study_file":
                found["labels"] = self.study_files.labels
        return found | {"control": [{"study": study, "arm": arm} for study, arm in self._asked_control]}

    def role(self, question: str) -> str | None:
        """Return the role that an option, else a study file, gives a question; None if neither does."""
        for role, patterns in self.roles.items():
            if any(_matches(question, pattern) for pattern in patterns):
                return role
        spec = self.study_files.questions.get(question)
        return spec.role if spec else None

    def order_of(self, question: str) -> tuple[tuple[str, ...] | None, Mapping[str, float] | None]:
        """Return the order that an option, else a study file, gives a question's answers, and their values."""
        for pattern, order in self.order.items():
            if _matches(question, pattern):
                return tuple(order), None
        spec = self.study_files.questions.get(question, QuestionSpec())
        return spec.order, spec.values

    def bins_of(self, question: str) -> int | None:
        """Return the number of quantile bins that an option gives a question; None if it gives none."""
        return next((count for pattern, count in self.bins.items() if _matches(question, pattern)), None)

    def range_of(self, question: str) -> tuple[float, float] | None:
        """Return the least and the largest possible answer that an option gives a question; None if it gives none."""
        found = next((ends for pattern, ends in self.ranges.items() if _matches(question, pattern)), None)
        return None if found is None else (float(found[0]), float(found[1]))

    def check_labels(self, arms: Sequence[str], models: Sequence[str]) -> None:
        """Refuse a placebo arm or a reference model that the log does not hold."""
        for arm in (name for pair in self.placebo.items() for name in pair):
            if arm not in arms:
                raise InputError(f"--placebo {arm}: the log holds no such arm. It holds {', '.join(arms)}")
        if self.reference is not None and self.reference not in models:
            raise InputError(
                f"--reference model={self.reference}: the log holds no such model. It holds {', '.join(models)}"
            )

    def check_questions(self, questions: Sequence[str]) -> None:
        """Refuse an option that names a question that the log does not hold."""
        options = [("--" + role.replace("_", "-"), p) for role, patterns in self.roles.items() for p in patterns]
        options += [("--order", pattern) for pattern in self.order] + [("--bin", pattern) for pattern in self.bins]
        options += [("--range", pattern) for pattern in self.ranges]
        options += [("--group", self.group)] if self.group is not None else []
        for option, pattern in options:
            if not any(_matches(question, pattern) for question in questions):
                raise InputError(
                    f"{option} {pattern}: the log holds no such question. It holds {', '.join(questions[:20])}"
                    f"{', ...' if len(questions) > 20 else ''}"
                )


def _matches(question: str, pattern: str) -> bool:
    """Tell whether a pattern means a question; a name that holds brackets means itself."""
    return question == pattern or fnmatch.fnmatchcase(question, pattern)


def _sequence(value: Any) -> tuple[Any, ...]:
    """Return a sequence as a tuple; one text is a sequence of one, and not of its letters."""
    return (value,) if isinstance(value, str | Path) else tuple(value)


def _order(question: str, answers: Any) -> tuple[str, ...]:
    if isinstance(answers, str):
        raise InputError(f"order of {question} must be a list, from low to high, but got {answers!r}")
    return tuple(answers)


def _listed(value: Any) -> Any:
    """Return an option's value as JSON holds it."""
    if isinstance(value, Mapping):
        return {name: _listed(entry) for name, entry in value.items()}
    if isinstance(value, tuple):
        return [_listed(entry) for entry in value]
    return str(value) if isinstance(value, Path) else value
