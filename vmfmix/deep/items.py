"""Items of a Dataset as images: one layout, one range of values, and their indices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from vmfmix.deep.labels import LabeledDataset, class_names, label_values
from vmfmix.storage.image_arrays import (
    OVERSHOOT,
    AmbiguousChannelsError,
    channel_axis,
    white_value,
)

_IMAGES_OF_RANGE = 16  # images from which the range of the values is recognized


class DatasetImages(LabeledDataset):
    """The images of a Dataset, in one layout and range, with their indices.

    Layout, shape and range are those of the first images. An item that differs raises ValueError
    when it is read.

    Parameters
    ----------
    dataset : Dataset
        Its items are images as tensors, or tuples (image, …) or ([view, view, …], …). Images have
        the shape (channels, height, width), (height, width, channels) or (height, width), and are
        bytes or numbers from 0 to 1 or from 0 to 255. Views may have any finite values.
    any_range : bool, default=False
        Whether images may have any finite values, too, as for views of one's own.
    channels : {"first", "last"}, default=None
        Which axis of an image has the channels; None: it is recognized from the shape, see
        `vmfmix.storage.image_arrays.channel_axis`.

    Attributes
    ----------
    first : Tensor of shape (1, channels, height, width)
        The first image, or its first view.
    any_range : bool
        Whether values may be any finite numbers, also because items are views.
    classes, labels, unusable_labels
        See `vmfmix.deep.labels.LabeledDataset`.

    Raises
    ------
    ValueError
        If the first images cannot be used.
    """

    names: list[str] | None = None

    def __init__(
        self, dataset: Any, *, any_range: bool = False, channels: str | None = None
    ) -> None:
        n_images = _length(dataset)
        self.dataset, self._n_images, self._channels = dataset, n_images, channels
        self.class_names = class_names(dataset)
        self.set_labels(lambda: label_values(dataset, n_images))
        shown = image_or_views(dataset[0])
        views = [shown] if isinstance(shown, torch.Tensor) else list(shown)
        for view in views:
            if view.ndim not in (2, 3) or 0 in view.shape:
                raise ValueError(
                    f"Image 0 has the shape {tuple(view.shape)}; it must be (channels, height, "
                    "width), (height, width, channels) or (height, width)."
                )
        self._are_views = not isinstance(shown, torch.Tensor)
        self.any_range = any_range or self._are_views
        self._shapes = [tuple(view.shape) for view in views]
        self._is_bytes = views[0].dtype == torch.uint8
        self._white: float | None = None
        if not self.any_range:
            step = math.ceil(n_images / _IMAGES_OF_RANGE)
            self._white = self._find_white(list(range(0, n_images, step)))
        first = self[0][0]
        self.first = (first if isinstance(first, torch.Tensor) else first[0])[None]

    def __len__(self) -> int:
        return self._n_images

    def __getitem__(self, index: int) -> tuple[torch.Tensor | list[torch.Tensor], int]:
        views = self._read(index)
        if not self._are_views:
            return self._scaled(views[0], index), index
        for view in views:
            _validate_values(view, None, index)
        views = [view if view.dtype == torch.uint8 else view.float() for view in views]
        return [self._channels_first(view) for view in views], index

    def _read(self, index: int) -> list[torch.Tensor]:
        """Return the image or the views of an item; raise ValueError unless they are as before."""
        shown = image_or_views(self.dataset[index])
        views = [shown] if isinstance(shown, torch.Tensor) else list(shown)
        shapes = [tuple(view.shape) for view in views]
        if shapes != self._shapes:
            raise ValueError(
                f"Image {index} has the shape {_format_shapes(shapes)}, but image 0 has "
                f"{_format_shapes(self._shapes)}; resize all images to one shape."
            )
        return views

    def _find_white(self, indices: list[int]) -> float:
        images = ((index, as_array(self._read(index)[0][None])) for index in indices)
        try:
            return white_value(images)
        except ValueError as error:
            raise ValueError(
                f"The images of the Dataset cannot be used: {error}, without subtracting a mean or "
                "dividing by a standard deviation."
            ) from None

    def _scaled(self, image: torch.Tensor, index: int) -> torch.Tensor:
        """Return an image as bytes, or as numbers from 0 to 1."""
        if (image.dtype == torch.uint8) != self._is_bytes:
            raise ValueError(
                f"Image {index} has values of type {image.dtype}, unlike image 0; convert all "
                "images to the same type."
            )
        image = self._channels_first(image)
        if self._is_bytes:
            return image
        if image.dtype == torch.bool:
            return image.float()
        _validate_values(image, self._white, index)
        if self._white is None:
            return image.float()
        return (image.float() / self._white).clamp(0.0, 1.0)

    def _channels_first(self, image: torch.Tensor) -> torch.Tensor:
        axis = axis_of_channels(tuple(image.shape), self._channels)
        if axis is None:
            return image[None]
        return image.permute(2, 0, 1).contiguous() if axis == 2 else image


def axis_of_channels(shape: tuple[int, ...], channels: str | None) -> int | None:
    """Return the axis of the channels of an image, see `channel_axis`.

    Raises
    ------
    AmbiguousChannelsError
        If the channels could be the first or the last axis; it says what to pass.
    ValueError
        If the shape is not that of an image.
    """
    try:
        return channel_axis(shape, channels)
    except AmbiguousChannelsError as error:
        raise AmbiguousChannelsError(
            f"The images cannot be used: {error}; pass channels='first' or channels='last' "
            "(--channels)."
        ) from None
    except ValueError as error:
        raise ValueError(f"The images cannot be used: {error}.") from None


def image_or_views(item: Any) -> torch.Tensor | Sequence[torch.Tensor]:
    """Return the image, or the list of views, of an item of a Dataset.

    Raises
    ------
    ValueError
        If the item contains neither.
    """
    shown: torch.Tensor | Sequence[torch.Tensor]
    shown = item[0] if isinstance(item, (tuple, list)) and item else item
    views = shown if isinstance(shown, (tuple, list)) else [shown, shown]
    # A bare list of tensors could be views or (image, label); only the first would be used.
    is_bare_list = isinstance(item, list) and all(map(torch.is_tensor, item)) and len(item) > 1
    if is_bare_list or len(views) < 2 or not all(map(torch.is_tensor, views)):
        raise ValueError(
            "The items of a Dataset must be tensors, (image, …) or ([view, view, …], …), and this "
            f"one is {_describe_item(item)}; convert images to tensors, and put views into a list "
            "of their own."
        )
    return shown


def _describe_item(item: Any) -> str:
    if isinstance(item, (tuple, list)):
        return f"({', '.join(map(_describe_item, item))})" if len(item) < 5 else "a long list"
    return type(item).__name__


def _length(dataset: Any) -> int:
    """Return the number of items of a Dataset; raise ValueError if it has none."""
    try:
        n_images = len(dataset)
    except TypeError:
        n_images = -1
    if n_images < 0 or not hasattr(dataset, "__getitem__"):
        raise ValueError(
            f"A {type(dataset).__name__} is not a Dataset with a length and numbered items; pass "
            "one that has __len__ and __getitem__, or an array or a folder of images."
        )
    if n_images == 0:
        raise ValueError("There are no images; pass a Dataset with at least one item.")
    return n_images


def _validate_values(image: torch.Tensor, white: float | None, index: int) -> None:
    """Raise ValueError unless values are finite and, unless `white` is None, up to white."""
    if image.dtype in (torch.uint16, torch.uint32, torch.uint64):
        image = image.double()  # torch has no minimum of these types
    low, high = map(float, torch.aminmax(image))
    if not math.isfinite(low) or not math.isfinite(high):
        raise ValueError(
            f"Image {index} has values that are NaN or infinite; repair the image or leave it out."
        )
    if white is not None and not -OVERSHOOT * white <= low <= high <= (1 + OVERSHOOT) * white:
        raise ValueError(
            f"Image {index} has values from {low:g} to {high:g}, but others suggest that all are "
            f"from 0 to {white:g}; pass images of one range."
        )


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as an array; NumPy has no bfloat16, which becomes float32."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _format_shapes(shapes: Sequence[tuple[int, ...]]) -> str:
    return " and ".join(map(str, shapes))
