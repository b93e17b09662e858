"""The unit rows of an engine as one array in memory."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix.engines.base import Engine

_ROWS_PER_PART = 8192


def unit_rows(engine: Engine, positions: NDArray[np.intp]) -> Any:
    """Return the unit rows at some positions in float32, read a part at a time.

    Parameters
    ----------
    engine : Engine
    positions : ndarray of shape (n,)

    Returns
    -------
    ndarray or CSR matrix of shape (n, n_features), float32
    """
    starts = range(0, max(len(positions), 1), _ROWS_PER_PART)
    parts = (engine.take(positions[start : start + _ROWS_PER_PART])[0] for start in starts)
    first = next(parts)
    if sp.issparse(first):
        return sp.vstack([first, *parts], format="csr").astype(np.float32)
    rows = np.empty((len(positions), engine.n_features), np.float32)
    filled = 0
    for part in itertools.chain([first], parts):
        rows[filled : filled + len(part)] = part
        filled += len(part)
    return rows


def all_unit_rows(engine: Engine) -> Any:
    """Return all unit rows as `unit_rows` does; rows without a direction are zeros."""
    return unit_rows(engine, np.arange(engine.n_rows))
