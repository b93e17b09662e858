"""All numba kernels: passes over consecutive rows, dense or CSR.

They are in one module because numba's cache does not notice a change to a callee in another module
(`vmfmix.engines.instructions` has no such functions but for single instructions).
No kernel is parallel: the CPU engine runs them in its own threads, and a whole pass over the rows
of one thread is one call, so that threads do not wait for the GIL. BLAS computes the matrix
products.

A function with an `overload` or an `intrinsic` has a second body in Python, for the environment
variable NUMBA_DISABLE_JIT, where functions are not compiled.

Notation: row i of the engine is ``scale[i] * x_i - shift[i] * center`` (a unit vector), component k
has the natural parameter η_k = κ_k μ_k, and ``scores[i, k] = x_i·η_k``, so that

    log joint_ik = scale_i scores_ik - shift_i (center·η_k) + offset_k.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# Jitted functions have no annotations: numba infers their types.

import math
from typing import NamedTuple

import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import DTypeLike

from vmfmix.engines.instructions import bits_as_float, float_as_bits, larger, lowest_bit
from vmfmix.model.compilation import compiled

# Sums may be reordered. X is validated to contain no NaN, but infinities do occur: the log weight
# of an empty component is -inf.
_FASTMATH = {"nnan", "nsz", "reassoc", "contract"}
_DENSE_SHARE = 1 / 8  # of responsibilities that matter, above which a product beats a scatter
_CACHE_LINE = 64  # bytes
SLACK = 0.01  # nats, for the rounding of the bounds by which components are excluded
_FLOAT32_ROUNDING = 2.0**-22  # relative, with a margin
_CHUNK = 64  # components whose largest upper bound is computed together


class Mixture(NamedTuple):
    """Parameters of a mixture in the form that the kernels need.

    Parameters
    ----------
    natural : ndarray of shape (K, d) for dense rows, (d, K) for CSR rows
        η_k, C-ordered, in the precision of the pass.
    center_scores, offsets : ndarray of shape (K,), float64
    bound_center_scores, bound_offsets : ndarray of shape (K,), in the precision of the scores
        Replace `center_scores` and `offsets` in upper bounds on the log joints: if scores are
        approximate, the offsets include the largest error of the score of each component.
    window : float
        Components with bounds more than this below the largest bound of the row are not evaluated,
        in nats.
    cutoff : float
        Log joints more than this below the largest one of the row are ignored, in nats.
    lost_mass : float
        Mass of the responsibilities that a row may lose: half of it to the cut-off, half of it to a
        second cut-off among the components that remain.
    hard : bool
        Whether each row is assigned to its best component only.
    """

    natural: np.ndarray
    center_scores: np.ndarray
    offsets: np.ndarray
    bound_center_scores: np.ndarray
    bound_offsets: np.ndarray
    window: float
    cutoff: float
    lost_mass: float
    hard: bool


class RowFactors(NamedTuple):
    """Scale, shift, weight and position of rows, arrays of shape (n,)."""

    scale: np.ndarray  # float64
    shift: np.ndarray  # float64
    weight: np.ndarray  # float64
    position: np.ndarray  # int64, in the engine


class CandidateLists(NamedTuple):
    """Candidates of every row of the engine, kept for the next pass; empty if none are kept.

    Only the candidates of a row had log joints above its bound for the other components.
    """

    components: np.ndarray  # (n, most), int32, the best one first; unused places are -1
    bounds: np.ndarray  # (n, most), float32: upper bounds on the log joints of the candidates
    other_bounds: np.ndarray  # (n,), float32: upper bound on the log joints of all others
    margin: float  # nats below the cut-off within which a component is a candidate


class Drift(NamedTuple):
    """Movement of the components since the last pass.

    If a log joint of component k was l in the last pass, it is now at most ratio l + moved[k], and
    at most ratio l + others_moved unless k is one of the movers.
    """

    ratio: float
    moved: np.ndarray  # (K,), float64
    others_moved: float
    movers: np.ndarray  # (M,), int32
    is_mover: np.ndarray  # (K,), bool


class Sums(NamedTuple):
    """Weighted sums over rows, float64: Σ w r (K,), Σ w r shift (K,) and Σ w r scale x (K, d)."""

    counts: np.ndarray
    shift_sums: np.ndarray
    resultants: np.ndarray

    @classmethod
    def allocate(cls, n_components: int, n_features: int) -> "Sums":
        """Return sums of these sizes, not set to zero."""
        return cls(
            np.empty(n_components), np.empty(n_components), np.empty((n_components, n_features))
        )


class Scratch(NamedTuple):
    """Arrays of one thread, filled again for each block of at most n rows."""

    scores: np.ndarray  # (n, K)
    approximate_scores: np.ndarray  # (n, K), uint16: the bits of bfloat16 numbers
    unit_rows: np.ndarray  # (n, d), uint16: the bits of bfloat16 numbers
    peaks: np.ndarray  # (chunks of components,): largest upper bound of each for one row
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
    def allocate(
        cls, n_rows: int, n_components: int, n_features: int, dtype: DTypeLike
    ) -> "Scratch":
        """Return scratch of these sizes; parts that a pass does not use take no memory."""
        return cls(
            scores=np.empty((n_rows, n_components), dtype),
            approximate_scores=_aligned((n_rows, n_components), np.uint16),
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


def read_only(array: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Return the array C-contiguous, in a dtype and read-only, without a copy if possible."""
    array = np.ascontiguousarray(array, dtype=dtype).view()
    array.flags.writeable = False
    return array


def leading_view(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a view of the first numbers of an array in another shape."""
    return array.reshape(-1)[: math.prod(shape)].reshape(shape)


def _aligned(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return an empty array aligned to a cache line, which makes products up to twice as fast."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


@compiled(fastmath=_FASTMATH)
def squared_norms(X, out):
    """Write the squared length of each row of a dense block, summed in float64."""
    for i in range(X.shape[0]):
        total = 0.0
        for j in range(X.shape[1]):
            x = np.float64(X[i, j])
            total += x * x
        out[i] = total


@compiled(fastmath=_FASTMATH)
def squared_distances(X, scale, center, out):
    """Write the squared distance of each scaled row of a dense block to the center, in float64."""
    for i in range(X.shape[0]):
        total = 0.0
        for j in range(X.shape[1]):
            difference = scale[i] * X[i, j] - center[j]
            total += difference * difference
        out[i] = total


@compiled(fastmath=_FASTMATH)
def squared_norms_csr(data, indptr, out):
    """Write the squared length of each row of a CSR block, summed in float64."""
    for i in range(indptr.shape[0] - 1):
        total = 0.0
        for p in range(indptr[i], indptr[i + 1]):
            x = np.float64(data[p])
            total += x * x
        out[i] = total


@compiled(fastmath=_FASTMATH)
def write_scores_csr(data, columns, indptr, natural, out):
    """Write the scores of CSR rows; `natural` has shape (d, K), so that K is contiguous."""
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


@compiled(fastmath=_FASTMATH)
def write_unit_rows(X, scale, shift, center, out):
    """Write unit rows in bfloat16, the upper half of a float32, rounded to nearest."""
    for i in range(X.shape[0]):
        row, bits = X[i], out[i]
        a, b = X.dtype.type(scale[i]), X.dtype.type(shift[i])
        for j in range(row.shape[0]):
            number = float_as_bits(np.float32(a * row[j] - b * center[j]))
            half = np.uint32(0x7FFF) + ((number >> np.uint32(16)) & np.uint32(1))  # ties to even
            bits[j] = np.uint16((number + half) >> np.uint32(16))


def _upper_bound(score, a, b, center_score, offset):
    """Return an upper bound on the log joint with this score."""
    if isinstance(score, np.uint16):  # an approximate score of a unit row, in bfloat16
        return bits_as_float(np.uint32(score) << np.uint32(16)) + offset
    return a * score - b * center_score + offset


@overload(_upper_bound, inline="always")
def _overload_upper_bound(score, a, b, center_score, offset):
    if score is types.uint16:

        def from_approximate(score, a, b, center_score, offset):
            return bits_as_float(np.uint32(score) << np.uint32(16)) + offset

        return from_approximate

    def from_exact(score, a, b, center_score, offset):
        return a * score - b * center_score + offset

    return from_exact


@compiled(fastmath=_FASTMATH)
def _dot(X, natural, i, k):
    """Return x_i·η_k, summed in the precision of the pass."""
    total = natural.dtype.type(0)
    for j in range(natural.shape[1]):
        total += X[i, j] * natural[k, j]
    return np.float64(total)


def _score(scores, X, natural, i, k):
    """Return x_i·η_k in the precision of the pass."""
    if scores.dtype == np.uint16:  # approximate scores: compute the exact one here
        return _dot(X, natural, i, k)
    return np.float64(scores[i, k])


@overload(_score, inline="always")
def _overload_score(scores, X, natural, i, k):
    if scores.dtype is types.uint16:

        def compute(scores, X, natural, i, k):
            return _dot(X, natural, i, k)

        return compute

    def read(scores, X, natural, i, k):
        return np.float64(scores[i, k])

    return read


@compiled(fastmath=_FASTMATH)
def _write_peaks(row, a, b, center_scores, offsets, peaks):
    """Write the largest upper bound of each chunk of components, and return the best chunk."""
    highest = 0
    for chunk in range(peaks.shape[0]):
        stop = min((chunk + 1) * _CHUNK, row.shape[0])
        start = max(stop - _CHUNK, 0)  # the last chunk overlaps: full ones are faster
        scores, c, o = row[start:stop], center_scores[start:stop], offsets[start:stop]
        peak = offsets.dtype.type(-np.inf)
        for k in range(scores.shape[0]):
            peak = larger(peak, _upper_bound(scores[k], a, b, c[k], o[k]))
        peaks[chunk] = peak
        highest = chunk if peak > peaks[highest] else highest
    return highest


@compiled(fastmath=_FASTMATH)
def _find_at_least(threshold, chunk, row, a, b, center_scores, offsets, found, n_found):
    """Append the components of a chunk whose log joints may reach the threshold to `found`.

    Returns the new number of found components.
    """
    start, stop = chunk * _CHUNK, min((chunk + 1) * _CHUNK, row.shape[0])
    scores, c, o = row[start:stop], center_scores[start:stop], offsets[start:stop]
    hits = np.uint64(0)  # one bit for each component of the chunk, which vectorizes
    for k in range(np.uint64(scores.shape[0])):
        reached = _upper_bound(scores[k], a, b, c[k], o[k]) >= threshold
        hits |= np.uint64(reached) << np.uint64(k)
    while hits:
        found[n_found] = start + np.int64(lowest_bit(hits))
        n_found += 1
        hits &= hits - np.uint64(1)
    return n_found


@compiled()
def _cutoff(n_components, lost_mass, hard):
    """Return the cut-off that loses at most half of `lost_mass` to this many components."""
    return 0.0 if hard else np.log(2.0 * n_components / lost_mass)


@compiled(fastmath=_FASTMATH)
def _normalize_row(i, first, last, lost_mass, hard, indices, values, best, log_density):
    """Turn the log joints of a row into responsibilities, and return the end of those that matter.

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
    least = highest - _cutoff(last - first, lost_mass, hard)
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


@compiled(fastmath=_FASTMATH)
def _rounded_up(number):
    """Return a float32 that is not below a number."""
    return np.float32(number + _FLOAT32_ROUNDING * abs(number))


@compiled(fastmath=_FASTMATH)
def _store_candidates(
    at, first, last, bound, cutoff, margin, indices, values, candidates, bounds, other_bounds
):
    """Store the best candidates of row `at`, and an upper bound for all other components."""
    winner = first
    for p in range(first + 1, last):
        if values[p] > values[winner]:
            winner = p
    least = values[winner] - cutoff - margin
    bound = max(bound, least)
    most = candidates.shape[1]
    candidates[at, 0] = indices[winner]
    bounds[at, 0] = _rounded_up(values[winner])
    n_stored = 1
    for p in range(first, last):
        if p == winner or values[p] < least:
            continue
        if n_stored < most:
            place = n_stored
            n_stored += 1
        else:  # replace the worst candidate, if it is worse than this one
            place = 1
            for c in range(2, most):
                if bounds[at, c] < bounds[at, place]:
                    place = c
            if values[p] <= bounds[at, place]:
                bound = max(bound, values[p])
                continue
            bound = max(bound, np.float64(bounds[at, place]))
        candidates[at, place] = indices[p]
        bounds[at, place] = _rounded_up(values[p])
    for c in range(n_stored, most):
        candidates[at, c] = -1
    other_bounds[at] = _rounded_up(bound)


# The loops over rows of `respond` and `accumulate_from_candidates` are not split further: helpers
# that take slices or tuples of arrays cost 5 to 10 ns for each array and call, to count references.


@compiled(fastmath=_FASTMATH)
def respond(X, scores, factors, mixture, lists, scratch):
    """Turn the scores of a block into responsibilities; those below the cut-off are not computed.

    The scores give an upper bound on each log joint, and the largest bound of every chunk of
    components. Only components whose bound is close to the largest one are evaluated, in float64:
    few components, in few chunks. `log_density` becomes log Σ_k exp(log joint), or the largest log
    joint if the assignment is hard.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Only read if the scores are approximate.
    scores : ndarray of shape (n, K)
        In the precision of the pass, or uint16 for approximate ones.
    factors : RowFactors
        Rows of weight 0 get no responsibilities.
    mixture : Mixture
    lists : CandidateLists
        To be written.
    scratch : Scratch

    Returns
    -------
    int
        Number of log joints that were evaluated.
    """
    indptr, indices, values, peaks = scratch.indptr, scratch.indices, scratch.values, scratch.peaks
    natural, center_scores, offsets = mixture.natural, mixture.center_scores, mixture.offsets
    bound_center_scores, bound_offsets = mixture.bound_center_scores, mixture.bound_offsets
    bound_type = bound_offsets.dtype.type
    cutoff, lost_mass, hard = mixture.cutoff, mixture.lost_mass, mixture.hard
    candidates, other_bounds = lists.components, lists.other_bounds
    candidate_bounds = lists.bounds
    margin, stores_candidates = lists.margin, other_bounds.shape[0] > 0
    best, log_density = scratch.best, scratch.log_density
    window = bound_type(mixture.window + margin)
    scale, shift, weight = factors.scale, factors.shift, factors.weight
    position = factors.position
    n_evaluated = 0
    indptr[0] = 0
    for i in range(scale.shape[0]):
        if not weight[i] > 0:
            log_density[i] = 0.0
            indptr[i + 1] = indptr[i]
            if stores_candidates:  # the next pass skips the row, too
                candidates[position[i], 0] = -1
                candidate_bounds[position[i], 0] = 0.0
                other_bounds[position[i]] = -np.inf
            continue

        # Find the components whose bound is within the window below the largest bound.
        row, a, b = scores[i], bound_type(scale[i]), bound_type(shift[i])
        highest_chunk = _write_peaks(row, a, b, bound_center_scores, bound_offsets, peaks)
        threshold = bound_type(peaks[highest_chunk] - window)
        first = indptr[i]
        last = first
        for chunk in range(peaks.shape[0]):
            if peaks[chunk] >= threshold:
                last = _find_at_least(
                    threshold, chunk, row, a, b, bound_center_scores, bound_offsets, indices, last
                )

        # Evaluate them; as only a few are left, a smaller cut-off loses no more mass.
        threshold_of_few = threshold + bound_type(
            margin + cutoff - _cutoff(last - first, lost_mass, hard)
        )
        for p in range(first, last):
            k = indices[p]
            bound = _upper_bound(row[k], a, b, bound_center_scores[k], bound_offsets[k])
            values[p] = bound
            if bound >= threshold_of_few:
                score = _score(scores, X, natural, i, k)
                values[p] = scale[i] * score - shift[i] * center_scores[k] + offsets[k]
                n_evaluated += 1

        if stores_candidates:
            _store_candidates(
                position[i],
                first,
                last,
                threshold,
                cutoff,
                margin,
                indices,
                values,
                candidates,
                candidate_bounds,
                other_bounds,
            )
        indptr[i + 1] = _normalize_row(
            i, first, last, lost_mass, hard, indices, values, best, log_density
        )
    return n_evaluated


@compiled(fastmath=_FASTMATH)
def _sort_by_component(n_rows, row_weight, scratch):
    """Sort the responsibilities of a block by component: rows, and their r_ik row_weight_i."""
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
    for k in range(starts.shape[0] - 1, 0, -1):  # each start has moved to the next component's
        starts[k] = starts[k - 1]
    starts[0] = 0


@compiled(fastmath=_FASTMATH)
def _add_counts(n_rows, weight, shift, scratch, sums):
    """Add the counts and shift sums of a block, and return its log-likelihood."""
    log_likelihood = 0.0
    for i in range(n_rows):
        log_likelihood += weight[i] * scratch.log_density[i]
        for p in range(scratch.indptr[i], scratch.indptr[i + 1]):
            k = scratch.indices[p]
            mass = weight[i] * scratch.values[p]
            sums.counts[k] += mass
            sums.shift_sums[k] += mass * shift[i]
    return log_likelihood


@compiled(fastmath=_FASTMATH)
def _add_rows(X, scratch, resultants):
    """Add Σ_i r_ik row_weight_i x_i of a dense block sorted by component.

    Four rows are summed in their own precision before they are added: the float64 sums take most of
    the time, and four terms lose next to nothing.
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


@compiled(fastmath=_FASTMATH)
def _add_products(X, row_weight, scratch, resultants):
    """Add the same sums by a matrix product, which is faster if many responsibilities matter."""
    dense, products = scratch.scores[: X.shape[0]], scratch.products
    dense[:] = 0
    for i in range(X.shape[0]):
        for p in range(scratch.indptr[i], scratch.indptr[i + 1]):
            dense[i, scratch.indices[p]] = row_weight[i] * scratch.values[p]
    np.dot(dense.T, X, products)
    for k in range(resultants.shape[0]):
        for j in range(resultants.shape[1]):
            resultants[k, j] += products[k, j]


@compiled(fastmath=_FASTMATH)
def _add_rows_csr(data, columns, bounds, row_weight, scratch, resultants):
    """Add Σ_i r_ik row_weight_i x_i of a CSR block."""
    for i in range(bounds.shape[0] - 1):
        for p in range(scratch.indptr[i], scratch.indptr[i + 1]):
            mass = row_weight[i] * scratch.values[p]
            target = resultants[scratch.indices[p]]
            for q in range(bounds[i], bounds[i + 1]):
                target[columns[q]] += mass * data[q]


@compiled()
def _add(X, factors, mixture, scratch, sums):
    """Add the statistics of a dense block whose responsibilities are in scratch.

    Returns the log-likelihood of the block.
    """
    size, n_components = X.shape[0], mixture.offsets.shape[0]
    log_likelihood = _add_counts(size, factors.weight, factors.shift, scratch, sums)
    row_weight = factors.weight * factors.scale
    if scratch.indptr[size] > max(2.0, _DENSE_SHARE * n_components) * size:
        _add_products(X, row_weight, scratch, sums.resultants)
    else:
        _sort_by_component(size, row_weight, scratch)
        _add_rows(X, scratch, sums.resultants)
    return log_likelihood


@compiled()
def accumulate(X, factors, mixture, lists, scratch, sums):
    """Add the statistics of dense rows to the sums.

    Returns the log-likelihood of the rows and the number of log joints that were evaluated.
    """
    log_likelihood, n_evaluated = 0.0, 0
    n_block = scratch.scores.shape[0]
    for start in range(0, X.shape[0], n_block):
        rows = slice(start, min(start + n_block, X.shape[0]))
        scores = scratch.scores[: rows.stop - start]
        np.dot(X[rows], mixture.natural.T, scores)
        block = RowFactors(
            factors.scale[rows], factors.shift[rows], factors.weight[rows], factors.position[rows]
        )
        n_evaluated += respond(scores, scores, block, mixture, lists, scratch)
        log_likelihood += _add(X[rows], block, mixture, scratch, sums)
    return log_likelihood, n_evaluated


@compiled()
def accumulate_approximate(X, scores, factors, mixture, lists, scratch, sums):
    """Add the statistics of a dense block with approximate scores to the sums.

    Returns the log-likelihood of the rows and the number of log joints that were evaluated.
    """
    n_evaluated = respond(X, scores, factors, mixture, lists, scratch)
    return _add(X, factors, mixture, scratch, sums), n_evaluated


@compiled(fastmath=_FASTMATH)
def accumulate_from_candidates(
    X, mover_scores, factors, mixture, movers, drift, lists, scratch, sums, unresolved
):
    """Add the statistics of the dense rows for which their candidates of the last pass suffice.

    Evaluates the candidates, and the movers that their scores do not exclude. All other components
    are below the bound of the row, raised by the drift. Rows where the raised bound reaches the
    cut-off are not added.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    mover_scores : ndarray of shape (n, n_movers)
        In the precision of the pass, or uint16 for approximate ones.
    factors : RowFactors
    mixture, movers : Mixture
        All components, and the movers.
    drift : Drift
    lists : CandidateLists
        To be read, and written for the rows that are added.
    scratch : Scratch
    sums : Sums
    unresolved : ndarray of shape (n,), int64
        Gets the numbers of the rows that are not added.

    Returns
    -------
    log_likelihood : float
    n_unresolved : int
    """
    indptr, indices, values, peaks = scratch.indptr, scratch.indices, scratch.values, scratch.peaks
    natural, center_scores, offsets = mixture.natural, mixture.center_scores, mixture.offsets
    mover_center_scores, mover_offsets = movers.bound_center_scores, movers.bound_offsets
    scale, shift, position = factors.scale, factors.shift, factors.position
    mover_ids, is_mover, moved, ratio = drift.movers, drift.is_mover, drift.moved, drift.ratio
    candidates, other_bounds = lists.components, lists.other_bounds
    candidate_bounds = lists.bounds
    best, log_density, margin = scratch.best, scratch.log_density, lists.margin
    bound_type = mover_offsets.dtype.type
    cutoff, lost_mass, hard = mixture.cutoff, mixture.lost_mass, mixture.hard
    mover_peaks = peaks[: -(-mover_ids.shape[0] // _CHUNK)]
    n_unresolved = 0
    indptr[0] = 0
    for i in range(X.shape[0]):
        row, a, b = mover_scores[i], bound_type(scale[i]), bound_type(shift[i])
        at = position[i]
        first = indptr[i]
        if factors.weight[i] == 0:
            log_density[i] = 0.0
            indptr[i + 1] = first
            continue

        # Evaluate the candidates that are not movers, unless their bounds exclude them.
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

        # Evaluate the movers, unless the bounds from their scores exclude them.
        bound = ratio * other_bounds[at] + drift.others_moved
        if mover_peaks.shape[0] > 0:
            chunk = _write_peaks(row, a, b, mover_center_scores, mover_offsets, mover_peaks)
            reached = max(mover_peaks[chunk] - (movers.window - cutoff), highest)
            threshold = bound_type(reached - cutoff - margin)
            bound = max(bound, threshold)
            first_mover = last
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
            for p in range(first_mover, last):
                k = mover_ids[indices[p]]
                score = _score(mover_scores, X, movers.natural, i, indices[p])
                indices[p] = k
                values[p] = scale[i] * score - shift[i] * center_scores[k] + offsets[k]
                highest = max(highest, values[p])

        # Any other component may reach the cut-off: leave the row to a pass over all components.
        if bound >= highest - cutoff - SLACK:
            log_density[i] = 0.0
            indptr[i + 1] = first
            unresolved[n_unresolved] = i
            n_unresolved += 1
        else:
            _store_candidates(
                at,
                first,
                last,
                bound,
                cutoff,
                margin,
                indices,
                values,
                candidates,
                candidate_bounds,
                other_bounds,
            )
            indptr[i + 1] = _normalize_row(
                i, first, last, lost_mass, hard, indices, values, best, log_density
            )
    return _add(X, factors, mixture, scratch, sums), n_unresolved


@compiled()
def accumulate_csr(data, columns, indptr, factors, mixture, lists, scratch, sums):
    """Add the statistics of CSR rows to the sums, and return their log-likelihood."""
    log_likelihood = 0.0
    n_block = scratch.scores.shape[0]
    for start in range(0, indptr.shape[0] - 1, n_block):
        rows = slice(start, min(start + n_block, indptr.shape[0] - 1))
        bounds, size = indptr[start : rows.stop + 1], rows.stop - start
        block = RowFactors(
            factors.scale[rows], factors.shift[rows], factors.weight[rows], factors.position[rows]
        )
        scores = scratch.scores[:size]
        write_scores_csr(data, columns, bounds, mixture.natural, scores)
        respond(scores, scores, block, mixture, lists, scratch)
        log_likelihood += _add_counts(size, block.weight, block.shift, scratch, sums)
        row_weight = block.weight * block.scale
        _add_rows_csr(data, columns, bounds, row_weight, scratch, sums.resultants)
    return log_likelihood


@compiled()
def assign(X, scores, factors, mixture, lists, scratch, labels, probabilities, log_densities):
    """Write the most probable components, their probabilities and the log densities of a block.

    All rows must have a weight above 0.
    """
    respond(X, scores, factors, mixture, lists, scratch)
    for i in range(labels.shape[0]):
        labels[i] = scratch.best[i]
        log_densities[i] = scratch.log_density[i]
        largest = 0.0  # in a loop, as the method `max` takes half a second to compile
        for entry in range(scratch.indptr[i], scratch.indptr[i + 1]):
            largest = max(largest, scratch.values[entry])
        probabilities[i] = largest
