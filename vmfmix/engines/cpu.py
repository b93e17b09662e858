"""The engine for dense and CSR arrays in memory.

A pass is cut into lanes of consecutive rows, and a lane into blocks. Threads take whole lanes; in a
lane, a single-threaded BLAS product gives the scores of a block and one kernel turns them into
responsibilities and sums. The lanes depend on the shape of the data alone and are added in order,
so the result does not depend on the number of threads.
"""

import itertools
import math
from collections import deque
from concurrent.futures import wait
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from vmfmix.distribution import log_normalizer
from vmfmix.engines import bfloat16, candidates, kernels
from vmfmix.engines.base import MOST_ROUNDING, NO_DIRECTION, Assignment, Engine, row_blocks
from vmfmix.engines.dense import DenseRows
from vmfmix.engines.sparse import SparseRows
from vmfmix.engines.workspace import Workspace
from vmfmix.model.matrices import as_array
from vmfmix.model.statistics import SufficientStatistics
from vmfmix.model.threads import WorkerThreads, limit_blas_in_this_thread, single_threaded_blas

# Mass of the responsibilities that a row may lose to the cut-off, by precision.
LOST_MASS = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-12}

# Lengths of rows whose products with a mean neither overflow nor vanish.
_SHORTEST = {np.dtype(np.float32): 1e-18, np.dtype(np.float64): 1e-140}
_LONGEST = {np.dtype(np.float32): 1e18, np.dtype(np.float64): 1e140}

_SHARE_LEFT_BY_A_LOOK = 1 / 16  # of the log joints, above which a product is cheaper
_LARGEST_SHIFT_OF_A_LOOK = 100.0
_MOVERS_TO_LOOK_AT = 128  # or more: the product with fewer costs less than a look

_ROWS_PER_BLOCK = 1024
_FEWEST_ROWS_PER_BLOCK = 256
_SCORES_PER_BLOCK = 2**19  # where that leaves at least the fewest rows
_ROWS_PER_LANE = 4096  # at least
_LANES = 32
# Sums of all lanes together are at most so many numbers, or this share of those of the rows.
_LARGEST_SUMS, _SHARE_OF_ROWS = 2**23, 1 / 4


class _Pass(NamedTuple):
    """A mixture as one pass wants it, and what may spare it work.

    Parameters
    ----------
    natural : ndarray of shape (K, d), float64, or None
        If it recalls.
    mixture : kernels.Mixture
    look : Look or None
        At all components.
    recalls : bool
        Whether the pass is one of those that may keep candidates for the next.
    memory : kernels.CandidateLists
        Where candidates are written to.
    drift : kernels.Drift or None
        Since the last pass, if its candidates are to be recalled.
    movers : kernels.Mixture or None
        The components that have moved most.
    look_at_movers : Look or None
    """

    natural: np.ndarray | None
    mixture: kernels.Mixture
    look: Any = None
    recalls: bool = False
    memory: kernels.CandidateLists = candidates.NOTHING
    drift: Any = None
    movers: Any = None
    look_at_movers: Any = None


class CPUEngine(Engine):
    """Rows of a NumPy array or CSR matrix.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
        Finite. Dense rows are never copied as a whole: blocks that are not C-contiguous, or of
        another precision than that of the pass, are converted one at a time.
    sample_weight, center, block_size, lengths
        See `vmfmix.engines.choice.choose_engine`.
    """

    def __init__(self, X, *, sample_weight=None, center=None, block_size=None, lengths=None):
        self.n_rows, self.n_features = X.shape
        self.dtype = _precision(X)
        self._block_size = block_size
        self._look_again = True
        self._candidates = candidates.CandidateCache(self.n_rows)
        self._workspace = Workspace()
        self._pool = WorkerThreads()  # its threads start when a pass needs them
        self._rows: Any = _rows(X)
        lengths = lengths_of(X) if lengths is None else np.array(lengths)
        extreme = ~((lengths > _SHORTEST[self.dtype]) & (lengths < _LONGEST[self.dtype]))
        if extreme.any() and self._rows.tame(np.flatnonzero(extreme)):
            lengths = self._rows.lengths(self._rows_per_block(1), self.dtype)
        self._scale, self._shift = self._normalization(lengths, center)
        self._center = None if center is None else np.asarray(center, dtype=np.float64)
        directed = self._scale > 0
        self.n_zero_rows = int(self.n_rows - directed.sum())
        weight = np.asarray(1.0 if sample_weight is None else sample_weight, dtype=np.float64)
        self._weight = np.broadcast_to(weight, self.n_rows)
        if self.n_zero_rows:
            self._weight = np.where(directed, self._weight, 0.0)
        self.n_used_rows = int((self._weight > 0).sum())

    def _normalization(self, lengths, center):
        """Row i is scale[i] x_i − shift[i] c; both are 0 where that has no direction."""
        scale = np.divide(1.0, lengths, out=lengths, where=lengths > 0)
        if center is None:
            return scale, np.broadcast_to(0.0, self.n_rows)
        squared = self._rows.squared_distances(scale, center, self._rows_per_block(1))
        directed = (scale > 0) & (squared > NO_DIRECTION[self.dtype])
        shift = np.zeros(self.n_rows)
        shift[directed] = 1.0 / np.sqrt(squared[directed])
        return scale * shift, shift

    @property
    def used_rows(self):  # noqa: D102
        return np.flatnonzero(self._weight > 0)

    def accumulate(self, parameters, *, hard=False):  # noqa: D102
        this = self._pass(parameters, hard=hard, recalls=True)
        if self._has_sparse_sums(len(parameters.weights)):
            return self._accumulate_sparse(this)
        mixture, look, memory, drift = this.mixture, this.look, this.memory, this.drift
        n_components = len(mixture.offsets)

        def sum_lane(lane, scratch):
            sums = self._workspace.take(kernels.Sums.of, n_components, self.n_features)
            for part in sums:
                part.fill(0.0)
            n_block = len(scratch.scores)
            log_likelihood, n_evaluated, n_scored = 0.0, 0, 0
            if drift is None:
                n_consecutive = self._rows.n_consecutive(n_block, mixture.natural.dtype)
                parts = row_blocks(lane, n_consecutive if look is None else n_block)
            else:
                unknown = []
                for rows in row_blocks(lane, n_block):
                    added, some = self._rows.recall(rows, this, self._about(rows), scratch, sums)
                    log_likelihood += added
                    unknown.append(some)
                positions = np.concatenate(unknown)
                parts = [positions[some] for some in row_blocks((0, len(positions)), n_block)]
            for rows in parts:
                about = self._about(rows)
                added, cost = self._rows.accumulate(
                    rows, look, about, mixture, memory, scratch, sums
                )
                log_likelihood += added
                n_evaluated += cost
                n_scored += len(about.weight)
            return sums, log_likelihood, n_evaluated, n_scored

        lanes = list(self._run(sum_lane, this))
        log_likelihood, n_evaluated, n_scored = (sum(part) for part in list(zip(*lanes))[1:])
        (counts, shift_sums, resultants), *others = (sums for sums, *_ in lanes)
        for sums in others:
            counts += sums.counts
            shift_sums += sums.shift_sums
            resultants += sums.resultants
        self._workspace.give_back(others, kernels.Sums.of, n_components, self.n_features)
        if look is not None:
            self._look_again = n_evaluated <= _SHARE_LEFT_BY_A_LOOK * n_scored * n_components
        if this.recalls:
            self._candidates.keep(this.natural, mixture.offsets, n_evaluated / self.n_rows)
        if self._center is not None:
            resultants -= np.outer(shift_sums, self._center)
        return self._statistics(counts, resultants, log_likelihood)

    def _accumulate_sparse(self, this):
        """A pass over sparse rows that makes no array of all features but the parameters."""
        n_components = len(this.mixture.offsets)

        def sum_lane(lane, scratch):
            rows = slice(*lane)
            about = self._about(rows)
            masses, log_density = self._rows.respond(
                rows, about, this.mixture, this.memory, scratch
            )
            masses = sp.diags_array(about.weight) @ masses
            sums = self._rows.sums(rows, sp.diags_array(about.scale) @ masses)
            return masses.sum(axis=0), sums, float((about.weight * log_density).sum())

        counts, sums, log_likelihoods = zip(*self._run(sum_lane, this))
        of_each_lane = sp.hstack([sp.eye_array(n_components)] * len(sums), format="csr")
        resultants = of_each_lane @ sp.vstack(sums, format="csr")
        return self._statistics(sum(counts), resultants, sum(log_likelihoods))

    def _statistics(self, counts, resultants, log_likelihood):
        weight = float(self._weight.sum())
        return SufficientStatistics(
            counts=counts,
            resultants=resultants,
            log_likelihood=log_likelihood + weight * log_normalizer(0.0, self.n_features),
            weight=weight,
        )

    def _has_sparse_sums(self, n_components):
        sparse = not self._rows.is_dense and self._center is None
        return sparse and self._rows.has_sparse_sums(n_components)

    def assign(self, parameters):  # noqa: D102
        this = self._pass(parameters)
        labels = np.empty(self.n_rows, np.int32)
        probabilities, log_densities = np.empty((2, self.n_rows))

        def label_lane(lane, scratch):
            for rows in row_blocks(lane, len(scratch.scores)):
                said = labels[rows], probabilities[rows], log_densities[rows]
                self._rows.assign(rows, this, self._about(rows), scratch, *said)

        for _ in self._run(label_lane, this):
            pass
        log_densities += log_normalizer(0.0, self.n_features)
        return Assignment(labels, probabilities, log_densities)

    def log_joint(self, parameters):  # noqa: D102
        mixture = self._pass(parameters, may_look=False).mixture
        for rows, scores in self._scores(mixture.natural, len(mixture.offsets)):
            yield rows, self._affine(rows, scores, mixture.center_scores) + mixture.offsets

    def cosines(self, directions):  # noqa: D102
        n_directions = directions.shape[0]  # they may be sparse
        center_scores = np.zeros(n_directions)
        dtype = self.dtype
        if self._center is not None:
            with single_threaded_blas():
                center_scores = directions @ self._center
            dtype = np.dtype(np.float64)
        natural = self._rows.prepare(directions, dtype)
        for rows, scores in self._scores(natural, n_directions):
            yield rows, self._affine(rows, scores, center_scores)

    def take(self, positions):  # noqa: D102
        scale, shift = self._scale[positions], self._shift[positions]
        if self._center is None:
            rows = self._rows.take(positions, scale, self.dtype)
        else:
            rows = self._rows.take(positions, scale, np.float64)
            rows = (rows - np.outer(shift, self._center)).astype(self.dtype)
        return rows, self._weight[positions]

    def _affine(self, rows, scores, center_scores):
        """Scores of the raw rows turned into scores of the unit rows, in float64."""
        scale, shift = self._scale[rows, np.newaxis], self._shift[rows, np.newaxis]
        return scale * scores - shift * center_scores

    def _scores(self, natural, n_components):
        """Iterate over (slice of rows, x_i·η_k); threads fill a few arrays again and again."""
        n_block = self._rows_per_block(n_components)
        parts = row_blocks((0, self.n_rows), n_block)

        def scores(rows, out):
            limit_blas_in_this_thread()
            out = out[: rows.stop - rows.start]
            self._rows.write_scores(rows, natural, out)
            return rows, out

        with single_threaded_blas() as n_threads:
            n_ahead = min(n_threads, len(parts)) if n_threads > 1 else 0
            arrays = np.empty((n_ahead + 1, n_block, n_components), natural.dtype)
            ahead: deque = deque()
            try:
                for rows, out in zip(parts, itertools.cycle(arrays)):
                    if n_ahead == 0:
                        yield scores(rows, out)
                        continue
                    ahead.append(self._pool.submit(scores, rows, out))
                    if len(ahead) > n_ahead:
                        yield ahead[0].result()
                        ahead.popleft()
                while ahead:
                    yield ahead[0].result()
                    ahead.popleft()
            finally:  # nobody writes to the arrays any more
                wait(ahead)

    def _about(self, rows):
        position = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
        # What is the same for all rows is kept once; the kernels get it once for each row.
        of_all = self._scale, self._shift, self._weight
        scale, shift, weight = (np.require(one[rows], requirements=["C", "W"]) for one in of_all)
        return kernels.RowFactors(scale, shift, weight, position)

    def _pass(self, parameters, *, hard=False, may_look=True, recalls=False):
        """Parameters in the form and the precision that a pass needs, and what may shorten it."""
        natural, offsets = parameters.natural, parameters.offsets
        n_components = len(offsets)
        # κ x·μ and log C(κ) cancel, and so do a row and the center near to it: what is rounded of
        # the products is left over in nats.
        magnification = self._shift.max(initial=1.0) * parameters.concentrations.max(initial=0.0)
        rounding = np.finfo(self.dtype).eps * magnification
        dtype = self.dtype if rounding < MOST_ROUNDING else np.dtype(np.float64)
        center, center_scores = np.zeros(self.n_features), np.zeros(n_components)
        if self._center is not None:
            center = self._center
            # Not BLAS, whose threads would go on spinning while ours want to work.
            center_scores = np.einsum("kd,d->k", as_array(natural), center)
        cutoff = 0.0 if hard else math.log(2.0 * n_components / LOST_MASS[dtype])
        may_look = may_look and self._may_look(n_components)

        def prepared(some, may_look):
            look = (
                bfloat16.ApproximateScorer(natural[some], center, self.dtype) if may_look else None
            )
            mixture = self._mixture(
                natural[some], center_scores[some], offsets[some], dtype, look, cutoff, hard
            )
            return mixture, look

        mixture, look = prepared(slice(None), may_look)
        sharpest = float(parameters.concentrations.max(initial=0.0))
        recalls = recalls and candidates.is_worthwhile(n_components, self.n_features, sharpest)
        if not (recalls and self._rows.is_dense):
            return _Pass(None, mixture, look)
        drift = self._candidates.plan(natural, offsets, cutoff, looks=look is not None)
        movers = None, None
        if drift is not None:
            movers = prepared(drift.movers, may_look and len(drift.movers) >= _MOVERS_TO_LOOK_AT)
        return _Pass(natural, mixture, look, True, self._candidates.memory(), drift, *movers)

    def _mixture(self, natural, center_scores, offsets, dtype, look, cutoff, hard):
        """The kernels' mixture: with a look, its margins are added to what decides first."""
        rough_offsets, window = offsets, cutoff + kernels.SLACK
        if look is not None:
            rough_offsets = offsets + look.margins
            largest = np.abs(rough_offsets[np.isfinite(offsets)]).max(initial=0.0)
            rounding = np.finfo(np.float32).eps * largest
            window += 2.0 * (look.margins.max(initial=0.0) + rounding)
        rough_dtype = dtype if look is None else np.dtype(np.float32)
        return kernels.Mixture(
            natural=self._rows.prepare(natural, dtype),
            center_scores=center_scores,
            offsets=offsets,
            rough_center_scores=center_scores.astype(rough_dtype),
            rough_offsets=rough_offsets.astype(rough_dtype),
            window=window,
            cutoff=cutoff,
            lost_mass=LOST_MASS[dtype],
            hard=bool(hard),
        )

    def _may_look(self, n_components):
        """Whether to take a first look: where it pays and the last one left little in doubt."""
        look_again, self._look_again = self._look_again, True
        # Rows near the center are differences that bfloat16 tells nothing of.
        far_from_center = self._shift.max(initial=0.0) < _LARGEST_SHIFT_OF_A_LOOK
        return (look_again and far_from_center and self._rows.is_dense) and bfloat16.is_worthwhile(
            self.n_rows, self.n_features, n_components
        )

    def _rows_per_block(self, n_components, look=None):
        if self._block_size is not None:
            return min(self._block_size, self.n_rows)
        if look is not None:
            return min(bfloat16.rows_per_block(n_components), self.n_rows)
        # Large enough for the product, small enough for the caches and for n_block × K numbers.
        fitting = _SCORES_PER_BLOCK // max(n_components, 1)
        return min(max(fitting, _FEWEST_ROWS_PER_BLOCK), _ROWS_PER_BLOCK, self.n_rows)

    def _lanes(self, n_components):
        """Bounds of the parts of a pass that are summed on their own, from the shape alone."""
        n_lanes = min(_LANES, math.ceil(self.n_rows / _ROWS_PER_LANE))
        if not self._has_sparse_sums(n_components):
            largest = max(_LARGEST_SUMS, _SHARE_OF_ROWS * self._rows.size)
            n_lanes = min(n_lanes, max(largest // (n_components * self.n_features), 2))
        n_lanes = 2 ** int(math.log2(n_lanes))  # to come out even
        bounds = np.linspace(0, self.n_rows, n_lanes + 1).astype(int).tolist()
        return list(itertools.pairwise(bounds))

    def _run(self, work, this):
        """`work(lane, scratch)` for every lane, in threads; results in the order of the lanes."""
        n_components = len(this.mixture.offsets)
        lanes = self._lanes(n_components)
        n_block = self._rows_per_block(n_components, this.look)
        results = [None] * len(lanes)
        queue = iter(enumerate(lanes))

        dtype = this.mixture.natural.dtype
        # Sparse rows are neither looked at nor multiplied as arrays.
        n_features = self.n_features if self._rows.is_dense else 0
        of_scratch = kernels.Scratch.of, n_block, n_components, n_features, dtype

        def take_lanes():
            limit_blas_in_this_thread()
            scratch = self._workspace.take(*of_scratch)
            for position, lane in queue:
                results[position] = work(lane, scratch)
            self._workspace.give_back([scratch], *of_scratch)

        with single_threaded_blas() as n_threads:
            helpers = []
            try:
                for _ in range(min(n_threads, len(lanes)) - 1):
                    helpers.append(self._pool.submit(take_lanes))
                take_lanes()
                for helper in helpers:
                    helper.result()
            finally:  # after an error or Ctrl-C, nobody starts another lane
                for _ in queue:
                    pass
                wait(helpers)
        return iter(results)


def lengths_of(X):
    """Length of each row of an array or CSR matrix, in float64.

    0 or infinity where the square of a length leaves the precision of the rows.
    """
    return _rows(X).lengths(min(_ROWS_PER_BLOCK, X.shape[0]), _precision(X))


def _rows(X):
    return SparseRows(X) if sp.issparse(X) else DenseRows(X)


def _precision(X):
    return np.dtype(np.float64 if X.dtype == np.float64 else np.float32)
