"""Which number of components on a merge path is kept.

Every rule gives each number on the path a score, greater is better, and the best one is kept. None
has a knob. `automatic` is the default.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from vmfmix import distribution
from vmfmix.merging.isotropy import isotropy
from vmfmix.model import em
from vmfmix.model.matrices import inner_products
from vmfmix.model.statistics import ConcentrationPrior, classification_log_likelihood, maximize
from vmfmix.neighbors.graph import neighbor_graph

_STEPS = 6  # of the walk in `persistence`
_BY_CHANCE = 0.08  # persistence that a single cluster reaches when it is cut
_EVEN = 0.75  # isotropy from which on clusters scatter as the model says
_AGREEMENT = 0.95
_EM_STEPS = 10


class Paths(NamedTuple):
    """What a rule may look at.

    Parameters
    ----------
    partitions : list of list of Partition
        Merge paths down to one component; the first is the one to choose on, others began with
        other seeds ("stability" alone needs them).
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Distinct unit rows.
    weights : ndarray of shape (n_rows,)
    engine : Engine
        With these rows and weights.
    rng : numpy.random.RandomState
    """

    partitions: list
    rows: Any
    weights: np.ndarray
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
    scores = {number: scores[number] for number in sorted(scores, reverse=True)}
    known = {number: score for number, score in scores.items() if not np.isnan(score)}
    if not known:
        raise ValueError(
            f"selection={selection!r} gives no number of components a score that is a number; pass "
            "another function, or n_components."
        )
    return _best(known), scores


def _best(scores):
    """The number with the greatest score, the smaller of equal ones."""
    return min(scores, key=lambda number: (-scores[number], number))


def automatic(paths):
    """The default: ICL where rows scatter as the model says, otherwise persistence.

    ICL is an upper bound: it says 1 for a single von Mises-Fisher cluster, and on real embeddings,
    whose clusters scatter in far fewer directions than the model believes, several times too many.
    Where that many clusters scatter in hardly fewer directions than there are, the model is right,
    and ICL with it; it has the say as well where the clusters have too few rows for anything else,
    fewer than eight. Elsewhere `persistence` chooses among the numbers below; where it is no better
    than for a single cluster that is cut, 1 is kept.
    """
    partitions = paths.partitions[0]
    likely = icl(paths)
    most = _best(likely)
    if most == 1:
        return likely
    there = [each for each in partitions if each.n_components >= most][-1]
    if not isotropy(paths.rows, there.labels, paths.rng) < _EVEN:
        return refined_icl(paths, most)
    scores = {k: score for k, score in _persistence_of(paths).items() if k <= most}
    scores[1] = _BY_CHANCE
    return scores


def icl(paths):
    """Integrated classification likelihood per row [1]_ of the better of two models.

    One has a concentration for all components, the other one for each, that of
    `ConcentrationPrior.concentrations`.

    References
    ----------
    .. [1] C. Biernacki, G. Celeux, G. Govaert (2000). Assessing a mixture model for clustering with
       the integrated completed likelihood. IEEE TPAMI 22 (7), 719-725.
    """
    scores = {}
    for partition in paths.partitions[0]:
        statistics = partition.statistics
        counts, dim = statistics.counts.copy(), statistics.resultants.shape[1]
        inner = inner_products(statistics.resultants, statistics.resultants)
        lengths = np.sqrt(np.maximum(np.diagonal(inner), 0.0))
        prior = ConcentrationPrior.pooled(statistics)
        explained = _explained(prior, counts, lengths, dim)
        scores[partition.n_components] = _icl(counts, lengths, explained, dim)
        for done, (i, j, _) in enumerate(partition.merges[:-1]):  # the last leads to the next one
            counts[i] += counts[j]
            inner[i] += inner[j]
            inner[:, i] += inner[:, j]
            lengths[i] = np.sqrt(max(inner[i, i], 0.0))
            explained[i] = _explained(prior, counts[[i]], lengths[[i]], dim)[0]
            counts[j] = lengths[j] = explained[j] = 0.0
            number = partition.n_components - done - 1
            alive = counts > 0
            scores[number] = _icl(counts[alive], lengths[alive], explained[alive], dim)
    return scores


def _explained(prior, counts, lengths, dim):
    """κ_k ‖S_k‖ − N_k Φ(κ_k), each component with its own concentration."""
    kappa = prior.concentrations(lengths, counts, dim)
    return kappa * lengths + counts * distribution.log_normalizer(kappa, dim, relative_to="uniform")


def _icl(counts, lengths, explained, dim):
    """ICL per row of the better model, from hard statistics."""
    n_rows, n_components = counts.sum(), len(counts)
    uniform = distribution.log_normalizer(0.0, dim)
    labels = (counts * np.log(counts / n_rows)).sum()
    of_each = explained.sum() + labels - _penalty(n_rows, n_components, dim, n_components)
    of_all = classification_log_likelihood(counts, lengths, dim) - n_rows * uniform
    return max(of_each, of_all - _penalty(n_rows, n_components, dim, 1)) / n_rows


def _penalty(n_rows, n_components, dim, n_concentrations):
    """½ log n for each parameter: directions, weights and concentrations."""
    return 0.5 * np.log(n_rows) * (n_components * dim - 1 + n_concentrations)


def refined_icl(paths, most):
    """ICL of the numbers up to about `most`, each after some steps of classification EM.

    The path gives rows to the nearest mean; where concentrations differ, some rows of a wide
    cluster are then counted for a tight one beside it, which costs more than a cluster of their
    own. So the model itself must have a say in who belongs where: after each round of merges, and
    for all numbers around the best of these.
    """
    path = [each for each in paths.partitions[0] if each.n_components <= most]
    above = [each for each in paths.partitions[0] if each.n_components > most][-1:]
    path = above + path
    scores = {each.n_components: _refined(paths.engine, each.statistics) for each in path}
    best = _best(scores)
    place = [each.n_components for each in path].index(best)
    for partition in path[max(place - 1, 0) : place + 1]:
        least = partition.n_components - len(partition.merges)
        for number in range(partition.n_components - 1, least, -1):
            scores[number] = _refined(paths.engine, partition.cut(number))
    return scores


def _refined(engine, statistics):
    """ICL per row of the better model after classification EM from there."""
    start, scores = maximize(statistics), []
    for concentration in ("tied", "free"):
        found = em.fit(
            engine, start, concentration=concentration, hard=True, max_iter=_EM_STEPS
        ).parameters
        after = engine.accumulate(found, hard=True)
        n_components, dim = found.means.shape
        n_concentrations = 1 if concentration == "tied" else n_components
        penalty = _penalty(after.weight, n_components, dim, n_concentrations)
        uniform = distribution.log_normalizer(0.0, dim)
        scores.append((after.log_likelihood - penalty) / after.weight - uniform)
    return max(scores)


def bic(paths):
    """Bayesian information criterion per row, times −1/2, after each round of merges."""
    scores = {}
    for partition in paths.partitions[0]:
        statistics = paths.engine.accumulate(maximize(partition.statistics))
        n_numbers = math.prod(statistics.resultants.shape)
        penalty = 0.5 * n_numbers * np.log(statistics.weight)
        scores[partition.n_components] = (statistics.log_likelihood - penalty) / statistics.weight
    return scores


def _bounded(rule):
    """A rule that cannot say 1, among the numbers up to the one that ICL prefers."""

    def among_likely_numbers(paths):
        likely = icl(paths)
        most = _best(likely)
        return {k: score for k, score in rule(paths).items() if k <= most}

    among_likely_numbers.__doc__ = rule.__doc__
    return among_likely_numbers


def _persistence_of(paths):
    """`persistence` on the graph of nearest neighbors."""
    return graph_scores(paths.partitions[0], neighbor_graph(paths.rows), persistence)


def _modularity_of(paths):
    """`modularity` on the graph of nearest neighbors."""
    return graph_scores(paths.partitions[0], neighbor_graph(paths.rows), modularity)


def _silhouette_of(paths):
    """`silhouette` after each round of merges; 0 for one component."""
    scores = {
        partition.n_components: silhouette(paths.engine, paths.weights, partition)
        for partition in paths.partitions[0]
        if partition.n_components > 1
    }
    return {1: 0.0, **scores}


def stability(paths):
    """Largest number at which merge paths from different seeds agree.

    The score is the mean adjusted mutual information of the labels of each pair of paths, after
    each round of merges; from 0.95 on, the number itself is added.
    """
    scores = {1: 2.0}
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
    """What a function of (rows, labels) says after each round; not of 1 or of one for each row."""
    return {
        partition.n_components: float(score(paths.rows, partition.labels))
        for partition in paths.partitions[0]
        if 1 < partition.n_components < len(partition.labels)
    }


def silhouette(engine, weights, partition):
    """Simplified silhouette of a partition, each row left out of its own mean [1]_.

    (b − a) / max(a, b) averaged over the rows, with a = 1 − cosine to the own mean and b = 1 −
    cosine to the nearest other one. With G = x·S and R = ‖S‖ of its own component, the cosine of a
    row of weight w with the mean of the others there is (G − w) / √(R² − 2 w G + w²). A row alone
    counts as 0.

    Parameters
    ----------
    engine : Engine
    weights : ndarray of shape (n_rows,)
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
    lengths = partition.statistics.lengths
    alone = np.bincount(partition.labels, minlength=len(lengths)) < 2
    total = 0.0
    for block, cosines in engine.cosines(partition.statistics.directions):
        own, weight = partition.labels[block], weights[block]
        here = np.arange(len(own))
        inner = cosines[here, own] * lengths[own]
        others = lengths[own] ** 2 - 2.0 * weight * inner + weight**2
        within = 1.0 - (inner - weight) / np.sqrt(np.maximum(others, 1e-12))
        cosines[here, own] = -np.inf
        between = 1.0 - cosines.max(axis=1)
        worth = (between - within) / np.maximum(np.maximum(within, between), 1e-12)
        total += float(weight @ np.where(alone[own], 0.0, worth))
    return total / weights.sum()


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
    >>> from vmfmix.merging.selection import modularity
    >>> modularity(np.array([0.5, 0.5]), np.array([0.5, 0.5]))
    np.float64(0.5)
    """
    return np.sum(inside - np.square(volumes))


def persistence(inside, volumes):
    """What is still known, after six steps of a random walk, of the cluster it began in.

    Σ_c a_c f_c⁶ log(1 / a_c), in nats. A walk along the edges of the neighbor graph is in cluster
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
    >>> from vmfmix.merging.selection import persistence
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
