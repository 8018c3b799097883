"""Files that are written to while they are read: what was counted is then neither the old log nor the new one."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from confound.errors import InputError

State = tuple[int, int, int]


def state(file: Path) -> State | None:
    """Return what changes with a file's content: size, time of the last change, and which file it is."""
    try:
        held = file.stat()
    except OSError:
        return None
    return held.st_size, held.st_mtime_ns, held.st_ino


@contextlib.contextmanager
def told(before: Mapping[Path, State | None]) -> Iterator[None]:
    """Raise where a file is another one after the `with` block than it was before.

    Parameters
    ----------
    before : mapping
        File -> its state; may be filled within the block, before a file is opened.

    Raises
    ------
    InputError
        It takes the place of an error of the block, which comes of the change.
    """
    try:
        yield
    except InputError as error:
        message = _changed(before)
        if message:
            raise InputError(message) from error
        raise
    message = _changed(before)
    if message:
        raise InputError(message)


def _changed(before: Mapping[Path, State | None]) -> str:
    file = next((file for file, held in before.items() if state(file) != held), None)
    if file is None:
        return ""
    what = "was removed" if state(file) is None else "was written to"
    return f"{file}: {what} while it was read. Run again once nothing writes to it"
