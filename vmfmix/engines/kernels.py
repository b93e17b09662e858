"""All numba kernels: what is done to a block of rows once its scores are known.

They live in one file because numba's cache does not notice an edit of a callee in another file.
None is parallel: the CPU engine runs them in its own threads, and they release the GIL.

Notation: row i of the engine is ``scale[i] * x_i - shift[i] * center`` (a unit vector), component k
has the natural parameter η_k = slope_k μ_k, and ``scores[i, k] = x_i·η_k`` comes from BLAS, so that

    log joint_ik = scale_i scores_ik - shift_i (center·η_k) + offset_k.
"""

import numpy as np
from numba import njit

# Sums may be reordered and NaN is excluded at the door; infinities (an empty component's log
# weight) are not.
_FASTMATH = {"nnan", "nsz", "reassoc", "contract"}
STRIDE = 32  # scores looked at together before any of them is looked at alone


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def squared_norms(X, out):
    """Squared length of each row of a dense block, summed in float64."""
    for i in range(X.shape[0]):
        total = 0.0
        for j in range(X.shape[1]):
            x = np.float64(X[i, j])
            total += x * x
        out[i] = total


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def squared_norms_csr(data, indptr, out):
    """Squared length of each row of a CSR block, summed in float64."""
    for i in range(indptr.shape[0] - 1):
        total = 0.0
        for p in range(indptr[i], indptr[i + 1]):
            x = np.float64(data[p])
            total += x * x
        out[i] = total


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def scores_csr(data, indices, indptr, natural_t, out):
    """Scores of CSR rows against natural parameters given as (d, K), so that K is contiguous."""
    n_components = natural_t.shape[1]
    for i in range(indptr.shape[0] - 1):
        row = out[i]
        for k in range(n_components):
            row[k] = 0
        for p in range(indptr[i], indptr[i + 1]):
            x = data[p]
            column = natural_t[indices[p]]
            for k in range(n_components):
                row[k] += x * column[k]


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def _maximum(values, folded):
    """Maximum of an even number of values, by folding halves: a running one does not vectorise."""
    size = values.shape[0] // 2
    for k in range(size):
        other = values[k + size]
        folded[k] = values[k] if values[k] > other else other
    while size > 1:
        half = (size + 1) // 2
        for k in range(size - half):
            other = folded[k + half]
            folded[k] = folded[k] if folded[k] > other else other
        size = half
    return folded[0]


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def _find_near_maximum(row, margin, folded, found, n_found):
    """Append to `found` the positions of all entries within `margin` of the row's maximum."""
    threshold = row.dtype.type(_maximum(row, folded) - margin)
    for start in range(0, row.shape[0], STRIDE):
        hits = np.int32(0)
        for k in range(STRIDE):
            hits += np.int32(1) if row[start + k] >= threshold else np.int32(0)
        if hits:
            for k in range(start, start + STRIDE):
                if row[k] >= threshold:
                    found[n_found] = k
                    n_found += 1
    return n_found


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def responsibilities(
    scores, scale, shift, center_scores, offsets, cutoff, hard,
    indptr, indices, values, best, log_density,
):  # fmt: skip
    """Responsibilities of a block of rows in CSR form; those below the cut-off are never formed.

    A first look in the precision of the scores finds the few components within `cutoff` of each
    row's maximum; only these are evaluated in float64.

    Parameters
    ----------
    scores : ndarray of shape (n, K), float32 or float64
    scale, shift : ndarray of shape (n,), float64
    center_scores, offsets : ndarray of shape (K,), float64
    cutoff : float
        In nats below the maximum of the row.
    hard : bool
        Give each row to its best component alone.
    indptr, indices, values : output, shapes (n + 1,), (n K,), (n K,)
    best, log_density : output, shape (n,)
        The most probable component; log Σ_k exp(log joint), or its maximum if `hard`.
    """
    n_rows, n_components = scores.shape
    padded = (n_components + STRIDE - 1) // STRIDE * STRIDE
    row = np.full(padded, -np.inf, scores.dtype)
    folded = np.empty(padded, scores.dtype)
    rough_center_scores = center_scores.astype(scores.dtype)
    rough_offsets = offsets.astype(scores.dtype)

    indptr[0] = 0
    for i in range(n_rows):
        a = scores.dtype.type(scale[i])
        b = scores.dtype.type(shift[i])
        for k in range(n_components):
            row[k] = a * scores[i, k] - b * rough_center_scores[k] + rough_offsets[k]
        first = indptr[i]
        last = _find_near_maximum(row, cutoff, folded, indices, first)

        winner = first
        for p in range(first, last):
            k = indices[p]
            values[p] = scale[i] * scores[i, k] - shift[i] * center_scores[k] + offsets[k]
            if values[p] > values[winner]:
                winner = p
        highest = values[winner]
        best[i] = indices[winner]
        log_density[i] = highest
        if hard or last == first + 1:
            indices[first] = best[i]
            values[first] = 1.0
            last = first + 1
        else:
            total = 0.0
            for p in range(first, last):
                values[p] = np.exp(values[p] - highest)
                total += values[p]
            for p in range(first, last):
                values[p] /= total
            log_density[i] += np.log(total)
        indptr[i + 1] = last


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def add_moments(indptr, indices, values, weight, shift, counts, squared_counts, shift_sums):
    """Add Σ w r, Σ w r² and Σ w r shift of a block to the rows of the components."""
    for i in range(indptr.shape[0] - 1):
        for p in range(indptr[i], indptr[i + 1]):
            k = indices[p]
            mass = weight[i] * values[p]
            counts[k] += mass
            squared_counts[k] += mass * values[p]
            shift_sums[k] += mass * shift[i]


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def add_resultants(X, row_weight, indptr, indices, values, resultants):
    """Add Σ_i r_ik row_weight_i x_i of a dense block to float64 resultants."""
    for i in range(indptr.shape[0] - 1):
        row = X[i]
        for p in range(indptr[i], indptr[i + 1]):
            mass = row_weight[i] * values[p]
            target = resultants[indices[p]]
            for j in range(row.shape[0]):
                target[j] += mass * row[j]


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def add_resultants_csr(
    data, columns, row_indptr, row_weight, indptr, indices, values, resultants
):  # fmt: skip
    """Add Σ_i r_ik row_weight_i x_i of a CSR block to float64 resultants."""
    for i in range(indptr.shape[0] - 1):
        for p in range(indptr[i], indptr[i + 1]):
            mass = row_weight[i] * values[p]
            target = resultants[indices[p]]
            for q in range(row_indptr[i], row_indptr[i + 1]):
                target[columns[q]] += mass * data[q]


@njit(nogil=True, cache=True)
def fill_dense(row_weight, indptr, indices, values, out):
    """Write r_ik row_weight_i into a zeroed (n, K) block, where most responsibilities matter."""
    for i in range(indptr.shape[0] - 1):
        for k in range(out.shape[1]):
            out[i, k] = 0
        for p in range(indptr[i], indptr[i + 1]):
            out[i, indices[p]] = row_weight[i] * values[p]
