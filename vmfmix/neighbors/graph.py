"""The graph that joins each row to its nearest neighbors by angle."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix.neighbors.search import Neighbors, in_threads, nearest_neighbors

N_NEIGHBORS = 15
_ROWS_PER_NEIGHBOR = 20  # at least: among few rows, 15 neighbors would lie in several clusters
_ROWS_PER_PART = 4096


def suitable_n_neighbors(n_rows: int, n_neighbors: int = N_NEIGHBORS) -> int:
    """Return the number of neighbors for a graph of so many rows: fewer if there are few rows."""
    return min(n_neighbors, max(n_rows // _ROWS_PER_NEIGHBOR, 3), n_rows - 1)


def neighbor_graph(
    rows: Any,
    n_neighbors: int = N_NEIGHBORS,
    *,
    weights: Literal["uniform", "local"] = "uniform",
    approximate: bool = False,
    device: Any = None,
) -> Any:
    """Return the graph that joins each row to its nearest neighbors by angle.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Unit rows, all different.
    n_neighbors : int, default=15
        Maximum number of neighbors; fewer if there are fewer than 300 rows.
    weights : {"uniform", "local"}, default="uniform"
        Weights of the edges. "uniform": 1. "local": 1 for the nearest neighbor, less for the others
        according to the local scale of the row, as in UMAP [1]_; see `joined`.
    approximate, device
        See `nearest_neighbors`.

    Returns
    -------
    CSR matrix of shape (n_rows, n_rows), float32
        Symmetric; 0 if neither of two rows is among the nearest neighbors of the other.

    References
    ----------
    .. [1] L. McInnes, J. Healy, J. Melville (2018). UMAP: Uniform manifold approximation and
       projection for dimension reduction. arXiv:1802.03426.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.neighbors import neighbor_graph
    >>> angles = np.radians([0.0, 1.0, 2.0, 3.0, 90.0, 91.0, 92.0, 93.0])
    >>> graph = neighbor_graph(np.column_stack([np.cos(angles), np.sin(angles)]))
    >>> int(graph[:4, 4:].sum())  # the two groups are not connected
    0
    """
    n_neighbors = suitable_n_neighbors(rows.shape[0], n_neighbors)
    found = nearest_neighbors(rows, n_neighbors, approximate=approximate, device=device)
    values = np.ones_like(found.cosines) if weights == "uniform" else local_weights(found)
    return joined(found, values)


def local_weights(found: Neighbors) -> NDArray[np.float32]:
    """Compute the weights of the neighbors by the local scale of each row.

    exp(−(δ − δ_1) / σ) for the cosine distance δ = 1 − cosine, where δ_1 is the distance to the
    nearest neighbor, and σ makes the weights of a row sum to log₂ of their number.

    Parameters
    ----------
    found : Neighbors

    Returns
    -------
    ndarray of shape (n_queries, n_neighbors), float32

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.neighbors.graph import local_weights
    >>> from vmfmix.neighbors.search import Neighbors
    >>> cosines = np.array([[0.9, 0.8, 0.7, 0.7]], dtype=np.float32)
    >>> weights = local_weights(Neighbors(np.array([[1, 2, 3, 4]], dtype=np.int32), cosines))
    >>> weights.round(2), weights.sum().round(3)
    (array([[1.  , 0.5 , 0.25, 0.25]], dtype=float32), np.float32(2.0))
    """
    from vmfmix.neighbors.kernels import local_scale_weights  # here, as it imports numba

    weights = np.empty_like(found.cosines)

    def compute(start: int) -> None:
        part = slice(start, start + _ROWS_PER_PART)
        local_scale_weights(found.cosines[part], weights[part])

    in_threads(compute, range(0, len(weights), _ROWS_PER_PART))
    return weights


def joined(found: Neighbors, weights: NDArray[np.float32]) -> Any:
    """Return the symmetric graph of directed weights a_ij: a_ij + a_ji − a_ij a_ji.

    If weights are probabilities of edges, this is the probability that at least one of the two
    edges between the rows exists. Two weights of 1 give 1.

    Parameters
    ----------
    found : Neighbors
        Of all rows among themselves.
    weights : ndarray of shape (n_rows, n_neighbors)

    Returns
    -------
    CSR matrix of shape (n_rows, n_rows), float32
    """
    n_rows, n_neighbors = weights.shape
    is_repeated = np.zeros(weights.shape, dtype=bool)  # an approximate search found too few
    is_repeated[:, 1:] = found.rows[:, 1:] == found.rows[:, :-1]
    weights = np.where(is_repeated, np.float32(0), weights)
    starts = np.arange(0, n_rows * n_neighbors + 1, n_neighbors)
    directed = sp.csr_array(
        (weights.ravel(), found.rows.ravel(), starts), shape=(n_rows, n_rows), dtype=np.float32
    )
    directed.sum_duplicates()
    reverse = directed.T.tocsr()
    return (directed + reverse - directed.multiply(reverse)).tocsr()
