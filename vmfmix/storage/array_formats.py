"""The formats of arrays: how a file of each is opened, and the package that reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from vmfmix.storage.array_files import ArrayFile, open_npy, open_npz
from vmfmix.storage.chunked_files import open_hdf5, open_zarr
from vmfmix.storage.tensor_files import open_safetensors, open_torch


class ArrayFormat(NamedTuple):
    """A format of arrays.

    Parameters
    ----------
    open : callable
        Returns the `ArrayFile` of a path.
    package : str or None
        The package that reads it, besides NumPy and SciPy.
    """

    open: Callable[[Path], ArrayFile]
    package: str | None = None


ARRAY_FORMATS = {
    ".npy": ArrayFormat(open_npy),
    ".npz": ArrayFormat(open_npz),
    ".safetensors": ArrayFormat(open_safetensors, "safetensors"),
    ".pt": ArrayFormat(open_torch, "torch"),
    ".pth": ArrayFormat(open_torch, "torch"),
    ".h5": ArrayFormat(open_hdf5, "h5py"),
    ".hdf5": ArrayFormat(open_hdf5, "h5py"),
    ".zarr": ArrayFormat(open_zarr, "zarr"),
}
