"""The engine for dask arrays: each block is worked on where it lies, and sums are added on the way.

dask decides where: in threads of this process, or on the workers of a distributed cluster, which
get the mixture once for each pass and give back sums of the size of the components.
"""

import sys
from functools import reduce
from itertools import pairwise
from operator import add

import dask
import numpy as np
from sklearn.utils import assert_all_finite

from vmfmix.engines.base import DTYPES, Assignment, Engine, RowSource
from vmfmix.engines.choice import choose_engine
from vmfmix.model.matrices import stacked

_BRANCHES = 8  # sums that are added together


class DaskSource(RowSource):
    """A dask array that was looked through once, in blocks of whole rows.

    Parameters
    ----------
    X : dask.array.Array of shape (n_rows, n_features)

    Attributes
    ----------
    shape : tuple of (n_rows, n_features)
    dtype : numpy dtype
    without_direction : ndarray
        Positions of the rows of zeros.

    Raises
    ------
    ValueError
        Naming the block, if one holds NaN or infinity; if the array has another number of
        dimensions, no rows, or fewer than two features.
    """

    is_sparse = False

    def __init__(self, X):
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
        self.without_direction = np.concatenate(self.of_each_block(_without_direction, self.places))

    def engine(self, *, report, **options):  # noqa: D102
        return DaskEngine(self, **options)

    @property
    def blocks(self):
        """Delayed blocks, in the order of their rows."""
        return self.array.to_delayed().ravel().tolist()

    @property
    def places(self):
        """The rows of each block."""
        ends = np.cumsum([0, *self.array.chunks[0]]).tolist()
        return [slice(*both) for both in pairwise(ends)]

    def groups(self):
        """Numbers of the blocks that are worked on one after the other.

        Blocks that workers hold are shared out to the threads of their workers: so nothing waits in
        a queue, from which an idle worker would take it, with a copy of the block.
        """
        alone = [[number] for number in range(len(self.places))]
        client = _client()
        if client is None:
            return alone
        keys = [row[0] for row in self.array.__dask_keys__()]
        holders, threads = client.who_has(self.array), client.nthreads()
        held: dict = {}
        for number, key in enumerate(keys):
            address = next(iter(holders.get(key, ())), None)
            if address not in threads:
                return alone
            held.setdefault(address, []).append(number)
        shares = (
            numbers[first :: threads[address]]
            for address, numbers in held.items()
            for first in range(threads[address])
        )
        return [share for share in shares if share]

    def of_each_block(self, function, given, *shared):
        """What `function(block, what is given for it, *shared)` says of each block, in order."""
        blocks, groups = self.blocks, self.groups()
        found = computed(
            *(
                _one_by_one(
                    function, [blocks[i] for i in group], [given[i] for i in group], *shared
                )
                for group in groups
            )
        )
        of_each = {i: one for group, part in zip(groups, found) for i, one in zip(group, part)}
        return [of_each[i] for i in range(len(blocks))]


class DaskEngine(Engine):
    """Rows of a dask array.

    Parameters
    ----------
    rows : DaskSource
    sample_weight, center, block_size, device
        See `vmfmix.engines.choice.choose_engine`.
    """

    def __init__(self, rows, *, sample_weight=None, center=None, block_size=None, device=None):
        self._rows, self._weight = rows, sample_weight
        self.n_rows, self.n_features = rows.shape
        self.dtype = np.dtype(np.float64 if rows.dtype == np.float64 else np.float32)
        options = {"center": center, "block_size": block_size, "device": device}
        self._options = _shared(options)
        directed = np.ones(self.n_rows, bool)
        directed[rows.without_direction] = False
        if center is not None:
            found = rows.of_each_block(_used_rows, self._weights(weighted=False), self._options)
            for place, used in zip(rows.places, found):
                directed[place] = False
                directed[place.start + used] = True
        self._is_used = directed if sample_weight is None else directed & (sample_weight > 0)
        self.n_used_rows = int(self._is_used.sum())
        self.n_zero_rows = int(self.n_rows - directed.sum())

    @property
    def used_rows(self):  # noqa: D102
        return np.flatnonzero(self._is_used)

    def accumulate(self, parameters, *, hard=False):  # noqa: D102
        shared = _shared(parameters)
        blocks, weights = self._rows.blocks, self._weights()
        sums = [
            _sums(
                [blocks[i] for i in group], [weights[i] for i in group], self._options, shared, hard
            )
            for group in self._rows.groups()
        ]
        while len(sums) > 1:
            sums = [_added(sums[i : i + _BRANCHES]) for i in range(0, len(sums), _BRANCHES)]
        return computed(*sums)[0]

    def assign(self, parameters):  # noqa: D102
        found = self._rows.of_each_block(
            _assign, self._weights(), self._options, _shared(parameters)
        )
        return Assignment(*(np.concatenate(parts) for parts in zip(*found)))

    def log_joint(self, parameters):  # noqa: D102
        return self._one_after_the_other(_log_joint, parameters)

    def cosines(self, directions):  # noqa: D102
        return self._one_after_the_other(_cosines, directions)

    def take(self, positions):  # noqa: D102
        ends = np.searchsorted(positions, [place.start for place in self._rows.places])
        places = np.split(positions, ends[1:])
        some = [each - place.start for each, place in zip(places, self._rows.places)]
        found = self._rows.of_each_block(_take, some, self._options)
        weights = np.ones(len(positions)) if self._weight is None else self._weight[positions]
        return stacked([rows for rows in found if rows is not None]), weights

    def _weights(self, weighted=True):
        """Weights of the rows of each block, or None for each."""
        weight = self._weight if weighted else None
        return [None if weight is None else weight[place] for place in self._rows.places]

    def _one_after_the_other(self, function, argument):
        """Iterate over (slice of rows, what a function gives for them), for one block at a time."""
        shared = _shared(argument)
        for place, block in zip(self._rows.places, self._rows.blocks):
            call = _one_by_one(function, [block], [None], self._options, shared)
            yield place, computed(call)[0][0]


def computed(*calls):
    """Results of delayed calls; what fails says so in one sentence."""
    distributed = sys.modules.get("distributed")
    lost = distributed.scheduler.KilledWorker if distributed else ()
    try:
        return dask.compute(*calls)
    except lost as error:
        raise RuntimeError(
            f"Workers of the cluster died while they worked on a block of X ({error.task}), and "
            "nothing was fitted. They may have had too little memory: use smaller blocks, or look "
            "at the logs of the workers."
        ) from error


def _client():
    """The client of a distributed cluster that this process works with, or None."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.default_client()
    except ValueError:
        return None


def _shared(thing):
    """Something that each worker gets once."""
    client = _client()
    if client is None:
        return dask.delayed(thing, traverse=False)
    return client.scatter(thing, broadcast=True, hash=False)


def _engine(block, weight, options):
    return choose_engine(np.asarray(block), sample_weight=weight, **options)


@dask.delayed
def _one_by_one(function, blocks, given, *shared):
    return [function(*each, *shared) for each in zip(blocks, given)]


@dask.delayed
def _sums(blocks, weights, options, parameters, hard):
    engines = (_engine(*each, options) for each in zip(blocks, weights))
    return reduce(add, (engine.accumulate(parameters, hard=hard) for engine in engines))


@dask.delayed
def _added(sums):
    return reduce(add, sums)


def _without_direction(block, place):
    rows = f"The block of X with the rows {place.start} to {place.stop - 1}"
    try:
        assert_all_finite(block)
    except ValueError as error:
        raise ValueError(f"{rows} cannot be used. {error}") from error
    directed = choose_engine(np.asarray(block)).used_rows
    return place.start + np.setdiff1d(np.arange(len(block)), directed)


def _used_rows(block, weight, options):
    return _engine(block, weight, options).used_rows


def _assign(block, weight, options, parameters):
    return _engine(block, weight, options).assign(parameters)


def _take(block, positions, options):
    if len(positions) == 0:
        return None
    engine = _engine(np.asarray(block)[positions], None, options)
    return engine.take(np.arange(len(positions)))[0]


def _log_joint(block, weight, options, parameters):
    parts = _engine(block, weight, options).log_joint(parameters)
    return np.concatenate([part.copy() for _, part in parts])


def _cosines(block, weight, options, directions):
    parts = _engine(block, weight, options).cosines(directions)
    return np.concatenate([part.copy() for _, part in parts])
