"""The summary that `vmfmix fit` prints: the largest clusters, and scores."""

from __future__ import annotations

import shlex
import shutil
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from vmfmix.inspection.cluster_names import given_names, given_noise, given_notes
from vmfmix.inspection.clusters import nearest_means
from vmfmix.inspection.fitted_model import smoother_of
from vmfmix.metrics import clustering_report

__all__ = ["Cluster", "levels", "scores", "summarize", "table", "wrapped"]

Cluster: TypeAlias = dict[str, Any]
"""A line of summary.csv: values by name of the column."""

N_SHOWN = 20  # clusters, without --all

_MAX_WIDTH = 100
_DEFAULT_WIDTH = 80  # without a terminal
_MIN_WIDTH = 20  # of a terminal, and of the last column of the table
_N_EXAMPLES = 3
_MAX_NAME = 30  # characters

_SCORES = {
    "accuracy": "accuracy",
    "NMI": "normalized_mutual_info",
    "AMI": "adjusted_mutual_info",
    "ARI": "adjusted_rand",
    "homogeneity": "homogeneity",
    "completeness": "completeness",
}


def summarize(
    model: Any,
    columns: dict[str, Any],
    texts: Sequence[str] | None = None,
    words: Sequence[Sequence[str]] | None = None,
) -> list[Cluster]:
    """Return a description of each cluster.

    Parameters
    ----------
    model : VMFMixture
    columns : dict
        From `vmfmix.inspection.cluster_columns.columns_of_clusters`.
    texts : sequence of str, default=None
        Text of each row.
    words : sequence of list of str, default=None
        Typical words of each cluster.

    Returns
    -------
    list of dict
        One for each cluster, and at the end one for the background and noise (cluster -1) if the
        model has them, with the keys ``cluster``; ``cluster_name``, "" if it has none; ``note`` and
        ``noise``, whether it is noise, if a cluster has a note or is noise; ``size`` in rows;
        ``share`` of all rows; ``similarity``, the mean cosine between its rows and its mean
        direction; ``nearest_cluster`` and ``nearest_similarity``, the cluster with the nearest mean
        direction and its cosine; ``weight`` and ``concentration`` of the component; and for texts
        ``words``, and ``example_1`` to ``example_3``, the different texts nearest to the mean
        direction. None where undefined: no rows, or no other clusters.
    """
    labels, similarities = columns["cluster"], columns["similarity"].astype(np.float64)
    nearest, cosines = nearest_means(model, 1)
    names = given_names(model) or [""] * model.n_components_
    notes, noise = given_notes(model), given_noise(model)
    clusters: list[Cluster] = []
    for cluster in range(model.n_components_):
        rows = np.flatnonzero(labels == cluster)
        has_others = model.n_components_ > 1
        clusters.append(
            {
                "cluster": cluster,
                "cluster_name": names[cluster],
                **({} if notes is None else {"note": notes[cluster]}),
                **({} if noise is None else {"noise": bool(noise[cluster])}),
                "size": len(rows),
                "share": len(rows) / len(labels),
                "similarity": similarities[rows].mean() if len(rows) else None,
                "nearest_cluster": int(nearest[cluster, 0]) if has_others else None,
                "nearest_similarity": cosines[cluster, 0] if has_others else None,
                "weight": model.weights_[cluster],
                "concentration": model.concentrations_[cluster],
            }
        )
        if words is not None:
            clusters[-1]["words"] = ", ".join(words[cluster])
        if texts is not None:
            examples = _typical_texts(texts, rows[np.argsort(-similarities[rows], kind="stable")])
            clusters[-1] |= {
                f"example_{number + 1}": examples[number] if number < len(examples) else None
                for number in range(_N_EXAMPLES)
            }
    if model.background or noise is not None:
        n_rows = int((labels == -1).sum())
        background = {
            "cluster": -1,
            "cluster_name": _rows_outside(model),
            "size": n_rows,
            "share": n_rows / len(labels),
            "weight": model.background_weight_ if model.background else None,
            "concentration": 0.0 if model.background else None,
        }
        keys = clusters[0] if clusters else background
        clusters.append(dict.fromkeys(keys) | background)
    return clusters


def _rows_outside(model: Any) -> str:
    """Return what rows with the label -1 are."""
    kinds = ["background"] * model.background + ["noise"] * (given_noise(model) is not None)
    return " and ".join(kinds)


def _typical_texts(texts: Sequence[str], rows: np.ndarray) -> list[str]:
    """Return the first different texts of some rows."""
    distinct: dict[str, None] = {}
    for row in rows.tolist():
        if texts[row].strip():
            distinct[texts[row]] = None
        if len(distinct) == _N_EXAMPLES:
            break
    return list(distinct)


def table(model: Any, clusters: Sequence[Cluster], n_shown: int | None = N_SHOWN) -> str:
    """Return a title and a table of the largest clusters, as text for a terminal.

    The layout does not use rich, which is optional, so that the output is the same without it.

    Parameters
    ----------
    model : VMFMixture
    clusters : list of dict
        From `summarize`.
    n_shown : int or None, default=20
        Number of clusters in the table; a line sums up the others. None: all.

    Returns
    -------
    str
        As wide as the terminal, from 20 to 100 columns; 80 columns without a terminal.
    """
    own = [each for each in clusters if each["cluster"] >= 0]
    others = [each for each in clusters if each["cluster"] < 0]
    own.sort(key=lambda each: -each["size"])
    shown = own if n_shown is None else own[:n_shown]
    has_names = any(each["cluster_name"] for each in own)
    has_examples = any(each.get("example_1") for each in own)
    last = "example" if has_examples else "similarity to its nearest cluster"
    head = ["cluster", "size", "share", last]
    lines = [["name", *head]] if has_names else [head]
    for each in (*shown, *others):
        name = [_shortened(_printable(each["cluster_name"] or ""), _MAX_NAME)] if has_names else []
        number = str(each["cluster"])
        size, share = f"{each['size']:,}", f"{each['share']:.1%}"
        lines.append([*name, number, size, share, _last_cell(model, each, has_examples)])
    parts = [_title(model, clusters), _aligned(lines, n_left=int(has_names))]
    rest = own[len(shown) :]
    if rest:
        size, share = (sum(each[name] for each in rest) for name in ("size", "share"))
        smaller = _counted(len(rest), "smaller cluster")
        parts.append(f"and {smaller} with {_counted(size, 'row')} ({share:.1%}); --all prints them")
    return "\n\n".join(parts[:2]) + "".join(f"\n{part}" for part in parts[2:])


def _last_cell(model: Any, each: Cluster, has_examples: bool) -> str:
    """Return an example of a cluster, or the cluster that it is nearest to."""
    if each["cluster"] < 0:
        return f"{_rows_outside(model)} (rows in no cluster)"
    if each.get("noise"):
        return "noise"
    if has_examples:
        return _printable(each["example_1"] or "")
    if each["nearest_cluster"] is None:
        return ""
    return f"{each['nearest_similarity']:.2f} (cluster {each['nearest_cluster']})"


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


def scores(
    known_labels: Sequence[str | None], labels: np.ndarray, source: str
) -> tuple[str, dict[str, float]]:
    """Return scores against known labels as two lines of text, and as numbers by name.

    Parameters
    ----------
    known_labels : list of str
        None where the label of a row is not known.
    labels : ndarray of shape (n_samples,)
    source : str
        What the known labels are from.

    Returns
    -------
    text : str
    numbers : dict of float
    """
    known = {row: label for row, label in enumerate(known_labels) if label is not None}
    rows = list(known)
    report = clustering_report(list(known.values()), labels[rows])
    numbers = {short: float(report[name]) for short, name in _SCORES.items()}
    described = _counted(int(report["n_classes"]), "class", "classes")
    if len(rows) < len(known_labels):
        described += f", {len(rows):,} of {len(known_labels):,} rows"
    line = ", ".join(f"{short} {number:.3f}" for short, number in numbers.items())
    return f"Compared with {source} ({described}):\n{wrapped(line)}", numbers


def wrapped(sentence: str) -> str:
    """Return a sentence in lines that fit in the terminal."""
    return textwrap.fill(sentence, _width(), break_long_words=False, break_on_hyphens=False)


def _title(model: Any, clusters: Sequence[Cluster]) -> str:
    """Return how many clusters there are, where the number is from, and what others it could be."""
    n_rows = sum(each["size"] for each in clusters)
    sentence = f"{_counted(model.n_components_, 'cluster')}{_origin(model)} in "
    sentence += f"{_counted(n_rows, 'row')} of {_counted(model.n_features_in_, 'number')}"
    if (smoother := smoother_of(model)) is not None:
        sentence += f", averaged with {smoother.n_neighbors_} neighbors"
    sentences = [sentence]
    levels = [level.n_components for level in getattr(model, "levels_", [])]
    others = ", ".join(str(each) for each in levels if each != model.n_components_)
    if others:
        sentences.append(f"Other natural numbers of clusters, for 'vmfmix cut': {others}")
    return "\n".join(wrapped(each) for each in sentences)


def _origin(model: Any) -> str:
    """Return how the number of clusters was estimated or changed; nothing if it was given."""
    if model.n_iter_ == 0:
        history = getattr(model, "merge_history_", None)
        if history is None or len(history.n_components) == 0:
            return " (edited)"
        return f" (cut from {_counted(history.n_components_init, 'component')})"
    return " (number estimated)" if model.n_components == "auto" else ""


def _aligned(lines: Sequence[Sequence[str]], n_left: int = 0) -> str:
    """Return cells in columns; the first `n_left` and the last are left-aligned, as wide as fits.

    The last column is cut to the width of the terminal.
    """
    widths = [max(map(_n_columns, column)) for column in zip(*(line[:-1] for line in lines))]
    if n_left and sum(widths) + 2 * len(widths) + _MIN_WIDTH > _width():
        fixed = sum(widths[1:]) + 2 * len(widths) + _MIN_WIDTH
        widths[0] = max(_MIN_WIDTH // 2, min(widths[0], _width() - fixed))
    last_width = max(_MIN_WIDTH, _width() - sum(widths) - 2 * len(widths))
    aligned = []
    for line in lines:
        cells = []
        for number, (cell, width) in enumerate(zip(line, widths)):
            cell = _shortened(cell, width)
            space = " " * (width - _n_columns(cell))
            cells.append(cell + space if number < n_left else space + cell)
        aligned.append("  ".join([*cells, _shortened(line[-1], last_width)]).rstrip())
    return "\n".join(aligned)


def _width() -> int:
    columns = shutil.get_terminal_size((_DEFAULT_WIDTH, 24)).columns
    return max(_MIN_WIDTH, min(_MAX_WIDTH, columns))


def _counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number and its noun, such as "1 cluster" or "2 clusters"."""
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"


def _n_columns(text: str) -> int:
    """Return the number of columns that a text takes in a terminal."""
    widths = (2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
    return sum(widths) - sum(unicodedata.combining(character) > 0 for character in text)


def _shortened(text: str, length: int) -> str:
    """Return a text of at most `length` columns, with an ellipsis if it is cut."""
    if _n_columns(text) <= length:
        return text
    while _n_columns(text) > length - 1:
        text = text[: len(text) - max((_n_columns(text) - length) // 2, 1)]
    return text.rstrip() + "…"


def _printable(text: str) -> str:
    """Return a text as one line, without control characters, which could move the cursor."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
