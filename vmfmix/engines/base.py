"""The contract of an engine: the only object that touches rows.

An engine holds the rows, their weights and the centre taken out of them. It is asked for sums over
rows (`accumulate`), for what is said of every row (`assign`, `log_joint`, `cosines`) and for a
sample of rows. Everything else in the package works on what it returns. To add an engine, write
one file with a subclass and let `choose_engine` return it.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

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
    """

    n_rows: int
    n_features: int
    dtype: np.dtype
    n_zero_rows: int
    n_used_rows: int

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
    def sample(self, size, rng):
        """Unit rows drawn without replacement, and their weights.

        Rows of weight 0 are left out, so there may be fewer than `size`; if `size` is at least
        their number, all of them in their order.

        Returns
        -------
        rows : ndarray or CSR matrix of shape (n, n_features)
        weights : ndarray of shape (n,)
        """
