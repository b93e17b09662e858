"""The engine for rows that several processes hold, around the engine for those of this process.

Every process of a torch.distributed group calls `fit` with a `Shard` of the rows. Sums over rows
are added over all processes, and everything that is made of them is made in each: so all end with
the same model. What is said of single rows is said of those that are here.

What fails in one process is told to all, which then fail too instead of waiting for it.
"""

import math
from contextlib import contextmanager

import numpy as np
import scipy.sparse as sp
import torch
import torch.distributed as dist

from vmfmix.engines.base import Engine, SharedRowSource
from vmfmix.engines.choice import choose_engine
from vmfmix.model.matrices import as_array, stacked
from vmfmix.model.statistics import SufficientStatistics


class Shard(SharedRowSource):
    """The rows that this process holds of all the rows of a group of processes.

    Parameters
    ----------
    rows : array-like, CSR matrix, tensor or source of blocks
        What `VMFMixture.fit` takes.
    group : torch.distributed.ProcessGroup, default=None
        None: all processes.

    Raises
    ------
    RuntimeError
        If there is no process group.

    Examples
    --------
    With ``torchrun --nproc-per-node 2``, or in any group:

    >>> import torch.distributed as dist
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.engines.collective import Shard
    >>> dist.init_process_group("gloo")  # doctest: +SKIP
    >>> model = VMFMixture(random_state=0).fit(Shard(X))  # doctest: +SKIP
    """

    def __init__(self, rows, group=None):
        if not (dist.is_available() and dist.is_initialized()):
            raise RuntimeError(
                "A Shard belongs to a group of processes, and there is none; call "
                "torch.distributed.init_process_group first, or pass the rows themselves."
            )
        self.rows, self.group = rows, group
        self.shape = getattr(rows, "shape", None)  # of the rows in this process
        self.is_sparse = sp.issparse(rows) or getattr(rows, "is_sparse", False)

    def engine(self, **options):  # noqa: D102
        return CollectiveEngine(self, **options)

    @property
    def n_processes(self):
        """Of the group."""
        return dist.get_world_size(self.group)

    @property
    def rank(self):
        """Number of this process in the group."""
        return dist.get_rank(self.group)

    def validated(self, validate, has_weights=False):
        """The shard with rows that passed a check, and are of one kind in all processes."""
        with self.fail_together():
            shard = Shard(validate(self.rows), self.group)
        kinds = {
            "numbers of features": shard.shape[1],
            "kinds of rows": "sparse" if shard.is_sparse else "dense",
            "sample_weight": "given" if has_weights else "none",
        }
        for name, of_each in zip(kinds, zip(*self.gather(tuple(kinds.values())))):
            if len(set(of_each)) > 1:
                raise ValueError(
                    f"The processes of the group have different {name}: "
                    f"{', '.join(map(str, of_each))}."
                )
        return shard

    @contextmanager
    def fail_together(self):
        """Work in this process that fails everywhere if it fails anywhere."""
        try:
            yield
        except Exception as error:
            self.gather(str(error))
            raise
        self._require_none_failed(self.gather(None))

    def _require_none_failed(self, messages):
        for rank, message in enumerate(messages):
            if message is not None:
                raise RuntimeError(f"Process {rank} of the group failed: {message}")

    def gather(self, thing):
        """What each process gives, in the order of the processes."""
        things = [None] * self.n_processes
        with self._reachable():
            dist.all_gather_object(things, thing, group=self.group)
        return things

    def broadcast(self, thing):
        """What the first process gives."""
        things = [thing]
        with self._reachable():
            first = 0 if self.group is None else dist.get_global_rank(self.group, 0)
            dist.broadcast_object_list(things, first, group=self.group)
        return things[0]

    def all_reduce(self, numbers):
        """An array summed over all processes, in float64."""
        numbers = np.ascontiguousarray(numbers, np.float64)
        tensor = torch.from_numpy(numbers.copy())
        if dist.get_backend(self.group) == "nccl":
            tensor = tensor.cuda()
        with self._reachable():
            dist.all_reduce(tensor, group=self.group)
        return tensor.cpu().numpy()

    @contextmanager
    def _reachable(self):
        try:
            yield
        except (RuntimeError, ValueError) as error:
            raise RuntimeError(
                f"Process {self.rank} of the group could not reach all others, one of which may "
                f"have ended: {str(error).splitlines()[0]}"
            ) from error


class CollectiveEngine(Engine):
    """The rows of all shards; positions of rows count those with a direction and a weight.

    Parameters
    ----------
    shard : Shard
        With rows that passed `Shard.validated`.
    **options
        For the engine of the rows in this process; see `vmfmix.engines.choice.choose_engine`.
    """

    def __init__(self, shard, **options):
        self._shard = shard
        self.is_first = shard.rank == 0
        with shard.fail_together():
            self._engine = choose_engine(shard.rows, **options)
        engine = self._engine
        self.n_rows, self.n_features = engine.n_rows, engine.n_features
        self.dtype = np.result_type(*shard.gather(engine.dtype))
        used = shard.gather(engine.n_used_rows)
        self._first = sum(used[: shard.rank])
        self.n_used_rows = sum(used)
        self.n_zero_rows = sum(shard.gather(engine.n_zero_rows))

    @property
    def used_rows(self):  # noqa: D102
        return np.arange(self.n_used_rows)

    def accumulate(self, parameters, *, hard=False):  # noqa: D102
        shape = parameters.means.shape
        error, here = None, SufficientStatistics(np.zeros(shape[0]), np.zeros(shape), 0.0, 0.0)
        try:
            here = self._engine.accumulate(parameters, hard=hard)
        except Exception as caught:
            error = caught
        scalars = here.log_likelihood, here.weight, float(error is not None)
        parts = here.counts, as_array(here.resultants).ravel(), scalars
        counts, resultants, (log_likelihood, weight, n_failed) = np.split(
            self._shard.all_reduce(np.concatenate(parts)), np.cumsum([shape[0], math.prod(shape)])
        )
        if n_failed:
            self._fail(error)
        return SufficientStatistics(
            counts, resultants.reshape(shape), float(log_likelihood), float(weight)
        )

    def _fail(self, error):
        """Raise what went wrong, here or elsewhere."""
        messages = self._shard.gather(None if error is None else str(error))
        if error is not None:
            raise error
        self._shard._require_none_failed(messages)

    def assign(self, parameters):  # noqa: D102
        with self._shard.fail_together():
            return self._engine.assign(parameters)

    def log_joint(self, parameters):  # noqa: D102
        return self._engine.log_joint(parameters)

    def cosines(self, directions):  # noqa: D102
        return self._engine.cosines(directions)

    def take(self, positions):  # noqa: D102
        with self._shard.fail_together():
            here = positions - self._first
            here = here[(here >= 0) & (here < self._engine.n_used_rows)]
            found = self._engine.take(self._engine.used_rows[here]) if len(here) else None
        rows, weights = zip(*(each for each in self._shard.gather(found) if each is not None))
        return stacked(rows), np.concatenate(weights)

    def broadcast(self, value):  # noqa: D102
        return self._shard.broadcast(value)

    def all_reduce(self, numbers):  # noqa: D102
        return self._shard.all_reduce(numbers)
