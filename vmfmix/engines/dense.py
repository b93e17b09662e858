"""Rows of an array in memory, in the form that the kernels need."""

import numpy as np

from vmfmix.engines import kernels
from vmfmix.engines.base import row_blocks


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
        return kernels.read_only(block, dtype)

    def lengths(self, size, dtype):
        """Length of each row, by blocks of `size`."""
        squared = np.empty(len(self._X))
        for rows in row_blocks((0, len(squared)), self.n_consecutive(size, dtype)):
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
        for rows in row_blocks((0, len(squared)), size):
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
        return kernels.accumulate_approximate(block, scores, about, mixture, memory, scratch, sums)

    def recall(self, rows, this, about, scratch, sums):
        """Add the statistics of rows whose candidates still hold; see the kernel.

        Returns their log-likelihood, and the positions of the others.
        """
        block = self._block(rows, this.mixture.natural.dtype)
        scores = self._write_scores_of(block, this.movers, this.look_at_movers, about, scratch)
        unknown = np.empty(len(block), np.int64)
        log_likelihood, n_unknown = kernels.accumulate_from_candidates(
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
