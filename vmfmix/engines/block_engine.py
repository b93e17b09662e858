"""The engine for rows that come by blocks, around the engine for each block.

A pass reads the source once from beginning to end: while one block is worked on, a thread reads the
next. Memory holds two blocks, and beside them a few numbers for each row.
"""

import numpy as np

from vmfmix.engines.base import Assignment, Engine
from vmfmix.engines.choice import choose_engine
from vmfmix.model.matrices import stacked
from vmfmix.model.threads import WorkerThreads


class BlockEngine(Engine):
    """Rows of a source.

    Parameters
    ----------
    source : Source
    sample_weight, center, device
        See `vmfmix.engines.choice.choose_engine`.
    report : callable, default=None
        Told of each block: (rows done in this pass, all rows).
    """

    def __init__(self, source, *, sample_weight=None, center=None, device=None, report=None):
        self._source, self._weight, self._center = source, sample_weight, center
        self._device, self._report = device, report
        self.n_rows, self.n_features = source.shape
        self.dtype = np.dtype(np.float64 if source.dtype == np.float64 else np.float32)
        directed = np.ones(self.n_rows, bool)
        if center is None:
            directed[source.without_direction] = False
        else:
            for rows, engine in self._engines(weighted=False):
                directed[rows] = False
                directed[rows.start + engine.used_rows] = True
        self.n_zero_rows = int(self.n_rows - directed.sum())
        self._is_used = directed if sample_weight is None else directed & (sample_weight > 0)
        self.n_used_rows = int(self._is_used.sum())

    @property
    def used_rows(self):  # noqa: D102
        return np.flatnonzero(self._is_used)

    def accumulate(self, parameters, *, hard=False):  # noqa: D102
        total = None
        for rows, engine in self._engines():
            statistics = engine.accumulate(parameters, hard=hard)
            _require_finite(statistics.log_likelihood + statistics.resultants.sum(), rows)
            total = statistics if total is None else total + statistics
        return total

    def assign(self, parameters):  # noqa: D102
        labels = np.empty(self.n_rows, np.int32)
        probabilities, log_densities = np.empty((2, self.n_rows))
        for rows, engine in self._engines():
            labels[rows], probabilities[rows], log_densities[rows] = engine.assign(parameters)
        return Assignment(labels, probabilities, log_densities)

    def log_joint(self, parameters):  # noqa: D102
        for rows, engine in self._engines():
            for some, block in engine.log_joint(parameters):
                yield slice(rows.start + some.start, rows.start + some.stop), block

    def cosines(self, directions):  # noqa: D102
        for rows, engine in self._engines():
            for some, block in engine.cosines(directions):
                yield slice(rows.start + some.start, rows.start + some.stop), block

    def take(self, positions):  # noqa: D102
        found = []
        for rows, block in self._blocks():
            here = slice(*np.searchsorted(positions, [rows.start, rows.stop]))
            some = positions[here]
            if len(some) > 0:
                engine = self._engine(block[some - rows.start], some)
                found.append(engine.take(np.arange(len(some)))[0])
                _require_finite(found[-1].sum(dtype=np.float64), rows)
        weights = np.ones(len(positions)) if self._weight is None else self._weight[positions]
        return stacked(found), weights

    def _engine(self, block, rows, weighted=True):
        weight = self._weight if weighted else None
        return choose_engine(
            block,
            sample_weight=None if weight is None else weight[rows],
            center=self._center,
            device=self._device,
            lengths=self._source.lengths[rows],
        )

    def _engines(self, weighted=True):
        """Iterate over (slice of rows, engine for the block)."""
        for rows, block in self._blocks():
            yield rows, self._engine(block, rows, weighted)

    def _blocks(self):
        """Iterate over (slice of rows, block), reading one ahead."""
        if self._report is not None:
            self._report(0, self.n_rows)
        with WorkerThreads(max_workers=1) as reader:
            blocks = iter(self._source)
            coming = reader.submit(next, blocks, None)
            while (block := coming.result()) is not None:
                coming = reader.submit(next, blocks, None)
                yield block
                if self._report is not None:
                    self._report(block[0].stop, self.n_rows)


def _require_finite(total, rows):
    """Rows were finite when they were read first, and must be so each time."""
    if not np.isfinite(total):
        raise ValueError(
            f"Rows {rows.start} to {rows.stop - 1} of X hold NaN or infinity, which they did not "
            "when they were read first; leave X alone during a fit."
        )
