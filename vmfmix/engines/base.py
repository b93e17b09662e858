"""The contract of an engine: the only kind of object that reads the rows of X.

An engine keeps the rows, their weights and the center that is subtracted from them. The rest of the
package calls three groups of methods and works on their results:

* `Engine.accumulate` sums over all rows (one pass of EM);
* `Engine.assign`, `Engine.log_joint` and `Engine.cosines` compute numbers for every row;
* `Engine.take` and `Engine.sample` return some of the rows.

How to write an engine
----------------------
1. Write one module with a subclass of `Engine`. Set the attributes `n_rows`, `n_features`,
   `dtype` (see `working_dtype`), `n_zero_rows` and `n_used_rows` in its constructor, and implement
   the abstract methods. A pass needs memory for one block of rows times the number of components
   and for the parameters, never for all rows times the number of components.
2. Make `vmfmix.engines.choice.choose_engine` return it. If X is not an array in memory, write also
   a subclass of `RowSource`, which validates X and creates the engine, and make
   `vmfmix.engines.choice.prepare_rows` return it.
3. Add it to the fixture `case` of `tests/engines/test_every_engine.py`, which compares every engine
   with the engine for arrays and with plain NumPy.

Only `choice` decides which engine is used. An engine that wraps others, as those for blocks of rows
do, gets the function that creates them as the argument `make_engine` and must not import `choice`.
"""

import itertools
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import DTypeLike, NDArray

from vmfmix.model.statistics import MixtureParameters, SufficientStatistics

Matrix: TypeAlias = np.ndarray | sp.csr_array
ScoreBlocks: TypeAlias = Iterator[tuple[slice, np.ndarray]]
MakeEngine: TypeAlias = Callable[..., "Engine"]  # with the parameters of `choose_engine`

# Dtypes of rows that are not converted. Rows of any other dtype are converted to the first one.
DTYPES = [np.float64, np.float32, np.float16, np.int8, np.uint8]

# Smallest squared distance of a unit row to the center that is more than rounding, by dtype.
SMALLEST_SQUARED_DISTANCE = {np.dtype(np.float32): 1e-14, np.dtype(np.float64): 1e-24}

# Rounding error of log joints in nats at and above which scores are computed in float64.
_LARGEST_ROUNDING_ERROR = 2e-3


class Assignment(NamedTuple):
    """Most probable component, its probability and the log density of each row.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,), int32
        The most probable component.
    probabilities : ndarray of shape (n_rows,), float64
        Its posterior probability.
    log_densities : ndarray of shape (n_rows,), float64
        log p(x_i) with respect to surface measure, in nats.
    """

    labels: NDArray[np.int32]
    probabilities: NDArray[np.float64]
    log_densities: NDArray[np.float64]

    def selected(self, rows: Any) -> "Assignment":
        """Return the assignment of some rows, given as a mask, a slice or indices."""
        return Assignment(self.labels[rows], self.probabilities[rows], self.log_densities[rows])


class RowSource(ABC):
    """Validated rows that are not an array in memory, and the engine that reads them.

    Attributes
    ----------
    shape : tuple of (n_rows, n_features)
    is_sparse : bool
    """

    shape: Any
    is_sparse: bool

    @abstractmethod
    def engine(
        self,
        *,
        make_engine: MakeEngine,
        sample_weight: NDArray[np.float64] | None,
        center: NDArray[np.float64] | None,
        block_size: int | None,
        device: Any,
        report: Callable[..., None] | None,
    ) -> "Engine":
        """Return the engine for these rows.

        Parameters
        ----------
        make_engine : callable
            Creates the engine for the rows of one block or process, with the parameters of
            `vmfmix.engines.choice.choose_engine`.
        sample_weight, center, block_size, device, report
            See `vmfmix.engines.choice.choose_engine`.

        Returns
        -------
        Engine
        """


class SharedRowSource(RowSource):
    """The rows of one process, where several processes fit one mixture to all of their rows.

    Attributes
    ----------
    rows : object
        The rows of this process, as the caller passed them.
    """

    rows: Any

    @abstractmethod
    def validated(
        self, validate: Callable[[Any], Any], has_weights: bool = False
    ) -> "SharedRowSource":
        """Return a source with rows that are validated, and of the same kind, in all processes.

        Parameters
        ----------
        validate : callable
            Returns the validated rows of a process, or raises an error.
        has_weights : bool, default=False
            Whether this process has a `sample_weight`; all processes must agree.

        Returns
        -------
        SharedRowSource
        """

    @abstractmethod
    def fail_together(self) -> AbstractContextManager[None]:
        """Return a context whose body fails in all processes if it fails in one."""

    @abstractmethod
    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, in the order of the processes."""

    @abstractmethod
    def all_reduce(self, array: Any) -> np.ndarray:
        """Return the sum of the arrays of all processes."""


class Engine(ABC):
    """The rows that a mixture is fitted to, and the computations that read them.

    Rows are treated as directions: each is divided by its length. If a `center` c is given, it is
    subtracted from the unit rows, which are then scaled to unit length again,
    x̂ ↦ (x̂ − c) / ‖x̂ − c‖. A row of zeros has no direction: its weight in all sums and its cosine
    with every mean are 0. An engine may keep results of one pass for the next, so that only one
    thread at a time may use it.

    Attributes
    ----------
    n_rows, n_features : int
    dtype : numpy dtype
        float64 for float64 rows, float32 for all others. Scores are computed in this precision, but
        in float64 where concentrations are so high that float32 would leave an error of 2e-3 nats.
        Sums are float64.
    n_zero_rows : int
        Number of rows without a direction.
    n_used_rows : int
        Number of rows with a direction and a positive weight.
    is_first : bool
        Whether this process is the first of those that share a fit.
    """

    n_rows: int
    n_features: int
    dtype: np.dtype[Any]
    n_zero_rows: int
    n_used_rows: int
    is_first: bool = True

    @property
    @abstractmethod
    def used_rows(self) -> NDArray[np.intp]:
        """Positions of the rows with a direction and a positive weight, in ascending order."""

    @abstractmethod
    def accumulate(
        self, parameters: MixtureParameters, *, hard: bool = False
    ) -> SufficientStatistics:
        """Return the sufficient statistics of all rows under a mixture, in one pass.

        Parameters
        ----------
        parameters : MixtureParameters
        hard : bool, default=False
            Whether each row counts for its most probable component only, rather than for every
            component in proportion to its responsibilities.

        Returns
        -------
        SufficientStatistics
        """

    @abstractmethod
    def assign(self, parameters: MixtureParameters) -> Assignment:
        """Return the most probable component of every row, in the order of the rows."""

    @abstractmethod
    def log_joint(self, parameters: MixtureParameters) -> ScoreBlocks:
        """Iterate over (slice of rows, log π_k f_k(x_i) − log C(0) of shape (block, K)).

        A block is valid until the next one is requested: engines may reuse its memory.
        """

    @abstractmethod
    def cosines(self, directions: Matrix) -> ScoreBlocks:
        """Iterate over (slice of rows, x_i·m_k of shape (block, K)) for unit rows m_k.

        A block is valid until the next one is requested: engines may reuse its memory.
        """

    @abstractmethod
    def take(self, positions: NDArray[np.intp]) -> tuple[Matrix, NDArray[np.float64]]:
        """Return the unit rows at some positions, and their weights.

        Parameters
        ----------
        positions : ndarray of shape (n,), int
            In ascending order.

        Returns
        -------
        rows : ndarray or CSR matrix of shape (n, n_features)
        weights : ndarray of shape (n,)
        """

    def sample(self, size: int, rng: np.random.RandomState) -> tuple[Matrix, NDArray[np.float64]]:
        """Draw unit rows without replacement, and return them in their order with their weights.

        Rows of weight 0 are left out, so that there may be fewer than `size`. The same rows and
        random state give the same sample on every engine.

        Parameters
        ----------
        size : int
        rng : numpy.random.RandomState

        Returns
        -------
        rows : ndarray or CSR matrix of shape (n, n_features)
        weights : ndarray of shape (n,)
        """
        return self.take(self.draw(size, rng))

    def draw(self, size: int, rng: np.random.RandomState) -> NDArray[np.intp]:
        """Return the positions of the rows that `sample` returns.

        Parameters
        ----------
        size, rng
            See `sample`.

        Returns
        -------
        ndarray of shape (n,)
            In ascending order.
        """
        positions = self.used_rows
        if size < len(positions):
            positions = np.sort(rng.choice(positions, size, replace=False))
        return positions

    def broadcast(self, value: Any) -> Any:
        """Return the value of the first of the processes that share a fit."""
        return value

    def all_reduce(self, array: Any) -> Any:
        """Return the sum of an array over all processes that share a fit."""
        return array


def is_dask(X: Any) -> bool:
    """Return whether X is a dask array, without importing dask."""
    array = sys.modules.get("dask.array")
    return array is not None and isinstance(X, array.Array)


def working_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return the precision of the scores of rows: float64 for float64 rows, else float32."""
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


def needs_float64(dtype: np.dtype[Any], largest_shift: float, concentrations: np.ndarray) -> bool:
    """Return whether scores in a precision would leave an error of 2e-3 nats or more.

    κ x·μ and log C(κ) nearly cancel, and so do a row and a center close to it. What remains of the
    rounding of the products, in nats, is at most the relative rounding times κ times the factor by
    which the difference between row and center is scaled up.

    Parameters
    ----------
    dtype : numpy dtype
    largest_shift : float
        max(1 / ‖x̂_i − c‖, 1) over the rows; 1 without a center.
    concentrations : ndarray of shape (n_components,)

    Returns
    -------
    bool

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.engines.base import needs_float64
    >>> [needs_float64(np.dtype(np.float32), 1.0, np.array([kappa])) for kappa in (1e4, 1e5)]
    [False, True]
    """
    magnification = largest_shift * concentrations.max(initial=0.0)
    return bool(np.finfo(dtype).eps * magnification >= _LARGEST_ROUNDING_ERROR)


def row_blocks(bounds: tuple[int, int], size: int) -> list[slice]:
    """Return slices of at most `size` rows between two bounds, of about equal length.

    Examples
    --------
    >>> from vmfmix.engines.base import row_blocks
    >>> row_blocks((0, 10), 4)
    [slice(0, 3, None), slice(3, 6, None), slice(6, 10, None)]
    """
    start, stop = bounds
    n_blocks = max(-(-(stop - start) // size), 1)
    edges = [start + (stop - start) * block // n_blocks for block in range(n_blocks + 1)]
    return [slice(*edge) for edge in itertools.pairwise(edges)]
