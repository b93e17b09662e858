"""The merge path: from many components to few, with an E step after each round of merges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vmfmix.engines.base import Engine
from vmfmix.merging.costs import COSTS
from vmfmix.merging.isotropy import effective_dimension
from vmfmix.merging.pairs import Merge, groups_after, merge_components
from vmfmix.model import em
from vmfmix.model.criteria import classification_log_likelihood
from vmfmix.model.matrices import inner_products
from vmfmix.model.statistics import MixtureParameters, SufficientStatistics

_KEPT_PER_ROUND = 0.87  # share of the components that are left after a round of merges

Report = Callable[[int, float], Any]


@dataclass
class Partition:
    """One point of a merge path: a hard assignment of the rows, and the merges that follow it.

    Parameters
    ----------
    statistics : SufficientStatistics
    labels : ndarray of shape (n_rows,) or None
        None if the rows were not labeled.
    merges : list of (i, j, cost)
        Merges that lead to the next partition; empty at the end of the path.
    """

    statistics: SufficientStatistics
    labels: NDArray[np.int32] | None = None
    merges: list[Merge] = field(default_factory=list)

    @property
    def n_components(self) -> int:
        """Number of components."""
        return len(self.statistics.counts)

    @property
    def row_labels(self) -> NDArray[np.int32]:
        """Labels of the rows; raises ValueError if there are none."""
        if self.labels is None:
            raise ValueError("The partition has no labels; call merge_path with label_all=True.")
        return self.labels

    def cut(self, n_components: int) -> SufficientStatistics:
        """Return the statistics after the first merges, down to `n_components`."""
        merges = self.merges[: self.n_components - n_components]
        return self.statistics.merged(groups_after(merges, self.n_components))


def merge_path(
    engine: Engine,
    rows: Any,
    means: Any,
    *,
    n_components: int = 1,
    cost: str = "likelihood",
    label_all: bool = True,
    rng: np.random.RandomState,
    report: Report | None = None,
) -> list[Partition]:
    """Merge components round by round, with an E step after each round.

    A round merges an eighth of the components; the last components merge one at a time. Each row
    is assigned to the nearest mean (spherical k-means), so that the merges depend on sizes and
    directions alone.

    Parameters
    ----------
    engine : Engine
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        The unit rows that the engine holds.
    means : ndarray or CSR array of shape (n_components_init, n_features)
        Initial mean directions, unit rows.
    n_components : int, default=1
        Number of components at the end of the path.
    cost : str, default="likelihood"
        See `vmfmix.merging.pairs.merge_components`.
    label_all : bool, default=True
        Label the rows after each round, which takes one more pass over them. False: label them only
        at the end of the path, unless the cost needs labels.
    rng : numpy.random.RandomState
        Draws the rows that the effective dimension is estimated from, if the cost needs it.
    report : callable, default=None
        Called with (n_components, log_likelihood) after each E step, where log_likelihood is the
        classification log-likelihood under one shared concentration, in nats per row. Merging
        stops when it returns True.

    Returns
    -------
    partitions : list of Partition
        With the initial number of components, and after each round.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> from vmfmix.engines.choice import choose_engine
    >>> from vmfmix.fitting.seeding import seed_means
    >>> from vmfmix.merging.path import merge_path
    >>> X, _ = make_vmf_mixture(500, n_features=8, n_components=3, random_state=0)
    >>> engine, rng = choose_engine(X), np.random.RandomState(0)
    >>> means = seed_means(engine, 20, "k-means++", rng)
    >>> partitions = merge_path(engine, X, means, n_components=3, rng=rng)
    >>> [partition.n_components for partition in partitions]
    [20, 17, 15, 13, 11, 10, 9, 8, 7, 6, 5, 4, 3]
    """
    needs_dimension = COSTS[cost].needs_dimension
    label_all |= needs_dimension
    settled = em.fit(
        engine,
        MixtureParameters.nearest(means),
        em.SETTLE,
        on_iteration=lambda _, bound, n: report is not None and report(n, bound),
    )
    means = settled.parameters.means
    if settled.stopped:
        n_components = means.shape[0]
    partition, successors = _assign_rows(engine, means, label_all)
    _report(partition, report)
    partitions = [partition]
    while partition.n_components > n_components:
        dim = effective_dimension(rows, partition.row_labels, rng) if needs_dimension else None
        partition.merges = merge_components(
            partition.statistics,
            n_after_round(partition.n_components, n_components),
            cost=cost,
            dim=dim,
        )
        groups = groups_after(partition.merges, partition.n_components)
        means = partition.statistics.merged(groups).directions
        next_partition, successors = _assign_rows(engine, means, label_all)
        partition.merges += _merges_of_empty_components(groups, successors)
        partition = next_partition
        partitions.append(partition)
        if _report(partition, report):
            break
    if partition.labels is None:
        partition.labels = _labels(engine, means, successors)
    return partitions


def max_passes(n_start: int, n_components: int) -> int:
    """Return the largest number of E steps of a merge path; fewer if components lose all rows.

    Parameters
    ----------
    n_start, n_components : int
        Number of components at the beginning and at the end of the path.

    Returns
    -------
    int

    Examples
    --------
    >>> from vmfmix.merging.path import max_passes
    >>> max_passes(20, 3)  # four before the first round, and those of `merge_path`
    17
    """
    n_passes = em.SETTLE.max_iter + 1
    while n_start > n_components:
        n_start = n_after_round(n_start, n_components)
        n_passes += 1
    return n_passes


def n_after_round(n_components: int, n_end: int) -> int:
    """Return the number of components after a round of merges."""
    return max(min(round(_KEPT_PER_ROUND * n_components), n_components - 1), n_end)


def _assign_rows(engine: Engine, means: Any, label: bool) -> tuple[Partition, NDArray[np.intp]]:
    """Assign each row to the nearest mean.

    Returns
    -------
    partition : Partition
        Of the components that have rows.
    successors : ndarray of shape (n_means,), int
        The component itself if it has rows, else the nearest one that does.
    """
    statistics = engine.accumulate(MixtureParameters.nearest(means), hard=True)
    has_rows = statistics.counts > 0
    successors = np.arange(means.shape[0])
    if not has_rows.all():
        with_rows = np.flatnonzero(has_rows)
        cosines = inner_products(means[~has_rows], means[with_rows])
        successors[~has_rows] = with_rows[cosines.argmax(axis=1)]
        statistics = statistics.selected(has_rows)
    labels = _labels(engine, means, successors) if label else None
    return Partition(statistics, labels), successors


def _labels(engine: Engine, means: Any, successors: NDArray[np.intp]) -> NDArray[np.int32]:
    """Label rows by their nearest mean.

    In an exact tie, `assign` may choose a mean to which `accumulate` assigned no rows. The rows
    then belong to its successor.
    """
    new_number = np.unique(successors, return_inverse=True)[1].astype(np.int32)
    return new_number[engine.assign(MixtureParameters.nearest(means)).labels]


def _merges_of_empty_components(
    groups: NDArray[np.intp], successors: NDArray[np.intp]
) -> list[Merge]:
    """Record components that lost all rows in the E step as merged into their successors."""
    survivors = np.unique(groups, return_index=True)[1]
    return [
        (survivors[successor], survivors[component], 0.0)
        for component, successor in enumerate(successors)
        if successor != component
    ]


def _report(partition: Partition, report: Report | None) -> bool:
    """Report the number of components and the log-likelihood per row; return whether to stop."""
    if report is None:
        return False
    statistics = partition.statistics
    counts, dim = statistics.counts, statistics.resultants.shape[1]
    log_likelihood = classification_log_likelihood(counts, statistics.lengths, dim)
    return bool(report(len(counts), log_likelihood / counts.sum()))
