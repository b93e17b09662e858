"""Columns of the table of clusters in a report."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from vmfmix.inspection import describe
from vmfmix.inspection.cluster_names import given_names
from vmfmix.inspection.fitted_model import FittedMixture, RowsLike
from vmfmix.inspection.labels import compare_clusters
from vmfmix.report.json_values import rounded

CLEAR_RATIO = 4  # of the probabilities of two clusters; at least 80 % if there are only two
_N_FEATURES = 6  # named features of each cluster


def cluster_columns(
    model: FittedMixture,
    X: RowsLike,
    membership: dict[str, np.ndarray],
    labels: np.ndarray | None,
    words: list[list[str]] | None,
) -> dict[str, list[Any]]:
    """Return the columns of the table of clusters.

    Parameters
    ----------
    model : VMFMixture
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    membership : dict of ndarray
        See `vmfmix.inspection.row_membership.membership_columns`, with ``likely_probability``.
    labels : ndarray of shape (n_samples,) or None
    words : list of list of str or None
        Typical words of each cluster, and perhaps of others after these.

    Returns
    -------
    dict of list
        ``size`` and ``share``, which count the rows of noise as well; ``clear``, the share of the
        rows for which it is at least four times as probable as any other; ``concentration``,
        ``radius``, ``nearest_cluster`` and ``nearest_cosine`` as in `describe`; ``name`` if
        clusters have names; ``words`` of texts; ``features``, the names of those that are highest
        above the average; ``label``, the most frequent one, and ``purity``, its share.
    """
    members, n_clusters = membership["component"], model.n_components_
    table, names = describe(model, X), given_names(model)
    in_clusters = members >= 0
    sizes = np.bincount(members[in_clusters], minlength=n_clusters)
    likely = membership["likely_probability"][in_clusters]
    is_clear = likely[:, 0] >= CLEAR_RATIO * likely[:, 1:].max(axis=1, initial=0.0)
    angles = np.degrees(np.arccos(np.clip(membership["similarity"][in_clusters], -1.0, 1.0)))
    with np.errstate(invalid="ignore"):  # 0 / 0 for clusters without rows
        clear = np.bincount(members[in_clusters], is_clear, n_clusters) / sizes
        radius = np.bincount(members[in_clusters], angles, n_clusters) / sizes
    columns: dict[str, list[Any]] = {
        **({} if names is None else {"name": names}),
        "size": sizes.tolist(),
        "share": rounded(sizes / len(members), 6),
        "clear": rounded(clear),
        "nearest_cluster": np.asarray(table["nearest_cluster"]).tolist(),
        "radius": rounded(radius),
        **{name: rounded(table[name]) for name in ("concentration", "nearest_cosine")},
    }
    if words is not None:
        columns["words"] = words[:n_clusters]
    elif (feature_names := getattr(model, "feature_names_in_", None)) is not None:
        columns["features"] = _highest_features(model, feature_names)
    if labels is not None:
        columns["label"], columns["purity"] = _most_frequent(members, X, labels, n_clusters)
    return columns


def _most_frequent(
    members: np.ndarray, X: RowsLike, labels: np.ndarray, n_clusters: int
) -> tuple[list[str], list[float | None]]:
    """Return the most frequent label of each cluster and its share; "" and None if it is empty."""
    table = compare_clusters(members, X, labels)
    names, purity = [""] * n_clusters, np.full(n_clusters, np.nan)
    columns = (np.asarray(table[name]).tolist() for name in ("cluster", "label", "purity"))
    for cluster, label, share in zip(*columns):
        if cluster >= 0:
            names[cluster], purity[cluster] = str(label), share
    return names, rounded(purity)


def _highest_features(model: FittedMixture, names: np.ndarray) -> list[list[str]]:
    """Return the names of the features in which each mean direction is highest above the average.

    The average is that of the mean directions, weighted by the components.
    """
    means = model.means_
    average = np.asarray(model.weights_ @ means).ravel() / model.weights_.sum()
    found = []
    for k in range(model.n_components_):
        row = means[[k]]
        row = row.toarray() if sp.issparse(row) else np.asarray(row)
        above = row.ravel() - average
        highest = np.argsort(-above, kind="stable")[:_N_FEATURES]
        found.append([str(names[feature]) for feature in highest if above[feature] > 0])
    return found
