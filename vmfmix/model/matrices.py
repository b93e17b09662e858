"""What is done to the rows of a matrix, whether it is an array or sparse.

Sums over sparse rows, and the means made of them, are sparse as well where most features of a
component are zero: of words, say, in a hundred thousand or more dimensions.
"""

import numpy as np
import scipy.sparse as sp

from vmfmix.model.threads import threaded_matmul


def row_products(one, other):
    """Inner product of each row of one matrix with the same row of another, in float64."""
    if sp.issparse(one):
        return np.asarray(one.multiply(other).sum(axis=1), dtype=np.float64).ravel()
    return np.einsum("ij,ij->i", one, other, dtype=np.float64)


def row_lengths(rows):
    """Length of each row, in float64."""
    if sp.issparse(rows):
        squares = rows.astype(np.float64).power(2)
        return np.sqrt(np.asarray(squares.sum(axis=1)).ravel())
    return np.sqrt(row_products(rows, rows))


def inner_products(one, other):
    """Of every row of one matrix with every row of another, as an array."""
    if one is other or sp.issparse(one) or sp.issparse(other):
        return as_array(one @ other.T)  # BLAS does half the work for products with oneself
    return threaded_matmul(one, other.T)


def scaled_rows(rows, factors):
    """Each row times its factor."""
    if sp.issparse(rows):
        return sp.diags_array(factors) @ rows
    return factors[:, np.newaxis] * rows


def unit_rows(rows):
    """Each row divided by its length; a row of zeros becomes the first basis vector."""
    lengths = row_lengths(rows)
    if not sp.issparse(rows):
        directions = rows / np.where(lengths > 0, lengths, 1.0)[:, np.newaxis]
        directions[lengths == 0, 0] = 1.0
        return directions
    directions = scaled_rows(rows, 1.0 / np.where(lengths > 0, lengths, 1.0))
    zeros = np.flatnonzero(lengths == 0)
    if len(zeros) > 0:
        first = (np.ones(len(zeros)), (zeros, np.zeros_like(zeros)))
        directions += sp.csr_array(first, rows.shape)
    return directions


def stacked(parts):
    """Rows one below the other: sparse if some of them are."""
    some = any(sp.issparse(part) for part in parts)
    return sp.vstack(parts, format="csr") if some else np.concatenate(parts)


def as_array(matrix):
    """The same numbers as an array."""
    return matrix.toarray() if sp.issparse(matrix) else np.asarray(matrix)
