"""New clusters among rows that are unlike the clusters of a fitted mixture.

Rows unlike a cluster are its own outermost rows and rows of new topics. A cluster that is found
among them is new only if it is nearer to its rows than the old clusters are, and if it has more
rows than the old cluster would scatter to the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm

from vmfmix.distribution import (
    concentration,
    mean_resultant_length,
    mean_resultant_length_derivative,
)
from vmfmix.distribution.sampling import sample_one_minus_cosine
from vmfmix.engines.base import Engine
from vmfmix.engines.choice import choose_engine
from vmfmix.engines.row_sums import sums_by_number
from vmfmix.fitting.novelty import p_value
from vmfmix.fitting.seeding import distinct_rows
from vmfmix.model.matrices import inner_products, row_lengths, row_products, stacked
from vmfmix.model.statistics import FloatArray, MixtureParameters, SufficientStatistics

_LEVEL = 0.01  # probability of an error of each test, divided among the clusters
_N_DRAWS = 4000  # from an old component, to compare a new cluster with

Search: TypeAlias = Callable[[Any, FloatArray], NDArray[np.integer]]
"""Rows and their weights to the labels of a clustering, -1 for rows without a cluster."""


@dataclass(frozen=True)
class UnlikeRows:
    """Rows that are unlike the components that they are assigned to.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Unit rows.
    weights : ndarray of shape (n_rows,)
    labels : ndarray of shape (n_rows,), int
        Their components.
    n_assigned : ndarray of shape (n_components,), int
        Number of rows of each component, whether unlike it or not.
    """

    rows: Any
    weights: FloatArray
    labels: NDArray[np.integer]
    n_assigned: NDArray[np.integer]

    @classmethod
    def of(
        cls,
        engine: Engine,
        positions: NDArray[np.intp],
        labels: NDArray[np.integer],
        is_unlike: NDArray[np.bool_],
        n_components: int,
    ) -> UnlikeRows:
        """Return the unlike ones of some rows of an engine.

        Parameters
        ----------
        engine : Engine
        positions : ndarray of shape (n_rows,), int
            Of the rows in the engine, in ascending order.
        labels, is_unlike : ndarray of shape (n_rows,)
            Their components, and whether they are unlike them.
        n_components : int
        """
        rows, weights = engine.take(positions[is_unlike])
        n_assigned = np.bincount(labels, minlength=n_components)
        return cls(rows, weights, labels[is_unlike], n_assigned)

    @classmethod
    def joined(cls, batches: Sequence[UnlikeRows]) -> UnlikeRows:
        """Return the rows of several batches."""
        return cls(
            stacked([batch.rows for batch in batches]),
            np.concatenate([batch.weights for batch in batches]),
            np.concatenate([batch.labels for batch in batches]),
            np.sum([batch.n_assigned for batch in batches], axis=0),
        )


@dataclass(frozen=True)
class NewClusters:
    """Clusters that were found among unlike rows.

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
    unlike: UnlikeRows,
    parameters: MixtureParameters,
    search: Search,
    rng: np.random.Generator,
    excess: FloatArray | None = None,
) -> NewClusters | None:
    """Return the clusters among unlike rows that no component explains.

    A cluster of the search is new if

    - most of its rows are nearer to its mean direction, from which the row itself is left out, than
      to the mean direction of any component: a sign test;
    - the component that most of its rows were assigned to would scatter fewer rows so near to this
      mean direction, compared with draws from the component;
    - this component has more unlike rows than it had before, if `excess` is given.

    Each is tested at the level of 1%, divided among the clusters of the search. Copies of a row
    count once. New clusters are merged as long as their union is as concentrated as the components
    are on average, since the search does not know how broad clusters should be.

    Parameters
    ----------
    unlike : UnlikeRows
    parameters : MixtureParameters
    search : callable
        Clusters the rows.
    rng : numpy.random.Generator
    excess : ndarray of shape (n_components,), default=None
        P-value of the number of unlike rows of each component.

    Returns
    -------
    NewClusters or None
        None if there are none.
    """
    if len(unlike.weights) == 0:
        return None
    rows, weights, positions = distinct_rows(unlike.rows, unlike.weights)
    labels, components = search(rows, weights), unlike.labels[positions]
    labels = _accepted(rows, labels, components, unlike.n_assigned, parameters, rng, excess)
    if not (labels >= 0).any():
        return None
    labels = _merged(_sums_by_label(rows, np.ones(len(labels)), labels), labels, parameters)
    sums = _sums_by_label(rows, weights, labels)
    origins = [_most_frequent(components[labels == each]) for each in range(len(sums.counts))]
    return NewClusters(sums, np.array(origins))


def _accepted(
    rows: Any,
    labels: NDArray[np.integer],
    components: NDArray[np.integer],
    n_assigned: NDArray[np.integer],
    parameters: MixtureParameters,
    rng: np.random.Generator,
    excess: FloatArray | None,
) -> NDArray[np.integer]:
    """Return the labels of clusters that pass the tests, without gaps, and -1 for other rows."""
    sums = _sums_by_label(rows, np.ones(len(labels)), labels)
    own = _left_out_cosines(rows, labels, sums)
    is_nearer = own > _largest_cosines(rows, parameters.means[parameters.own])
    level = _LEVEL / max(len(sums.counts), 1)
    accepted, n_accepted = np.full_like(labels, -1), 0
    for cluster in range(len(sums.counts)):
        members = np.flatnonzero(labels == cluster)
        if len(members) == 0:
            continue
        origin = _most_frequent(components[members])
        if excess is not None and excess[origin] >= level:
            continue
        if binom.sf(is_nearer[members].sum() - 1, len(members), 0.5) >= level:
            continue
        cosines = np.sort(own[members[components[members] == origin]])[::-1]
        n_near = -(-len(cosines) // 2)
        mean, direction = parameters.means[[origin]], sums.directions[[cluster]]
        drawn = _draw_cosines(
            float(parameters.concentrations[origin]),
            float(row_products(direction, mean)[0]),
            direction.shape[1],
            rng,
        )
        n_drawn = int((drawn >= cosines[n_near - 1]).sum())
        p = p_value(n_near, int(n_assigned[origin]), n_drawn, _N_DRAWS, tolerance=1)
        if p < level:
            accepted[members] = n_accepted
            n_accepted += 1
    return accepted


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


def _most_frequent(components: NDArray[np.integer]) -> int:
    return int(np.bincount(components).argmax())


def _sums_by_label(
    rows: Any, weights: FloatArray, labels: NDArray[np.integer]
) -> SufficientStatistics:
    """Return the sums of the rows with each label; rows with a negative label do not count."""
    engine = choose_engine(rows, sample_weight=weights)
    return sums_by_number(engine, labels, int(labels.max(initial=-1)) + 1)


def _left_out_cosines(
    rows: Any, labels: NDArray[np.integer], sums: SufficientStatistics
) -> FloatArray:
    """Return the cosine of each row with the sum of the other rows with its label."""
    if len(sums.counts) == 0:
        return np.full(len(labels), -1.0)
    products = row_products(rows, sums.resultants[labels])
    squares = np.square(row_lengths(sums.resultants))[labels]
    # ‖S − x‖² = ‖S‖² − 2 S·x + 1 for the sum S of the cluster and a unit row x.
    others = np.maximum(squares - 2.0 * products + 1.0, 0.0)
    single = others < 1e-9
    cosines: FloatArray = np.where(single, -1.0, (products - 1.0) / np.sqrt(others + single))
    return cosines


def _largest_cosines(rows: Any, means: Any) -> FloatArray:
    """Return the cosine of each row with the nearest mean direction, -1 if there is none."""
    largest = np.full(rows.shape[0], -1.0)
    if means.shape[0] > 0:
        for block, cosines in choose_engine(rows).cosines(means):
            largest[block] = cosines.max(axis=1)
    return largest


def _draw_cosines(kappa: float, cosine: float, dim: int, rng: np.random.Generator) -> FloatArray:
    """Draw rows of a component, and return their cosines with a direction.

    Parameters
    ----------
    kappa : float
        Of the component.
    cosine : float
        Of its mean direction with the direction.
    dim : int
    rng : numpy.random.Generator
    """
    cosine = float(np.clip(cosine, -1.0, 1.0))
    along = sample_one_minus_cosine(kappa, dim, _N_DRAWS, rng)
    if dim == 2:
        across = rng.choice([-1.0, 1.0], _N_DRAWS)
    else:
        across = 1.0 - sample_one_minus_cosine(0.0, dim - 1, _N_DRAWS, rng)
    lengths = np.sqrt(np.maximum(along * (2.0 - along), 0.0) * (1.0 - cosine**2))
    drawn: FloatArray = (1.0 - along) * cosine + lengths * across
    return drawn
