"""Blocks of rows of an array in memory, dense or CSR, in the form the kernels want them.

A block is C-contiguous, of the wanted precision and read-only, whatever array it comes from, so
that each kernel is compiled once for each precision.
"""

import itertools

import numpy as np
import scipy.sparse as sp

from vmfmix.engines import kernels

_TIMES_AS_LARGE = 4  # as the entries of sparse rows, from which on sums of them are sparse
_TRANSPOSED = 2048  # features at once


def blocks(bounds, size):
    """Slices of at most `size` rows between two bounds, about equally long."""
    start, stop = bounds
    n_blocks = max(-(-(stop - start) // size), 1)
    edges = [start + (stop - start) * block // n_blocks for block in range(n_blocks + 1)]
    return [slice(*edge) for edge in itertools.pairwise(edges)]


def _fixed(array, dtype):
    array = np.ascontiguousarray(array, dtype=dtype).view()
    array.flags.writeable = False
    return array


class DenseRows:
    """Rows of an array of any real type and memory order; never copied as a whole."""

    is_dense = True

    def __init__(self, X):
        self._X = X
        self._peaks = None
        self.size = X.size

    def tame(self, extreme):
        """From now on divide these rows by their largest entry; False if they are all zeros."""
        peaks = np.abs(self._X[extreme].astype(np.float64)).max(axis=1)
        if not peaks.any():
            return False
        self._peaks = np.ones(len(self._X))
        self._peaks[extreme] = np.where(peaks > 0, peaks, 1.0)
        return True

    def _block(self, rows, dtype):
        block = self._X[rows]
        if self._peaks is not None:
            block = block / self._peaks[rows, np.newaxis]
        return _fixed(block, dtype)

    def lengths(self, size, dtype):
        """Length of each row, by blocks of `size`."""
        squared = np.empty(len(self._X))
        for rows in blocks((0, len(squared)), self.n_consecutive(size, dtype)):
            kernels.squared_norms(self._block(rows, dtype), squared[rows])
        return np.sqrt(squared, out=squared)

    @staticmethod
    def prepare(natural, dtype):
        """Natural parameters as the kernels want them."""
        return np.ascontiguousarray(natural, dtype)

    def n_consecutive(self, size, dtype):
        """How many rows to take at once: a block of `size` only if they must be converted."""
        X = self._X
        ready = X.dtype == dtype and X.flags.c_contiguous and self._peaks is None
        return len(X) if ready else size

    def squared_distances(self, scale, center, size):
        """Squared distance of each scaled row to the center, by blocks of `size`."""
        squared = np.empty(len(self._X))
        for rows in blocks((0, len(squared)), size):
            block = self._block(rows, np.float64)
            kernels.squared_distances(block, scale[rows], center, squared[rows])
        return squared

    def write_scores(self, rows, natural, out):
        """Write x_i·η_k of a block, in the precision of `out`."""
        np.matmul(self._block(rows, out.dtype), natural.T, out=out)

    def accumulate(self, rows, look, about, mixture, memory, scratch, sums):
        """Add the statistics of these rows to the sums, after a look if there is one.

        Returns their log-likelihood, and how many log joints were evaluated.
        """
        block = self._block(rows, mixture.natural.dtype)
        if look is None:
            return kernels.accumulate(block, about, mixture, memory, scratch, sums)
        scores = look.write_scores(block, about, scratch)
        return kernels.accumulate_looks(block, scores, about, mixture, memory, scratch, sums)

    def recall(self, rows, this, about, scratch, sums):
        """Add the statistics of rows whose candidates still hold; see the kernel.

        Returns their log-likelihood, and the positions of the others.
        """
        block = self._block(rows, this.mixture.natural.dtype)
        scores = self._write_scores_of(block, this.movers, this.look_at_movers, about, scratch)
        unknown = np.empty(len(block), np.int64)
        log_likelihood, n_unknown = kernels.recall(
            block,
            scores,
            about,
            this.mixture,
            this.movers,
            this.drift,
            this.memory,
            scratch,
            sums,
            unknown,
        )
        return log_likelihood, about.position[unknown[:n_unknown]]

    def assign(self, rows, this, about, scratch, *said):
        """Write what the mixture says of a block: labels, probabilities and log densities."""
        block = self._block(rows, this.mixture.natural.dtype)
        scores = self._write_scores_of(block, this.mixture, this.look, about, scratch)
        block = block if this.look is not None else scores  # which then is not looked at
        kernels.assign(block, scores, about, this.mixture, this.memory, scratch, *said)

    @staticmethod
    def _write_scores_of(block, mixture, look, about, scratch):
        if look is not None:
            return look.write_scores(block, about, scratch)
        scores = kernels.first_of(scratch.scores, (len(block), len(mixture.natural)))
        return np.matmul(block, mixture.natural.T, out=scores)

    def take(self, indices, scale, dtype):
        """Some rows, each times its scale."""
        return self._block(indices, dtype) * scale[:, np.newaxis].astype(dtype)


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
        return _fixed(data, dtype), _fixed(self._X.indices[entries], np.int32), indptr

    def lengths(self, size, dtype):
        """Length of each row, by blocks of `size`."""
        squared = np.empty(self._X.shape[0])
        for rows in blocks((0, len(squared)), self.n_consecutive(size, dtype)):
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
        for part in blocks((0, rows.stop - rows.start), len(scratch.scores)):
            size = part.stop - part.start
            block = slice(rows.start + part.start, rows.start + part.stop)
            scores = scratch.scores[:size]
            self.write_scores(block, mixture.natural, scores)
            of_block = kernels.AboutRows(*(each[part] for each in about))
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
