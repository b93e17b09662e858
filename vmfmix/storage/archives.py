"""Safe reading of zip archives: .npz files and checkpoints of PyTorch.

The files may come from anyone. Nothing is unpickled, and no more memory is allocated than a file of
that size can fill.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

MAX_INFLATION = 1032  # the most bytes that one byte of deflated data can expand to


@contextmanager
def opened(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive, and refuse one that claims more data than a file of its size can hold.

    Parameters
    ----------
    file : file object
        Opened for reading bytes; it must support seeking.

    Yields
    ------
    zipfile.ZipFile

    Raises
    ------
    Exception
        If the file is damaged. Damage raises exceptions of many types, here and in the other
        functions of this module.
    """
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        size = file.seek(0, os.SEEK_END)
        if sum(entry.file_size for entry in entries) > MAX_INFLATION * size:
            raise ValueError("The archive claims to hold more data than a file of its size can.")
        supported = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
        if any(entry.compress_type not in supported for entry in entries):
            raise ValueError("The archive uses an unsupported compression method.")
        yield archive


def array_headers(archive: zipfile.ZipFile) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Return the shape and dtype of each array of an .npz file, without reading the data.

    Parameters
    ----------
    archive : zipfile.ZipFile

    Returns
    -------
    dict of str to (shape, dtype)
        In the order of the file. The archive holds exactly the number of bytes that shape and dtype
        require, except for arrays of Python objects, which are never read. Entries that are not
        arrays are left out.
    """
    return {
        entry.filename.removesuffix(".npy"): _header(archive, entry)
        for entry in archive.infolist()
        if entry.filename.endswith(".npy")
    }


def read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Return one of the arrays that `array_headers` lists."""
    with archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def read_arrays(file: IO[bytes]) -> dict[str, np.ndarray]:
    """Return all arrays of an .npz file by name."""
    with opened(file) as archive:
        return {name: read_array(archive, name) for name in array_headers(archive)}


def _header(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of one array, and refuse it if its data has another size."""
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    with archive.open(entry) as file:
        shape, _, dtype = read_header[np.lib.format.read_magic(file)](file)
        n_bytes = entry.file_size - file.tell()
    # An itemsize of 0 (empty strings) would allow any number of elements in no bytes at all.
    if not dtype.hasobject and math.prod(shape) * max(dtype.itemsize, 1) != n_bytes:
        raise ValueError("The size of an array differs from what its header says.")
    return shape, dtype
