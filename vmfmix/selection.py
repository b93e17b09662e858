"""Which number of components on a merge path is kept.

Every rule gives each number on the path a score, greater is better, and the best one is kept. None
has a knob. `automatic` is the default.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.neighbors import NearestNeighbors

from vmfmix.isotropy import isotropy
from vmfmix.statistics import classification_log_likelihood, maximize

_NEIGHBOURS = 15
_ROWS_PER_NEIGHBOUR = 20  # or more: among few rows, 15 neighbours lie in several clusters
_STEPS = 6  # of the walk in `persistence`
_BY_CHANCE = 0.08  # persistence that a single cluster reaches when it is cut
_EVEN = 0.75  # isotropy from which on clusters scatter as the model says
_AGREEMENT = 0.95


class Paths(NamedTuple):
    """What a rule may look at.

    Parameters
    ----------
    partitions : list of list of Partition
        Merge paths down to one component; the first is the one to choose on, others began with
        other seeds ("stability" alone needs them).
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Distinct unit rows.
    engine : Engine
        With these rows.
    rng : numpy.random.RandomState
    """

    partitions: list
    rows: Any
    engine: Any
    rng: np.random.RandomState


def choose(paths, selection):
    """Number of components to keep.

    Parameters
    ----------
    paths : Paths
    selection : str or callable
        A key of `RULES`, or a function of (rows, labels) whose greatest value wins, as
        `sklearn.metrics.silhouette_score`; it is not asked about a single cluster.

    Returns
    -------
    n_components : int
    scores : dict
        {number of components: score} of all numbers that were compared, in descending order.
    """
    if paths.partitions[0][0].n_components == 1:
        return 1, {1: 0.0}
    scores = RULES[selection](paths) if isinstance(selection, str) else asked(paths, selection)
    scores = dict(sorted(scores.items(), reverse=True))
    return min(scores, key=lambda number: (-scores[number], number)), scores


def automatic(paths):
    """The default: ICL where rows scatter as the model says, otherwise persistence.

    ICL in all dimensions is an upper bound: it says 1 for a single von Mises-Fisher cluster, and on
    real embeddings, whose clusters scatter in far fewer directions than the model believes, several
    times too many. Where that many clusters scatter in hardly fewer directions than there are, the
    model is right, and ICL with it. Elsewhere `persistence` chooses among the numbers below; where
    it is no better than for a single cluster that is cut, 1 is kept.
    """
    partitions = paths.partitions[0]
    likely = icl(paths)
    most = max(likely, key=likely.get)
    if most == 1:
        return likely
    there = [each for each in partitions if each.n_components >= most][-1]
    if isotropy(paths.rows, there.labels, paths.rng) >= _EVEN:
        return likely
    scores = {k: score for k, score in _persistence_of(paths).items() if k <= most}
    scores[1] = _BY_CHANCE
    return scores


def icl(paths):
    """Integrated classification likelihood per row [1]_, under one shared concentration.

    References
    ----------
    .. [1] C. Biernacki, G. Celeux, G. Govaert (2000). Assessing a mixture model for clustering with
       the integrated completed likelihood. IEEE TPAMI 22 (7), 719-725.
    """
    scores = {}
    for partition in paths.partitions[0]:
        counts = partition.statistics.counts.copy()
        resultants = partition.statistics.resultants.copy()
        lengths = np.linalg.norm(resultants, axis=1)
        number = partition.n_components
        scores[number] = _icl(counts, lengths, resultants.shape[1])
        for i, j, _ in partition.merges[:-1]:  # the last one leads to the next partition
            counts[i], counts[j] = counts[i] + counts[j], 0.0
            resultants[i] += resultants[j]
            lengths[i], lengths[j] = np.linalg.norm(resultants[i]), 0.0
            number -= 1
            scores[number] = _icl(counts[counts > 0], lengths[counts > 0], resultants.shape[1])
    return scores


def _icl(counts, lengths, dim):
    n_rows = counts.sum()
    penalty = 0.5 * len(counts) * dim * np.log(n_rows)
    return (classification_log_likelihood(counts, lengths, dim) - penalty) / n_rows


def bic(paths):
    """Bayesian information criterion per row, times −1/2, after each round of merges."""
    scores = {}
    for partition in paths.partitions[0]:
        statistics = paths.engine.accumulate(maximize(partition.statistics))
        penalty = 0.5 * statistics.resultants.size * np.log(statistics.weight)
        scores[partition.n_components] = (statistics.log_likelihood - penalty) / statistics.weight
    return scores


def _bounded(rule):
    """A rule that cannot say 1, among the numbers up to the one that ICL prefers."""

    def among_likely_numbers(paths):
        likely = icl(paths)
        most = max(likely, key=likely.get)
        return {k: score for k, score in rule(paths).items() if k <= most} or {1: 0.0}

    among_likely_numbers.__doc__ = rule.__doc__
    return among_likely_numbers


def _persistence_of(paths):
    """`persistence` on the graph of nearest neighbours."""
    return graph_scores(paths.partitions[0], neighbour_graph(paths.rows), persistence)


def _modularity_of(paths):
    """`modularity` on the graph of nearest neighbours."""
    return graph_scores(paths.partitions[0], neighbour_graph(paths.rows), modularity)


def _silhouette_of(paths):
    """`silhouette` after each round of merges; 0 for one component."""
    scores = {
        partition.n_components: silhouette(paths.engine, partition)
        for partition in paths.partitions[0]
        if partition.n_components > 1
    }
    return {1: 0.0, **scores}


def stability(paths):
    """Largest number at which merge paths from different seeds agree.

    The score is the mean adjusted mutual information of the labels of each pair of paths, after
    each round of merges; from 0.95 on, the number itself is added.
    """
    scores = {1: 1.0 + 1}
    by_number = [{each.n_components: each for each in path} for path in paths.partitions]
    for number in set.intersection(*(set(path) for path in by_number)) - {1}:
        labels = [path[number].labels for path in by_number]
        agreement = np.mean(
            [
                adjusted_mutual_info_score(one, other)
                for i, one in enumerate(labels)
                for other in labels[:i]
            ]
        )
        scores[number] = float(agreement + (number if agreement >= _AGREEMENT else 0))
    return scores


def asked(paths, score: Callable):
    """What a function of (rows, labels) says after each round of merges."""
    return {
        partition.n_components: float(score(paths.rows, partition.labels))
        for partition in paths.partitions[0]
        if partition.n_components > 1
    } or {1: 0.0}


def silhouette(engine, partition):
    """Simplified silhouette of a partition, each row left out of its own mean [1]_.

    (b − a) / max(a, b) averaged over the rows, with a = 1 − cosine to the own mean and b = 1 −
    cosine to the nearest other one. With G = x·S and R = ‖S‖ of its own component, the cosine of a
    row of weight 1 with the mean of the others there is (G − 1) / √(R² − 2 G + 1). A row alone
    counts as 0.

    Parameters
    ----------
    engine : Engine
    partition : Partition
        Of the rows of the engine, into two components or more.

    Returns
    -------
    float
        From −1 to 1.

    References
    ----------
    .. [1] L. Vendramin, R. J. G. B. Campello, E. R. Hruschka (2010). Relative clustering validity
       criteria: a comparative overview. Statistical Analysis and Data Mining 3 (4), 209-235.
    """
    resultants = partition.statistics.resultants
    lengths = np.linalg.norm(resultants, axis=1)
    alone = np.bincount(partition.labels, minlength=len(lengths)) < 2
    means = resultants / np.where(lengths > 0, lengths, 1.0)[:, np.newaxis]
    total = 0.0
    for block, cosines in engine.cosines(means):
        own = partition.labels[block]
        here = np.arange(len(own))
        inner = cosines[here, own] * lengths[own]
        others = np.sqrt(np.maximum(lengths[own] ** 2 - 2.0 * inner + 1.0, 1e-12))
        within = 1.0 - (inner - 1.0) / others
        cosines[here, own] = -np.inf
        between = 1.0 - cosines.max(axis=1)
        worth = (between - within) / np.maximum(np.maximum(within, between), 1e-12)
        total += float(np.where(alone[own], 0.0, worth).sum())
    return total / engine.n_rows


RULES = {
    "auto": automatic,
    "persistence": _bounded(_persistence_of),
    "modularity": _bounded(_modularity_of),
    "silhouette": _bounded(_silhouette_of),
    "stability": stability,
    "icl": icl,
    "bic": bic,
}
N_PATHS = {"stability": 3}  # all other rules look at one


def neighbour_graph(rows, n_neighbors=_NEIGHBOURS):
    """Rows joined to their nearest neighbours in angle, in both directions.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Unit rows.
    n_neighbors : int, default=15
        At most; fewer where there are fewer than 300 rows.

    Returns
    -------
    CSR matrix of shape (n_rows, n_rows)
        1 where one of two rows is among the nearest neighbours of the other.
    """
    n_rows = rows.shape[0]
    n_neighbors = min(n_neighbors, max(n_rows // _ROWS_PER_NEIGHBOUR, 3), n_rows - 1)
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(rows)
    graph = search.kneighbors_graph()  # a row is not its own neighbour
    return graph.maximum(graph.T).tocsr()


def modularity(inside, volumes):
    """Share of the edges within clusters, less what it would be if edges ignored them [1]_.

    Parameters
    ----------
    inside : ndarray of shape (n_clusters,)
        Edge ends in a cluster whose other end is there too, as a share of all.
    volumes : ndarray of shape (n_clusters,)
        Edge ends in a cluster, as a share of all.

    Returns
    -------
    float

    References
    ----------
    .. [1] M. E. J. Newman, M. Girvan (2004). Finding and evaluating community structure in
       networks. Physical Review E 69, 026113.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.selection import modularity
    >>> modularity(np.array([0.5, 0.5]), np.array([0.5, 0.5]))
    np.float64(0.5)
    """
    return np.sum(inside - np.square(volumes))


def persistence(inside, volumes):
    """What is still known, after six steps of a random walk, of the cluster it began in.

    Σ_c a_c f_c⁶ log(1 / a_c), in nats. A walk along the edges of the neighbour graph is in cluster
    c with probability a_c, and the step that follows ends there with probability F_c; f_c =
    (F_c − a_c) / (1 − a_c) is that probability corrected for chance. More clusters say more
    (log 1/a_c), and are left sooner (f_c⁶). Unlike modularity, whose penalty for a cut is the
    product of two volumes, it weighs a cut in the same way whether clusters are few or many.

    Parameters
    ----------
    inside, volumes : ndarray of shape (n_clusters,)
        As for `modularity`.

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.selection import persistence
    >>> persistence(np.array([0.5, 0.5]), np.array([0.5, 0.5])).round(3)
    np.float64(0.693)
    """
    positive = volumes > 0
    inside, volumes = inside[positive], volumes[positive]
    stays = (inside / volumes - volumes) / np.maximum(1.0 - volumes, 1e-12)
    return -np.sum(volumes * np.maximum(stays, 0.0) ** _STEPS * np.log(volumes))


def graph_scores(partitions, graph, score):
    """Score of every number of components on the path, from the edges between components.

    Parameters
    ----------
    partitions : list of Partition
    graph : CSR matrix of shape (n_rows, n_rows)
    score : callable
        `modularity` or `persistence`.

    Returns
    -------
    dict
        {number of components: score}
    """
    scores = {}
    for partition in partitions:
        edges = _edges_between(partition, graph)
        scores[partition.n_components] = float(score(np.diagonal(edges), edges.sum(axis=1)))
        inside, volumes = np.diagonal(edges).copy(), edges.sum(axis=1)
        left = partition.n_components
        for i, j, _ in partition.merges[:-1]:  # the last one leads to the next partition
            edges[i] += edges[j]
            edges[:, i] += edges[:, j]
            inside[i], inside[j] = edges[i, i], 0.0
            volumes[i], volumes[j] = volumes[i] + volumes[j], 0.0
            left -= 1
            scores[left] = float(score(inside, volumes))
    return scores


def _edges_between(partition, graph):
    """Share of the edge ends in each component with the other end in each component."""
    n_components = partition.n_components
    degrees = np.diff(graph.indptr)
    pairs = np.repeat(partition.labels.astype(np.int64) * n_components, degrees)
    pairs += partition.labels[graph.indices]
    edges = np.bincount(pairs, minlength=n_components**2).reshape(n_components, n_components)
    return edges / max(edges.sum(), 1)
