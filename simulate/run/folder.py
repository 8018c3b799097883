"""The folder of a run: whether it may be written, and the folders of its shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confound.errors import ConfoundError, InputError
from simulate.run.continuing import check_same
from simulate.run.journal import JOURNAL, Journal
from simulate.run.replay import Recorded, recorded
from simulate.run.settings import parse_shard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHARD_FOLDER = "shard-{}-of-{}"


def home_of(out: Path, shard: str | None) -> Path:
    """Return the folder of a run's journal; a shard has one of its own within the run's."""
    return out if shard is None else out / SHARD_FOLDER.format(*parse_shard(shard))


def check_folder(out: Path, home: Path, *, resume: bool) -> None:
    """Refuse a folder that holds anything but this run."""
    try:
        held = sorted(path.name for path in out.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{out}: is no folder to write in ({error.strerror}). Choose another with --out") from error
    shards = [name for name in held if name.startswith("shard-")]
    if home == out and JOURNAL not in held and shards:
        raise InputError(f"{out}: holds shards of a run; join them with --merge, or choose another folder with --out")
    if home != out and JOURNAL in held:
        raise InputError(f"{out}: holds a run without shards. Choose another folder with --out")
    if held and JOURNAL not in held and not shards:
        what = "holds no run to resume, but" if resume else "already holds"
        raise InputError(f"{out}: {what} {held[0]}. Choose another folder with --out, or empty this one")


def check_journal(home: Path, found: Recorded) -> None:
    """Refuse a folder whose journal lost the run that left the other files: a new run would replace its tables.

    Raises
    ------
    ConfoundError
    """
    left = sorted(path.name for path in home.iterdir() if path.name != JOURNAL and not path.name.startswith("."))
    if found.header is None and left:
        raise ConfoundError(
            f"{home}: {JOURNAL} is empty, but {left[0]} of an earlier run lies beside it. Put back a copy of the "
            "journal, or choose another folder with --out"
        )


def shard_folders(out: Path) -> list[Path]:
    """Return the folders of all shards, in order."""
    found = [path for path in out.glob("shard-*-of-*") if (path / JOURNAL).exists()]
    parts = {path.name.rpartition("-")[2] for path in found}
    if len(parts) != 1:
        what = "holds shards of different runs" if parts else "holds no shards to merge"
        raise InputError(f"{out}: {what}. Make them with --shard 1/N to N/N and the same --out")
    n = int(parts.pop())
    wanted = [out / SHARD_FOLDER.format(i, n) for i in range(1, n + 1)]
    missing = [path.name for path in wanted if path not in found]
    if missing:
        raise ConfoundError(f"{out}: {', '.join(missing)} is missing. Run it with --shard first")
    return wanted


def joined(parts: Sequence[Recorded], journals: Sequence[Journal]) -> Recorded:
    """Return what all shards hold, as if they were one run.

    Raises
    ------
    ConfoundError
        When a shard has not begun, or belongs to another run.
    """
    header = dict(parts[0].header or {}) | {"shard": None}
    whole = Recorded(header=header)
    for part, journal in zip(parts, journals, strict=True):
        home = journal.path.parent
        if part.header is None:
            raise ConfoundError(f"{home}: has not begun. Run it with --shard first")
        check_same(str(home), part.header | {"shard": None}, header)
        whole.add(part)
    return whole


def source_of(out: Path) -> str | None:
    """Return the study file of the run or the shards in a folder; None if the folder holds no run."""
    homes = [out, *sorted(out.glob("shard-*-of-*"))]
    home = next((home for home in homes if (home / JOURNAL).exists()), None)
    if home is None:
        return None
    with Journal(home) as journal:
        header = recorded(journal).header
    return None if header is None else str(header["source"])
