"""The templates of study files: Jinja in a sandbox, held to what prompts need, so that none can hang or differ."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from simulate.study.marked import suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# A prompt is some pages long. The limit also bounds what repeated replacing can make of a text.
MOST_CHARACTERS = 1_000_000
MOST_SETS, MOST_LOOPS = 8, 2
# What a loop may go over, beside the parts of these.
LISTS = ("attributes", "specified", "options")
FILTERS = (
    *("capitalize", "count", "d", "default", "e", "escape", "first", "float", "int", "join", "last", "length", "list"),
    *("lower", "map", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr", "sort"),
    *("string", "title", "trim", "truncate", "unique", "upper", "wordcount"),
)
METHODS = (
    *("capitalize", "casefold", "count", "endswith", "find", "get", "index", "items", "keys", "lower", "lstrip"),
    *(
        "removeprefix",
        "removesuffix",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "title",
        "upper",
        "values",
    ),
)
_FORBIDDEN = {
    nodes.Macro: "macros",
    nodes.CallBlock: "calls of macros",
    nodes.Include: "other files",
    nodes.Import: "other files",
    nodes.FromImport: "other files",
    nodes.Extends: "other files",
    nodes.Block: "blocks",
    nodes.AssignBlock: "`set` blocks",
    nodes.Mul: "multiplication",
    nodes.Pow: "powers",
    nodes.Mod: "`%`",
    nodes.Concat: "`~`",
}
_FAULTS = (
    *(jinja2.TemplateError, TypeError, ValueError, ArithmeticError, AttributeError, LookupError),
    *(RecursionError, MemoryError),
)


class TemplateFault(Exception):  # noqa: N818 -- always caught and raised again as an InputError with file and line
    """A template that cannot be used; `line` counts from 1 within it."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


def _bounded(characters: int) -> None:
    if characters > MOST_CHARACTERS:
        raise SecurityError(f"a text of more than {MOST_CHARACTERS:,} characters is no prompt")


def _replace(text: Any, old: Any, new: Any) -> str:
    """Replace as Jinja does, but make no text that is longer than a prompt."""
    whole, before, after = str(text), str(old), str(new)
    _bounded(len(whole) + whole.count(before) * len(after))
    return whole.replace(before, after)


def _join(parts: Iterable[Any], between: Any = "") -> str:
    """Join as Jinja does, but make no text that is longer than a prompt."""
    texts = [str(part) for part in parts]
    _bounded(sum(map(len, texts)) + len(texts) * len(str(between)))
    return str(between).join(texts)


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja without what changes from time to time, and with an end to the texts that are put together."""

    intercepted_binops = frozenset("+")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Add, within the limit."""
        if isinstance(left, str) and isinstance(right, str):
            _bounded(len(left) + len(right))
        return super().call_binop(context, operator, left, right)


# Chat text is not HTML: with escaping the model would read `&#39;` for an apostrophe. Data never become a template:
# only the study file's own texts are compiled, and everything else is a value.
_ENVIRONMENT = _Environment(undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.globals.clear()
_ENVIRONMENT.filters = {name: _ENVIRONMENT.filters[name] for name in FILTERS} | {"replace": _replace, "join": _join}


def compiled(source: str, variables: Sequence[str]) -> jinja2.Template:
    """Compile a template that uses no variables but these.

    Raises
    ------
    TemplateFault
        When the syntax is wrong, another variable is used, or something that no prompt needs and that may take for
        ever, differ from time to time, or grow without end.
    """
    try:
        tree = _ENVIRONMENT.parse(source)
        _check(tree)
        template = _ENVIRONMENT.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateFault(f"no valid Jinja: {error.message}", error.lineno) from error
    except (RecursionError, MemoryError, SyntaxError) as error:
        raise TemplateFault("no valid Jinja: nested too deeply") from error
    for name in sorted(meta.find_undeclared_variables(tree) - set(variables)):
        line = next((node.lineno for node in tree.find_all(nodes.Name) if node.name == name), 1)
        raise TemplateFault(f"unknown variable '{name}'; {suggest(name, variables)}", line)
    return template


def rendered(template: jinja2.Template, **values: Any) -> str:
    """Render a template, without white space at either end.

    Raises
    ------
    TemplateFault
        When it uses a value that is missing, or something that the sandbox forbids.
    """
    try:
        return template.render(**values).strip()
    except _FAULTS as error:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == "<template>"), None)
        raise TemplateFault(f"cannot be filled in: {str(error).rstrip('.')}; correct this line", line or 1) from error


def _check(tree: nodes.Template) -> None:
    """Refuse what no prompt needs."""
    for kind, what in _FORBIDDEN.items():
        for node in tree.find_all(kind):
            raise TemplateFault(f"{what} cannot be used in a prompt", node.lineno)
    for call in tree.find_all(nodes.Call):
        if not (isinstance(call.node, nodes.Getattr) and call.node.attr in METHODS):
            raise TemplateFault(f"only these can be called: {', '.join(METHODS)}", call.lineno)
    sets = list(tree.find_all(nodes.Assign))
    if len(sets) > MOST_SETS:
        raise TemplateFault(f"more than {MOST_SETS} `set`", sets[MOST_SETS].lineno)
    for _ in _loops(tree, (), 0):
        pass


def _loops(node: nodes.Node, inner: tuple[str, ...], depth: int) -> Iterator[nodes.For]:
    """Yield the loops; refuse those too deep, and those over anything but lists and parts of their entries."""
    for child in node.iter_child_nodes():
        if not isinstance(child, nodes.For):
            yield from _loops(child, inner, depth)
            continue
        over = next(iter(_names(child.iter)), None)
        if child.recursive or depth == MOST_LOOPS:
            raise TemplateFault(f"loops go {MOST_LOOPS} deep at most", child.lineno)
        if over not in (*LISTS, *inner):
            raise TemplateFault(f"a loop goes over {', '.join(LISTS)}, or a part of them", child.lineno)
        yield child
        yield from _loops(child, (*inner, *_names(child.target)), depth + 1)


def _names(node: nodes.Node) -> Iterator[str]:
    """Yield the names of variables in an expression."""
    if isinstance(node, nodes.Name):
        yield node.name
    yield from (name.name for name in node.find_all(nodes.Name))
