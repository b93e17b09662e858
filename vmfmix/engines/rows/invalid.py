"""Rows that cannot be used: with masked or missing values, NaN or infinity."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

_ENTRIES_PER_BLOCK = 2**20


def unmasked(X: Any, name: str = "X") -> Any:
    """Return the data of a masked array without masked values, and anything else as it is.

    Parameters
    ----------
    X : object
    name : str, default="X"
        What X is, in messages.

    Returns
    -------
    ndarray or X

    Raises
    ------
    ValueError
        If values are masked, since other libraries would use the numbers below the mask.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.engines.rows.invalid import unmasked
    >>> unmasked(np.ma.array([[1.0, 2.0]]))
    array([[1., 2.]])
    """
    if not isinstance(X, np.ma.MaskedArray):
        return X
    validate_no_masks(np.ma.getmaskarray(X).any(axis=tuple(range(1, X.ndim))), name)
    return X.data


def non_finite_rows(X: Any) -> np.ndarray:
    """Return the positions of the rows of an array or CSR matrix with NaN or infinite values."""
    if X.dtype.kind != "f":
        return np.empty(0, dtype=int)
    if sp.issparse(X):
        positions = np.flatnonzero(~np.isfinite(X.data))
        return np.unique(np.searchsorted(X.indptr, positions, side="right") - 1)
    size = max(_ENTRIES_PER_BLOCK // max(X.shape[1], 1), 1)
    blocks = (X[start : start + size] for start in range(0, len(X), size))
    found = [~np.isfinite(block).all(axis=1) for block in blocks]
    return np.flatnonzero(np.concatenate(found)) if found else np.empty(0, dtype=int)


def validate_no_masks(is_masked: Any, name: str) -> None:
    """Raise ValueError if some rows have masked values; `is_masked` has a bool for each row."""
    _validate_none(is_masked, f"{name} has masked values")


def validate_no_nulls(is_null: Any, name: str) -> None:
    """Raise ValueError if some rows are null; `is_null` has a bool for each row."""
    _validate_none(is_null, f"{name} has null values")


def describe_rows(rows: np.ndarray, n_rows: int) -> str:
    """Return how many rows these are, the first of them, and what to do.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.engines.rows.invalid import describe_rows
    >>> describe_rows(np.array([3, 7]), 10)
    '2 of its 10 rows, first row 3 (counted from 0); fill or remove these rows'
    """
    return (
        f"{len(rows)} of its {n_rows} rows, first row {rows[0]} (counted from 0); fill or remove "
        "these rows"
    )


def _validate_none(is_invalid: Any, fault: str) -> None:
    rows = np.flatnonzero(is_invalid)
    if len(rows) > 0:
        raise ValueError(f"{fault} in {describe_rows(rows, len(is_invalid))}.")
