"""Decoding of image files with Pillow, as they look in a viewer."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from vmfmix.storage.image_arrays import to_bytes, white_value

if TYPE_CHECKING:
    from PIL import Image

_ORIENTATION = 0x0112  # tag of EXIF; values of 5 and above swap width and height
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # tags of TIFF
_WHITE_IS_ZERO = 0
_REDUCING_GAP = 2  # a JPEG file is decoded at no less than twice the size that is needed


class UnreadableImageError(ValueError):
    """An image file is damaged, too large, or of an unknown format.

    Parameters
    ----------
    message : str
    reason : str, default=""
        Why the image cannot be read, without its path.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason

    def with_remedy(self) -> UnreadableImageError:
        """Return the error with what to do about it, which a list of errors need not repeat."""
        return UnreadableImageError(
            f"{self} Repair or remove it, or leave it out with skip_damaged=True (--skip-damaged).",
            self.reason,
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
        reason = "it is damaged, or of a format that Pillow does not know"
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        reason = f"it has more pixels than Pillow allows ({most:,})"
    except Exception as error:  # damaged files make Pillow raise exceptions of many types
        text = getattr(error, "strerror", None) or str(error)  # of OSError without the path
        reason = " ".join(text.split()).rstrip(".") or type(error).__name__
    raise UnreadableImageError(f"{path} cannot be read as an image: {reason}.", reason)


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
