"""The data that a report shows, gathered from a fitted model and its rows."""

from collections.abc import Callable
from typing import Any

import numpy as np

from vmfmix.inspection import neighbors
from vmfmix.inspection.cluster_names import given_noise
from vmfmix.inspection.clusters import nearest_rows
from vmfmix.inspection.fitted_model import FittedMixture, RowsLike, smoother_of
from vmfmix.inspection.row_membership import membership_columns
from vmfmix.inspection.rows import evenly_spaced, take_rows
from vmfmix.metrics import clustering_report
from vmfmix.plotting.axes import COLORS
from vmfmix.report.cluster_columns import CLEAR_RATIO, cluster_columns
from vmfmix.report.colors import node_colors
from vmfmix.report.comparison import Grouping, comparison_contents
from vmfmix.report.coordinates import encoded
from vmfmix.report.directions import directions_of
from vmfmix.report.editing import editing_contents
from vmfmix.report.json_values import truncated
from vmfmix.report.layout import plane_layout
from vmfmix.report.map_neighbors import map_neighbors
from vmfmix.report.merge_levels import merge_levels
from vmfmix.report.merge_tree import merge_tree, node_words, tree_contents
from vmfmix.report.row_columns import N_LIKELY, row_columns
from vmfmix.report.suspicious_rows import MAX_LISTED, label_error_columns, outlier_columns

_MANY_CLUSTERS = 100
_N_EXEMPLARS, _N_EXEMPLARS_OF_MANY = 8, 4  # typical rows of each cluster
_N_NEIGHBORS = 5  # nearest clusters of each cluster


def report_contents(
    model: FittedMixture,
    X: RowsLike,
    texts: list[str] | None,
    make_thumbnails: Callable[[np.ndarray, np.ndarray], dict[int, str]] | None,
    labels: np.ndarray | None,
    n_rows: int,
    words_of: Callable[[list[str], np.ndarray, list[list[int]]], list[list[str]]],
    layout: str,
    places: np.ndarray | None,
    ids: list[str] | None = None,
    other: Grouping | None = None,
) -> dict[str, Any]:
    """Return everything that a report shows, as JSON values.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Rows to show.
    texts : list of str of length n_samples or None
        Text of each row.
    make_thumbnails : callable or None
        Maps positions of rows, and of those to enlarge first, to a dict of the image of each.
    labels : ndarray of shape (n_samples,) or None
        Known label of each row.
    n_rows : int
        Number of evenly spaced rows in the report. Exemplars, outliers and possible label errors
        are added to these.
    words_of : callable
        Returns the typical words of unions of clusters, given the texts, their clusters and the
        clusters of each union.
    layout : str
        How the map is laid out; see `plane_layout`.
    places : ndarray of shape (n_samples, 2) or None
        Coordinates of the rows on the map; None: laid out.
    ids : list of str of length n_samples or None
        Identifier of each row.
    other : Grouping or None
        Another clustering of the rows, to compare the clusters with.

    Returns
    -------
    dict
        One entry per section of the page.
    """
    membership = membership_columns(model, X, N_LIKELY)
    members, noise = membership["component"], given_noise(model)
    clusters = members if noise is None else np.where(np.append(noise, True)[members], -1, members)
    many = model.n_components_ > _MANY_CLUSTERS
    n_exemplars = _N_EXEMPLARS_OF_MANY if many else _N_EXEMPLARS
    exemplars = nearest_rows(members, membership["similarity"], model.n_components_, n_exemplars)
    max_found = max(n_rows, MAX_LISTED)
    outliers = outlier_columns(model, X, len(clusters), max_found)
    issues = label_error_columns(model, X, labels, max_found)
    if other is not None and texts is not None and other.numbered:
        other = other.with_words(
            words_of(texts, other.codes, [[k] for k in range(other.codes.max(initial=-1) + 1)])
        )
    comparison = comparison_contents(members, other, membership["probability"])
    listed = [exemplars[exemplars >= 0]]
    listed += [_rows_of(table) for table in (outliers, issues, comparison)]
    rows = np.unique(np.concatenate([evenly_spaced(len(clusters), n_rows), *listed]))
    shown, shown_clusters = take_rows(X, rows), members[rows]
    levels, level_exemplars = merge_levels(model, shown, rows, shown_clusters)
    directions = directions_of(model, shown)
    tree = merge_tree(directions, shown_clusters, model.n_components_)
    if places is None:
        places, laid_out = plane_layout(directions, shown_clusters, layout=layout), True
    else:
        places, laid_out = places[rows], False
    colors = node_colors(tree, map_neighbors(places, shown_clusters, model.n_components_))
    words = None
    if texts is not None:
        unions = [tree.members[node] for node in tree.pooled_nodes]
        words = node_words(tree, words_of(texts, members, unions))
    thumbnails = None
    if make_thumbnails is not None:
        by_rank = exemplars.T[exemplars.T >= 0]  # the most typical row of every cluster first
        thumbnails = make_thumbnails(np.concatenate([*listed, level_exemplars]), by_rank)
    return {
        "summary": _summary(model, labels, clusters, members),
        "n_rows": len(clusters),
        "clear_ratio": CLEAR_RATIO,
        "clusters": {
            **cluster_columns(model, X, membership, labels, words),
            "exemplars": exemplars.tolist(),
            "color": {mode: of[: model.n_components_] for mode, of in colors.items()},
        },
        "neighbors": _neighbor_pairs(model),
        "rows": {
            "row": rows.tolist(),
            **row_columns({name: of[rows] for name, of in membership.items()}, shown_clusters),
            **({} if ids is None else {"id": [ids[row] for row in rows]}),
            **({} if texts is None else {"text": [truncated(texts[row]) for row in rows]}),
            **({} if labels is None else {"label": [str(labels[row]) for row in rows]}),
            **({} if other is None else {"other": other.codes[rows].tolist()}),
        },
        "map": {"positions": encoded(places)},
        "map_note": _map_note(laid_out, tree.n_filled),
        "tree": tree_contents(tree, model, words, colors),
        "outliers": outliers,
        "issues": issues,
        "comparison": comparison,
        "merge_levels": levels,
        "editing": editing_contents(model),
        "images": thumbnails,
    }


def _rows_of(table: dict[str, Any] | None) -> np.ndarray:
    """Return the rows of a table whose texts and images are always in the report."""
    return np.array([] if table is None else table["row"][:MAX_LISTED], dtype=np.int64)


def _summary(
    model: FittedMixture, labels: np.ndarray | None, clusters: np.ndarray, members: np.ndarray
) -> list[str]:
    """Return the statements below the title: sizes, and scores against known labels."""
    n_clusters = model.n_components_
    found = f"{n_clusters:,} {'cluster' if n_clusters == 1 else 'clusters'}"
    if model.n_components == "auto":
        found += " (number of clusters estimated)"
    summary = [f"{len(clusters):,} rows", f"{model.n_features_in_:,} features", found]
    if (smoother := smoother_of(model)) is not None:
        summary.append(f"rows averaged with {smoother.n_neighbors_} neighbors")
    n_background, n_noise = int((members < 0).sum()), int((clusters != members).sum())
    if n_background:
        summary.append(f"{n_background:,} background rows (no cluster)")
    noise = given_noise(model)
    if noise is not None:
        marked = f"{noise.sum():,} {'cluster is' if noise.sum() == 1 else 'clusters are'} noise"
        summary.append(f"{marked} ({n_noise:,} rows)")
    if labels is not None:
        report = clustering_report(labels, clusters)
        summary.append(
            f"{report['n_classes']:,} known classes "
            f"(AMI {report['adjusted_mutual_info']:.3f}, accuracy {report['accuracy']:.3f})"
        )
    return summary


def _neighbor_pairs(model: FittedMixture) -> list[list[tuple[int, float]]]:
    """Return, for each cluster, pairs (cluster, cosine) of the nearest clusters."""
    pairs: list[list[tuple[int, float]]] = [[] for _ in range(model.n_components_)]
    table = neighbors(model, _N_NEIGHBORS)
    columns = (np.asarray(table[name]) for name in ("cluster", "neighbor", "cosine"))
    for cluster, neighbor, cosine in zip(*columns):
        pairs[cluster].append((int(neighbor), round(float(cosine), 4)))
    return pairs


def _map_note(laid_out: bool, n_filled: int) -> str:
    """Return a note on what the places of the rows on the map and their colors mean."""
    note = "Rows at the coordinates that were passed. "
    if laid_out:
        note = (
            "Rows that are near each other here are nearest neighbors; a plane cannot show all "
            "dimensions, and distances between groups have no exact meaning. "
        )
    return note + (
        "Similar colors are branches of the hierarchy."
        if n_filled > len(COLORS)
        else "Colors are clusters."
    )
