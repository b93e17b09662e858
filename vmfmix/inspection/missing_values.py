"""Texts and labels in any form, and detection of the missing ones."""

from collections.abc import Iterable
from typing import Any


def is_missing(value: object) -> bool:
    """Return whether a value is None, NaN, or the NA or NaT of pandas."""
    # NA != NA is NA, which has no truth value, so NA is recognized by the name of its type.
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def python_values(values: Any) -> list[Any]:
    """Return the values of a sequence, array, tensor or column of a table as Python objects.

    NumPy would turn a missing value among strings into a string, so look for it here.
    """
    for name in ("to_pylist", "tolist"):  # of Arrow, and of NumPy, pandas and torch
        if hasattr(values, name):
            return list(getattr(values, name)())
    return list(values)


def as_strings(texts: Iterable[object]) -> list[str]:
    """Return texts as a list of strings, in order of position regardless of the index of a Series.

    Parameters
    ----------
    texts : iterable
        Bytes are decoded as UTF-8, other values that are not strings are converted to strings, and
        missing values to empty strings.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If `texts` has more than one dimension.
    """
    shape = getattr(texts, "shape", ())
    if len(shape) > 1:
        raise ValueError(f"texts has the shape {tuple(shape)}; pass one text for each row.")
    return ["" if is_missing(text) else _as_string(text) for text in python_values(texts)]


def _as_string(value: object) -> str:
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", errors="replace")
    return str(value)
