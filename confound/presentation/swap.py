"""A finished folder takes the place of another, at once where the system can exchange two names."""

import ctypes
import errno
import os
import sys
from pathlib import Path

EXCHANGE = 2  # RENAME_EXCHANGE of linux/fs.h
HERE = -100  # AT_FDCWD of fcntl.h: paths are those of this process
CANNOT = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)  # an old kernel, or a file system that has none


def put(made: Path, place: Path) -> None:
    """Put a finished folder in its place; what was there stands at `made` afterwards, or at that name and ``-old``.

    Parameters
    ----------
    made : Path
    place : Path
        On the same file system; there may be nothing.

    Raises
    ------
    OSError
        Where neither way works; what was there is there still.
    """
    if not place.exists():
        made.rename(place)
    elif not exchanged(made, place):
        _renamed(made, place)


def exchanged(one: Path, other: Path) -> bool:
    """Exchange two names in one step, and tell whether this system can; a process that is killed leaves both whole."""
    if sys.platform != "linux":
        return False
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    if call(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in CANNOT:
        return False
    raise OSError(code, os.strerror(code), str(one))


def _renamed(made: Path, place: Path) -> None:
    old = made.with_name(made.name + "-old")
    place.rename(old)
    try:
        made.rename(place)
    except OSError:
        old.rename(place)
        raise
