"""Images in files, upright and in bytes; all but .npz files need Pillow."""

from pathlib import Path

import numpy as np

from vmfmix.storage import archives

_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def image_paths(folder):
    """Files of a folder and the folders in it that are images by their endings, in order.

    Raises
    ------
    ValueError
        If there is none.
    """
    folder = Path(folder)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise ValueError(f"There is no image in {folder}; files are known by their endings.")
    return paths


def read_image(path):
    """An image of a file, gray or in colors, in bytes, turned as its camera says.

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    ValueError
        If the file is no image, or one of numbers whose range is unknown.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            return _upright(opened)
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}") from error


def read_image_file(path):
    """Images of an .npz file that holds them all.

    Returns
    -------
    images : ndarray
        Its array ``images``.
    labels : ndarray or None
        Its array ``y``, if there is one.

    Raises
    ------
    ValueError
        If there are no images, or the file is damaged.
    """
    with open(path, "rb") as file:
        try:
            with archives.opened(file) as archive:
                there = archives.arrays_in(archive)
                found = {
                    name: archives.read_array(archive, name)
                    for name in ("images", "y")
                    if name in there
                }
        except MemoryError:
            raise
        except Exception as error:  # damage shows in many ways
            raise ValueError(
                f"{path} is not a whole .npz file of numbers; write it with numpy.savez."
            ) from error
    if "images" not in found:
        raise ValueError(f"{path} has no array named images; it has {', '.join(there)}.")
    return found["images"], found.get("y")


def _upright(image):
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError("its numbers have an unknown range; save it with 8 or 16 bits.")
    return image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
