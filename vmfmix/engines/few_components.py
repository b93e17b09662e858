"""The numba kernel of a pass over dense rows with few components.

With few components, a pass takes its time for reading the rows and for the work that each row needs
besides the product. Rows are therefore read once: their scores, responsibilities and sums follow
each other while they are in the cache. The product is computed here, too, because BLAS libraries
are made for more columns, and because the rows that follow can be prefetched meanwhile.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# Jitted functions have no annotations: numba infers their types.

import math
from typing import NamedTuple

import numpy as np

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

MOST_COMPONENTS = 64  # one bit of a uint64 for each
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
    n_components, row = natural.shape[1], start
    while row + TILE_ROWS <= stop:
        component = 0
        while component + WIDE <= n_components:
            write_wide_scores(X, natural, scores, row, start, component)
            component += WIDE
        if component < n_components:
            write_narrow_scores(X, natural, scores, row, start, component)
        row += TILE_ROWS
    for i in range(row, stop):
        for k in range(n_components):
            scores[i - start, k] = 0
        for j in range(X.shape[1]):
            for k in range(n_components):
                scores[i - start, k] += X[i, j] * natural[j, k]


@compiled(fastmath=_FASTMATH)
def _add_products(X, sums, masses, start, stop):
    """Add Σ_i masses_ik x_i of the rows from start to stop; the last few without tiles."""
    n_components, row = sums.shape[1], start
    while row + TILE_ROWS <= stop:
        component = 0
        while component + WIDE <= n_components:
            add_wide_sums(X, sums, masses, row, start, component)
            component += WIDE
        if component < n_components:
            add_narrow_sums(X, sums, masses, row, start, component)
        row += TILE_ROWS
    for i in range(row, stop):
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


class _Padded(NamedTuple):
    """A mixture whose components without weight fill the last tile."""

    natural: np.ndarray  # (d, K')
    center_scores: np.ndarray  # (K',), float64
    offsets: np.ndarray  # (K',), float64


@compiled(fastmath=_FASTMATH)
def _padded(mixture):
    """Return the parameters of a mixture with components without weight that fill the last tile."""
    n_components, n_features = mixture.natural.shape
    width = (n_components + NARROW - 1) // NARROW * NARROW
    natural = np.zeros((n_features, width), mixture.natural.dtype)
    center_scores, offsets = np.zeros(width), np.full(width, -np.inf)
    for k in range(n_components):
        center_scores[k], offsets[k] = mixture.center_scores[k], mixture.offsets[k]
        for j in range(n_features):
            natural[j, k] = mixture.natural[k, j]
    return _Padded(natural, center_scores, offsets)


class _Block(NamedTuple):
    """Arrays for the rows of one block."""

    scores: np.ndarray  # (block, K'), replaced by the masses: responsibility × weight × scale
    hits: np.ndarray  # (block,), uint64: one bit for each component that matters
    best: np.ndarray  # (block,), int32: most probable component
    highest: np.ndarray  # (block,), float64: largest responsibility
    log_density: np.ndarray  # (block,), float64
    joints: np.ndarray  # (K',), float64: log joints of one row


@compiled(fastmath=_FASTMATH)
def _new_block(X, mixture):
    """Return the arrays for blocks of rows; all rows of a block fit into a cache with them."""
    n_rows = min(max(_NUMBERS // X.shape[1], _FEWEST_ROWS), _MOST_ROWS) // TILE_ROWS * TILE_ROWS
    width = mixture.natural.shape[1]
    return _Block(
        np.empty((n_rows, width), X.dtype),
        np.empty(n_rows, np.uint64),
        np.empty(n_rows, np.int32),
        np.empty(n_rows),
        np.empty(n_rows),
        np.empty(width),
    )


@compiled(fastmath=_FASTMATH, error_model="numpy")
def _respond(factors, mixture, n_components, cutoff, hard, start, stop, block, counts, shift_sums):
    """Turn the scores of a block into masses, and add them to the counts and shift sums.

    Returns the number of responsibilities that matter.
    """
    scores, joints, width = block.scores, block.joints, block.joints.shape[0]
    center_scores, offsets = mixture.center_scores, mixture.offsets
    is_component = ~np.uint64(0) >> np.uint64(MOST_COMPONENTS - n_components)
    n_hits = 0
    for i in range(start, stop):
        row, scale, shift, weight = i - start, factors.scale[i], factors.shift[i], factors.weight[i]
        largest = -np.inf
        for k in range(width):
            joints[k] = scale * np.float64(scores[row, k]) - shift * center_scores[k] + offsets[k]
            largest = larger(largest, joints[k])
        least = largest - cutoff
        hits, winners = np.uint64(0), np.uint64(0)  # one bit for each component, which vectorizes
        for k in range(np.uint64(width)):
            hits |= np.uint64(joints[k] >= least) << np.uint64(k)
            winners |= np.uint64(joints[k] >= largest) << np.uint64(k)
        hits, winners = hits & is_component, winners & is_component
        if not winners:  # the row has become NaN or infinite
            hits = winners = np.uint64(1)
            largest = np.inf
        best = lowest_bit(winners)
        total = 1.0
        if hard or hits == np.uint64(1) << best:
            hits = np.uint64(1) << best
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
        block.hits[row], block.best[row], block.highest[row] = hits, best, 1.0 / total
        block.log_density[row] = largest + (np.log(total) if total > 1.0 else 0.0)
        n_hits += count_bits(hits)
    return n_hits


@compiled(fastmath=_FASTMATH)
def accumulate_few(X, factors, mixture, sums):
    """Add the statistics of dense rows to the sums, if there are at most `MOST_COMPONENTS`.

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
    n_components, n_features = mixture.natural.shape
    if X.shape[1] != n_features:
        raise ValueError("Rows and components have different numbers of features.")
    padded = _padded(mixture)
    block = _new_block(X, padded)
    masses, width = block.scores, padded.offsets.shape[0]
    counts, shift_sums = np.zeros(width), np.zeros(width)
    products = np.zeros((n_features, width))
    log_likelihood = 0.0
    for start in range(0, X.shape[0], masses.shape[0]):
        stop = min(start + masses.shape[0], X.shape[0])
        _write_scores(X, padded.natural, block.scores, start, stop)
        n_hits = _respond(
            factors,
            padded,
            n_components,
            mixture.cutoff,
            mixture.hard,
            start,
            stop,
            block,
            counts,
            shift_sums,
        )
        for i in range(start, stop):
            log_likelihood += factors.weight[i] * block.log_density[i - start]
        if n_hits > _DENSE_SHARE * width * (stop - start):
            _add_products(X, products, masses, start, stop)
        else:
            for i in range(start, stop):
                hits = block.hits[i - start]
                while hits:
                    k = lowest_bit(hits)
                    hits &= hits - np.uint64(1)
                    mass = masses[i - start, k]
                    for j in range(n_features):
                        sums.resultants[k, j] += mass * X[i, j]
    for k in range(n_components):
        for j in range(n_features):
            sums.resultants[k, j] += products[j, k]
        sums.counts[k] += counts[k]
        sums.shift_sums[k] += shift_sums[k]
    return log_likelihood, X.shape[0] * n_components


@compiled(fastmath=_FASTMATH)
def assign_few(X, factors, mixture, labels, probabilities, log_densities):
    """Write the most probable components, their probabilities and the log densities of dense rows.

    Does the same as `kernels.assign`, for at most `MOST_COMPONENTS`.
    """
    n_components, padded = mixture.offsets.shape[0], _padded(mixture)
    block = _new_block(X, padded)
    n_rows, unused = block.best.shape[0], np.zeros(padded.offsets.shape[0])
    for start in range(0, X.shape[0], n_rows):
        stop = min(start + n_rows, X.shape[0])
        _write_scores(X, padded.natural, block.scores, start, stop)
        _respond(
            factors,
            padded,
            n_components,
            mixture.cutoff,
            mixture.hard,
            start,
            stop,
            block,
            unused,
            unused,
        )
        for i in range(start, stop):
            labels[i] = block.best[i - start]
            probabilities[i] = block.highest[i - start]
            log_densities[i] = block.log_density[i - start]
