"""The record of a fit that merged components: merges, costs, scores and log-likelihoods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix.merging.levels import Level
from vmfmix.merging.pairs import groups_after, merge_components
from vmfmix.merging.path import Partition
from vmfmix.model.matrices import stacked
from vmfmix.model.statistics import FloatArray, SufficientStatistics

IntArray = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class MergeHistory:
    """The merges that led from many components to few, with their costs.

    Parameters
    ----------
    children : ndarray of shape (n_merges, 2), int
        The two nodes of each merge. Nodes below ``n_components_init`` are the initial components;
        node ``n_components_init + m`` is the union made by merge m, as in
        `sklearn.cluster.AgglomerativeClustering`.
    costs : ndarray of shape (n_merges,)
        Cost of each merge, in the unit of the cost function; 0 where a component had lost all of
        its rows.
    rounds : ndarray of shape (n_rounds,), int
        Number of components at the start and after each round of merges.
    nodes : ndarray of shape (sum(rounds),), int
        Node of each component of each round.
    counts : ndarray of shape (sum(rounds),)
    resultants : ndarray or CSR array of shape (sum(rounds), n_features), float32
        Sufficient statistics of these components after the E steps that followed the merges; of a
        sample of the rows if there are many.
    n_components : ndarray of shape (n_iterations,), int
        Number of components in each EM iteration, up to the last one of the fit.
    log_likelihoods : ndarray of shape (n_iterations,)
        Mean log-likelihood per row in each iteration, in nats: the classification log-likelihood
        while components merge, and the lower bound of the fit afterwards.
    seconds : ndarray of shape (n_iterations,)
        Time at the end of each iteration, from the start of the fit.
    candidates : ndarray of shape (n_candidates,), int
        Numbers of components that `selection` compared; empty if the number was given.
    scores : ndarray of shape (n_candidates,)
        Their scores; greater is better.
    levels : ndarray of shape (n_levels,), int
        Natural numbers of components, the chosen one first; empty if the number was given.
    strengths : ndarray of shape (n_levels,)
        Their strengths, from 0 to 1; see `vmfmix.merging.levels.Level`.

    Examples
    --------
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> X, _ = make_vmf_mixture(500, n_features=8, n_components=4, random_state=0)
    >>> history = VMFMixture(random_state=0).fit(X).merge_history_
    >>> history.children.shape[0] == history.n_components_init - 1
    True
    >>> tree = history.linkage()  # for scipy.cluster.hierarchy
    """

    children: IntArray
    costs: FloatArray
    rounds: IntArray
    nodes: IntArray
    counts: FloatArray
    resultants: Any
    n_components: IntArray
    log_likelihoods: FloatArray
    seconds: FloatArray
    candidates: IntArray
    scores: FloatArray
    levels: IntArray = field(default_factory=lambda: np.empty(0, int))
    strengths: FloatArray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def from_path(
        cls,
        partitions: Sequence[Partition],
        iterations: Sequence[tuple[int, float, float]],
        scores: Mapping[int, float],
        levels: Sequence[Level] = (),
        scale: float = 1.0,
    ) -> MergeHistory:
        """Return the record of a merge path and of the fit that started with it.

        Parameters
        ----------
        partitions : list of Partition
        iterations : list of (n_components, log_likelihood, seconds)
        scores : dict
            {number of components: score}
        levels : list of Level, default=()
        scale : float, default=1.0
            Factor that turns the weights of the statistics into numbers of rows.
        """
        n_init = partitions[0].n_components
        nodes = [np.arange(n_init)]
        children: list[tuple[int, int]] = []
        costs: list[float] = []
        for partition in partitions[:-1]:
            node_of_component = nodes[-1].copy()
            for i, j, cost in partition.merges:
                children.append((node_of_component[i], node_of_component[j]))
                node_of_component[i] = n_init + len(costs)
                costs.append(cost)
            groups = groups_after(partition.merges, partition.n_components)
            node_of_group = np.zeros(groups.max() + 1, dtype=int)
            # Of the nodes in a group, the union has the greatest number.
            np.maximum.at(node_of_group, groups, node_of_component)
            nodes.append(node_of_group)
        n_components, log_likelihoods, seconds = zip(*iterations) if iterations else ((), (), ())
        statistics = [partition.statistics.scaled(scale) for partition in partitions]
        return cls(
            children=np.array(children, dtype=int).reshape(-1, 2),
            costs=np.array(costs, dtype=float),
            rounds=np.array([partition.n_components for partition in partitions]),
            nodes=np.concatenate(nodes),
            counts=np.concatenate([each.counts for each in statistics]),
            resultants=stacked([each.resultants.astype(np.float32) for each in statistics]),
            n_components=np.array(n_components, dtype=int),
            log_likelihoods=np.array(log_likelihoods, dtype=float),
            seconds=np.array(seconds, dtype=float),
            candidates=np.array(list(scores), dtype=int),
            scores=np.array(list(scores.values()), dtype=float),
            levels=np.array([level.n_components for level in levels], dtype=int),
            strengths=np.array([level.strength for level in levels], dtype=float),
        )

    @classmethod
    def of_components(
        cls, statistics: SufficientStatistics, *, cost: str = "likelihood", dim: float | None = None
    ) -> MergeHistory:
        """Return the merges of given components down to one, without reading rows.

        Parameters
        ----------
        statistics : SufficientStatistics
            Of the components; every count is positive.
        cost, dim
            See `vmfmix.merging.pairs.merge_components`.

        Returns
        -------
        MergeHistory
            Without iterations, scores and levels.
        """
        path = [Partition(statistics)]
        if path[0].n_components > 1:
            path[0].merges = merge_components(statistics, 1, cost=cost, dim=dim)
            path.append(Partition(statistics.merged(np.zeros(path[0].n_components, dtype=int))))
        return cls.from_path(path, [], {})

    @property
    def n_components_init(self) -> int:
        """Number of components that merging started from."""
        return int(self.rounds[0])

    def __repr__(self) -> str:
        return (
            f"MergeHistory({self.n_components_init} components merged down to {self.rounds[-1]} "
            f"in {len(self.rounds) - 1} rounds)"
        )

    def _repr_html_(self) -> str:
        from vmfmix._notebook.history import history_html

        return history_html(self)

    def range_of_similar_scores(self, tolerance: float = 0.03) -> tuple[int, int]:
        """Return the range of numbers around the chosen one that score almost as well.

        Parameters
        ----------
        tolerance : float, default=0.03
            Greatest difference from the best score, as a share of the difference between the best
            and the worst score.

        Returns
        -------
        smallest, largest : int
            All compared numbers between them are within the tolerance.

        Raises
        ------
        ValueError
            If the number of components was given, so that there are no scores.
        """
        if len(self.candidates) == 0:
            raise ValueError(
                "This history has no scores, because the number of components was given; fit with "
                'n_components="auto".'
            )
        order = np.argsort(self.candidates)
        numbers, scores = self.candidates[order], self.scores[order]
        best = np.nanmax(scores)
        is_similar = scores >= best - tolerance * (best - np.nanmin(scores))
        first = last = int(np.flatnonzero(scores == best)[0])
        while first > 0 and is_similar[first - 1]:
            first -= 1
        while last < len(numbers) - 1 and is_similar[last + 1]:
            last += 1
        return int(numbers[first]), int(numbers[last])

    def statistics(self, n_components: int) -> SufficientStatistics:
        """Return the sufficient statistics at another number of components on the path.

        Parameters
        ----------
        n_components : int
            From the smallest number on the path to `n_components_init`.

        Returns
        -------
        SufficientStatistics

        Raises
        ------
        ValueError
            If the number is not on the path.
        """
        block, merges = self._merges_within_round(n_components)
        counts, resultants = self.counts[block], self.resultants[block].astype(np.float64)
        statistics = SufficientStatistics(counts, resultants, 0.0, float(counts.sum()))
        component_of_node = {int(node): i for i, node in enumerate(self.nodes[block])}
        pairs = []
        for node, children in merges:
            i, j = (component_of_node.pop(child) for child in children)
            component_of_node[node] = i
            pairs.append((i, j))
        return statistics.merged(groups_after(pairs, len(counts)))

    def nodes_at(self, n_components: int) -> list[int]:
        """Return the node of each component at another number of components on the path.

        Parameters
        ----------
        n_components : int
            As for `statistics`, which has the components in the same order.

        Returns
        -------
        list of int
            A component that two numbers share has the same node at both.
        """
        block, merges = self._merges_within_round(n_components)
        nodes = self.nodes[block].tolist()
        for node, (first, second) in merges:
            nodes[nodes.index(first)] = node
            nodes.remove(second)
        return nodes

    def _merges_within_round(
        self, n_components: int
    ) -> tuple[slice, list[tuple[int, tuple[int, int]]]]:
        """Return the components of the last round before a number, and the merges that follow it.

        Returns
        -------
        block : slice
            The components, as positions in `nodes`, `counts` and `resultants`.
        merges : list of (node, (child, child))
        """
        smallest, largest = int(self.rounds[-1]), self.n_components_init
        if not smallest <= n_components <= largest:
            raise ValueError(
                f"n_components={n_components} is not on the merge path, which goes from {largest} "
                f"down to {smallest}; pass a number in this range, or fit again with another "
                "n_components_init."
            )
        position = int(np.flatnonzero(self.rounds >= n_components)[-1])
        block = slice(int(self.rounds[:position].sum()), int(self.rounds[: position + 1].sum()))
        merges = range(largest - int(self.rounds[position]), largest - int(n_components))
        pairs = self.children[merges.start : merges.stop].tolist()
        return block, [(largest + m, (i, j)) for m, (i, j) in zip(merges, pairs)]

    def linkage(self) -> FloatArray:
        """Return the merges as a linkage matrix for `scipy.cluster.hierarchy`.

        Returns
        -------
        ndarray of shape (n_merges, 4)
            The two children, the height, and the number of initial components in the union. The
            height is the greatest cost of all merges within the union, since a dendrogram cannot
            go down.

        Raises
        ------
        ValueError
            If the path does not go down to one component.
        """
        if self.rounds[-1] != 1:
            raise ValueError(
                f"The merge path stops at {self.rounds[-1]} components, and a linkage matrix needs "
                'all merges down to 1; fit again with n_components="auto".'
            )
        n_init = self.n_components_init
        heights, sizes = np.zeros(n_init + len(self.costs)), np.ones(n_init + len(self.costs))
        for merge, (pair, cost) in enumerate(zip(self.children, self.costs)):
            heights[n_init + merge] = max(cost, *heights[pair])
            sizes[n_init + merge] = sizes[pair].sum()
        return np.column_stack([self.children, heights[n_init:], sizes[n_init:]]).astype(float)

    def is_consistent(self, n_features: int) -> bool:
        """Return whether the arrays describe a merge path; those of a damaged file may not.

        Parameters
        ----------
        n_features : int

        Returns
        -------
        bool
        """
        return self._has_valid_shapes(n_features) and self._is_a_tree()

    def _has_valid_shapes(self, n_features: int) -> bool:
        rounds = self.rounds
        integers = (
            rounds,
            self.children,
            self.nodes,
            self.n_components,
            self.candidates,
            self.levels,
        )
        if any(values.dtype.kind != "i" for values in integers) or len(rounds) == 0:
            return False
        n_merges, n_nodes = int(rounds[0]) - int(rounds[-1]), int(rounds.sum())
        n_iterations = len(self.n_components)
        shapes = [
            (self.children, (n_merges, 2)),
            (self.costs, (n_merges,)),
            (self.nodes, (n_nodes,)),
            (self.counts, (n_nodes,)),
            (self.resultants, (n_nodes, n_features)),
            (self.log_likelihoods, (n_iterations,)),
            (self.seconds, (n_iterations,)),
            (self.scores, (len(self.candidates),)),
            (self.strengths, (len(self.levels),)),
        ]
        if any(values.shape != shape for values, shape in shapes):
            return False
        entries = self.resultants.data if sp.issparse(self.resultants) else self.resultants
        return bool(np.isfinite(entries).all() and (self.counts > 0).all())

    def _is_a_tree(self) -> bool:
        """Return whether each merge joins two existing nodes, and each round lists those left."""
        if self.rounds[-1] < 1 or (np.diff(self.rounds) >= 0).any():
            return False
        n_init = self.n_components_init
        existing, merge, first = set(range(n_init)), 0, 0
        for size in self.rounds.tolist():
            for pair in self.children[merge : n_init - size].tolist():
                if pair[0] == pair[1] or not existing.issuperset(pair):
                    return False
                existing.difference_update(pair)
                existing.add(n_init + merge)
                merge += 1
            if set(self.nodes[first : first + size].tolist()) != existing:
                return False
            first += size
        return True

    def plot(self, ax: Any = None, label: str | None = None) -> Any:
        """Plot the number of components per iteration; see `vmfmix.plotting.plot_merging`."""
        from vmfmix.plotting import plot_merging

        return plot_merging(self, ax=ax, label=label)

    def plot_scores(self, ax: Any = None) -> Any:
        """Plot the selection score of each number; see `vmfmix.plotting.plot_scores`."""
        from vmfmix.plotting import plot_scores

        return plot_scores(self, ax=ax)

    def plot_dendrogram(self, n_components: int = 30, ax: Any = None) -> Any:
        """Plot the last merges as a tree; see `vmfmix.plotting.plot_dendrogram`."""
        from vmfmix.plotting import plot_dendrogram

        return plot_dendrogram(self, n_components=n_components, ax=ax)
