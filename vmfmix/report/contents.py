"""The data that a report shows, gathered from a fitted model and its rows."""

from collections.abc import Callable
from typing import Any

import numpy as np

from vmfmix.inspection import (
    compare,
    describe,
    label_issues,
    neighbors,
    outliers,
)
from vmfmix.inspection.cluster_names import given_names
from vmfmix.inspection.clusters import assigned_probabilities, cosines_of_rows, nearest_rows
from vmfmix.inspection.fitted_model import FittedMixture, RowsLike
from vmfmix.inspection.labels import encode_labels
from vmfmix.inspection.rows import evenly_spaced, take_rows, unit_rows
from vmfmix.metrics import clustering_report
from vmfmix.plotting.axes import COLORS
from vmfmix.report.colors import node_colors
from vmfmix.report.coordinates import encoded
from vmfmix.report.json_values import rounded, significant, truncated
from vmfmix.report.layout import plane_layout
from vmfmix.report.map_neighbors import map_neighbors
from vmfmix.report.merge_levels import merge_levels
from vmfmix.report.merge_tree import merge_tree, node_words, tree_contents

_MANY_CLUSTERS = 100
_N_EXEMPLARS, _N_EXEMPLARS_OF_MANY = 8, 4  # typical rows of each cluster
_N_NEIGHBORS = 5  # nearest clusters of each cluster
_MAX_LISTED = 200  # outliers and possible label errors
_OUTLIER_SHARE = 0.01


def report_contents(
    model: FittedMixture,
    X: RowsLike,
    texts: list[str] | None,
    make_thumbnails: Callable[[np.ndarray], dict[int, str]] | None,
    labels: np.ndarray | None,
    n_rows: int,
    words_of: Callable[[list[str], np.ndarray, list[list[int]]], list[list[str]]],
    layout: str,
    places: np.ndarray | None,
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
        Maps positions of rows to a dict of the thumbnail of each.
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

    Returns
    -------
    dict
        One entry per section of the page.
    """
    clusters = model.predict(X)
    cosines, _ = cosines_of_rows(model, X, clusters)
    many = model.n_components_ > _MANY_CLUSTERS
    n_exemplars = _N_EXEMPLARS_OF_MANY if many else _N_EXEMPLARS
    exemplars = nearest_rows(clusters, cosines, model.n_components_, n_exemplars)
    outlier_table, outlier_note = _outliers(model, X, len(clusters))
    issues = _label_issues(model, X, labels)
    suspicious = np.array([] if issues is None else issues["row"], dtype=np.int64)
    listed = [exemplars[exemplars >= 0], outlier_table["row"], suspicious]
    rows = np.unique(np.concatenate([evenly_spaced(len(clusters), n_rows), *listed]))
    shown, shown_clusters = take_rows(X, rows), clusters[rows]
    levels, level_exemplars = merge_levels(model, shown, rows, shown_clusters)
    directions = _directions(model, shown)
    tree = merge_tree(directions, shown_clusters, model.n_components_)
    if places is None:
        places, laid_out = plane_layout(directions, shown_clusters, layout=layout), True
    else:
        places, laid_out = places[rows], False
    colors = node_colors(tree, map_neighbors(places, shown_clusters, model.n_components_))
    words = None
    if texts is not None:
        unions = [tree.members[node] for node in tree.pooled_nodes]
        words = node_words(tree, words_of(texts, clusters, unions))
    thumbnails = None
    if make_thumbnails is not None:
        thumbnails = make_thumbnails(np.concatenate([*listed, level_exemplars]))
    probabilities = assigned_probabilities(model, shown, shown_clusters)
    return {
        "summary": _summary(model, labels, clusters),
        "n_rows": len(clusters),
        "clusters": {
            **_cluster_columns(model, X, labels, clusters, words),
            "exemplars": exemplars.tolist(),
            "color": {mode: of[: model.n_components_] for mode, of in colors.items()},
        },
        "neighbors": _neighbor_pairs(model),
        "rows": {
            "row": rows.tolist(),
            "cluster": shown_clusters.tolist(),
            "probability": rounded(probabilities),
            "cosine": rounded(np.where(shown_clusters < 0, -1.0, cosines[rows])),
            **({} if texts is None else {"text": [truncated(texts[row]) for row in rows]}),
            **({} if labels is None else {"label": [str(labels[row]) for row in rows]}),
        },
        "map": {"positions": encoded(places)},
        "map_note": _map_note(laid_out, tree.n_filled),
        "tree": tree_contents(tree, model, words, colors),
        "outliers": {
            "row": outlier_table["row"].tolist(),
            "cluster": outlier_table["cluster"].tolist(),
            "cosine": rounded(outlier_table["cosine"], 6),
            "minus_log10_p": rounded(outlier_table["minus_log10_p"]),
        },
        "outlier_note": outlier_note,
        "issues": issues,
        "merge_levels": levels,
        "images": thumbnails,
    }


def _summary(model: FittedMixture, labels: np.ndarray | None, clusters: np.ndarray) -> list[str]:
    """Return the statements below the title: sizes, and scores against known labels."""
    n_clusters = model.n_components_
    found = f"{n_clusters:,} {'cluster' if n_clusters == 1 else 'clusters'}"
    if model.n_components == "auto":
        found += " (number of clusters estimated)"
    summary = [f"{len(clusters):,} rows", f"{model.n_features_in_:,} features", found]
    smoother = getattr(model, "smoother_", None)
    if smoother is not None and smoother.restart_ < 1:
        summary.append(f"rows averaged with {smoother.n_neighbors_} neighbors")
    n_background = int((clusters < 0).sum())
    if n_background:
        summary.append(f"{n_background:,} background rows (no cluster)")
    if labels is not None:
        report = clustering_report(labels, clusters)
        summary.append(
            f"{report['n_classes']:,} known classes "
            f"(AMI {report['adjusted_mutual_info']:.3f}, accuracy {report['accuracy']:.3f})"
        )
    return summary


def _cluster_columns(
    model: FittedMixture,
    X: RowsLike,
    labels: np.ndarray | None,
    clusters: np.ndarray,
    words: list[list[str]] | None,
) -> dict[str, list[Any]]:
    """Return the columns of the table of clusters."""
    table, cluster_names = describe(model, X), given_names(model)
    columns = {
        **({} if cluster_names is None else {"name": cluster_names}),
        "size": np.asarray(table["size"]).tolist(),
        "share": rounded(np.asarray(table["size"]) / len(clusters), 6),
        "nearest_cluster": np.asarray(table["nearest_cluster"]).tolist(),
        **{
            name: rounded(table[name])
            for name in ("concentration", "radius", "silhouette", "nearest_cosine")
        },
    }
    if words is not None:
        columns["words"] = words[: model.n_components_]
    if labels is not None:
        comparison = compare(model, X, labels)
        in_comparison = np.asarray(comparison["cluster"]).tolist()
        position_of = {cluster: position for position, cluster in enumerate(in_comparison)}
        positions = [position_of.get(cluster) for cluster in range(model.n_components_)]
        names, purity = (np.asarray(comparison[name]) for name in ("label", "purity"))
        columns["label"] = ["" if at is None else str(names[at]) for at in positions]
        columns["purity"] = [
            None if at is None else round(float(purity[at]), 4) for at in positions
        ]
    return columns


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


def _directions(model: FittedMixture, shown: RowsLike) -> Any:
    """Return unit rows, centered if the clusters are those of centered rows."""
    rows = unit_rows(shown)
    center = getattr(model, "center_", None)
    if center is None or hasattr(model, "smoother_"):  # the center is that of smoothed rows
        return rows
    return unit_rows(rows - center.astype(rows.dtype))


def _outliers(
    model: FittedMixture, X: RowsLike, n_samples: int
) -> tuple[dict[str, np.ndarray], str]:
    """Return the most extreme outliers as columns, and a note on how many there are."""
    table = outliers(model, X, _OUTLIER_SHARE)
    names = "row", "cluster", "cosine", "minus_log10_p"
    columns = {name: np.asarray(table[name]) for name in names}
    note = f"p-value below {_OUTLIER_SHARE:g}; {_count_note(len(columns['row']), n_samples)}"
    return {name: column[:_MAX_LISTED] for name, column in columns.items()}, note


def _label_issues(
    model: FittedMixture, X: RowsLike, labels: np.ndarray | None
) -> dict[str, Any] | None:
    """Return the rows that another label fits better, as columns, most suspicious first.

    None if there are no labels, or all are equal.
    """
    if labels is None or len(encode_labels(X, labels)[0]) < 2:
        return None
    table = label_issues(model, X, labels)
    names = "given_label", "suggested_label", "given_label_probability", "cluster"
    given, suggested, probability, cluster = (np.asarray(table[name]) for name in names)
    suspicious = np.flatnonzero((given != suggested) & np.isfinite(probability))
    suspicious = suspicious[np.argsort(np.asarray(table["rank"])[suspicious])]
    listed = suspicious[:_MAX_LISTED]
    return {
        "row": listed.tolist(),
        "given": [str(name) for name in given[listed]],
        "suggested": [str(name) for name in suggested[listed]],
        "probability": significant(probability[listed]),
        "cluster": cluster[listed].tolist(),
        "note": _count_note(len(suspicious), len(given)),
    }


def _count_note(n_found: int, n_samples: int) -> str:
    """Return a statement of how many rows were found and, if not all, how many are listed."""
    note = f"{n_found:,} of {n_samples:,} rows"
    if n_found > _MAX_LISTED:
        note += f", of which the first {_MAX_LISTED} are listed"
    return note
