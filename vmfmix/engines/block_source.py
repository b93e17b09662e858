"""Where blocks of rows come from: what is on disk, in a data set, or made while it is read.

A source is read from its beginning to its end, as often as a fit needs passes. It is one of

* an object with a shape and slices: an array of zarr or h5py, say;
* a data set of the library `datasets`, with one column of vectors;
* a callable that returns a fresh iterator over blocks, or an object that can be iterated again and
  again, as torch's DataLoader without shuffling: rows come in the same order each time.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence, Set

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array

from vmfmix.engines.base import DTYPES, RowSource
from vmfmix.engines.choice import choose_engine, is_tensor
from vmfmix.model.matrices import stacked

_BYTES = 2**26  # read together
_END = object()
_IN_MEMORY = ("to_numpy", "__dataframe__", "__array_interface__")  # one of these has what is


class BlockSource(RowSource):
    """Rows that are read block by block, checked once from beginning to end.

    Parameters
    ----------
    X : object
        See above.
    n_rows_per_block : int, default=None
        None: as many as make 64 MiB. Blocks that come from an iterator are put together until they
        are as large, and never cut.
    report : callable, default=None
        Told how many rows were looked at.

    Attributes
    ----------
    shape : tuple of (n_rows, n_features)
    dtype : numpy dtype
        Of all blocks together.
    is_sparse : bool
    lengths : ndarray of shape (n_rows,)
        See `vmfmix.engines.cpu.lengths_of`.
    without_direction : ndarray
        Positions of the rows of zeros.

    Raises
    ------
    ValueError
        Naming the block, if one holds NaN or infinity or has another shape or width than it should;
        if `X` is an iterator, which cannot be read again, or has no rows.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.engines.block_source import BlockSource
    >>> source = BlockSource(lambda: (np.full((2, 3), i) for i in range(4)))
    >>> source.shape, source.without_direction
    ((8, 3), array([0, 1]))
    >>> [(rows, block.shape) for rows, block in source]
    [(slice(0, 8, None), (8, 3))]
    """

    def __init__(self, X, n_rows_per_block=None, report=None):
        from vmfmix.engines.cpu import lengths_of  # numba is loaded when there are rows

        self._X, self._n_rows_per_block = X, n_rows_per_block
        self._is_iterated = not (is_data_set(X) or has_slices(X))
        if isinstance(X, Iterator):
            raise ValueError(
                f"X is an iterator ({type(X).__name__}), which can be read once, and a fit reads "
                "its rows many times; pass a function that returns a fresh iterator."
            )
        self.shape, self.is_sparse = (0, 0), False
        dtypes, lengths, without = [], [], []
        for start, block in self._checked_blocks(ensure_all_finite=True):
            self.shape = start + block.shape[0], block.shape[1]
            self.is_sparse |= sp.issparse(block)
            dtypes.append(block.dtype)
            if block.shape[0] > 0:
                lengths.append(lengths_of(block))
                directed = choose_engine(block, lengths=lengths[-1]).used_rows
                without.append(start + np.setdiff1d(np.arange(block.shape[0]), directed))
            if report is not None:
                report(self.shape[0])
        if self.shape[0] == 0:
            raise ValueError("X has no rows: all blocks are empty, or there is none.")
        self.dtype = np.result_type(*dtypes)
        self.lengths = np.concatenate(lengths)
        self.without_direction = np.concatenate(without)

    def __iter__(self):
        """Iterate over (slice, block) of all rows; blocks are arrays or CSR matrices."""
        from vmfmix.engines.cpu import lengths_of

        n_rows, n_features = self.shape
        wanted = self._size(n_features, self.dtype.itemsize)
        begin, stop, parts = 0, 0, []
        # Sums of half precision cost as much as reading; the engine looks at what comes of them.
        for start, block in self._checked_blocks(ensure_all_finite=self.dtype != np.float16):
            stop = start + block.shape[0]
            if stop > n_rows:
                break
            if block.shape[0] > 0 and lengths_of(block[:1])[0] != self.lengths[start]:
                raise ValueError(
                    f"Row {start} of X has another length than when it was read first; the rows "
                    "must come in the same order each time, so do not shuffle them."
                )
            # What an iterator gives may be filled again while this block is still looked at.
            parts.append(block.copy() if self._is_iterated else block)
            if stop - begin >= wanted:
                yield slice(begin, stop), _together(parts)
                begin, parts = stop, []
        if stop != n_rows:
            found = "more" if stop > n_rows else stop
            raise ValueError(
                f"X gave {n_rows} rows when it was read first, and {found} when it was read again; "
                "pass a function that returns a fresh iterator over the same rows each time."
            )
        if stop > begin:
            yield slice(begin, stop), _together(parts)

    def engine(self, *, block_size, **options):  # noqa: D102
        from vmfmix.engines.block_engine import BlockEngine

        return BlockEngine(self, **options)

    def _size(self, n_features, itemsize):
        return self._n_rows_per_block or max(_BYTES // (n_features * itemsize), 1)

    def _blocks(self):
        """A fresh iterator over what the source gives."""
        X = self._X
        if is_data_set(X):
            name = _column_of_vectors(X)
            column = X.select_columns(name).with_format("numpy")
            first = _vectors(next(column.iter(batch_size=1))[name])
            size = self._size(first.shape[1], first.itemsize)
            return (_vectors(part[name]) for part in column.iter(batch_size=size))
        if has_slices(X):
            if len(X.shape) != 2:
                raise ValueError(
                    f"X has the shape {tuple(X.shape)}; pass something of shape (n_samples, "
                    "n_features)."
                )
            n_rows, n_features = X.shape
            size = self._size(n_features, np.dtype(getattr(X, "dtype", np.float64)).itemsize)
            return (np.asarray(X[start : start + size]) for start in range(0, n_rows, size))
        try:
            return iter(X() if callable(X) else X)
        except TypeError as error:
            error.add_note("X must return an iterator over blocks of rows, or be a list of them.")
            raise

    def _checked_blocks(self, ensure_all_finite):
        """Iterate over (first row, block in a form that engines take)."""
        blocks, start = self._blocks(), 0
        for number in itertools.count():
            place = f"Block {number} of X, which begins at row {start}"
            try:
                block = next(blocks, _END)
            except Exception as error:
                error.add_note(f"{place}, could not be read.")
                raise
            if block is _END:
                return
            block = _as_rows(block)
            try:
                block = check_array(
                    block,
                    accept_sparse="csr",
                    dtype=DTYPES,
                    ensure_all_finite=ensure_all_finite,
                    ensure_min_samples=0,
                    ensure_min_features=2,
                )
            except (TypeError, ValueError) as error:
                raise ValueError(f"{place}, cannot be used. {error}") from error
            if self.shape[1] not in (0, block.shape[1]):
                raise ValueError(
                    f"{place}, has {block.shape[1]} features, and those before it have "
                    f"{self.shape[1]}; all must have the same number."
                )
            yield start, block
            start += block.shape[0]


def is_block_source(X):
    """Whether rows of X come by blocks, and not as an array that is in memory or mapped to it."""
    if isinstance(X, (np.ndarray, str, bytes, Mapping, Set)) or is_tensor(X) or sp.issparse(X):
        return False
    if is_data_set(X):
        return True
    if isinstance(X, Sequence) or any(hasattr(X, name) for name in _IN_MEMORY):
        return False
    if has_slices(X):
        return True
    return callable(X) or (hasattr(X, "__iter__") and not hasattr(X, "__array__"))


def has_slices(X):
    """Whether X has a shape and can be asked for some of its rows."""
    return hasattr(X, "shape") and hasattr(X, "__getitem__")


def is_data_set(X):
    """Whether X is a data set of the library `datasets`, which need not be installed."""
    return hasattr(X, "with_format") and hasattr(X, "iter") and hasattr(X, "features")


def _column_of_vectors(X):
    """The one column that holds a vector for each row."""
    row = next(iter(X.with_format("numpy").iter(batch_size=1)), None)
    if row is None:
        raise ValueError("X has no rows: the data set is empty.")
    found = [
        name
        for name, values in row.items()
        if (first := np.asarray(values[0])).ndim == 1 and first.dtype.kind in "fiu"
    ]
    if len(found) != 1:
        raise ValueError(
            f"X is a data set with the columns {', '.join(row)}, of which {len(found)} hold "
            "vectors; keep one of them, as with X.select_columns('embedding')."
        )
    return found[0]


def _vectors(values):
    """Vectors of a column as rows of an array."""
    return values if isinstance(values, np.ndarray) and values.ndim == 2 else np.stack(list(values))


def _as_rows(block):
    """What an iterator gives as an array: a tensor, or the first part of a batch with labels."""
    if isinstance(block, (tuple, list)) and len(block) > 0 and np.ndim(block[0]) == 2:
        block = block[0]
    if is_tensor(block):
        from vmfmix.engines.torch_device import prepare_tensor

        block = prepare_tensor(block.cpu())
    return block


def _together(parts):
    return parts[0] if len(parts) == 1 else stacked(parts)
