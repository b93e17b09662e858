"""Clusters that are next to each other on a map, whose colors must therefore differ."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

_N_CELLS = 96  # on each side of the map
_N_TOUCHING, _N_NEAREST = 4, 3  # neighbors of a cluster, by common cells and by medians


def map_neighbors(
    places: NDArray[np.floating], clusters: NDArray[np.integer], n_clusters: int
) -> NDArray[np.bool_]:
    """Return which clusters are neighbors on a map.

    The neighbors of a cluster are those with the most rows in the same or in adjacent cells of a
    grid, and those whose medians are nearest.

    Parameters
    ----------
    places : ndarray of shape (n_rows, 2)
    clusters : ndarray of shape (n_rows,), int
        Clusters of the rows; those of negative clusters are left out.
    n_clusters : int

    Returns
    -------
    ndarray of shape (n_clusters, n_clusters), bool
        Symmetric. False on the diagonal and for clusters without rows.
    """
    is_member = clusters >= 0
    places, clusters = np.asarray(places, dtype=np.float64)[is_member], clusters[is_member]
    places = places / max(float(np.abs(places).max(initial=0.0)), 1e-300)  # squares are finite
    neighbors = np.zeros((n_clusters, n_clusters), dtype=bool)
    filled = np.unique(clusters)
    if len(filled) < 2:
        return neighbors
    medians = np.array([np.median(places[clusters == cluster], axis=0) for cluster in filled])
    distances = np.linalg.norm(medians[:, np.newaxis] - medians, axis=2)
    _mark_largest(neighbors, filled, -distances, _N_NEAREST, -np.inf)
    touching = _rows_in_common_cells(places, clusters, n_clusters)[np.ix_(filled, filled)]
    _mark_largest(neighbors, filled, touching, _N_TOUCHING, 0.0)
    return neighbors | neighbors.T


def _mark_largest(
    neighbors: NDArray[np.bool_],
    filled: NDArray[np.integer],
    values: NDArray[np.float64],
    count: int,
    above: float,
) -> None:
    """Mark for each cluster the others with the largest values."""
    values = values.copy()
    np.fill_diagonal(values, -np.inf)
    order = np.argsort(-values, axis=1, kind="stable")[:, : min(count, len(filled) - 1)]
    for cluster, nearest, row in zip(filled, order, values):
        neighbors[cluster, filled[nearest[row[nearest] > above]]] = True


def _rows_in_common_cells(
    places: NDArray[np.float64], clusters: NDArray[np.integer], n_clusters: int
) -> NDArray[np.float64]:
    """Return how many pairs of rows of two clusters are in the same or in adjacent cells."""
    lowest = places.min(axis=0)
    side = max(float((places.max(axis=0) - lowest).max()), 1e-12) / _N_CELLS
    columns, rows = np.minimum((places - lowest) / side, _N_CELLS - 1).astype(np.int64).T

    def counts(right: int, down: int) -> sp.csr_array:
        cells = (columns + right) * (_N_CELLS + 1) + rows + down
        shape = (n_clusters, (_N_CELLS + 1) ** 2)
        return sp.csr_array((np.ones(len(cells)), (clusters, cells)), shape=shape)

    here = counts(0, 0)
    pairs: NDArray[np.float64] = sum(
        (here @ counts(*step).T for step in ((1, 0), (0, 1), (1, 1))), start=here @ here.T
    ).toarray()
    return pairs + pairs.T
