"""Blocks of rows of an array in memory, dense or CSR, in the form the kernels want them.

A block is C-contiguous, of the wanted precision and read-only, whatever array it comes from, so
that each kernel is compiled once for each precision.
"""

import numpy as np
import scipy.sparse as sp

from vmfmix.engines import kernels

_DENSE_SHARE = 1 / 8  # of responsibilities that matter, from which on a product beats a scatter


def _fixed(array, dtype):
    array = np.ascontiguousarray(array, dtype=dtype).view()
    array.flags.writeable = False
    return array


class DenseRows:
    """Rows of an array of any real type and memory order; never copied as a whole."""

    def __init__(self, X):
        self._X = X
        self._peaks = None

    def tame(self, extreme):
        """From now on divide these rows by their largest entry; False if they are all zeros."""
        peaks = np.abs(self._X[extreme].astype(np.float64)).max(axis=1)
        self._peaks = np.ones(len(self._X))
        self._peaks[extreme] = np.where(peaks > 0, peaks, 1.0)
        return bool(peaks.any())

    def _block(self, rows, dtype):
        block = self._X[rows]
        if self._peaks is not None:
            block = block / self._peaks[rows, np.newaxis]
        return _fixed(block, dtype)

    def lengths(self, blocks, dtype):
        """Length of each row."""
        squared = np.empty(len(self._X))
        for rows in blocks:
            kernels.squared_norms(self._block(rows, dtype), squared[rows])
        return np.sqrt(squared)

    @staticmethod
    def prepare(natural):
        """Natural parameters as `scores` wants them."""
        return natural.T

    def scores(self, rows, natural_t, out):
        """Write x_i·η_k of a block, in the precision of `out`."""
        np.matmul(self._block(rows, out.dtype), natural_t, out=out)

    def add_resultants(self, rows, row_weight, responsibilities, workspace, resultants):
        """Add Σ_i r_ik row_weight_i x_i of a block, in the precision of `workspace`."""
        block = self._block(rows, workspace.dtype)
        n_rows, n_components = len(block), len(resultants)
        n_stored = responsibilities[0][-1]
        if n_stored > 2 * n_rows and n_stored > _DENSE_SHARE * n_rows * n_components:
            dense = workspace[:n_rows]
            kernels.fill_dense(row_weight, *responsibilities, dense)
            resultants += dense.T @ block
        else:
            kernels.add_resultants(block, row_weight, *responsibilities, resultants)

    def take(self, indices, scale, dtype):
        """Some rows, each times its scale."""
        return self._block(indices, dtype) * scale[:, np.newaxis].astype(dtype)


class SparseRows:
    """Rows of a CSR matrix; never made dense."""

    def __init__(self, X):
        if not X.has_canonical_format:  # entries given twice add up, their squares do not
            X = X.copy()
            X.sum_duplicates()
        self._X = X
        self._peaks = None

    def tame(self, extreme):
        """From now on divide these rows by their largest entry; False if they are all zeros."""
        peaks = abs(self._X[extreme].astype(np.float64)).max(axis=1).toarray().ravel()
        self._peaks = np.ones(self._X.shape[0])
        self._peaks[extreme] = np.where(peaks > 0, peaks, 1.0)
        return bool(peaks.any())

    def _block(self, rows, dtype):
        """The block as (data, columns, indptr)."""
        bounds = self._X.indptr[rows.start : rows.stop + 1]
        entries = slice(bounds[0], bounds[-1])
        data = self._X.data[entries]
        if self._peaks is not None:
            data = data / np.repeat(self._peaks[rows], np.diff(bounds))
        indptr = (bounds - bounds[0]).astype(np.int64)
        return _fixed(data, dtype), _fixed(self._X.indices[entries], None), indptr

    def lengths(self, blocks, dtype):
        """Length of each row."""
        squared = np.empty(self._X.shape[0])
        for rows in blocks:
            data, _, indptr = self._block(rows, dtype)
            kernels.squared_norms_csr(data, indptr, squared[rows])
        return np.sqrt(squared)

    @staticmethod
    def prepare(natural):
        """Natural parameters as `scores` wants them."""
        return np.ascontiguousarray(natural.T)

    def scores(self, rows, natural_t, out):
        """Write x_i·η_k of a block, in the precision of `out`."""
        kernels.scores_csr(*self._block(rows, out.dtype), natural_t, out)

    def add_resultants(self, rows, row_weight, responsibilities, workspace, resultants):
        """Add Σ_i r_ik row_weight_i x_i of a block, in the precision of `workspace`."""
        block = self._block(rows, workspace.dtype)
        kernels.add_resultants_csr(*block, row_weight, *responsibilities, resultants)

    def take(self, indices, scale, dtype):
        """Some rows, each times its scale."""
        rows = self._X[indices].astype(np.float64)
        if self._peaks is not None:
            rows = sp.diags_array(1.0 / self._peaks[indices]) @ rows
        return (sp.diags_array(scale) @ rows).astype(dtype)
