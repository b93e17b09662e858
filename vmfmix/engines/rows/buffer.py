"""An array whose rows arrive in blocks, and that is never copied as a whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_LEAST_BYTES = 2**20
_GROWTH = 1.125


class RowBuffer:
    """An array of rows that arrive in blocks.

    Memory grows in place if the number of rows is not known, or larger than `n_rows`.

    Parameters
    ----------
    n_features : int
    dtype : dtype-like
    n_rows : int, default=0
        Number of rows to allocate at first.

    Examples
    --------
    >>> from vmfmix.engines.rows.buffer import RowBuffer
    >>> buffer = RowBuffer(2, "float32")
    >>> for block in ([[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]]):
    ...     buffer.new_rows(len(block))[:] = block
    >>> buffer.rows()
    array([[1., 2.],
           [3., 4.],
           [5., 6.]], dtype=float32)
    """

    def __init__(self, n_features: int, dtype: npt.DTypeLike, n_rows: int = 0) -> None:
        self._array = np.empty((n_rows, n_features), dtype)
        self._n_rows = 0

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self._array.shape[1])

    def new_rows(self, n_rows: int) -> np.ndarray:
        """Return the next rows, to be filled before the next call."""
        start, self._n_rows = self._n_rows, self._n_rows + n_rows
        if self._n_rows > len(self._array):
            row_bytes = max(1, self.n_features * self._array.itemsize)
            grown = int(_GROWTH * self._n_rows) + _LEAST_BYTES // row_bytes
            self._array.resize((grown, self.n_features), refcheck=False)
        return self._array[start : self._n_rows]

    def rows(self) -> np.ndarray:
        """Return the rows that were filled; the buffer is not used afterwards."""
        self._array.resize((self._n_rows, self.n_features), refcheck=False)
        return self._array
