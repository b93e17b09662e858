"""Sizes of groups of rows that are much nearer to each other than to other rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vmfmix.model.threads import single_threaded_blas
from vmfmix.neighbors.graph import N_NEIGHBORS, joined, suitable_n_neighbors
from vmfmix.neighbors.search import Neighbors, Report, nearest_neighbors

_N_PLACES = 1000  # at which group sizes are estimated
_MAX_SIZE = 16  # the estimate has no larger ones


def n_close_neighbors(found: Neighbors, mean_cosines: NDArray[np.floating]) -> NDArray[np.integer]:
    """Count the neighbors of each row that are closer than half-way to the mean of all rows.

    A neighbor is close if its cosine is at least the mean of two values: that of the nearest
    neighbor, and the mean cosine to all rows.

    Parameters
    ----------
    found : Neighbors
    mean_cosines : ndarray of shape (n_queries,)
        Mean cosine of each query to all rows.

    Returns
    -------
    ndarray of shape (n_queries,), int
        From 1 to the number of neighbors that were sought.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.neighbors.group_size import n_close_neighbors
    >>> from vmfmix.neighbors.search import Neighbors
    >>> cosines = np.array([[0.9, 0.8, 0.3, 0.2]], dtype=np.float32)
    >>> found = Neighbors(np.array([[1, 2, 3, 4]], dtype=np.int32), cosines)
    >>> n_close_neighbors(found, np.array([0.1]))
    array([2])
    """
    half_way = (found.cosines[:, 0] + mean_cosines) / 2.0
    counts = np.count_nonzero(found.cosines >= half_way[:, np.newaxis], axis=1)
    return np.maximum(counts, 1)  # among few rows, the mean may be greater than the other cosines


def within_groups(found: Neighbors, rows: Any) -> Neighbors:
    """Keep as many of the neighbors of each row as the typical row has close ones.

    In small groups, the other neighbors are rows of other groups.

    Parameters
    ----------
    found : Neighbors
        Of all rows among themselves.
    rows : ndarray or CSR matrix of shape (n_rows, n_features)

    Returns
    -------
    Neighbors
        The same number for each row: the median of `n_close_neighbors`.
    """
    n_kept = int(np.median(n_close_neighbors(found, _mean_cosines(rows, rows))))
    return Neighbors(found.rows[:, :n_kept], found.cosines[:, :n_kept])


def graph_within_groups(
    rows: Any, n_neighbors: int = N_NEIGHBORS, report: Report | None = None
) -> Any:
    """Return the graph of nearest neighbors that `within_groups` keeps, with edges of weight 1.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Unit rows, all different.
    n_neighbors : int, default=15
        Maximum number of neighbors; fewer if there are few rows.
    report : callable, default=None
        See `vmfmix.neighbors.search.nearest_neighbors`.

    Returns
    -------
    CSR matrix of shape (n_rows, n_rows), float32
    """
    n_neighbors = suitable_n_neighbors(rows.shape[0], n_neighbors)
    found = nearest_neighbors(rows, n_neighbors, report=report)
    found = within_groups(found, rows)
    return joined(found, np.ones_like(found.cosines))


def n_small_groups(rows: Any) -> int:
    """Estimate the number of groups if most rows are in groups of less than 16.

    It is the sum over the rows of 1 / size of the group, where the group of a row consists of the
    row and its close neighbors; see `n_close_neighbors`.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Unit rows, all different.

    Returns
    -------
    int
        0 if most rows are in larger groups.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.neighbors.group_size import n_small_groups
    >>> rng = np.random.default_rng(0)
    >>> rows = np.repeat(rng.standard_normal((50, 64)), 5, axis=0)
    >>> rows += 0.1 * rng.standard_normal(rows.shape)
    >>> n_small_groups(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    50
    """
    n_rows = rows.shape[0]
    if n_rows < 3:
        return 0
    places = np.unique(np.linspace(0, n_rows - 1, _N_PLACES).astype(np.intp))
    found = nearest_neighbors(rows, min(_MAX_SIZE, n_rows), queries=rows[places])
    others = Neighbors(found.rows[:, 1:], found.cosines[:, 1:])  # each is its own nearest row
    sizes = 1 + n_close_neighbors(others, _mean_cosines(rows, rows[places]))
    if np.median(sizes) >= _MAX_SIZE:
        return 0
    return round(n_rows * float(np.mean(1.0 / sizes)))


def _mean_cosines(rows: Any, queries: Any) -> NDArray[np.floating]:
    """Compute the mean cosine of each query to all rows."""
    mean = np.asarray(rows.mean(axis=0)).ravel()
    with single_threaded_blas():
        return np.asarray(queries @ mean).ravel()
