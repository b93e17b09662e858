"""Directions of rows as a mixture sees them, and their cosines with their own mean directions."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix.inspection.fitted_model import FittedMixture, RowsLike
from vmfmix.inspection.rows import blocks_of, take_rows, unit_rows


def directions_of(model: FittedMixture, X: RowsLike) -> Any:
    """Return unit rows, centered if the clusters are those of centered rows.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)

    Returns
    -------
    {ndarray, CSR matrix} of shape (n_samples, n_features)
        Those of a model that smooths rows are neither smoothed nor centered.
    """
    rows = unit_rows(X)
    center = getattr(model, "center_", None)
    if center is None or hasattr(model, "smoother_"):  # the center is that of smoothed rows
        return rows
    return unit_rows(rows - center.astype(rows.dtype))


def own_cosines(directions: Any, means: Any, labels: np.ndarray) -> NDArray[np.float64]:
    """Return the cosine of each row with the mean direction of its own cluster.

    Parameters
    ----------
    directions : {ndarray, CSR matrix} of shape (n_samples, n_features)
        Unit rows, see `directions_of`.
    means : {ndarray, CSR matrix} of shape (n_clusters, n_features)
        Mean directions.
    labels : ndarray of shape (n_samples,), int
        Cluster of each row; negative for rows without one.

    Returns
    -------
    ndarray of shape (n_samples,)
        NaN for rows without a cluster.
    """
    own = np.full(len(labels), np.nan)
    for block in blocks_of(directions, directions.shape[1]):
        members = block.start + np.flatnonzero(labels[block] >= 0)
        rows, means_of_rows = take_rows(directions, members), means[labels[members]]
        if sp.issparse(rows) or sp.issparse(means_of_rows):
            products = sp.csr_array(rows) * sp.csr_array(means_of_rows)
            own[members] = products.sum(axis=1)
        else:
            own[members] = np.einsum("ij,ij->i", rows, means_of_rows)
    return own
