"""Load fitted models.

A file may come from anyone: loading it runs no code, and a model that no fit can produce is
refused. See `vmfmix.storage.model_format` for the contents of a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone

from vmfmix.fitting.changes import restored_changes
from vmfmix.fitting.state import restored_state
from vmfmix.merging.history import MergeHistory
from vmfmix.mixture import VMFMixture
from vmfmix.mixture.annotations import have_valid_annotations
from vmfmix.model.statistics import LARGEST_CONCENTRATION
from vmfmix.neighbors.smoother import NeighborSmoother
from vmfmix.neighbors.stored import restore_attributes
from vmfmix.storage.model_format import StoredModel, damage_reported, read_model
from vmfmix.storage.reading import name_of

_TOLERANCE = 1e-6  # of sums and lengths that should be 1


def load(path: Any) -> VMFMixture:
    """Load a model that `VMFMixture.save` wrote.

    Parameters
    ----------
    path : str, path-like or file object
        The file, or an open file of bytes, such as ``io.BytesIO`` or one of a cloud store. An open
        file is read from its current position to its end, and left open.

    Returns
    -------
    VMFMixture
        Fitted, with the same parameters and attributes.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not such a model, or was written in a later version of the format. See
        `vmfmix.NeighborSmoother.load` for smoothers.

    Examples
    --------
    >>> import os, tempfile, vmfmix
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> X, _ = make_vmf_mixture(200, n_features=8, n_components=3, random_state=0)
    >>> model = vmfmix.VMFMixture(n_components=3, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.npz")
    ...     model.save(path)
    ...     loaded = vmfmix.load(path)
    >>> bool((loaded.predict(X) == model.labels_).all())
    True
    """
    stored = read_model(path)
    if stored.class_name == "NeighborSmoother":
        raise ValueError(
            f"{name_of(path)} holds a NeighborSmoother; read it with NeighborSmoother.load."
        )
    with damage_reported(path):
        model = _build(stored)
        if not _is_consistent(model):
            raise ValueError("The stored arrays are inconsistent.")
        return model


def _build(stored: StoredModel) -> VMFMixture:
    parameters, of_smooth = _split(stored.parameters, "smooth__")
    attributes, of_smoother = _split(stored.attributes, "smoother_.")
    attributes, of_changes = _split(attributes, "changes_.")
    attributes, of_state = _split(attributes, "state.")
    model = VMFMixture().set_params(**parameters)
    if of_smooth:
        model.smooth = NeighborSmoother().set_params(**of_smooth)
    if of_smoother:
        smoother = NeighborSmoother(device=model.device)
        model.smoother_ = clone(model.smooth) if of_smooth else smoother
        restore_attributes(model.smoother_, of_smoother)
    for name, value in attributes.items():
        if not name.endswith("_") or name.startswith("_") or hasattr(VMFMixture, name):
            raise ValueError(f"{name} is not an attribute of a fitted model.")
        setattr(model, name, value)
    if of_changes:
        model.changes_ = restored_changes(of_changes)
    if of_state:
        model._state = restored_state(model._last_fit(), of_state)
    if stored.merge_history:
        model.merge_history_ = MergeHistory(**stored.merge_history)
    return model


def _split(values: Mapping[str, Any], prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values whose names do not have a prefix, and those that do, without it."""
    own = {name: value for name, value in values.items() if not name.startswith(prefix)}
    start = len(prefix)
    return own, {name[start:]: values[name] for name in values if name.startswith(prefix)}


def _is_consistent(model: VMFMixture) -> bool:
    """Return whether a fit can have produced the attributes of the model."""
    model._validate_params()
    history = getattr(model, "merge_history_", None)
    return (
        _has_consistent_mixture(model)
        and _has_consistent_labels(model)
        and _has_consistent_references(model)
        and have_valid_annotations(model)
        and (not hasattr(model, "changes_") or len(model.changes_) == model.n_components_)
        and (history is None or history.is_consistent(model.means_.shape[1]))
    )


def _has_consistent_mixture(model: VMFMixture) -> bool:
    n_components, n_features = model.n_components_, model.n_features_in_
    n_dimensions = n_features  # of the space of the mixture
    if hasattr(model, "smoother_"):
        if model.smoother_.n_features_in_ != n_features:
            return False
        n_dimensions = len(model.smoother_.get_feature_names_out())
    background = getattr(model, "background_weight_", 0.0)
    center = getattr(model, "center_", np.zeros(n_features))
    weights, means, concentrations = model.weights_, model.means_, model.concentrations_
    integers = (n_components, n_features, model.n_samples_seen_, model.n_iter_)
    if not all(type(number) is int and number >= 0 for number in integers) or n_features == 0:
        return False
    shapes = [(n_components,), (n_components, n_dimensions), (n_components,), (n_features,)]
    for values, shape in zip((weights, means, concentrations, center), shapes):
        if values.shape != shape or values.dtype != np.float64 or not np.isfinite(values).all():
            return False
    return bool(
        (weights >= 0).all()
        and 0 <= background <= 1
        and abs(weights.sum() + background - 1.0) < _TOLERANCE
        and (np.abs(np.linalg.norm(means, axis=1) - 1.0) < _TOLERANCE).all()
        and (concentrations >= 0).all()
        and (concentrations <= LARGEST_CONCENTRATION).all()
        and len(getattr(model, "feature_names_in_", center)) == n_features
    )


def _has_consistent_references(model: VMFMixture) -> bool:
    references = getattr(model, "reference_densities_", np.zeros(1, np.float32))
    power = getattr(model, "probability_power_", 1.0)
    return bool(
        references.ndim == 1
        and references.dtype == np.float32
        and (references < np.inf).all()
        and (np.sort(references) == references).all()
        and isinstance(power, (int, float))
        and 0 < power <= 1
    )


def _has_consistent_labels(model: VMFMixture) -> bool:
    """Return whether labels, and probabilities for all of them, are valid where there are some."""
    labels, probabilities = getattr(model, "labels_", None), getattr(model, "probabilities_", None)
    if labels is None:
        return probabilities is None
    return bool(
        labels.ndim == 1
        and labels.dtype.kind == "i"
        and (labels >= -1).all()
        and (labels < model.n_components_).all()
    ) and (
        probabilities is None
        or bool(
            labels.shape == probabilities.shape
            and (probabilities >= 0).all()
            and (probabilities <= 1.0 + _TOLERANCE).all()
        )
    )
