"""The attributes of a fitted `NeighborSmoother` that a file holds, and their validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from vmfmix.model.matrices import row_lengths

STORED_ATTRIBUTES = {
    "_row_embedding",
    "_rows",
    "center_",
    "eigenvalues_",
    "feature_names_in_",
    "isotropy_",
    "n_features_in_",
    "n_neighbors_",
    "restart_",
}
_TOLERANCE = 1e-3  # of lengths that should be 1


def stored_attributes(smoother: Any) -> dict[str, Any]:
    """Return what `transform` needs: all fitted attributes but `embedding_`."""
    return {name: value for name, value in vars(smoother).items() if name in STORED_ATTRIBUTES}


def restore_attributes(smoother: Any, attributes: Mapping[str, Any]) -> None:
    """Set the stored attributes of a smoother that has its parameters.

    Parameters
    ----------
    smoother : NeighborSmoother
    attributes : dict

    Raises
    ------
    ValueError
        If no fit can have produced them.
    """
    if not attributes.keys() <= STORED_ATTRIBUTES:
        raise ValueError("The file has unknown attributes.")
    vars(smoother).update(attributes)
    smoother._validate_params()
    if not _is_consistent(smoother):
        raise ValueError("The stored arrays are inconsistent.")


def _is_consistent(smoother: Any) -> bool:
    """Return whether a fit can have produced the attributes."""
    n_features = smoother.n_features_in_
    center = getattr(smoother, "center_", np.zeros(n_features))
    names = getattr(smoother, "feature_names_in_", np.empty(n_features, object))
    numbers_are_valid = (
        type(n_features) is int
        and n_features >= 2
        and type(smoother.n_neighbors_) is int
        and 0 < smoother.restart_ <= 1
        and type(smoother.isotropy_) is float
    )
    if not numbers_are_valid or center.shape != (n_features,) or len(names) != n_features:
        return False
    if not np.isfinite(center).all() or center.dtype != np.float64:
        return False
    if smoother.restart_ == 1:
        return not hasattr(smoother, "_rows")
    rows, smoothed = smoother._rows, smoother._row_embedding
    eigenvalues = smoother.eigenvalues_
    n_rows = smoothed.shape[0]
    values = rows.data if sp.issparse(rows) else rows
    return bool(
        rows.shape == (n_rows, n_features)
        and 1 <= smoother.n_neighbors_ < n_rows
        and smoothed.ndim == 2
        and (eigenvalues <= 1).all()
        and (not smoother.whiten or eigenvalues.shape == smoothed.shape[1:])
        and (smoother.whiten or smoothed.shape[1] == n_features)
        and all(array.dtype == np.float32 for array in (values, smoothed))
        and all(np.isfinite(array).all() for array in (values, smoothed, eigenvalues))
        and (np.abs(row_lengths(rows) - 1.0) < _TOLERANCE).all()
    )
