"""Rows in any form that a fit accepts: selected by position, in blocks, and at unit length."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from vmfmix.engines.base import DTYPES
from vmfmix.engines.choice import choose_engine, prepare_rows
from vmfmix.engines.rows.tensors import is_tensor
from vmfmix.inspection.fitted_model import RowsLike

_NUMBERS_PER_BLOCK = 2**22  # 16 MiB in float32


def as_rows(X: RowsLike) -> RowsLike:
    """Return rows that can be selected by position: a list becomes an array."""
    return np.asarray(X) if isinstance(X, (list, tuple)) else X


def take_rows(X: RowsLike, positions: Any) -> Any:
    """Return the rows at the given positions, regardless of the index of a DataFrame or Series."""
    by_position: Any = getattr(X, "iloc", X)
    return by_position[positions]


def evenly_spaced(n_rows: int, max_rows: int) -> NDArray[np.int64]:
    """Return at most `max_rows` positions, evenly spaced over `n_rows` rows."""
    return np.unique(np.linspace(0, n_rows - 1, min(n_rows, max_rows)).astype(np.int64))


def blocks_of(X: RowsLike, n_results: int = 1) -> Iterator[slice]:
    """Yield slices of rows that, or `n_results` numbers for each of them, take about 16 MiB."""
    n_rows, n_numbers = X.shape
    if sp.issparse(X):
        n_numbers = X.nnz // max(n_rows, 1)
    size = max(_NUMBERS_PER_BLOCK // max(n_numbers, n_results), 1)
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def unit_rows(X: RowsLike) -> Any:
    """Return rows at unit length in memory, in the precision of a fit; a row of zeros stays.

    Parameters
    ----------
    X : {array-like, CSR matrix, tensor} of shape (n_samples, n_features)

    Returns
    -------
    ndarray or CSR matrix of shape (n_samples, n_features)
        float64 if `X` is, float32 otherwise.

    Raises
    ------
    ValueError
        If `X` contains NaN or infinity, or has the wrong shape.
    """
    X = prepare_rows(X)
    if not is_tensor(X):
        X = check_array(X, accept_sparse="csr", dtype=DTYPES)
    engine = choose_engine(X)
    return engine.take(np.arange(engine.n_rows))[0]
