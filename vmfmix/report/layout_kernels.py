"""The numba kernels of the layout of a map.

Few points, the clusters, are placed at given distances; many points, the rows, by attraction along
a graph and repulsion at random.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# Jitted functions have no annotations: numba infers their types.

import math

import numpy as np

from vmfmix.model.compilation import compiled

_LONGEST_STEP = 4.0  # of one attraction or repulsion, at rate 1, in each coordinate
_CLOSEST = 1e-3  # added to squared distances, so that repulsion stays finite


@compiled()
def reduce_stress(places, distances, shifts, first_rate, last_rate, n_epochs):
    """Move points so that they are at given distances, the small ones more exactly, in place.

    The stress Σ (‖y_i − y_j‖ − d_ij)² / d_ij² decreases by stochastic gradient descent: one pair
    after another moves together or apart [1]_.

    Parameters
    ----------
    places : ndarray of shape (n_points, 2), float64
    distances : ndarray of shape (n_points, n_points)
        Positive, except on the diagonal.
    shifts : ndarray of shape (n_points // 2,), int
        1 to n_points // 2 in any order: an epoch has all pairs (i, i + shift), modulo n_points.
    first_rate, last_rate : float
        Learning rates, between which those of the epochs are a geometric series.
    n_epochs : int

    References
    ----------
    .. [1] J. X. Zheng, S. Pawar, D. F. M. Goodman (2019). Graph drawing by stochastic gradient
       descent. IEEE Transactions on Visualization and Computer Graphics 25(9), 2738-2748.
    """
    n_points = len(places)
    for epoch in range(n_epochs):
        rate = first_rate * (last_rate / first_rate) ** (epoch / max(n_epochs - 1, 1))
        for shift in shifts:
            for i in range(n_points):
                j = (i + shift) % n_points
                dx, dy = places[i, 0] - places[j, 0], places[i, 1] - places[j, 1]
                length = max(math.sqrt(dx * dx + dy * dy), 1e-12)
                goal = distances[i, j]
                step = min(rate / (goal * goal), 1.0) * (length - goal) / (2.0 * length)
                places[i, 0] -= step * dx
                places[i, 1] -= step * dy
                places[j, 0] += step * dx
                places[j, 1] += step * dy


@compiled(fastmath=True)
def move(
    indptr,
    indices,
    weights,
    anchors,
    before,
    after,
    n_repulsions,
    strength,
    gravity,
    rate,
    epoch,
    start,
    stop,
):
    """Move some rows toward their neighbors in a graph, and away from rows drawn at random.

    The similarity of two places is 1 / (1 + d²) for their distance d. A row follows the gradient of
    the cross-entropy of these similarities and the weights of the edges, as in UMAP, where
    non-neighbors are sampled. Other rows are where they were before, so that the result does not
    depend on the number of threads.

    Parameters
    ----------
    indptr, indices, weights : ndarray
        Of a symmetric CSR matrix of shape (n_rows, n_rows).
    anchors : ndarray of shape (n_rows, 2), float32
        Places that attract the rows weakly, those of their clusters.
    before : ndarray of shape (n_rows, 2), float32
    after : ndarray of shape (n_rows, 2), float32
        Rows from start to stop are set.
    n_repulsions : int
        Rows that are drawn for each row.
    strength : float
        Strength of repulsion, relative to the sum of the weights of a row.
    gravity : float
        Strength of the attraction by the anchors.
    rate : float
        Learning rate.
    epoch : int
        Its number, which determines the rows that are drawn.
    start, stop : int
        Rows that move.
    """
    n_rows = len(before)
    for i in range(start, stop):
        x, y = before[i]
        x -= rate * gravity * (x - anchors[i, 0])
        y -= rate * gravity * (y - anchors[i, 1])
        degree = np.float32(0.0)
        for place in range(indptr[i], indptr[i + 1]):
            j, weight = indices[place], weights[place]
            degree += weight
            dx, dy = x - before[j, 0], y - before[j, 1]
            factor = np.float32(-4.0) * weight / (np.float32(1.0) + dx * dx + dy * dy)
            x += rate * _bounded(factor * dx)
            y += rate * _bounded(factor * dy)
        share = strength * degree / np.float32(n_repulsions)
        state = np.uint64(i + 1) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(epoch) * np.uint64(
            0xD1B54A32D192ED03
        )
        for _ in range(n_repulsions):
            state ^= state >> np.uint64(12)
            state ^= state << np.uint64(25)
            state ^= state >> np.uint64(27)
            drawn = (state * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(33)
            j = np.int64(drawn % np.uint64(n_rows))
            if j == i:
                continue
            dx, dy = x - before[j, 0], y - before[j, 1]
            squared = dx * dx + dy * dy
            factor = np.float32(2.0) / (
                (np.float32(_CLOSEST) + squared) * (np.float32(1.0) + squared)
            )
            x += rate * share * _bounded(factor * dx)
            y += rate * share * _bounded(factor * dy)
        after[i, 0], after[i, 1] = x, y


@compiled(fastmath=True)
def _bounded(step):
    return min(max(step, np.float32(-_LONGEST_STEP)), np.float32(_LONGEST_STEP))
