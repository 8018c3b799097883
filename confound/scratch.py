"""Folders for work under way: named after their process, so that what a killed one left can be told and swept."""

import hashlib
import os
import re
import shutil
import socket
import stat
import tempfile
from pathlib import Path

LEFT = re.compile(r"-(?P<host>[0-9a-f]{8})-(?P<id>\d+)-[^-]+(?:-old)?$")


def prefix(name: str) -> str:
    """Return how scratch folders of this process are called, so that others can tell whether it is still at work."""
    return f"{name}-{_host()}-{os.getpid()}-"


def is_left(folder: Path) -> bool:
    """Tell whether a folder is the scratch of a process of this machine that works no more, and of the same user."""
    process = LEFT.search(folder.name)
    if process is None or _may_be_alive(process["host"], int(process["id"])):
        return False
    try:
        held = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(held.st_mode) and held.st_uid == os.geteuid()


def temporary() -> "tempfile.TemporaryDirectory[str]":
    """Return a scratch folder where the system keeps such, and sweep those that killed processes left there."""
    for left in Path(tempfile.gettempdir()).glob("confound-*"):
        if is_left(left):
            shutil.rmtree(left, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=prefix("confound"), ignore_cleanup_errors=True)


def _host() -> str:
    return hashlib.blake2b(socket.gethostname().encode(), digest_size=4).hexdigest()


def _may_be_alive(host: str, process: int) -> bool:
    """Tell whether a process may be at work: of those on other machines nothing is known."""
    if host != _host():
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
