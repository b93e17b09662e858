"""Image files as arrays of one size: stretched, cropped or padded; one array, or one by one."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vmfmix.storage.images import UnreadableImageError, backdrop_color, read_image

if TYPE_CHECKING:
    from PIL import Image

FITS = ("stretch", "crop", "pad")
_MAX_LISTED = 20


def read_fitted_image(
    path: str | os.PathLike[str],
    size: tuple[int, int] | None = None,
    *,
    fit: str = "stretch",
    backdrop: str = "white",
) -> Image.Image:
    """Return an image as 8-bit gray or RGB of a size, see `vmfmix.storage.images.read_image`.

    Parameters
    ----------
    path : str or path-like
    size : (int, int), default=None
        Width and height; None: those of the image.
    fit : {"stretch", "crop", "pad"}, default="stretch"
        How an image of other proportions gets this size. "stretch": its proportions change.
        "crop": it keeps them, and what exceeds the size is cut off on both sides. "pad": it keeps
        them, and the rest shows the backdrop.
    backdrop : str, default="white"
        Color behind transparent parts and beside padded images.

    Returns
    -------
    PIL.Image.Image
        With mode "L" or "RGB".

    Raises
    ------
    UnreadableImageError
        If the image cannot be read.
    ValueError
        If the fit or the backdrop is unknown.
    """
    from PIL import ImageOps

    if fit not in FITS:
        raise ValueError(f"fit={fit!r} is unknown; pass one of {', '.join(FITS)}.")
    image = read_image(path, size=size, backdrop=backdrop)
    if size is None or image.size == size:
        return image
    if fit == "stretch":
        return image.resize(size)
    if fit == "crop":
        return ImageOps.fit(image, size)
    color = backdrop_color(backdrop)
    if image.mode == "L":
        if len(set(color)) == 1:
            return _pad(image, size, color[0])
        image = image.convert("RGB")
    return _pad(image, size, color)


def _pad(image: Image.Image, size: tuple[int, int], color: int | tuple[int, ...]) -> Image.Image:
    """Do as `PIL.ImageOps.pad`, which fails for very long images in Pillow 12 and older."""
    from PIL import Image

    scale = min(size[0] / image.width, size[1] / image.height)
    inner = image.resize((max(1, round(scale * image.width)), max(1, round(scale * image.height))))
    padded = Image.new(image.mode, size, color)
    padded.paste(inner, ((size[0] - inner.width) // 2, (size[1] - inner.height) // 2))
    return padded


def read_image_array(
    path: str | os.PathLike[str],
    shape: Sequence[int],
    *,
    fit: str = "stretch",
    backdrop: str = "white",
) -> np.ndarray:
    """Return an image as an array of the shape of the images of a training.

    Parameters
    ----------
    path : str or path-like
    shape : (int, int, int)
        Channels (1 or 3), height and width.
    fit, backdrop : str
        See `read_fitted_image`.

    Returns
    -------
    ndarray of shape (channels, height, width), uint8

    Raises
    ------
    UnreadableImageError
        If the image cannot be read.
    ValueError
        If the image is in color, and the shape has one channel.
    """
    n_channels, height, width = shape
    image = read_fitted_image(path, (width, height), fit=fit, backdrop=backdrop)
    if image.mode == "RGB" and n_channels == 1:
        raise ValueError(
            f"{path} is in color, but the images of the training are gray; convert the image to "
            "gray."
        )
    values = np.asarray(image if n_channels == 1 else image.convert("RGB"))
    return np.ascontiguousarray(values.reshape(height, width, n_channels).transpose(2, 0, 1))


def read_image_stack(
    paths: Sequence[str | os.PathLike[str]],
    *,
    size: tuple[int, int] | None = None,
    fit: str = "stretch",
    skip_damaged: bool = False,
    backdrop: str = "white",
) -> tuple[np.ndarray, dict[int, UnreadableImageError]]:
    """Return images of one size in one array, which takes little more memory than the result.

    Parameters
    ----------
    paths : sequence of str or path-like
        At least one image file.
    size : (int, int), default=None
        Width and height to which the images are resized; None: those of the first image.
    fit : {"stretch", "crop", "pad"}, default="stretch"
        See `read_fitted_image`.
    skip_damaged : bool, default=False
        Whether to leave out images that cannot be read, with a warning, instead of raising an
        error.
    backdrop : str, default="white"
        Color behind transparent parts and beside padded images.

    Returns
    -------
    images : ndarray of shape (n, channels, height, width), uint8
        One channel if all images are gray, else three.
    errors : dict of UnreadableImageError
        Images that were left out, by their position in `paths`.

    Raises
    ------
    UnreadableImageError
        If an image cannot be read and `skip_damaged` is False, or if none can be read.
    ValueError
        If the images do not fit in memory, or if the fit or the backdrop is unknown.
    """
    stack = _Stack(len(paths))
    errors: dict[int, UnreadableImageError] = {}
    for position, path in enumerate(paths):
        try:
            image = read_fitted_image(path, size, fit=fit, backdrop=backdrop)
        except UnreadableImageError as error:
            if not skip_damaged:
                raise error.with_remedy() from error
            errors[position] = error
            continue
        size = image.size
        stack.append(image)
    report_skipped_images(errors, len(paths))
    return stack.finished(), errors


def report_skipped_images(errors: Mapping[int, UnreadableImageError], n_images: int) -> None:
    """Warn of images that could not be read, or raise an error if none could.

    Parameters
    ----------
    errors : dict of UnreadableImageError
        By position.
    n_images : int
        Number of images that should have been read.

    Raises
    ------
    UnreadableImageError
        If there is an error for each image.
    """
    listed = [errors[position] for position in sorted(errors)]
    if len(listed) == n_images:
        raise UnreadableImageError(f"None of {n_images} images can be read. {listed[0]}")
    warn_of_skipped_images(listed, n_images)


def warn_of_skipped_images(errors: Sequence[UnreadableImageError], n_images: int) -> None:
    """Warn of images that could not be read and were left out, if there are any.

    Parameters
    ----------
    errors : sequence of UnreadableImageError
    n_images : int
        Number of images that should have been read.
    """
    if not errors:
        return
    more = f" And {len(errors) - _MAX_LISTED} more." if len(errors) > _MAX_LISTED else ""
    listed = " ".join(map(str, errors[:_MAX_LISTED]))
    warnings.warn(
        f"Skipped {len(errors)} of {n_images} images: {listed}{more}", UserWarning, stacklevel=3
    )


class _Stack:
    """An array that images are appended to; it has three channels from the first color image on.

    The array is resized in place, since a copy would double the memory.
    """

    def __init__(self, n_images: int) -> None:
        self._n_images, self._n_filled, self._n_channels = n_images, 0, 1
        self._size = (0, 0)
        self._values = np.empty(0, np.uint8)

    def append(self, image: Image.Image) -> None:
        if self._n_filled == 0:
            self._size = image.size
            self._n_channels = len(image.getbands())
            self._values = self._allocated(self._n_images * self._n_pixels * self._n_channels)
        elif image.mode == "RGB" and self._n_channels == 1:
            self._add_channels()
        channels = [image] * self._n_channels if image.mode == "L" else image.split()
        target = self._array()[self._n_filled]
        for values, channel in zip(target, channels):
            values[:] = np.asarray(channel)
        self._n_filled += 1

    def finished(self) -> np.ndarray:
        """Return the images that were appended."""
        return self._array()[: self._n_filled]

    def _allocated(self, n_bytes: int) -> np.ndarray:
        try:
            return np.empty(n_bytes, np.uint8)
        except MemoryError:
            width, height = self._size
            raise ValueError(
                f"{self._n_images} images of {width} × {height} pixels need "
                f"{n_bytes / 1e9:,.0f} GB of memory; pass a smaller size (--size)."
            ) from None

    @property
    def _n_pixels(self) -> int:
        return self._size[0] * self._size[1]

    def _array(self) -> np.ndarray:
        width, height = self._size
        return self._values.reshape(self._n_images, self._n_channels, height, width)

    def _add_channels(self) -> None:
        n = self._n_pixels
        self._values.resize(self._n_images * n * 3, refcheck=False)
        for i in reversed(range(self._n_filled)):  # no image is overwritten before it is moved
            gray = self._values[i * n : (i + 1) * n].copy()
            self._values[i * 3 * n : (i + 1) * 3 * n].reshape(3, n)[:] = gray
        self._n_channels = 3
