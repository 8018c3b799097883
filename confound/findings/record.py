"""A result as JSON, from which it can be read back to the last bit."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from confound import __version__
from confound.errors import InputError

FILE = "analysis.json"
FORMAT = 1  # raised whenever an older confound could no longer read the file


def to_json(content: Mapping[str, Any], frames: Mapping[str, pd.DataFrame]) -> str:
    """Write frames (with their column types) and what else a result holds; a missing number is null."""
    whole = {
        "format": FORMAT,
        **content,
        **{name: _records(frame) for name, frame in frames.items()},
        "dtypes": {name: {str(c): str(frame[c].dtype) for c in frame} for name, frame in frames.items()},
    }
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def save_fits(fits: Mapping[str, Any], path: Path) -> None:
    """Write the posterior draws of the models to one netCDF file."""
    from confound.statistics.stabilization.arviz_versions import save  # ArviZ takes seconds to import

    save(fits, path)


def read(path: str | Path) -> dict[str, Any]:
    """Read what `to_json` wrote, from a file or the folder that holds it; frames are under their names.

    Raises
    ------
    InputError
        Where there is no such file, or it is damaged, not confound's, or written by a later version.
    """
    path = Path(path)
    file = path / FILE if path.is_dir() else path
    content = _content(file)
    if content["format"] > FORMAT:
        versions = content.get("versions")
        writer = versions.get("confound", "?") if isinstance(versions, dict) else "?"
        raise InputError(
            f"{file}: was written by confound {writer}; this is {__version__}. Upgrade confound to read it"
        )
    try:
        frames = {name: _frame(content[name], dtypes) for name, dtypes in content["dtypes"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{file}: is damaged ({_short(error)}). Run the analysis again") from error
    return content | frames


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{file}: cannot be read: {reason}. Name a folder that `confound analyze --out` wrote"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: is cut short or no JSON ({_short(error)}). Run the analysis again") from error
    kind = content.get("format") if isinstance(content, dict) else None
    if not isinstance(kind, int) or not isinstance(content.get("dtypes"), dict):
        raise InputError(f"{file}: is not an analysis that this confound wrote. Run `confound analyze` on the log")
    return dict(content)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    columns = {str(name): [_plain(value) for value in frame[name].tolist()] for name in frame}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _plain(value: Any) -> Any:
    if isinstance(value, float) and np.isinf(value):
        return "inf" if value > 0 else "-inf"
    return None if value is pd.NA or (isinstance(value, float) and np.isnan(value)) else value


def _frame(records: list[dict[str, Any]], dtypes: Mapping[str, str]) -> pd.DataFrame:
    for record in records:
        if set(record) != set(dtypes):
            raise ValueError(f"a row has the columns {', '.join(record)}")
    columns = {name: _column([record[name] for record in records], dtype) for name, dtype in dtypes.items()}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(records)), columns=list(dtypes))


def _column(values: list[Any], dtype: Any) -> Any:
    if dtype.startswith("float"):
        return np.array([np.nan if value is None else float(value) for value in values], dtype=dtype)
    if dtype == "object":
        return pd.Series(values, dtype=object)
    if any(value is not None and isinstance(value, str) != (dtype in ("str", "string")) for value in values):
        raise TypeError(f"a value of type {dtype} was expected")
    return pd.array(values, dtype=dtype)
