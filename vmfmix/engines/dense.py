"""Rows of an array in memory, in the form that the kernels need."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vmfmix.engines import few_components, kernels
from vmfmix.engines.base import row_blocks
from vmfmix.engines.bfloat16 import ApproximateScorer
from vmfmix.engines.pass_plan import PassPlan


class DenseRows:
    """Rows of an array of any real dtype and memory order, which is never copied as a whole.

    Methods convert the rows of one block at a time: the kernels get them C-contiguous, read-only
    and in the precision of the pass, so that each kernel is compiled once for each precision.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    """

    is_dense = True

    def __init__(self, X: np.ndarray) -> None:
        self._X = X
        self._divisors: NDArray[np.float64] | None = None
        self.size = X.size

    def rescale(self, positions: NDArray[np.intp]) -> bool:
        """Divide these rows by their largest entry from now on; return False if all are zero."""
        largest = np.abs(self._X[positions].astype(np.float64)).max(axis=1)
        if not largest.any():
            return False
        self._divisors = np.ones(len(self._X))
        self._divisors[positions] = np.where(largest > 0, largest, 1.0)
        return True

    def _block(self, rows: slice | NDArray[np.intp], dtype: DTypeLike) -> np.ndarray:
        block = self._X[rows]
        if self._divisors is not None:
            block = block / self._divisors[rows, np.newaxis]
        return kernels.read_only(block, dtype)

    def lengths(self, size: int, dtype: DTypeLike) -> NDArray[np.float64]:
        """Return the length of each row, computed in blocks of `size` rows."""
        squared = np.empty(len(self._X))
        for rows in row_blocks((0, len(squared)), self.n_consecutive(size, dtype)):
            kernels.squared_norms(self._block(rows, dtype), squared[rows])
        return np.sqrt(squared, out=squared)

    @staticmethod
    def prepare(natural: np.ndarray, dtype: DTypeLike) -> np.ndarray:
        """Return natural parameters in the layout of the kernels for dense rows, (K, d)."""
        return np.ascontiguousarray(natural, dtype)

    def n_consecutive(self, size: int, dtype: DTypeLike) -> int:
        """Return how many rows to process at once: `size` if they need conversion, else all."""
        X = self._X
        needs_no_copy = X.dtype == dtype and X.flags.c_contiguous and self._divisors is None
        return len(X) if needs_no_copy else size

    def squared_distances(
        self, scale: NDArray[np.float64], center: NDArray[np.float64], size: int
    ) -> NDArray[np.float64]:
        """Return the squared distance of each scaled row to the center, in blocks of `size`."""
        squared = np.empty(len(self._X))
        for rows in row_blocks((0, len(squared)), size):
            block = self._block(rows, np.float64)
            kernels.squared_distances(block, scale[rows], center, squared[rows])
        return squared

    def write_scores(self, rows: slice, natural: np.ndarray, out: np.ndarray) -> None:
        """Write x_i·η_k of a block of rows, in the precision of `out`."""
        np.matmul(self._block(rows, out.dtype), natural.T, out=out)

    def accumulate(
        self,
        rows: slice | NDArray[np.intp],
        plan: PassPlan,
        factors: kernels.RowFactors,
        scratch: kernels.Scratch,
        sums: kernels.Sums,
    ) -> tuple[float, int]:
        """Add the statistics of these rows to the sums, after approximate scores if planned.

        Returns
        -------
        log_likelihood : float
        n_evaluated : int
            Number of log joints that were evaluated exactly.
        """
        block = self._block(rows, plan.mixture.natural.dtype)
        if plan.has_few_components:
            return few_components.accumulate_few(block, factors, plan.mixture, sums)
        arguments = factors, plan.mixture, plan.candidates, scratch, sums
        if plan.scorer is None:
            log_likelihood, n_evaluated = kernels.accumulate(block, *arguments)
        else:
            scores = plan.scorer.write_scores(block, factors, scratch)
            log_likelihood, n_evaluated = kernels.accumulate_approximate(block, scores, *arguments)
        return log_likelihood, n_evaluated

    def accumulate_from_candidates(
        self,
        rows: slice,
        plan: PassPlan,
        factors: kernels.RowFactors,
        scratch: kernels.Scratch,
        sums: kernels.Sums,
    ) -> tuple[float, NDArray[np.intp]]:
        """Add the statistics of the rows for which their candidates are sufficient.

        Returns
        -------
        log_likelihood : float
        unresolved : ndarray
            Positions of the other rows.
        """
        block = self._block(rows, plan.mixture.natural.dtype)
        scores = _scores(block, plan.movers, plan.mover_scorer, factors, scratch)
        unresolved = np.empty(len(block), np.int64)
        log_likelihood, n_unresolved = kernels.accumulate_from_candidates(
            block,
            scores,
            factors,
            plan.mixture,
            plan.movers,
            plan.drift,
            plan.candidates,
            scratch,
            sums,
            unresolved,
        )
        return log_likelihood, factors.position[unresolved[:n_unresolved]]

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
        block = self._block(rows, plan.mixture.natural.dtype)
        out = labels, probabilities, log_densities
        if plan.has_few_components:
            return few_components.assign_few(block, factors, plan.mixture, *out)
        scores = _scores(block, plan.mixture, plan.scorer, factors, scratch)
        if plan.scorer is None:
            block = scores  # the kernel does not read the rows if it has exact scores
        return kernels.assign(block, scores, factors, plan.mixture, plan.candidates, scratch, *out)

    def take(
        self, positions: NDArray[np.intp], scale: NDArray[np.float64], dtype: Any
    ) -> np.ndarray:
        """Return the rows at these positions, each multiplied by its scale."""
        rows: np.ndarray = self._block(positions, dtype) * scale[:, np.newaxis].astype(dtype)
        return rows


def _scores(
    block: np.ndarray,
    mixture: kernels.Mixture,
    scorer: ApproximateScorer | None,
    factors: kernels.RowFactors,
    scratch: kernels.Scratch,
) -> np.ndarray:
    """Return the scores of a block as a view of scratch, approximate if there is a scorer."""
    if scorer is not None:
        return scorer.write_scores(block, factors, scratch)
    scores = kernels.leading_view(scratch.scores, (len(block), len(mixture.natural)))
    return np.matmul(block, mixture.natural.T, out=scores)
