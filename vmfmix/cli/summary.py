"""What the command line says of a fit: its clusters as a table, typical texts, scores."""

import shutil
import textwrap

import numpy as np

from vmfmix.inspection.clusters import nearest_means
from vmfmix.metrics import clustering_report

__all__ = [
    "COLUMNS",
    "scores",
    "summarize",
    "table",
    "typical",
]

COLUMNS = (
    *("cluster", "size", "share", "weight", "concentration", "mean_angle_degrees", "mean_cosine"),
    *("nearest_cluster", "nearest_cosine"),
)

_WIDEST = 100
_NEARLY_EQUAL = 1.05  # largest concentration over the smallest, up to which a range says enough
_TEXTS = 3


def summarize(model, cosines):
    """What is known of each cluster.

    Parameters
    ----------
    model : VMFMixture
    cosines : ndarray of shape (n_samples,)
        From `vmfmix.inspection.cosines_of_rows`; NaN for rows of the background.

    Returns
    -------
    list of dict
        For each cluster, and last for the background if there is one, as cluster -1: ``cluster``,
        ``size`` (rows), ``share`` (of all rows), ``weight`` and ``concentration`` of the component,
        ``mean_angle_degrees`` and ``mean_cosine`` between rows and mean direction, and
        ``nearest_cluster`` with ``nearest_cosine`` (the other mean direction that is nearest). None
        where there is no such thing.
    """
    nearest, between = nearest_means(model, 1)
    alone = model.n_components_ == 1
    angles = np.degrees(np.arccos(cosines))
    clusters = []
    for cluster in range(model.n_components_):
        own = model.labels_ == cluster
        values = (
            *(cluster, int(own.sum()), own.mean()),
            *(model.weights_[cluster], model.concentrations_[cluster]),
            *(angles[own].mean(), cosines[own].mean()),
            *((None, None) if alone else (int(nearest[cluster, 0]), between[cluster, 0])),
        )
        clusters.append(dict(zip(COLUMNS, values)))
    if model.background:
        own = model.labels_ == -1
        weight = model.background_weight_
        values = (-1, int(own.sum()), own.mean(), weight, 0.0, None, None, None, None)
        clusters.append(dict(zip(COLUMNS, values)))
    return clusters


def typical(labels, cosines, texts):
    """The texts of each cluster that are nearest to its mean direction.

    Parameters
    ----------
    labels, cosines : ndarray of shape (n_samples,)
    texts : list of str

    Returns
    -------
    list of list of str
        At most three different texts for each cluster, nearest first, each in one line.
    """
    nearest = []
    for cluster in range(labels.max() + 1):
        rows = np.flatnonzero(labels == cluster)
        chosen: dict = {}
        for row in rows[np.argsort(-cosines[rows], kind="stable")]:
            chosen[_printable(texts[row])] = None
            if len(chosen) == _TEXTS:
                break
        nearest.append(list(chosen))
    return nearest


def table(model, clusters, texts=None):
    """Clusters as text for a terminal, largest first.

    Parameters
    ----------
    model : VMFMixture
    clusters : list of dict
        From `summarize`.
    texts : list of list of str, default=None
        From `typical`; None: the nearest other cluster stands in their place.

    Returns
    -------
    str
        As wide as the terminal, and at most 100 columns. Concentrations have a column where they
        differ by more than 5 %, and are named above it where they do not.
    """
    concentrations = [f"{value:.1f}" for value in model.concentrations_]
    shared = _range(model.concentrations_)
    differ = shared is None
    head = ["cluster", "size", "share", *(["concentration"] if differ else []), "mean angle"]
    last = "most typical texts" if texts else "nearest other cluster (cosine)"
    lines = [[*head, last]]
    for row in sorted(clusters, key=lambda row: (row["cluster"] < 0, -row["size"])):
        cluster = row["cluster"]
        cells = [str(cluster), str(row["size"]), f"{row['share']:.1%}"]
        if cluster < 0:
            cells += [""] * (len(head) - len(cells))
            lines.append([*cells, "background: rows near no cluster"])
            continue
        cells += concentrations[cluster : cluster + 1] if differ else []
        cells.append(f"{row['mean_angle_degrees']:.0f}°")
        if texts:
            first, *others = texts[cluster]
            lines += [[*cells, first], *([*[""] * len(cells), text] for text in others)]
        elif row["nearest_cluster"] is not None:
            lines.append([*cells, f"{row['nearest_cluster']} ({row['nearest_cosine']:.2f})"])
        else:
            lines.append([*cells, ""])
    title = textwrap.fill(_title(model, shared), _width())
    return f"{title}\n\n{_aligned(lines)}"


def _title(model, shared):
    """How many clusters of what, how that number came about, and the concentration they share."""
    parts = [
        f"{_counted(model.n_components_, 'cluster')}{_found(model)} in "
        f"{_counted(len(model.labels_), 'row')} of {model.n_features_in_} numbers",
        *([f"concentration {shared}"] if shared else []),
        f"{'converged' if model.converged_ else 'stopped'} after "
        f"{_counted(model.n_iter_, 'iteration')}",
    ]
    return ", ".join(parts)


def _found(model):
    """Where the number of clusters is from, unless it was given."""
    if model.n_components != "auto":
        return ""
    n_start = model.merge_history_.n_components_init
    return f" (found by merging {n_start})" if n_start > model.n_components_ else " (found)"


def _range(concentrations):
    """Nearly equal concentrations in words; None where they differ, or there are none."""
    if len(concentrations) == 0:
        return None
    least, most = concentrations.min(), concentrations.max()
    if f"{least:.1f}" == f"{most:.1f}":
        return f"{least:.1f}"
    return f"{least:.1f} to {most:.1f}" if most <= _NEARLY_EQUAL * least else None


def _aligned(lines):
    """Cells in columns, right-aligned but the last one, which is cut where there is no room."""
    widths = [max(map(len, column)) for column in zip(*(line[:-1] for line in lines))]
    room = max(20, _width() - sum(widths) - 2 * len(widths))
    aligned = []
    for line in lines:
        cells = [cell.rjust(size) for cell, size in zip(line, widths)]
        last = line[-1] if len(line[-1]) <= room else line[-1][: room - 1].rstrip() + "…"
        aligned.append("  ".join([*cells, last]).rstrip())
    return "\n".join(aligned)


def _width():
    return max(20, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns))


def scores(known, labels):
    """Scores against known labels, in two lines of text.

    Parameters
    ----------
    known : list of str
    labels : ndarray of shape (n_samples,)

    Returns
    -------
    str
    """
    report = clustering_report(known, labels)
    names = {
        "accuracy": "accuracy",
        "NMI": "normalized_mutual_info",
        "AMI": "adjusted_mutual_info",
        "ARI": "adjusted_rand",
        "homogeneity": "homogeneity",
        "completeness": "completeness",
    }
    numbers = ", ".join(f"{short} {report[name]:.3f}" for short, name in names.items())
    return f"{_counted(report['n_classes'], 'class')}:\n{numbers}"


def _counted(number, name):
    plural = f"{name}es" if name.endswith("s") else f"{name}s"
    return f"{number} {name if number == 1 else plural}"


def _printable(text):
    """Text in one line, without what would move the cursor."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
