"""The summary that `vmfmix fit` prints: a table of clusters, their typical texts, and scores."""

from __future__ import annotations

import shlex
import shutil
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from vmfmix.inspection.cluster_names import given_names, given_noise, given_notes
from vmfmix.inspection.clusters import nearest_means
from vmfmix.metrics import clustering_report

__all__ = [
    "COLUMNS",
    "columns_of",
    "levels",
    "scores",
    "summarize",
    "table",
    "typical_texts",
]

COLUMNS = (
    "cluster",
    "size",
    "share",
    "weight",
    "concentration",
    "mean_angle_degrees",
    "mean_cosine",
    "nearest_cluster",
    "nearest_cosine",
)

_MAX_WIDTH = 100
_MIN_WIDTH = 20  # of a terminal, and of the last column of the table
_NEARLY_EQUAL = 1.05  # up to this ratio, concentrations are printed as a range, not in a column
_N_TEXTS = 3
_PLAIN_COLUMNS = ("cluster", "name", "size", "share")
_MAX_NAME = 30  # characters

_SCORES = {
    "accuracy": "accuracy",
    "NMI": "normalized_mutual_info",
    "AMI": "adjusted_mutual_info",
    "ARI": "adjusted_rand",
    "homogeneity": "homogeneity",
    "completeness": "completeness",
}


def columns_of(model: Any) -> tuple[str, ...]:
    """Return the keys of each cluster in `summarize`.

    ``name`` and ``note`` only if clusters have them, and ``noise`` if a cluster is noise.
    """
    given = {"name": given_names(model), "note": given_notes(model), "noise": given_noise(model)}
    cluster, *others = COLUMNS
    return (cluster, *(name for name, values in given.items() if values is not None), *others)


def summarize(model: Any, cosines: np.ndarray) -> list[dict[str, Any]]:
    """Return size, concentration and spread of each cluster.

    Parameters
    ----------
    model : VMFMixture
    cosines : ndarray of shape (n_samples,)
        From `vmfmix.inspection.cosines_of_rows`; NaN for rows of the background.

    Returns
    -------
    list of dict
        One for each cluster, and at the end one for the background and noise (cluster -1) if the
        model has them, with the keys of `columns_of`: ``cluster``, ``name``, ``note`` and ``noise``
        (if there are any), ``size`` (rows), ``share`` (of all rows),
        ``weight`` and ``concentration`` of the component, ``mean_angle_degrees`` and
        ``mean_cosine`` between rows and mean direction, and ``nearest_cluster`` with
        ``nearest_cosine`` (the cluster with the nearest mean direction). None where undefined: no
        rows, or no other clusters.
    """
    nearest, nearest_cosines = nearest_means(model, 1)
    names, notes, noise = given_names(model), given_notes(model), given_noise(model)
    angles = np.degrees(np.arccos(cosines))
    clusters: list[dict[str, Any]] = []
    for cluster in range(model.n_components_):
        members = model.labels_ == cluster
        has_rows, has_others = members.any(), model.n_components_ > 1
        clusters.append(
            {
                "cluster": cluster,
                **({} if names is None else {"name": names[cluster]}),
                **({} if notes is None else {"note": notes[cluster]}),
                **({} if noise is None else {"noise": bool(noise[cluster])}),
                "size": int(members.sum()),
                "share": members.mean(),
                "weight": model.weights_[cluster],
                "concentration": model.concentrations_[cluster],
                "mean_angle_degrees": angles[members].mean() if has_rows else None,
                "mean_cosine": cosines[members].mean() if has_rows else None,
                "nearest_cluster": int(nearest[cluster, 0]) if has_others else None,
                "nearest_cosine": nearest_cosines[cluster, 0] if has_others else None,
            }
        )
    if model.background or noise is not None:
        members = model.labels_ == -1
        background = {
            "cluster": -1,
            "size": int(members.sum()),
            "share": members.mean(),
            "weight": model.background_weight_ if model.background else None,
            "concentration": 0.0 if model.background else None,
        }
        clusters.append(dict.fromkeys(columns_of(model)) | background)
    return clusters


def typical_texts(model: Any, cosines: np.ndarray, texts: Sequence[str]) -> list[list[str]]:
    """Return the texts of each cluster that are nearest to its mean direction.

    Parameters
    ----------
    model : VMFMixture
    cosines : ndarray of shape (n_samples,)
    texts : list of str

    Returns
    -------
    list of list of str
        Up to three different texts for each cluster, nearest first, each in one line.
    """
    typical = []
    for cluster in range(model.n_components_):
        rows = np.flatnonzero(model.labels_ == cluster)
        distinct: dict[str, None] = {}
        for row in rows[np.argsort(-cosines[rows], kind="stable")]:
            distinct[_printable(texts[row])] = None
            if len(distinct) == _N_TEXTS:
                break
        typical.append(list(distinct))
    return typical


def table(
    model: Any, clusters: Sequence[dict[str, Any]], texts: Sequence[Sequence[str]] | None = None
) -> str:
    """Return a title and a table of the clusters, the largest first, as text for a terminal.

    The layout does not use rich, which is optional, so that the output is the same without it.

    Parameters
    ----------
    model : VMFMixture
    clusters : list of dict
        From `summarize`.
    texts : list of list of str, default=None
        From `typical_texts`. If None, the last column is the nearest cluster instead.

    Returns
    -------
    str
        As wide as the terminal, up to 100 columns. Concentrations have a column if they differ by
        more than 5 %; otherwise the title gives their range.
    """
    concentration_range = _range(model.concentrations_)
    columns = {name: name for name in columns_of(model) if name in _PLAIN_COLUMNS}
    if concentration_range is None:
        columns["concentration"] = "concentration"
    columns["mean_angle_degrees"] = "mean angle"
    last_column = "most typical texts" if texts else "nearest cluster (cosine)"
    lines = [[*columns.values(), last_column]]
    for row in sorted(clusters, key=lambda row: (row["cluster"] < 0, -row["size"])):
        cells = [_cell(row, column) for column in columns]
        if row["cluster"] < 0:
            lines.append([*cells, _rows_outside(model)])
        elif row.get("noise"):
            lines.append([*cells, "noise"])
        elif texts:
            first, *others = texts[row["cluster"]] or [""]
            lines.append([*cells, first])
            lines += [[*[""] * len(cells), text] for text in others]
        elif row["nearest_cluster"] is None:
            lines.append([*cells, ""])
        else:
            lines.append([*cells, f"{row['nearest_cluster']} ({row['nearest_cosine']:.2f})"])
    sentences = _title(model, concentration_range), _alternatives(model)
    title = "\n".join(textwrap.fill(sentence, _width()) for sentence in sentences if sentence)
    return f"{title}\n\n{_aligned(lines)}"


def _rows_outside(model: Any) -> str:
    """Return what rows with the label -1 are."""
    kinds = ["background"] * model.background + ["noise"] * (given_noise(model) is not None)
    return f"{' and '.join(kinds)} (rows in no cluster)"


def levels(model: Any, path: str) -> str:
    """Return the natural numbers of clusters as a table, and the command that cuts the model.

    Parameters
    ----------
    model : VMFMixture
        Fitted with ``n_components="auto"``.
    path : str
        Its file.

    Returns
    -------
    str
    """
    chosen, *others = model.levels_
    lines = [["clusters", "strength", ""]]
    for level in model.levels_:
        remark = "chosen by the fit" if level == chosen else ""
        lines.append([str(level.n_components), f"{level.strength:.0%}", remark])
    example = others[0].n_components if others else "N"
    largest = model.merge_history_.n_components_init
    return (
        f"{_aligned(lines)}\n\nTo cut the model at another number, up to {largest}:\n"
        f"vmfmix cut {shlex.quote(path)} EMBEDDINGS -n {example} --out FOLDER"
    )


def scores(known_labels: Sequence[str | None], labels: np.ndarray, source: str) -> str:
    """Return scores against known labels as two lines of text.

    Parameters
    ----------
    known_labels : list of str or None
        None for rows whose label is unknown; they are left out. At least one is known.
    labels : ndarray of shape (n_samples,)
    source : str
        Name of the file or column of known labels.

    Returns
    -------
    str
    """
    known = {row: label for row, label in enumerate(known_labels) if label is not None}
    report = clustering_report(list(known.values()), labels[list(known)])
    numbers = ", ".join(f"{short} {report[name]:.3f}" for short, name in _SCORES.items())
    n_classes = _counted(int(report["n_classes"]), "class", "classes")
    n_rows = "" if len(known) == len(labels) else f", {_counted(len(known), 'row')}"
    return f"Compared with {source} ({n_classes}{n_rows}):\n{numbers}"


def _cell(row: dict[str, Any], column: str) -> str:
    """Return a number as the table shows it; nothing for the background or without rows."""
    if column in ("cluster", "size"):
        return str(row[column])
    if column == "name":
        return _shortened(_printable(row[column] or ""), _MAX_NAME)
    if column == "share":
        return f"{row[column]:.1%}"
    if row["cluster"] < 0 or row[column] is None:
        return ""
    return f"{row[column]:.1f}" if column == "concentration" else f"{row[column]:.0f}°"


def _title(model: Any, concentration_range: str | None) -> str:
    """Return a sentence on the fit: clusters, rows, concentrations and convergence."""
    n_clusters = _counted(model.n_components_, "cluster")
    n_rows = _counted(len(model.labels_), "row")
    parts = [f"{n_clusters}{_origin(model)} in {n_rows} of {model.n_features_in_} numbers"]
    smoother = getattr(model, "smoother_", None)
    if smoother is not None and smoother.restart_ < 1:
        parts.append(f"averaged with {smoother.n_neighbors_} neighbors")
    if concentration_range is not None:
        parts.append(f"concentration {concentration_range}")
    if not _is_cut(model):
        outcome = "converged" if model.converged_ else "stopped"
        parts.append(f"{outcome} after {_counted(model.n_iter_, 'iteration')}")
    return ", ".join(parts)


def _origin(model: Any) -> str:
    """Return how the number of clusters was estimated or changed; nothing if it was given."""
    history = getattr(model, "merge_history_", None)
    if _is_cut(model):
        if history is None or len(history.n_components) == 0:
            return " (edited)"
        return f" (cut from the merge path of {_counted(history.n_components_init, 'component')})"
    if model.n_components != "auto":
        return ""
    if history is not None and history.n_components_init > model.n_components_:
        return f" (number estimated by merging {history.n_components_init} components)"
    return " (number estimated)"


def _is_cut(model: Any) -> bool:
    """Return whether a model was cut at another number, so that EM did not run."""
    return bool(model.n_iter_ == 0)


def _alternatives(model: Any) -> str:
    """Return a sentence on other numbers of clusters; nothing if the number was given."""
    if model.n_components != "auto" or not hasattr(model, "levels_"):
        return ""
    parts = []
    smallest, largest = model.merge_history_.range_of_similar_scores()
    if smallest < largest:
        parts.append(f"{smallest} to {largest} clusters score within 3% of the best")
    others = ", ".join(str(level.n_components) for level in model.levels_[1:])
    if others:
        parts.append(f"other natural numbers of clusters: {others}")
    sentence = "; ".join(parts)
    return sentence[:1].upper() + sentence[1:]


def _range(concentrations: np.ndarray) -> str | None:
    """Return nearly equal concentrations as a range; None if they differ, or there are none."""
    if len(concentrations) == 0:
        return None
    lowest, highest = concentrations.min(), concentrations.max()
    if f"{lowest:.1f}" == f"{highest:.1f}":
        return f"{lowest:.1f}"
    if highest > _NEARLY_EQUAL * lowest:
        return None
    return f"{lowest:.1f} to {highest:.1f}"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return cells in right-aligned columns; the last is left-aligned and cut to the width."""
    widths = [max(map(len, column)) for column in zip(*(line[:-1] for line in lines))]
    last_width = max(_MIN_WIDTH, _width() - sum(widths) - 2 * len(widths))
    aligned = []
    for line in lines:
        cells = [cell.rjust(width) for cell, width in zip(line, widths)]
        aligned.append("  ".join([*cells, _shortened(line[-1], last_width)]).rstrip())
    return "\n".join(aligned)


def _width() -> int:
    columns = shutil.get_terminal_size((_MAX_WIDTH, 24)).columns
    return max(_MIN_WIDTH, min(_MAX_WIDTH, columns))


def _counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number and its noun, such as "1 cluster" or "2 clusters"."""
    return f"{number} {singular if number == 1 else plural or f'{singular}s'}"


def _shortened(text: str, length: int) -> str:
    """Return a text of at most this length, with an ellipsis if it is cut."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _printable(text: str) -> str:
    """Return a text as one line, without control characters, which could move the cursor."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
