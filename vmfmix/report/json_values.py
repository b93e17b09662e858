"""Numbers and texts as they are stored in the JSON of a report."""

import numpy as np
import numpy.typing as npt

_MAX_CHARACTERS = 600


def rounded(values: npt.ArrayLike, digits: int = 4) -> list[float | None]:
    """Return rounded floats; None stands for NaN and infinity, which JSON does not have."""
    numbers = np.asarray(values, dtype=np.float64)
    return [round(value, digits) if np.isfinite(value) else None for value in numbers.tolist()]


def significant(values: npt.ArrayLike, digits: int = 3) -> list[float]:
    """Return finite floats with this number of significant digits, however small they are."""
    return [float(f"{value:.{digits}g}") for value in np.asarray(values, dtype=np.float64)]


def truncated(text: str) -> str:
    """Return the first 600 characters of a text, with an ellipsis if it is longer."""
    if len(text) <= _MAX_CHARACTERS:
        return text
    return text[:_MAX_CHARACTERS].rstrip() + "…"
