"""Thumbnails of images as data URLs, to be embedded in a report."""

import base64
import io
import os
from typing import Any

import numpy as np

from vmfmix.inspection.rows import take_rows
from vmfmix.storage.images import read_image

_MAX_SIDE = 96  # pixels


def thumbnails_of_rows(images: Any, rows: np.ndarray) -> dict[int, str]:
    """Return the thumbnail of each row as a data URL.

    Parameters
    ----------
    images : array-like of shape (n_samples, height, width[, channels]) or sequence of str
        Images as bytes, numbers from 0 to 1, or paths of image files.
    rows : ndarray of int
        Rows to make thumbnails of; duplicates count once.

    Returns
    -------
    dict
        Data URLs of PNG images, by row.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    """
    return {int(row): _thumbnail(take_rows(images, row)) for row in np.unique(rows)}


def _thumbnail(image: Any) -> str:
    """Return the data URL of a small PNG version of an image file or array."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            "Images need Pillow, which is not installed; run pip install pillow."
        ) from None
    if isinstance(image, (str, os.PathLike)):
        picture = read_image(image)
    else:
        picture = Image.fromarray(_pixels(np.asarray(image)))
    picture.thumbnail((_MAX_SIDE, _MAX_SIDE))
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _pixels(values: np.ndarray) -> np.ndarray:
    """Return an image array as bytes; floats from 0 to 1 are scaled, gray has two dimensions."""
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.dtype != np.uint8:
        values = (np.clip(values, 0.0, 1.0) * 255.0).round().astype(np.uint8)
    return values
