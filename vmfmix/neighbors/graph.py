"""The graph that joins each row to its nearest neighbors by angle."""

from __future__ import annotations

from typing import Any

from sklearn.neighbors import NearestNeighbors

_N_NEIGHBORS = 15
_ROWS_PER_NEIGHBOR = 20  # at least: among few rows, 15 neighbors would lie in several clusters


def neighbor_graph(rows: Any, n_neighbors: int = _N_NEIGHBORS) -> Any:
    """Return the graph that joins each row to its nearest neighbors by angle.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Unit rows.
    n_neighbors : int, default=15
        Maximum number of neighbors; fewer if there are fewer than 300 rows.

    Returns
    -------
    CSR matrix of shape (n_rows, n_rows)
        1 if one of the two rows is among the nearest neighbors of the other.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.neighbors import neighbor_graph
    >>> angles = np.radians([0.0, 1.0, 2.0, 3.0, 90.0, 91.0, 92.0, 93.0])
    >>> graph = neighbor_graph(np.column_stack([np.cos(angles), np.sin(angles)]))
    >>> int(graph[:4, 4:].sum())  # the two groups are not connected
    0
    """
    n_rows = rows.shape[0]
    n_neighbors = min(n_neighbors, max(n_rows // _ROWS_PER_NEIGHBOR, 3), n_rows - 1)
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(rows)
    graph = search.kneighbors_graph()  # a row is not its own neighbor
    return graph.maximum(graph.T).tocsr()
