"""Rows of a CSR matrix in memory, in the form that the kernels need."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import DTypeLike, NDArray

from vmfmix.engines import kernels
from vmfmix.engines.base import row_blocks, working_dtype
from vmfmix.engines.pass_plan import PassPlan

_DENSE_TO_SPARSE_RATIO = 4  # numbers of all sums per entry of X above which the sums are sparse
_FEATURES_PER_TRANSPOSITION = 2048  # as many as fit into the caches


class SparseRows:
    """Rows of a CSR matrix, never made dense, and copied only to sort or combine its entries.

    Parameters
    ----------
    X : CSR matrix of shape (n_rows, n_features)
    """

    is_dense = False

    def __init__(self, X: sp.csr_array) -> None:
        if not X.has_canonical_format:  # duplicate entries add up, but their squares do not
            X = X.astype(working_dtype(X.dtype), copy=True)
            X.sum_duplicates()
        self._X = X
        self._divisors: NDArray[np.float64] | None = None
        self.size = X.nnz

    def rescale(self, positions: NDArray[np.intp]) -> bool:
        """Divide these rows by their largest entry from now on; return False if all are zero."""
        largest = abs(self._X[positions].astype(np.float64)).max(axis=1).toarray().ravel()
        if not largest.any():
            return False
        self._divisors = np.ones(self._X.shape[0])
        self._divisors[positions] = np.where(largest > 0, largest, 1.0)
        return True

    def _block(self, rows: slice, dtype: DTypeLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (data, columns, indptr) of a block of rows."""
        bounds = self._X.indptr[rows.start : rows.stop + 1]
        entries = slice(bounds[0], bounds[-1])
        data = self._X.data[entries]
        if self._divisors is not None:
            data = data / np.repeat(self._divisors[rows], np.diff(bounds))
        columns = kernels.read_only(self._X.indices[entries], np.int32)
        indptr = (bounds - bounds[0]).astype(np.int64)
        return kernels.read_only(data, dtype), columns, indptr

    def lengths(self, size: int, dtype: DTypeLike) -> NDArray[np.float64]:
        """Return the length of each row, computed in blocks of `size` rows."""
        squared = np.empty(self._X.shape[0])
        for rows in row_blocks((0, len(squared)), self.n_consecutive(size, dtype)):
            data, _, indptr = self._block(rows, dtype)
            kernels.squared_norms_csr(data, indptr, squared[rows])
        return np.sqrt(squared, out=squared)

    @staticmethod
    def prepare(natural: Any, dtype: DTypeLike) -> np.ndarray:
        """Return natural parameters in the layout of the kernels for CSR rows, (d, K)."""
        columns = np.zeros(natural.shape[::-1], dtype)
        if sp.issparse(natural):
            component = np.repeat(np.arange(natural.shape[0]), np.diff(natural.indptr))
            columns[natural.indices, component] = natural.data
            return columns
        for start in range(0, len(columns), _FEATURES_PER_TRANSPOSITION):
            features = slice(start, start + _FEATURES_PER_TRANSPOSITION)
            columns[features] = natural[:, features].T
        return columns

    def n_consecutive(self, size: int, dtype: DTypeLike) -> int:
        """Return how many rows to process at once: `size` if they need conversion, else all."""
        needs_no_copy = self._X.dtype == dtype and self._divisors is None
        return self._X.shape[0] if needs_no_copy else size

    def write_scores(self, rows: slice, natural: np.ndarray, out: np.ndarray) -> None:
        """Write x_i·η_k of a block of rows, in the precision of `out`."""
        kernels.write_scores_csr(*self._block(rows, out.dtype), natural, out)

    def accumulate(
        self,
        rows: slice,
        plan: PassPlan,
        factors: kernels.RowFactors,
        scratch: kernels.Scratch,
        sums: kernels.Sums,
    ) -> tuple[float, int]:
        """Add the statistics of these rows to the sums; return their log-likelihood, and 0.

        `DenseRows.accumulate` returns the number of evaluated log joints, which is not counted
        here.
        """
        block = self._block(rows, plan.mixture.natural.dtype)
        arguments = factors, plan.mixture, plan.candidates, scratch, sums
        return kernels.accumulate_csr(*block, *arguments), 0

    def has_sparse_sums(self, n_components: int) -> bool:
        """Return whether the sums of the rows of each component are mostly zeros."""
        return bool(n_components * self._X.shape[1] > _DENSE_TO_SPARSE_RATIO * self.size)

    def respond(
        self,
        rows: slice,
        plan: PassPlan,
        factors: kernels.RowFactors,
        scratch: kernels.Scratch,
    ) -> tuple[sp.csr_array, NDArray[np.float64]]:
        """Return the responsibilities of these rows as a CSR array, and their log densities."""
        n_components = plan.n_components
        responsibilities, log_densities = [], []
        for part in row_blocks((0, rows.stop - rows.start), len(scratch.scores)):
            size = part.stop - part.start
            block = slice(rows.start + part.start, rows.start + part.stop)
            scores = scratch.scores[:size]
            self.write_scores(block, plan.mixture.natural, scores)
            block_factors = kernels.RowFactors(*(factor[part] for factor in factors))
            kernels.respond(scores, scores, block_factors, plan.mixture, plan.candidates, scratch)
            indptr = scratch.indptr[: size + 1].copy()
            entries = slice(0, indptr[-1])
            csr = scratch.values[entries].copy(), scratch.indices[entries].copy(), indptr
            responsibilities.append(sp.csr_array(csr, (size, n_components)))
            log_densities.append(scratch.log_density[:size].copy())
        return sp.vstack(responsibilities, format="csr"), np.concatenate(log_densities)

    def sums(self, rows: slice, masses: sp.csr_array) -> sp.csr_array:
        """Return Σ_i masses_ik x_i of these rows as a CSR array."""
        data, columns, indptr = self._block(rows, np.float64)
        block = sp.csr_array((data, columns, indptr), (len(indptr) - 1, self._X.shape[1]))
        return (masses.T @ block).tocsr()

    def assign(
        self,
        rows: slice,
        plan: PassPlan,
        factors: kernels.RowFactors,
        scratch: kernels.Scratch,
        labels: NDArray[np.int32],
        probabilities: NDArray[np.float64],
        log_densities: NDArray[np.float64],
    ) -> None:
        """Write labels, probabilities and log densities of a block of rows."""
        scores = scratch.scores[: rows.stop - rows.start]
        self.write_scores(rows, plan.mixture.natural, scores)
        kernels.assign(
            scores,
            scores,
            factors,
            plan.mixture,
            plan.candidates,
            scratch,
            labels,
            probabilities,
            log_densities,
        )

    def take(
        self, positions: NDArray[np.intp], scale: NDArray[np.float64], dtype: DTypeLike
    ) -> sp.csr_array:
        """Return the rows at these positions, each multiplied by its scale."""
        rows = self._X[positions].astype(np.float64)
        if self._divisors is not None:
            # Divided instead of scaled: the reciprocal of a tiny divisor would be infinite.
            rows.data /= np.repeat(self._divisors[positions], np.diff(rows.indptr))
        return (sp.diags_array(scale) @ rows).astype(dtype)
