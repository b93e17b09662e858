"""The rows of an input: from the columns of a table, or from the arrays of files."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from vmfmix.engines.rows.buffer import RowBuffer
from vmfmix.engines.rows.columns import Column, ColumnError, choose_columns
from vmfmix.engines.rows.invalid import non_finite_rows, validate_no_nulls
from vmfmix.engines.rows.names import listed
from vmfmix.engines.rows.vectors import as_numpy, stacked_chunks
from vmfmix.storage.archives import MAX_INFLATION
from vmfmix.storage.array_files import ArrayFile, python_objects_error
from vmfmix.storage.inputs.errors import InputError
from vmfmix.storage.inputs.roles import is_usual
from vmfmix.storage.tables import Table


def choose_embeddings(
    table: Table,
    patterns: Sequence[str],
    embedding_column: str | None,
    array: str | None,
    other: Collection[str],
) -> list[Column]:
    """Return the columns of the embeddings: one of vectors, or columns of numbers.

    Parameters
    ----------
    table : Table
    patterns : sequence of str
        Names of columns, where ``*`` is any characters.
    embedding_column, array : str or None
        Name of the column of vectors.
    other : collection of str
        Names of columns that have another role, and are not guessed.

    Returns
    -------
    list of Column

    Raises
    ------
    InputError
        If the choice is not possible, or needed.
    """
    given = {"columns": patterns, "embedding_column": embedding_column, "array": array}
    used = [parameter for parameter, value in given.items() if value]
    if len(used) > 1:
        options = " and ".join(f"--{parameter.replace('_', '-')}" for parameter in used)
        raise InputError(f"{options} both choose the embeddings; give one of them.", used[1])
    name = embedding_column or array
    if name:
        return [_vector_column(table, name, used[0])]
    if patterns:
        return _chosen(table.columns, patterns, table.source)
    columns = [column for column in table.columns if column.name not in other]
    try:
        return _chosen(columns, (), table.source)
    except InputError:
        unlikely = [column for column in columns if is_usual(column.name)]
        if not unlikely:
            raise
        try:
            return _chosen([each for each in columns if each not in unlikely], (), table.source)
        except InputError:
            pass
        raise


def plane_columns(table: Table, names: Sequence[str]) -> list[Column]:
    """Return the columns of coordinates, or raise InputError unless they hold numbers."""
    by_name = {column.name: column for column in table.columns}
    for name in names:
        if name not in by_name:
            raise InputError(
                f"{table.source} has no column '{name}'; choose from {listed(by_name)}.",
                "coordinates",
            )
        if by_name[name].kind not in ("float", "integer"):
            raise InputError(
                f"Column '{name}' of {table.source} has values of type {table.type(name)}; choose "
                "two columns of numbers.",
                "coordinates",
            )
    return [by_name[name] for name in names]


def rows_of_table(table: Table, chosen: Sequence[Column], n_bytes: int) -> np.ndarray:
    """Return the rows in columns of a table, which are read in batches.

    Parameters
    ----------
    table : Table
    chosen : sequence of Column
        From `choose_embeddings`.
    n_bytes : int
        Size of the files, which limits the memory that a false number of rows can claim.

    Returns
    -------
    ndarray of shape (n_rows, n_features)

    Raises
    ------
    ValueError
        If values are null, or vectors have different lengths.
    """
    dtype = np.result_type(*(table.dtype(column.name) for column in chosen))
    width = 1 if chosen[0].kind == "vector" else len(chosen)
    n_rows = min(table.n_rows, MAX_INFLATION * n_bytes // (width * dtype.itemsize))
    if chosen[0].kind == "vector":
        name = f"Column '{chosen[0].name}' of {table.source}"
        chunks = table.vectors(chosen[0].name)
        return stacked_chunks(chunks, name, n_rows=n_rows, dtype=dtype)
    names = [column.name for column in chosen]
    buffer = RowBuffer(width, dtype, n_rows)
    nulls: list[tuple[str, int, np.ndarray]] = []  # column, first row of the batch, and which
    position = 0
    for batch in table.batches(names):
        block = buffer.new_rows(len(batch))
        for number, (name, values) in enumerate(zip(names, batch)):
            if values.null_count:
                nulls.append((name, position, as_numpy(values.is_null())))
            else:
                block[:, number] = as_numpy(values)
        position += len(batch)
    if nulls:
        is_null = np.zeros(position, bool)
        for name, start, values in nulls:
            if name == nulls[0][0]:
                is_null[start : start + len(values)] = values
        validate_no_nulls(is_null, f"Column '{nulls[0][0]}' of {table.source}")
    return buffer.rows()


def rows_of_arrays(files: Sequence[ArrayFile], array: str | None) -> tuple[Any, str]:
    """Return the rows in arrays of files, and the name of the array in the first of them.

    Parameters
    ----------
    files : sequence of ArrayFile
    array : str or None
        Name of the array; None if it is the only one, or the only two-dimensional one.

    Returns
    -------
    (ndarray or CSR matrix of shape (n_rows, n_features), str)

    Raises
    ------
    InputError
        If `array` is needed, unknown, or given for a file whose array has no name.
    ValueError
        If a file has no rows of numbers, or files have rows of different lengths.
    """
    names = [_array_name(file, array) for file in files]
    first = files[0]
    if len(files) == 1:
        rows = first.read(names[0])
        validate_shape(rows, first.path)
        return rows, names[0]
    shapes = [file.shapes[name] for file, name in zip(files, names)]
    buffer: RowBuffer | None = None
    matrices: list[Any] = []
    for file, name in zip(files, names):
        part = file.read(name)
        validate_shape(part, file.path)
        width = shapes[0][0][1]
        if part.shape[1] != width:
            raise ValueError(
                f"{file.path} has rows of {part.shape[1]} numbers, and {first.path} of {width}; "
                "all rows must have the same length."
            )
        if sp.issparse(part):
            matrices.append(part)
            continue
        if buffer is None:
            dtype = np.result_type(*(dtype for _, dtype in shapes))
            buffer = RowBuffer(width, dtype, sum(shape[0] for shape, _ in shapes))
        buffer.new_rows(len(part))[:] = part
    if matrices and buffer is not None:
        raise ValueError(
            f"{first.path} and other files have sparse and dense rows; convert all of them to one "
            "kind."
        )
    return (buffer.rows() if buffer is not None else sp.vstack(matrices, format="csr")), names[0]


def validate_shape(rows: Any, source: str | Path) -> None:
    """Raise ValueError unless `rows` is a two-dimensional array of real numbers."""
    if rows.dtype.hasobject:
        raise python_objects_error(source)
    if rows.dtype.kind not in "fiu":
        raise ValueError(f"{source} holds values of type {rows.dtype}; real numbers are needed.")
    if rows.ndim != 2:
        raise ValueError(
            f"{source} holds an array of shape {rows.shape}; a two-dimensional array with one row "
            "for each embedding is needed."
        )
    if rows.shape[0] < 1 or rows.shape[1] < 2:
        raise ValueError(
            f"{source} holds {rows.shape[0]} rows of {rows.shape[1]} numbers; at least one row of "
            "at least 2 numbers is needed."
        )


def validate_finite(rows: Any, source: str | Path) -> None:
    """Raise ValueError if a row has NaN or infinite values."""
    invalid = non_finite_rows(rows)
    if invalid.size:
        raise ValueError(
            f"{invalid.size} of the {rows.shape[0]} rows of {source} have NaN or infinite values, "
            f"first row {invalid[0]} (counted from 0); correct or remove these rows."
        )


def size_of(paths: Iterable[Path]) -> int:
    """Return the number of bytes of files."""
    return sum(os.path.getsize(path) for path in paths)


def _chosen(columns: Sequence[Column], patterns: Sequence[str], source: str) -> list[Column]:
    try:
        return choose_columns(columns, patterns, source)
    except ColumnError as error:
        raise InputError(str(error), "columns") from None


def _vector_column(table: Table, name: str, parameter: str) -> Column:
    """Return the column of vectors with a name."""
    by_name = {column.name: column for column in table.columns}
    if name in by_name and by_name[name].kind == "vector":
        return by_name[name]
    if parameter == "embedding_column" and name not in by_name:
        raise InputError(
            f"{table.source} has no column '{name}'; choose from {listed(by_name)}.", parameter
        )
    vectors = [column.name for column in table.columns if column.kind == "vector"]
    kind = "column of lists of numbers"
    choice = f"choose one of {', '.join(vectors)}" if vectors else f"it has no {kind} at all"
    raise InputError(f"{table.source} has no {kind} named '{name}'; {choice}.", parameter)


def _array_name(file: ArrayFile, array: str | None) -> str:
    """Return the name of an array: the given one, the only one, or the only two-dimensional one."""
    path, shapes = file.path, file.shapes
    if list(shapes) == [""]:
        if array is None:
            return ""
        kind = "sparse matrix" if path.suffix.lower() == ".npz" else "array without a name"
        raise InputError(f"{path} holds a single {kind}; do not name an array.", "array")
    if array is not None:
        if array not in shapes:
            choice = f"choose one of {', '.join(shapes)}" if shapes else "it has no array at all"
            raise InputError(f"{path} has no array named '{array}'; {choice}.", "array")
        return array
    names = list(shapes)
    if len(names) != 1:
        names = [
            name
            for name, (shape, dtype) in shapes.items()
            if len(shape) == 2 and dtype is not None and not dtype.hasobject
        ]
    if len(names) != 1:
        found = f"; choose one of {', '.join(shapes)}" if shapes else ""
        raise InputError(f"{path} has {len(names)} two-dimensional arrays{found}.", "array")
    return names[0]
