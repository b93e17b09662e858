"""The record of a fit that merged components: merges, costs, scores and log-likelihoods."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from vmfmix.merging.pairs import groups_after
from vmfmix.model.matrices import stacked
from vmfmix.model.statistics import SufficientStatistics


@dataclass(frozen=True, eq=False)
class MergeHistory:
    """What was merged on the way from many components to few, and what it cost.

    Parameters
    ----------
    children : ndarray of shape (n_merges, 2), int
        The two nodes of each merge. Nodes below ``n_components_init`` are the components that were
        started from; node ``n_components_init + m`` is the union made by merge m, as in
        `sklearn.cluster.AgglomerativeClustering`.
    costs : ndarray of shape (n_merges,)
        What each merge cost, in the unit of the cost function; 0 where a component had come to own
        no rows.
    rounds : ndarray of shape (n_rounds,), int
        Number of components at the start and after each round of merges.
    nodes : ndarray of shape (sum(rounds),), int
        Node of each component of each round.
    counts : ndarray of shape (sum(rounds),)
    resultants : ndarray or CSR array of shape (sum(rounds), n_features), float32
        Sufficient statistics of these components after the EM steps that followed the merges; of
        a sample of the rows where there are many.
    n_components : ndarray of shape (n_iterations,), int
        Number of components in each EM iteration, to the last one of the fit.
    log_likelihoods : ndarray of shape (n_iterations,)
        Mean log-likelihood per row in each iteration, in nats: classification log-likelihood while
        components merge, and the lower bound of the fit afterwards.
    seconds : ndarray of shape (n_iterations,)
        When each iteration ended, from the start of the fit.
    candidates : ndarray of shape (n_candidates,), int
        Numbers of components between which `selection` chose; empty if the number was given.
    scores : ndarray of shape (n_candidates,)
        Their scores; greater is better.

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

    children: np.ndarray
    costs: np.ndarray
    rounds: np.ndarray
    nodes: np.ndarray
    counts: np.ndarray
    resultants: np.ndarray
    n_components: np.ndarray
    log_likelihoods: np.ndarray
    seconds: np.ndarray
    candidates: np.ndarray
    scores: np.ndarray

    @property
    def n_components_init(self):
        """Number of components that merging started from."""
        return int(self.rounds[0])

    def __repr__(self):
        return (
            f"MergeHistory({self.n_components_init} components merged down to {self.rounds[-1]} "
            f"in {len(self.rounds) - 1} rounds)"
        )

    def is_consistent(self, n_features):
        """Whether this can be a merge path: what a file holds may be damaged.

        Parameters
        ----------
        n_features : int

        Returns
        -------
        bool
        """
        rounds, children = self.rounds, self.children
        whole = (rounds, children, self.nodes, self.n_components, self.candidates)
        if any(values.dtype.kind != "i" for values in whole) or len(rounds) == 0:
            return False
        most, n_merges = int(rounds[0]), int(rounds[0]) - int(rounds[-1])
        n_nodes, n_iterations = int(rounds.sum()), len(self.n_components)
        shapes = [
            (children, (n_merges, 2)),
            (self.costs, (n_merges,)),
            (self.nodes, (n_nodes,)),
            (self.counts, (n_nodes,)),
            (self.resultants, (n_nodes, n_features)),
            (self.log_likelihoods, (n_iterations,)),
            (self.seconds, (n_iterations,)),
            (self.scores, (len(self.candidates),)),
        ]
        if any(values.shape != shape for values, shape in shapes):
            return False
        if rounds[-1] < 1 or (np.diff(rounds) >= 0).any():
            return False
        entries = self.resultants.data if sp.issparse(self.resultants) else self.resultants
        if not (np.isfinite(entries).all() and (self.counts > 0).all()):
            return False
        alive, merged, first = set(range(most)), 0, 0
        for size in rounds.tolist():  # of what is there, two at a time become one
            for pair in children[merged : most - size].tolist():
                if pair[0] == pair[1] or not alive.issuperset(pair):
                    return False
                alive.difference_update(pair)
                alive.add(most + merged)
                merged += 1
            if set(self.nodes[first : first + size].tolist()) != alive:
                return False
            first += size
        return True

    def statistics(self, n_components):
        """Sufficient statistics with so many components, cut from the path.

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
            If the path does not have that number.
        """
        least, most = int(self.rounds[-1]), self.n_components_init
        if not least <= n_components <= most:
            raise ValueError(
                f"n_components={n_components} is not on the merge path, which has {least} to "
                f"{most}; pass one of these, or fit with another n_components_init."
            )
        position = int(np.flatnonzero(self.rounds >= n_components)[-1])
        here = slice(int(self.rounds[:position].sum()), int(self.rounds[: position + 1].sum()))
        counts, resultants = self.counts[here], self.resultants[here].astype(np.float64)
        statistics = SufficientStatistics(counts, resultants, 0.0, float(counts.sum()))
        place = {int(node): i for i, node in enumerate(self.nodes[here])}
        first = most - int(self.rounds[position])
        merges = []
        for merge in range(first, most - n_components):
            i, j = (place.pop(int(child)) for child in self.children[merge])
            place[most + merge] = i
            merges.append((i, j))
        return statistics.merged(groups_after(merges, len(counts)))

    def linkage(self):
        """The merges as a linkage matrix for `scipy.cluster.hierarchy`.

        Returns
        -------
        ndarray of shape (n_merges, 4)
            Children, height (the greatest cost of all merges within the union: a tree cannot go
            down) and number of starting components in it.

        Raises
        ------
        ValueError
            If the path does not go down to one component.
        """
        if self.rounds[-1] != 1:
            raise ValueError(
                f"The merge path stops at {self.rounds[-1]} components, and a linkage needs all "
                'merges down to 1; fit with n_components="auto".'
            )
        most = self.n_components_init
        heights, sizes = np.zeros(most + len(self.costs)), np.ones(most + len(self.costs))
        for merge, (pair, cost) in enumerate(zip(self.children, self.costs)):
            heights[most + merge] = max(cost, *heights[pair])
            sizes[most + merge] = sizes[pair].sum()
        return np.column_stack([self.children, heights[most:], sizes[most:]]).astype(float)

    def plot(self, ax=None, label=None):
        """Number of components in each EM iteration; see `vmfmix.plotting.plot_merging`."""
        from vmfmix.plotting import plot_merging

        return plot_merging(self, ax=ax, label=label)

    def plot_scores(self, ax=None):
        """Selection score of each number; see `vmfmix.plotting.plot_scores`."""
        from vmfmix.plotting import plot_scores

        return plot_scores(self, ax=ax)

    def plot_dendrogram(self, n_components=30, ax=None):
        """The last merges as a tree; see `vmfmix.plotting.plot_dendrogram`."""
        from vmfmix.plotting import plot_dendrogram

        return plot_dendrogram(self, n_components=n_components, ax=ax)

    @classmethod
    def of(cls, partitions, iterations, scores, scale=1.0):
        """What is to be remembered of a merge path and of the fit that began with it.

        Parameters
        ----------
        partitions : list of Partition
        iterations : list of (n_components, log_likelihood, seconds)
        scores : dict
            {number of components: score}
        scale : float, default=1.0
            What to multiply statistics by to make counts those of rows.
        """
        most = partitions[0].n_components
        nodes = [np.arange(most)]
        children: list = []
        costs: list = []
        for partition in partitions[:-1]:
            of_component = nodes[-1].copy()
            for i, j, cost in partition.merges:
                children.append((of_component[i], of_component[j]))
                of_component[i] = most + len(costs)
                costs.append(cost)
            groups = groups_after(partition.merges, partition.n_components)
            of_group = np.zeros(groups.max() + 1, dtype=int)
            np.maximum.at(of_group, groups, of_component)  # the union has the greatest number
            nodes.append(of_group)
        n_components, log_likelihoods, seconds = zip(*iterations)
        statistics = [partition.statistics.scaled(scale) for partition in partitions]
        return cls(
            children=np.array(children, dtype=int).reshape(-1, 2),
            costs=np.array(costs, dtype=float),
            rounds=np.array([partition.n_components for partition in partitions]),
            nodes=np.concatenate(nodes),
            counts=np.concatenate([each.counts for each in statistics]),
            resultants=stacked([each.resultants.astype(np.float32) for each in statistics]),
            n_components=np.array(n_components),
            log_likelihoods=np.array(log_likelihoods),
            seconds=np.array(seconds),
            candidates=np.array(list(scores), dtype=int),
            scores=np.array(list(scores.values()), dtype=float),
        )
