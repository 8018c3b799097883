"""A part that fails costs only itself: what was being made, and what went wrong."""

import contextlib
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Failure:
    """One piece of work that failed.

    Attributes
    ----------
    part : str
        What is missing because of it, such as "decomposition" or "figure waterfall".
    about : str
        The study, model, contrast and question that it was about; empty where it is about more than one.
    error : str
        Type and message of the exception.
    trace : str
        The traceback.
    """

    part: str
    about: str
    error: str
    trace: str

    @property
    def message(self) -> str:
        """What is missing and why, in a sentence."""
        about = f" ({self.about})" if self.about else ""
        return f"Missing: {self.part}{about}. It could not be made ({self.error}); everything else was computed."


def failure(part: str, about: str, error: Exception) -> Failure:
    """Describe an exception."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return Failure(part, about, words[:300], "".join(traceback.format_exception(error)))


def about(place: Mapping[str, Any]) -> str:
    """Name a place by the values of its columns, for `Failure.about`."""
    return " / ".join(map(str, place.values()))


class Failures(list[Failure]):
    """The failures of an analysis, as they are collected."""

    @contextlib.contextmanager
    def catching(self, part: str, about: str = "") -> Iterator[None]:
        """Go on after the `with` block whatever happens in it, and keep what went wrong."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- the point of it: the other parts are still worth having
            self.append(failure(part, about, error))

    def sifted(self, made: Iterator[R | Failure]) -> Iterator[R]:
        """Yield what was made, and keep what failed."""
        for each in made:
            if isinstance(each, Failure):
                self.append(each)
            else:
                yield each

    def unless_failed(self, made: R | Failure) -> R | None:
        """Return what was made; None, with the failure kept, if it failed."""
        return next(self.sifted(iter([made])), None)


@dataclass(frozen=True, slots=True)
class Guarded(Generic[T, R]):
    """A task that returns a `Failure` in place of raising; a process can be told of it if it can of the task.

    Attributes
    ----------
    task : callable
        Of one item.
    part : str
        See `Failure`.
    about : callable
        Item -> the text of `Failure.about`.
    """

    task: Callable[[T], R]
    part: str
    about: Callable[[T], str]

    def __call__(self, item: T) -> R | Failure:
        """Do the task."""
        try:
            return self.task(item)
        except Exception as error:  # noqa: BLE001 -- as above
            return failure(self.part, self.about(item), error)
