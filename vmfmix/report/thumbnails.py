"""Thumbnails of images as data URLs, to be embedded in a report."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from vmfmix.storage.fitted_images import warn_of_skipped_images
from vmfmix.storage.images import UnreadableImageError

if TYPE_CHECKING:
    from PIL import Image

MAX_SIDE = 256  # pixels of images that can be enlarged
_SMALL_SIDE = 96  # of the others
_BYTES_OF_ENLARGED = 6_000_000  # URLs of images that can be enlarged, together
_JPEG_QUALITY = 85


def thumbnails_of_rows(
    picture: Callable[[int], Image.Image],
    rows: np.ndarray,
    enlarged: Iterable[int] = (),
    *,
    skip_damaged: bool = False,
) -> dict[int, str]:
    """Return the image of each row, with at most 256 or 96 pixels a side, as a data URL.

    Parameters
    ----------
    picture : callable
        Maps the position of a row to its image, see `vmfmix.report.images.pictures_of_rows`.
    rows : ndarray of int
        Rows to make thumbnails of; duplicates count once.
    enlarged : iterable of int
        Those among them whose images have up to 256 pixels a side, the most important first. After
        6 MB of these, images have 96 pixels.
    skip_damaged : bool, default=False
        Whether to leave out images that cannot be read, with a warning.

    Returns
    -------
    dict
        Data URLs by row, in ascending order: PNG images, or JPEG where that takes less than half
        of the space, as for photographs.

    Raises
    ------
    UnreadableImageError
        If an image cannot be read and `skip_damaged` is False.
    """
    thumbnails: dict[int, str] = {}
    errors, n_left = [], _BYTES_OF_ENLARGED
    distinct = np.unique(rows).tolist()
    first = dict.fromkeys(int(row) for row in enlarged)
    for row in [*first, *(row for row in distinct if row not in first)]:
        is_large = row in first and n_left > 0
        try:
            thumbnails[row] = _data_url(picture(row), MAX_SIDE if is_large else _SMALL_SIDE)
            n_left -= len(thumbnails[row]) if is_large else 0
        except UnreadableImageError as error:
            if not skip_damaged:
                raise error.with_remedy() from error
            errors.append(error)
    warn_of_skipped_images(errors, len(distinct))
    return dict(sorted(thumbnails.items()))


def _data_url(picture: Image.Image, max_side: int) -> str:
    """Return the data URL of a small version of an image."""
    picture.thumbnail((max_side, max_side))
    png, jpeg = io.BytesIO(), io.BytesIO()
    picture.save(png, "PNG", optimize=True)
    picture.save(jpeg, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    is_photograph = 2 * jpeg.tell() < png.tell()
    kind, file = ("jpeg", jpeg) if is_photograph else ("png", png)
    return f"data:image/{kind};base64," + base64.b64encode(file.getvalue()).decode("ascii")
