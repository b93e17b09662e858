"""Merging components: what two of them cost to merge, and which merge in a round.

All of it works on sufficient statistics; merging two components is adding theirs.
"""

from typing import NamedTuple

import numpy as np

from vmfmix import distribution
from vmfmix.dense_or_sparse import inner_products

_PSEUDO_ROWS = 2.0  # at the pooled mean resultant length, so that a single row has a finite κ
_LARGEST_LENGTH = 1.0 - 1e-12
_BLOCK = 128  # components whose costs are computed together


class Components(NamedTuple):
    """What a cost knows of some components.

    Parameters
    ----------
    counts : ndarray
        N_k.
    lengths : ndarray
        ‖S_k‖, the lengths of the resultants.
    """

    counts: np.ndarray
    lengths: np.ndarray


class Scatter(NamedTuple):
    """What a cost knows of all components together.

    Parameters
    ----------
    mean_resultant_length : float
        R̄ = Σ_k ‖S_k‖ / Σ_k N_k.
    concentration : float
        The shared one, of which R̄ is the mean resultant length.
    dim : int
        Effective dimension of the scatter within components; at most n_features.
    """

    mean_resultant_length: float
    concentration: float
    dim: int

    @classmethod
    def of(cls, statistics, dim=None):
        """Scatter of hard statistics; `dim` None: evenly in all directions."""
        pooled = min(statistics.lengths.sum() / statistics.counts.sum(), _LARGEST_LENGTH)
        n_features = statistics.resultants.shape[1]
        known = dim is not None and not np.isnan(dim)
        dim = int(np.clip(round(dim), 2, n_features)) if known else n_features
        return cls(pooled, float(distribution.concentration(pooled, dim)), dim)


def likelihood_cost(one, other, inner, scatter):
    """Loss of the classification log-likelihood under one shared concentration, in nats.

    κ (‖S_i‖ + ‖S_j‖ − ‖S_i + S_j‖): Ward's criterion [1]_ on the sphere.

    Parameters
    ----------
    one, other : Components
        Their arrays are broadcast.
    inner : ndarray
        S_i·S_j.
    scatter : Scatter

    Returns
    -------
    ndarray
        Not negative.

    References
    ----------
    .. [1] J. H. Ward (1963). Hierarchical grouping to optimize an objective function. JASA 58,
       236-244.
    """
    loss = one.lengths + other.lengths - _length_of_sum(one, other, inner)
    return scatter.concentration * np.maximum(loss, 0.0)


def icl_cost(one, other, inner, scatter):
    """Loss of the classification log-likelihood with concentrations and weights of their own.

    With ψ(r) = r κ(r) + log C(κ(r)) − log C(0) in the effective dimension, N ψ(R̄) + N log N of the
    two less that of their union, in nats [1]_. Each R̄ is taken with two pseudo-rows at the common
    one.

    Parameters
    ----------
    one, other, inner, scatter
        As for `likelihood_cost`.

    Returns
    -------
    ndarray
        Negative where the gain of one weight less outweighs the loss.

    References
    ----------
    .. [1] J.-P. Baudry, A. E. Raftery, G. Celeux, K. Lo, R. Gottardo (2010). Combining mixture
       components for clustering. JCGS 19, 332-353.
    """
    both = Components(one.counts + other.counts, _length_of_sum(one, other, inner))
    return _explained(one, scatter) + _explained(other, scatter) - _explained(both, scatter)


def _explained(components, scatter):
    counts, _ = components
    length = _shrunk(components, scatter)
    kappa = distribution.concentration(length, scatter.dim)
    return counts * (distribution.kl_from_uniform(kappa, scatter.dim) + np.log(counts))


def jeffreys_cost(one, other, inner, scatter):
    """Jeffreys divergence KL(f_i‖f_j) + KL(f_j‖f_i), in nats, in the effective dimension.

    (κ_i μ_i − κ_j μ_j)·(A_i μ_i − A_j μ_j), from E_i x = A_i μ_i. Each A is taken with two
    pseudo-rows at the common one; beyond that, sizes do not enter.

    Parameters
    ----------
    one, other, inner, scatter
        As for `likelihood_cost`.

    Returns
    -------
    ndarray
        Not negative.
    """
    a_i, a_j = _shrunk(one, scatter), _shrunk(other, scatter)
    kappa_i = distribution.concentration(a_i, scatter.dim)
    kappa_j = distribution.concentration(a_j, scatter.dim)
    cosine = _cosine(one, other, inner)
    return kappa_i * a_i + kappa_j * a_j - cosine * (kappa_i * a_j + kappa_j * a_i)


def cosine_cost(one, other, inner, scatter):
    """1 − cosine of the mean directions.

    Parameters
    ----------
    one, other, inner, scatter
        As for `likelihood_cost`.

    Returns
    -------
    ndarray
        From 0 to 2.
    """
    return 1.0 - _cosine(one, other, inner)


def _shrunk(components, scatter):
    """Mean resultant length with two pseudo-rows at the pooled one."""
    counts, lengths = components
    total = lengths + _PSEUDO_ROWS * scatter.mean_resultant_length
    return np.minimum(total / (counts + _PSEUDO_ROWS), _LARGEST_LENGTH)


def _length_of_sum(one, other, inner):
    return np.sqrt(np.maximum(one.lengths**2 + other.lengths**2 + 2.0 * inner, 0.0))


def _cosine(one, other, inner):
    product = one.lengths * other.lengths
    return np.clip(inner / np.where(product > 0, product, 1.0), -1.0, 1.0)


# Where sizes count, the cheapest pair may merge again and again. A cost that is blind to sizes
# would chain clusters together: with it each component merges at most once a round.
COSTS = {
    "likelihood": (likelihood_cost, False),
    "icl": (icl_cost, False),
    "jeffreys": (jeffreys_cost, True),
    "cosine": (cosine_cost, True),
}


def merge_components(statistics, n_components, *, cost="likelihood", dim=None):
    """Merge components until `n_components` are left.

    "likelihood" and "icl" merge the cheapest pair of all, one after the other. "jeffreys" and
    "cosine" merge mutual nearest neighbours, the cheapest first, each component at most once before
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
    >>> from vmfmix.merging import merge_components
    >>> from vmfmix.statistics import SufficientStatistics
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
            merges += pairs.merge_mutual_neighbours(pairs.n_alive - n_components)
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

    def merge_mutual_neighbours(self, most):
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
    >>> from vmfmix.merging import groups_after
    >>> groups_after([(1, 3, 0.5), (0, 2, 0.7)], 4)
    array([0, 1, 0, 1])
    """
    survivor = np.arange(n_components)
    for i, j, *_ in merges:
        survivor[survivor == j] = i
    return np.unique(survivor, return_inverse=True)[1]
