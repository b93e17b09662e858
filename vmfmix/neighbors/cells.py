"""Nearest neighbors among many rows, searched in the cells around each row only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vmfmix.model.threads import limit_blas_in_this_thread
from vmfmix.neighbors.search import Neighbors, in_threads

_N_SEARCHED = 12  # cells around each cell, with itself
_N_ROUNDS = 2  # of moving the centers to the means of their cells
_ROWS_PER_BLOCK = 8192
_QUERIES_PER_BLOCK = 1024


def neighbors_in_cells(rows: NDArray[np.float32], n_neighbors: int) -> Neighbors:
    """Find most of the nearest rows by angle, much faster than an exact search of many rows.

    About √n_rows rows are the centers of cells, an inverted file [1]_. The neighbors of a row are
    searched in its cell and in the cells whose centers are nearest to that of its cell, so time
    grows as n_rows^1.5. The same neighbors are found in every run.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float32
        Unit rows.
    n_neighbors : int
        Less than n_rows.

    Returns
    -------
    Neighbors
        No row is its own neighbor. If the cells around a row have too few rows, the search is
        exact for all rows.

    References
    ----------
    .. [1] H. Jégou, M. Douze, C. Schmid (2011). Product quantization for nearest neighbor search.
       IEEE Transactions on Pattern Analysis and Machine Intelligence 33(1), 117-128.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.neighbors.cells import neighbors_in_cells
    >>> angles = np.radians(np.arange(360.0), dtype=np.float32)
    >>> rows = np.column_stack([np.cos(angles), np.sin(angles)])
    >>> np.sort(neighbors_in_cells(rows, 2).rows[10])
    array([ 9, 11], dtype=int32)
    """
    from vmfmix.neighbors.kernels import keep_largest  # here, as it imports numba
    from vmfmix.neighbors.search import nearest_neighbors

    n_rows = len(rows)
    n_cells = max(int(np.sqrt(n_rows)), 1)
    centers, cells = _cells(rows, n_cells)
    order = np.argsort(cells, kind="stable")
    starts = np.searchsorted(cells[order], np.arange(n_cells + 1))
    nearest_cells = np.argsort(-(centers @ centers.T), axis=1, kind="stable")[:, :_N_SEARCHED]
    n_candidates = np.diff(starts)[nearest_cells].sum(axis=1)
    if n_candidates[cells].min() <= n_neighbors:
        return nearest_neighbors(rows, n_neighbors)
    in_order = np.ascontiguousarray(rows[order])
    found = np.full((n_rows, n_neighbors), -1, np.int32)
    cosines = np.full((n_rows, n_neighbors), -np.inf, np.float32)

    def search(cell: int) -> None:
        for first in range(starts[cell], starts[cell + 1], _QUERIES_PER_BLOCK):
            block = slice(first, min(first + _QUERIES_PER_BLOCK, starts[cell + 1]))
            for other in nearest_cells[cell].tolist():
                if starts[other] == starts[other + 1]:
                    continue
                products = in_order[block] @ in_order[starts[other] : starts[other + 1]].T
                keep_largest(products, starts[other], first, found[block], cosines[block])

    in_threads(search, range(n_cells))
    neighbors = Neighbors(np.empty_like(found), np.empty_like(cosines))
    neighbors.rows[order], neighbors.cosines[order] = order[found], cosines
    return neighbors


def _cells(rows: NDArray[np.float32], n_cells: int) -> tuple[NDArray[np.float32], Any]:
    """Return unit centers of cells, and the cell of each row."""
    rng = np.random.RandomState(0)
    centers = rows[np.sort(rng.choice(len(rows), n_cells, replace=False))]
    cells = np.empty(len(rows), np.int64)

    def assign(start: int) -> None:
        limit_blas_in_this_thread()
        block = slice(start, start + _ROWS_PER_BLOCK)
        cells[block] = np.argmax(rows[block] @ centers.T, axis=1)

    for number in range(_N_ROUNDS + 1):
        in_threads(assign, range(0, len(rows), _ROWS_PER_BLOCK))
        if number == _N_ROUNDS:
            break
        order = np.argsort(cells, kind="stable")
        filled, first = np.unique(cells[order], return_index=True)
        sums = np.zeros_like(centers)
        for cell, start, stop in zip(filled, first, [*first[1:], len(rows)]):
            sums[cell] = rows[order[start:stop]].sum(axis=0)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centers = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), centers)
    return centers.astype(np.float32), cells
