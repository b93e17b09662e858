"""Texts and labels in any form, and detection of the missing ones."""

from collections.abc import Iterable

from vmfmix.engines.rows.values import is_missing, python_values

__all__ = ["as_strings", "is_missing", "python_values"]


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
