"""The two kinds of data that methods learn from: images, and rows of features."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import scipy.sparse as sp

from vmfmix.storage.image_arrays import has_images

Kind = Literal["images", "rows"]
_FOLDER_OPTIONS = frozenset({"size", "fit", "lazy", "skip_damaged", "backdrop"})


def kind_of(data: Any) -> Kind:
    """Return whether data are images or rows.

    Two-dimensional data are rows: arrays, tensors, sparse matrices and DataFrames. A folder is one
    of images, and so is an .npz file with an array ``images``; any other file has rows. Everything
    else is images: arrays of three or four dimensions, and Datasets.

    Parameters
    ----------
    data : object

    Returns
    -------
    {"images", "rows"}

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.deep.data_kinds import kind_of
    >>> kind_of(np.zeros((10, 384))), kind_of(np.zeros((10, 8, 8))), kind_of("vectors.parquet")
    ('rows', 'images', 'rows')
    """
    if isinstance(data, (str, Path)):
        return "rows" if _has_rows(Path(data)) else "images"
    kind: Kind | None = getattr(data, "data_kind", None)
    if kind is not None:
        return kind
    is_matrix = sp.issparse(data) or len(getattr(data, "shape", ())) == 2
    return "rows" if is_matrix else "images"


def option_without_folder(names: Iterable[str], *data: Any) -> str | None:
    """Return the first option that is for folders of images, unless data are one.

    Parameters
    ----------
    names : iterable of str
        Parameters of `vmfmix.deep.train.train`.
    *data : object
        Training and test data.

    Returns
    -------
    str or None
    """
    if any(isinstance(each, (str, Path)) and Path(each).is_dir() for each in data):
        return None
    return next((name for name in names if name in _FOLDER_OPTIONS), None)


def _has_rows(path: Path) -> bool:
    if path.is_dir():
        return False
    return path.suffix.lower() != ".npz" or not has_images(path)
