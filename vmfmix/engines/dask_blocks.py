"""The engine for dask arrays: each block is processed where it is, and only sums are transferred.

dask decides where: in threads of this process, or on the workers of a distributed cluster. The
workers get the mixture once per pass, and return sums of the size of the parameters.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, reduce
from itertools import pairwise
from operator import add
from typing import Any

import numpy as np
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite

from vmfmix.engines.base import (
    DTYPES,
    Assignment,
    Engine,
    MakeEngine,
    Matrix,
    RowSource,
    ScoreBlocks,
)
from vmfmix.engines.block_engine import BlockwiseEngine
from vmfmix.engines.cpu import CPUEngine
from vmfmix.engines.rows.invalid import unmasked
from vmfmix.model.matrices import stacked
from vmfmix.model.statistics import MixtureParameters, SufficientStatistics

_BRANCHES = 8  # number of sums that one task adds


class DaskSource(RowSource):
    """A dask array in blocks of whole rows, validated in one pass.

    Parameters
    ----------
    X : dask.array.Array of shape (n_rows, n_features)

    Attributes
    ----------
    shape : tuple of (n_rows, n_features)
    dtype : numpy dtype
    zero_rows : ndarray
        Positions of the rows of zeros, which have no direction.

    Raises
    ------
    ValueError
        If a block contains NaN or infinity (the message gives its rows), or if the array does not
        have two dimensions, at least one row and at least two features.
    """

    is_sparse = False

    def __init__(self, X: Any) -> None:
        if X.ndim != 2:
            raise ValueError(
                f"X is a dask array of {X.ndim} dimensions; pass one of shape (n_samples, "
                "n_features)."
            )
        if np.isnan(X.shape).any():
            X = X.compute_chunk_sizes()
        if X.shape[0] < 1 or X.shape[1] < 2:
            raise ValueError(
                f"X is a dask array of shape {X.shape}; pass one with at least one row and two "
                "features."
            )
        if X.dtype.kind == "c":
            raise ValueError("Complex data not supported: X is a complex array; pass real numbers.")
        X = X.rechunk({0: tuple(size for size in X.chunks[0] if size), 1: -1})
        self.array = X if X.dtype in DTYPES else X.astype(np.float64)
        self.shape, self.dtype = X.shape, self.array.dtype
        self.zero_rows = np.concatenate(self.map_blocks(_zero_rows, self.block_slices))

    def engine(
        self,
        *,
        make_engine: MakeEngine,
        sample_weight: NDArray[np.float64] | None,
        center: NDArray[np.float64] | None,
        block_size: int | None,
        device: Any,
        report: Callable[..., None] | None,
    ) -> Engine:
        """Return the engine for these rows; it ignores `report`, since dask has dashboards."""
        return DaskEngine(
            self,
            make_engine=make_engine,
            sample_weight=sample_weight,
            center=center,
            block_size=block_size,
            device=device,
        )

    @property
    def blocks(self) -> list[Any]:
        """Delayed blocks, in the order of their rows."""
        return list(self.array.to_delayed().ravel().tolist())

    @property
    def block_slices(self) -> list[slice]:
        """Slice of the rows of each block."""
        bounds = np.cumsum([0, *self.array.chunks[0]]).tolist()
        return [slice(*edges) for edges in pairwise(bounds)]

    def groups(self) -> list[list[int]]:
        """Return groups of block numbers; the blocks of a group are processed one after the other.

        Blocks in the memory of workers are divided among the threads of these workers, so that no
        task waits in a queue, from which an idle worker would take it with a copy of the block. All
        other blocks form groups of one.
        """
        single = [[number] for number in range(len(self.block_slices))]
        client = _client()
        if client is None:
            return single
        keys = [row[0] for row in self.array.__dask_keys__()]
        workers, threads = client.who_has(self.array), client.nthreads()
        by_worker: dict[Any, list[int]] = {}
        for number, key in enumerate(keys):
            address = next(iter(workers.get(key, ())), None)
            if address not in threads:
                return single
            by_worker.setdefault(address, []).append(number)
        groups = (
            numbers[first :: threads[address]]
            for address, numbers in by_worker.items()
            for first in range(threads[address])
        )
        return [group for group in groups if group]

    def map_blocks(
        self, function: Callable[..., Any], arguments: Sequence[Any], *shared: Any
    ) -> list[Any]:
        """Return ``function(block, argument, *shared)`` for each block, in order.

        Parameters
        ----------
        function : callable
            At the top level of a module, so that it can be pickled.
        arguments : sequence
            One argument for each block.
        *shared : object
            Further arguments, the same for all blocks.

        Returns
        -------
        list
        """
        blocks, groups = self.blocks, self.groups()
        calls = [
            _map_group(function, [blocks[i] for i in group], [arguments[i] for i in group], *shared)
            for group in groups
        ]
        results: dict[int, Any] = {}
        for group, group_results in zip(groups, _compute(*calls)):
            results.update(zip(group, group_results))
        return [results[i] for i in range(len(blocks))]


class DaskEngine(BlockwiseEngine):
    """Rows of a dask array.

    Parameters
    ----------
    source : DaskSource
    make_engine : callable
        Creates the engine for a block; `vmfmix.engines.choice.choose_engine`.
    sample_weight, center, block_size, device
        See `vmfmix.engines.choice.choose_engine`.
    """

    def __init__(
        self,
        source: DaskSource,
        *,
        make_engine: MakeEngine,
        sample_weight: NDArray[np.float64] | None = None,
        center: NDArray[np.float64] | None = None,
        block_size: int | None = None,
        device: Any = None,
    ) -> None:
        super().__init__(source, sample_weight)
        self._source = source
        self._make_engine = _scatter(
            partial(make_engine, center=center, block_size=block_size, device=device)
        )
        if center is None:
            self._count_rows()
        else:
            no_weights = [None] * len(source.block_slices)
            used = source.map_blocks(_used_rows, no_weights, self._make_engine)
            self._count_rows(zip(source.block_slices, used))

    def accumulate(
        self, parameters: MixtureParameters, *, hard: bool = False
    ) -> SufficientStatistics:
        """Return the sufficient statistics of all rows under a mixture, in one pass."""
        scattered = _scatter(parameters)
        blocks, weights = self._source.blocks, self._block_weights()
        sums = [
            _accumulate(
                [blocks[i] for i in group],
                [weights[i] for i in group],
                self._make_engine,
                scattered,
                hard,
            )
            for group in self._source.groups()
        ]
        while len(sums) > 1:
            sums = [_add(sums[i : i + _BRANCHES]) for i in range(0, len(sums), _BRANCHES)]
        total: SufficientStatistics = _compute(*sums)[0]
        return total

    def assign(self, parameters: MixtureParameters) -> Assignment:
        """Return the most probable component of every row, in the order of the rows."""
        assignments = self._source.map_blocks(
            _assign, self._block_weights(), self._make_engine, _scatter(parameters)
        )
        return Assignment(*(np.concatenate(parts) for parts in zip(*assignments)))

    def log_joint(self, parameters: MixtureParameters) -> ScoreBlocks:
        """Iterate over (slice of rows, log π_k f_k(x_i) − log C(0) of shape (block, K))."""
        return self._iterate(_log_joint, parameters)

    def cosines(self, directions: Matrix) -> ScoreBlocks:
        """Iterate over (slice of rows, x_i·m_k of shape (block, K)) for unit rows m_k."""
        return self._iterate(_cosines, directions)

    def take(self, positions: NDArray[np.intp]) -> tuple[Matrix, NDArray[np.float64]]:
        """Return the unit rows at some positions, in ascending order, and their weights."""
        starts = [rows.start for rows in self._source.block_slices]
        in_blocks = np.split(positions, np.searchsorted(positions, starts)[1:])
        relative = [inside - start for inside, start in zip(in_blocks, starts)]
        parts = self._source.map_blocks(_take, relative, self._make_engine)
        return stacked([rows for rows in parts if rows is not None]), self._weights_at(positions)

    def _block_weights(self) -> list[NDArray[np.float64] | None]:
        """Return the weights of the rows of each block, or None for each."""
        weight = self._weight
        return [None if weight is None else weight[rows] for rows in self._source.block_slices]

    def _iterate(self, function: Callable[..., Any], argument: Any) -> Iterator[tuple[slice, Any]]:
        """Iterate over (slice of rows, result of a function for them), one block at a time."""
        scattered = _scatter(argument)
        for rows, block in zip(self._source.block_slices, self._source.blocks):
            call = _map_group(function, [block], [None], self._make_engine, scattered)
            yield rows, _compute(call)[0][0]


def _compute(*calls: Any) -> tuple[Any, ...]:
    """Return the results of delayed calls; raise RuntimeError with advice if workers die."""
    distributed = sys.modules.get("distributed")
    worker_died = distributed.scheduler.KilledWorker if distributed else ()
    try:
        results: tuple[Any, ...] = compute(*calls)
    except worker_died as error:
        raise RuntimeError(
            f"Workers of the cluster died while they worked on a block of X ({error.task}), and "
            "nothing was fitted. They may have had too little memory: use smaller blocks, or check "
            "the logs of the workers."
        ) from error
    return results


def _client() -> Any:
    """Return the client of the distributed cluster of this process, or None."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.default_client()
    except ValueError:
        return None


def _scatter(value: Any) -> Any:
    """Return a value in a form that is sent to each worker once."""
    client = _client()
    if client is None:
        return delayed(value, traverse=False)
    return client.scatter(value, broadcast=True, hash=False)


@delayed
def _map_group(
    function: Callable[..., Any], blocks: Iterable[Any], arguments: Iterable[Any], *shared: Any
) -> list[Any]:
    return [function(*pair, *shared) for pair in zip(blocks, arguments)]


@delayed
def _accumulate(
    blocks: Iterable[Any],
    weights: Iterable[Any],
    make_engine: MakeEngine,
    parameters: MixtureParameters,
    hard: bool,
) -> SufficientStatistics:
    engines = (_engine(*pair, make_engine) for pair in zip(blocks, weights))
    return reduce(add, (engine.accumulate(parameters, hard=hard) for engine in engines))


@delayed
def _add(sums: Iterable[SufficientStatistics]) -> SufficientStatistics:
    return reduce(add, sums)


# Functions for `map_blocks`. They are at the top level, since dask pickles them by name.


def _zero_rows(block: Any, rows: slice) -> NDArray[np.intp]:
    """Validate a block, and return the positions of its rows of zeros among all rows."""
    try:
        block = unmasked(block, "The block")
        assert_all_finite(block)
    except ValueError as error:
        raise ValueError(
            f"The block of X with the rows {rows.start} to {rows.stop - 1} cannot be used. {error}"
        ) from error
    used = CPUEngine(np.asarray(block)).used_rows
    zero_rows: NDArray[np.intp] = rows.start + np.setdiff1d(np.arange(len(block)), used)
    return zero_rows


def _engine(block: Any, weight: NDArray[np.float64] | None, make_engine: MakeEngine) -> Engine:
    return make_engine(np.asarray(block), sample_weight=weight)


def _used_rows(block: Any, weight: Any, make_engine: MakeEngine) -> NDArray[np.intp]:
    return _engine(block, weight, make_engine).used_rows


def _assign(
    block: Any, weight: Any, make_engine: MakeEngine, parameters: MixtureParameters
) -> Assignment:
    return _engine(block, weight, make_engine).assign(parameters)


def _take(block: Any, positions: NDArray[np.intp], make_engine: MakeEngine) -> Matrix | None:
    if len(positions) == 0:
        return None
    engine = _engine(np.asarray(block)[positions], None, make_engine)
    return engine.take(np.arange(len(positions)))[0]


def _log_joint(
    block: Any, weight: Any, make_engine: MakeEngine, parameters: MixtureParameters
) -> np.ndarray:
    parts = _engine(block, weight, make_engine).log_joint(parameters)
    return np.concatenate([part.copy() for _, part in parts])


def _cosines(block: Any, weight: Any, make_engine: MakeEngine, directions: Matrix) -> np.ndarray:
    parts = _engine(block, weight, make_engine).cosines(directions)
    return np.concatenate([part.copy() for _, part in parts])
