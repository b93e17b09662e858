"""All numba kernels: passes over consecutive rows, dense or CSR.

They live in one file because numba's cache does not notice an edit of a callee in another file.
None is parallel: the CPU engine runs them in its own threads, and a whole pass over the rows of one
thread is one call, so that threads do not wait for each other's GIL. Matrix products are BLAS's.

Notation: row i of the engine is ``scale[i] * x_i - shift[i] * center`` (a unit vector), component k
has the natural parameter η_k = κ_k μ_k, and ``scores[i, k] = x_i·η_k``, so that

    log joint_ik = scale_i scores_ik - shift_i (center·η_k) + offset_k.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

# Sums may be reordered and NaN is excluded at the door; infinities (an empty component's log
# weight) are not.
_FASTMATH = {"nnan", "nsz", "reassoc", "contract"}
_DENSE_SHARE = 1 / 8  # of responsibilities that matter, from which on a product beats a scatter


class Mixture(NamedTuple):
    """Parameters as the kernels want them.

    Parameters
    ----------
    natural : ndarray of shape (K, d) for dense rows, (d, K) for CSR rows
        η_k, C-ordered, in the precision of the pass.
    center_scores, offsets : ndarray of shape (K,), float64
    cutoff : float
        Components whose log joint lies more than this below the row's maximum are left out.
    hard : bool
        Give each row to its best component alone.
    """

    natural: np.ndarray
    center_scores: np.ndarray
    offsets: np.ndarray
    cutoff: float
    hard: bool


class AboutRows(NamedTuple):
    """What goes with the rows: three arrays of shape (n,), float64."""

    scale: np.ndarray
    shift: np.ndarray
    weight: np.ndarray


class Sums(NamedTuple):
    """What rows are added to, float64: Σ w r (K,), Σ w r shift (K,) and Σ w r scale x (K, d)."""

    counts: np.ndarray
    shift_sums: np.ndarray
    resultants: np.ndarray


class Scratch(NamedTuple):
    """Arrays of one thread, filled anew for each block of at most n rows."""

    scores: np.ndarray  # (n, K)
    row: np.ndarray  # (K + 1,): the log joints of one row, and their maximum
    row_bits: np.ndarray  # the same memory as integers
    indptr: np.ndarray  # (n + 1,): responsibilities that matter, in CSR form
    indices: np.ndarray  # (n K,)
    values: np.ndarray  # (n K,)
    best: np.ndarray  # (n,): most probable component
    log_density: np.ndarray  # (n,)
    starts: np.ndarray  # (K + 1,): the same responsibilities by component
    members: np.ndarray  # (n K,)
    masses: np.ndarray  # (n K,)
    products: np.ndarray  # (K, d)

    @classmethod
    def of(cls, n_rows, n_components, n_features, dtype):
        """Scratch of these sizes; what a pass does not touch costs no memory."""
        row = np.empty(n_components + 1, dtype)
        return cls(
            scores=np.empty((n_rows, n_components), dtype),
            row=row,
            row_bits=row.view(np.int32 if dtype == np.float32 else np.int64),
            indptr=np.empty(n_rows + 1, np.int64),
            indices=np.empty(n_rows * n_components, np.int32),
            values=np.empty(n_rows * n_components),
            best=np.empty(n_rows, np.int32),
            log_density=np.empty(n_rows),
            starts=np.empty(n_components + 1, np.int64),
            members=np.empty(n_rows * n_components, np.int32),
            masses=np.empty(n_rows * n_components),
            products=np.empty((n_components, n_features), dtype),
        )


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
def squared_distances(X, scale, center, out):
    """Squared distance of each scaled row of a dense block to the centre, in float64."""
    for i in range(X.shape[0]):
        total = 0.0
        for j in range(X.shape[1]):
            difference = scale[i] * X[i, j] - center[j]
            total += difference * difference
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
def write_scores_csr(data, columns, indptr, natural, out):
    """Scores of CSR rows against natural parameters given as (d, K), so that K is contiguous."""
    n_components = natural.shape[1]
    for i in range(indptr.shape[0] - 1):
        row = out[i]
        for k in range(n_components):
            row[k] = 0
        for p in range(indptr[i], indptr[i + 1]):
            x = data[p]
            column = natural[columns[p]]
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
def _respond(n_rows, scale, shift, mixture, scratch):
    """Turn the scores of a block into responsibilities; those below the cut-off are never formed.

    A first look in the precision of the scores finds the few components near each row's maximum;
    only these are evaluated in float64. `log_density` becomes log Σ_k exp(log joint), or its
    maximum if the assignment is hard.
    """
    scores, row, row_bits = scratch.scores, scratch.row, scratch.row_bits
    indptr, indices, values = scratch.indptr, scratch.indices, scratch.values
    best, log_density = scratch.best, scratch.log_density
    center_scores, offsets = mixture.center_scores, mixture.offsets
    rough_center_scores = center_scores.astype(scores.dtype)
    rough_offsets = offsets.astype(scores.dtype)

    indptr[0] = 0
    for i in range(n_rows):
        a = scores.dtype.type(scale[i])
        b = scores.dtype.type(shift[i])
        for k in range(offsets.shape[0]):
            row[k] = a * scores[i, k] - b * rough_center_scores[k] + rough_offsets[k]
        _write_maximum(row_bits)
        first = indptr[i]
        last = _find_at_least(scores.dtype.type(row[-1] - mixture.cutoff), row, indices, first)

        winner = first
        for p in range(first, last):
            k = indices[p]
            values[p] = scale[i] * scores[i, k] - shift[i] * center_scores[k] + offsets[k]
            if values[p] > values[winner]:
                winner = p
        highest = values[winner]
        best[i] = indices[winner]
        log_density[i] = highest
        if mixture.hard or last == first + 1:
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
def _sort_by_component(n_rows, row_weight, scratch):
    """The responsibilities of a block by component: its rows and their r_ik row_weight_i."""
    starts, indices = scratch.starts, scratch.indices
    starts[:] = 0
    for p in range(scratch.indptr[n_rows]):
        starts[indices[p] + 1] += 1
    for k in range(starts.shape[0] - 1):
        starts[k + 1] += starts[k]
    for i in range(n_rows):
        for p in range(scratch.indptr[i], scratch.indptr[i + 1]):
            position = starts[indices[p]]
            starts[indices[p]] = position + 1
            scratch.members[position] = i
            scratch.masses[position] = row_weight[i] * scratch.values[p]
    for k in range(starts.shape[0] - 1, 0, -1):  # each start has moved to the next one
        starts[k] = starts[k - 1]
    starts[0] = 0


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def _add_counts(n_rows, weight, shift, scratch, sums):
    """Add the counts and shift sums of a block; returns its log-likelihood."""
    log_likelihood = 0.0
    for i in range(n_rows):
        log_likelihood += weight[i] * scratch.log_density[i]
        for p in range(scratch.indptr[i], scratch.indptr[i + 1]):
            k = scratch.indices[p]
            mass = weight[i] * scratch.values[p]
            sums.counts[k] += mass
            sums.shift_sums[k] += mass * shift[i]
    return log_likelihood


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def _add_rows(X, scratch, resultants):
    """Add Σ_i r_ik row_weight_i x_i of a dense block sorted by component.

    Four rows are summed in their own precision before they are added: the float64 sums are what
    takes time, and four terms lose nothing.
    """
    members, masses = scratch.members, scratch.masses
    for k in range(resultants.shape[0]):
        target = resultants[k]
        p, last = scratch.starts[k], scratch.starts[k + 1]
        while p + 4 <= last:
            a, b = X[members[p]], X[members[p + 1]]
            c, d = X[members[p + 2]], X[members[p + 3]]
            s, t = X.dtype.type(masses[p]), X.dtype.type(masses[p + 1])
            u, v = X.dtype.type(masses[p + 2]), X.dtype.type(masses[p + 3])
            for j in range(target.shape[0]):
                target[j] += (s * a[j] + t * b[j]) + (u * c[j] + v * d[j])
            p += 4
        while p < last:
            a = X[members[p]]
            for j in range(target.shape[0]):
                target[j] += masses[p] * a[j]
            p += 1


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def _add_products(X, row_weight, scratch, resultants):
    """The same by a matrix product, which is faster where many responsibilities matter."""
    dense, products = scratch.scores[: X.shape[0]], scratch.products
    dense[:] = 0
    for i in range(X.shape[0]):
        for p in range(scratch.indptr[i], scratch.indptr[i + 1]):
            dense[i, scratch.indices[p]] = row_weight[i] * scratch.values[p]
    np.dot(dense.T, X, products)
    for k in range(resultants.shape[0]):
        for j in range(resultants.shape[1]):
            resultants[k, j] += products[k, j]


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def _add_rows_csr(data, columns, bounds, row_weight, scratch, resultants):
    """Add Σ_i r_ik row_weight_i x_i of a CSR block."""
    for i in range(bounds.shape[0] - 1):
        for p in range(scratch.indptr[i], scratch.indptr[i + 1]):
            mass = row_weight[i] * scratch.values[p]
            target = resultants[scratch.indices[p]]
            for q in range(bounds[i], bounds[i + 1]):
                target[columns[q]] += mass * data[q]


@njit(nogil=True, cache=True)
def accumulate(X, about, mixture, scratch, sums):
    """Add the statistics of dense rows to the sums; returns their log-likelihood."""
    log_likelihood = 0.0
    n_block, n_components = scratch.scores.shape
    for start in range(0, X.shape[0], n_block):
        rows = slice(start, min(start + n_block, X.shape[0]))
        block, size = X[rows], rows.stop - start
        scale, shift, weight = about.scale[rows], about.shift[rows], about.weight[rows]
        np.dot(block, mixture.natural.T, scratch.scores[:size])
        _respond(size, scale, shift, mixture, scratch)
        log_likelihood += _add_counts(size, weight, shift, scratch, sums)
        if scratch.indptr[size] > max(2.0, _DENSE_SHARE * n_components) * size:
            _add_products(block, weight * scale, scratch, sums.resultants)
        else:
            _sort_by_component(size, weight * scale, scratch)
            _add_rows(block, scratch, sums.resultants)
    return log_likelihood


@njit(nogil=True, cache=True)
def accumulate_csr(data, columns, indptr, about, mixture, scratch, sums):
    """Add the statistics of CSR rows to the sums; returns their log-likelihood."""
    log_likelihood = 0.0
    n_block = scratch.scores.shape[0]
    for start in range(0, indptr.shape[0] - 1, n_block):
        rows = slice(start, min(start + n_block, indptr.shape[0] - 1))
        bounds, size = indptr[start : rows.stop + 1], rows.stop - start
        scale, shift, weight = about.scale[rows], about.shift[rows], about.weight[rows]
        write_scores_csr(data, columns, bounds, mixture.natural, scratch.scores)
        _respond(size, scale, shift, mixture, scratch)
        log_likelihood += _add_counts(size, weight, shift, scratch, sums)
        _add_rows_csr(data, columns, bounds, weight * scale, scratch, sums.resultants)
    return log_likelihood


@njit(nogil=True, cache=True)
def assign(about, mixture, scratch, labels, probabilities, log_densities):
    """Most probable component, its probability and the log density, from the scores of a block."""
    n_rows = labels.shape[0]
    _respond(n_rows, about.scale, about.shift, mixture, scratch)
    for i in range(n_rows):
        labels[i] = scratch.best[i]
        log_densities[i] = scratch.log_density[i]
        probabilities[i] = scratch.values[scratch.indptr[i] : scratch.indptr[i + 1]].max()
