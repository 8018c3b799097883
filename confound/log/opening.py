"""What the readers of a log share: the engine, a scratch folder, and which columns are kept."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from confound.log.layout import Layout
from confound.log.paths import partition
from confound.log.unchanged import State

SMALL, SMALL_ROWS, MOST_COLUMNS = 64 * 2**20, 300_000, 300  # of a log up to this size other columns are kept too


@dataclass(frozen=True, slots=True)
class Opening:
    """One log while it is opened.

    Attributes
    ----------
    connection : ibis.backends.duckdb.Backend
    scratch : Path
        A folder of its own.
    layout : Layout
        What the user says of the columns.
    named : dict
        File -> the columns that its path's pattern names.
    windows : set of Path
        Files in Windows' western code page.
    states : dict
        File -> what it was like before it was opened.
    """

    connection: Any
    scratch: Path
    layout: Layout
    named: dict[Path, dict[str, str]] = field(default_factory=dict)
    windows: set[Path] = field(default_factory=set)
    states: dict[Path, State | None] = field(default_factory=dict)

    def given(self, file: Path) -> dict[str, str | None]:
        """Return the columns that stand in a file's path."""
        return {**partition(file), **self.named.get(file, {})}

    def kept(self, columns: Sequence[str], *, small: bool) -> list[str]:
        """Return the columns to keep: those needed; of a small log the others too, which may say why rows repeat."""
        needed = self.layout.placed(columns).needed
        needed = [name for name in dict.fromkeys([*needed, *self.layout.names]) if name in columns]
        if not small:
            return needed
        taken = {name.casefold() for name in needed}  # the engine does not tell names apart by case
        others = [name for name in columns[:MOST_COLUMNS] if name and name.casefold() not in taken]
        return [*needed, *{name.casefold(): name for name in others}.values()]

    def no_glob(self, file: Path) -> str:
        """Return a path in which the engine sees neither a glob nor a home folder."""
        if not glob.has_magic(str(file)):
            return str(file.absolute()) if str(file).startswith("~") else str(file)
        link = self.scratch / f"link_{uuid4().hex}{''.join(file.suffixes[-2:])}"
        link.symlink_to(file.resolve())
        return str(link)
