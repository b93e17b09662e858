"""Operations on the rows of a dense or sparse matrix.

If most features of most components are zero, as with word counts of a hundred thousand or more
features, the resultants of sparse rows, and the means computed from them, are sparse as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix.model.threads import threaded_matmul

# An ndarray, or a sparse array or matrix of SciPy, which has no type hints.
Matrix: TypeAlias = Any


def row_products(one: Matrix, other: Matrix) -> NDArray[np.float64]:
    """Return the inner product of each row with the same row of another matrix, in float64."""
    if sp.issparse(one):
        return np.asarray(one.multiply(other).sum(axis=1), dtype=np.float64).ravel()
    products: NDArray[np.float64] = np.einsum("ij,ij->i", one, other, dtype=np.float64)
    return products


def row_lengths(rows: Matrix) -> NDArray[np.float64]:
    """Return the length of each row, in float64."""
    if sp.issparse(rows):
        squares = rows.astype(np.float64).power(2)
        lengths: NDArray[np.float64] = np.sqrt(np.asarray(squares.sum(axis=1)).ravel())
        return lengths
    return np.sqrt(row_products(rows, rows))


def inner_products(one: Matrix, other: Matrix) -> np.ndarray:
    """Return the inner products of all rows of one matrix with all rows of another, as an array."""
    if one is other or sp.issparse(one) or sp.issparse(other):
        return as_array(one @ other.T)  # BLAS does half the work for a product with itself
    return threaded_matmul(one, other.T)


def scaled_rows(rows: Matrix, factors: np.ndarray) -> Matrix:
    """Return each row times its factor."""
    if sp.issparse(rows):
        return sp.diags_array(factors) @ rows
    return factors[:, np.newaxis] * rows


def unit_rows(rows: Matrix) -> Matrix:
    """Return each row divided by its length; a row of zeros becomes the first basis vector."""
    lengths = row_lengths(rows)
    if not sp.issparse(rows):
        directions = rows / np.where(lengths > 0, lengths, 1.0)[:, np.newaxis]
        directions[lengths == 0, 0] = 1.0
        return directions
    directions = scaled_rows(rows, 1.0 / np.where(lengths > 0, lengths, 1.0))
    zeros = np.flatnonzero(lengths == 0)
    if len(zeros) > 0:
        first_axis = (np.ones(len(zeros)), (zeros, np.zeros_like(zeros)))
        directions += sp.csr_array(first_axis, rows.shape)
    return directions


def stacked(parts: Sequence[Matrix]) -> Matrix:
    """Return the rows of all parts as one matrix, which is sparse if any part is."""
    if any(sp.issparse(part) for part in parts):
        return sp.vstack(parts, format="csr")
    return np.concatenate(parts)


def as_array(matrix: Matrix) -> np.ndarray:
    """Return the matrix as an array."""
    return matrix.toarray() if sp.issparse(matrix) else np.asarray(matrix)
