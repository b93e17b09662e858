"""Smoothing of rows along the graph of nearest neighbors: a random walk with restart.

A row of the graph, divided by its sum, gives the probabilities of the next step of a random walk:
the matrix P. With probability r the walk returns to the row that it started from. The smoothed rows
are the mean rows that such walks visit, the fixed point of

    Z = r Y + (1 − r) P Z.

The eigenvectors u of P are patterns over the rows, and λ is the share of a pattern that one step
keeps: near 1 if neighbors agree. The fixed point multiplies each pattern in Y by

    h(λ) = r / (1 − (1 − r) λ),

which is 1 for λ = 1 and about r for patterns that neighbors do not share. The leading eigenvectors
are computed by the Rayleigh-Ritz method in the space that some smoothing steps of the rows span:
this takes sparse products with the rows, and no other iteration.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix.model.matrices import inner_products
from vmfmix.neighbors.search import Report, in_threads

_ROWS_PER_PART = 2048
N_STEPS = 15  # of smoothing, which find the space of the eigenvectors
_RESTART_OF_STEPS = 0.05
SMALLEST_EIGENVALUE = 0.5  # a step leaves at least half of each pattern that is kept
_FEWEST_PATTERNS = 2
_SMALLEST_SHARE = 1e-9  # of the largest eigenvalue; below are directions that rounding made


class Diffusion(NamedTuple):
    """Eigenvectors of the random walk on a graph, within the space of smoothed rows.

    Parameters
    ----------
    patterns : ndarray of shape (n_rows, n_patterns), float32
        Eigenvectors u_m. Their means are 0 and their mean products δ_mn, where a row counts in
        proportion to the sum of its edges.
    eigenvalues : ndarray of shape (n_patterns,)
        λ_m, in descending order, from 1 to 1/2. At least two are kept, however small, as there are
        no directions on a line; if there is only one, zeros are added.
    shares : ndarray of shape (n_rows,)
        The sum of the edges of each row, as a share of all.
    """

    patterns: NDArray[np.float32]
    eigenvalues: NDArray[np.float64]
    shares: NDArray[np.float64]


def restart_gains(eigenvalues: NDArray[np.float64], restart: float) -> NDArray[np.float64]:
    """Return the factors h(λ) by which the fixed point multiplies patterns.

    Parameters
    ----------
    eigenvalues : ndarray
    restart : float
        From 0 (excluded) to 1.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.neighbors.diffusion import restart_gains
    >>> restart_gains(np.array([1.0, 0.9, 0.5]), 0.1).round(2)
    array([1.  , 0.53, 0.18])
    """
    return restart / (1.0 - (1.0 - restart) * eigenvalues)


def basis(rows: Any, n_columns: int) -> NDArray[np.float32]:
    """Return functions of the rows whose smoothed versions span the space of the patterns.

    These are the features, or projections on random directions if there are too many. If there are
    too few, the sides of random hyperplanes on which the rows lie are added: few linear functions
    cannot describe many groups of neighbors.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features), float32
    n_columns : int
        At most n_rows are returned.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), float32
    """
    n_rows, n_features = rows.shape
    n_columns = min(n_columns, n_rows)
    rng = np.random.RandomState(0)
    directions = rng.standard_normal((n_features, n_columns)).astype(np.float32)
    if n_features >= n_columns or sp.issparse(rows):
        if n_features == n_columns and not sp.issparse(rows):
            return np.asarray(rows)
        return np.ascontiguousarray(rows @ (directions / np.float32(np.sqrt(n_columns))))
    sides = np.sign(rows @ directions[:, n_features:])
    return np.hstack([rows, sides / np.float32(np.sqrt(n_columns))])


def diffusion(graph: Any, rows: NDArray[np.float32], report: Report | None = None) -> Diffusion:
    """Compute the eigenvectors of the random walk on a graph in the space of smoothed rows.

    Parameters
    ----------
    graph : CSR matrix of shape (n_rows, n_rows), float32
        Symmetric weights; every row has an edge.
    rows : ndarray of shape (n_rows, n_features), float32
    report : callable, default=None
        Called with (number of steps done, number of all steps) after each step of the walk.

    Returns
    -------
    Diffusion
        With at least two patterns, and at most n_features.
    """
    degrees = np.asarray(graph.sum(axis=1), dtype=np.float64).ravel()
    shares = degrees / degrees.sum()
    smoothed = _smoothed(graph, rows, report)
    del rows
    # The pattern that is the same for all rows; by parts, as they are converted to float64.
    mean = sum(shares[part] @ smoothed[part] for part in _parts(len(smoothed)))
    smoothed -= np.asarray(mean, np.float32)
    variances, axes = np.linalg.eigh(_weighted_products(smoothed, shares, smoothed))
    exists = variances > _SMALLEST_SHARE * variances[-1]
    scaled = axes[:, exists] / np.sqrt(variances[exists])
    step = _neighbor_means(graph, smoothed)
    after_step = scaled.T @ _weighted_products(smoothed, shares, step) @ scaled
    del step
    eigenvalues, axes = np.linalg.eigh((after_step + after_step.T) / 2.0)
    n_kept = max(int((eigenvalues > SMALLEST_EIGENVALUE).sum()), _FEWEST_PATTERNS)
    kept = slice(-1, -n_kept - 1, -1)
    patterns = _product(smoothed, (scaled @ axes[:, kept]).astype(np.float32))
    eigenvalues = np.minimum(eigenvalues[kept], 1.0)
    n_missing = max(_FEWEST_PATTERNS - len(eigenvalues), 0)
    patterns = np.pad(patterns, ((0, 0), (0, n_missing))) if n_missing else patterns
    return Diffusion(patterns, np.pad(eigenvalues, (0, n_missing)), shares)


def _smoothed(graph: Any, rows: NDArray[np.float32], report: Report | None) -> NDArray[np.float32]:
    """Return the rows after some steps toward the fixed point."""
    smoothed = rows
    for number in range(1, N_STEPS + 1):
        step = _neighbor_means(graph, smoothed)
        step *= np.float32(1.0 - _RESTART_OF_STEPS)
        for part in _parts(len(rows)):
            step[part] += np.float32(_RESTART_OF_STEPS) * rows[part]
        smoothed = step
        if report is not None:
            report(number, N_STEPS)
    return smoothed


def _neighbor_means(graph: Any, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return P times the rows: the weighted mean of the neighbors of each row."""
    from vmfmix.neighbors.kernels import weighted_means  # here, as it imports numba

    means = np.empty_like(rows)

    def compute(start: int) -> None:
        stop = min(start + _ROWS_PER_PART, len(rows))
        weighted_means(graph.indptr, graph.indices, graph.data, rows, means, start, stop)

    in_threads(compute, range(0, len(rows), _ROWS_PER_PART))
    return means


def _weighted_products(
    left: NDArray[np.float32], weights: NDArray[np.float64], right: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return Σ_i w_i left_i right_iᵀ, in float64, without an array as large as the rows."""
    total = np.zeros((left.shape[1], right.shape[1]))
    for part in _parts(len(left)):
        weighted = left[part] * weights[part, np.newaxis]
        total += inner_products(weighted.T, right[part].T.astype(np.float64))
    return total


def _product(rows: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the product of the rows and a matrix."""
    product = np.empty((len(rows), matrix.shape[1]), np.float32)

    def compute(start: int) -> None:
        part = slice(start, start + _ROWS_PER_PART)
        np.matmul(rows[part], matrix, out=product[part])

    in_threads(compute, range(0, len(rows), _ROWS_PER_PART))
    return product


def _parts(n_rows: int) -> list[slice]:
    return [slice(start, start + _ROWS_PER_PART) for start in range(0, n_rows, _ROWS_PER_PART)]
