"""The numba kernel of the layout of a map: attraction along a graph, and repulsion at random."""

# mypy: allow-untyped-defs, allow-incomplete-defs
# Jitted functions have no annotations: numba infers their types.

import numpy as np

from vmfmix.model.compilation import compiled

_LONGEST_STEP = 4.0  # of one attraction or repulsion, at rate 1, in each coordinate
_CLOSEST = 1e-3  # added to squared distances, so that repulsion stays finite


@compiled(fastmath=True)
def move(
    indptr,
    indices,
    weights,
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
    before : ndarray of shape (n_rows, 2), float32
    after : ndarray of shape (n_rows, 2), float32
        Rows from start to stop are set.
    n_repulsions : int
        Rows that are drawn for each row.
    strength : float
        Strength of repulsion, relative to the sum of the weights of a row.
    gravity : float
        Strength of the attraction by the origin.
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
        x -= rate * gravity * x
        y -= rate * gravity * y
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
