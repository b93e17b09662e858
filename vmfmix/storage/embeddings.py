"""Reading of embeddings from .npy, .npz and .parquet files, without unpickling anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from vmfmix.storage import archives
from vmfmix.storage.reading import validate_input_file

__all__ = ["ArrayNameError", "read_embeddings"]

_ROWS_PER_BLOCK = 8192


class ArrayNameError(ValueError):
    """The name of an array in a file is missing, unknown or superfluous."""


def read_embeddings(path: str | os.PathLike[str], array: str | None = None) -> Any:
    """Return the rows of a .npy, .npz or .parquet file.

    Parameters
    ----------
    path : str or path-like
        A .npy file is memory-mapped: its rows are read from disk when they are used. A .npz file
        holds arrays, or one sparse matrix written by ``scipy.sparse.save_npz``. A .parquet file
        holds a column of lists of equal length, or columns of numbers; it needs pyarrow. The index
        that pandas stores in such a file is not read.
    array : str, default=None
        Name of the array, or of the column of lists. If None, the only two-dimensional array, the
        only column of lists, or all columns of numbers are read.

    Returns
    -------
    ndarray or CSR matrix of shape (n_rows, n_features)
        Finite real numbers, with at least one row and at least two features.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ArrayNameError
        If `array` is needed, unknown, or given for a file whose array has no name.
    ValueError
        If the file is damaged or does not hold such rows.
    """
    path = Path(path)
    readers = {".npy": _read_npy, ".npz": _read_npz, ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path} is not named .npy, .npz or .parquet; pass such a file.")
    validate_input_file(path)
    if not path.is_file():  # rows are read in any order, which a pipe does not allow
        raise ValueError(f"{path} is a pipe or a device; write the rows to a file first.")
    rows = readers[path.suffix.lower()](path, array)
    _validate_rows(rows, path)
    _validate_finite(rows, path)
    return rows


def _read_npy(path: Path, array: str | None) -> np.ndarray:
    if array is not None:
        raise ArrayNameError(f"{path} holds a single array without a name; do not name one.")
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (OSError, MemoryError):
        raise
    except Exception as error:  # damaged headers make NumPy raise exceptions of many types
        if "Python objects" in str(error):
            raise _python_objects_error(path) from None
        raise ValueError(f"{path} is not a complete .npy file; write it with numpy.save.") from None


def _read_npz(path: Path, array: str | None) -> Any:
    headers = _from_archive(path, archives.array_headers)
    if {"format", "shape", "data"} <= headers.keys():
        return _read_sparse_npz(path, array)
    name = _only_matrix(headers, path) if array is None else array
    if name not in headers:
        raise _unknown_name_error(path, "array", name, headers)
    if headers[name][1].hasobject:
        raise _python_objects_error(path)
    return _from_archive(path, archives.read_array, name)


def _only_matrix(headers: dict[str, tuple[tuple[int, ...], np.dtype[Any]]], path: Path) -> str:
    """Return the name of the only array, or of the only two-dimensional one."""
    names = list(headers)
    if len(names) != 1:
        names = [
            name
            for name, (shape, dtype) in headers.items()
            if len(shape) == 2 and not dtype.hasobject
        ]
    if len(names) != 1:
        raise ArrayNameError(
            f"{path} has {len(names)} two-dimensional arrays; choose one of {_listed(headers)}."
        )
    return names[0]


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


def _read_sparse_npz(path: Path, array: str | None) -> Any:
    if array is not None:
        raise ArrayNameError(f"{path} holds a single sparse matrix; do not name an array.")
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


def _read_parquet(path: Path, array: str | None) -> np.ndarray:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ValueError(
            f"Reading {path} needs pyarrow, which is not installed; run 'pip install pyarrow'."
        ) from None
    try:
        names, are_lists = _columns_to_read(pq.read_schema(path), path, array)
        columns = pq.read_table(path, columns=names).columns
    except (pa.ArrowException, OSError):
        raise ValueError(f"{path} is not a complete .parquet file.") from None
    if are_lists:
        return _rows_of_lists(columns[0], names[0], path)
    return np.column_stack([column.to_numpy() for column in columns])


def _columns_to_read(schema: Any, path: Path, array: str | None) -> tuple[list[str], bool]:
    """Return the names of the columns to read, and whether it is a single column of lists."""
    index = _pandas_index(schema)
    fields = [field for field in schema if field.name not in index]
    lists = [field.name for field in fields if _is_list_of_numbers(field.type)]
    if array is not None:
        if array not in lists:
            raise _unknown_name_error(path, "column of lists of numbers", array, lists)
        return [array], True
    if len(lists) > 1:
        raise ArrayNameError(
            f"{path} has {len(lists)} columns of lists of numbers; choose one of {_listed(lists)}."
        )
    if lists:
        return lists, True
    numbers = [field.name for field in fields if _is_number(field.type)]
    if not numbers:
        raise ValueError(f"{path} has no column of numbers or of lists of numbers.")
    return numbers, False


def _pandas_index(schema: Any) -> list[Any]:
    """Return the names of the columns that hold the index of a DataFrame."""
    try:
        # A RangeIndex is described by a dict instead of a name, and is not stored as a column.
        return list(schema.pandas_metadata["index_columns"])
    except Exception:  # no metadata, or not in the format that pandas writes
        return []


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _is_list_of_numbers(kind: Any) -> bool:
    import pyarrow as pa

    is_list = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(check(kind) for check in is_list) and _is_number(kind.value_type)


def _rows_of_lists(column: Any, name: str, path: Path) -> np.ndarray:
    """Return a column of lists as an array; nulls in a list become NaN, null lists are empty."""
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    if len(lengths) == 0:
        return np.empty((0, 0))
    different = np.flatnonzero(lengths != lengths[0])
    if different.size:
        raise ValueError(
            f"Column '{name}' of {path} has lists of different lengths: {lengths[0]} in row 0, "
            f"{lengths[different[0]]} in row {different[0]}; all lists must have the same length."
        )
    values = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate(values).reshape(len(lengths), lengths[0])


def _validate_rows(rows: Any, path: Path) -> None:
    """Raise ValueError unless `rows` is a two-dimensional array of real numbers."""
    if rows.dtype.hasobject:
        raise _python_objects_error(path)
    if rows.dtype.kind not in "fiu":
        raise ValueError(f"{path} holds values of type {rows.dtype}; real numbers are needed.")
    if rows.ndim != 2:
        raise ValueError(
            f"{path} holds an array of shape {rows.shape}; a two-dimensional array with one row "
            "for each embedding is needed."
        )
    if rows.shape[0] < 1 or rows.shape[1] < 2:
        raise ValueError(
            f"{path} holds {rows.shape[0]} rows of {rows.shape[1]} numbers; at least one row of at "
            "least 2 numbers is needed."
        )


def _validate_finite(rows: Any, path: Path) -> None:
    """Raise ValueError if a row has NaN or infinite values."""
    invalid = _non_finite_rows(rows)
    if invalid.size:
        raise ValueError(
            f"{invalid.size} of the {rows.shape[0]} rows of {path} have NaN or infinite values, "
            f"first row {invalid[0]} (counted from 0); correct or remove these rows."
        )


def _non_finite_rows(rows: Any) -> np.ndarray:
    """Return the indices of the rows with NaN or infinite values."""
    if sp.issparse(rows):
        positions = np.flatnonzero(~np.isfinite(rows.data))
        return np.unique(np.searchsorted(rows.indptr, positions, side="right") - 1)
    if rows.dtype.kind != "f":
        return np.empty(0, dtype=int)
    starts = range(0, len(rows), _ROWS_PER_BLOCK)
    blocks = (np.isfinite(rows[start : start + _ROWS_PER_BLOCK]).all(axis=1) for start in starts)
    return np.flatnonzero(~np.concatenate(list(blocks)))


def _python_objects_error(path: Path) -> ValueError:
    return ValueError(
        f"{path} holds Python objects, which are not read because they could run any code; "
        "save numbers, for example with numpy.save(path, numpy.stack(rows))."
    )


def _unknown_name_error(path: Path, kind: str, name: str, names: Iterable[str]) -> ArrayNameError:
    names = list(names)
    choice = f"choose one of {_listed(names)}" if names else f"it has no {kind} at all"
    return ArrayNameError(f"{path} has no {kind} named '{name}'; {choice}.")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
