"""Archives from anyone: .npz files and those of PyTorch, which are zip files too.

Nothing is unpickled, and no more memory is asked for than a file of its size can fill.
"""

import math
import os
import zipfile
from contextlib import contextmanager

import numpy as np

MOST_INFLATED = 1032  # bytes that a byte of a deflated file stands for, at most


@contextmanager
def opened(file):
    """A zip file that claims no more than a file of its size can hold.

    Parameters
    ----------
    file : file object
        Open for bytes, on a disk.

    Yields
    ------
    zipfile.ZipFile

    Raises
    ------
    Exception
        Of many kinds, where the file is damaged; so do the other functions.
    """
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        size = os.fstat(file.fileno()).st_size
        if sum(entry.file_size for entry in entries) > MOST_INFLATED * size:
            raise ValueError("It claims to hold more than a file of its size can.")
        known = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
        if any(entry.compress_type not in known for entry in entries):
            raise ValueError("It is compressed in another way.")
        yield archive


def arrays_in(archive):
    """What the arrays of an .npz file are like.

    Parameters
    ----------
    archive : zipfile.ZipFile

    Returns
    -------
    dict of str to (shape, dtype)
        In the order of the file. There is as much of each as that says, unless it is one of Python
        objects, which are never read. What is no array is left out.
    """
    return {
        entry.filename.removesuffix(".npy"): _described(archive, entry)
        for entry in archive.infolist()
        if entry.filename.endswith(".npy")
    }


def read_array(archive, name):
    """An array that `arrays_in` has found."""
    with archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def read_arrays(file):
    """All arrays of an .npz file, by name."""
    with opened(file) as archive:
        return {name: read_array(archive, name) for name in arrays_in(archive)}


def _described(archive, entry):
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    with archive.open(entry) as file:
        shape, _, dtype = read_header[np.lib.format.read_magic(file)](file)
        n_bytes = entry.file_size - file.tell()
    # Of empty strings, any number would take no place.
    if not dtype.hasobject and math.prod(shape) * max(dtype.itemsize, 1) != n_bytes:
        raise ValueError("An array has another size than its header says.")
    return shape, dtype
