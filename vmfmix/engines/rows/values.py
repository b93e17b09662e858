"""Values of any kind, one for each row, as Python objects, and detection of missing ones."""

from __future__ import annotations

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
