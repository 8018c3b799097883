"""The journal of a run: a file of checksummed lines that only grows, and from which all other files can be made.

A line is a CRC-32 in hexadecimal, a blank and a JSON object. Lines count once they are on disk (fsync). A process that
dies while writing leaves at most one incomplete line at the end, which is removed when the run is resumed. A journal
with any other damage is refused, since later lines may depend on the lost one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import zlib
from typing import TYPE_CHECKING, Any, Self

from confound.errors import ConfoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

# Not the suffix of a response table, so that `analyze` does not read a folder that has no table yet.
JOURNAL = "journal.log"
CRC_DIGITS = 8
Record = dict[str, Any]


class Journal:
    """An open journal, locked against every other process.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.

    Raises
    ------
    ConfoundError
        When the file cannot be opened or written, or another process has it open.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL
        with _told(self.path, "opened"):
            folder.mkdir(parents=True, exist_ok=True)
            new = not self.path.exists()
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self._whole = True
        try:
            self._lock()
            if new:
                sync_folder(folder)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfoundError(
                f"{self.path.parent}: another process is writing this run. Wait for it, or choose another folder "
                "with --out"
            ) from error
        except OSError as error:
            raise ConfoundError(f"{self.path}: cannot be locked ({error.strerror}); use a local disk") from error

    def records(self) -> Iterator[tuple[int, Record]]:
        """Yield the number and the content of every complete line; remove an incomplete last one.

        Raises
        ------
        ConfoundError
            When a complete line is damaged. The file stays as it is.
        """
        with _told(self.path, "read"), self.path.open("rb") as lines:
            good = 0
            for number, line in enumerate(lines, start=1):
                record = _checked(line)
                if record is None:
                    if line.endswith(b"\n"):
                        raise ConfoundError(_damaged(self.path, number))
                    self._cut(good)
                    return
                good += len(line)
                yield number, record

    def _cut(self, size: int) -> None:
        os.ftruncate(self._file, size)
        os.fsync(self._file)

    def append(self, records: Sequence[Record]) -> None:
        """Write records and wait until they are on disk.

        Raises
        ------
        ConfoundError
            When they cannot be written. None of them counts then.
        """
        if not self._whole:
            # More lines after an incomplete one would make it damage in the middle.
            raise ConfoundError(f"{self.path}: its last line is incomplete; --resume removes it and continues")
        data = memoryview(b"".join(_line(record) for record in records))
        self._whole = False
        with _told(self.path, "written"):
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)
        self._whole = True


def sync_folder(folder: Path) -> None:
    """Wait until the names of a folder's files are on disk."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write to; replace `path` by that file, once it is on disk, when the block ends without error.

    Raises
    ------
    ConfoundError
        When something cannot be written. A file that was at `path` before stays.
    """
    aside = path.with_name(f".{path.name}.part")
    try:
        with _told(path, "written"):
            yield aside
            with aside.open("rb") as written:
                os.fsync(written.fileno())
            aside.replace(path)
            sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def _line(record: Record) -> bytes:
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", "surrogatepass"
    )
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _checked(line: bytes) -> Record | None:
    text = line[CRC_DIGITS + 1 : -1]
    if line != b"%08x %s\n" % (zlib.crc32(text), text):
        return None
    try:
        record: Record = json.loads(text.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):  # no line of ours, whatever its checksum
        return None
    return record


def _damaged(path: Path, number: int) -> str:
    return (
        f"{path}: line {number} is damaged. Nothing was changed. Put back a copy of the file, "
        "or start a new run in another folder with --out"
    )


@contextlib.contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    """Turn an error of the disk into one message."""
    try:
        yield
    except OSError as error:
        raise ConfoundError(f"{path}: cannot be {what}: {error.strerror or error}. {_advice(error)}") from error


def _advice(error: OSError) -> str:
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Make room; what the journal holds is safe, and --resume continues from it"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "Choose a folder that you may write to with --out"
    return "What the journal holds is safe; --resume continues from it"
