"""The graph that joins each row to its nearest neighbors in angle."""

from sklearn.neighbors import NearestNeighbors

_N_NEIGHBORS = 15
_ROWS_PER_NEIGHBOR = 20  # at least: among few rows, 15 neighbors would lie in several clusters


def neighbor_graph(rows, n_neighbors=_N_NEIGHBORS):
    """Rows joined to their nearest neighbors in angle, in both directions.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Unit rows.
    n_neighbors : int, default=15
        At most; fewer where there are fewer than 300 rows.

    Returns
    -------
    CSR matrix of shape (n_rows, n_rows)
        1 where one of two rows is among the nearest neighbors of the other.
    """
    n_rows = rows.shape[0]
    n_neighbors = min(n_neighbors, max(n_rows // _ROWS_PER_NEIGHBOR, 3), n_rows - 1)
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(rows)
    graph = search.kneighbors_graph()  # a row is not its own neighbor
    return graph.maximum(graph.T).tocsr()
