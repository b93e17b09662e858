"""Copies among unit rows: rows that are equal up to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix.model.threads import single_threaded_blas

_ROWS_PER_PROJECTION = 4096
_ROUNDING_UNITS = 4  # units in the last place of 1 by which copies of a unit row may differ


def sort_with_copies(rows: Any) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Sort unit rows by their values, and mark the first of each group of copies.

    Rows that differ only by rounding, such as scaled copies, count as equal. The order is that of
    the projections on a fixed direction, which rounding rarely changes.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)

    Returns
    -------
    order : ndarray of shape (n_rows,)
        Numbers of the rows in their order.
    is_first : ndarray of shape (n_rows,), bool
        Whether the row at this place in the order differs from the one before.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.model.copies import sort_with_copies
    >>> order, is_first = sort_with_copies(np.eye(2)[[1, 0, 1]])
    >>> is_first.sum()
    np.int64(2)
    """
    direction = np.random.RandomState(0).standard_normal(rows.shape[1])
    with single_threaded_blas():
        projections = np.concatenate(
            [
                rows[start : start + _ROWS_PER_PROJECTION].astype(np.float64) @ direction
                for start in range(0, rows.shape[0], _ROWS_PER_PROJECTION)
            ]
        )
    order = np.argsort(projections, kind="stable")
    is_first = np.ones(len(order), dtype=bool)
    rounding = _ROUNDING_UNITS * float(np.finfo(rows.dtype).eps)
    is_near = np.diff(projections[order]) <= rounding * np.abs(direction).sum()
    for i in (np.flatnonzero(is_near) + 1).tolist():
        is_first[i] = _differ(rows, order[i], order[i - 1], rounding)
    return order, is_first


def distinct_rows(rows: Any) -> tuple[Any, NDArray[np.intp]]:
    """Return the distinct rows, and the number of the one that equals each row.

    Their order depends on their values alone, so that the result does not depend on that of `rows`.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Unit rows.

    Returns
    -------
    distinct : ndarray or CSR matrix of shape (n_distinct, n_features)
    numbers : ndarray of shape (n_rows,)
    """
    if rows.shape[0] == 0:
        return rows, np.empty(0, np.intp)
    order, is_first = sort_with_copies(rows)
    numbers = np.empty(len(order), np.intp)
    numbers[order] = np.cumsum(is_first) - 1
    return rows[order[is_first]], numbers


def _differ(rows: Any, i: int, j: int, rounding: float) -> bool:
    """Return whether two rows differ by more than rounding."""
    if not sp.issparse(rows):
        return bool((np.abs(rows[i] - rows[j]) > rounding).any())
    first, second = (slice(*rows.indptr[k : k + 2]) for k in (i, j))
    return not (
        np.array_equal(rows.indices[first], rows.indices[second])
        and (np.abs(rows.data[first] - rows.data[second]) <= rounding).all()
    )
