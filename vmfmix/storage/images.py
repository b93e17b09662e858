"""Decoding of image files with Pillow, as they look in a viewer."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vmfmix.storage.image_arrays import to_bytes, white_value

if TYPE_CHECKING:
    from PIL import Image

_ORIENTATION = 0x0112  # tag of EXIF; values of 5 and above swap width and height
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # tags of TIFF
_WHITE_IS_ZERO = 0
_REDUCING_GAP = 2  # a JPEG file is decoded at no less than twice the size that is needed
_MAX_LISTED = 20


class UnreadableImageError(ValueError):
    """An image file is damaged, too large, or of an unknown format."""

    def with_remedy(self) -> UnreadableImageError:
        """Return the error with what to do about it, which a list of errors need not repeat."""
        return UnreadableImageError(
            f"{self} Repair or remove it, or leave it out with skip_damaged=True (--skip-damaged)."
        )


def read_image(
    path: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    backdrop: str = "white",
) -> Image.Image:
    """Return an image as 8-bit gray or RGB, as a viewer shows it.

    It is rotated according to its EXIF orientation, transparent parts show the backdrop, more than
    8 bits are reduced to 8, and an animation is represented by its first frame.

    Parameters
    ----------
    path : str or path-like
    size : (int, int), default=None
        Width and height that are needed. Large JPEG files are reduced toward twice this size while
        they are decoded, which saves time and memory.
    backdrop : str, default="white"
        Color behind transparent parts: a name or "#rrggbb".

    Returns
    -------
    PIL.Image.Image
        With mode "L" or "RGB", and not resized to `size`.

    Raises
    ------
    UnreadableImageError
        If the file is not an image, is damaged, has more pixels than Pillow allows, or if its
        pixels are numbers of unknown range.
    ValueError
        If Pillow does not know the backdrop.
    """
    from PIL import Image, UnidentifiedImageError

    backdrop_color(backdrop)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata, and sizes that are still allowed
            with Image.open(path) as image:
                if size is not None:
                    swapped = _orientation(image) >= 5
                    needed = size[::-1] if swapped else size
                    image.draft(None, (needed[0] * _REDUCING_GAP, needed[1] * _REDUCING_GAP))
                image.load()
                return as_viewed(image, backdrop)
    except MemoryError:
        raise
    except UnidentifiedImageError:
        raise UnreadableImageError(
            f"{path} cannot be read as an image: it is damaged, or of a format that Pillow does "
            "not know."
        ) from None
    except Image.DecompressionBombError:
        raise UnreadableImageError(
            f"{path} cannot be read as an image: it has more pixels than Pillow allows "
            f"({2 * (Image.MAX_IMAGE_PIXELS or 0):,})."
        ) from None
    except Exception as error:  # damaged files make Pillow raise exceptions of many types
        text = getattr(error, "strerror", None) or str(error)  # of OSError without the path
        reason = " ".join(text.split()).rstrip(".") or type(error).__name__
        raise UnreadableImageError(f"{path} cannot be read as an image: {reason}.") from error


def as_viewed(image: Image.Image, backdrop: str = "white") -> Image.Image:
    """Return an image of any mode as 8-bit gray or RGB, as a viewer shows it; see `read_image`.

    Parameters
    ----------
    image : PIL.Image.Image
        Not changed, and returned itself if there is nothing to convert.
    backdrop : str, default="white"

    Returns
    -------
    PIL.Image.Image
        With mode "L" or "RGB".

    Raises
    ------
    ValueError
        If the pixels are numbers of unknown range.
    """
    from PIL import Image, ImageOps

    if _orientation(image) > 1:
        image = ImageOps.exif_transpose(image)
    is_gray = image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I")
    transparent = image.info.get("transparency")
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        image = Image.fromarray(_gray_bytes(image, values))
        if transparent is not None:  # the value that stands for transparent pixels
            image.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype("u1")))
    elif image.mode == "RGB" and transparent is not None and max(transparent) > 255:
        # The file has 16 bits, of which Pillow keeps the higher 8.
        image = image.copy()
        image.info["transparency"] = tuple(value >> 8 for value in transparent)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        # Pillow does not convert La, whose gray is multiplied by opacity, to RGBA.
        image = image.convert("LA" if image.mode == "La" else image.mode).convert("RGBA")
        color = backdrop_color(backdrop)
        image = Image.alpha_composite(Image.new("RGBA", image.size, color), image)
        is_gray = is_gray and len(set(color[:3])) == 1
    mode = "L" if is_gray else "RGB"
    return image if image.mode == mode else image.convert(mode)


def backdrop_color(name: str) -> tuple[int, ...]:
    """Return the RGB values of a color.

    Parameters
    ----------
    name : str
        A name or "#rrggbb".

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        If Pillow does not know the color.
    """
    from PIL import ImageColor

    try:
        return ImageColor.getrgb(name)[:3]
    except (ValueError, AttributeError):
        raise ValueError(
            f"backdrop={name!r} is not a color; pass a name such as 'white' or 'gray', or "
            "'#rrggbb'."
        ) from None


def read_image_stack(
    paths: Sequence[str | os.PathLike[str]],
    *,
    size: tuple[int, int] | None = None,
    skip_damaged: bool = False,
    backdrop: str = "white",
) -> tuple[np.ndarray, list[int]]:
    """Return images of one size in one array, which takes little more memory than the result.

    Parameters
    ----------
    paths : sequence of str or path-like
        At least one image file.
    size : (int, int), default=None
        Width and height to which the images are resized; None: those of the first image.
    skip_damaged : bool, default=False
        Whether to leave out images that cannot be read, with a warning, instead of raising an
        error.
    backdrop : str, default="white"
        Color behind transparent parts.

    Returns
    -------
    images : ndarray of shape (n, channels, height, width), uint8
        One channel if all images are gray, else three.
    positions : list of int
        Positions of these images in `paths`.

    Raises
    ------
    UnreadableImageError
        If an image cannot be read and `skip_damaged` is False, or if none can be read.
    ValueError
        If the images do not fit in memory, or Pillow does not know the backdrop.
    """
    stack = _Stack(len(paths))
    positions, errors = [], []
    for position, path in enumerate(paths):
        try:
            image = read_image(path, size=size, backdrop=backdrop)
        except UnreadableImageError as error:
            if not skip_damaged:
                raise error.with_remedy() from error
            errors.append(error)
            continue
        size = size or image.size
        stack.append(image if image.size == size else image.resize(size))
        positions.append(position)
    if not positions:
        raise UnreadableImageError(f"None of {len(paths)} images can be read. {errors[0]}")
    warn_of_skipped_images(errors, len(paths))
    return stack.finished(), positions


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


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged metadata does not matter to a viewer
        return 1


def _gray_bytes(image: Image.Image, values: np.ndarray) -> np.ndarray:
    """Return the pixels of a gray image of more than 8 bits as bytes."""
    tags: Any = getattr(image, "tag_v2", {})  # of TIFF
    if image.mode.startswith("I;16") or (image.format in ("PNG", "PPM") and image.mode == "I"):
        bits = tags.get(_BITS_PER_SAMPLE, (16,))[0]
        gray = (values >> (bits - 8)).astype(np.uint8)
    elif not np.isfinite(values).all():
        raise ValueError("there are NaN or infinite values")
    else:
        gray = to_bytes(values, white_value([(0, values[None])]))
    return 255 - gray if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else gray
