"""Annotations of clusters: names, notes, and marks as noise, which move with their clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vmfmix.mixture.names import are_valid


class Annotation(NamedTuple):
    """What users say about one cluster.

    Parameters
    ----------
    name : str, default=""
        "" if it has none.
    note : str, default=""
        "" if it has none.
    is_noise : bool, default=False
        Whether its rows are labeled -1.
    """

    name: str = ""
    note: str = ""
    is_noise: bool = False


Annotations = Sequence[Annotation]
"""One annotation for each cluster."""


def annotations_of(model: Any) -> list[Annotation]:
    """Return the annotations of the clusters of a fitted model."""
    fitted, n_clusters = vars(model), model.n_components_
    names, notes = (fitted.get(name, [""] * n_clusters) for name in ("names_", "notes_"))
    each = zip(names, notes, is_noise(model), strict=True)
    return [Annotation(str(name), str(note), bool(noise)) for name, note, noise in each]


def is_noise(model: Any) -> NDArray[np.bool_]:
    """Return whether each cluster of a fitted model is noise."""
    noise: NDArray[np.bool_] = vars(model).get("noise_", np.zeros(model.n_components_, dtype=bool))
    return noise


def set_annotations(model: Any, annotations: Annotations) -> None:
    """Set `names_`, `notes_` and `noise_` of a fitted model, each only if a cluster has one."""
    names, notes, noise = zip(*annotations) if annotations else ((), (), ())
    for attribute, values, dtype in (
        ("names_", names, str),
        ("notes_", notes, str),
        ("noise_", noise, bool),
    ):
        model.__dict__.pop(attribute, None)
        if any(values):
            setattr(model, attribute, np.array(values, dtype=dtype))


def annotate_labeled(model: Any, annotations: Annotations) -> None:
    """Set annotations, and label the rows of clusters that became noise -1.

    Labels are removed if a cluster is no longer noise, since its rows cannot be found in them.
    """
    before = is_noise(model)
    set_annotations(model, annotations)
    after = is_noise(model)
    if "labels_" not in vars(model):
        return
    if (before & ~after).any():
        _remove_labels(model)
    elif (after & ~before).any():
        is_cluster = np.append(~after, False)  # the last for the label -1
        model.labels_ = np.where(is_cluster[model.labels_], model.labels_, np.int32(-1))


def _remove_labels(model: Any) -> None:
    """Remove the attributes with a value for each row."""
    for name in ("labels_", "probabilities_"):
        model.__dict__.pop(name, None)


def joined(members: Annotations) -> Annotation:
    """Return the annotation of the union of some clusters.

    It has the first name, all different notes, one on each line, and is noise if all members are.
    """
    return Annotation(
        next((member.name for member in members if member.name), ""),
        "\n".join(dict.fromkeys(member.note for member in members if member.note)),
        all(member.is_noise for member in members),
    )


def have_valid_annotations(model: Any) -> bool:
    """Return whether the annotations of a loaded model are those that its methods can set."""
    fitted, n_clusters = vars(model), model.n_components_
    if "names_" in fitted and not are_valid(fitted["names_"], n_clusters):
        return False
    if "notes_" in fitted and not are_valid(fitted["notes_"], n_clusters, unique=False):
        return False
    noise = fitted.get("noise_")
    return noise is None or bool(
        isinstance(noise, np.ndarray)
        and noise.dtype == bool
        and noise.shape == (n_clusters,)
        and noise.any()
    )
