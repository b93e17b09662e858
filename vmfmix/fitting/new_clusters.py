"""New clusters among rows that arrive after a fit.

The rows are divided among the old clusters and many new ones, which are merged with the old ones
and with each other, the cheapest pair first, until all that are left have rows that the old
clusters do not explain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from vmfmix.distribution import (
    concentration,
    mean_resultant_length,
    mean_resultant_length_derivative,
)
from vmfmix.engines.base import Engine
from vmfmix.engines.choice import choose_engine
from vmfmix.engines.row_sums import sums_by_number
from vmfmix.fitting.novelty import Tails, p_value
from vmfmix.fitting.seeding import distinct_rows, means_from_rows
from vmfmix.fitting.start import default_n_components_init
from vmfmix.merging.pairs import groups_after, merge_components
from vmfmix.merging.path import n_after_round
from vmfmix.model import em
from vmfmix.model.matrices import inner_products, stacked
from vmfmix.model.statistics import FloatArray, MixtureParameters, SufficientStatistics

_LEVEL = 0.01  # probability of an error, divided among the tests


@dataclass(frozen=True)
class NewRows:
    """Rows among which new clusters are searched.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Unit rows.
    weights : ndarray of shape (n_rows,)
    labels : ndarray of shape (n_rows,), int
        The components of the mixture that they are assigned to.
    is_unlike : ndarray of shape (n_rows,), bool
        Whether they are in the background, or have a log density among the lowest 20% of the
        earlier rows of their component.
    n_assigned : ndarray of shape (n_components,), int
        Number of rows that were assigned to each component. More than there are rows with its
        label, if only the unlike ones are kept.
    """

    rows: Any
    weights: FloatArray
    labels: NDArray[np.integer]
    is_unlike: NDArray[np.bool_]
    n_assigned: NDArray[np.integer]

    @classmethod
    def assigned(
        cls, rows: Any, weights: FloatArray, parameters: MixtureParameters, tails: Tails
    ) -> NewRows:
        """Return rows after assigning them to the components of a mixture."""
        labels, _, densities = choose_engine(rows, sample_weight=weights).assign(parameters)
        n_assigned = np.bincount(labels, minlength=len(parameters.weights))
        return cls(rows, weights, labels, densities <= tails.thresholds[labels], n_assigned)

    @classmethod
    def joined(cls, batches: Sequence[NewRows]) -> NewRows:
        """Return the rows of several batches."""
        return cls(
            stacked([batch.rows for batch in batches]),
            np.concatenate([batch.weights for batch in batches]),
            np.concatenate([batch.labels for batch in batches]),
            np.concatenate([batch.is_unlike for batch in batches]),
            np.sum([batch.n_assigned for batch in batches], axis=0),
        )

    def selected(self, rows: NDArray[Any]) -> NewRows:
        """Return some of the rows; the number of assigned rows stays."""
        return replace(
            self,
            rows=self.rows[rows],
            weights=self.weights[rows],
            labels=self.labels[rows],
            is_unlike=self.is_unlike[rows],
        )


@dataclass(frozen=True)
class NewClusters:
    """Clusters that were found among new rows.

    Parameters
    ----------
    statistics : SufficientStatistics
        Sums over their rows.
    origins : ndarray of shape (n_clusters,), int
        Component that most rows of each cluster were assigned to.
    """

    statistics: SufficientStatistics
    origins: NDArray[np.integer]

    def selected(self, clusters: NDArray[np.bool_]) -> NewClusters | None:
        """Return some of the clusters, or None if none is left."""
        if not clusters.any():
            return None
        return NewClusters(self.statistics.selected(clusters), self.origins[clusters])


def find_new_clusters(
    new: NewRows,
    parameters: MixtureParameters,
    earlier: SufficientStatistics,
    tails: Tails,
    rng: np.random.RandomState,
    *,
    min_size: int = 1,
) -> NewClusters | None:
    """Return the clusters among new rows that no component explains.

    Each row is assigned to the nearest of the mean directions of the components and of as many new
    clusters as a fit with ``n_components="auto"`` to these rows would start from. Pairs in which a
    new cluster takes part are merged, the cheapest first, with an E step after each round of
    merges. The first partition is taken in which, for each new cluster,

    - most of its rows are unlike the components that they were assigned to;
    - the components of most of its rows have more unlike rows than before, not counting those of
      other new clusters: tests at the level of 1%, divided among all partitions and clusters;
    - there are at least `min_size` rows.

    Its new clusters are merged as long as the union of two is as concentrated as the components are
    on average, since the merges do not know how broad clusters should be.

    Copies of a row count once.

    Parameters
    ----------
    new : NewRows
    parameters : MixtureParameters
    earlier : SufficientStatistics
        Sums over the earlier rows of each component but the background.
    tails : Tails
        Earlier rows of each component.
    rng : numpy.random.RandomState
    min_size : int, default=1
        Smallest number of rows of a new cluster.

    Returns
    -------
    NewClusters or None
        None if there are none.
    """
    rows, _, first = distinct_rows(new.rows, new.weights)
    distinct = new.selected(first)
    # Copies count once, but copying all rows changes nothing.
    weights = np.full(len(first), new.weights.sum() / len(first))
    engine = choose_engine(rows, sample_weight=weights)
    earlier = earlier.selected(earlier.counts > 0)
    n_old = len(earlier.counts)
    for labels, statistics in _partitions(engine, rows, earlier, rng):
        n_new = len(statistics.counts) - n_old
        sizes = np.bincount(labels, minlength=n_old + n_new)[n_old:]
        # 6/π² Σ 1/n² = 1 for the partitions, each of which tests n clusters.
        level = _LEVEL * 6.0 / np.pi**2 / max(n_new, 1) ** 3
        if (sizes >= min_size).all() and all(
            _is_unexplained(distinct, labels, cluster, n_old, tails, level)
            for cluster in range(n_old, n_old + n_new)
        ):
            break
    if n_new == 0:
        return None
    clusters = np.where(labels >= n_old, labels - n_old, -1)
    sums = statistics.selected(slice(n_old, None)).scaled(1.0 / weights[0])
    clusters = _merged(sums, clusters, parameters)
    n_new = int(clusters.max()) + 1
    sums = sums_by_number(choose_engine(rows, sample_weight=distinct.weights), clusters, n_new)
    origins = [np.bincount(distinct.labels[clusters == each]).argmax() for each in range(n_new)]
    return NewClusters(sums, np.array(origins))


def _partitions(
    engine: Engine, rows: Any, earlier: SufficientStatistics, rng: np.random.RandomState
) -> Iterator[tuple[NDArray[np.integer], SufficientStatistics]]:
    """Divide rows among old clusters and fewer and fewer new ones.

    Yields
    ------
    labels : ndarray of shape (n_rows,), int
        Those of old clusters come first.
    statistics : SufficientStatistics
        Sums over the rows and the earlier ones. The last has no new clusters.
    """
    n_old = len(earlier.counts)
    n_init = default_n_components_init("auto", rows.shape[0])
    seeds = means_from_rows(rows, np.ones(rows.shape[0]), n_init, "k-means++", rng)
    settled = em.fit(engine, MixtureParameters.nearest(seeds), em.SETTLE).parameters.means
    means = stacked([earlier.directions, settled])
    while True:
        labels = engine.assign(MixtureParameters.nearest(means)).labels
        n_rows = np.bincount(labels, minlength=means.shape[0])
        is_left = (n_rows > 0) | (np.arange(means.shape[0]) < n_old)
        labels = (np.cumsum(is_left) - 1)[labels]
        n_new = int(is_left.sum()) - n_old
        sums = sums_by_number(engine, labels, n_old + n_new)
        statistics = sums + _padded(earlier, n_new)
        yield labels, statistics
        if n_new == 0:
            return
        merges = merge_components(statistics, n_old + n_after_round(n_new, 0), n_apart=n_old)
        means = statistics.merged(groups_after(merges, n_old + n_new)).directions


def _padded(statistics: SufficientStatistics, n_more: int) -> SufficientStatistics:
    """Return the statistics with more components, without rows, after the others."""
    nothing = statistics.resultants[:1] * 0.0
    return replace(
        statistics,
        counts=np.append(statistics.counts, np.zeros(n_more)),
        resultants=stacked([statistics.resultants, *[nothing] * n_more]),
    )


def _is_unexplained(
    new: NewRows,
    labels: NDArray[np.integer],
    cluster: int,
    n_old: int,
    tails: Tails,
    level: float,
) -> bool:
    """Return whether a new cluster fulfills the first two conditions of `find_new_clusters`.

    Parameters
    ----------
    new : NewRows
    labels : ndarray of shape (n_rows,), int
        New clusters have the numbers from `n_old`.
    cluster, n_old : int
        Rows of other new clusters do not count.
    tails : Tails
    level : float
        Of the test.
    """
    members = labels == cluster
    others = (labels >= n_old) & ~members
    if 2 * new.is_unlike[members].sum() <= members.sum():
        return False
    counts = np.bincount(new.labels[members], minlength=len(new.n_assigned))
    order = np.argsort(-counts, kind="stable")
    n_largest = 1 + int((np.cumsum(counts[order]) < 0.5 * counts.sum()).sum())
    origins = order[:n_largest]
    is_there = np.isin(new.labels, origins)
    p = p_value(
        int((new.is_unlike & is_there & ~others).sum()),
        int(new.n_assigned[origins].sum() - (is_there & others).sum()),
        int(tails.n_unlike[origins].sum()),
        int(tails.n_earlier[origins].sum()),
        tolerance=1,
    )
    return p < level


def _merged(
    sums: SufficientStatistics, labels: NDArray[np.integer], parameters: MixtureParameters
) -> NDArray[np.integer]:
    """Return labels after merging new clusters that are narrower than the old ones.

    The pair whose union is the most concentrated is merged, unless the mean resultant length of the
    union is less than the mean of those of the old clusters by more than chance: a one-sided test
    at the level of 1%, with the variance of the cosines A'(κ) of a von Mises-Fisher distribution.
    """
    own, counts, dim = parameters.own, sums.counts.copy(), parameters.means.shape[1]
    weights = parameters.weights[own]
    if weights.sum() == 0:  # all rows were in the background
        return labels
    old_lengths = mean_resultant_length(parameters.concentrations[own], dim)
    old_length = float(weights @ old_lengths / weights.sum())
    variance = mean_resultant_length_derivative(concentration(old_length, dim), dim)
    margin = float(norm.isf(_LEVEL) * np.sqrt(variance))
    products, groups = inner_products(sums.resultants, sums.resultants), np.arange(len(counts))
    while True:
        squares, n = np.diag(products), np.add.outer(counts, counts)
        squares = np.add.outer(squares, squares) + 2.0 * products
        # E ‖S‖² = n + n (n − 1) A² for n rows of mean resultant length A.
        lengths = np.sqrt(np.maximum(squares - n, 0.0) / np.maximum(n * (n - 1.0), 1.0))
        np.fill_diagonal(lengths, -np.inf)
        lengths[counts == 0] = lengths[:, counts == 0] = -np.inf
        i, j = np.unravel_index(lengths.argmax(), lengths.shape)
        if lengths[i, j] < old_length - margin / np.sqrt(n[i, j]):
            _, groups = np.unique(groups, return_inverse=True)
            return np.where(labels >= 0, groups[labels], -1)
        products[i] += products[j]
        products[:, i] += products[:, j]
        counts[i], counts[j] = counts[i] + counts[j], 0.0
        groups[groups == groups[j]] = groups[i]
