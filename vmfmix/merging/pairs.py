"""Merge components pair by pair, the cheapest first.

Everything works on sufficient statistics: merging two components adds theirs.
"""

import numpy as np

from vmfmix.merging.costs import COSTS, Components, Scatter
from vmfmix.model.matrices import inner_products

_BLOCK = 128  # components whose costs are computed together


def merge_components(statistics, n_components, *, cost="likelihood", dim=None):
    """Merge components until `n_components` are left.

    "likelihood" and "icl" merge the cheapest pair of all, one after the other. "jeffreys" and
    "cosine" merge mutual nearest neighbors, the cheapest first, each component at most once before
    all costs are looked at again. Time and memory grow with the square of the number of components.

    Parameters
    ----------
    statistics : SufficientStatistics
        Of a hard assignment; every count positive.
    n_components : int
        From 1 to the number of components.
    cost : {"likelihood", "icl", "jeffreys", "cosine"}, default="likelihood"
    dim : float, default=None
        Effective dimension of the scatter within components; None or NaN: n_features.

    Returns
    -------
    merges : list of (i, j, cost)
        Component j is added to component i, in this order; numbers are those of `statistics`.

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
    function, at_most_once = COSTS[cost]
    scatter = Scatter.of(statistics, dim)
    pairs = _Pairs(statistics, function, scatter)
    merges: list = []
    while pairs.n_alive > n_components:
        if at_most_once:
            merges += pairs.merge_mutual_neighbors(pairs.n_alive - n_components)
        else:
            merges.append(pairs.merge_cheapest())
    return merges


class _Pairs:
    """Costs of all pairs, and the cheapest partner of each component."""

    def __init__(self, statistics, function, scatter):
        self._function, self._scatter = function, scatter
        self._inner = inner_products(statistics.resultants, statistics.resultants)
        self._counts = statistics.counts.copy()
        self._alive = np.ones(len(self._counts), dtype=bool)
        self._costs = self._all_costs()
        self._partner = self._costs.argmin(axis=1)
        self._cheapest = self._costs[np.arange(len(self._costs)), self._partner]

    @property
    def n_alive(self):
        return int(self._alive.sum())

    def _components(self):
        lengths = np.sqrt(np.maximum(np.diagonal(self._inner), 0.0))
        return Components(self._counts, lengths)

    def _all_costs(self):
        counts, lengths = self._components()
        costs = np.empty(self._inner.shape, np.float32)  # half the memory, and enough to compare
        for start in range(0, len(costs), _BLOCK):  # of rows; the rest is known by symmetry
            rows, rest = slice(start, start + _BLOCK), slice(start, None)
            one = Components(counts[rows, np.newaxis], lengths[rows, np.newaxis])
            other = Components(counts[rest], lengths[rest])
            block = self._function(one, other, self._inner[rows, rest], self._scatter)
            costs[rows, rest] = block
            costs[rest, rows] = block.T
        np.fill_diagonal(costs, np.inf)
        return costs

    def merge_cheapest(self):
        """Merge the cheapest pair."""
        first = int(self._cheapest.argmin())
        i, j = sorted((first, int(self._partner[first])))
        price = float(self._cheapest[first])
        self._merge(i, j)
        return i, j, price

    def merge_mutual_neighbors(self, most):
        """Merge at most so many pairs, each the cheapest partner of the other."""
        here = np.arange(len(self._partner))
        mutual = self._alive & (self._partner[self._partner] == here) & (here < self._partner)
        pairs = np.flatnonzero(mutual)
        pairs = pairs[np.argsort(self._cheapest[pairs], kind="stable")][:most]
        if len(pairs) == 0:  # partners in a circle, at the same cost
            return [self.merge_cheapest()]
        merges = [(int(i), int(self._partner[i]), float(self._cheapest[i])) for i in pairs]
        for i, j, _ in merges:
            self._merge(i, j)
        return merges

    def _merge(self, i, j):
        """Add component j to component i; only costs with the union change."""
        self._inner[i] += self._inner[j]
        self._inner[:, i] += self._inner[:, j]
        self._counts[i] += self._counts[j]
        self._alive[j] = False
        counts, lengths = self._components()
        union = Components(counts[i], lengths[i])
        row = self._function(union, Components(counts, lengths), self._inner[i], self._scatter)
        row[~self._alive] = np.inf
        row[i] = np.inf
        self._costs[i] = row
        self._costs[:, i] = row
        self._costs[:, j] = np.inf
        self._cheapest[j] = np.inf
        lost = (self._partner == i) | (self._partner == j)
        lost[i] = True
        lost = np.flatnonzero(lost & self._alive)
        self._partner[lost] = self._costs[lost].argmin(axis=1)
        self._cheapest[lost] = self._costs[lost, self._partner[lost]]
        nearer = row < self._cheapest
        self._partner[nearer] = i
        self._cheapest[nearer] = row[nearer]


def groups_after(merges, n_components):
    """New number of each component after merges, from 0 without gaps, in the old order.

    Parameters
    ----------
    merges : list of (i, j, cost)
        As `merge_components` returns them.
    n_components : int
        Number of components before.

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
