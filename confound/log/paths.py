"""Which files a path, a folder or a glob means, and what their names tell."""

import glob
import gzip
import re
from os import PathLike
from pathlib import Path
from typing import IO, cast
from urllib.parse import unquote

from confound.errors import InputError
from confound.log.layout import COLUMNS

FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    **dict.fromkeys((".sav", ".zsav", ".dta", ".xlsx", ".xlsm", ".db", ".sqlite", ".sqlite3", ".eval"), "other"),
}


_PARTITION_OF_NONE = "__HIVE_DEFAULT_PARTITION__"


def expand(path: str | PathLike[str]) -> list[Path]:
    """List the files that a path, a folder or a glob stands for, sorted.

    A folder that holds `responses.*` stands for that file and a simulated run's `source_design.*` beside it; another
    stands for every log file below it, those in hidden folders and in folders that begin with an underscore left out.
    A path with names in braces, such as ``runs/{model}/{arm}.csv``, stands for every file that fits it.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path)
    if named_parts(path):
        return _of_pattern(path)
    if path.exists():
        if suffix(path) not in FORMATS:
            raise InputError(f"{path}: unknown format. Known are {', '.join(FORMATS)}, each also with .gz for text")
        return [path]
    if glob.has_magic(str(path)):
        found = [Path(p) for p in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207 -- absolute patterns
        files = [file for p in found for file in (_below(p) if p.is_dir() else [p]) if _is_log(file)]
        if not files:
            raise InputError(f"{path}: no file of a known format matches ({', '.join(FORMATS)})")
        return files
    raise InputError(f"{path}: no such file or folder")


def _folder(folder: Path) -> list[Path]:
    whole = [file for file in sorted(folder.glob("responses.*")) if _is_log(file)]
    if whole:
        return whole[:1] + [file for file in sorted(folder.glob("source_design.*")) if _is_log(file)][:1]
    files = _below(folder)
    kinds = sorted({FORMATS[suffix(file)] for file in files})
    if not files:
        raise InputError(f"{folder}: the folder holds no log ({', '.join(FORMATS)})")
    if len(kinds) > 1:
        raise InputError(f"{folder}: the folder mixes {' and '.join(kinds)} files. Name the files, or use a glob")
    return files


def _below(folder: Path) -> list[Path]:
    """List the log files at any depth; notebooks keep copies in hidden folders, table formats their own notes in _*."""
    files = [file for file in sorted(folder.rglob("*")) if _is_log(file)]
    return [
        file
        for file in files
        if not any(part.startswith((".", "_")) and "=" not in part for part in file.relative_to(folder).parts)
    ]


def _is_log(file: Path) -> bool:
    return file.is_file() and suffix(file) in FORMATS and not file.name.startswith((".", "_"))


def suffix(file: Path) -> str:
    """Return what tells the format; of a compressed text, what stands before .gz."""
    suffixes = [s.lower() for s in file.suffixes]
    if len(suffixes) > 1 and suffixes[-1] == ".gz" and FORMATS.get(suffixes[-2]) in ("csv", "json"):
        return suffixes[-2]
    return (suffixes or [""])[-1]


def partition(file: Path) -> dict[str, str | None]:
    """Return the columns that stand in folder names, as in `study=books/model=gpt/log.csv`."""
    pairs = [part.split("=", 1) for part in file.parent.parts if "=" in part]
    return {key: None if text == _PARTITION_OF_NONE else unquote(text) for key, text in pairs}


NAME = re.compile(r"\{([a-z_]+)\}")


def named_parts(path: str | PathLike[str]) -> list[str]:
    """Return the columns that a path names in braces, none if there is a file of just this name.

    >>> named_parts("runs/{model}/{arm}.csv")
    ['model', 'arm']
    """
    return [] if Path(path).exists() else NAME.findall(str(path))


def _of_pattern(path: Path) -> list[Path]:
    text = str(path)
    strange = [name for name in NAME.findall(text) if name not in COLUMNS]
    if strange:
        raise InputError(f"{path}: {{{strange[0]}}} is no column. A path can name {', '.join(COLUMNS)}")
    pieces = NAME.split(text)[::2]
    found = sorted(glob.glob("*".join(map(glob.escape, pieces))))  # noqa: PTH207 -- absolute patterns
    files = [Path(name) for name in found if _is_log(Path(name)) and named_in(path, Path(name))]
    if not files:
        raise InputError(f"{path}: no file of a known format fits ({', '.join(FORMATS)})")
    return files


def named_in(pattern: str | PathLike[str], file: Path) -> dict[str, str]:
    """Return what a file's path holds in the place of each name of a pattern; nothing if it does not fit.

    >>> named_in("runs/{model}/{arm}.csv", Path("runs/gpt/control.csv"))
    {'model': 'gpt', 'arm': 'control'}
    """
    pieces = NAME.split(str(pattern))
    seen: set[str] = set()
    expression = ""
    for place, piece in enumerate(pieces):
        again = piece in seen
        expression += re.escape(piece) if place % 2 == 0 else f"(?P={piece})" if again else f"(?P<{piece}>[^/]+?)"
        seen |= {piece} if place % 2 else set()
    found = re.fullmatch(expression, str(file))
    return found.groupdict() if found else {}


def binary(file: Path) -> IO[bytes]:
    """Open a file for reading as bytes, decompressed if its name says that it is compressed."""
    return cast("IO[bytes]", gzip.open(file)) if file.suffix.lower() == ".gz" else file.open("rb")
