"""The numba kernels of the neighbor search and of the graph.

No kernel is parallel: callers run them in their own threads, each on its own rows.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# Jitted functions have no annotations: numba infers their types.

import math

import numpy as np

from vmfmix.model.compilation import compiled

_CHUNK = 16  # cosines that are compared with the smallest one kept in one step
_BISECTIONS = 64
_SMALLEST_SCALE = 1e-3  # times the mean distance to the neighbors


@compiled()
def keep_largest(cosines, first_row, first_query, best_rows, best_cosines):
    """Update the nearest rows of each query with the cosines of some more rows.

    Parameters
    ----------
    cosines : ndarray of shape (n_queries, n_more)
    first_row : int
        Number of the row in the first column.
    first_query : int
        Number of the row that is the first query, so that no row becomes its own neighbor; -1 if
        the queries are other rows.
    best_rows, best_cosines : ndarray of shape (n_queries, n_neighbors)
        The nearest rows so far, in descending order of cosine; updated in place. Of equal cosines,
        the one seen first comes first.
    """
    n_queries, n_more = cosines.shape
    last = best_cosines.shape[1] - 1
    for i in range(n_queries):
        own = first_query + i - first_row if first_query >= 0 else -1
        kept_rows, kept = best_rows[i], best_cosines[i]
        for start in range(0, n_more, _CHUNK):
            stop = min(start + _CHUNK, n_more)
            n_larger = 0
            for j in range(start, stop):
                n_larger += cosines[i, j] > kept[last]
            if n_larger == 0:
                continue
            for j in range(start, stop):
                cosine = cosines[i, j]
                if cosine <= kept[last] or j == own:
                    continue
                place = last
                while place > 0 and kept[place - 1] < cosine:
                    kept[place] = kept[place - 1]
                    kept_rows[place] = kept_rows[place - 1]
                    place -= 1
                kept[place] = cosine
                kept_rows[place] = first_row + j


@compiled()
def local_scale_weights(cosines, weights):
    """Write the weight of each neighbor by the local scale of its row.

    exp(−(δ − δ_1)⁺ / σ) for the cosine distance δ to a neighbor, where δ_1 is that to the nearest
    one, and σ makes the weights of the row sum to log₂ of the number of neighbors.

    Parameters
    ----------
    cosines, weights : ndarray of shape (n_rows, n_neighbors), float32
        The cosines of each row in descending order.
    """
    n_rows, n_neighbors = cosines.shape
    target = max(math.log2(n_neighbors), 1.0)
    for i in range(n_rows):
        nearest = cosines[i, 0]
        mean = 0.0
        for j in range(n_neighbors):
            mean += max(1.0 - np.float64(cosines[i, j]), 0.0) / n_neighbors
        low, high, scale = 0.0, math.inf, 1.0
        for _ in range(_BISECTIONS):
            total = 0.0
            for j in range(n_neighbors):
                total += math.exp(-np.float64(nearest - cosines[i, j]) / scale)
            if total > target:
                high = scale
            else:
                low = scale
            scale = 2.0 * scale if math.isinf(high) else 0.5 * (low + high)
        scale = max(scale, _SMALLEST_SCALE * mean, 1e-12)
        for j in range(n_neighbors):
            weights[i, j] = math.exp(-np.float64(nearest - cosines[i, j]) / scale)


@compiled()
def weighted_means(indptr, indices, weights, rows, out, start, stop):
    """Write the weighted mean of the neighbors of some rows.

    Parameters
    ----------
    indptr, indices, weights : ndarray
        Of a CSR matrix; the weights of a row need not sum to 1.
    rows : ndarray of shape (n, d), float32
    out : ndarray of shape (n_rows, d), float32
    start, stop : int
        Bounds of the rows of the matrix.
    """
    n_features = rows.shape[1]
    for i in range(start, stop):
        total = np.float32(0.0)
        mean = out[i]
        for j in range(n_features):
            mean[j] = 0.0
        for place in range(indptr[i], indptr[i + 1]):
            weight = weights[place]
            neighbor = rows[indices[place]]
            total += weight
            for j in range(n_features):
                mean[j] += weight * neighbor[j]
        if total > 0:
            for j in range(n_features):
                mean[j] /= total


@compiled()
def walk_ends(indptr, indices, sums, starts, stop_probability, rng, ends):
    """Write the row at the end of a random walk from each start, of at least one step.

    Parameters
    ----------
    indptr, indices : ndarray
        Of a CSR matrix of edges. A walk stays at a row without edges.
    sums : ndarray of shape (n_edges + 1,), float64
        Sums of the weights of the edges before each edge; edges are taken in proportion to them.
    starts : ndarray of shape (n_walks,), int64
    stop_probability : float
        Probability to stop after each step, above 0.
    rng : numpy.random.Generator
    ends : ndarray of shape (n_walks,), int64
        The result.
    """
    for walk in range(len(starts)):
        row = starts[walk]
        while True:
            first, after = indptr[row], indptr[row + 1]
            if first == after:
                break
            drawn = sums[first] + rng.random() * (sums[after] - sums[first])
            edge = first + np.searchsorted(sums[first + 1 : after], drawn, side="right")
            row = indices[edge]
            if rng.random() < stop_probability:
                break
        ends[walk] = row
