"""The contract of an engine: the only object that touches rows.

An engine holds the rows, their weights and the center taken out of them. It is asked for sums over
rows (`accumulate`), for what is said of every row (`assign`, `log_joint`, `cosines`) and for some
of the rows (`take`, `sample`). Everything else in the package works on what it returns. To add an
engine, write one file with a subclass and let `choose_engine` return it.
"""

import itertools
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

# Types of rows that are used as they are; what is none of these becomes float64, the first.
DTYPES = [np.float64, np.float32, np.float16, np.int8, np.uint8]

# Squared distance of a unit row to the center, below which it is rounding, by precision.
NO_DIRECTION = {np.dtype(np.float32): 1e-14, np.dtype(np.float64): 1e-24}

MOST_ROUNDING = 2e-3  # nats, from which on a pass over float32 rows is made in float64


class Assignment(NamedTuple):
    """What a mixture says of each row.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,), int32
        The most probable component.
    probabilities : ndarray of shape (n_rows,), float64
        Its posterior probability.
    log_densities : ndarray of shape (n_rows,), float64
        log p(x_i) with respect to surface measure, in nats.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    log_densities: np.ndarray


class RowSource(ABC):
    """Rows that are no array in memory: they were checked, and know the engine that reads them.

    Attributes
    ----------
    shape : tuple of (n_rows, n_features)
    is_sparse : bool
    """

    shape: Any
    is_sparse: bool

    @abstractmethod
    def engine(self, *, sample_weight, center, block_size, device, report):
        """The engine for them; see `vmfmix.engines.choice.choose_engine`."""


class SharedRowSource(RowSource):
    """Those rows that one of several processes holds, which fit one mixture to all of them.

    Attributes
    ----------
    rows : object
        As they were given.
    """

    rows: Any

    @abstractmethod
    def validated(self, validate, has_weights=False):
        """The same with rows that passed a check in every process, and are alike in all."""

    @abstractmethod
    def fail_together(self):
        """Context for work that fails in all processes if it fails in one."""

    @abstractmethod
    def gather(self, thing):
        """What each process gives, in the order of the processes."""

    @abstractmethod
    def all_reduce(self, numbers):
        """An array summed over all processes."""


class Engine(ABC):
    """Rows that a mixture can be fitted to.

    Rows are taken as directions: each is divided by its length, after `center` was subtracted from
    its unit vector if one is given, x̂ ↦ (x̂ − c) / ‖x̂ − c‖. A row of zeros has no direction: it has
    weight 0 in all sums and cosine 0 with every mean. What an engine keeps from one pass for the
    next makes it one for one thread at a time.

    Attributes
    ----------
    n_rows, n_features : int
    dtype : numpy dtype
        float64 for float64 rows, float32 for all others. Scores are computed in it, but in float64
        where concentrations are so high that float32 would leave an error of 2e-3 nats. Sums are
        float64.
    n_zero_rows : int
        Rows without a direction.
    n_used_rows : int
        Rows with a direction and a positive weight.
    is_first : bool
        Among the processes that share a fit.
    """

    n_rows: int
    n_features: int
    dtype: np.dtype
    n_zero_rows: int
    n_used_rows: int
    is_first: bool = True

    @property
    @abstractmethod
    def used_rows(self):
        """Positions of the rows with a direction and a positive weight, in order."""

    @abstractmethod
    def accumulate(self, parameters, *, hard=False):
        """One pass over the rows: the SufficientStatistics of their responsibilities."""

    @abstractmethod
    def assign(self, parameters):
        """The Assignment of every row, in the order of the rows."""

    @abstractmethod
    def log_joint(self, parameters):
        """Iterate over (slice of rows, log π_k f_k(x_i) − log C(0) of shape (block, K))."""

    @abstractmethod
    def cosines(self, directions):
        """Iterate over (slice of rows, x_i·m_k of shape (block, K)) for unit rows m_k."""

    @abstractmethod
    def take(self, positions):
        """Unit rows at these positions, which are in order, and their weights.

        Returns
        -------
        rows : ndarray or CSR matrix of shape (n, n_features)
        weights : ndarray of shape (n,)
        """

    def sample(self, size, rng):
        """Unit rows drawn without replacement, in their order, and their weights; see `take`.

        Rows of weight 0 are left out, so there may be fewer than `size`. Engines with the same rows
        draw the same.
        """
        candidates = self.used_rows
        if size < len(candidates):
            candidates = np.sort(rng.choice(candidates, size, replace=False))
        return self.take(candidates)

    def broadcast(self, value):
        """The same thing for all processes that share a fit: that of the first."""
        return value

    def all_reduce(self, numbers):
        """An array summed over all processes that share a fit."""
        return numbers


def row_blocks(bounds, size):
    """Slices of at most `size` rows between two bounds, about equally long."""
    start, stop = bounds
    n_blocks = max(-(-(stop - start) // size), 1)
    edges = [start + (stop - start) * block // n_blocks for block in range(n_blocks + 1)]
    return [slice(*edge) for edge in itertools.pairwise(edges)]
