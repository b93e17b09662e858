"""The files with the results of a training, in its folder."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vmfmix.deep.run_folder import EMBEDDINGS, IMAGE_LIST, MIXTURE, SKIPPED
from vmfmix.inspection.cluster_columns import columns_of_clusters
from vmfmix.mixture import VMFMixture
from vmfmix.plotting import plot_training
from vmfmix.storage.image_lists import write_paths
from vmfmix.storage.writing import write_csv


def write_skipped(out: Path, data: dict[str, Any]) -> None:
    """Write all that was left out of folders of images, and why, if there is anything."""
    rows = [
        (name, *file) for name, images in data.items() for file in getattr(images, "skipped", ())
    ]
    if rows:
        write_csv(out / SKIPPED, ("data", "path", "reason"), rows)
    else:
        (out / SKIPPED).unlink(missing_ok=True)  # of an earlier call


def write_results(
    out: Path,
    images: Any,
    model: VMFMixture,
    embeddings: np.ndarray,
    history: list[dict[str, Any]],
) -> None:
    """Write the mixture, embeddings, clusters, and the history of a training.

    Parameters
    ----------
    out : pathlib.Path
    images : Images, ImageFiles, DatasetImages or PreparedRows
        What was trained on.
    model : VMFMixture
        Fitted to the embeddings.
    embeddings : ndarray of shape (n, dim)
    history : list of dict
        One for each epoch.
    """
    model.save(out / MIXTURE)
    np.save(out / EMBEDDINGS, embeddings)
    np.save(out / "labels.npy", model.labels_)
    column = "row" if images.data_kind == "rows" else "image"
    columns: dict[str, Any] = {column: getattr(images, "names", None) or range(len(model.labels_))}
    columns |= columns_of_clusters(model, embeddings, model.labels_, model.probabilities_)
    write_csv(out / "clusters.csv", columns, zip(*columns.values(), strict=True))
    paths = getattr(images, "paths", None)
    if paths is not None:
        write_paths(out / IMAGE_LIST, paths)
    names = list(dict.fromkeys(name for row in history for name in row))
    # As text, numbers keep all digits; write_csv would round them to six.
    rows = ([str(row[name]) if name in row else None for name in names] for row in history)
    write_csv(out / "metrics.csv", names, rows)
    figure = Figure(figsize=(12.0, 3.6), layout="constrained")
    plot_training(history, figure.subplots(1, 3))
    figure.savefig(out / "history.png", dpi=120)
