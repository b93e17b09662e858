"""The clusters of a report at larger numbers of clusters, cut from the merge path of the fit."""

from typing import Any

import numpy as np

from vmfmix.inspection.clusters import nearest_rows
from vmfmix.inspection.fitted_model import FittedMixture, MergeRecord, RowsLike
from vmfmix.report.directions import directions_of, own_cosines
from vmfmix.report.json_values import rounded
from vmfmix.report.smoothed_rows import smoothed_once

_N_LEVELS = 16  # numbers of clusters on the slider, without those next to the number of the fit
_N_ADJACENT = 3  # numbers above that of the fit, always on the slider
_MAX_RATIO = 4  # largest number of clusters on the slider, relative to that of the fit ...
_MIN_LARGEST = 40  # ... unless this is larger
_N_EXEMPLARS = 3  # typical rows of each cluster
_MAX_SOURCES = 5  # clusters of the fit that are listed as sources of a cluster
_MIN_SOURCE_SHARE = 0.05


def merge_levels(
    model: FittedMixture, shown: RowsLike, rows: np.ndarray, labels: np.ndarray
) -> tuple[dict[str, Any] | None, np.ndarray]:
    """Return the clusters at numbers above that of the fit, and the rows that these show.

    Below it, the clusters of the fit are joined; see `vmfmix.report.merge_tree`.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.
    shown : {array-like, CSR matrix} of shape (n_shown, n_features)
        Rows that are in the report.
    rows : ndarray of shape (n_shown,), int
        Their positions in the data.
    labels : ndarray of shape (n_shown,), int
        Clusters that the model predicts for them.

    Returns
    -------
    contents : dict or None
        ``n_components`` of the fit; ``levels``, which may be empty, with ``number``, ``strength``
        (None unless the number is natural), and for each cluster ``share``, ``exemplars`` and
        ``sources`` (see `_source_clusters`); ``candidates`` and ``scores`` of the selection.
        None if nothing was merged.
    exemplars : ndarray of int
        All exemplars, as positions in the data.
    """
    if not hasattr(model, "merge_history_"):
        return None, np.empty(0, dtype=np.int64)
    history: MergeRecord = model.merge_history_
    strengths = dict(zip(history.levels.tolist(), rounded(history.strengths)))
    shown, adapted = smoothed_once(model, shown)
    directions = directions_of(adapted(model), shown)
    levels, exemplars = [], []
    for number in _numbers_of_clusters(history, model.n_components_, len(rows)):
        cut = adapted(model.merge_to(number))
        cut_labels = cut.predict(shown)
        cosines = own_cosines(directions, cut.means_, cut_labels)
        nearest = nearest_rows(cut_labels, cosines, number, _N_EXEMPLARS)
        chosen = np.where(nearest >= 0, rows[nearest], -1)
        exemplars.append(chosen[chosen >= 0])
        sizes = np.bincount(cut_labels[cut_labels >= 0], minlength=number)
        levels.append(
            {
                "number": number,
                "strength": strengths.get(number),
                "share": rounded(sizes / len(rows)),
                "exemplars": chosen.tolist(),
                "sources": _source_clusters(cut_labels, labels, number),
            }
        )
    contents = {
        "n_components": model.n_components_,
        "levels": levels,
        "candidates": history.candidates.tolist(),
        "scores": rounded(history.scores, 6),
    }
    return contents, np.concatenate([np.empty(0, dtype=np.int64), *exemplars])


def _numbers_of_clusters(history: MergeRecord, n_components: int, n_rows: int) -> list[int]:
    """Return the numbers of clusters to show, all above that of the fit.

    They are some next to that of the fit, a geometric range, and the natural ones. The fit
    is beyond the merge path if clusters were merged or split because of their sizes.
    """
    smallest = max(int(history.rounds[-1]), n_components + 1)
    largest = min(history.n_components_init, max(_MAX_RATIO * n_components, _MIN_LARGEST), n_rows)
    if smallest > largest:
        return []
    spread = np.geomspace(smallest, largest, _N_LEVELS).round().astype(int).tolist()
    near = range(smallest, min(n_components + _N_ADJACENT, largest) + 1)
    natural = {number for number in history.levels.tolist() if smallest <= number <= n_rows}
    return sorted({*spread, *near, *natural})


def _source_clusters(
    labels: np.ndarray, fit_labels: np.ndarray, n_clusters: int
) -> list[list[tuple[int, float]]]:
    """Return which clusters of the fit each cluster consists of.

    Parameters
    ----------
    labels, fit_labels : ndarray of shape (n_shown,), int
        Cluster of each row at this number of clusters, and in the fit.
    n_clusters : int

    Returns
    -------
    list of list
        For each cluster, pairs (cluster of the fit, share of the rows): at most the five largest,
        and those above 5 % only.
    """
    n_fit_clusters = int(fit_labels.max(initial=0)) + 2  # the background, -1, has column 0
    counts = np.zeros((n_clusters, n_fit_clusters))
    in_clusters = labels >= 0
    np.add.at(counts, (labels[in_clusters], fit_labels[in_clusters] + 1), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    largest = np.argsort(-shares, axis=1, kind="stable")[:, :_MAX_SOURCES]
    return [
        [
            (int(column) - 1, round(float(cluster_shares[column]), 4))
            for column in columns
            if cluster_shares[column] > _MIN_SOURCE_SHARE
        ]
        for cluster_shares, columns in zip(shares, largest)
    ]
