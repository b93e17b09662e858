"""Merge pairs of components, the cheapest pair first.

Everything works on sufficient statistics: merging two components adds theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vmfmix.merging.costs import COSTS, Components, MergeCost, Scatter
from vmfmix.model.matrices import inner_products
from vmfmix.model.statistics import FloatArray, SufficientStatistics

_BLOCK = 128  # components whose costs are computed together

Merge = tuple[int, int, float]
"""Component j is added to component i at this cost: (i, j, cost)."""


def merge_components(
    statistics: SufficientStatistics,
    n_components: int,
    *,
    cost: str = "likelihood",
    dim: float | None = None,
    n_apart: int = 0,
) -> list[Merge]:
    """Merge components until `n_components` are left.

    "likelihood" and "icl" merge the cheapest of all pairs, one after another. "jeffreys" and
    "cosine" merge mutual nearest neighbors, the cheapest first, and each component at most once
    before all costs are compared again. Time and memory grow with the square of the number of
    components.

    Parameters
    ----------
    statistics : SufficientStatistics
        Of a hard assignment; every count is positive.
    n_components : int
        From 1, or `n_apart` if that is more, to the number of components.
    cost : {"likelihood", "icl", "jeffreys", "cosine"}, default="likelihood"
        A key of `vmfmix.merging.costs.COSTS`.
    dim : float, default=None
        Effective dimension of the scatter within components; None or NaN: n_features.
    n_apart : int, default=0
        The first components, as many as this, are not merged with each other.

    Returns
    -------
    merges : list of (i, j, cost)
        Component j is added to component i, in this order; both are indices into `statistics`.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.merging.pairs import merge_components
    >>> from vmfmix.model.statistics import SufficientStatistics
    >>> resultants = np.array([[9.0, 0.0], [0.0, 9.0], [3.0, 8.0]])
    >>> statistics = SufficientStatistics(np.full(3, 10.0), resultants, 0.0, 30.0)
    >>> [(i, j) for i, j, _ in merge_components(statistics, 2)]
    [(1, 2)]
    """
    entry = COSTS[cost]
    pairs = _Pairs(statistics, entry, Scatter.from_statistics(statistics, dim), n_apart)
    merges: list[Merge] = []
    while pairs.n_components > n_components:
        if entry.once_per_round:
            merges += pairs.merge_mutual_neighbors(pairs.n_components - n_components)
        else:
            merges.append(pairs.merge_cheapest())
    return merges


def costs_of_merging(
    statistics: SufficientStatistics,
    component: int,
    *,
    cost: str = "likelihood",
    dim: float | None = None,
) -> FloatArray:
    """Compute the costs of merging one component with each of the others.

    Parameters
    ----------
    statistics : SufficientStatistics
        Of a hard assignment.
    component : int
    cost, dim
        See `merge_components`.

    Returns
    -------
    ndarray of shape (n_components,)
        Infinite for the component itself, and where the cost is not defined since a component has
        no weight.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.merging.pairs import costs_of_merging
    >>> from vmfmix.model.statistics import SufficientStatistics
    >>> resultants = np.array([[9.0, 0.0], [0.0, 9.0], [3.0, 8.0]])
    >>> statistics = SufficientStatistics(np.full(3, 10.0), resultants, 0.0, 30.0)
    >>> int(costs_of_merging(statistics, 1).argmin())
    2
    """
    counts, lengths = statistics.counts, statistics.lengths
    one = Components(counts[component], lengths[component])
    inner = inner_products(statistics.resultants, statistics.resultants[[component]])[:, 0]
    scatter = Scatter.from_statistics(statistics, dim)
    with np.errstate(divide="ignore", invalid="ignore"):
        costs = COSTS[cost].function(one, Components(counts, lengths), inner, scatter)
    costs = np.where(np.isnan(costs), np.inf, costs)
    costs[component] = np.inf
    return costs


class _Pairs:
    """Costs of all pairs, and the cheapest partner of each component."""

    def __init__(
        self,
        statistics: SufficientStatistics,
        cost: MergeCost,
        scatter: Scatter,
        n_apart: int = 0,
    ) -> None:
        self._cost, self._scatter, self._n_apart = cost.function, scatter, n_apart
        self._inner = inner_products(statistics.resultants, statistics.resultants)
        self._counts = statistics.counts.copy()
        self._exists = np.ones(len(self._counts), dtype=bool)
        self._costs = self._all_costs()
        self._partner = self._costs.argmin(axis=1)
        self._cheapest = self._costs[np.arange(len(self._costs)), self._partner]

    @property
    def n_components(self) -> int:
        return int(self._exists.sum())

    def _components(self) -> Components:
        lengths = np.sqrt(np.maximum(np.diagonal(self._inner), 0.0))
        return Components(self._counts, lengths)

    def _all_costs(self) -> NDArray[np.float32]:
        counts, lengths = self._components()
        # float32 takes half the memory and is precise enough for comparisons.
        costs = np.empty(self._inner.shape, np.float32)
        for start in range(0, len(costs), _BLOCK):  # the other half follows by symmetry
            rows, rest = slice(start, start + _BLOCK), slice(start, None)
            first = Components(counts[rows, np.newaxis], lengths[rows, np.newaxis])
            second = Components(counts[rest], lengths[rest])
            block = self._cost(first, second, self._inner[rows, rest], self._scatter)
            costs[rows, rest] = block
            costs[rest, rows] = block.T
        np.fill_diagonal(costs, np.inf)
        costs[: self._n_apart, : self._n_apart] = np.inf
        return costs

    def merge_cheapest(self) -> Merge:
        """Merge the cheapest pair."""
        first = int(self._cheapest.argmin())
        i, j = sorted((first, int(self._partner[first])))
        cost = float(self._cheapest[first])
        self._merge(i, j)
        return i, j, cost

    def merge_mutual_neighbors(self, max_merges: int) -> list[Merge]:
        """Merge pairs of components that are each other's cheapest partner, cheapest first."""
        positions = np.arange(len(self._partner))
        is_mutual = self._partner[self._partner] == positions
        may_merge = self._exists & np.isfinite(self._cheapest)
        mutual = np.flatnonzero(may_merge & is_mutual & (positions < self._partner))
        mutual = mutual[np.argsort(self._cheapest[mutual], kind="stable")][:max_merges]
        if len(mutual) == 0:  # equal costs can make a cycle of partners
            return [self.merge_cheapest()]
        merges = [(int(i), int(self._partner[i]), float(self._cheapest[i])) for i in mutual]
        for i, j, _ in merges:
            self._merge(i, j)
        return merges

    def _merge(self, i: int, j: int) -> None:
        """Add component j to component i, and update the costs that involve either."""
        add_row_and_column(self._inner, i, j)
        self._counts[i] += self._counts[j]
        self._exists[j] = False
        counts, lengths = self._components()
        union = Components(counts[i], lengths[i])
        costs = self._cost(union, Components(counts, lengths), self._inner[i], self._scatter)
        costs[~self._exists] = np.inf
        costs[i] = np.inf
        if i < self._n_apart:  # the lower of the two numbers, which the union keeps
            costs[: self._n_apart] = np.inf
        self._costs[i] = costs
        self._costs[:, i] = costs
        self._costs[:, j] = np.inf
        self._cheapest[j] = np.inf
        outdated = (self._partner == i) | (self._partner == j)
        outdated[i] = True
        outdated = np.flatnonzero(outdated & self._exists)
        self._partner[outdated] = self._costs[outdated].argmin(axis=1)
        self._cheapest[outdated] = self._costs[outdated, self._partner[outdated]]
        cheaper = costs < self._cheapest
        self._partner[cheaper] = i
        self._cheapest[cheaper] = costs[cheaper]


def add_row_and_column(matrix: FloatArray, i: int, j: int) -> None:
    """Add row and column j of a symmetric matrix of pairs to row and column i, in place."""
    matrix[i] += matrix[j]
    matrix[:, i] += matrix[:, j]


def groups_after(merges: Sequence[Any], n_components: int) -> NDArray[np.intp]:
    """Return the new number of each component after merges, without gaps and in the old order.

    Parameters
    ----------
    merges : list of (i, j, cost)
        As returned by `merge_components`.
    n_components : int
        Number of components before the merges.

    Returns
    -------
    ndarray of shape (n_components,), int

    Examples
    --------
    >>> from vmfmix.merging.pairs import groups_after
    >>> groups_after([(1, 3, 0.5), (0, 2, 0.7)], 4)
    array([0, 1, 0, 1])
    """
    survivor = np.arange(n_components)
    for i, j, *_ in merges:
        survivor[survivor == j] = i
    return np.unique(survivor, return_inverse=True)[1]
