"""Dense and sparse matrices as the named arrays of an archive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

_SPARSE_PARTS = ("data", "indices", "indptr", "shape")


def named_arrays(name: str, matrix: Any) -> dict[str, Any]:
    """Return a dense matrix under its name, or the arrays of a sparse one as ``name.data`` etc."""
    if not sp.issparse(matrix):
        return {name: matrix}
    return {f"{name}.{part}": np.asarray(getattr(matrix, part)) for part in _SPARSE_PARTS}


def restore_matrices(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arrays by name, with sparse matrices reassembled and validated.

    Parameters
    ----------
    arrays : dict of ndarray
        As returned by `named_arrays`.

    Raises
    ------
    Exception
        If the arrays are damaged. Damage raises exceptions of many types.
    """
    restored = dict(arrays)
    for shape_name in [name for name in restored if name.endswith(".shape")]:
        name = shape_name.removesuffix(".shape")
        *entries, shape = (restored.pop(f"{name}.{part}") for part in _SPARSE_PARTS)
        restored[name] = sp.csr_array(tuple(entries), tuple(shape))
        restored[name].check_format(full_check=True)
    return restored
