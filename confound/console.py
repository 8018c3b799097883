"""What the commands share: how options are typed, progress, and errors as one message."""

import csv
import errno
import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import click

from confound.errors import ConfoundError

Command = Callable[..., None]
Decorator = Callable[[Command], Command]
T = TypeVar("T")

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class Pairs(click.ParamType[tuple[str, T]], Generic[T]):
    """NAME=VALUE, as a pair of the name and what `read` makes of the value.

    Parameters
    ----------
    read : callable
        Takes the text of the value; raises `ValueError` with the reason where it has the wrong form.
    """

    name = "NAME=VALUE"

    def __init__(self, read: Callable[[str], T]) -> None:
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, T]:
        """Split at the first equals sign."""
        if isinstance(value, tuple):
            return value
        left, sign, right = value.partition("=")
        if not (left and sign and right):
            self.fail(f"{value!r} must have the form {param.metavar if param else self.name}", param, ctx)
        try:
            return left, self._read(right)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


class Model(click.ParamType[str]):
    """model=NAME, as the name."""

    name = "model=NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Leave the name."""
        if not value.startswith("model="):
            self.fail(f"{value!r} must name a model, such as model=human", param, ctx)
        return str(value.removeprefix("model="))


PAIR = Pairs(str)


def answers(text: str) -> tuple[str, ...]:
    """Read answers that are separated by commas; an answer with a comma stands in double quotes."""
    try:
        return tuple(next(csv.reader([text], skipinitialspace=True)))
    except csv.Error as error:
        raise ValueError(str(error)) from error


def quantiles(text: str) -> int:
    """Read ``quantile:N``, the number of bins."""
    kind, _, count = text.partition(":")
    if kind != "quantile" or not count.isdecimal():
        raise ValueError("only quantile bins are possible, such as quantile:5")
    return int(count)


def ends(text: str) -> tuple[float, float]:
    """Read ``LOW,HIGH``, the ends of a scale."""
    low, _, high = text.partition(",")
    try:
        return float(low), float(high)
    except ValueError:
        raise ValueError("two numbers are needed, such as 1,7") from None


def mapping(_: click.Context, param: click.Parameter, pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Turn the pairs of a repeated option into a mapping; refuse a name that is given twice."""
    found: dict[str, T] = {}
    for name, value in pairs:
        if name in found:
            raise click.BadParameter(f"{name!r} is given twice. Keep one", param=param)
        found[name] = value
    return found


def with_options(options: Sequence[Decorator]) -> Decorator:
    """Return what adds options to a command, in the order in which its help lists them."""
    return lambda command: functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def track(made: Iterable[T], total: int) -> Iterator[T]:
    """Show progress on stderr if it is a terminal."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(made, total, "Testing", file=sys.stderr, hidden=hidden, show_pos=True) as bar:
        yield from bar


def tell() -> Callable[[str], None] | None:
    """Return a function that prints a line on stderr; None if stderr is not a terminal."""
    return functools.partial(click.echo, err=True) if sys.stderr.isatty() else None


def errors_told(command: Command) -> Command:
    """Print what the library refuses as one message and exit with code 2."""

    @functools.wraps(command)
    def told(**given: Any) -> None:
        try:
            command(**given)
        except ConfoundError as error:
            from confound.text import printable

            click.echo(f"Error: {printable(str(error))}", err=True)
            sys.exit(EXIT_BAD_INPUT)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            click.echo("Error: the output cannot be written: no space is left. Free some, or write elsewhere", err=True)
            os._exit(EXIT_FAILED)  # what is buffered cannot be written either

    return told
