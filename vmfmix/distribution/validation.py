"""Validation and broadcasting of the arguments of the functions of a distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vmfmix.distribution.expansion import FloatArray

# A float for scalar arguments and an array otherwise. Any, as in NumPy: a union of the two would
# have to be narrowed wherever a result is used.
FloatOrArray: TypeAlias = Any


def validate_concentration(
    concentration: ArrayLike, name: str = "concentration", largest: float = np.inf
) -> FloatArray:
    """Return concentrations as float64, or raise ValueError unless all are in [0, largest]."""
    kappa = np.asarray(concentration, dtype=np.float64)
    allowed = (kappa >= 0.0) & (kappa <= largest)
    if not allowed.all():
        raise ValueError(
            f"{name} contains {kappa[~allowed].flat[0]}; a concentration must be between 0 and "
            f"{largest:g}, where 0 is the uniform distribution."
        )
    return kappa


def validate_dim(dim: ArrayLike) -> NDArray[np.int64]:
    """Return dimensions as int64, or raise ValueError unless all are integers of at least 2."""
    values = np.asarray(dim)
    allowed = False
    if values.dtype.kind in "iuf":
        allowed = bool(((values >= 2) & (values < 2**53) & (np.floor(values) == values)).all())
    if not allowed:
        raise ValueError(
            f"dim={dim!r}; the dimension of the space around the sphere must be an integer of at "
            "least 2, such as X.shape[1]."
        )
    return values.astype(np.int64)


def validate_directions(values: ArrayLike, name: str) -> tuple[FloatArray, FloatArray]:
    """Return rows as float64, and their lengths, which must be within 1e-3 of one.

    Raises
    ------
    ValueError
        If the rows have fewer than two coordinates, or if a length differs from one by more than
        1e-3 or is NaN.
    """
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim == 0 or rows.shape[-1] < 2:
        raise ValueError(
            f"{name} has the shape {rows.shape}; its last axis must be the d >= 2 coordinates of a "
            "unit vector; pass an array of shape (..., d)."
        )
    lengths = np.sqrt(np.einsum("...i,...i->...", rows, rows))
    allowed = np.abs(lengths - 1.0) <= 1e-3
    if not allowed.all():
        raise ValueError(
            f"{name} contains a row of length {lengths[~allowed].flat[0]:g}; rows are unit vectors "
            "to within 1e-3; divide each row by its length."
        )
    return rows, lengths


def broadcast(**arrays: ArrayLike) -> tuple[NDArray[Any], ...]:
    """Broadcast arrays against each other, or raise ValueError with their names and shapes."""
    try:
        return tuple(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {np.shape(array)}" for name, array in arrays.items())
        raise ValueError(
            f"The shapes do not broadcast: {shapes}; make them equal, or 1 where they differ."
        ) from None


def apply_elementwise(
    function: Callable[..., FloatArray], dim: ArrayLike, **arrays: FloatArray
) -> FloatOrArray:
    """Apply a function to the broadcast of all arguments, one dimension at a time.

    Parameters
    ----------
    function : callable
        ``function(*values, d)`` with one-dimensional arrays and one integer d.
    dim : array-like of int
        Dimensions, validated here.
    **arrays : ndarray of float64
        The other arguments, by the names that an error message shows.

    Returns
    -------
    float or ndarray
        Of the common shape of all arguments.
    """
    dim = validate_dim(dim)
    if dim.ndim == 0:
        values = broadcast(**arrays) if len(arrays) > 1 else tuple(arrays.values())
        flat = [array.ravel() for array in values]
        return function(*flat, int(dim)).reshape(values[0].shape)[()]
    *broadcasted, dims = broadcast(**arrays, dim=dim)
    out = np.empty(dims.shape)
    for value in np.unique(dim):
        selected = dims == value
        out[selected] = function(*(array[selected] for array in broadcasted), int(value))
    return out
