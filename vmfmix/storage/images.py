"""Reading of images from folders and .npz files; image files need Pillow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vmfmix.storage import archives

if TYPE_CHECKING:
    from PIL import Image

_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def image_paths(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the paths of all image files in a folder and its subfolders, sorted.

    Parameters
    ----------
    folder : str or path-like

    Returns
    -------
    list of pathlib.Path
        Files whose suffix is that of an image format, such as .png or .jpg.

    Raises
    ------
    ValueError
        If the folder has no image files.
    """
    folder = Path(folder)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise ValueError(
            f"There is no image in {folder}; image files are recognized by their suffix: "
            f"{', '.join(sorted(_SUFFIXES))}."
        )
    return paths


def read_image(path: str | os.PathLike[str]) -> Image.Image:
    """Return an image as 8-bit gray or RGB, rotated according to its EXIF orientation.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    PIL.Image.Image
        With mode "L" or "RGB".

    Raises
    ------
    ValueError
        If the file is not an image, or its pixels are numbers of unknown range.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return _upright(image)
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}") from error


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


def _upright(image: Image.Image) -> Image.Image:
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError("the range of its pixel values is unknown; save it with 8 or 16 bits.")
    return image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
