"""Thumbnails of images as data URLs, to be embedded in a report."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vmfmix.storage.images import UnreadableImageError, warn_of_skipped_images

if TYPE_CHECKING:
    from PIL import Image

MAX_SIDE = 96  # pixels


def thumbnails_of_rows(
    picture: Callable[[int], Image.Image], rows: np.ndarray, *, skip_damaged: bool = False
) -> dict[int, str]:
    """Return the thumbnail of each row as a data URL.

    Parameters
    ----------
    picture : callable
        Maps the position of a row to its image, see `vmfmix.report.images.pictures_of_rows`.
    rows : ndarray of int
        Rows to make thumbnails of; duplicates count once.
    skip_damaged : bool, default=False
        Whether to leave out images that cannot be read, with a warning.

    Returns
    -------
    dict
        Data URLs of PNG images, by row.

    Raises
    ------
    UnreadableImageError
        If an image cannot be read and `skip_damaged` is False.
    """
    thumbnails, errors = {}, []
    distinct = np.unique(rows).tolist()
    for row in distinct:
        try:
            thumbnails[row] = _data_url(picture(row))
        except UnreadableImageError as error:
            if not skip_damaged:
                raise error.with_remedy() from error
            errors.append(error)
    warn_of_skipped_images(errors, len(distinct))
    return thumbnails


def _data_url(picture: Image.Image) -> str:
    """Return the data URL of a small PNG version of an image."""
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
