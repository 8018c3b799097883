"""Data frames and tables in memory, as Arrow: the needed columns alone."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from confound.errors import InputError
from confound.log.faults import SHOWN_ROWS, nested_message

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def to_arrow(frame: "pd.DataFrame", needed: Sequence[str], kept: Sequence[str]) -> "pa.Table":
    """Hand columns of a data frame to Arrow; those of mixed Python objects or categories become text.

    Of the columns to keep, those that are not needed are left out where Arrow cannot hold them.
    """
    import pyarrow as pa

    columns: Mapping[str, pd.Series[Any]] = {str(name): frame[name] for name in frame.columns if str(name) in kept}
    arrays = {}
    for name, column in columns.items():
        with contextlib.nullcontext() if name in needed else contextlib.suppress(Exception):
            arrays[name] = _array(name, column)
    return pa.table(arrays or {"_nothing": pa.nulls(len(frame))})  # the caller says which columns are missing


def _array(name: str, column: "pd.Series[Any]") -> "pa.Array":
    import pandas as pd
    import pyarrow as pa

    if isinstance(column.dtype, pd.CategoricalDtype):
        names = pa.array(_text_objects(name, column.cat.categories.to_series()), pa.string())
        codes = column.cat.codes.to_numpy()
        return names.take(pa.array(codes, mask=codes < 0))
    own = isinstance(column.dtype, pd.PeriodDtype | pd.IntervalDtype | pd.SparseDtype)  # Arrow has none of these
    if column.dtype == object or own:
        return pa.array(_text_objects(name, column), pa.string())
    return pa.array(column, from_pandas=True)


def _text_objects(name: str, column: "pd.Series[Any]") -> list[str | None]:
    nested = [i + 1 for i, value in enumerate(column) if isinstance(value, dict | list | tuple | set | np.ndarray)]
    if nested:
        raise InputError(nested_message("the data frame", name, nested[:SHOWN_ROWS]))
    return [None if missing else str(value) for value, missing in zip(column, column.isna(), strict=True)]
