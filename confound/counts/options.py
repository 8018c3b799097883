"""What the analyst asked for: the options of `analyze`, checked before anything is read."""

import fnmatch
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from confound.counts.scales import canonical, label
from confound.errors import InputError
from confound.vocabulary import CORRECTION_WORDS, DEFAULT_CORRECTION, ROLES

Design = Literal["within", "between"]
MAX_BINS = 30


@dataclass(frozen=True, slots=True)
class QuestionSpec:
    """What a study file says of a question.

    Attributes
    ----------
    role : str or None
        One of `confound.vocabulary.ROLES`.
    order : tuple of str or None
        The answers from low to high; None if they have no order.
    values : dict or None
        The number behind each answer of `order`.
    """

    role: str | None = None
    order: tuple[str, ...] | None = None
    values: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """The options of an analysis; see `confound.analyze` for each.

    Attributes
    ----------
    roles : dict
        Role -> patterns of question names.
    order : dict
        Pattern of question names -> answers from low to high.
    bins : dict
        Pattern of question names -> number of quantile bins.
    control : tuple of (study or None, arm)
        The control arms asked for.
    questions : dict
        Question -> what the study files say of it.
    design : {"within", "between"} or None
        None: inferred for each contrast.
    confidence : float
        In (0, 1).
    seed : int
        Of the Monte Carlo tests.
    placebo : dict
        Arm -> the arm that it rewords.
    reference : str or None
        Model that the others' drift is held against.
    correction : str
        One of `corrected_distance.METHODS`.
    share : float
        Of the users in the treated arm, in [0, 1].
    """

    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    order: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bins: Mapping[str, int] = field(default_factory=dict)
    control: tuple[tuple[str | None, str], ...] = ()
    questions: Mapping[str, QuestionSpec] = field(default_factory=dict)
    design: Design | None = None
    confidence: float = 0.95
    seed: int = 0
    placebo: Mapping[str, str] = field(default_factory=dict)
    reference: str | None = None
    correction: str = DEFAULT_CORRECTION
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise InputError(f"confidence must lie between 0 and 1, such as 0.95, but got {self.confidence}")
        if not 0 <= self.share <= 1:
            raise InputError(f"share must lie between 0 and 1, such as 0.5, but got {self.share}")
        if self.correction not in CORRECTION_WORDS:
            raise InputError(
                f"--correction {self.correction}: no such correction. There are {', '.join(CORRECTION_WORDS)}"
            )
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, but got {self.seed}")
        if self.design is not None and self.design not in get_args(Design):
            raise InputError(f"design must be one of {', '.join(get_args(Design))}, but got {self.design!r}")
        for question, count in self.bins.items():
            if not 2 <= count <= MAX_BINS:
                raise InputError(f"--bin {question}: from 2 to {MAX_BINS} bins are possible, but got {count}")

    def role(self, question: str) -> str | None:
        """Return the role that an option, else a study file, gives a question; None if neither does."""
        for role, patterns in self.roles.items():
            if any(_matches(question, pattern) for pattern in patterns):
                return role
        return self.questions[question].role if question in self.questions else None

    def order_of(self, question: str) -> tuple[tuple[str, ...] | None, Mapping[str, float] | None]:
        """Return the order that an option, else a study file, gives a question's answers, and their values."""
        for pattern, order in self.order.items():
            if _matches(question, pattern):
                return order, None
        spec = self.questions.get(question, QuestionSpec())
        return spec.order, spec.values

    def bins_of(self, question: str) -> int | None:
        """Return the number of quantile bins that an option gives a question; None if it gives none."""
        return next((count for pattern, count in self.bins.items() if _matches(question, pattern)), None)

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
        for option, pattern in options:
            if not any(_matches(question, pattern) for question in questions):
                raise InputError(
                    f"{option} {pattern}: the log holds no such question. It holds {', '.join(questions[:20])}"
                    f"{', ...' if len(questions) > 20 else ''}"
                )


def options_of(
    *,
    outcome: Sequence[str] = (),
    negative_control: Sequence[str] = (),
    confounder: Sequence[str] = (),
    control: Sequence[str] | Mapping[str, str] = (),
    placebo: Mapping[str, str] | None = None,
    reference: str | None = None,
    order: Mapping[str, Sequence[str]] | None = None,
    bins: Mapping[str, int] | None = None,
    study_file: Sequence[str | Path] = (),
    design: Design | None = None,
    correction: str = DEFAULT_CORRECTION,
    share: float = 0.5,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[Options, dict[str, Any]]:
    """Check the options, and list them as they go into `analysis.json`."""
    roles = {"outcome": tuple(outcome), "negative_control": tuple(negative_control), "confounder": tuple(confounder)}
    asked: tuple[tuple[str | None, str], ...] = (
        tuple(control.items()) if isinstance(control, Mapping) else tuple((None, arm) for arm in control)
    )
    questions, from_files = read_study_files(study_file)
    options = Options(
        roles=roles,
        order={name: tuple(answers) for name, answers in (order or {}).items()},
        bins=dict(bins or {}),
        control=from_files + asked,
        questions=questions,
        design=design,
        correction=correction,
        share=share,
        confidence=confidence,
        seed=seed,
        placebo={label(arm) or arm: label(original) or original for arm, original in (placebo or {}).items()},
        reference=reference,
    )
    listed = {
        **{role: list(patterns) for role, patterns in roles.items()},
        "control": [{"study": study, "arm": arm} for study, arm in asked],
        "placebo": dict(options.placebo),
        "reference": reference,
        "order": {name: list(answers) for name, answers in options.order.items()},
        "bins": dict(options.bins),
        "study_file": [str(path) for path in study_file],
        "labels": read_labels(study_file),
        "design": design,
        "correction": correction,
        "share": share,
        "confidence": confidence,
        "seed": seed,
    }
    return options, listed


def _matches(question: str, pattern: str) -> bool:
    """Tell whether a pattern means a question; a name that holds brackets means itself."""
    return question == pattern or fnmatch.fnmatchcase(question, pattern)


def read_study_files(
    paths: Sequence[str | Path],
) -> tuple[dict[str, QuestionSpec], tuple[tuple[str | None, str], ...]]:
    """Read what study files say of questions and of the control arm.

    Parameters
    ----------
    paths : sequence of path
        YAML files. Of each, `questions` (a list of mappings with `id`, `role`, `options`, `values`, `ordered`), `study`
        and `control` are used here; the rest belongs to the simulator.

    Returns
    -------
    tuple of (dict, tuple)
        Question -> `QuestionSpec`; control arms as in `Options.control`.

    Raises
    ------
    InputError
        Where a file cannot be read, is no such mapping, or two files disagree on a question.
    """
    questions: dict[str, QuestionSpec] = {}
    control: list[tuple[str | None, str]] = []
    for path in paths:
        content = _yaml(Path(path))
        if "control" in content:
            control.append((str(content["study"]) if "study" in content else None, str(content["control"])))
        for name, question in _questions(Path(path), content).items():
            if questions.setdefault(name, question) != question:
                raise InputError(f"{path}: question '{name}' differs from another study file's")
    return questions, tuple(control)


def read_labels(paths: Sequence[str | Path]) -> dict[str, dict[str, str]]:
    """Read what study files call their study (`title`) and their questions (`label`) in tables.

    Returns
    -------
    dict
        ``"studies"`` and ``"questions"``: name -> label, of those that have one.
    """
    contents = [_yaml(Path(path)) for path in paths]
    named = [c for c in contents if isinstance(c.get("title"), str) and "study" in c]
    questions = [q for c in contents for q in c.get("questions", []) if isinstance(q.get("label"), str)]
    return {
        "studies": {str(c["study"]): c["title"] for c in named},
        "questions": {str(q["id"]): q["label"] for q in questions},
    }


class _Loader(yaml.SafeLoader):
    """YAML in which yes, no, on, off and dates are answers, as they are written."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF"))


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)  # noqa: S506 -- a safe loader
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: a study file is a mapping with a list `questions`")
    return content


def _questions(path: Path, content: Mapping[str, Any]) -> dict[str, QuestionSpec]:
    listed = content.get("questions", [])
    if not isinstance(listed, list) or not all(isinstance(q, dict) and _plain(q.get("id")) for q in listed):
        raise InputError(f"{path}: `questions` is a list of mappings, each with an `id`")
    return {str(q["id"]): _question(path, q) for q in listed}


def _question(path: Path, spec: Mapping[str, Any]) -> QuestionSpec:
    where = f"{path}: question '{spec['id']}'"
    role = spec.get("role")
    if role is not None and role not in ROLES:
        raise InputError(f"{where}: unknown role {role!r}. Known are {', '.join(ROLES)}")
    options, values = spec.get("options"), spec.get("values")
    ordered = spec.get("ordered", values is not None)
    if not isinstance(ordered, bool):
        raise InputError(f"{where}: `ordered` is true or false, but got {ordered!r}")
    if options is not None and not (isinstance(options, list) and all(map(_plain, options))):
        raise InputError(f"{where}: `options` is a list of answers, from low to high")
    if options is None or not ordered:
        return QuestionSpec(role=role)
    order = tuple(str(option) for option in options)
    if values is None:
        return QuestionSpec(role=role, order=order)
    if not isinstance(values, list) or len(values) != len(order) or not all(map(_is_number, values)):
        raise InputError(f"{where}: `values` is a list of numbers, one for each of its {len(order)} options")
    numbers = {canonical(option) or option: float(value) for option, value in zip(order, values, strict=True)}
    return QuestionSpec(role=role, order=order, values=numbers)


def _plain(entry: Any) -> bool:
    """Tell whether an entry of a study file is one text, number or truth value."""
    return isinstance(entry, str | int | float)


def _is_number(entry: Any) -> bool:
    return isinstance(entry, int | float) and not isinstance(entry, bool) and math.isfinite(entry)
