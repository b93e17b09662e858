"""Places of rows on a map: validation of those that users pass, and a compact form."""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LARGEST = 65535  # 16 bits


def as_coordinates(values: Any, n_rows: int) -> NDArray[np.float64]:
    """Return places that a user passed, as floats.

    Parameters
    ----------
    values : array-like of shape (n_rows, 2)
    n_rows : int

    Returns
    -------
    ndarray of shape (n_rows, 2)

    Raises
    ------
    ValueError
        If the shape is another one, or a value is no number, NaN or infinite.
    """
    try:
        places = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            "coordinates are not all numbers; pass an array of two numbers for each row."
        ) from None
    if places.shape != (n_rows, 2):
        raise ValueError(
            f"coordinates have shape {places.shape}; pass an array of shape ({n_rows}, 2), with "
            "two numbers for each row of X."
        )
    invalid = np.flatnonzero(~np.isfinite(places).all(axis=1))
    if len(invalid):
        raise ValueError(
            f"Row {invalid[0]} of coordinates has NaN or infinity ({len(invalid):,} of {n_rows:,} "
            "rows have); pass finite numbers, or leave these rows out of X and coordinates."
        )
    return places


def encoded(places: NDArray[np.float64]) -> str:
    """Return places as base64 of pairs of 16-bit integers, little-endian, x before y.

    The longer side of the map has the range 0 to 65535; the other one starts at 0.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.report.coordinates import encoded
    >>> encoded(np.array([[0.0, 0.0], [2.0, 1.0]]))
    'AAAAAP//AIA='
    """
    scaled = places / max(float(np.abs(places).max(initial=0.0)), 1e-300)  # differences are finite
    scaled = scaled - scaled.min(axis=0)
    steps = scaled / max(float(scaled.max(initial=0.0)), 1e-300) * _LARGEST
    return base64.b64encode(np.round(steps).astype("<u2").tobytes()).decode("ascii")
