"""Images of the rows of a report: from arrays, lists, folders, and files of several types."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vmfmix.storage.image_arrays import (
    AmbiguousChannelsError,
    channel_axis,
    read_image_file,
    to_bytes,
    white_value,
)
from vmfmix.storage.image_folders import image_paths, ordered_like_rows
from vmfmix.storage.image_lists import read_paths
from vmfmix.storage.images import UnreadableImageError, as_viewed, backdrop_color, read_image
from vmfmix.storage.reading import validate_input_file

if TYPE_CHECKING:
    from PIL import Image

_BLOCK_BYTES = 1 << 24
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # by number of channels; of more, three are shown


def validate_pillow() -> None:
    """Raise ImportError if Pillow is not installed."""
    if importlib.util.find_spec("PIL") is None:
        raise ImportError("Images need Pillow, which is not installed; run pip install pillow.")


def find_images(path: str | os.PathLike[str], n_rows: int, order: str | None = None) -> Any:
    """Return the images of a folder or file, one for each row.

    Parameters
    ----------
    path : str or path-like
        A folder of images, an .npz file with an array ``images``, a text file with one path per
        line, or a .csv, .tsv or .parquet file with one column of paths.
    n_rows : int
        Number of rows of the report.
    order : {"natural", "string"}, default=None
        Order of the images of a folder, see `vmfmix.storage.image_folders.ordered_like_rows`.

    Returns
    -------
    ndarray or list of pathlib.Path

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ValueError
        If there is another number of images, if the order of the images of a folder could be
        either, or if the file cannot be read.
    """
    path = Path(path)
    images: Any
    if path.is_dir():
        images = image_paths(path)
    elif path.suffix.lower() == ".npz":
        validate_input_file(path)
        images, _ = read_image_file(path)
    else:
        images = read_paths(path)
    if len(images) != n_rows:
        raise ValueError(
            f"{path} has {len(images)} images and the embeddings have {n_rows} rows; one "
            "image for each row is needed."
        )
    return ordered_like_rows(images, path, order) if path.is_dir() else images


def pictures_of_rows(
    images: Any, n_rows: int, *, backdrop: str = "white", size: tuple[int, int] | None = None
) -> Callable[[int], Image.Image]:
    """Validate the images of a report, and return the function that reads the one of a row.

    Parameters
    ----------
    images : array-like, sequence, str or path-like
        An array of images; a sequence of arrays, images of Pillow, or paths; or a folder or file,
        see `find_images`.
    n_rows : int
        Number of rows of the report.
    backdrop : str, default="white"
        Color behind transparent parts.
    size : (int, int), default=None
        Width and height that are needed, see `vmfmix.storage.images.read_image`.

    Returns
    -------
    callable
        Maps the position of a row to an image of Pillow with mode "L" or "RGB".

    Raises
    ------
    ImportError
        If Pillow is not installed.
    ValueError
        If there is not one image for each row, a file does not exist, or arrays have a shape or
        values that are not those of images.
    """
    validate_pillow()
    backdrop_color(backdrop)
    if isinstance(images, (str, os.PathLike)):
        images = find_images(images, n_rows)
    items = _items(images)
    if len(items) != n_rows:
        raise ValueError(
            f"There are {len(items)} images and {n_rows} rows; pass one image for each row."
        )
    try:
        white = _validate_arrays(items)
    except AmbiguousChannelsError as error:
        raise ValueError(
            f"The images cannot be shown: {error}; pass three of the channels."
        ) from None
    except ValueError as error:
        raise ValueError(f"The images cannot be shown: {error}.") from None
    _validate_items(items)

    def picture(row: int) -> Image.Image:
        item = items[row]
        if isinstance(item, (str, os.PathLike)):
            return read_image(item, size=size, backdrop=backdrop)
        if _is_picture(item):
            return _picture_as_viewed(item, row, backdrop)
        values = _as_array(item)
        return _picture_of_array(values, white[values.dtype], backdrop)

    return picture


def _items(images: Any) -> Any:
    """Return images as an array with at least three axes, or as a list."""
    if hasattr(images, "columns") and hasattr(images, "shape"):  # a DataFrame
        if images.shape[1] != 1:
            raise ValueError(
                f"The images are a table of {images.shape[1]} columns; pass its column of paths."
            )
        images = images[images.columns[0]]
    if hasattr(images, "detach"):
        images = _as_array(images)
    shape: tuple[int, ...] = getattr(images, "shape", ())
    if len(shape) > 1 and np.dtype(images.dtype).kind not in "OSTU":
        return images  # also of h5py or zarr, which are read in blocks
    if len(shape) == 2 and shape[1] == 1:
        images = images[:, 0]
    if hasattr(images, "to_pylist"):  # of Arrow
        return images.to_pylist()
    if not hasattr(images, "__len__"):
        raise ValueError(
            f"The images are of type {type(images).__name__}; pass an array or a sequence with one "
            "image for each row, or a folder or file."
        )
    return list(images)


def _is_picture(item: Any) -> bool:
    return hasattr(item, "mode") and hasattr(item, "convert")


def _picture_as_viewed(item: Image.Image, row: int, backdrop: str) -> Image.Image:
    """Return a copy of an image of Pillow, which may be read from its file only now."""
    try:
        return as_viewed(item.copy(), backdrop)
    except MemoryError:
        raise
    except Exception as error:  # damaged files make Pillow raise exceptions of many types
        raise UnreadableImageError(f"The image of row {row} cannot be read: {error}.") from error


def _is_array(item: Any) -> bool:
    if isinstance(item, (str, bytes, os.PathLike)) or _is_picture(item):
        return False
    return hasattr(item, "shape") or isinstance(item, (list, tuple))


def _as_array(item: Any) -> np.ndarray:
    if hasattr(item, "detach"):  # a tensor, whose type NumPy may lack
        item = item.detach().cpu()
        item = item.float() if item.is_floating_point() else item
    return np.asarray(item)


def _blocks(items: Any) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the arrays among the images as blocks, with the row of the first image of each."""
    if isinstance(items, list):
        for row, item in enumerate(items):
            if _is_array(item):
                yield row, _as_array(item)[None]
        return
    row_bytes = int(np.prod(items.shape[1:])) * items.dtype.itemsize
    step = max(1, _BLOCK_BYTES // max(row_bytes, 1))
    for start in range(0, items.shape[0], step):
        yield start, np.asarray(items[start : start + step])


def _validate_arrays(items: Any) -> dict[np.dtype[Any], float]:
    """Return the white value of the arrays of each type, or raise ValueError."""
    dtypes = set()
    for _, block in _blocks(items):
        channel_axis(block.shape[1:])
        dtypes.add(block.dtype)
    return {
        dtype: white_value(pair for pair in _blocks(items) if pair[1].dtype == dtype)
        for dtype in dtypes
    }


def _validate_items(items: Any) -> None:
    """Raise ValueError unless each item is an image or the path of a file."""
    if not isinstance(items, list):
        return
    for row, item in enumerate(items):
        if isinstance(item, (str, os.PathLike)):
            if not os.path.isfile(item):
                raise ValueError(f"The image of row {row} is {item}, which is not a file.")
        elif not _is_picture(item) and not _is_array(item):
            raise ValueError(
                f"The image of row {row} is {item!r:.100}; pass an array, an image of Pillow, or "
                "a path."
            )


def _picture_of_array(values: np.ndarray, white: float, backdrop: str) -> Image.Image:
    from PIL import Image

    axis = channel_axis(values.shape)
    values = to_bytes(values, white)
    if axis is None:
        return Image.fromarray(values)
    values = np.moveaxis(values, axis, 2)
    if values.shape[2] not in _MODES:
        values = values[:, :, :3]
    bands = [Image.fromarray(np.ascontiguousarray(band)) for band in np.moveaxis(values, 2, 0)]
    return as_viewed(Image.merge(_MODES[len(bands)], bands), backdrop)
