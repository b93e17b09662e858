"""Rows from the containers that users pass: tables, columns, lists and masked arrays."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np

from vmfmix.engines.rows import names
from vmfmix.engines.rows.columns import Column, Kind, arrow_column, by_type
from vmfmix.engines.rows.invalid import unmasked, validate_no_nulls
from vmfmix.engines.rows.vectors import is_null, is_vector, stacked, stacked_arrow


def unwrapped(X: Any) -> Any:
    """Return rows in a form that scikit-learn or an engine validates.

    Vectors in a list or in a column become the rows of an array. All columns of a table must have
    one type, since an identifier or label among the features would decide the clusters.

    Parameters
    ----------
    X : object

    Returns
    -------
    ndarray, torch.Tensor, or X itself
        X itself if its rows need no preparation.

    Raises
    ------
    ValueError
        If X is a path or a dict, has columns of several types, or has masked or null values.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.engines.rows.containers import unwrapped
    >>> unwrapped([np.array([1.0, 2.0]), [3.0, 4.0]])
    array([[1., 2.],
           [3., 4.]])
    """
    if isinstance(X, (str, bytes, os.PathLike)):
        raise ValueError(
            f"X is a path or text, {os.fspath(X)!r}; pass rows, for example numpy.load(path), or "
            "vmfmix.storage.inputs.read_input(path).rows."
        )
    is_group = hasattr(X, "keys") and not hasattr(X, "shape")  # of arrays, in a file of zarr
    if isinstance(X, (Mapping, AbstractSet)) or is_group:
        raise ValueError(
            f"X is a {type(X).__name__} of {names.listed(map(str, X)) or 'nothing'}, without an "
            "order of rows; pass the rows, such as X['embedding']."
        )
    if isinstance(X, np.ndarray):
        return _unwrapped_array(X)
    if isinstance(X, (list, tuple)):
        return stacked(X)
    columns = _columns(X)
    if columns is not None:
        return _unwrapped_table(X, columns)
    return _unwrapped_column(X)


def _unwrapped_array(X: np.ndarray) -> Any:
    if X.dtype.names:
        raise ValueError(
            f"X is a structured array with the fields {', '.join(X.dtype.names)}; pass the field "
            f"of the embeddings, such as X[{X.dtype.names[-1]!r}]."
        )
    X = unmasked(X)
    if X.dtype == object and X.ndim == 1:
        return stacked(X)
    if X.dtype == object and X.ndim == 2:
        validate_no_nulls([any(value is None for value in row) for row in X], "X")
    return X


def _unwrapped_table(X: Any, columns: list[Column]) -> Any:
    vectors = [column.name for column in columns if column.kind == "vector"]
    if len(vectors) == len(columns) == 1:
        return _unwrapped_column(_column(X, 0), f"Column {vectors[0]!r} of X")
    if vectors:
        raise ValueError(
            f"X has {_counted(len(vectors), 'column')} of vectors ({names.listed(vectors)}) among "
            f"{len(columns)} columns; pass one column, such as X[{vectors[0]!r}]."
        )
    if len({column.type for column in columns}) > 1:
        raise ValueError(
            f"X has columns of different types, {by_type(columns)}, some of which may be "
            "identifiers or labels; pass only the columns of the embeddings, or convert all "
            "columns to one type if all of them are features."
        )
    for number, column in enumerate(columns):
        validate_no_nulls(_nulls(_column(X, number)), f"Column {column.name!r} of X")
    return X


def _unwrapped_column(X: Any, name: str = "X") -> Any:
    """Return the vectors of a column as an array, and anything else as it is."""
    if _is_from("pyarrow", X) and hasattr(X, "type"):
        if arrow_column("", X.type).kind == "vector":
            return stacked_arrow(X, name)
        raise ValueError(
            f"{name} is an Arrow array of type {X.type}; pass lists of numbers, one for each row."
        )
    if _is_from("polars", X):
        return _unwrapped_polars(X, name)
    if _is_from("pandas", X) and getattr(X, "ndim", 0) == 1:
        arrow_type = getattr(X.dtype, "pyarrow_dtype", None)
        if arrow_type is not None and arrow_column("", arrow_type).kind == "vector":
            return stacked_arrow(X.array.__arrow_array__(), name)
        return stacked(X, name) if X.dtype.kind == "O" or str(X.dtype) == "str" else X
    return X


def _unwrapped_polars(X: Any, name: str) -> Any:
    if hasattr(X, "collect"):
        raise ValueError(
            f"{name} is a {type(X).__name__}, which is not computed; pass X.collect()."
        )
    if X.dtype.is_numeric():
        return X
    vectors = stacked(X.to_list(), name)
    if X.dtype.is_nested():
        vectors = np.asarray(vectors, dtype=X.head(0).explode().to_numpy().dtype)
    return vectors


def _columns(X: Any) -> list[Column] | None:
    """Return the columns of a table of pandas, polars or Arrow, or None for anything else."""
    if _is_from("pandas", X) and hasattr(X, "columns"):
        return [_pandas_column(X, number) for number in range(X.shape[1])]
    if _is_from("polars", X) and hasattr(X, "get_columns"):
        return [_polars_column(name, dtype) for name, dtype in X.schema.items()]
    if _is_from("pyarrow", X) and hasattr(X, "column_names"):
        return [arrow_column(field.name, field.type) for field in X.schema]
    return None


def _pandas_column(X: Any, number: int) -> Column:
    name, dtype = str(X.columns[number]), X.dtypes.iloc[number]
    arrow_type = getattr(dtype, "pyarrow_dtype", None)
    if arrow_type is not None:
        return arrow_column(name, arrow_type)
    kind = getattr(dtype, "kind", "O")
    kinds: dict[str, Kind] = {"f": "float", "i": "integer", "u": "integer"}
    if kind == "O":
        values = (value for value in X.iloc[:, number] if not is_null(value))
        if is_vector(next(values, None)):
            return Column(name, "vector", "vectors")
    return Column(name, kinds.get(kind, "other"), str(dtype))


def _polars_column(name: str, dtype: Any) -> Column:
    kind: Kind = "other"
    if dtype.is_nested() and getattr(dtype, "inner", None) is not None:
        kind = "vector" if dtype.inner.is_numeric() else "other"
    elif dtype.is_numeric():
        kind = "float" if dtype.is_float() else "integer"
    return Column(name, kind, str(dtype))


def _column(X: Any, number: int) -> Any:
    if _is_from("pandas", X):
        return X.iloc[:, number]
    return X.to_series(number) if _is_from("polars", X) else X.column(number)


def _nulls(column: Any) -> Iterable[bool]:
    """Return which values of a column are null; NaN is a number, which is validated later."""
    if _is_from("pandas", column):
        is_extension = not isinstance(column.dtype, np.dtype)
        return column.isna().to_numpy() if is_extension else np.zeros(0, bool)
    if column.null_count == 0 if _is_from("pyarrow", column) else column.null_count() == 0:
        return np.zeros(0, bool)
    return np.asarray(column.is_null())


def _is_from(library: str, X: Any) -> bool:
    """Return whether the class of X belongs to a library, without importing it."""
    return library in sys.modules and type(X).__module__.partition(".")[0] == library


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
