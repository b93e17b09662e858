"""Selection of rows by position, from arrays, sparse matrices, lists and pandas objects."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def take_rows(rows: Any, positions: Any) -> Any:
    """Return the rows at the given positions, regardless of the index of a DataFrame or Series."""
    return getattr(rows, "iloc", rows)[positions]


def evenly_spaced(n_rows: int, max_rows: int) -> NDArray[np.int64]:
    """Return at most `max_rows` positions, evenly spaced over `n_rows` rows."""
    return np.unique(np.linspace(0, n_rows - 1, min(n_rows, max_rows)).astype(np.int64))
