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
def _write_maximum(bits):
    """Put the maximum of all numbers but the last in the place of the last.

    The numbers are floating-point, given as integers of the same bits: a maximum of integers
    vectorises, one of floating-point numbers does not. Where the sign bit is set, flipping the
    others makes the order of the integers that of the numbers.
    """
    last = 8 * bits.itemsize - 1
    other_bits = bits.dtype.type(~(np.int64(1) << last))
    highest = bits.dtype.type(~other_bits)
    for k in range(bits.shape[0] - 1):
        sign = bits.dtype.type(bits[k] >> last)
        highest = max(highest, bits.dtype.type(bits[k] ^ (sign & other_bits)))
    bits[-1] = highest ^ (bits.dtype.type(highest >> last) & other_bits)


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def _find_at_least(threshold, row, found, n_found):
    """Append to `found` the positions of all entries but the last that reach the threshold."""
    hits = np.int32(0)
    position = np.int32(0)
    for k in range(row.shape[0] - 1):
        reached = row[k] >= threshold
        hits += np.int32(1) if reached else np.int32(0)
        position += np.int32(k) if reached else np.int32(0)
    if hits == 1:  # the usual case, found without a branch
        found[n_found] = position
        return n_found + 1
    for k in range(row.shape[0] - 1):
        if row[k] >= threshold:
            found[n_found] = k
            n_found += 1
    return n_found


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def responsibilities(
    scores, scale, shift, center_scores, offsets, cutoff, hard, row, row_bits,
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
    row, row_bits : work, shape (K + 1,)
        An array in the dtype of the scores, and the same memory as integers.
    indptr, indices, values : output, shapes (n + 1,), (n K,), (n K,)
    best, log_density : output, shape (n,)
        The most probable component; log Σ_k exp(log joint), or its maximum if `hard`.
    """
    n_rows, n_components = scores.shape
    rough_center_scores = center_scores.astype(scores.dtype)
    rough_offsets = offsets.astype(scores.dtype)

    indptr[0] = 0
    for i in range(n_rows):
        a = scores.dtype.type(scale[i])
        b = scores.dtype.type(shift[i])
        for k in range(n_components):
            row[k] = a * scores[i, k] - b * rough_center_scores[k] + rough_offsets[k]
        _write_maximum(row_bits)
        first = indptr[i]
        last = _find_at_least(scores.dtype.type(row[-1] - cutoff), row, indices, first)

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
def add_counts(indptr, indices, values, weight, shift, counts, shift_sums):
    """Add Σ w r and Σ w r shift of a block to the rows of the components."""
    for i in range(indptr.shape[0] - 1):
        for p in range(indptr[i], indptr[i + 1]):
            k = indices[p]
            mass = weight[i] * values[p]
            counts[k] += mass
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
