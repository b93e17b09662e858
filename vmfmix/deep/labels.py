"""Labels of Datasets: found in subsets and joined datasets too, and given as indices of classes.

Nothing is learned from labels; they are used for reports alone.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch.utils.data import ConcatDataset, Dataset, Subset, TensorDataset

from vmfmix.deep.data_kinds import Kind
from vmfmix.storage.image_folders import SkippedFile


class UnusableLabelsError(ValueError):
    """A Dataset has labels, but they are not one class for each image."""


class LabeledDataset(Dataset[Any]):
    """Base of Datasets of images or rows with labels.

    Attributes
    ----------
    data_kind : {"images", "rows"}
    labels : Tensor of shape (n,), int64, or None
        Indices into `classes`.
    classes : list or None
        The distinct labels, in order.
    unusable_labels : str or None
        Why the images have no labels although some were given.
    in_memory : bool
        Whether a batch only selects what is in memory, so that no other process need read it.
    skipped : sequence of SkippedFile
        What was left out of a folder.
    """

    data_kind: Kind = "images"
    in_memory = False
    skipped: Sequence[SkippedFile] = ()
    labels: torch.Tensor | None = None
    classes: list[Any] | None = None
    class_names: list[str] | None = None  # that integers in `classes` index
    unusable_labels: str | None = None

    def set_labels(self, read: Callable[[], Sequence[Any] | None]) -> None:
        """Set the labels that a function returns, as indices of their distinct values."""
        try:
            values = read()
        except UnusableLabelsError as error:
            self.unusable_labels = str(error)
            return
        if values is None:
            return
        self.classes = sorted(set(values), key=lambda value: (type(value).__name__, value))
        index = {value: position for position, value in enumerate(self.classes)}
        self.labels = torch.tensor([index[value] for value in values], dtype=torch.int64)

    def warn_about_labels(self) -> None:
        """Warn if labels were given that cannot be used."""
        if self.unusable_labels is not None:
            warnings.warn(
                f"The labels of the {self.data_kind} are ignored: {self.unusable_labels}. They are "
                "used for reports alone.",
                UserWarning,
                stacklevel=3,
            )

    def with_class_names(self) -> Self:
        """Return the same images with the names of the classes in `classes`."""
        renamed = copy.copy(self)
        if self.classes is not None:
            renamed.classes = named(self.classes, self.class_names)
        return renamed

    def with_classes(self, classes: Sequence[Any]) -> Self:
        """Return the same images with labels that index these classes, then any further ones."""
        relabeled = copy.copy(self)
        if self.labels is not None and self.classes is not None:
            relabeled.classes = list(dict.fromkeys([*classes, *self.classes]))
            indices = torch.tensor([relabeled.classes.index(each) for each in self.classes])
            relabeled.labels = indices[self.labels]
        return relabeled


def label_values(dataset: Any, n_images: int) -> list[Any] | None:
    """Return the label of each image of a Dataset.

    They are the attribute `labels` or `targets`, the second tensor of a TensorDataset, or the
    second entries of a list of pairs. In a Subset or a ConcatDataset, they are those of its parts.

    Parameters
    ----------
    dataset : Dataset
    n_images : int

    Returns
    -------
    list of (str, bytes, int or bool) or None
        None: the Dataset has no labels, or all of them are missing.

    Raises
    ------
    UnusableLabelsError
        If the labels are not one text or integer for each image.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import Subset, TensorDataset
    >>> from vmfmix.deep.labels import label_values
    >>> dataset = TensorDataset(torch.rand(3, 1, 8, 8), torch.tensor([4, 5, 6]))
    >>> label_values(Subset(dataset, [2, 0]), 2)
    [6, 4]
    """
    raw = _raw_labels(dataset, n_images)
    return None if raw is None else plain_labels(raw, n_images)


def plain_labels(labels: Sequence[Any], n_images: int) -> list[Any] | None:
    """Return labels as plain Python values, or None if all are missing.

    Raises
    ------
    UnusableLabelsError
        If they are not one text or integer for each image.
    """
    if len(labels) != n_images:
        raise UnusableLabelsError(f"there are {n_images} images, but {len(labels)} labels")
    values = [_plain(label) for label in labels]
    missing = [index for index, value in enumerate(values) if _is_missing(value)]
    if len(missing) == len(values):
        return None
    if missing:
        raise UnusableLabelsError(f"that of image {missing[0]} is missing")
    for index, value in enumerate(values):
        if isinstance(value, float) and value.is_integer():
            values[index] = int(value)
        elif not isinstance(value, (str, bytes, int)):
            shown = f"{value!r:.60}"
            raise UnusableLabelsError(f"that of image {index} is {shown}, no text or integer")
    return values


def _raw_labels(dataset: Any, n_images: int) -> Any:
    """Return the labels as the Dataset has them, or None if it has none."""
    attributes: list[Any] = [getattr(dataset, name, None) for name in ("labels", "targets")]
    given = [each for each in attributes if hasattr(each, "__len__") and not isinstance(each, str)]
    if given:
        return next((each for each in given if len(each) == n_images), given[0])
    if isinstance(dataset, Subset):
        raw = _raw_labels(dataset.dataset, len(dataset.dataset))  # type: ignore[arg-type]
        if raw is None:
            return None
        try:
            labels = _as_list(raw)
            return [labels[index] for index in dataset.indices]
        except IndexError:
            raise UnusableLabelsError("there are fewer labels than images") from None
    if isinstance(dataset, ConcatDataset):
        return _joined_labels(dataset.datasets)
    if isinstance(dataset, TensorDataset):
        return dataset.tensors[1] if len(dataset.tensors) > 1 else None
    if isinstance(dataset, (list, tuple)):
        pairs = [item for item in dataset if isinstance(item, (list, tuple)) and len(item) > 1]
        return [pair[1] for pair in pairs] if len(pairs) == len(dataset) else None
    return None


def _joined_labels(parts: Sequence[Any]) -> Sequence[Any] | None:
    """Return the labels of several Datasets, by name if they number their classes differently."""
    raw = [_raw_labels(part, len(part)) for part in parts]
    if all(labels is None for labels in raw):
        return None
    lists = [_as_list(labels) for labels in raw if labels is not None]
    if len(lists) < len(parts):
        raise UnusableLabelsError("some parts of the ConcatDataset have none")
    names = [class_names(part) for part in parts]
    if any(each != names[0] for each in names) and all(each is not None for each in names):
        lists = [named(labels, each) for labels, each in zip(lists, names)]
    return [label for labels in lists for label in labels]


def class_names(dataset: Any) -> list[str] | None:
    """Return the names of the classes that the integer labels of a Dataset index, if it has any."""
    names = getattr(dataset, "classes", None)
    if isinstance(names, (list, tuple)) and names and all(isinstance(each, str) for each in names):
        return list(names)
    if isinstance(dataset, Subset):
        return class_names(dataset.dataset)
    if isinstance(dataset, ConcatDataset):
        all_names = [class_names(part) for part in dataset.datasets]
        return all_names[0] if all(each == all_names[0] for each in all_names) else None
    return None


def named(labels: Sequence[Any], names: Sequence[str] | None) -> list[Any]:
    """Return the names of classes in place of their numbers, where there are any."""
    labels = [_plain(label) for label in labels]
    is_number = all(isinstance(label, int) and 0 <= label < len(names or ()) for label in labels)
    return [names[label] for label in labels] if names and is_number else list(labels)


def _as_list(labels: Any) -> list[Any]:
    return list(labels.tolist() if isinstance(labels, (torch.Tensor, np.ndarray)) else labels)


def _plain(label: Any) -> Any:
    """Return a label as a plain Python value; one in an array of size 1 counts as such."""
    if isinstance(label, (torch.Tensor, np.ndarray, np.generic)):
        label = label.tolist()
    while isinstance(label, (list, tuple)) and len(label) == 1:
        label = label[0]
    return label


def _is_missing(value: Any) -> bool:
    """Return whether a label says that there is none: None, NaN or a negative number."""
    if isinstance(value, float):
        return math.isnan(value) or value < 0
    return (
        value is None or type(value).__name__ == "NAType" or (isinstance(value, int) and value < 0)
    )
