"""Sums of the rows that have the same number, such as a known label or the number of a group."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix.engines.base import Engine
from vmfmix.model.statistics import SufficientStatistics

_ENTRIES_PER_PART = 2**25  # of the rows that are read together


def sums_by_number(
    engine: Engine, numbers: NDArray[np.integer], n_numbers: int
) -> SufficientStatistics:
    """Return the sums over the rows with each number.

    Parameters
    ----------
    engine : Engine
    numbers : ndarray of shape (n_rows,), int
        From 0 to n_numbers − 1; rows with a negative number are left out.
    n_numbers : int

    Returns
    -------
    SufficientStatistics
        With one component for each number; its log-likelihood is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.engines.choice import choose_engine
    >>> from vmfmix.engines.row_sums import sums_by_number
    >>> engine = choose_engine(np.array([[3.0, 0.0], [0.0, 2.0], [0.0, 1.0]]))
    >>> sums_by_number(engine, np.array([0, 1, 1]), 2).resultants
    array([[1., 0.],
           [0., 2.]])
    """
    used = engine.used_rows
    used = used[numbers[used] >= 0]
    counts, resultants = np.zeros(n_numbers), None
    step = max(_ENTRIES_PER_PART // engine.n_features, 1)
    for start in range(0, len(used), step):
        positions = used[start : start + step]
        rows, weights = engine.take(positions)
        found, columns = np.unique(numbers[positions], return_inverse=True)
        counts[found] += np.bincount(columns, weights)
        by_number = sp.csr_array((weights, (columns, np.arange(len(positions)))))
        resultants = _added(resultants, by_number @ rows, found, n_numbers)
    if resultants is None:
        resultants = np.zeros((n_numbers, engine.n_features))
    return SufficientStatistics(counts, resultants, 0.0, float(counts.sum()))


def _added(resultants: Any, sums: Any, numbers: NDArray[np.integer], n_numbers: int) -> Any:
    """Return the resultants with the sums added at the rows with these numbers."""
    if sp.issparse(sums):
        places = sp.csr_array(
            (np.ones(len(numbers)), (numbers, np.arange(len(numbers)))), (n_numbers, len(numbers))
        )
        added = sp.csr_array(places @ sums)
        return added if resultants is None else resultants + added
    if resultants is None:
        resultants = np.zeros((n_numbers, sums.shape[1]))
    resultants[numbers] += sums
    return resultants
