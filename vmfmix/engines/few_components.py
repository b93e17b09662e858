"""The numba kernel of a pass over dense rows with few components.

With few components, a pass takes its time for reading the rows and for the work that each row needs
besides the product. Rows are therefore read once: their scores, responsibilities and sums follow
each other while they are in the cache. The product is computed here, too, because BLAS libraries
are made for more columns, and because the rows that follow can be prefetched meanwhile.

Short passes with more components use this kernel, too: it is compiled in a third of the time that
`vmfmix.engines.kernels` takes, which is most of the time of the first fit in a new environment.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# Jitted functions have no annotations: numba infers their types.

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vmfmix.engines import kernels
from vmfmix.engines.instructions import (
    bits_as_double,
    count_bits,
    double_as_bits,
    larger,
    lowest_bit,
)
from vmfmix.engines.tiles import (
    NARROW,
    TILE_ROWS,
    WIDE,
    add_narrow_sums,
    add_wide_sums,
    write_narrow_scores,
    write_wide_scores,
)
from vmfmix.model.compilation import compiled

_BITS = 64  # of a word
_FASTMATH = {"nnan", "nsz", "reassoc", "contract"}
# A block has at most so many rows and, beyond the fewest, so many numbers, to fit into an L2 cache.
_MOST_ROWS, _FEWEST_ROWS, _NUMBERS = 768, 96, 2**18
_DENSE_SHARE = 1 / 16  # of responsibilities that matter, above which sums are products of tiles
_LARGEST_EXPONENT = 700.0
_HIGHEST_COEFFICIENT = 1 / math.factorial(13)
_COEFFICIENTS = tuple(1 / math.factorial(degree) for degree in range(12, -1, -1))  # of exp


@compiled(fastmath=_FASTMATH)
def _write_scores(X, natural, scores, start, stop):
    """Write x_i·η_k of the rows from start to stop; the last few are computed without tiles."""
    n_components = natural.shape[1]
    end = stop - (stop - start) % TILE_ROWS
    for component in range(0, n_components, WIDE):  # these parameters stay in the cache
        for row in range(start, end, TILE_ROWS):
            if component + WIDE <= n_components:
                write_wide_scores(X, natural, scores, row, start, component)
            else:
                write_narrow_scores(X, natural, scores, row, start, component)
    for i in range(end, stop):
        for k in range(n_components):
            scores[i - start, k] = 0
        for j in range(X.shape[1]):
            for k in range(n_components):
                scores[i - start, k] += X[i, j] * natural[j, k]


@compiled(fastmath=_FASTMATH)
def _add_products(X, sums, masses, start, stop):
    """Add Σ_i masses_ik x_i of the rows from start to stop; the last few without tiles."""
    n_components = sums.shape[1]
    end = stop - (stop - start) % TILE_ROWS
    for component in range(0, n_components, WIDE):  # these sums stay in the cache
        for row in range(start, end, TILE_ROWS):
            if component + WIDE <= n_components:
                add_wide_sums(X, sums, masses, row, start, component)
            else:
                add_narrow_sums(X, sums, masses, row, start, component)
    for i in range(end, stop):
        for j in range(X.shape[1]):
            for k in range(n_components):
                sums[j, k] += masses[i - start, k] * X[i, j]


@compiled(fastmath={"nnan", "contract"})
def _exp(x):
    """Return exp(x) for x from −700 to 0, with an error of about 1e-16; unlike np.exp, vectorizes.

    With n = round(x / log 2), it is 2^n times the Taylor series of exp at x − n log 2.
    """
    shifted = x * 1.4426950408889634 + 6755399441055744.0  # the low bits are those of n
    n = shifted - 6755399441055744.0
    r = (x - n * 0.6931471803691238) - n * 1.9082149292705877e-10
    series = _HIGHEST_COEFFICIENT
    for coefficient in _COEFFICIENTS:
        series = series * r + coefficient
    power = bits_as_double((double_as_bits(shifted) + np.uint64(1023)) << np.uint64(52))
    return series * power


class PaddedMixture(NamedTuple):
    """Parameters of a mixture, with components without weight that fill the last tile."""

    natural: np.ndarray  # (d, K'), in the precision of the pass
    center_scores: np.ndarray  # (K',), float64
    offsets: np.ndarray  # (K',), float64
    is_component: np.ndarray  # (words,), uint64: one bit for each that does not only fill a tile
    cutoff: float
    hard: bool


class Scratch(NamedTuple):
    """Arrays of one thread: those of one block of rows, and sums over all rows."""

    scores: np.ndarray  # (block, K'), replaced by the masses: responsibility × weight × scale
    hits: np.ndarray  # (block, words), uint64: one bit for each component that matters
    best: np.ndarray  # (block,), int32: most probable component
    highest: np.ndarray  # (block,), float64: largest responsibility
    log_density: np.ndarray  # (block,), float64
    joints: np.ndarray  # (K',), float64: log joints of one row
    counts: np.ndarray  # (K',), float64
    shift_sums: np.ndarray  # (K',), float64
    products: np.ndarray  # (d, K'), float64: sums of rows that were added by tiles


class RowResults(NamedTuple):
    """What is written for each row; arrays without rows if nothing is."""

    labels: np.ndarray  # (n,), int32: most probable component
    probabilities: np.ndarray  # (n,), float64, of that component
    log_densities: np.ndarray  # (n,), float64


@compiled(fastmath=_FASTMATH, error_model="numpy")
def _respond(factors, mixture, start, stop, scratch):
    """Turn the scores of a block into masses, and add them to the counts and shift sums.

    Returns the number of responsibilities that matter.
    """
    scores, joints, width = scratch.scores, scratch.joints, scratch.joints.shape[0]
    counts, shift_sums = scratch.counts, scratch.shift_sums
    center_scores, offsets, n_words = mixture.center_scores, mixture.offsets, scratch.hits.shape[1]
    n_hits = 0
    for i in range(start, stop):
        row, scale, shift, weight = i - start, factors.scale[i], factors.shift[i], factors.weight[i]
        largest = -np.inf
        for k in range(width):
            joints[k] = scale * np.float64(scores[row, k]) - shift * center_scores[k] + offsets[k]
            largest = larger(largest, joints[k])
        least = largest - mixture.cutoff
        best, n_row_hits = np.int64(-1), 0
        for word in range(n_words):
            hits, winners, first = np.uint64(0), np.uint64(0), _BITS * word
            for k in range(np.uint64(min(_BITS, width - first))):  # as bits, which vectorizes
                hits |= np.uint64(joints[first + k] >= least) << np.uint64(k)
                winners |= np.uint64(joints[first + k] >= largest) << np.uint64(k)
            scratch.hits[row, word] = hits & mixture.is_component[word]
            n_row_hits += count_bits(scratch.hits[row, word])
            winners &= mixture.is_component[word]
            if winners and best < 0:
                best = first + np.int64(lowest_bit(winners))
        if best < 0:  # the row has become NaN or infinite
            best, largest, n_row_hits = np.int64(0), np.inf, 1
        total = 1.0
        if mixture.hard or n_row_hits == 1:
            n_row_hits = 1
            for word in range(n_words):
                scratch.hits[row, word] = 0
            scratch.hits[row, best // _BITS] = np.uint64(1) << np.uint64(best % _BITS)
            counts[best] += weight
            shift_sums[best] += weight * shift
            for k in range(width):
                scores[row, k] = 0
            scores[row, best] = weight * scale
        else:
            total = 0.0
            for k in range(width):
                relative = larger(joints[k] - largest, -_LARGEST_EXPONENT)
                joints[k] = _exp(relative) if joints[k] >= least else 0.0
                total += joints[k]
            for k in range(width):
                mass = joints[k] * (weight / total)
                counts[k] += mass
                shift_sums[k] += mass * shift
                scores[row, k] = mass * scale
        scratch.best[row], scratch.highest[row] = best, 1.0 / total
        scratch.log_density[row] = largest + (np.log(total) if total > 1.0 else 0.0)
        n_hits += n_row_hits
    return n_hits


@compiled(fastmath=_FASTMATH)
def process_rows(X, factors, mixture, scratch, sums, results):
    """Add the statistics of dense rows to the sums, or write the results of each row.

    One function does both, since it is compiled before the first fit in a new environment.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    factors : kernels.RowFactors
    mixture : PaddedMixture
    scratch : Scratch
    sums : kernels.Sums
        Without components if nothing is added.
    results : RowResults

    Returns
    -------
    log_likelihood : float
    """
    masses, products, n_features = scratch.scores, scratch.products, X.shape[1]
    n_components, log_likelihood = sums.counts.shape[0], 0.0
    for start in range(0, X.shape[0], masses.shape[0]):
        stop = min(start + masses.shape[0], X.shape[0])
        _write_scores(X, mixture.natural, masses, start, stop)
        n_hits = _respond(factors, mixture, start, stop, scratch)
        for i in range(start, stop):
            log_likelihood += factors.weight[i] * scratch.log_density[i - start]
        if n_components == 0:
            for i in range(start, stop):
                results.labels[i] = scratch.best[i - start]
                results.probabilities[i] = scratch.highest[i - start]
                results.log_densities[i] = scratch.log_density[i - start]
        elif n_hits > _DENSE_SHARE * masses.shape[1] * (stop - start):
            _add_products(X, products, masses, start, stop)
        else:
            for i in range(start, stop):
                for word in range(scratch.hits.shape[1]):
                    hits = scratch.hits[i - start, word]
                    while hits:
                        component = _BITS * word + np.int64(lowest_bit(hits))
                        hits &= hits - np.uint64(1)
                        mass = masses[i - start, component]
                        for j in range(n_features):
                            sums.resultants[component, j] += mass * X[i, j]
    for k in range(n_components):
        for j in range(n_features):
            sums.resultants[k, j] += products[j, k]
        sums.counts[k] += scratch.counts[k]
        sums.shift_sums[k] += scratch.shift_sums[k]
    return log_likelihood


def accumulate_few(
    X: np.ndarray, factors: kernels.RowFactors, mixture: kernels.Mixture, sums: kernels.Sums
) -> tuple[float, int]:
    """Add the statistics of dense rows to the sums.

    Does the same as `kernels.accumulate`, but keeps no candidates.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    factors : kernels.RowFactors
    mixture : kernels.Mixture
    sums : kernels.Sums

    Returns
    -------
    log_likelihood : float
    n_evaluated : int
        Number of log joints that were evaluated.
    """
    nothing = RowResults(np.empty(0, np.int32), np.empty(0), np.empty(0))
    return _process(X, factors, mixture, sums, nothing), len(X) * len(mixture.offsets)


def assign_few(
    X: np.ndarray,
    factors: kernels.RowFactors,
    mixture: kernels.Mixture,
    labels: NDArray[np.int32],
    probabilities: NDArray[np.float64],
    log_densities: NDArray[np.float64],
) -> None:
    """Write the most probable components, their probabilities and the log densities of dense rows.

    Does the same as `kernels.assign`.
    """
    results = RowResults(labels, probabilities, log_densities)
    _process(X, factors, mixture, kernels.Sums.allocate(0, X.shape[1]), results)


def _process(
    X: np.ndarray,
    factors: kernels.RowFactors,
    mixture: kernels.Mixture,
    sums: kernels.Sums,
    results: RowResults,
) -> float:
    """Call `process_rows`; what numpy can do is done here, since it takes long to compile."""
    n_components, n_features = mixture.natural.shape
    if X.shape[1] != n_features:
        raise ValueError("Rows and components have different numbers of features.")
    width = n_components + -n_components % NARROW
    padded = PaddedMixture(
        natural=_padded(mixture.natural.T, width, 0.0),
        center_scores=_padded(mixture.center_scores, width, 0.0),
        offsets=_padded(mixture.offsets, width, -np.inf),
        is_component=_first_bits(n_components),
        cutoff=mixture.cutoff,
        hard=mixture.hard,
    )
    n_rows = min(max(_NUMBERS // max(n_features, width), _FEWEST_ROWS), _MOST_ROWS)
    n_rows = n_rows // TILE_ROWS * TILE_ROWS
    scratch = Scratch(
        scores=np.empty((n_rows, width), X.dtype),
        hits=np.empty((n_rows, len(padded.is_component)), np.uint64),
        best=np.empty(n_rows, np.int32),
        highest=np.empty(n_rows),
        log_density=np.empty(n_rows),
        joints=np.empty(width),
        counts=np.zeros(width),
        shift_sums=np.zeros(width),
        products=np.zeros((n_features, width)),
    )
    return float(process_rows(X, factors, padded, scratch, sums, results))


def _padded(array: np.ndarray, width: int, value: float) -> np.ndarray:
    """Return a C-ordered copy with so many columns; the ones that are added have this value."""
    padded = np.full((*array.shape[:-1], width), value, array.dtype)
    padded[..., : array.shape[-1]] = array
    return padded


def _first_bits(n_bits: int) -> NDArray[np.uint64]:
    """Return words in which the first bits are set."""
    words = range(0, n_bits, _BITS)
    return np.array([2 ** min(n_bits - first, _BITS) - 1 for first in words], np.uint64)
