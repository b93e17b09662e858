"""Arrays of images: the axis of the channels and the range of the values; and .npz files."""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np

from vmfmix.storage import archives

MAX_CHANNELS = 16
CHANNELS = ("first", "last")
_USUAL_CHANNELS = 4  # of gray images or images in color, with or without opacity
# A range is recognized if some value reaches a quarter of it: darker images are more likely to
# have another range, such as 12 bits in a type of 16.
_LEAST_SHARE = 0.25
OVERSHOOT = 0.1  # of the range, by which resizing may exceed it; a viewer clips such values


class AmbiguousChannelsError(ValueError):
    """Both the first and the last axis of an image could be that of the channels."""


def channel_axis(shape: tuple[int, ...], channels: str | None = None) -> int | None:
    """Return the axis of the channels of an image of this shape.

    Parameters
    ----------
    shape : tuple of int
        (height, width), (height, width, channels) or (channels, height, width).
    channels : {"first", "last"}, default=None
        Which axis has the channels. None: the one with up to 16 entries. If both the first and the
        last axis have so few, it is the one with up to 4; if both have up to 4, the image is
        assumed to be the one that is closer to a square.

    Returns
    -------
    int or None
        None for images without an axis of channels.

    Raises
    ------
    AmbiguousChannelsError
        If the channels could be the first or the last axis.
    ValueError
        If the shape is not that of an image, or has more than 16 channels and `channels` is None.
    """
    if channels not in (None, *CHANNELS):
        raise ValueError(f"channels={channels!r} is unknown; pass 'first' or 'last'")
    if len(shape) == 2 and min(shape) > 0:
        return None
    if len(shape) == 3 and min(shape) > 0:
        if channels is not None:
            return 0 if channels == "first" else 2
        for most in (_USUAL_CHANNELS, MAX_CHANNELS):
            axes = [axis for axis in (2, 0) if shape[axis] <= most]
            if axes:
                return _closest_to_a_square(shape, axes)
    raise ValueError(
        f"an image has the shape {shape}, which is neither (height, width) nor (height, width, "
        f"channels) nor (channels, height, width) with 1 to {MAX_CHANNELS} channels"
    )


def _closest_to_a_square(shape: tuple[int, ...], axes: list[int]) -> int:
    """Return the axis of the channels among the first and the last one."""
    elongations = [_elongation(shape[:2] if axis == 2 else shape[1:]) for axis in axes]
    n_channels = max(shape[axis] for axis in axes)
    if len(axes) == 2 and (n_channels > _USUAL_CHANNELS or elongations[0] == elongations[1]):
        raise AmbiguousChannelsError(
            f"an image has the shape {shape}, whose channels could be the first or the last axis"
        )
    return axes[int(np.argmin(elongations))]


def _elongation(size: tuple[int, ...]) -> float:
    return max(size) / min(size)


def white_value(blocks: Iterable[tuple[int, np.ndarray]]) -> float:
    """Return the value that is white in images of a common type: 1, 255 or 65535.

    Parameters
    ----------
    blocks : iterable of (int, ndarray of shape (n, ...))
        Parts of the images, of a boolean, integer or floating-point type, with the position of the
        first image of each.

    Returns
    -------
    float
        255 for bytes and 1 for booleans. For other types, it follows from the largest value.

    Raises
    ------
    ValueError
        If there are NaN or infinite values, or if the values have another range.
    """
    least, largest, is_float = np.inf, -np.inf, False
    for position, block in blocks:
        if block.dtype in (np.uint8, np.bool_):
            return 255.0 if block.dtype == np.uint8 else 1.0
        if block.dtype.kind not in "iuf":
            raise ValueError(f"the values have the type {block.dtype}, which is not a number")
        is_float = block.dtype.kind == "f"
        low, high = float(block.min()), float(block.max())
        if not np.isfinite(low) or not np.isfinite(high):
            finite = np.isfinite(block).reshape(len(block), -1).all(axis=1)
            raise ValueError(f"image {position + np.argmin(finite)} has NaN or infinite values")
        least, largest = min(least, low), max(largest, high)
    margin = OVERSHOOT if is_float else 0.0
    for white in (1.0, 255.0) if is_float else (255.0, 65535.0):
        if -margin * white <= least and largest <= (1.0 + margin) * white:
            if largest >= _LEAST_SHARE * white or largest == 0.0 or white == 1.0:
                return white
            break
    raise ValueError(
        f"the values are {'numbers' if is_float else 'integers'} from {least:g} to {largest:g}, "
        "whose range is unknown; pass bytes from 0 to 255 (uint8), numbers from 0 to 1, or numbers "
        "from 0 to 255"
    )


def to_bytes(values: np.ndarray, white: float) -> np.ndarray:
    """Convert values from 0 to `white`, see `white_value`, to bytes."""
    if values.dtype == np.uint8:
        return values
    if white == 65535.0:
        return (values >> 8).astype(np.uint8)
    return np.round(np.clip(values, 0.0, white) * (255.0 / white)).astype(np.uint8)


def has_images(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is an .npz file with an array ``images``, as `read_image_file` reads.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    bool
        False for a file that is missing or damaged.
    """
    try:
        with open(path, "rb") as file, archives.opened(file) as archive:
            return "images" in archives.array_headers(archive)
    except Exception:  # damaged archives raise exceptions of many types
        return False


def read_image_file(path: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the images of an .npz file, and their labels if it has any.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    images : ndarray
        The array ``images`` of the file.
    labels : ndarray or None
        The array ``y`` of the file, if there is one.

    Raises
    ------
    ValueError
        If the file has no array ``images``, or is damaged.
    """
    with open(path, "rb") as file:
        try:
            with archives.opened(file) as archive:
                names = list(archives.array_headers(archive))
                arrays = {
                    name: archives.read_array(archive, name)
                    for name in ("images", "y")
                    if name in names
                }
        except MemoryError:
            raise
        except Exception as error:  # damaged archives raise exceptions of many types
            raise ValueError(
                f"{path} is not a complete .npz file of numbers; write it with numpy.savez."
            ) from error
    if "images" not in arrays:
        raise ValueError(f"{path} has no array named images; it has {', '.join(names)}.")
    return arrays["images"], arrays.get("y")
