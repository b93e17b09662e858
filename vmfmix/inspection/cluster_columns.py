"""Columns of tables of rows: the cluster of each row, and how well the row fits it."""

from __future__ import annotations

from typing import Any

import numpy as np

from vmfmix.inspection.cluster_names import names_or_numbers
from vmfmix.inspection.clusters import cosines_of_rows
from vmfmix.inspection.fitted_model import FittedMixture, RowsLike

__all__ = ["columns_of_clusters", "names_of_rows"]


def columns_of_clusters(
    model: FittedMixture, X: RowsLike, labels: np.ndarray, probabilities: np.ndarray
) -> dict[str, Any]:
    """Return the columns that say which cluster each row belongs to, and how well it fits.

    Parameters
    ----------
    model : VMFMixture
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
    labels, probabilities : ndarray of shape (n_samples,)
        Cluster of each row, -1 for the background, and its probability.

    Returns
    -------
    dict of array or list
        ``cluster``; ``cluster_name``, its number if it has no name, and None for the background;
        ``similarity``, the cosine with its mean direction; ``margin``, the similarity minus the
        cosine with the nearest other mean direction; ``probability``; and ``typicality`` if the
        model knows the densities of the rows of its fit, see `VMFMixture.typicality`. Similarity
        and margin are NaN for the background, and the margin also if there is only one cluster.
    """
    own, other = cosines_of_rows(model, X, labels)
    margins = own - other if model.n_components_ > 1 else np.full(len(own), np.nan)
    columns = {
        "cluster": labels,
        "cluster_name": names_of_rows(model, labels),
        "similarity": own.astype(np.float32),
        "margin": margins.astype(np.float32),
        "probability": np.array(probabilities),
    }
    if hasattr(model, "reference_densities_"):
        columns["typicality"] = model.typicality(X)
    return columns


def names_of_rows(model: FittedMixture, labels: np.ndarray) -> list[str | None]:
    """Return the name of the cluster of each row, None for rows without a cluster."""
    names = [*names_or_numbers(model), None]  # -1 is the last
    return [names[label] for label in labels.tolist()]
