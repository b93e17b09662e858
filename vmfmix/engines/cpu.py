"""The engine for dense and CSR arrays in memory.

A pass is divided into lanes of consecutive rows, and a lane into blocks. Threads process whole
lanes: for each block, a single-threaded BLAS product gives the scores, and one kernel turns them
into responsibilities and sums. The lanes depend on the shape of the data only and their sums are
added in order, so that the result does not depend on the number of threads.
"""

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix.distribution import log_normalizer
from vmfmix.engines import bfloat16, candidates, kernels
from vmfmix.engines.base import (
    SMALLEST_SQUARED_DISTANCE,
    Assignment,
    Engine,
    Matrix,
    ScoreBlocks,
    needs_float64,
    row_blocks,
    working_dtype,
)
from vmfmix.engines.dense import DenseRows
from vmfmix.engines.pass_plan import LOST_MASS, PassPlan, kernel_mixture
from vmfmix.engines.sparse import SparseRows
from vmfmix.engines.workspace import Workspace
from vmfmix.model.matrices import as_array
from vmfmix.model.statistics import MixtureParameters, SufficientStatistics
from vmfmix.model.threads import WorkerThreads, limit_blas_in_this_thread, single_threaded_blas

# Lengths of rows whose products with a mean neither overflow nor underflow.
_SHORTEST = {np.dtype(np.float32): 1e-18, np.dtype(np.float64): 1e-140}
_LONGEST = {np.dtype(np.float32): 1e18, np.dtype(np.float64): 1e140}

# Share of the log joints evaluated after approximate scores above which a full product is cheaper.
_LARGEST_EVALUATED_SHARE = 1 / 16
_LARGEST_SHIFT_OF_APPROXIMATE_SCORES = 100.0
_FEWEST_MOVERS_TO_APPROXIMATE = 128  # the exact product with fewer is as fast

# One kernel does passes with up to so many components, or products n K d, without shortcuts. It is
# compiled in a third of the time of the others, which are faster for more products.
_FEW_COMPONENTS, _FEW_PRODUCTS, _FEW_PRODUCTS_OF_FEW_PASSES = 64, 2**29, 2**32

_ROWS_PER_BLOCK = 1024
_FEWEST_ROWS_PER_BLOCK = 256
_SCORES_PER_BLOCK = 2**19  # where that leaves at least the fewest rows
_ROWS_PER_LANE = 4096  # at least
_LANES = 32
# The sums of all lanes together have at most this many numbers, or this share of those of the rows.
_LARGEST_SUMS, _SHARE_OF_ROWS = 2**23, 1 / 4

_Lane = tuple[int, int]  # first row and the row after the last


class _LaneSums(NamedTuple):
    """Statistics of the rows of one lane, and how much work they took.

    Parameters
    ----------
    sums : kernels.Sums
    log_likelihood : float
    n_evaluated : int
        Number of log joints that were evaluated exactly.
    n_scored : int
        Number of rows for which all components were considered.
    """

    sums: kernels.Sums
    log_likelihood: float
    n_evaluated: int
    n_scored: int


class CPUEngine(Engine):
    """Rows of a NumPy array or CSR matrix.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
        Finite. Dense rows are never copied as a whole: blocks that are not C-contiguous, or not in
        the precision of the pass, are converted one at a time.
    sample_weight, center, block_size, lengths, for_few_passes
        See `vmfmix.engines.choice.choose_engine`.
    """

    def __init__(
        self,
        X: Matrix,
        *,
        sample_weight: NDArray[np.float64] | None = None,
        center: NDArray[np.float64] | None = None,
        block_size: int | None = None,
        lengths: NDArray[np.float64] | None = None,
        for_few_passes: bool = False,
    ) -> None:
        self.n_rows, self.n_features = X.shape
        self.dtype = working_dtype(X.dtype)
        self._block_size = block_size
        self._may_approximate_again = True
        self._for_few_passes = for_few_passes
        self._candidates = candidates.CandidateCache(self.n_rows)
        self._workspace = Workspace()
        self._pool = WorkerThreads()  # starts its threads when a pass needs them
        self._rows: Any = _rows(X)
        lengths = lengths_of(X) if lengths is None else np.array(lengths)
        is_extreme = ~((lengths > _SHORTEST[self.dtype]) & (lengths < _LONGEST[self.dtype]))
        if is_extreme.any() and self._rows.rescale(np.flatnonzero(is_extreme)):
            lengths = self._rows.lengths(self._rows_per_block(1), self.dtype)
        self._scale, self._shift = self._normalization(lengths, center)
        self._center = None if center is None else np.asarray(center, dtype=np.float64)
        has_direction = self._scale > 0
        self.n_zero_rows = int(self.n_rows - has_direction.sum())
        weight = np.asarray(1.0 if sample_weight is None else sample_weight, dtype=np.float64)
        self._weight = np.broadcast_to(weight, self.n_rows)
        if self.n_zero_rows:
            self._weight = np.where(has_direction, self._weight, 0.0)
        self.n_used_rows = int((self._weight > 0).sum())

    def _normalization(
        self, lengths: NDArray[np.float64], center: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return scale and shift of the rows, both 0 for rows without a direction.

        The unit row i is scale[i] x_i − shift[i] c.
        """
        scale = np.divide(1.0, lengths, out=lengths, where=lengths > 0)
        if center is None:
            return scale, np.broadcast_to(0.0, self.n_rows)
        squared = self._rows.squared_distances(scale, center, self._rows_per_block(1))
        has_direction = (scale > 0) & (squared > SMALLEST_SQUARED_DISTANCE[self.dtype])
        shift = np.zeros(self.n_rows)
        shift[has_direction] = 1.0 / np.sqrt(squared[has_direction])
        return scale * shift, shift

    @property
    def used_rows(self) -> NDArray[np.intp]:
        """Positions of the rows with a direction and a positive weight, in ascending order."""
        return np.flatnonzero(self._weight > 0)

    def accumulate(
        self, parameters: MixtureParameters, *, hard: bool = False
    ) -> SufficientStatistics:
        """Return the sufficient statistics of all rows under a mixture, in one pass."""
        plan = self._plan_pass(parameters, hard=hard, may_keep_candidates=True)
        if self._has_sparse_sums(plan.n_components):
            return self._accumulate_sparse(plan)
        lanes = list(self._run(partial(self._sum_lane, plan), plan))
        log_likelihood = sum(lane.log_likelihood for lane in lanes)
        n_evaluated = sum(lane.n_evaluated for lane in lanes)
        n_scored = sum(lane.n_scored for lane in lanes)
        counts, shift_sums, resultants = self._add_lanes(lanes)
        if plan.scorer is not None:
            largest = _LARGEST_EVALUATED_SHARE * n_scored * plan.n_components
            self._may_approximate_again = n_evaluated <= largest
        if plan.natural is not None:
            self._candidates.record_pass(
                plan.natural, plan.mixture.offsets, n_evaluated / self.n_rows
            )
        if self._center is not None:
            resultants -= np.outer(shift_sums, self._center)
        return self._statistics(counts, resultants, log_likelihood)

    def _sum_lane(self, plan: PassPlan, lane: _Lane, scratch: kernels.Scratch) -> _LaneSums:
        sums = self._workspace.take(kernels.Sums.allocate, plan.n_components, self.n_features)
        for array in sums:
            array.fill(0.0)
        block_size = len(scratch.scores)
        log_likelihood, n_evaluated, n_scored = 0.0, 0, 0
        parts: list[Any]
        if plan.drift is not None:
            log_likelihood, unresolved = self._sum_by_candidates(plan, lane, scratch, sums)
            parts = [unresolved[part] for part in row_blocks((0, len(unresolved)), block_size)]
        elif plan.scorer is not None:
            parts = row_blocks(lane, block_size)
        else:  # the kernel divides consecutive rows into blocks
            dtype = plan.mixture.natural.dtype
            parts = row_blocks(lane, self._rows.n_consecutive(block_size, dtype))
        for rows in parts:
            factors = self._row_factors(rows)
            added, evaluated = self._rows.accumulate(rows, plan, factors, scratch, sums)
            log_likelihood += added
            n_evaluated += evaluated
            n_scored += len(factors.weight)
        return _LaneSums(sums, log_likelihood, n_evaluated, n_scored)

    def _sum_by_candidates(
        self, plan: PassPlan, lane: _Lane, scratch: kernels.Scratch, sums: kernels.Sums
    ) -> tuple[float, NDArray[np.intp]]:
        """Add the statistics of the rows of a lane for which their candidates are sufficient.

        Returns
        -------
        log_likelihood : float
        unresolved : ndarray
            Positions of the other rows.
        """
        log_likelihood, unresolved = 0.0, []
        for rows in row_blocks(lane, len(scratch.scores)):
            added, positions = self._rows.accumulate_from_candidates(
                rows, plan, self._row_factors(rows), scratch, sums
            )
            log_likelihood += added
            unresolved.append(positions)
        return log_likelihood, np.concatenate(unresolved)

    def _add_lanes(self, lanes: list[_LaneSums]) -> kernels.Sums:
        """Return the total of the sums of all lanes, added in their order into the first."""
        total, *others = (lane.sums for lane in lanes)
        for sums in others:
            for target, array in zip(total, sums):
                target += array
        self._workspace.give_back(others, kernels.Sums.allocate, len(total.counts), self.n_features)
        return total

    def _accumulate_sparse(self, plan: PassPlan) -> SufficientStatistics:
        """Accumulate sparse rows into sparse sums: only the parameters are a dense (d, K) array."""

        def sum_lane(lane: _Lane, scratch: kernels.Scratch) -> tuple[Any, Any, float]:
            rows = slice(*lane)
            factors = self._row_factors(rows)
            responsibilities, log_density = self._rows.respond(rows, plan, factors, scratch)
            masses = sp.diags_array(factors.weight) @ responsibilities
            sums = self._rows.sums(rows, sp.diags_array(factors.scale) @ masses)
            return masses.sum(axis=0), sums, float((factors.weight * log_density).sum())

        counts, sums, log_likelihoods = zip(*self._run(sum_lane, plan))
        add_lanes = sp.hstack([sp.eye_array(plan.n_components)] * len(sums), format="csr")
        resultants = add_lanes @ sp.vstack(sums, format="csr")
        return self._statistics(sum(counts), resultants, sum(log_likelihoods))

    def _statistics(
        self, counts: NDArray[np.float64], resultants: Any, log_likelihood: float
    ) -> SufficientStatistics:
        weight = float(self._weight.sum())
        return SufficientStatistics(
            counts=counts,
            resultants=resultants,
            log_likelihood=log_likelihood + weight * log_normalizer(0.0, self.n_features),
            weight=weight,
        )

    def _has_sparse_sums(self, n_components: int) -> bool:
        if self._rows.is_dense or self._center is not None:
            return False
        return bool(self._rows.has_sparse_sums(n_components))

    def assign(self, parameters: MixtureParameters) -> Assignment:
        """Return the most probable component of every row, in the order of the rows."""
        plan = self._plan_pass(parameters)
        labels = np.empty(self.n_rows, np.int32)
        probabilities, log_densities = np.empty((2, self.n_rows))

        def label_lane(lane: _Lane, scratch: kernels.Scratch) -> None:
            for rows in row_blocks(lane, len(scratch.scores)):
                out = labels[rows], probabilities[rows], log_densities[rows]
                # Rows of weight 0 get a label, too.
                factors = self._row_factors(rows)._replace(weight=np.ones(len(out[0])))
                self._rows.assign(rows, plan, factors, scratch, *out)

        for _ in self._run(label_lane, plan):
            pass
        log_densities += log_normalizer(0.0, self.n_features)
        return Assignment(labels, probabilities, log_densities)

    def log_joint(self, parameters: MixtureParameters) -> ScoreBlocks:
        """Iterate over (slice of rows, log π_k f_k(x_i) − log C(0) of shape (block, K))."""
        mixture = self._plan_pass(parameters, may_approximate=False).mixture
        for rows, scores in self._scores(mixture.natural, len(mixture.offsets)):
            yield rows, self._unit_scores(rows, scores, mixture.center_scores) + mixture.offsets

    def cosines(self, directions: Matrix) -> ScoreBlocks:
        """Iterate over (slice of rows, x_i·m_k of shape (block, K)) for unit rows m_k."""
        n_directions = directions.shape[0]  # sparse arrays have no len
        center_scores = np.zeros(n_directions)
        dtype = self.dtype
        if self._center is not None:
            with single_threaded_blas():
                center_scores = directions @ self._center
            dtype = np.dtype(np.float64)
        natural = self._rows.prepare(directions, dtype)
        for rows, scores in self._scores(natural, n_directions):
            yield rows, self._unit_scores(rows, scores, center_scores)

    def take(self, positions: NDArray[np.intp]) -> tuple[Matrix, NDArray[np.float64]]:
        """Return the unit rows at some positions, in ascending order, and their weights."""
        scale, shift = self._scale[positions], self._shift[positions]
        if self._center is None:
            rows = self._rows.take(positions, scale, self.dtype)
        else:
            rows = self._rows.take(positions, scale, np.float64)
            rows = (rows - np.outer(shift, self._center)).astype(self.dtype)
        return rows, self._weight[positions]

    def _unit_scores(
        self, rows: slice, scores: np.ndarray, center_scores: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the scores of the unit rows, in float64, from those of the original rows."""
        scale, shift = self._scale[rows, np.newaxis], self._shift[rows, np.newaxis]
        unit_scores: NDArray[np.float64] = scale * scores - shift * center_scores
        return unit_scores

    def _scores(self, natural: np.ndarray, n_components: int) -> ScoreBlocks:
        """Iterate over (slice of rows, x_i·η_k); threads reuse a few arrays for the scores."""
        block_size = self._rows_per_block(n_components)
        parts = row_blocks((0, self.n_rows), block_size)

        def score_block(rows: slice, out: np.ndarray) -> tuple[slice, np.ndarray]:
            limit_blas_in_this_thread()
            out = out[: rows.stop - rows.start]
            self._rows.write_scores(rows, natural, out)
            return rows, out

        with single_threaded_blas() as n_threads:
            n_ahead = min(n_threads, len(parts)) if n_threads > 1 else 0
            arrays = np.empty((n_ahead + 1, block_size, n_components), natural.dtype)
            ahead: deque[Future[tuple[slice, np.ndarray]]] = deque()
            try:
                for rows, out in zip(parts, itertools.cycle(arrays)):
                    if n_ahead == 0:
                        yield score_block(rows, out)
                        continue
                    ahead.append(self._pool.submit(score_block, rows, out))
                    if len(ahead) > n_ahead:
                        yield ahead[0].result()
                        ahead.popleft()
                while ahead:
                    yield ahead[0].result()
                    ahead.popleft()
            finally:  # no thread may write to the arrays after this
                wait(ahead)

    def _row_factors(self, rows: Any) -> kernels.RowFactors:
        position = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
        # A value that all rows share is stored once (broadcast), and copied per row for a kernel.
        scale, shift, weight = (
            np.require(factor[rows], requirements=["C", "W"])
            for factor in (self._scale, self._shift, self._weight)
        )
        return kernels.RowFactors(scale, shift, weight, position)

    def _plan_pass(
        self,
        parameters: MixtureParameters,
        *,
        hard: bool = False,
        may_approximate: bool = True,
        may_keep_candidates: bool = False,
    ) -> PassPlan:
        """Return the plan of a pass: precision, mixture in kernel form, and shortcuts."""
        natural, offsets = parameters.natural, parameters.offsets
        n_components = len(offsets)
        dtype, largest_shift = self.dtype, self._shift.max(initial=1.0)
        if needs_float64(dtype, largest_shift, parameters.concentrations):
            dtype = np.dtype(np.float64)
        center, center_scores = np.zeros(self.n_features), np.zeros(n_components)
        if self._center is not None:
            center = self._center
            # Not by BLAS, whose threads would keep spinning while ours need the processor.
            center_scores = np.einsum("kd,d->k", as_array(natural), center)
        cutoff = 0.0 if hard else math.log(2.0 * n_components / LOST_MASS[dtype])

        def prepare(
            components: Any, is_approximate: bool
        ) -> tuple[kernels.Mixture, bfloat16.ApproximateScorer | None]:
            scorer = None
            if is_approximate:
                scorer = bfloat16.ApproximateScorer(natural[components], center, self.dtype)
            mixture = kernel_mixture(
                self._rows.prepare(natural[components], dtype),
                center_scores[components],
                offsets[components],
                scorer=scorer,
                cutoff=cutoff,
                hard=hard,
            )
            return mixture, scorer

        limit = _FEW_PRODUCTS_OF_FEW_PASSES if self._for_few_passes else _FEW_PRODUCTS
        is_short = self.n_rows * n_components * self.n_features <= limit
        may_approximate = may_approximate and not is_short
        is_approximate = may_approximate and self._is_approximation_worthwhile(n_components)
        mixture, scorer = prepare(slice(None), is_approximate)
        largest_concentration = float(parameters.concentrations.max(initial=0.0))
        if not (
            (may_keep_candidates and not is_short)
            and self._rows.is_dense
            and candidates.is_worthwhile(n_components, self.n_features, largest_concentration)
        ):
            has_few = (is_short or n_components <= _FEW_COMPONENTS) and scorer is None
            return PassPlan(mixture, scorer, candidates.NO_CANDIDATES, has_few_components=has_few)
        drift = self._candidates.plan(natural, offsets, cutoff, is_approximate=is_approximate)
        lists = self._candidates.lists()
        if drift is None:
            return PassPlan(mixture, scorer, lists, natural)
        movers, mover_scorer = prepare(
            drift.movers, is_approximate and len(drift.movers) >= _FEWEST_MOVERS_TO_APPROXIMATE
        )
        return PassPlan(mixture, scorer, lists, natural, drift, movers, mover_scorer)

    def _is_approximation_worthwhile(self, n_components: int) -> bool:
        """Return whether to compute approximate scores before the exact ones.

        After a pass in which they excluded too few components, the next pass does without them.
        """
        may_approximate, self._may_approximate_again = self._may_approximate_again, True
        # The unit rows near the center are small differences, which bfloat16 cannot resolve.
        is_resolved = self._shift.max(initial=0.0) < _LARGEST_SHIFT_OF_APPROXIMATE_SCORES
        return (may_approximate and is_resolved and self._rows.is_dense) and (
            bfloat16.is_worthwhile(self.n_rows, self.n_features, n_components)
        )

    def _rows_per_block(
        self, n_components: int, scorer: bfloat16.ApproximateScorer | None = None
    ) -> int:
        if self._block_size is not None:
            return min(self._block_size, self.n_rows)
        if scorer is not None:
            return min(bfloat16.rows_per_block(n_components), self.n_rows)
        # Large enough for the product, small enough for the caches and for block size × K numbers.
        size = max(_SCORES_PER_BLOCK // max(n_components, 1), _FEWEST_ROWS_PER_BLOCK)
        return min(size, _ROWS_PER_BLOCK, self.n_rows)

    def _lanes(self, n_components: int) -> list[_Lane]:
        """Return the bounds of the lanes, which depend on the shape of the data only."""
        n_lanes = min(_LANES, math.ceil(self.n_rows / _ROWS_PER_LANE))
        if not self._has_sparse_sums(n_components):
            largest = max(_LARGEST_SUMS, _SHARE_OF_ROWS * self._rows.size)
            n_lanes = min(n_lanes, max(largest // (n_components * self.n_features), 2))
        n_lanes = 2 ** int(math.log2(n_lanes))  # so that threads get equal numbers of lanes
        bounds = np.linspace(0, self.n_rows, n_lanes + 1).astype(int).tolist()
        return list(itertools.pairwise(bounds))

    def _run(
        self, process_lane: Callable[[_Lane, kernels.Scratch], Any], plan: PassPlan
    ) -> Iterator[Any]:
        """Process every lane, in threads, and return the results in the order of the lanes."""
        lanes = self._lanes(plan.n_components)
        block_size = self._rows_per_block(plan.n_components, plan.scorer)
        results: list[Any] = [None] * len(lanes)
        queue = iter(enumerate(lanes))

        # Sparse rows need no scratch with one number per feature.
        n_features = self.n_features if self._rows.is_dense else 0
        dtype = plan.mixture.natural.dtype
        scratch_sizes = block_size, plan.n_components, n_features, dtype

        def process_lanes() -> None:
            limit_blas_in_this_thread()
            scratch = self._workspace.take(kernels.Scratch.allocate, *scratch_sizes)
            for position, lane in queue:
                results[position] = process_lane(lane, scratch)
            self._workspace.give_back([scratch], kernels.Scratch.allocate, *scratch_sizes)

        with single_threaded_blas() as n_threads:
            helpers: list[Future[None]] = []
            try:
                for _ in range(min(n_threads, len(lanes)) - 1):
                    helpers.append(self._pool.submit(process_lanes))
                process_lanes()
                for helper in helpers:
                    helper.result()
            finally:  # after an error or Ctrl-C, no thread may start another lane
                for _ in queue:
                    pass
                wait(helpers)
        return iter(results)


def lengths_of(X: Matrix) -> NDArray[np.float64]:
    """Return the length of each row of an array or CSR matrix, in float64.

    It is 0 or infinity where the square of the length leaves the range of the precision.
    """
    return _rows(X).lengths(min(_ROWS_PER_BLOCK, X.shape[0]), working_dtype(X.dtype))


def _rows(X: Matrix) -> DenseRows | SparseRows:
    return SparseRows(X) if sp.issparse(X) else DenseRows(X)
