"""Tables as DataFrames, or as dicts of columns where pandas is not installed."""

from typing import Any, TypeAlias

import numpy as np

Table: TypeAlias = Any  # DataFrame, or dict of ndarray with the same columns


def as_table(**columns: np.ndarray) -> Table:
    """Return the columns as a DataFrame, or as a dict where pandas is not installed."""
    try:
        from pandas import DataFrame
    except ImportError:
        return columns
    return DataFrame(columns)
