"""Choice of the number of components on a merge path.

Each rule scores the numbers on the path; the greatest score wins. No rule has a parameter. The
default is `automatic`. To add a rule, write a function like those below and give it an entry in
`RULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from vmfmix import distribution
from vmfmix.engines.base import Engine
from vmfmix.merging.isotropy import ISOTROPIC, isotropy
from vmfmix.merging.pairs import add_row_and_column
from vmfmix.merging.path import Partition
from vmfmix.model import em
from vmfmix.model.criteria import bic_penalty, classification_log_likelihood, n_free_parameters
from vmfmix.model.matrices import inner_products
from vmfmix.model.statistics import (
    ConcentrationPrior,
    FloatArray,
    SufficientStatistics,
    maximize,
)
from vmfmix.neighbors.graph import neighbor_graph

_STEPS = 6  # of the random walk in `persistence`
_SCALES = np.geomspace(1.5, 48.0, 16)  # numbers of steps in `scale_votes`
_VOTE_WIDTH = 0.5  # in the logarithm of the number of components
_CHANCE_PERSISTENCE = 0.08  # reached by cutting a single cluster
_AGREEMENT = 0.95

Scores = dict[int, float]
"""Score of each number of components; greater is better."""


@dataclass(frozen=True)
class MergePaths:
    """The input of a selection rule.

    Parameters
    ----------
    paths : list of list of Partition
        Merge paths down to one component. The number is chosen on the first one; the others
        started from other seeds, as many as `SelectionRule.n_paths` requires.
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Distinct unit rows.
    weights : ndarray of shape (n_rows,)
    engine : Engine
        Holds these rows and weights.
    rng : numpy.random.RandomState
    graph : CSR matrix of shape (n_rows, n_rows), default=None
        Graph of nearest neighbors along which the rows were smoothed. None: they were not.
    """

    paths: Sequence[Sequence[Partition]]
    rows: Any
    weights: FloatArray
    engine: Engine
    rng: np.random.RandomState
    graph: Any = None

    @property
    def partitions(self) -> Sequence[Partition]:
        """The path on which the number is chosen."""
        return self.paths[0]

    def neighbor_graph(self) -> Any:
        """Return the graph of nearest neighbors, before smoothing if the rows are smoothed."""
        return neighbor_graph(self.rows) if self.graph is None else self.graph


def select_n_components(
    paths: MergePaths, selection: str | Callable[[Any, Any], float]
) -> tuple[int, Scores]:
    """Choose the number of components.

    Parameters
    ----------
    paths : MergePaths
    selection : str or callable
        A key of `RULES`, or a function of (rows, labels) such as
        `sklearn.metrics.silhouette_score`, whose greatest value wins. A function is not called for
        a single cluster.

    Returns
    -------
    n_components : int
    scores : dict
        {number of components: score} of all numbers that were compared, in descending order.

    Raises
    ------
    ValueError
        If every score is NaN.
    """
    if paths.partitions[0].n_components == 1:
        return 1, {1: 0.0}
    if isinstance(selection, str):
        scores = RULES[selection].score(paths)
    else:
        scores = score_partitions(paths, selection)
    scores = {number: scores[number] for number in sorted(scores, reverse=True)}
    valid = {number: score for number, score in scores.items() if not np.isnan(score)}
    if not valid:
        raise ValueError(
            f"selection={selection!r} returned NaN for every number of components; pass another "
            "function, or n_components."
        )
    return _best(valid), scores


def _best(scores: Scores) -> int:
    """Return the number with the greatest score, the smaller one if scores are equal."""
    return min(scores, key=lambda number: (-scores[number], number))


def automatic(paths: MergePaths) -> Scores:
    """Score by ICL if rows scatter as the model assumes, otherwise by persistence.

    ICL gives an upper bound on the number: 1 for a single von Mises-Fisher cluster, and several
    times too many for real embeddings, whose clusters scatter in far fewer directions than the
    model assumes. If the clusters at that number scatter in nearly all directions, the model holds,
    and ICL decides. It also decides if the clusters have fewer than eight rows, which are too few
    to measure the scatter. Otherwise, `persistence` chooses among the numbers up to that of ICL; if
    it is no higher than for a single cluster that is cut, the number is 1.

    Smoothed rows scatter in few directions in any case, and persist longer in their clusters. The
    number is then that of `scale_votes`, or 1 under the same condition as above.
    """
    if paths.graph is not None:
        is_single = max(_graph_persistence(paths).values()) <= _CHANCE_PERSISTENCE
        return {1: 1.0} if is_single else scale_votes(paths)
    icl_scores = icl(paths)
    largest = _best(icl_scores)
    if largest == 1:
        return icl_scores
    partition = [each for each in paths.partitions if each.n_components >= largest][-1]
    if not isotropy(paths.rows, partition.row_labels, paths.rng) < ISOTROPIC:
        return refined_icl(paths, largest)
    scores = {k: score for k, score in _graph_persistence(paths).items() if k <= largest}
    scores[1] = _CHANCE_PERSISTENCE
    return scores


def icl(paths: MergePaths) -> Scores:
    """Score by the integrated classification likelihood per row [1]_ of the better of two models.

    One model has a single concentration for all components, the other one for each component,
    estimated by `ConcentrationPrior.concentrations`.

    References
    ----------
    .. [1] C. Biernacki, G. Celeux, G. Govaert (2000). Assessing a mixture model for clustering with
       the integrated completed likelihood. IEEE TPAMI 22 (7), 719-725.
    """
    scores = {}
    for partition in paths.partitions:
        statistics = partition.statistics
        counts, dim = statistics.counts.copy(), statistics.resultants.shape[1]
        inner = inner_products(statistics.resultants, statistics.resultants)
        lengths = np.sqrt(np.maximum(np.diagonal(inner), 0.0))
        prior = ConcentrationPrior.pooled(statistics)
        gains = _likelihood_gain(prior, counts, lengths, dim)
        scores[partition.n_components] = _icl_per_row(counts, lengths, gains, dim)
        for done, (i, j, _) in enumerate(partition.merges[:-1]):  # the last yields the next one
            counts[i] += counts[j]
            add_row_and_column(inner, i, j)
            lengths[i] = np.sqrt(max(inner[i, i], 0.0))
            gains[i] = _likelihood_gain(prior, counts[[i]], lengths[[i]], dim)[0]
            counts[j] = lengths[j] = gains[j] = 0.0
            number = partition.n_components - done - 1
            exists = counts > 0
            scores[number] = _icl_per_row(counts[exists], lengths[exists], gains[exists], dim)
    return scores


def _likelihood_gain(
    prior: ConcentrationPrior, counts: FloatArray, lengths: FloatArray, dim: int
) -> FloatArray:
    """Compute κ_k ‖S_k‖ − N_k Φ(κ_k), where each component has its own concentration."""
    kappa = prior.concentrations(lengths, counts, dim)
    return kappa * lengths + counts * distribution.log_normalizer(kappa, dim, relative_to="uniform")


def _icl_per_row(counts: FloatArray, lengths: FloatArray, gains: FloatArray, dim: int) -> float:
    """Compute the ICL per row of the better model from hard statistics."""
    n_rows, n_components = counts.sum(), len(counts)
    uniform = distribution.log_normalizer(0.0, dim)
    labels = (counts * np.log(counts / n_rows)).sum()
    separate = gains.sum() + labels - _penalty(n_rows, n_components, dim, n_components)
    shared = classification_log_likelihood(counts, lengths, dim) - n_rows * uniform
    return max(separate, shared - _penalty(n_rows, n_components, dim, 1)) / n_rows


def _penalty(n_rows: float, n_components: int, dim: int, n_concentrations: int) -> float:
    return bic_penalty(n_rows, n_free_parameters(n_components, dim, n_concentrations))


def refined_icl(paths: MergePaths, largest: int) -> Scores:
    """Score numbers up to about `largest` by ICL, each after some steps of classification EM.

    The path assigns rows to the nearest mean. Where concentrations differ, some rows of a wide
    cluster are then assigned to a tight cluster next to it, which costs more than a separate
    cluster for them. The model itself must therefore assign the rows: after each round of merges,
    and for all numbers around the best of these.
    """
    path = [each for each in paths.partitions if each.n_components <= largest]
    above = [each for each in paths.partitions if each.n_components > largest][-1:]
    path = above + path
    scores = {each.n_components: _refined_score(paths.engine, each.statistics) for each in path}
    best = _best(scores)
    position = [each.n_components for each in path].index(best)
    for partition in path[max(position - 1, 0) : position + 1]:
        smallest = partition.n_components - len(partition.merges)
        for number in range(partition.n_components - 1, smallest, -1):
            scores[number] = _refined_score(paths.engine, partition.cut(number))
    return scores


def _refined_score(engine: Engine, statistics: SufficientStatistics) -> float:
    """Compute the ICL per row of the better model after classification EM."""
    start, scores = maximize(statistics), []
    for concentration in ("tied", "free"):
        refined = em.fit(engine, start, em.refine(concentration)).parameters
        after = engine.accumulate(refined, hard=True)
        n_components, dim = refined.means.shape
        n_concentrations = 1 if concentration == "tied" else n_components
        penalty = _penalty(after.weight, n_components, dim, n_concentrations)
        uniform = distribution.log_normalizer(0.0, dim)
        scores.append((after.log_likelihood - penalty) / after.weight - uniform)
    return max(scores)


def bic(paths: MergePaths) -> Scores:
    """Score by the Bayesian information criterion per row, times −1/2, after each round."""
    scores = {}
    for partition in paths.partitions:
        statistics = paths.engine.accumulate(maximize(partition.statistics))
        n_components, dim = statistics.resultants.shape
        penalty = _penalty(statistics.weight, n_components, dim, 1)
        scores[partition.n_components] = (statistics.log_likelihood - penalty) / statistics.weight
    return scores


def bounded_by_icl(rule: Callable[[MergePaths], Scores]) -> Callable[[MergePaths], Scores]:
    """Limit a rule that cannot choose 1 to numbers no greater than the one that ICL prefers."""

    def bounded(paths: MergePaths) -> Scores:
        largest = _best(icl(paths))
        return {k: score for k, score in rule(paths).items() if k <= largest}

    bounded.__doc__ = rule.__doc__
    return bounded


def scale_votes(paths: MergePaths) -> Scores:
    """Score by the share of the scales at which about this number persists longest [1]_.

    A scale is a number of steps of the random walk. Few steps suit many clusters, and many steps
    few clusters. Scales from 1.5 to 48 steps, evenly spaced on a logarithmic axis, each vote for
    the number with the greatest `persistence`; a vote counts for similar numbers as well, with a
    weight of exp(−log²(ratio) / (2 · 0.5²)).

    References
    ----------
    .. [1] J.-C. Delvenne, S. N. Yaliraki, M. Barahona (2010). Stability of graph communities across
       time scales. PNAS 107 (29), 12755-12760.
    """

    def at_all_scales(inside: FloatArray, volumes: FloatArray) -> FloatArray:
        return np.array([persistence(inside, volumes, steps) for steps in _SCALES])

    by_number = graph_scores(paths.partitions, paths.neighbor_graph(), at_all_scales)
    numbers = np.array(sorted(by_number))
    winners = numbers[np.argmax([by_number[number] for number in numbers], axis=0)]
    ratios = np.log(winners[:, np.newaxis] / numbers)
    votes = np.exp(-(ratios**2) / (2.0 * _VOTE_WIDTH**2)).mean(axis=0)
    return dict(zip(numbers.tolist(), votes.tolist(), strict=True))


def _graph_persistence(paths: MergePaths) -> Scores:
    """Score by `persistence` on the graph of nearest neighbors."""
    return graph_scores(paths.partitions, paths.neighbor_graph(), persistence)


def _graph_modularity(paths: MergePaths) -> Scores:
    """Score by `modularity` on the graph of nearest neighbors."""
    return graph_scores(paths.partitions, paths.neighbor_graph(), modularity)


def _mean_silhouette(paths: MergePaths) -> Scores:
    """Score by `silhouette` after each round of merges; 0 for one component."""
    scores = {
        partition.n_components: silhouette(paths.engine, paths.weights, partition)
        for partition in paths.partitions
        if partition.n_components > 1
    }
    return {1: 0.0, **scores}


def stability(paths: MergePaths) -> Scores:
    """Choose the largest number at which merge paths from different seeds agree.

    The score is the mean adjusted mutual information between the labels of each pair of paths,
    after each round of merges; at and above 0.95, the number itself is added.
    """
    scores = {1: 2.0}
    by_number = [{each.n_components: each for each in path} for path in paths.paths]
    for number in set.intersection(*(set(path) for path in by_number)) - {1}:
        labels = [path[number].labels for path in by_number]
        agreement = np.mean(
            [
                adjusted_mutual_info_score(first, second)
                for i, first in enumerate(labels)
                for second in labels[:i]
            ]
        )
        scores[number] = float(agreement + (number if agreement >= _AGREEMENT else 0))
    return scores


def score_partitions(paths: MergePaths, score: Callable[[Any, Any], float]) -> Scores:
    """Score each partition by a function of (rows, labels).

    The function is not called for a single cluster or for as many clusters as rows.
    """
    return {
        partition.n_components: float(score(paths.rows, partition.labels))
        for partition in paths.partitions
        if partition.labels is not None and 1 < partition.n_components < len(partition.labels)
    }


def silhouette(engine: Engine, weights: FloatArray, partition: Partition) -> float:
    """Compute the simplified silhouette, with each row left out of its own mean [1]_.

    (b − a) / max(a, b) averaged over the rows, where a = 1 − cosine to the own mean and b = 1 −
    cosine to the nearest other mean. With G = x·S and R = ‖S‖ of its own component, the cosine of
    a row of weight w with the mean of the other rows is (G − w) / √(R² − 2 w G + w²). The value of
    a row that is alone in its cluster is 0.

    Parameters
    ----------
    engine : Engine
    weights : ndarray of shape (n_rows,)
    partition : Partition
        Of the rows of the engine, with at least two components.

    Returns
    -------
    float
        From −1 to 1.

    References
    ----------
    .. [1] L. Vendramin, R. J. G. B. Campello, E. R. Hruschka (2010). Relative clustering validity
       criteria: a comparative overview. Statistical Analysis and Data Mining 3 (4), 209-235.
    """
    labels = partition.row_labels
    lengths = partition.statistics.lengths
    is_alone = np.bincount(labels, minlength=len(lengths)) < 2
    total = 0.0
    for block, cosines in engine.cosines(partition.statistics.directions):
        own, weight = labels[block], weights[block]
        rows = np.arange(len(own))
        inner = cosines[rows, own] * lengths[own]
        squared_length_of_others = lengths[own] ** 2 - 2.0 * weight * inner + weight**2
        within = 1.0 - (inner - weight) / np.sqrt(np.maximum(squared_length_of_others, 1e-12))
        cosines[rows, own] = -np.inf
        between = 1.0 - cosines.max(axis=1)
        values = (between - within) / np.maximum(np.maximum(within, between), 1e-12)
        total += float(weight @ np.where(is_alone[own], 0.0, values))
    return float(total / weights.sum())


def modularity(inside: FloatArray, volumes: FloatArray) -> float:
    """Compute the share of edges within clusters minus its expectation if edges were random [1]_.

    Parameters
    ----------
    inside : ndarray of shape (n_clusters,)
        Edge ends in a cluster whose other end is in the same cluster, as a share of all.
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
    0.5
    """
    return float(np.sum(inside - np.square(volumes)))


def persistence(inside: FloatArray, volumes: FloatArray, steps: float = _STEPS) -> float:
    """Compute how much a random walk still reveals about its first cluster after some steps.

    Σ_c a_c f_cᵗ log(1 / a_c), in nats, after t steps. A random walk along the edges of the neighbor
    graph is in cluster c with probability a_c, and its next step ends there with probability F_c;
    f_c = (F_c − a_c) / (1 − a_c) is that probability corrected for chance. With more clusters, the
    cluster reveals more (log 1/a_c), but the walk leaves it sooner (f_cᵗ). Modularity penalizes a
    cut by the product of two volumes; persistence weighs a cut in the same way whether there are
    few clusters or many.

    Parameters
    ----------
    inside, volumes : ndarray of shape (n_clusters,)
        As for `modularity`.
    steps : float, default=6
        Number t of steps.

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.merging.selection import persistence
    >>> round(persistence(np.array([0.5, 0.5]), np.array([0.5, 0.5])), 3)
    0.693
    """
    positive = volumes > 0
    inside, volumes = inside[positive], volumes[positive]
    stays = (inside / volumes - volumes) / np.maximum(1.0 - volumes, 1e-12)
    return float(-np.sum(volumes * np.maximum(stays, 0.0) ** steps * np.log(volumes)))


def graph_scores(
    partitions: Sequence[Partition],
    graph: Any,
    score: Callable[[FloatArray, FloatArray], Any],
) -> dict[int, Any]:
    """Score every number of components on the path from the edges between components.

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
        inside, volumes = np.diagonal(edges).copy(), edges.sum(axis=1)
        scores[partition.n_components] = score(inside, volumes)
        for done, (i, j, _) in enumerate(partition.merges[:-1]):  # the last yields the next one
            add_row_and_column(edges, i, j)
            inside[i], inside[j] = edges[i, i], 0.0
            volumes[i], volumes[j] = volumes[i] + volumes[j], 0.0
            scores[partition.n_components - done - 1] = score(inside, volumes)
    return scores


def _edges_between(partition: Partition, graph: Any) -> FloatArray:
    """Count edge ends by their own component and that of the other end, as shares of all."""
    n_components, labels = partition.n_components, partition.row_labels
    degrees = np.diff(graph.indptr)
    pairs = np.repeat(labels.astype(np.int64) * n_components, degrees)
    pairs += labels[graph.indices]
    edges = np.bincount(pairs, minlength=n_components**2).reshape(n_components, n_components)
    return edges / max(edges.sum(), 1)


@dataclass(frozen=True)
class SelectionRule:
    """An entry of `RULES`.

    Parameters
    ----------
    score : callable
        Computes {number of components: score} from `MergePaths`; greater is better. It must give 1
        the greatest score on a uniform sphere and for a single von Mises-Fisher cluster;
        `bounded_by_icl` ensures that for rules that cannot.
    n_paths : int, default=1
        Number of merge paths from different seeds that it compares.
    """

    score: Callable[[MergePaths], Scores]
    n_paths: int = 1


RULES = {
    "auto": SelectionRule(automatic),
    "persistence": SelectionRule(bounded_by_icl(_graph_persistence)),
    "modularity": SelectionRule(bounded_by_icl(_graph_modularity)),
    "silhouette": SelectionRule(bounded_by_icl(_mean_silhouette)),
    "stability": SelectionRule(stability, n_paths=3),
    "icl": SelectionRule(icl),
    "bic": SelectionRule(bic),
}
