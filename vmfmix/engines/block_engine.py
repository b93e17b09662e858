"""The engine for rows that are read in blocks, around an engine for each block.

A pass reads the source once from beginning to end: while one block is processed, a thread reads the
next. Only two blocks and a few numbers for each row are in memory.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vmfmix.engines.base import (
    Assignment,
    Engine,
    MakeEngine,
    Matrix,
    ScoreBlocks,
    working_dtype,
)
from vmfmix.model.matrices import stacked
from vmfmix.model.statistics import MixtureParameters, SufficientStatistics
from vmfmix.model.threads import WorkerThreads


class Blocks(Protocol):
    """The part of a source of blocks that engines use; see `BlockSource` and `DaskSource`."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    zero_rows: NDArray[np.intp]


class ReadableBlocks(Blocks, Protocol):
    """Blocks that can be read again and again in the same order; see `BlockSource`."""

    lengths: NDArray[np.float64]

    def __iter__(self) -> Iterator[tuple[slice, Matrix]]:
        """Iterate over (slice of rows, block)."""


class BlockwiseEngine(Engine):
    """Base class of engines that process the rows of a source block by block.

    Parameters
    ----------
    source : BlockSource or DaskSource
    sample_weight : ndarray of shape (n_rows,), default=None
    """

    def __init__(self, source: Blocks, sample_weight: NDArray[np.float64] | None) -> None:
        self._weight = sample_weight
        self.n_rows, self.n_features = source.shape
        self.dtype = working_dtype(source.dtype)
        self._zero_rows = source.zero_rows

    def _count_rows(self, blocks: Iterable[tuple[slice, NDArray[np.intp]]] = ()) -> None:
        """Find the rows with a direction and a positive weight, and set the numbers of rows.

        Parameters
        ----------
        blocks : iterable of (slice of rows, ndarray)
            If there is a center: for each block, the positions in it of the rows that have a
            direction after the center is subtracted. Without a center, the rows of zeros have no
            direction.
        """
        has_direction = np.ones(self.n_rows, bool)
        has_direction[self._zero_rows] = False
        for rows, positions in blocks:
            has_direction[rows] = False
            has_direction[rows.start + positions] = True
        self._is_used = has_direction
        if self._weight is not None:
            self._is_used = has_direction & (self._weight > 0)
        self.n_zero_rows = int(self.n_rows - has_direction.sum())
        self.n_used_rows = int(self._is_used.sum())

    @property
    def used_rows(self) -> NDArray[np.intp]:
        """Positions of the rows with a direction and a positive weight, in ascending order."""
        return np.flatnonzero(self._is_used)

    def _weights_at(self, positions: NDArray[np.intp]) -> NDArray[np.float64]:
        return np.ones(len(positions)) if self._weight is None else self._weight[positions]


class BlockEngine(BlockwiseEngine):
    """Rows of a source of blocks.

    Parameters
    ----------
    source : BlockSource
    make_engine : callable
        Creates the engine for a block; `vmfmix.engines.choice.choose_engine`.
    sample_weight, center, device
        See `vmfmix.engines.choice.choose_engine`.
    report : callable, default=None
        Called with (number of rows done in this pass, total number of rows) after each block.
    """

    def __init__(
        self,
        source: ReadableBlocks,
        *,
        make_engine: MakeEngine,
        sample_weight: NDArray[np.float64] | None = None,
        center: NDArray[np.float64] | None = None,
        device: Any = None,
        report: Callable[..., None] | None = None,
    ) -> None:
        super().__init__(source, sample_weight)
        self._source, self._make_engine = source, make_engine
        self._center, self._device, self._report = center, device, report
        if center is None:
            self._count_rows()
        else:
            engines = self._engines(is_weighted=False)
            self._count_rows((rows, engine.used_rows) for rows, engine in engines)

    def accumulate(
        self, parameters: MixtureParameters, *, hard: bool = False
    ) -> SufficientStatistics:
        """Return the sufficient statistics of all rows under a mixture, in one pass."""
        total: SufficientStatistics | None = None
        for rows, engine in self._engines():
            statistics = engine.accumulate(parameters, hard=hard)
            _validate_finite(statistics.log_likelihood + statistics.resultants.sum(), rows)
            total = statistics if total is None else total + statistics
        assert total is not None  # a source has at least one block
        return total

    def assign(self, parameters: MixtureParameters) -> Assignment:
        """Return the most probable component of every row, in the order of the rows."""
        labels = np.empty(self.n_rows, np.int32)
        probabilities, log_densities = np.empty((2, self.n_rows))
        for rows, engine in self._engines():
            labels[rows], probabilities[rows], log_densities[rows] = engine.assign(parameters)
        return Assignment(labels, probabilities, log_densities)

    def log_joint(self, parameters: MixtureParameters) -> ScoreBlocks:
        """Iterate over (slice of rows, log π_k f_k(x_i) − log C(0) of shape (block, K))."""
        for rows, engine in self._engines():
            for part, scores in engine.log_joint(parameters):
                yield slice(rows.start + part.start, rows.start + part.stop), scores

    def cosines(self, directions: Matrix) -> ScoreBlocks:
        """Iterate over (slice of rows, x_i·m_k of shape (block, K)) for unit rows m_k."""
        for rows, engine in self._engines():
            for part, scores in engine.cosines(directions):
                yield slice(rows.start + part.start, rows.start + part.stop), scores

    def take(self, positions: NDArray[np.intp]) -> tuple[Matrix, NDArray[np.float64]]:
        """Return the unit rows at some positions, in ascending order, and their weights."""
        found = []
        for rows, block in self._blocks():
            inside = positions[slice(*np.searchsorted(positions, [rows.start, rows.stop]))]
            if len(inside) > 0:
                engine = self._engine(block[inside - rows.start], inside)
                found.append(engine.take(np.arange(len(inside)))[0])
                _validate_finite(found[-1].sum(dtype=np.float64), rows)
        return stacked(found), self._weights_at(positions)

    def _engine(
        self, block: Matrix, rows: slice | NDArray[np.intp], is_weighted: bool = True
    ) -> Engine:
        weight = self._weight if is_weighted else None
        return self._make_engine(
            block,
            sample_weight=None if weight is None else weight[rows],
            center=self._center,
            device=self._device,
            lengths=self._source.lengths[rows],
        )

    def _engines(self, is_weighted: bool = True) -> Iterator[tuple[slice, Engine]]:
        """Iterate over (slice of rows, engine for the block)."""
        for rows, block in self._blocks():
            yield rows, self._engine(block, rows, is_weighted)

    def _blocks(self) -> Iterator[tuple[slice, Matrix]]:
        """Iterate over (slice of rows, block), reading one block ahead."""
        if self._report is not None:
            self._report(0, self.n_rows)
        with WorkerThreads(max_workers=1) as reader:
            blocks = iter(self._source)
            following: Any = reader.submit(next, blocks, None)
            while (block := following.result()) is not None:
                following = reader.submit(next, blocks, None)
                yield block
                if self._report is not None:
                    self._report(block[0].stop, self.n_rows)


def _validate_finite(total: float, rows: slice) -> None:
    """Raise ValueError if rows that were finite when they were first read no longer are."""
    if not np.isfinite(total):
        raise ValueError(
            f"Rows {rows.start} to {rows.stop - 1} of X contain NaN or infinity, which they did "
            "not when they were first read; do not change X during a fit."
        )
