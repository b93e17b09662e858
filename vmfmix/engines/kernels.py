"""All numba kernels: passes over consecutive rows, dense or CSR.

They live in one file because numba's cache does not notice an edit of a callee in another file.
None is parallel: the CPU engine runs them in its own threads, and a whole pass over the rows of one
thread is one call, so that threads do not wait for each other's GIL. Matrix products are BLAS's.

Notation: row i of the engine is ``scale[i] * x_i - shift[i] * center`` (a unit vector), component k
has the natural parameter η_k = κ_k μ_k, and ``scores[i, k] = x_i·η_k``, so that

    log joint_ik = scale_i scores_ik - shift_i (center·η_k) + offset_k.
"""

import math
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

# Sums may be reordered and NaN is excluded at the door; infinities (an empty component's log
# weight) are not.
_FASTMATH = {"nnan", "nsz", "reassoc", "contract"}
_DENSE_SHARE = 1 / 8  # of responsibilities that matter, from which on a product beats a scatter
_CACHE_LINE = 64  # bytes
SLACK = 0.01  # nats, for the rounding of the numbers that components are left out by
_UPWARDS = 2.0**-22  # makes up for the rounding of a float32
_CHUNK = 64  # components that a first look takes together


class Mixture(NamedTuple):
    """Parameters as the kernels want them.

    Parameters
    ----------
    natural : ndarray of shape (K, d) for dense rows, (d, K) for CSR rows
        η_k, C-ordered, in the precision of the pass.
    center_scores, offsets : ndarray of shape (K,), float64
    rough_center_scores, rough_offsets : ndarray of shape (K,), in the precision of the scores
        For a first look: what the scores may be too low by is added to the offsets.
    window : float
        What lies further below the largest of a first look is not evaluated.
    cutoff : float
        How far below the row's maximum a log joint surely does not matter.
    lost_mass : float
        Of the responsibilities of a row, at most: half of it by that, half of it by what remains.
    hard : bool
        Give each row to its best component alone.
    """

    natural: np.ndarray
    center_scores: np.ndarray
    offsets: np.ndarray
    rough_center_scores: np.ndarray
    rough_offsets: np.ndarray
    window: float
    cutoff: float
    lost_mass: float
    hard: bool


class RowFactors(NamedTuple):
    """What goes with the rows: arrays of shape (n,)."""

    scale: np.ndarray  # float64
    shift: np.ndarray  # float64
    weight: np.ndarray  # float64
    position: np.ndarray  # int64, in the engine


class CandidateLists(NamedTuple):
    """What a pass leaves to the next one of every row of the engine, or of none.

    No component but the candidates had a log joint above the bound of the row.
    """

    candidates: np.ndarray  # (n, most), int32, the best one first; unused places are -1
    candidate_bounds: np.ndarray  # (n, most), float32: what their log joints were at most
    bounds: np.ndarray  # (n,), float32
    spare: float  # nats below the cut-off, within which components become candidates


class Drift(NamedTuple):
    """How far the components have moved since the last pass.

    The log joint of component k was l and is at most ratio l + moved[k], and at most
    ratio l + still unless k is a mover.
    """

    ratio: float
    moved: np.ndarray  # (K,), float64
    still: float
    movers: np.ndarray  # (M,), int32
    is_mover: np.ndarray  # (K,), bool


class Sums(NamedTuple):
    """What rows are added to, float64: Σ w r (K,), Σ w r shift (K,) and Σ w r scale x (K, d)."""

    counts: np.ndarray
    shift_sums: np.ndarray
    resultants: np.ndarray

    @classmethod
    def of(cls, n_components, n_features):
        """Sums of these sizes, not yet zero."""
        return cls(
            np.empty(n_components), np.empty(n_components), np.empty((n_components, n_features))
        )


class Scratch(NamedTuple):
    """Arrays of one thread, filled anew for each block of at most n rows."""

    scores: np.ndarray  # (n, K)
    looks: np.ndarray  # (n, K), uint16: scores in bfloat16
    unit_rows: np.ndarray  # (n, d), uint16: rows in bfloat16
    peaks: np.ndarray  # (chunks of components,): the largest of a first look at a row
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
        return cls(
            scores=np.empty((n_rows, n_components), dtype),
            looks=_aligned((n_rows, n_components), np.uint16),
            unit_rows=_aligned((n_rows, n_features), np.uint16),
            peaks=np.empty(math.ceil(n_components / _CHUNK)),
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


def read_only(array, dtype):
    """Return the array C-contiguous, in a dtype and read-only, without a copy if possible."""
    array = np.ascontiguousarray(array, dtype=dtype).view()
    array.flags.writeable = False
    return array


def first_of(array, shape):
    """The beginning of the memory of an array, in another shape."""
    return array.reshape(-1)[: math.prod(shape)].reshape(shape)


def _aligned(shape, dtype):
    """An empty array that starts with a cache line: products are up to twice as fast on it."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


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
    """Squared distance of each scaled row of a dense block to the center, in float64."""
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


@intrinsic
def _larger(typingctx, a, b):
    """The larger of two floating-point numbers; unlike Python's max, this vectorizes."""

    def generate(context, builder, signature, arguments):
        kind = arguments[0].type
        maximum = builder.module.declare_intrinsic(
            "llvm.maxnum", [kind], ir.FunctionType(kind, [kind, kind])
        )
        return builder.call(maximum, arguments, fastmath=("nnan", "nsz"))

    return a(a, a), generate


@intrinsic
def _lowest_bit(typingctx, bits):
    """The place of the lowest bit that is set; some must be."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@intrinsic
def _bits_as_float(typingctx, bits):
    """The float32 with these 32 bits."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic
def _float_as_bits(typingctx, number):
    """The 32 bits of a float32."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.uint32(types.float32), generate


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def write_unit_rows(X, scale, shift, center, out):
    """Unit rows in bfloat16, the upper half of a float32, rounded to the nearest."""
    for i in range(X.shape[0]):
        row, bits = X[i], out[i]
        a, b = X.dtype.type(scale[i]), X.dtype.type(shift[i])
        for j in range(row.shape[0]):
            number = _float_as_bits(np.float32(a * row[j] - b * center[j]))
            half = np.uint32(0x7FFF) + ((number >> np.uint32(16)) & np.uint32(1))  # ties to even
            bits[j] = np.uint16((number + half) >> np.uint32(16))


def _at_most(score, a, b, center_score, offset):
    """What the log joint with this score is at most."""


@overload(_at_most, inline="always")
def _overload_at_most(score, a, b, center_score, offset):
    if score is types.uint16:  # a first look at a unit row, in bfloat16

        def looked(score, a, b, center_score, offset):
            return _bits_as_float(np.uint32(score) << np.uint32(16)) + offset

        return looked

    def computed(score, a, b, center_score, offset):
        return a * score - b * center_score + offset

    return computed


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def _dot(X, natural, i, k):
    """x_i·η_k, summed in the precision of the pass."""
    total = natural.dtype.type(0)
    for j in range(natural.shape[1]):
        total += X[i, j] * natural[k, j]
    return np.float64(total)


def _score(scores, X, natural, i, k):
    """x_i·η_k in the precision of the pass."""


@overload(_score, inline="always")
def _overload_score(scores, X, natural, i, k):
    if scores.dtype is types.uint16:  # no more than a first look: the product is made here

        def make(scores, X, natural, i, k):
            return _dot(X, natural, i, k)

        return make

    def take(scores, X, natural, i, k):
        return np.float64(scores[i, k])

    return take


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def _write_peaks(row, a, b, center_scores, offsets, peaks):
    """The most that a log joint may be in each chunk of components; returns the highest chunk."""
    highest = 0
    for chunk in range(peaks.shape[0]):
        stop = min((chunk + 1) * _CHUNK, row.shape[0])
        start = max(stop - _CHUNK, 0)  # the last chunk looks back, as full ones are faster
        scores, c, o = row[start:stop], center_scores[start:stop], offsets[start:stop]
        peak = offsets.dtype.type(-np.inf)
        for k in range(scores.shape[0]):
            peak = _larger(peak, _at_most(scores[k], a, b, c[k], o[k]))
        peaks[chunk] = peak
        highest = chunk if peak > peaks[highest] else highest
    return highest


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def _find_at_least(threshold, chunk, row, a, b, center_scores, offsets, found, n_found):
    """Append the components of a chunk whose log joint may reach the threshold."""
    start, stop = chunk * _CHUNK, min((chunk + 1) * _CHUNK, row.shape[0])
    scores, c, o = row[start:stop], center_scores[start:stop], offsets[start:stop]
    hits = np.uint64(0)  # a bit for each component of the chunk: that vectorizes
    for k in range(np.uint64(scores.shape[0])):
        reached = _at_most(scores[k], a, b, c[k], o[k]) >= threshold
        hits |= np.uint64(reached) << np.uint64(k)
    while hits:
        found[n_found] = start + np.int64(_lowest_bit(hits))
        n_found += 1
        hits &= hits - np.uint64(1)
    return n_found


@njit(nogil=True, cache=True)
def _cutoff_of(n_components, lost_mass, hard):
    """How far below the largest log joint so many components hold half of the mass to lose."""
    return 0.0 if hard else np.log(2.0 * n_components / lost_mass)


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def _settle(i, first, last, lost_mass, hard, indices, values, best, log_density):
    """Turn the log joints of a row into responsibilities; returns the end of those that matter.

    `log_density` becomes log Σ_k exp(log joint), or its maximum if the assignment is hard.
    """
    winner = first
    for p in range(first + 1, last):
        if values[p] > values[winner]:
            winner = p
    highest = values[winner]
    best[i] = indices[winner]
    log_density[i] = highest
    if hard or last == first + 1:
        indices[first] = indices[winner]
        values[first] = 1.0
        return first + 1
    total = 0.0
    kept = first
    least = highest - _cutoff_of(last - first, lost_mass, hard)
    for p in range(first, last):
        if values[p] >= least:
            indices[kept] = indices[p]
            values[kept] = np.exp(values[p] - highest)
            total += values[kept]
            kept += 1
    if kept > first + 1:
        inverse = 1.0 / total
        for p in range(first, kept):
            values[p] *= inverse
        log_density[i] += np.log(total)
    return kept


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def _upwards(number):
    """A float32 that is not below a number."""
    return np.float32(number + _UPWARDS * abs(number))


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def _remember(
    at, first, last, bound, cutoff, spare, indices, values, candidates, candidate_bounds, bounds
):
    """Keep the best candidates of a row, and a bound on all other components."""
    winner = first
    for p in range(first + 1, last):
        if values[p] > values[winner]:
            winner = p
    least = values[winner] - cutoff - spare
    bound = max(bound, least)
    most = candidates.shape[1]
    candidates[at, 0] = indices[winner]
    candidate_bounds[at, 0] = _upwards(values[winner])
    n_kept = 1
    for p in range(first, last):
        if p == winner or values[p] < least:
            continue
        if n_kept < most:
            place = n_kept
            n_kept += 1
        else:
            place = 1
            for c in range(2, most):
                if candidate_bounds[at, c] < candidate_bounds[at, place]:
                    place = c
            if values[p] <= candidate_bounds[at, place]:
                bound = max(bound, values[p])
                continue
            bound = max(bound, np.float64(candidate_bounds[at, place]))
        candidates[at, place] = indices[p]
        candidate_bounds[at, place] = _upwards(values[p])
    for c in range(n_kept, most):
        candidates[at, c] = -1
    bounds[at] = _upwards(bound)


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def respond(X, scores, about, every_row, mixture, memory, scratch):
    """Turn the scores of a block into responsibilities; those below the cut-off are never formed.

    A first look gives the most that each log joint may be, and the largest of these numbers in
    every chunk of components. Only what comes near the largest of all is evaluated, in float64: few
    components, in few chunks. `log_density` becomes log Σ_k exp(log joint), or its maximum if the
    assignment is hard. Returns how many log joints were evaluated.
    """
    indptr, indices, values, peaks = scratch.indptr, scratch.indices, scratch.values, scratch.peaks
    natural, center_scores, offsets = mixture.natural, mixture.center_scores, mixture.offsets
    rough_center_scores, rough_offsets = mixture.rough_center_scores, mixture.rough_offsets
    rough = rough_offsets.dtype.type
    cutoff, lost_mass, hard = mixture.cutoff, mixture.lost_mass, mixture.hard
    candidates, bounds = memory.candidates, memory.bounds
    candidate_bounds = memory.candidate_bounds
    spare, remembers = memory.spare, bounds.shape[0] > 0
    best, log_density = scratch.best, scratch.log_density
    window = rough(mixture.window + spare)
    scale, shift, weight, position = about.scale, about.shift, about.weight, about.position
    n_evaluated = 0
    indptr[0] = 0
    for i in range(scale.shape[0]):
        if not (every_row or weight[i] > 0):
            log_density[i] = 0.0
            indptr[i + 1] = indptr[i]
            if remembers:  # nothing to recall, and nothing to score anew
                candidates[position[i], 0] = -1
                candidate_bounds[position[i], 0] = 0.0
                bounds[position[i]] = -np.inf
            continue
        row, a, b = scores[i], rough(scale[i]), rough(shift[i])
        highest_chunk = _write_peaks(row, a, b, rough_center_scores, rough_offsets, peaks)
        threshold = rough(peaks[highest_chunk] - window)
        first = indptr[i]
        last = first
        for chunk in range(peaks.shape[0]):
            if peaks[chunk] >= threshold:
                last = _find_at_least(
                    threshold, chunk, row, a, b, rough_center_scores, rough_offsets, indices, last
                )
        # So few are left that those which can matter are fewer still.
        threshold_of_few = threshold + rough(
            spare + cutoff - _cutoff_of(last - first, lost_mass, hard)
        )
        for p in range(first, last):
            k = indices[p]
            at_most = _at_most(row[k], a, b, rough_center_scores[k], rough_offsets[k])
            values[p] = at_most
            if at_most >= threshold_of_few:
                score = _score(scores, X, natural, i, k)
                values[p] = scale[i] * score - shift[i] * center_scores[k] + offsets[k]
                n_evaluated += 1
        if remembers:
            _remember(
                position[i],
                first,
                last,
                threshold,
                cutoff,
                spare,
                indices,
                values,
                candidates,
                candidate_bounds,
                bounds,
            )
        indptr[i + 1] = _settle(i, first, last, lost_mass, hard, indices, values, best, log_density)
    return n_evaluated


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
def _add(X, about, mixture, scratch, sums):
    """Add the statistics of a dense block with known responsibilities."""
    size, n_components = X.shape[0], mixture.offsets.shape[0]
    log_likelihood = _add_counts(size, about.weight, about.shift, scratch, sums)
    row_weight = about.weight * about.scale
    if scratch.indptr[size] > max(2.0, _DENSE_SHARE * n_components) * size:
        _add_products(X, row_weight, scratch, sums.resultants)
    else:
        _sort_by_component(size, row_weight, scratch)
        _add_rows(X, scratch, sums.resultants)
    return log_likelihood


@njit(nogil=True, cache=True)
def accumulate(X, about, mixture, memory, scratch, sums):
    """Add the statistics of dense rows to the sums.

    Returns their log-likelihood, and how many log joints were evaluated.
    """
    log_likelihood, n_evaluated = 0.0, 0
    n_block = scratch.scores.shape[0]
    for start in range(0, X.shape[0], n_block):
        rows = slice(start, min(start + n_block, X.shape[0]))
        scores = scratch.scores[: rows.stop - start]
        np.dot(X[rows], mixture.natural.T, scores)
        block = RowFactors(
            about.scale[rows], about.shift[rows], about.weight[rows], about.position[rows]
        )
        n_evaluated += respond(scores, scores, block, False, mixture, memory, scratch)
        log_likelihood += _add(X[rows], block, mixture, scratch, sums)
    return log_likelihood, n_evaluated


@njit(nogil=True, cache=True)
def accumulate_approximate(X, looks, about, mixture, memory, scratch, sums):
    """The same after a first look."""
    n_evaluated = respond(X, looks, about, False, mixture, memory, scratch)
    return _add(X, about, mixture, scratch, sums), n_evaluated


@njit(nogil=True, cache=True, fastmath=_FASTMATH)
def recall(X, mover_scores, about, mixture, movers, drift, memory, scratch, sums, unknown):
    """Add the statistics of those dense rows whose candidates of the last pass still hold.

    Candidates and what the scores of the movers leave in doubt are evaluated; all other components
    are below the bound of the row, raised by the drift. Rows where that comes within the cut-off
    are left to `unknown`, as places in the block.

    Returns the log-likelihood and the number of these rows.
    """
    indptr, indices, values, peaks = scratch.indptr, scratch.indices, scratch.values, scratch.peaks
    natural, center_scores, offsets = mixture.natural, mixture.center_scores, mixture.offsets
    mover_center_scores, mover_offsets = movers.rough_center_scores, movers.rough_offsets
    scale, shift, position = about.scale, about.shift, about.position
    mover_ids, is_mover, moved, ratio = drift.movers, drift.is_mover, drift.moved, drift.ratio
    candidates, bounds = memory.candidates, memory.bounds
    candidate_bounds = memory.candidate_bounds
    best, log_density, spare = scratch.best, scratch.log_density, memory.spare
    rough = mover_offsets.dtype.type
    cutoff, lost_mass, hard = mixture.cutoff, mixture.lost_mass, mixture.hard
    mover_peaks = peaks[: -(-mover_ids.shape[0] // _CHUNK)]
    n_unknown = 0
    indptr[0] = 0
    for i in range(X.shape[0]):
        row, a, b, at = mover_scores[i], rough(scale[i]), rough(shift[i]), position[i]
        first = indptr[i]
        if about.weight[i] == 0:
            log_density[i] = 0.0
            indptr[i + 1] = first
            continue
        last = first
        highest = -np.inf
        for c in range(candidates.shape[1]):
            k = candidates[at, c]
            if k < 0:
                break
            if is_mover[k]:
                continue
            value = ratio * candidate_bounds[at, c] + moved[k]
            if value >= highest - cutoff - SLACK:
                score = _dot(X, natural, i, k)
                value = scale[i] * score - shift[i] * center_scores[k] + offsets[k]
                highest = max(highest, value)
            indices[last] = k
            values[last] = value
            last += 1

        bound = ratio * bounds[at] + drift.still
        if mover_peaks.shape[0] > 0:
            chunk = _write_peaks(row, a, b, mover_center_scores, mover_offsets, mover_peaks)
            reached = max(mover_peaks[chunk] - (movers.window - cutoff), highest)
            threshold = rough(reached - cutoff - spare)
            bound = max(bound, threshold)
            found = last
            for chunk in range(mover_peaks.shape[0]):
                if mover_peaks[chunk] >= threshold:
                    last = _find_at_least(
                        threshold,
                        chunk,
                        row,
                        a,
                        b,
                        mover_center_scores,
                        mover_offsets,
                        indices,
                        last,
                    )
            for p in range(found, last):
                k = mover_ids[indices[p]]
                score = _score(mover_scores, X, movers.natural, i, indices[p])
                indices[p] = k
                values[p] = scale[i] * score - shift[i] * center_scores[k] + offsets[k]
                highest = max(highest, values[p])

        if bound >= highest - cutoff - SLACK:
            log_density[i] = 0.0
            indptr[i + 1] = first
            unknown[n_unknown] = i
            n_unknown += 1
        else:
            _remember(
                at,
                first,
                last,
                bound,
                cutoff,
                spare,
                indices,
                values,
                candidates,
                candidate_bounds,
                bounds,
            )
            indptr[i + 1] = _settle(
                i, first, last, lost_mass, hard, indices, values, best, log_density
            )
    return _add(X, about, mixture, scratch, sums), n_unknown


@njit(nogil=True, cache=True)
def accumulate_csr(data, columns, indptr, about, mixture, memory, scratch, sums):
    """Add the statistics of CSR rows to the sums; returns their log-likelihood."""
    log_likelihood = 0.0
    n_block = scratch.scores.shape[0]
    for start in range(0, indptr.shape[0] - 1, n_block):
        rows = slice(start, min(start + n_block, indptr.shape[0] - 1))
        bounds, size = indptr[start : rows.stop + 1], rows.stop - start
        block = RowFactors(
            about.scale[rows], about.shift[rows], about.weight[rows], about.position[rows]
        )
        scores = scratch.scores[:size]
        write_scores_csr(data, columns, bounds, mixture.natural, scores)
        respond(scores, scores, block, False, mixture, memory, scratch)
        log_likelihood += _add_counts(size, block.weight, block.shift, scratch, sums)
        row_weight = block.weight * block.scale
        _add_rows_csr(data, columns, bounds, row_weight, scratch, sums.resultants)
    return log_likelihood


@njit(nogil=True, cache=True)
def assign(X, scores, about, mixture, memory, scratch, labels, probabilities, log_densities):
    """Most probable component, its probability and the log density, from the scores of a block."""
    respond(X, scores, about, True, mixture, memory, scratch)
    for i in range(labels.shape[0]):
        labels[i] = scratch.best[i]
        log_densities[i] = scratch.log_density[i]
        probabilities[i] = scratch.values[scratch.indptr[i] : scratch.indptr[i + 1]].max()
