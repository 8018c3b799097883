"""What the commands share: NAME=VALUE options, lists of options, and errors as one message."""

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from confound.errors import ConfoundError

Command = Callable[..., None]

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class Pairs(click.ParamType[tuple[str, str]]):
    """NAME=VALUE."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split at the first equals sign."""
        if isinstance(value, tuple):
            return value
        left, sign, right = value.partition("=")
        if not (left and sign and right):
            self.fail(f"{value!r} must have the form {param.metavar if param else self.name}", param, ctx)
        return left, right


PAIR = Pairs()


def with_options(options: Sequence[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    """Return what adds options to a command, in the order in which its help lists them."""
    return lambda command: functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


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

    return told
