"""Columns and lists of vectors, one for each row, as arrays of shape (n_rows, n_features)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from vmfmix.engines.rows.buffer import RowBuffer
from vmfmix.engines.rows.invalid import validate_no_masks, validate_no_nulls
from vmfmix.engines.rows.tensors import is_tensor, stacked_tensors


def stacked(vectors: Any, name: str = "X") -> Any:
    """Return a sequence of vectors as an array or, if they are tensors, as a tensor.

    Parameters
    ----------
    vectors : iterable
        Arrays, lists of numbers, or tensors, which are detached from their gradients.
    name : str, default="X"
        What the sequence is, in messages.

    Returns
    -------
    ndarray, torch.Tensor, or the items as they are
        The latter if they are not vectors, so that scikit-learn raises its usual error.

    Raises
    ------
    ValueError
        If some items are null, have other lengths, or are texts, paths, matrices or dicts.

    Examples
    --------
    >>> from vmfmix.engines.rows.vectors import stacked
    >>> stacked([[1.0, 2.0], (3.0, 4.0)])
    array([[1., 2.],
           [3., 4.]])
    """
    items = list(vectors)
    is_missing = [is_null(item) for item in items]
    first = next((item for item, missing in zip(items, is_missing) if not missing), None)
    if first is None or (np.isscalar(first) and not isinstance(first, (str, bytes))):
        return vectors
    _validate_item(first, name, len(items))
    validate_no_nulls(is_missing, name)
    if all(is_tensor(item) for item in items):
        _validate_lengths([item.numel() for item in items], name)
        return stacked_tensors(items)
    arrays = [_as_array(item) for item in items] if hasattr(first, "__array__") else items
    validate_no_masks([np.ma.is_masked(item) for item in items], name)
    try:
        array = np.asarray(arrays)
    except ValueError:
        lengths = [len(item) if hasattr(item, "__len__") else 1 for item in items]
        _validate_lengths(lengths, name)
        raise
    if array.ndim == 2 and array.dtype == object:
        validate_no_nulls([any(map(is_null, row)) for row in array], name)
    return array


def stacked_arrow(column: Any, name: str) -> np.ndarray:
    """Return an Arrow column of lists or one-dimensional tensors as an array.

    Parameters
    ----------
    column : pyarrow.Array or pyarrow.ChunkedArray
    name : str
        What the column is, in messages.

    Returns
    -------
    ndarray of shape (n_rows, n_features)

    Raises
    ------
    ValueError
        If lists or numbers in them are null, or if lists have different lengths.
    """
    return stacked_chunks(getattr(column, "chunks", [column]), name, n_rows=len(column))


def stacked_chunks(
    chunks: Iterable[Any], name: str, *, n_rows: int = 0, dtype: npt.DTypeLike | None = None
) -> np.ndarray:
    """Return the vectors of Arrow arrays as one array; each is read once, when it is needed.

    Parameters
    ----------
    chunks : iterable of pyarrow.Array
        Lists or one-dimensional tensors.
    name : str
        What the column is, in messages.
    n_rows : int, default=0
        The number of rows, if it is known.
    dtype : dtype-like, default=None
        Type of the result; by default that of the first chunk.

    Returns
    -------
    ndarray of shape (n_rows, n_features)

    Raises
    ------
    ValueError
        If lists or numbers in them are null, or if lists have different lengths.
    """
    import pyarrow.compute as pc

    buffer: RowBuffer | None = None
    null_lists: list[np.ndarray] = [np.empty(0, bool)]
    null_numbers: list[np.ndarray] = [np.empty(0, bool)]
    position = 0
    for chunk in chunks:
        if len(chunk) == 0:
            continue
        lists = getattr(chunk, "storage", chunk)
        null_lists.append(as_numpy(lists.is_null()))
        if null_lists[-1].any() or len(null_lists) > len(null_numbers) + 1:
            continue  # only to count all of them
        lengths, values = as_numpy(pc.list_value_length(lists)), lists.flatten()
        if buffer is None:
            dtype = dtype or as_numpy(values[:0]).dtype
            buffer = RowBuffer(int(lengths[0]), dtype, n_rows)
        _validate_lengths(lengths, name, buffer.n_features, position)
        position += len(lists)
        null_numbers.append(np.zeros(len(lists), bool))
        if values.null_count:
            is_missing = as_numpy(values.is_null()).reshape(len(lists), -1)
            np.any(is_missing, axis=1, out=null_numbers[-1])
        buffer.new_rows(len(lists))[:] = as_numpy(values).reshape(len(lists), -1)
    validate_no_nulls(np.concatenate(null_lists), name)
    validate_no_nulls(np.concatenate(null_numbers), name)
    return np.empty((0, 0)) if buffer is None else buffer.rows()


def is_null(value: Any) -> bool:
    """Return whether a value stands for a missing one: None, pandas.NA or a single NaN."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value


def is_vector(value: Any) -> bool:
    """Return whether a value of a column is a vector of numbers."""
    if isinstance(value, (str, bytes, Mapping)):
        return False
    return np.ndim(value) == 1 if not is_tensor(value) else value.ndim == 1


def _validate_item(item: Any, name: str, n_items: int) -> None:
    """Raise ValueError if the first item shows that the sequence has no vectors."""
    if isinstance(item, os.PathLike):
        raise ValueError(
            f"{name} has paths, such as {os.fspath(item)!r}; read the files, for example with "
            "numpy.load, and pass their rows."
        )
    if isinstance(item, (str, bytes)):
        start = item[:1] if isinstance(item, str) else item[:1].decode("latin-1")
        advice = (
            "parse each of them, for example with json.loads"
            if start == "["
            else "pass the embeddings of texts, or the rows in files"
        )
        raise ValueError(f"{name} has texts, such as {_shortened(item)}, and no vectors; {advice}.")
    if isinstance(item, Mapping):
        raise ValueError(
            f"{name} has dicts with the keys {', '.join(map(str, item))}; pass the vectors, such "
            "as [row['embedding'] for row in rows]."
        )
    if sp.issparse(item):
        raise ValueError(
            f"{name} is a sequence of {n_items} sparse matrices; pass scipy.sparse.vstack(X)."
        )
    if len(getattr(item, "shape", ())) == 2:
        function = "torch.cat" if is_tensor(item) else "numpy.concatenate"
        raise ValueError(
            f"{name} is a sequence of {n_items} matrices, such as one of shape "
            f"{tuple(item.shape)}; pass {function}(X) if they are parts of the rows, or one vector "
            "for each, such as its mean."
        )


def _as_array(item: Any) -> Any:
    if not is_tensor(item):
        return item
    item = item.detach().cpu()
    return (item.float() if item.dtype.itemsize < 4 else item).numpy()


def as_numpy(array: Any) -> np.ndarray:
    """Return an Arrow array as a NumPy array; nulls become NaN."""
    values: np.ndarray = array.to_numpy(zero_copy_only=False)
    return values


def _validate_lengths(lengths: Any, name: str, length: int | None = None, start: int = 0) -> None:
    """Raise ValueError unless rows from `start` have the length of the rows before them."""
    expected = lengths[0] if length is None else length
    different = np.flatnonzero(np.asarray(lengths) != expected)
    if different.size:
        raise ValueError(
            f"{name} has rows of different lengths: {expected} in row 0, "
            f"{lengths[different[0]]} in row {start + different[0]}; all rows must have the same "
            "length."
        )


def _shortened(text: str | bytes) -> str:
    return repr(text if len(text) <= 40 else text[:40]) + ("…" if len(text) > 40 else "")
