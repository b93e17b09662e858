"""Rows of a CSR matrix in memory, in the form that the kernels need."""

import numpy as np
import scipy.sparse as sp

from vmfmix.engines import kernels
from vmfmix.engines.base import row_blocks

_TIMES_AS_LARGE = 4  # as the entries of sparse rows, from which on sums of them are sparse
_TRANSPOSED = 2048  # features at once


class SparseRows:
    """Rows of a CSR matrix; never made dense, and copied only to bring its entries in order."""

    is_dense = False

    def __init__(self, X):
        if not X.has_canonical_format:  # entries given twice add up, their squares do not
            X = X.astype(np.float64 if X.dtype == np.float64 else np.float32, copy=True)
            X.sum_duplicates()
        self._X = X
        self._peaks = None
        self.size = X.nnz

    def tame(self, extreme):
        """From now on divide these rows by their largest entry; False if they are all zeros."""
        peaks = abs(self._X[extreme].astype(np.float64)).max(axis=1).toarray().ravel()
        if not peaks.any():
            return False
        self._peaks = np.ones(self._X.shape[0])
        self._peaks[extreme] = np.where(peaks > 0, peaks, 1.0)
        return True

    def _block(self, rows, dtype):
        """The block as (data, columns, indptr)."""
        bounds = self._X.indptr[rows.start : rows.stop + 1]
        entries = slice(bounds[0], bounds[-1])
        data = self._X.data[entries]
        if self._peaks is not None:
            data = data / np.repeat(self._peaks[rows], np.diff(bounds))
        indptr = (bounds - bounds[0]).astype(np.int64)
        return (
            kernels.read_only(data, dtype),
            kernels.read_only(self._X.indices[entries], np.int32),
            indptr,
        )

    def lengths(self, size, dtype):
        """Length of each row, by blocks of `size`."""
        squared = np.empty(self._X.shape[0])
        for rows in row_blocks((0, len(squared)), self.n_consecutive(size, dtype)):
            data, _, indptr = self._block(rows, dtype)
            kernels.squared_norms_csr(data, indptr, squared[rows])
        return np.sqrt(squared, out=squared)

    @staticmethod
    def prepare(natural, dtype):
        """Natural parameters as the kernels want them."""
        columns = np.zeros(natural.shape[::-1], dtype)
        if sp.issparse(natural):
            component = np.repeat(np.arange(natural.shape[0]), np.diff(natural.indptr))
            columns[natural.indices, component] = natural.data
            return columns
        for start in range(0, len(columns), _TRANSPOSED):  # as much as the caches hold
            part = slice(start, start + _TRANSPOSED)
            columns[part] = natural[:, part].T
        return columns

    def n_consecutive(self, size, dtype):
        """How many rows to take at once: a block of `size` only if they must be converted."""
        ready = self._X.dtype == dtype and self._peaks is None
        return self._X.shape[0] if ready else size

    def write_scores(self, rows, natural, out):
        """Write x_i·η_k of a block, in the precision of `out`."""
        kernels.write_scores_csr(*self._block(rows, out.dtype), natural, out)

    def accumulate(self, rows, look, about, mixture, memory, scratch, sums):
        """Add the statistics of these rows to the sums; returns their log-likelihood, and 0."""
        block = self._block(rows, mixture.natural.dtype)
        return kernels.accumulate_csr(*block, about, mixture, memory, scratch, sums), 0

    def has_sparse_sums(self, n_components):
        """Whether sums of the rows of each component are mostly zeros."""
        return n_components * self._X.shape[1] > _TIMES_AS_LARGE * self.size

    def respond(self, rows, about, mixture, memory, scratch):
        """Responsibilities of these rows as a CSR array, and their log densities."""
        n_components = len(mixture.offsets)
        masses, log_densities = [], []
        for part in row_blocks((0, rows.stop - rows.start), len(scratch.scores)):
            size = part.stop - part.start
            block = slice(rows.start + part.start, rows.start + part.stop)
            scores = scratch.scores[:size]
            self.write_scores(block, mixture.natural, scores)
            of_block = kernels.RowFactors(*(each[part] for each in about))
            kernels.respond(scores, scores, of_block, False, mixture, memory, scratch)
            indptr = scratch.indptr[: size + 1].copy()
            some = slice(0, indptr[-1])
            entries = scratch.values[some].copy(), scratch.indices[some].copy(), indptr
            masses.append(sp.csr_array(entries, (size, n_components)))
            log_densities.append(scratch.log_density[:size].copy())
        return sp.vstack(masses, format="csr"), np.concatenate(log_densities)

    def sums(self, rows, masses):
        """Σ_i masses_ik x_i of these rows as a CSR array."""
        data, columns, indptr = self._block(rows, np.float64)
        block = sp.csr_array((data, columns, indptr), (len(indptr) - 1, self._X.shape[1]))
        return (masses.T @ block).tocsr()

    def assign(self, rows, this, about, scratch, *said):
        """Write what the mixture says of a block: labels, probabilities and log densities."""
        scores = scratch.scores[: rows.stop - rows.start]
        self.write_scores(rows, this.mixture.natural, scores)
        kernels.assign(scores, scores, about, this.mixture, this.memory, scratch, *said)

    def take(self, indices, scale, dtype):
        """Some rows, each times its scale."""
        rows = self._X[indices].astype(np.float64)
        if self._peaks is not None:  # of which some are so small that 1 / peak is infinite
            rows.data /= np.repeat(self._peaks[indices], np.diff(rows.indptr))
        return (sp.diags_array(scale) @ rows).astype(dtype)
