"""Vectors that are written as text, such as ``[0.1, 0.2]``, in columns of strings."""

from __future__ import annotations

from typing import Any

import numpy as np

from vmfmix.engines.rows.vectors import as_numpy

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?i:nan|inf(?:inity)?)"
_VECTOR = rf"^\s*\[\s*(?:{_NUMBER})(?:(?:\s*,\s*|\s+)(?:{_NUMBER}))*\s*\]\s*$"
_LOOKS_LIKE_VECTOR = r"(?i)^\s*\[[-+.,\d\senaifty]*\d[-+.,…\d\senaifty]*\]\s*$"


def is_vector_text(values: Any) -> bool:
    """Return whether the first text of an Arrow array looks like a vector of numbers.

    It may be incomplete, as those that NumPy shortens by "...", and is then refused later.
    """
    import pyarrow.compute as pc

    texts = _as_strings(values).drop_null()
    if not len(texts):
        return False
    return bool(pc.match_substring_regex(texts[:1], _LOOKS_LIKE_VECTOR)[0].as_py())


def parsed_vectors(values: Any, start: int, name: str) -> Any:
    """Return texts of vectors, with commas or spaces between the numbers, as Arrow lists.

    Parameters
    ----------
    values : pyarrow.Array
        Of strings.
    start : int
        Position of the first of them, for messages.
    name : str
        What the values are, in messages.

    Returns
    -------
    pyarrow.ListArray
        Of float64; null where a text is null or empty.

    Raises
    ------
    ValueError
        If a text is not a vector.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from vmfmix.storage.text_vectors import parsed_vectors
    >>> parsed_vectors(pa.array(["[0.5, 1.5]", "[2. 3.]"]), 0, "x").to_pylist()
    [[0.5, 1.5], [2.0, 3.0]]
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = _as_strings(values)
    texts = pc.if_else(pc.equal(pc.utf8_trim_whitespace(texts), ""), None, texts)
    is_vector = as_numpy(pc.fill_null(pc.match_substring_regex(texts, _VECTOR), True))
    if not is_vector.all():
        raise ValueError(
            f"{name} has vectors as text that cannot be read, first in row "
            f"{start + np.argmin(is_vector)} (counted from 0); write them as numbers, for example "
            "to a .parquet file."
        )
    plain = pc.utf8_trim(pc.replace_substring(texts, ",", " "), "[] \t\r\n")
    words = pc.ascii_split_whitespace(plain)
    numbers = pc.cast(pc.utf8_ltrim(words.flatten(), "+"), pa.float64())
    # Of a slice, offsets do not begin at 0, but flattened numbers do.
    lengths = as_numpy(pc.fill_null(pc.list_value_length(words), 0))
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, numbers, mask=words.is_null())


def _as_strings(values: Any) -> Any:
    import pyarrow as pa

    return values.cast(pa.large_string())
