"""The merge path: from many components to few, and what is remembered of it."""

from dataclasses import dataclass, field

import numpy as np

from vmfmix.merging.isotropy import effective_dimension
from vmfmix.merging.pairs import groups_after, merge_components
from vmfmix.model.matrices import inner_products
from vmfmix.model.statistics import (
    MixtureParameters,
    SufficientStatistics,
    classification_log_likelihood,
)

_FIRST_STEPS = 5  # before anything is merged
_KEPT_IN_ROUND = 0.87  # share of the components that a round of merges leaves


@dataclass
class Partition:
    """A place on a merge path: hard statistics, the label of each row, and the merges that follow.

    Parameters
    ----------
    statistics : SufficientStatistics
    labels : ndarray of shape (n_rows,) or None
        None where nobody looks at them.
    merges : list of (i, j, cost)
        From here to the next partition; empty at the end of the path.
    """

    statistics: SufficientStatistics
    labels: np.ndarray | None = None
    merges: list = field(default_factory=list)

    @property
    def n_components(self):
        """Number of components."""
        return len(self.statistics.counts)

    def cut(self, n_components):
        """Statistics after as many of the merges as lead to `n_components`."""
        merges = self.merges[: self.n_components - n_components]
        return self.statistics.merged(groups_after(merges, self.n_components))


def merge_path(
    engine,
    rows,
    means,
    *,
    n_components=1,
    cost="likelihood",
    label_all=True,
    rng=None,
    report=None,
):
    """Merge components round by round, with an EM step after each round.

    A round merges an eighth of the components; the last few merge one by one. The steps are hard
    and give each row to the nearest mean (spherical k-means), so that what a round merges is
    decided by sizes and directions alone.

    Parameters
    ----------
    engine : Engine
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        The unit rows in the engine.
    means : ndarray or CSR array of shape (n_components_init, n_features)
        Where to start, unit rows.
    n_components : int, default=1
        Where to stop.
    cost : str, default="likelihood"
        See `vmfmix.merging.pairs.merge_components`.
    label_all : bool, default=True
        Label the rows after each round, which is one more pass; False: only where the cost asks
        for it, and at the end of the path.
    rng : numpy.random.RandomState, default=None
        Draws rows from which all costs but "likelihood" learn the effective dimension.
    report : callable, default=None
        Called with (n_components, log_likelihood) after each step; the second is the classification
        log-likelihood under one shared concentration, in nats per row. Merging stops where it
        is when this returns True.

    Returns
    -------
    partitions : list of Partition
        With the starting number of components, and after each round.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> from vmfmix.engines.choice import choose_engine
    >>> from vmfmix.merging.path import merge_path
    >>> from vmfmix.fitting.seeding import seed_means
    >>> X, _ = make_vmf_mixture(500, n_features=8, n_components=3, random_state=0)
    >>> engine, rng = choose_engine(X), np.random.RandomState(0)
    >>> means = seed_means(engine, 20, "k-means++", rng)
    >>> partitions = merge_path(engine, X, means, n_components=3)
    >>> [partition.n_components for partition in partitions]
    [20, 17, 15, 13, 11, 10, 9, 8, 7, 6, 5, 4, 3]
    """

    def tell(statistics):
        if report is None:
            return False
        counts, dim = statistics.counts, statistics.resultants.shape[1]
        log_likelihood = classification_log_likelihood(counts, statistics.lengths, dim)
        return report(len(counts), log_likelihood / counts.sum())

    for _ in range(_FIRST_STEPS - 1):
        statistics = engine.accumulate(MixtureParameters.nearest(means), hard=True)
        statistics = statistics.selected(statistics.counts > 0)
        means = statistics.directions
        if tell(statistics):
            n_components = means.shape[0]
            break
    label_all |= cost != "likelihood"  # which needs no effective dimension
    partition, heirs = _partition(engine, means)
    partition.labels = _labels(engine, means, heirs) if label_all else None
    tell(partition.statistics)
    partitions = [partition]
    while partition.n_components > n_components:
        one_round = min(round(_KEPT_IN_ROUND * partition.n_components), partition.n_components - 1)
        partition.merges = merge_components(
            partition.statistics,
            max(one_round, n_components),
            cost=cost,
            dim=None if cost == "likelihood" else effective_dimension(rows, partition.labels, rng),
        )
        groups = groups_after(partition.merges, partition.n_components)
        survivors = np.unique(groups, return_index=True)[1]
        means = partition.statistics.merged(groups).directions
        after, heirs = _partition(engine, means)
        after.labels = _labels(engine, means, heirs) if label_all else None
        partition.merges += [
            (survivors[i], survivors[j], 0.0) for j, i in enumerate(heirs) if i != j
        ]
        partition = after
        partitions.append(partition)
        if tell(partition.statistics):
            break
    if partition.labels is None:
        partition.labels = _labels(engine, means, heirs)
    return partitions


def _partition(engine, means):
    """Sums of the rows by nearest mean, and the heir of each component: itself if it has rows."""
    statistics = engine.accumulate(MixtureParameters.nearest(means), hard=True)
    owns = statistics.counts > 0
    heirs = np.arange(means.shape[0])
    if not owns.all():
        owners = np.flatnonzero(owns)
        cosines = inner_products(means[~owns], means[owners])
        heirs[~owns] = owners[cosines.argmax(axis=1)]
        statistics = statistics.selected(owns)
    return Partition(statistics), heirs


def _labels(engine, means, heirs):
    """Rows by their nearest mean; in an exact tie that may be one which has no rows in the sums."""
    names = np.unique(heirs, return_inverse=True)[1].astype(np.int32)
    return names[engine.assign(MixtureParameters.nearest(means)).labels]
