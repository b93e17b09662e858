"""Validation of arguments with one value for each row: known labels, and groups."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vmfmix.engines.rows.invalid import unmasked
from vmfmix.engines.rows.values import is_missing, python_values

_MAX_SHOWN = 5


def validate_known_labels(
    known_labels: ArrayLike, n_rows: int, n_components: int | str
) -> NDArray[np.intp]:
    """Return known labels as integers.

    Parameters
    ----------
    known_labels : array-like of shape (n_rows,)
    n_rows : int
    n_components : int or "auto"

    Returns
    -------
    ndarray of shape (n_rows,), intp
        From 0 without gaps; -1: unknown.

    Raises
    ------
    ValueError
        If a label is missing, not an integer or less than -1, if numbers are left out, or if there
        are more labels than components.

    Examples
    --------
    >>> from vmfmix.fitting.row_values import validate_known_labels
    >>> validate_known_labels([1.0, -1, 0], 3, "auto")
    array([ 1, -1,  0])
    """
    values = _one_for_each_row("known_labels", known_labels, n_rows)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iu":
        wrong = [row for row, value in enumerate(values) if _is_no_integer(value)]
        if wrong:
            _raise_no_integer(values[wrong[0]], wrong[0])
    labels = np.array([int(value) for value in values] if isinstance(values, list) else values)
    if len(labels) and labels.min() < -1:
        raise ValueError(
            f"known_labels contains {labels.min()}; pass integers from 0, and -1 for rows whose "
            "label is unknown."
        )
    found = np.unique(labels[labels >= 0])
    if len(found) and found[-1] >= len(found):
        missing = np.setdiff1d(np.arange(min(found[-1], len(found) + _MAX_SHOWN)), found)
        raise ValueError(
            f"known_labels goes up to {found[-1]}, but no row has the label {missing[0]}; number "
            "the classes from 0 without gaps, for example known = known_labels >= 0; "
            "known_labels[known] = numpy.unique(known_labels[known], return_inverse=True)[1]."
        )
    if not isinstance(n_components, str) and len(found) > n_components:
        raise ValueError(
            f"known_labels has {len(found)} different labels, more than n_components="
            f'{n_components}; pass n_components={len(found)}, a greater number, or "auto".'
        )
    return labels.astype(np.intp)


def validate_groups(groups: ArrayLike, n_rows: int) -> NDArray[np.intp]:
    """Return the number of the group of each row, in the order in which groups first appear.

    Parameters
    ----------
    groups : array-like of shape (n_rows,)
        Any hashable values; equal values are one group.
    n_rows : int

    Returns
    -------
    ndarray of shape (n_rows,), intp
        From 0 without gaps.

    Raises
    ------
    ValueError
        If a value is missing or not hashable.

    Examples
    --------
    >>> from vmfmix.fitting.row_values import validate_groups
    >>> validate_groups(["b", "a", "b"], 3)
    array([0, 1, 0])
    """
    values = _one_for_each_row("groups", groups, n_rows)
    if isinstance(values, np.ndarray):  # integers
        _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.intp)
        rank[np.argsort(first)] = np.arange(len(first))
        return rank[inverse]
    numbers: dict[Hashable, int] = {}
    for row, value in enumerate(values):
        try:
            numbers.setdefault(value, len(numbers))
        except TypeError:
            raise ValueError(
                f"groups has {value!r} in row {row}, which is not hashable; pass strings, numbers "
                "or tuples."
            ) from None
        if is_missing(value):
            raise ValueError(
                f"groups has no value in row {row}; give a row that belongs to no group a value of "
                "its own, for example its position."
            )
    return np.array([numbers[value] for value in values], np.intp)


def _one_for_each_row(name: str, values: Any, n_rows: int) -> list[Any] | NDArray[np.integer]:
    """Return the values as a list of Python objects, but an array of integers as it is."""
    values = unmasked(values, name)
    shape = getattr(values, "shape", None)
    if isinstance(values, (str, bytes)) or not (hasattr(values, "__len__") or shape):
        raise ValueError(f"{name} is {values!r}; pass one value for each of the {n_rows} rows.")
    shape = (len(values),) if shape is None else tuple(shape)
    if shape != (n_rows,):
        raise ValueError(
            f"{name} has shape {shape}; it must be ({n_rows},), with one value for each row."
        )
    if isinstance(values, np.ndarray) and values.dtype.kind in "iu":
        return values
    return python_values(values)


def _is_no_integer(value: Any) -> bool:
    """Return whether a value is not an integer, or a float without a fraction."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return False
    return not (isinstance(value, (float, np.floating)) and float(value).is_integer())


def _raise_no_integer(value: Any, row: int) -> None:
    if is_missing(value):
        raise ValueError(
            f"known_labels has no value in row {row}; pass -1 for rows whose label is unknown."
        )
    raise ValueError(
        f"known_labels has {value!r} in row {row}, which is not an integer; encode the classes as "
        "0, 1, 2, …, for example with sklearn.preprocessing.LabelEncoder, and pass -1 for rows "
        "whose label is unknown."
    )
