"""Tell equal columns of a table apart by the rows they share with others, so that their order decides nothing.

Colour refinement (Weisfeiler and Leman 1968): a column is ranked by the ranks of the rows in which it has what entry, a
row by those of its columns, by turns. Columns whose ranks stay equal are taken to be interchangeable.
"""

from typing import NamedTuple

import numpy as np

from confound.statistics.arrays import IntArray

__all__ = ["Table", "distinct_ranks", "ranked"]


class Table(NamedTuple):
    """Entries of rows and columns, each of which belongs to a family that moves as a whole.

    Attributes
    ----------
    entries : ndarray of int, shape (rows, columns)
    row_families, column_families : ndarray of int, shape (rows,) and (columns,)
        From 0 on.
    """

    entries: IntArray
    row_families: IntArray
    column_families: IntArray


def distinct_ranks(table: Table, rows: IntArray, columns: IntArray) -> IntArray:
    """Return ranks of the columns, all different, that do not depend on the order of rows and columns.

    Parameters
    ----------
    table : Table
    rows, columns : ndarray of int, shape (rows,) and (columns,)
        What is known of their order, from 0 on; equal where nothing is.

    Returns
    -------
    ndarray of int, shape (columns,)
        Interchangeable columns are ranked as they stand: either way the table is the same but for the order of rows.

    Examples
    --------
    Two answers given equally often, one of them by the persona who also gave the third answer.

    >>> entries = np.array([[1, 0, 1], [1, 2, 0], [0, 0, 3]])
    >>> alone = Table(entries, np.arange(3), np.arange(3))
    >>> distinct_ranks(alone, np.zeros(3, dtype=int), np.array([0, 0, 1])).tolist()
    [1, 0, 2]
    """
    columns = _refined(table, rows, columns)
    while (tied := _first_unlike(table.entries, columns)) is not None:
        before = 2 * columns
        before[tied] -= 1
        columns = _refined(table, rows, ranked(before[:, None]))
    return np.asarray(np.argsort(np.argsort(columns, kind="stable")))


def ranked(keys: IntArray) -> IntArray:
    """Return the rank of each row of keys, equal rows having equal ranks, from 0 on."""
    return np.asarray(np.unique(keys, axis=0, return_inverse=True)[1].ravel())


def _first_unlike(entries: IntArray, columns: IntArray) -> int | None:
    """Return the first column of the lowest rank that unlike columns share; None where there is none."""
    for rank in np.flatnonzero(np.bincount(columns) > 1):
        here = np.flatnonzero(columns == rank)
        if (entries[:, here] != entries[:, here[:1]]).any():
            return int(here[0])
    return None


def _refined(table: Table, rows: IntArray, columns: IntArray) -> IntArray:
    """Rank rows by columns and columns by rows until no more are told apart."""
    n_values = int(table.entries.max()) + 1
    told_apart = 0
    while columns.max() + 1 > told_apart:
        told_apart = int(columns.max()) + 1
        by_columns = np.sort(n_values * columns + table.entries, axis=1)
        rows = _of_families(ranked(np.column_stack([rows, by_columns])), table.row_families)
        by_rows = np.sort(n_values * rows[:, None] + table.entries, axis=0)
        columns = _of_families(ranked(np.column_stack([columns, by_rows.T])), table.column_families)
    return columns


def _of_families(ranks: IntArray, families: IntArray) -> IntArray:
    """Tell members of equal rank apart by their families; a family is ranked by the ranks of its members."""
    members = [sorted(ranks[families == family].tolist()) for family in range(int(families.max()) + 1)]
    places = {key: place for place, key in enumerate(sorted({tuple(member) for member in members}))}
    of_family = np.array([places[tuple(member)] for member in members])
    return ranked(np.column_stack([ranks, of_family[families]]))
