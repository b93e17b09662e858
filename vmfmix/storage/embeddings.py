"""Reading of embeddings from arrays and tables in files, without unpickling anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from vmfmix.engines.rows.columns import ColumnError, choose_columns, describe_choice
from vmfmix.engines.rows.invalid import non_finite_rows, validate_no_nulls
from vmfmix.engines.rows.vectors import stacked_arrow
from vmfmix.storage import archives, tables
from vmfmix.storage.reading import validate_input_file

__all__ = ["ArrayNameError", "read_embeddings"]

_ARRAY_SUFFIXES = ".npy", ".npz"


class ArrayNameError(ValueError):
    """The name of an array in a file is missing, unknown or superfluous."""


def read_embeddings(
    path: str | os.PathLike[str],
    array: str | None = None,
    *,
    columns: str | Sequence[str] = (),
    report: Callable[[str], Any] | None = None,
) -> Any:
    r"""Return the rows of a file of embeddings: an array, a sparse matrix or a table.

    Parameters
    ----------
    path : str or path-like
        A .npy file is memory-mapped: its rows are read from disk when they are used. A .npz file
        holds arrays, or one sparse matrix written by ``scipy.sparse.save_npz``. A .parquet,
        .feather, .arrow, .csv or .tsv file holds a table with a column of vectors (lists of equal
        length), or with a column for each feature; it needs pyarrow. The index that pandas stores
        in such a file is not read.
    array : str, default=None
        Name of the array, or of the column of vectors. If None, the only two-dimensional array or
        the only column of vectors is read.
    columns : str or sequence of str, default=()
        Names of the columns of a table, where ``*`` is any characters. By default, and without a
        column of vectors, all columns of floating-point numbers are read, if they have one type and
        their names do not suggest that only some of them are features.
    report : callable, default=None
        Called with a line that says which columns of a table are used, and which are left out.

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
    vmfmix.engines.rows.columns.ColumnError
        If `columns` are unknown, given for a file without columns, or needed, as the columns of the
        embeddings cannot be distinguished from others.
    ValueError
        If the file is damaged or does not hold such rows.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vmfmix.storage.embeddings import read_embeddings
    >>> path = Path(tempfile.mkdtemp(), "x.csv")
    >>> _ = path.write_text("id,e0,e1\n7,0.5,0.25\n8,0.1,0.3\n")
    >>> read_embeddings(path, report=print)
    embeddings: 2 float columns e0…e1; left out: id
    array([[0.5 , 0.25],
           [0.1 , 0.3 ]])
    """
    path = Path(path)
    patterns = [columns] if isinstance(columns, str) else list(columns)
    suffix = path.suffix.lower()
    if suffix not in (*_ARRAY_SUFFIXES, *tables.SUFFIXES):
        suffixes = [*_ARRAY_SUFFIXES, *tables.SUFFIXES]
        raise ValueError(
            f"{path} is not named {', '.join(suffixes[:-1])} or {suffixes[-1]}; pass such a file."
        )
    validate_input_file(path)
    if not path.is_file():  # rows are read in any order, which a pipe does not allow
        raise ValueError(f"{path} is a pipe or a device; write the rows to a file first.")
    choice = ""
    if suffix in tables.SUFFIXES:
        rows, choice = _read_table(path, array, patterns)
    elif patterns:
        raise ColumnError(f"{path} is not a table and has no columns; do not name columns.")
    else:
        rows = _read_npy(path, array) if suffix == ".npy" else _read_npz(path, array)
    _validate_rows(rows, path)
    _validate_finite(rows, path)
    if choice and report is not None:
        report(choice)
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


def _read_table(path: Path, array: str | None, columns: Sequence[str]) -> tuple[np.ndarray, str]:
    """Return the rows of a table, and which columns they are from."""
    table = tables.open_table(path)
    if array is not None:
        vectors = [column.name for column in table.columns if column.kind == "vector"]
        if array not in vectors:
            raise _unknown_name_error(path, "column of lists of numbers", array, vectors)
        columns = [array]
    chosen = choose_columns(table.columns, columns, str(path))
    data = table.read([column.name for column in chosen])
    if chosen[0].kind == "vector":
        rows = stacked_arrow(data[0], f"Column '{chosen[0].name}' of {path}")
    else:
        for column, values in zip(chosen, data):
            if values.null_count:
                name = f"Column '{column.name}' of {path}"
                validate_no_nulls(values.is_null().to_numpy(), name)
        rows = np.column_stack([column.to_numpy() for column in data])
    return rows, describe_choice(table.columns, chosen)


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
    invalid = non_finite_rows(rows)
    if invalid.size:
        raise ValueError(
            f"{invalid.size} of the {rows.shape[0]} rows of {path} have NaN or infinite values, "
            f"first row {invalid[0]} (counted from 0); correct or remove these rows."
        )


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
