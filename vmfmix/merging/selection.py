"""Choice of the number of components on a merge path.

Each rule scores the numbers on the path; the greatest score wins. No rule has a parameter. The
default is `automatic`. To add a rule, write a function like those below and give it an entry in
`RULES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.metrics import adjusted_mutual_info_score

from vmfmix import distribution
from vmfmix.engines.base import Engine
from vmfmix.merging.isotropy import ISOTROPIC, isotropy
from vmfmix.merging.levels import SIX_STEPS, Level, PathScores
from vmfmix.merging.pairs import add_row_and_column
from vmfmix.merging.path import Partition
from vmfmix.model import em
from vmfmix.model.criteria import bic_penalty, classification_log_likelihood, n_free_parameters
from vmfmix.model.matrices import inner_products, unit_rows
from vmfmix.model.statistics import (
    ConcentrationPrior,
    FloatArray,
    SufficientStatistics,
    maximize,
)
from vmfmix.neighbors.group_size import graph_within_groups

_CHANCE_PERSISTENCE = 0.08  # reached by cutting a single cluster
_AGREEMENT = 0.95
_MAX_REFINED = 16  # numbers that are all refined; of more, some

Scores = dict[int, float]
"""Score of each number of components; greater is better."""


def _computed_once(method: Callable[[Any], Any]) -> Any:
    """Return a property that keeps its value.

    Unlike `functools.cached_property` before Python 3.12, it has no lock, which fits in other
    threads would wait for, and forever in a process that was forked meanwhile.
    """
    key = f"_{method.__name__}"

    def value(self: Any) -> Any:
        if key not in self.__dict__:
            self.__dict__[key] = method(self)
        return self.__dict__[key]

    return property(value, doc=method.__doc__)


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
    resolution : float, default=1.0
        Greater values favor more components; see `automatic`.
    report : callable, default=None
        Called with what is computed, in words, each time before it takes long.
    """

    paths: Sequence[Sequence[Partition]]
    rows: Any
    weights: FloatArray
    engine: Engine
    rng: np.random.RandomState
    graph: Any = None
    resolution: float = 1.0
    report: Callable[[str], Any] | None = None

    def describe(self, what: str, n_components: int) -> None:
        """Report what is computed for a number of components."""
        if self.report is not None:
            plural = "" if n_components == 1 else "s"
            self.report(f"{what} of {n_components:,} cluster{plural}")

    @property
    def partitions(self) -> Sequence[Partition]:
        """The path on which the number is chosen."""
        return self.paths[0]

    @_computed_once
    def graph_scores(self) -> PathScores:
        """Scores on the graph of nearest neighbors, before smoothing if the rows are smoothed."""
        graph = self._graph_of_centered() if self.graph is None else self.graph
        return PathScores.of(self.partitions, graph, lambda n: self.describe("persistence", n))

    def _graph_of_centered(self) -> Any:
        """Return the graph of nearest neighbors, of dense rows after subtracting their mean.

        All embeddings of an encoder may share a direction, in which they are near to each other.
        """

        def report(n_done: int, n_rows: int) -> None:
            if self.report is not None:
                self.report(f"neighbors of {n_done:,} of {n_rows:,} rows")

        rows = self.rows
        if not sp.issparse(rows):
            mean = self.weights @ rows / self.weights.sum()
            rows = unit_rows(rows - mean.astype(rows.dtype))
        return graph_within_groups(rows, report=report)

    @_computed_once
    def icl_scores(self) -> Scores:
        """Scores by `icl`."""
        return icl(self)

    @_computed_once
    def model_holds(self) -> bool:
        """Whether the clusters that ICL finds scatter as the model assumes.

        Also if they have fewer than eight rows, which are too few to measure the scatter. Not for a
        single cluster, or for smoothed rows.
        """
        largest = _best(self.icl_scores) if self.graph is None else 1
        if largest == 1:
            return False
        partition = [each for each in self.partitions if each.n_components >= largest][-1]
        return not isotropy(self.rows, partition.row_labels, self.rng) < ISOTROPIC


@dataclass(frozen=True)
class Selection:
    """The chosen number of components, and how sure it is.

    Parameters
    ----------
    n_components : int
    scores : dict
        {number of components: score} of all numbers that were compared, in descending order.
    levels : list of Level
        Natural numbers of components, the chosen one first.
    n_by_modularity : int or None
        The number with the greatest modularity, another score on the same graph. None if the graph
        does not decide: in a single cluster, or if the model holds.
    """

    n_components: int
    scores: Scores
    levels: list[Level]
    n_by_modularity: int | None


def select_n_components(
    paths: MergePaths, selection: str | Callable[[Any, Any], float]
) -> Selection:
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
    Selection

    Raises
    ------
    ValueError
        If every score is NaN.
    """
    if paths.partitions[0].n_components == 1:
        return Selection(1, {1: 0.0}, [Level(1, 1.0)], None)
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
    chosen = _best(valid)
    if chosen == 1:
        return Selection(1, scores, [Level(1, 1.0)], None)
    by_modularity = None
    if not (selection == "auto" and paths.model_holds):
        by_modularity = _best(_graph_modularity(paths))
    return Selection(chosen, scores, paths.graph_scores.levels(chosen), by_modularity)


def _best(scores: Scores) -> int:
    """Return the number with the greatest score, the smaller one if scores are equal."""
    return min(scores, key=lambda number: (-scores[number], number))


def automatic(paths: MergePaths) -> Scores:
    """Score by ICL if rows scatter as the model assumes, otherwise by the votes of scales.

    ICL gives an upper bound on the number: 1 for a single von Mises-Fisher cluster, and several
    times too many for real embeddings, whose clusters scatter in far fewer directions than the
    model assumes. If the clusters at that number scatter in nearly all directions, the model holds,
    and ICL decides. It also decides if the clusters have fewer than eight rows, which are too few
    to measure the scatter. In both cases, one scale at least must favor as many clusters: in a few
    dimensions, curved clusters seem to scatter in all of them. Otherwise, the number is that of
    `PathScores.votes`, at most that of ICL, or 1 if clusters persist no longer than those that are
    cut from a single one.

    Smoothed rows scatter in few directions in any case; their number has no upper bound.
    """
    if paths.model_holds:
        refined = refined_icl(paths, _best(paths.icl_scores))
        if paths.graph_scores.reach(_best(refined)):
            return _at_resolution(refined, paths)
    largest = paths.partitions[0].n_components
    if paths.graph is None:
        largest = _best(paths.icl_scores)
        if largest == 1:
            return paths.icl_scores
    scores = paths.graph_scores.up_to(largest)
    votes = _as_scores(scores.numbers, scores.votes(paths.resolution))
    if scores.persistence[:, SIX_STEPS].max() <= _CHANCE_PERSISTENCE:
        votes[1] = 1.0  # the maximum, and of equal scores that of the smallest number wins
    return votes


def _at_resolution(refined: Scores, paths: MergePaths) -> Scores:
    """Return the refined scores, or those of another resolution than 1.

    Dividing the penalty of ICL by the resolution changes its number by some factor. Since
    `refined_icl` covers only the numbers near its best one, that one is multiplied by the factor,
    and numbers are scored by how close they are, in the logarithm. The number never decreases with
    the resolution.
    """
    if paths.resolution == 1:
        return refined
    n_rows, dim = paths.weights.sum(), paths.rows.shape[1]
    share = (1.0 - 1.0 / paths.resolution) / n_rows
    at_resolution = {
        number: score + share * _penalty(n_rows, number, dim, 1)
        for number, score in paths.icl_scores.items()
    }
    factor = _best(at_resolution) / _best(paths.icl_scores)
    target = np.log(factor * _best(refined))
    return {number: -abs(float(np.log(number) - target)) for number in paths.icl_scores}


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
        paths.describe("likelihood", partition.n_components)
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
    and for numbers around the best of these.
    """
    path = [each for each in paths.partitions if each.n_components <= largest]
    above = [each for each in paths.partitions if each.n_components > largest][-1:]
    path = above + path
    scores = {each.n_components: _refined_score(paths, each.statistics) for each in path}
    position = [each.n_components for each in path].index(_best(scores))
    for partition in path[max(position - 1, 0) : position + 1]:
        scores |= _scores_around_best(paths, partition)
    return scores


def _scores_around_best(paths: MergePaths, partition: Partition) -> Scores:
    """Score the numbers down to the next partition; of many, some and all around their best."""
    numbers = range(partition.n_components - len(partition.merges) + 1, partition.n_components)
    step = math.isqrt(len(numbers)) if len(numbers) > _MAX_REFINED else 1
    scores = {each: _refined_score(paths, partition.cut(each)) for each in numbers[::step]}
    if step > 1:
        best = _best(scores)
        around = [each for each in numbers if 0 < abs(each - best) < step]
        scores |= {each: _refined_score(paths, partition.cut(each)) for each in around}
    return scores


def _refined_score(paths: MergePaths, statistics: SufficientStatistics) -> float:
    """Compute the ICL per row of the better model after classification EM."""
    engine, start, scores = paths.engine, maximize(statistics), []
    paths.describe("likelihood", len(statistics.counts))
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
        paths.describe("likelihood", partition.n_components)
        statistics = paths.engine.accumulate(maximize(partition.statistics))
        n_components, dim = statistics.resultants.shape
        penalty = _penalty(statistics.weight, n_components, dim, 1)
        scores[partition.n_components] = (statistics.log_likelihood - penalty) / statistics.weight
    return scores


def bounded_by_icl(rule: Callable[[MergePaths], Scores]) -> Callable[[MergePaths], Scores]:
    """Limit a rule that cannot choose 1 to numbers no greater than the one that ICL prefers."""

    def bounded(paths: MergePaths) -> Scores:
        largest = _best(paths.icl_scores)
        return {k: score for k, score in rule(paths).items() if k <= largest}

    bounded.__doc__ = rule.__doc__
    return bounded


def _six_step_persistence(paths: MergePaths) -> Scores:
    """Score by `persistence` after six steps on the graph of nearest neighbors."""
    scores = paths.graph_scores
    return _as_scores(scores.numbers, scores.persistence[:, SIX_STEPS])


def _graph_modularity(paths: MergePaths) -> Scores:
    """Score by `modularity` on the graph of nearest neighbors."""
    return _as_scores(paths.graph_scores.numbers, paths.graph_scores.modularity)


def _as_scores(numbers: Any, values: Any) -> Scores:
    return dict(zip(numbers.tolist(), values.tolist(), strict=True))


def _mean_silhouette(paths: MergePaths) -> Scores:
    """Score by `silhouette` after each round of merges; 0 for one component."""
    scores = {1: 0.0}
    for partition in paths.partitions:
        if partition.n_components > 1:
            paths.describe("silhouette", partition.n_components)
            score = silhouette(paths.engine, paths.weights, partition)
            scores[partition.n_components] = score
    return scores


def stability(paths: MergePaths) -> Scores:
    """Choose the largest number at which merge paths from different seeds agree.

    The score is the mean adjusted mutual information between the labels of each pair of paths,
    after each round of merges; at and above 0.95, the number itself is added.
    """
    scores = {1: 2.0}
    by_number = [{each.n_components: each for each in path} for path in paths.paths]
    for number in set.intersection(*(set(path) for path in by_number)) - {1}:
        paths.describe("agreement", number)
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
    scores = {}
    for partition in paths.partitions:
        labels, number = partition.labels, partition.n_components
        if labels is not None and 1 < number < len(labels):
            paths.describe("score", number)
            scores[number] = float(score(paths.rows, labels))
    return scores


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
    "persistence": SelectionRule(bounded_by_icl(_six_step_persistence)),
    "modularity": SelectionRule(bounded_by_icl(_graph_modularity)),
    "silhouette": SelectionRule(bounded_by_icl(_mean_silhouette)),
    "stability": SelectionRule(stability, n_paths=3),
    "icl": SelectionRule(icl),
    "bic": SelectionRule(bic),
}
