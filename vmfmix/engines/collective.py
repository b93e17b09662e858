"""The engine for rows that are divided among processes, around the engine of each process.

Every process of a torch.distributed group calls `fit` with a `Shard` of the rows. Sums over rows
are added over all processes, and each process continues with the same sums, so that all obtain the
same model. Results for single rows are those of the rows of the process.

An error in one process is sent to all others, so that they fail, too, instead of waiting for it.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from vmfmix.engines.base import (
    Assignment,
    Engine,
    MakeEngine,
    Matrix,
    ScoreBlocks,
    SharedRowSource,
)
from vmfmix.model.matrices import as_array, stacked
from vmfmix.model.statistics import MixtureParameters, SufficientStatistics


class Shard(SharedRowSource):
    """The rows of this process, when rows are divided among a group of processes.

    Parameters
    ----------
    rows : array-like, CSR matrix, tensor or source of blocks
        Anything that `VMFMixture.fit` accepts.
    group : torch.distributed.ProcessGroup, default=None
        With None, the group of all processes.

    Raises
    ------
    RuntimeError
        If there is no process group.

    Examples
    --------
    Under ``torchrun --nproc-per-node 2``, or in any process group:

    >>> import torch.distributed as dist
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.engines.collective import Shard
    >>> dist.init_process_group("gloo")  # doctest: +SKIP
    >>> model = VMFMixture(random_state=0).fit(Shard(X))  # doctest: +SKIP
    """

    def __init__(self, rows: Any, group: dist.ProcessGroup | None = None) -> None:
        if not (dist.is_available() and dist.is_initialized()):
            raise RuntimeError(
                "A Shard belongs to a group of processes, and there is none; call "
                "torch.distributed.init_process_group first, or pass the rows themselves."
            )
        self.rows, self.group = rows, group
        self.shape = getattr(rows, "shape", None)  # of the rows in this process
        self.is_sparse = sp.issparse(rows) or getattr(rows, "is_sparse", False)

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
        """Return the engine for the rows of all processes."""
        return CollectiveEngine(
            self,
            make_engine=make_engine,
            sample_weight=sample_weight,
            center=center,
            block_size=block_size,
            device=device,
            report=report,
        )

    @property
    def n_processes(self) -> int:
        """Number of processes in the group."""
        return dist.get_world_size(self.group)

    @property
    def rank(self) -> int:
        """Number of this process in the group, from 0."""
        return dist.get_rank(self.group)

    def validated(self, validate: Callable[[Any], Any], has_weights: bool = False) -> "Shard":
        """Return a shard with rows that are validated, and of the same kind, in all processes.

        Parameters
        ----------
        validate : callable
            Returns the validated rows of a process, or raises an error.
        has_weights : bool, default=False
            Whether this process has a `sample_weight`.

        Returns
        -------
        Shard

        Raises
        ------
        ValueError
            If the processes have different numbers of features or kinds of rows, or only some have
            a `sample_weight`.
        RuntimeError
            If the validation fails in another process.
        """
        with self.fail_together():
            shard = Shard(validate(self.rows), self.group)
        kind = {
            "numbers of features": shard.shape[1],
            "kinds of rows": "sparse" if shard.is_sparse else "dense",
            "sample_weight": "given" if has_weights else "none",
        }
        for name, values in zip(kind, zip(*self.gather(tuple(kind.values())))):
            if len(set(values)) > 1:
                raise ValueError(
                    f"The processes of the group have different {name}: "
                    f"{', '.join(map(str, values))}."
                )
        return shard

    @contextmanager
    def fail_together(self) -> Iterator[None]:
        """Return a context whose body fails in all processes if it fails in one."""
        try:
            yield
        except Exception as error:
            self.gather(str(error))
            raise
        _raise_first_error(self.gather(None))

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, in the order of the processes."""
        values = [None] * self.n_processes
        with self._explained_failure():
            dist.all_gather_object(values, value, group=self.group)
        return values

    def broadcast(self, value: Any) -> Any:
        """Return the value of the first process."""
        values = [value]
        with self._explained_failure():
            first = 0 if self.group is None else dist.get_global_rank(self.group, 0)
            dist.broadcast_object_list(values, first, group=self.group)
        return values[0]

    def all_reduce(self, array: Any) -> NDArray[np.float64]:
        """Return the sum of the arrays of all processes, in float64."""
        array = np.ascontiguousarray(array, np.float64)
        tensor = torch.from_numpy(array.copy())
        if dist.get_backend(self.group) == "nccl":
            tensor = tensor.cuda()
        with self._explained_failure():
            dist.all_reduce(tensor, group=self.group)
        total: NDArray[np.float64] = tensor.cpu().numpy()
        return total

    @contextmanager
    def _explained_failure(self) -> Iterator[None]:
        """Name the process that could not reach the others if communication fails."""
        try:
            yield
        except (RuntimeError, ValueError) as error:
            raise RuntimeError(
                f"Process {self.rank} of the group could not reach all others, one of which may "
                f"have ended: {str(error).splitlines()[0]}"
            ) from error


class CollectiveEngine(Engine):
    """The rows of all shards, as the engine of one process.

    Positions count only the rows with a direction and a positive weight, those of the first process
    first. `n_rows`, `assign`, `log_joint` and `cosines` are those of the rows of this process.

    Parameters
    ----------
    shard : Shard
        From `Shard.validated`.
    make_engine : callable
        Creates the engine for the rows of this process; `vmfmix.engines.choice.choose_engine`.
    **options
        For `make_engine`.
    """

    def __init__(self, shard: Shard, *, make_engine: MakeEngine, **options: Any) -> None:
        self._shard = shard
        self.is_first = shard.rank == 0
        with shard.fail_together():
            self._engine = make_engine(shard.rows, **options)
        engine = self._engine
        self.n_rows, self.n_features = engine.n_rows, engine.n_features
        self.dtype = np.result_type(*shard.gather(engine.dtype))
        used = shard.gather(engine.n_used_rows)
        self._first_position = sum(used[: shard.rank])
        self.n_used_rows = sum(used)
        self.n_zero_rows = sum(shard.gather(engine.n_zero_rows))

    @property
    def used_rows(self) -> NDArray[np.intp]:
        """Positions of the rows with a direction and a positive weight, of all processes."""
        return np.arange(self.n_used_rows)

    def accumulate(
        self, parameters: MixtureParameters, *, hard: bool = False
    ) -> SufficientStatistics:
        """Return the sufficient statistics of the rows of all processes under a mixture."""
        shape = parameters.means.shape
        error, own = None, SufficientStatistics(np.zeros(shape[0]), np.zeros(shape), 0.0, 0.0)
        try:
            own = self._engine.accumulate(parameters, hard=hard)
        except Exception as caught:
            error = caught
        # All sums go into one message, to which a process that failed contributes as well.
        scalars = own.log_likelihood, own.weight, float(error is not None)
        parts = own.counts, as_array(own.resultants).ravel(), scalars
        counts, resultants, (log_likelihood, weight, n_failed) = np.split(
            self._shard.all_reduce(np.concatenate(parts)), np.cumsum([shape[0], math.prod(shape)])
        )
        if n_failed:
            messages = self._shard.gather(None if error is None else str(error))
            if error is not None:
                raise error
            _raise_first_error(messages)
        return SufficientStatistics(
            counts, resultants.reshape(shape), float(log_likelihood), float(weight)
        )

    def assign(self, parameters: MixtureParameters) -> Assignment:
        """Return the most probable component of every row of this process."""
        with self._shard.fail_together():
            return self._engine.assign(parameters)

    def log_joint(self, parameters: MixtureParameters) -> ScoreBlocks:
        """Iterate over (slice, log π_k f_k(x_i) − log C(0)) for the rows of this process."""
        return self._engine.log_joint(parameters)

    def cosines(self, directions: Matrix) -> ScoreBlocks:
        """Iterate over (slice of rows, x_i·m_k) for the rows of this process."""
        return self._engine.cosines(directions)

    def take(self, positions: NDArray[np.intp]) -> tuple[Matrix, NDArray[np.float64]]:
        """Return the unit rows of any process at some positions, and their weights."""
        with self._shard.fail_together():
            own = positions - self._first_position
            own = own[(own >= 0) & (own < self._engine.n_used_rows)]
            found = self._engine.take(self._engine.used_rows[own]) if len(own) else None
        parts = [part for part in self._shard.gather(found) if part is not None]
        rows, weights = zip(*parts)
        return stacked(rows), np.concatenate(weights)

    def broadcast(self, value: Any) -> Any:
        """Return the value of the first process."""
        return self._shard.broadcast(value)

    def all_reduce(self, array: Any) -> NDArray[np.float64]:
        """Return the sum of an array over all processes."""
        return self._shard.all_reduce(array)


def _raise_first_error(messages: list[str | None]) -> None:
    """Raise RuntimeError with the first of the processes' error messages that is not None."""
    for rank, message in enumerate(messages):
        if message is not None:
            raise RuntimeError(f"Process {rank} of the group failed: {message}")
