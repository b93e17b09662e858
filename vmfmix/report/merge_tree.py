"""The tree in which the clusters of a report merge: its nodes, heights, order and contents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix.inspection.fitted_model import FittedMixture
from vmfmix.inspection.phrases import are_similar
from vmfmix.merging import MergeHistory
from vmfmix.model.statistics import SufficientStatistics
from vmfmix.report.json_values import significant

_N_POOLED = 150  # nodes whose texts are counted together, those nearest to the root
_N_WORDS = 5  # of a node


@dataclass(frozen=True)
class MergeTree:
    """The merges of the clusters with rows, down to one.

    Parameters
    ----------
    children : ndarray of shape (n_merges, 2), int
        The two nodes of each merge, the larger one first. Nodes below the number of clusters are
        clusters, and node ``n_clusters + m`` is the union made by merge m. Clusters without rows
        are in no merge.
    heights : ndarray of shape (n_merges,)
        Cost of each merge, or of a more expensive one before it, relative to that of the last.
    sizes : ndarray of shape (n_clusters + n_merges,), int
        Number of rows of each node.
    """

    children: NDArray[np.int64]
    heights: NDArray[np.float64]
    sizes: NDArray[np.int64]

    @property
    def n_clusters(self) -> int:
        """Number of clusters, also of those without rows."""
        return len(self.sizes) - len(self.children)

    @property
    def n_filled(self) -> int:
        """Number of clusters with rows."""
        return int(np.count_nonzero(self.sizes[: self.n_clusters]))

    @cached_property
    def members(self) -> list[list[int]]:
        """The clusters of each node, in the order of the tree."""
        members = [[cluster] for cluster in range(self.n_clusters)]
        for first, second in self.children.tolist():
            members.append(members[first] + members[second])
        return members

    @property
    def pooled_nodes(self) -> list[int]:
        """The clusters, and the unions near the root, whose words `node_words` needs."""
        n_nodes = len(self.sizes)
        return [
            *range(self.n_clusters),
            *range(max(self.n_clusters, n_nodes - _N_POOLED), n_nodes),
        ]


def merge_tree(directions: Any, clusters: NDArray[np.integer], n_clusters: int) -> MergeTree:
    """Return the tree in which clusters merge, from the sums of their rows.

    Parameters
    ----------
    directions : {ndarray, CSR matrix} of shape (n_rows, n_features)
        Unit rows.
    clusters : ndarray of shape (n_rows,), int
        Their clusters; those of negative clusters are left out.
    n_clusters : int

    Returns
    -------
    MergeTree
        Without merges if fewer than two clusters have rows.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.report.merge_tree import merge_tree
    >>> rows = np.array([[1.0, 0.0], [0.9, 0.1], [0.8, 0.3], [-1.0, 0.0]])
    >>> merge_tree(rows, np.array([0, 0, 2, 1]), 3).children.tolist()
    [[0, 2], [3, 1]]
    """
    members = np.flatnonzero(clusters >= 0)
    sizes = np.bincount(clusters[members], minlength=n_clusters)
    filled = np.flatnonzero(sizes)
    if len(filled) < 2:
        return MergeTree(np.empty((0, 2), np.int64), np.empty(0), sizes)
    ones = np.ones(len(members))
    sums = sp.csr_array((ones, (clusters[members], members)), shape=(n_clusters, len(clusters)))
    statistics = SufficientStatistics(
        sizes[filled].astype(float), (sums @ directions)[filled], 0.0, float(len(clusters))
    )
    history = MergeHistory.of_components(statistics)
    nodes = np.append(filled, n_clusters + np.arange(len(filled) - 1))
    all_sizes = np.append(sizes, np.zeros(len(filled) - 1, dtype=sizes.dtype))
    children = nodes[history.children]
    for merge, pair in enumerate(children):
        pair[:] = sorted(pair.tolist(), key=lambda node: (-all_sizes[node], node))
        all_sizes[n_clusters + merge] = all_sizes[pair].sum()
    return MergeTree(children, _heights(history.costs), all_sizes)


def _heights(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return increasing heights up to 1; those of equal steps if the costs say nothing."""
    heights = np.maximum.accumulate(np.where(np.isfinite(costs), np.maximum(costs, 0.0), 0.0))
    if heights[-1] <= 0.0:
        heights = np.arange(1.0, len(costs) + 1.0)
    return heights / heights[-1]


def node_words(tree: MergeTree, words: Sequence[list[str]]) -> list[list[str]]:
    """Return words for each node: those that its two parts share, then those of each in turn.

    The words that are most frequent in a union are often those of one part only, so that a node and
    its parts would have the same ones.

    Parameters
    ----------
    tree : MergeTree
    words : list of list of str
        Typical words of each of `MergeTree.pooled_nodes`, most typical first.

    Returns
    -------
    list of list of str
        At most five words for each node.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.report.merge_tree import MergeTree, node_words
    >>> tree = MergeTree(np.array([[0, 1]]), np.array([1.0]), np.array([5, 4, 9]))
    >>> words = [["rain", "weather"], ["sun", "weather"], ["rain", "weather", "sun"]]
    >>> node_words(tree, words)[2]
    ['weather', 'rain', 'sun']
    """
    pooled = dict(zip(tree.pooled_nodes, words, strict=True))
    found = [pooled[cluster] for cluster in range(tree.n_clusters)]
    for merge, (first, second) in enumerate(tree.children.tolist()):
        parts = [pooled.get(node, found[node]) for node in (first, second)]
        common = pooled.get(tree.n_clusters + merge, parts[0])
        shared = [word for word in common[:_N_WORDS] if all(word in part for part in parts)]
        in_turn = (word for pair in zip_longest(*parts) for word in pair)
        chosen: list[str] = []
        for word in (*shared, *in_turn):
            if word is not None and not any(are_similar(word, other) for other in chosen):
                chosen.append(word)
        found.append(chosen[:_N_WORDS])
    return [of_node[:_N_WORDS] for of_node in found]


def tree_contents(
    tree: MergeTree,
    model: FittedMixture,
    words: Sequence[list[str]] | None,
    colors: dict[str, list[str]],
) -> dict[str, Any] | None:
    """Return the tree as JSON values.

    Parameters
    ----------
    tree : MergeTree
    model : VMFMixture
        Fitted model, for its natural numbers of clusters.
    words : list of list of str or None
        Words of each node; see `node_words`. None if there are no texts.
    colors : dict
        Colors of all nodes; see `vmfmix.report.colors.node_colors`.

    Returns
    -------
    dict or None
        ``children``, ``heights`` and ``color`` of the merges; ``natural``, a list of
        (number, strength) of the natural numbers that the tree can be cut into, in increasing
        order; and with texts the ``words`` of the merges. None without merges.
    """
    if not len(tree.children):
        return None
    history = getattr(model, "merge_history_", None)
    levels = () if history is None else zip(history.levels.tolist(), history.strengths.tolist())
    natural = [
        (number, round(strength, 4))
        for number, strength in sorted(levels)
        if 1 < number <= len(tree.children) + 1
    ]
    return {
        "children": tree.children.tolist(),
        "heights": significant(tree.heights, 5),
        "natural": natural,
        "color": {mode: of[tree.n_clusters :] for mode, of in colors.items()},
        **({} if words is None else {"words": [*words[tree.n_clusters :]]}),
    }
