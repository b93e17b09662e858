"""Files of arrays, and the formats of NumPy: .npy and .npz, without unpickling anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from vmfmix.storage import archives


class ArrayFile(NamedTuple):
    """The arrays of a file, which are not yet read.

    Parameters
    ----------
    path : pathlib.Path
    shapes : dict of str to (shape, dtype)
        Of each array; dtype None stands for values that are not numbers. A file of a single array
        without a name has one with the name "".
    read : callable
        Returns the array with a name: an ndarray or a sparse matrix.
    """

    path: Path
    shapes: Mapping[str, tuple[tuple[int, ...], np.dtype[Any] | None]]
    read: Callable[[str], Any]


def python_objects_error(path: str | Path) -> ValueError:
    """Return the error of a file of Python objects."""
    return ValueError(
        f"{path} holds Python objects, which are not read because they could run any code; "
        "save numbers, for example with numpy.save(path, numpy.stack(rows))."
    )


def open_npy(path: Path) -> ArrayFile:
    """Open a .npy file, whose rows are read from disk when they are used.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    ArrayFile

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (OSError, MemoryError):
        raise
    except Exception as error:  # damaged headers make NumPy raise exceptions of many types
        if "Python objects" in str(error):
            raise python_objects_error(path) from None
        raise ValueError(f"{path} is not a complete .npy file; write it with numpy.save.") from None
    return ArrayFile(path, {"": (array.shape, array.dtype)}, lambda _: array)


def open_npz(path: Path) -> ArrayFile:
    """Open an .npz file of arrays, or of one sparse matrix.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    ArrayFile

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    headers = _from_archive(path, archives.array_headers)
    if {"format", "shape", "data"} <= headers.keys():
        matrix = _read_sparse_npz(path)
        return ArrayFile(path, {"": (matrix.shape, matrix.dtype)}, lambda _: matrix)

    def read(name: str) -> Any:
        if headers[name][1].hasobject:
            raise python_objects_error(path)
        return _from_archive(path, archives.read_array, name)

    return ArrayFile(path, headers, read)


def _from_archive(path: Path, read: Callable[..., Any], *args: str) -> Any:
    """Return ``read(archive, *args)`` for an .npz file, or raise ValueError if it is damaged."""
    with open(path, "rb") as file:
        try:
            with archives.opened(file) as archive:
                return read(archive, *args)
        except MemoryError:
            raise
        except Exception:  # damaged archives raise exceptions of many types
            raise ValueError(
                f"{path} is not a complete .npz file; write it with numpy.savez."
            ) from None


def _read_sparse_npz(path: Path) -> Any:
    try:
        rows = sp.load_npz(path)
        if rows.shape[0] > archives.MAX_INFLATION * os.path.getsize(path):
            raise ValueError("The matrix claims to have more rows than a file of its size can.")
        rows = rows.tocsr()
        rows.check_format(full_check=True)  # indices out of range would crash the kernels
    except MemoryError:
        raise
    except Exception:  # damaged archives raise exceptions of many types
        raise ValueError(
            f"{path} is not a sparse matrix; write it with scipy.sparse.save_npz."
        ) from None
    return rows
