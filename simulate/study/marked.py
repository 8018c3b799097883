"""YAML with the line of every value, so that a message can name the line of a mistake."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from confound.errors import InputError
from confound.shape import is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

MAX_BYTES = 5_000_000
# Aliases may unfold a few bytes into gigabytes, or into themselves.
MAX_NODES = 100_000
MAX_DEPTH = 20
LONGEST_SHOWN = 20
_IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PLAIN = {"null", "bool", "int", "float", "str", "seq", "map"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A value of a file and where it stands.

    Attributes
    ----------
    file : str
    line : int
        Counted from 1; of a key's value, the key's line.
    where : str
        Path of keys to the value, such as `questions[3].options`; empty for the whole file.
    value : dict of str to Entry, list of Entry, str, int, float, bool or None
    text : str or None
        A scalar as written; None for a mapping or a list.
    first_line : int
        Line on which a multi-line text begins.
    """

    file: str
    line: int
    where: str
    value: Any
    text: str | None
    first_line: int

    def error(self, message: str, *, line: int | None = None) -> InputError:
        """Return (not raise) the error that points here, or to another line of this file."""
        return InputError(f"{self.file}:{line or self.line}: {message}")

    def mapping(self, required: Iterable[str] = (), optional: Iterable[str] | None = ()) -> dict[str, Entry]:
        """Return a mapping's entries; refuse unknown keys (any key goes if `optional` is None) and missing ones."""
        if not isinstance(self.value, dict):
            raise self.error(f"{self._name} must be a mapping (`key: value` lines) but is {self._shown()}")
        required = tuple(required)
        if optional is not None:
            known = tuple(dict.fromkeys((*required, *optional)))
            for key, entry in self.value.items():
                if key not in known:
                    raise entry.error(f"unknown key '{key}' in {self._name}; {suggest(key, known)}")
        for key in required:
            if key not in self.value:
                raise self.error(f"{self._name} has no `{key}`; add it")
        return self.value

    def _shown(self) -> str:
        """Say what the value is; of a whole file nothing is shown, since a path may lead to any file."""
        return _kind(self.value) if self.where or not isinstance(self.value, str) else "text"

    def listing(self, *, at_least: int = 0) -> list[Entry]:
        """Return a list's entries, of which there must be some number."""
        if not isinstance(self.value, list):
            raise self.error(f"{self._name} must be a list (`- item` lines or [a, b]) but is {_kind(self.value)}")
        if len(self.value) < at_least:
            raise self.error(f"{self._name} needs {at_least} or more entries but has {len(self.value)}")
        return self.value

    def string(self, *, template: bool = False) -> str:
        """Return a text that is not blank and reads the same to every YAML reader."""
        if self.text is None or self.value is None:
            raise self.error(f"{self._name} must be text but is {_kind(self.value)}")
        if not isinstance(self.value, str) and str(self.value) != self.text:
            raise self.error(f"{self._name}: YAML reads {self.text} as {self.value!r}; put it in quotes: '{self.text}'")
        if self.text != self.text.encode("utf-8", "replace").decode():
            raise self.error(f"{self._name} holds half a letter, {self.text!r}; write it as it is, or as \\UXXXXXXXX")
        if not self.text.strip():
            raise self.error(f"{self._name} is empty; write its text")
        if not template and ("{{" in self.text or "{%" in self.text):
            raise self.error(f"{self._name} is plain text, not a template; take out '{{{{' and '{{%'")
        return self.text if template else self.text.strip()

    def whole(self, *, at_least: int) -> int:
        """Return a whole number of some size or more."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.error(f"{self._name} must be a whole number but is {_kind(self.value)}")
        if self.value < at_least:
            raise self.error(f"{self._name} must be {at_least} or more but is {self.value}")
        return self.value

    def number(self) -> float:
        """Return a finite number."""
        if not is_number(self.value):
            raise self.error(f"{self._name} must be a number but is {_kind(self.value)}")
        return float(self.value)

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.error(f"{self._name} must be true or false but is {_kind(self.value)}")
        return self.value

    def plain(self) -> Any:
        """Return the value without its marks."""
        if isinstance(self.value, dict):
            return {key: entry.plain() for key, entry in self.value.items()}
        return [entry.plain() for entry in self.value] if isinstance(self.value, list) else self.value

    @property
    def _name(self) -> str:
        return f"`{self.where}`" if self.where else "a study file"


def one_line(entry: Entry) -> str:
    """Return a text of one printable line."""
    text = entry.string()
    if not text.isprintable():
        raise entry.error(f"{text!r} must be one line of printable text")
    return text


def identifier(entry: Entry) -> str:
    """Return a text of letters, digits, `_`, `-` and `.`."""
    name = one_line(entry)
    if not _IDENTIFIER.fullmatch(name):
        raise entry.error(f"'{name}' is no identifier; use letters, digits, _, - and . only")
    return name


def distinct(listed: Iterable[Entry], what: str, key: str | None, read: Callable[[Entry], T]) -> dict[str, T]:
    """Read the entries of a list into a mapping, and refuse a name that occurs twice.

    Parameters
    ----------
    listed : iterable of Entry
    what : str
        What messages call an entry.
    key : str or None
        The key of an entry that holds its name; None: the entry itself is the name.
    read : callable
        Reads one entry.
    """
    found: dict[str, T] = {}
    lines: dict[str, int] = {}
    for entry in listed:
        one = read(entry)
        name_entry = entry.value[key] if key else entry
        name = one_line(name_entry)
        if name in found:
            raise name_entry.error(f"{what} '{name}' stands twice, first on line {lines[name]}; rename or remove one")
        found[name], lines[name] = one, name_entry.line
    return found


def suggest(word: str, known: Iterable[str]) -> str:
    """Say which known word was probably meant, or which there are."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"there are {', '.join(known)}" if known else "there are none"


def read(content: bytes, file: str) -> Entry:
    """Parse YAML text into marked entries.

    Parameters
    ----------
    content : bytes
        UTF-8, with or without byte-order mark.
    file : str
        What messages call the file.

    Raises
    ------
    InputError
        With file and line, where the text is no YAML, holds a key twice, a key that is no text, a tag of its own,
        or aliases that unfold without end.
    """
    if len(content) > MAX_BYTES:
        raise InputError(f"{file}: {len(content):,} bytes are no study file; at most {MAX_BYTES:,} are read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{file}:{line}: no UTF-8 text; save the file as UTF-8") from error
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise InputError(f"{file}:1: the file is empty; `confound simulate --show book_opinions` prints an example")
        return _Marker(file, loader).entry(node, "", node.start_mark.line + 1, 0)
    except yaml.YAMLError as error:
        raise InputError(_syntax(file, error)) from error
    except RecursionError as error:
        raise InputError(f"{file}:1: nested too deeply to be a study file") from error


class _Marker:
    def __init__(self, file: str, loader: yaml.SafeLoader) -> None:
        self.file, self.loader, self.nodes = file, loader, 0

    def entry(self, node: yaml.Node, where: str, line: int, depth: int) -> Entry:
        self.nodes += 1
        if self.nodes > MAX_NODES or depth > MAX_DEPTH:
            raise InputError(f"{self.file}:{line}: too large or too deeply nested for a study file; unfold the aliases")
        tag = node.tag.removeprefix("tag:yaml.org,2002:")
        if tag not in _PLAIN:
            raise InputError(
                f"{self.file}:{line}: `{where}` reads as a YAML {tag.lstrip('!')}; put it in quotes if it is text"
            )
        value: Any
        if isinstance(node, yaml.MappingNode):
            value = self._mapping(node, where, depth)
        elif isinstance(node, yaml.SequenceNode):
            value = [
                self.entry(child, f"{where}[{number}]", child.start_mark.line + 1, depth + 1)
                for number, child in enumerate(node.value, start=1)
            ]
        else:
            value = self._scalar(node, where, line)
        text = node.value if isinstance(node, yaml.ScalarNode) else None
        # The mark of a block text (`|`) is its indicator; the text begins on the line after it.
        block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
        return Entry(self.file, line, where, value, text, node.start_mark.line + 1 + block)

    def _scalar(self, node: yaml.Node, where: str, line: int) -> Any:
        try:
            return self.loader.construct_object(node)
        except ValueError as error:
            raise InputError(f"{self.file}:{line}: `{where}` cannot be read: {error}; put it in quotes") from error

    def _mapping(self, node: yaml.MappingNode, where: str, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.value == "<<":
                raise InputError(f"{self.file}:{line}: a key must be plain text")
            key = str(key_node.value)
            if key in entries:
                raise InputError(
                    f"{self.file}:{line}: key '{key}' stands twice, first on line {entries[key].line}; keep one"
                )
            entries[key] = self.entry(value_node, f"{where}.{key}" if where else key, line, depth + 1)
        return entries


def _syntax(file: str, error: yaml.YAMLError) -> str:
    marks = [getattr(error, name, None) for name in ("problem_mark", "context_mark")]
    # A quote that never ends is noticed at the end of the file; the mistake is where it begins.
    unended = "quoted scalar" in (getattr(error, "context", None) or "")
    mark = next(filter(None, reversed(marks) if unended else marks), None)
    line = mark.line + 1 if mark else 1
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    return f"{file}:{line}: no valid YAML: {problem}; check quotes, colons and indentation on and above this line"


def _kind(value: Any) -> str:
    """Say what a value is. A longer text is not shown: a path may lead to any file, and its content stays there."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str) and len(value) > LONGEST_SHOWN:
        return "text"
    return "empty" if value is None else repr(value)
