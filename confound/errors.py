"""The exceptions a user may catch."""

from collections.abc import Sequence


class ConfoundError(Exception):
    """Anything `confound` refuses to do; the message says what is wrong, where, and what to do."""


class InputError(ConfoundError):
    """A log, a study file or an option that cannot be analysed as it is."""


class UnsaidError(InputError):
    """A log that could be read if something were said about it that it does not say itself.

    Parameters
    ----------
    message : str
    options : sequence of (str, str)
        Keyword of `confound.analyze` and value, as names of columns and questions suggest; empty where none does.
    """

    def __init__(self, message: str, options: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.options = tuple(options)


class ConfoundWarning(UserWarning):
    """A part of a result could not be made; the others were."""
