"""Arrays in .h5 files and in folders of zarr, which are stored in chunks."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vmfmix.storage.archives import MAX_INFLATION
from vmfmix.storage.array_files import ArrayFile

# Codecs of zarr that only transform numbers; others, such as pickle, may run code.
_CODECS = {
    "astype",
    "bitround",
    "blosc",
    "bytes",
    "bz2",
    "crc32c",
    "delta",
    "endian",
    "fixedscaleoffset",
    "gzip",
    "lz4",
    "lzma",
    "packbits",
    "quantize",
    "sharding_indexed",
    "shuffle",
    "transpose",
    "zlib",
    "zstd",
}


def open_hdf5(path: Path) -> ArrayFile:
    """Open an .h5 file; links to other files are not followed.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    ArrayFile
        Named by their paths in the file.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    import h5py

    def shapes() -> dict[str, tuple[tuple[int, ...], Any]]:
        found: dict[str, tuple[tuple[int, ...], Any]] = {}

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.shape is not None:
                found[name] = (item.shape, _number_type(item.dtype))

        with h5py.File(path, "r") as file:
            file.visititems(visit)
        return found

    def read(name: str) -> Any:
        with h5py.File(path, "r") as file:
            dataset = file[name]
            if dataset.external or dataset.is_virtual:
                raise ValueError("The numbers are in another file.")
            _validate_size(dataset, dataset.chunks, dataset.id.get_storage_size())
            return dataset[()]

    found = _undamaged(path, shapes)
    return ArrayFile(path, found, lambda name: _undamaged(path, read, name))


def open_zarr(path: Path) -> ArrayFile:
    """Open a folder of zarr: an array, or a group of arrays.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    ArrayFile
        Named by their paths in the group; a single array has the name "".

    Raises
    ------
    ValueError
        If the folder is damaged.
    """
    import zarr

    def arrays() -> dict[str, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zarr warns about other files in the folder
            node = zarr.open(str(path), mode="r")
            if isinstance(node, zarr.Array):
                return {"": node}
            members = dict(node.members(max_depth=None))
        return {name: item for name, item in members.items() if isinstance(item, zarr.Array)}

    found = _undamaged(path, arrays)

    def read(name: str) -> Any:
        array = found[name]
        metadata = array.metadata.to_dict()
        parts = [metadata.get(key) for key in ("filters", "compressor", "codecs")]
        unknown = {
            codec for codec in _codecs(parts) if codec.removeprefix("numcodecs.") not in _CODECS
        }
        if unknown:
            raise ValueError("The codecs may run code.")
        folder = path / name
        sizes = [each.stat().st_size for each in folder.rglob("*") if each.is_file()]
        _validate_size(array, array.chunks, sum(sizes))
        return array[...]

    shapes = {name: (array.shape, _number_type(array.dtype)) for name, array in found.items()}
    return ArrayFile(path, shapes, lambda name: _undamaged(path, read, name))


def _number_type(dtype: Any) -> np.dtype[Any] | None:
    return dtype if isinstance(dtype, np.dtype) and dtype.kind in "fiuc" else None


def _validate_size(array: Any, chunks: Sequence[int] | None, n_bytes: int) -> None:
    """Raise ValueError if an array or chunk claims to be larger than its bytes can hold."""
    largest = max(math.prod(array.shape), math.prod(chunks or ()))
    if largest * array.dtype.itemsize > MAX_INFLATION * n_bytes:
        raise ValueError("The array claims to hold more data than a file of its size can.")


def _codecs(metadata: Any) -> Iterator[str]:
    """Yield the names of all codecs in the metadata of an array of zarr."""
    if isinstance(metadata, (list, tuple)):
        for part in metadata:
            yield from _codecs(part)
    elif isinstance(metadata, dict):
        names = [metadata[key] for key in ("id", "name") if key in metadata]
        yield from map(str, names or ["unknown"])
        configuration = metadata.get("configuration") or {}
        for key in ("codecs", "index_codecs"):  # of shards
            yield from _codecs(configuration.get(key))
    elif metadata is not None:
        yield "unknown"


def _undamaged(path: Path, read: Callable[..., Any], *arguments: Any) -> Any:
    """Return ``read(*arguments)``, or raise ValueError if the file is damaged."""
    if not os.access(path, os.R_OK):
        path.open("rb").close()  # raises an error of its own
    try:
        return read(*arguments)
    except MemoryError:
        raise
    except Exception:  # damage raises errors of many types
        kind = "folder of zarr" if path.is_dir() else f"{path.suffix.lower()} file"
        raise ValueError(
            f"{path} is not a complete {kind} whose arrays are stored in it; write the rows again."
        ) from None
