"""Progress of a run on the terminal: answers on disk, their rate and the time left."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def watched() -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows progress on stderr, given the answers on disk and those of the whole run.

    It shows nothing unless stderr is a terminal.
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None  # noqa: ARG005
        return
    with contextlib.ExitStack() as stack:
        yield _Bar(stack).show


class _Bar:
    """A progress bar that begins with the first call of `show`, since resumed runs begin with answers on disk."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack, self._bar = stack, None
        self._before, self._start = 0, time.monotonic()

    def show(self, done: int, total: int) -> None:
        """Show `done` of `total` answers."""
        if self._bar is None:
            bar: Any = click.progressbar(length=max(1, total - done), file=sys.stderr, show_eta=True)
            self._bar = self._stack.enter_context(bar)
        else:
            new = done - self._before
            rate = (self._bar.pos + new) / max(time.monotonic() - self._start, 1e-9)
            self._bar.label = f"{done:,} answers, {rate:,.0f} a second"
            self._bar.update(new)
        self._before = done
