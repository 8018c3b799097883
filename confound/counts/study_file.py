"""What study files say of questions, control arms and labels."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from confound.counts.scales import canonical
from confound.errors import InputError
from confound.shape import is_number
from confound.vocabulary import ROLES


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
class StudyFiles:
    """What some study files say together.

    Attributes
    ----------
    questions : dict
        Question -> `QuestionSpec`.
    control : tuple of (study or None, arm)
        The control arm of each file that names one.
    placebo : dict
        Arm -> the arm that it only rewords (`placebo_of`).
    labels : dict
        ``"studies"`` and ``"questions"``: name -> label in tables, of those that have one.
    """

    questions: Mapping[str, QuestionSpec] = field(default_factory=dict)
    control: tuple[tuple[str | None, str], ...] = ()
    placebo: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_study_files(paths: Sequence[str | Path]) -> StudyFiles:
    """Read study files.

    Parameters
    ----------
    paths : sequence of path
        YAML files. Of each, `study`, `title`, `control`, `arms` (`name`, `placebo_of`) and `questions` (a list with
        `id`, `role`, `options`, `values`, `ordered`, `label`) are used here; the rest belongs to the simulator.

    Raises
    ------
    InputError
        Where a file cannot be read, is no such mapping, or two files disagree on a question.
    """
    contents = [_yaml(Path(path)) for path in paths]
    questions: dict[str, QuestionSpec] = {}
    for path, content in zip(paths, contents, strict=True):
        for name, question in _questions(Path(path), content).items():
            if questions.setdefault(name, question) != question:
                raise InputError(f"{path}: question '{name}' differs from another study file's")
    return StudyFiles(questions, _control(contents), _placebo(contents), _labels(contents))


def _control(contents: Sequence[Mapping[str, Any]]) -> tuple[tuple[str | None, str], ...]:
    return tuple((str(c["study"]) if "study" in c else None, str(c["control"])) for c in contents if "control" in c)


def _placebo(contents: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    listed = [arms for content in contents if isinstance(arms := content.get("arms"), list)]
    named = [arm for arms in listed for arm in arms if isinstance(arm, dict) and {"name", "placebo_of"} <= arm.keys()]
    return {str(arm["name"]): str(arm["placebo_of"]) for arm in named}


def _labels(contents: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return what the files call their study (`title`) and their questions (`label`)."""
    named = [c for c in contents if isinstance(c.get("title"), str) and "study" in c]
    questions = [q for c in contents for q in c.get("questions", []) if isinstance(q.get("label"), str)]
    return {
        "studies": {str(c["study"]): c["title"] for c in named},
        "questions": {str(q["id"]): q["label"] for q in questions},
    }


class _Loader(yaml.SafeLoader):
    """YAML in which yes, no, on, off and dates are answers, as they are written, and every text can be written."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """Refuse halves of letters, which an escape may hold."""
        text = super().construct_scalar(node)
        str(text).encode()  # raises ValueError
        return text


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_TRUTH = re.compile(r"(?:true|True|TRUE|false|False|FALSE)$")  # only the beginning is matched otherwise
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _TRUTH, list("tTfF"))


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)  # noqa: S506 -- a safe loader
    except OSError as error:
        raise InputError(f"{path}: cannot be read as YAML: {error.strerror or error}") from error
    except (ValueError, KeyError, RecursionError, yaml.YAMLError) as error:  # KeyError: of `!!bool maybe`
        # The error's own text quotes the file, and the path may lead to any file.
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        place = f"line {mark.line + 1}: " if mark else ""
        raise InputError(f"{path}: cannot be read as YAML: {place}{problem or 'it is no text'}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: a study file is a mapping with a list `questions`")
    for key in ("study", "control"):  # what aliases unfold into has no end as text
        if key in content and not _plain(content[key]):
            raise InputError(f"{path}: `{key}` is a text")
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
    if not isinstance(values, list) or len(values) != len(order) or not all(map(is_number, values)):
        raise InputError(f"{where}: `values` is a list of numbers, one for each of its {len(order)} options")
    numbers = {canonical(option) or option: float(value) for option, value in zip(order, values, strict=True)}
    return QuestionSpec(role=role, order=order, values=numbers)


def _plain(entry: Any) -> bool:
    """Tell whether an entry of a study file is one text, number or truth value."""
    return isinstance(entry, str | int | float)
