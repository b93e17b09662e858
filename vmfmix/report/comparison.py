"""Comparison of the clusters of a report with another clustering of the same rows."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from sklearn.utils.validation import check_is_fitted

from vmfmix.inspection.cluster_names import names_or_numbers
from vmfmix.inspection.fitted_model import RowsLike
from vmfmix.inspection.labels import encode_labels
from vmfmix.inspection.missing_values import as_strings, python_values
from vmfmix.metrics import clustering_report
from vmfmix.report.json_values import rounded

_MAX_FLOWS = 4000  # pairs of clusters with rows in common
_MAX_MOVED = 200  # rows that moved
_OUTSIDE = ("-1", "-1.0")  # labels of rows without a cluster


@dataclass(frozen=True)
class Grouping:
    """Another clustering of the rows of a report.

    Parameters
    ----------
    name : str
        What the page calls it.
    codes : ndarray of shape (n_samples,), int
        Cluster of each row; -1 for rows without one.
    names : list of str
        Name of each cluster.
    """

    name: str
    codes: NDArray[np.int64]
    names: list[str]

    @property
    def numbered(self) -> bool:
        """Whether some clusters are known by numbers only."""
        return any(name.isdigit() for name in self.names)

    def with_words(self, words: list[list[str]]) -> "Grouping":
        """Return the same clustering, with three typical words of clusters after their numbers."""
        found = [*words, *[[]] * len(self.names)]
        named = [
            " ".join([name, ", ".join(of[:3])]).strip() if name.isdigit() else name
            for name, of in zip(self.names, found)
        ]
        return replace(self, names=named)


def as_grouping(other: Any, X: RowsLike, name: str) -> Grouping:
    """Return another clustering of the rows, given as a fitted model or as labels.

    Parameters
    ----------
    other : VMFMixture or array-like of shape (n_samples,)
        A fitted model, or the cluster of each row. The label -1 is no cluster.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    name : str

    Returns
    -------
    Grouping

    Raises
    ------
    ValueError
        If the model was fitted to rows of another length, there is not one label for each row, or
        a label is missing.
    """
    if hasattr(other, "predict"):
        check_is_fitted(other)
        if other.n_features_in_ != X.shape[1]:
            raise ValueError(
                f"compare_with was fitted to rows of {other.n_features_in_} numbers and X has rows "
                f"of {X.shape[1]}; pass a model of the same kind of rows, or its labels."
            )
        names = names_or_numbers(other) if hasattr(other, "n_components_") else None
        codes = np.asarray(other.predict(X), np.int64)
        return Grouping(name, codes, names or [str(k) for k in range(codes.max(initial=-1) + 1)])
    values = python_values(other)
    if len(values) != X.shape[0]:
        raise ValueError(
            f"compare_with has {len(values)} labels and X has {X.shape[0]} rows; pass one label "
            "for each row."
        )
    found, codes = encode_labels(X, other, "compare_with")
    names = as_strings(found)
    is_cluster = np.array([name not in _OUTSIDE for name in names], dtype=bool)
    numbers = np.where(is_cluster, np.cumsum(is_cluster) - 1, -1)
    return Grouping(name, numbers[codes], [name for name in names if name not in _OUTSIDE])


def comparison_contents(
    clusters: NDArray[np.int64], other: Grouping | None, probabilities: np.ndarray
) -> dict[str, Any] | None:
    """Return the comparison of the clusters with another clustering, as JSON values.

    A cluster here corresponds to one of the other clustering if most rows of either are in both.
    Clusters that are linked in this way, directly or not, form a group.

    Parameters
    ----------
    clusters : ndarray of shape (n_samples,), int
        Cluster of each row; -1 for rows without one.
    other : Grouping or None
    probabilities : ndarray of shape (n_samples,)
        Probability of the cluster of each row.

    Returns
    -------
    dict or None
        ``name`` of the other clustering and ``names`` of its clusters; ``ami`` and ``ari``;
        ``sizes`` of the clusters of both; the number of rows ``outside`` of
        them; ``groups``, the largest first, with ``kind`` ("same", "changed", "split", "merged",
        "rearranged", "new" or "gone"), ``others``, ``clusters`` and ``shared``, the share of their
        rows that is on both sides; ``flows`` (other cluster, cluster, rows),
        the largest first, and ``n_flows``, the number of all; ``n_moved``, the number of rows
        that are not in the same group on both sides, and ``row``, the surest of them. None
        without another clustering.
    """
    if other is None:
        return None
    n_other, n_here = len(other.names), int(clusters.max(initial=-1)) + 1
    # Nodes: the other clusters and the rows without one, then those here in the same way.
    nodes = (
        np.where(other.codes < 0, n_other, other.codes),
        np.where(clusters < 0, n_here, clusters),
    )
    table = sp.csr_array((np.ones(len(clusters), np.int64), nodes), (n_other + 1, n_here + 1))
    table.sum_duplicates()
    flows = table.tocoo()
    order = np.argsort(-flows.data, kind="stable")
    flows = sp.coo_array((flows.data[order], tuple(of[order] for of in flows.coords)), table.shape)
    sizes = np.asarray(table.sum(axis=1)).ravel(), np.asarray(table.sum(axis=0)).ravel()
    group_of = _linked(flows, sizes)
    moved = np.flatnonzero(group_of[0][nodes[0]] != group_of[1][nodes[1]])
    surest = moved[np.argsort(-probabilities[moved], kind="stable")[:_MAX_MOVED]]
    scores = clustering_report(other.codes, clusters)
    listed = np.column_stack([*flows.coords, flows.data])[:_MAX_FLOWS]
    listed[listed[:, 0] == n_other, 0] = -1
    listed[listed[:, 1] == n_here, 1] = -1
    return {
        "name": other.name,
        "names": other.names,
        "ami": rounded([scores["adjusted_mutual_info"]])[0],
        "ari": rounded([scores["adjusted_rand"]])[0],
        "sizes": [of[:-1].tolist() for of in sizes],
        "outside": [int(of[-1]) for of in sizes],
        "groups": _groups(flows, sizes, group_of),
        "flows": listed.tolist(),
        "n_flows": len(flows.data),
        "n_moved": len(moved),
        "row": surest.tolist(),
    }


def _linked(
    flows: sp.coo_array, sizes: tuple[np.ndarray, np.ndarray]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the group of each other cluster and of each cluster; -1 for rows without one."""
    n_other, n_here = flows.shape
    one, two = flows.coords
    is_main = (2 * flows.data > sizes[0][one]) | (2 * flows.data > sizes[1][two])
    is_main &= (one < n_other - 1) & (two < n_here - 1)
    n_nodes = n_other + n_here
    links = (one[is_main], n_other + two[is_main])
    graph = sp.coo_array((np.ones(is_main.sum()), links), shape=(n_nodes, n_nodes))
    groups = connected_components(graph, directed=False)[1].astype(np.int64)
    groups[[n_other - 1, -1]] = -1
    return groups[:n_other], groups[n_other:]


def _groups(
    flows: sp.coo_array,
    sizes: tuple[np.ndarray, np.ndarray],
    group_of: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> list[dict[str, Any]]:
    """Return the groups of clusters, the largest first, as in `comparison_contents`."""
    one, two = (groups[nodes] for groups, nodes in zip(group_of, flows.coords))
    n_groups = max(int(groups.max()) for groups in group_of) + 1
    is_within = (one == two) & (one >= 0)
    within = np.bincount(one[is_within], flows.data[is_within], n_groups)
    totals = [np.bincount(groups[:-1], of[:-1], n_groups) for groups, of in zip(group_of, sizes)]
    members: list[tuple[list[int], list[int]]] = [([], []) for _ in range(n_groups)]
    for side in (0, 1):
        for node in np.argsort(-sizes[side][:-1], kind="stable").tolist():
            if sizes[side][node]:
                members[group_of[side][node]][side].append(node)
    found = []
    for group in np.argsort(-np.maximum(*totals), kind="stable").tolist():
        others, here = members[group]
        if others or here:
            shared = within[group] / (totals[0][group] + totals[1][group] - within[group])
            found.append(
                {
                    "kind": _kind(len(others), len(here), shared),
                    "others": others,
                    "clusters": here,
                    "shared": round(float(shared), 4),
                }
            )
    return found


def _kind(n_others: int, n_here: int, shared: float) -> str:
    if n_others == 0 or n_here == 0:
        return "new" if n_here else "gone"
    if n_others == n_here == 1:
        return "same" if shared >= 0.5 else "changed"
    if n_others == 1:
        return "split"
    return "merged" if n_here == 1 else "rearranged"
