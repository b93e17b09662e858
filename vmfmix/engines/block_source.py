"""Sources of blocks of rows: rows on disk, in a dataset, or generated while they are read.

A source is read from beginning to end, once for each pass of a fit. It is one of

* an object with a shape that supports slicing, such as an array of zarr or h5py;
* a dataset of the library `datasets` with one column of vectors;
* a callable that returns a fresh iterator over blocks, or an object that can be iterated several
  times, such as torch's DataLoader without shuffling. The rows must come in the same order each
  time.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import check_array

from vmfmix.engines.base import DTYPES, Engine, MakeEngine, Matrix, RowSource
from vmfmix.engines.block_engine import BlockEngine
from vmfmix.engines.rows.containers import unwrapped
from vmfmix.engines.rows.invalid import unmasked
from vmfmix.engines.rows.tensors import is_tensor
from vmfmix.engines.rows.vectors import stacked as stacked_vectors
from vmfmix.model.matrices import stacked

_BYTES_PER_BLOCK = 2**26
_END = object()
# Objects in memory that are not sequences have at least one of these attributes.
_ATTRIBUTES_IN_MEMORY = ("to_numpy", "__dataframe__", "__array_interface__")


class BlockSource(RowSource):
    """Rows that are read block by block, and are validated in one pass at the start.

    Parameters
    ----------
    X : object
        An array-like with slices, a dataset or an iterable of blocks, as described in this module.
    n_rows_per_block : int, default=None
        None: as many rows as fit into 64 MiB. Blocks from an iterator are combined until they have
        this size, and never divided.
    report : callable, default=None
        Called with the number of rows read so far, during validation.

    Attributes
    ----------
    shape : tuple of (n_rows, n_features)
    dtype : numpy dtype
        The common dtype of all blocks.
    is_sparse : bool
    lengths : ndarray of shape (n_rows,)
        Length of each row; see `vmfmix.engines.cpu.lengths_of`.
    zero_rows : ndarray
        Positions of the rows of zeros, which have no direction.

    Raises
    ------
    ValueError
        If a block contains NaN or infinity or has the wrong shape or number of features (the
        message gives its number), if X is an iterator, which cannot be read again, or if X has no
        rows.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.engines.block_source import BlockSource
    >>> source = BlockSource(lambda: (np.full((2, 3), i) for i in range(4)))
    >>> source.shape, source.zero_rows
    ((8, 3), array([0, 1]))
    >>> [(rows, block.shape) for rows, block in source]
    [(slice(0, 8, None), (8, 3))]
    """

    def __init__(
        self,
        X: Any,
        n_rows_per_block: int | None = None,
        report: Callable[..., None] | None = None,
    ) -> None:
        from vmfmix.engines.cpu import CPUEngine, lengths_of  # here, as it imports numba

        self._X, self._n_rows_per_block = X, n_rows_per_block
        self._is_iterated = not (_is_data_set(X) or _has_slices(X))
        if isinstance(X, Iterator):
            raise ValueError(
                f"X is an iterator ({type(X).__name__}), which can be read only once, but a fit "
                "reads its rows many times; pass a function that returns a fresh iterator."
            )
        self.shape, self.is_sparse = (0, 0), False
        dtypes, lengths, zero_rows = [], [], []
        for start, block in self._validated_blocks(ensure_all_finite=True):
            self.shape = start + block.shape[0], block.shape[1]
            self.is_sparse |= sp.issparse(block)
            dtypes.append(block.dtype)
            if block.shape[0] > 0:
                lengths.append(lengths_of(block))
                used = CPUEngine(block, lengths=lengths[-1]).used_rows
                zero_rows.append(start + np.setdiff1d(np.arange(block.shape[0]), used))
            if report is not None:
                report(self.shape[0])
        if self.shape[0] == 0:
            raise ValueError("X has no rows: all of its blocks are empty, or it has no blocks.")
        self.dtype = np.result_type(*dtypes)
        self.lengths = np.concatenate(lengths)
        self.zero_rows = np.concatenate(zero_rows)

    def __iter__(self) -> Iterator[tuple[slice, Matrix]]:
        """Iterate over (slice, block) of all rows; blocks are arrays or CSR matrices."""
        from vmfmix.engines.cpu import lengths_of

        n_rows, n_features = self.shape
        size = self._block_size(n_features, self.dtype.itemsize)
        begin, stop = 0, 0
        parts: list[Matrix] = []
        # Validating half precision costs as much as reading it; the engine validates its results.
        for start, block in self._validated_blocks(ensure_all_finite=self.dtype != np.float16):
            stop = start + block.shape[0]
            if stop > n_rows:
                break
            if block.shape[0] > 0 and lengths_of(block[:1])[0] != self.lengths[start]:
                raise ValueError(
                    f"Row {start} of X has a different length than when it was first read; the "
                    "rows must come in the same order each time, so do not shuffle them."
                )
            # An iterator may overwrite its array while this block is still being processed.
            parts.append(block.copy() if self._is_iterated else block)
            if stop - begin >= size:
                yield slice(begin, stop), _combined(parts)
                begin, parts = stop, []
        if stop != n_rows:
            found = "more" if stop > n_rows else stop
            raise ValueError(
                f"X gave {n_rows} rows when it was first read, and {found} when it was read again; "
                "pass a function that returns a fresh iterator over the same rows each time."
            )
        if stop > begin:
            yield slice(begin, stop), _combined(parts)

    def engine(
        self,
        *,
        make_engine: MakeEngine,
        sample_weight: NDArray[np.float64] | None,
        center: NDArray[np.float64] | None,
        block_size: int | None,
        device: Any,
        report: Callable[..., None] | None,
    ) -> Engine:
        """Return the engine for these rows; `block_size` has no effect on it."""
        return BlockEngine(
            self,
            make_engine=make_engine,
            sample_weight=sample_weight,
            center=center,
            device=device,
            report=report,
        )

    def _block_size(self, n_features: int, itemsize: int) -> int:
        return self._n_rows_per_block or max(_BYTES_PER_BLOCK // (n_features * itemsize), 1)

    def _blocks(self) -> Iterator[Any]:
        """Return a fresh iterator over the unvalidated blocks of the source."""
        X = self._X
        if _is_data_set(X):
            name = _column_of_vectors(X)
            column = X.select_columns(name).with_format("numpy")
            first = _vectors(next(column.iter(batch_size=1))[name])
            size = self._block_size(first.shape[1], first.itemsize)
            return (_vectors(part[name]) for part in column.iter(batch_size=size))
        if _has_slices(X):
            if len(X.shape) != 2:
                raise ValueError(
                    f"X has the shape {tuple(X.shape)}; pass something of shape (n_samples, "
                    "n_features)."
                )
            n_rows, n_features = X.shape
            itemsize = np.dtype(getattr(X, "dtype", np.float64)).itemsize
            size = self._block_size(n_features, itemsize)
            return (
                np.asarray(unmasked(X[start : start + size])) for start in range(0, n_rows, size)
            )
        try:
            return iter(X() if callable(X) else X)
        except TypeError as error:
            error.add_note(
                "X must be a function that returns an iterator over blocks of rows, or an object "
                "that can be iterated several times."
            )
            raise

    def _validated_blocks(self, ensure_all_finite: bool) -> Iterator[tuple[int, Matrix]]:
        """Iterate over (first row, block in a form that engines take)."""
        blocks, start = self._blocks(), 0
        for number in itertools.count():
            place = f"Block {number} of X, which starts at row {start}"
            try:
                block = next(blocks, _END)
            except Exception as error:
                error.add_note(f"{place}, could not be read.")
                raise
            if block is _END:
                return
            try:
                block = _rows_of(block)
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
                    f"{place}, has {block.shape[1]} features, but those before it have "
                    f"{self.shape[1]}; all blocks must have the same number."
                )
            yield start, block
            start += block.shape[0]


def is_block_source(X: Any) -> bool:
    """Return whether X is a source of blocks, and not an array in memory or mapped into it."""
    if isinstance(X, (np.ndarray, str, bytes, Mapping, Set)) or is_tensor(X) or sp.issparse(X):
        return False
    if _is_data_set(X):
        return True
    if isinstance(X, Sequence) or any(hasattr(X, name) for name in _ATTRIBUTES_IN_MEMORY):
        return False
    if _has_slices(X):
        return True
    return callable(X) or (hasattr(X, "__iter__") and not hasattr(X, "__array__"))


def _has_slices(X: Any) -> bool:
    """Return whether X has a shape and supports slicing."""
    return hasattr(X, "shape") and hasattr(X, "__getitem__")


def _is_data_set(X: Any) -> bool:
    """Return whether X is a dataset of the library `datasets`, without importing it."""
    return hasattr(X, "with_format") and hasattr(X, "iter") and hasattr(X, "features")


def _column_of_vectors(X: Any) -> Any:
    """Return the name of the one column that has a vector for each row."""
    row = next(iter(X.with_format("numpy").iter(batch_size=1)), None)
    if row is None:
        raise ValueError("X has no rows: the dataset is empty.")
    found = [name for name, values in row.items() if _is_vector(np.asarray(values[0]))]
    if len(found) != 1:
        raise ValueError(
            f"X is a dataset with the columns {', '.join(row)}, of which {len(found)} contain "
            "vectors; keep only one of them, for example with X.select_columns('embedding')."
        )
    return found[0]


def _is_vector(array: np.ndarray) -> bool:
    return array.ndim == 1 and array.dtype.kind in "fiu"


def _vectors(values: Any) -> np.ndarray:
    """Return the vectors of a column as the rows of an array."""
    if isinstance(values, np.ndarray) and values.ndim == 2:
        return values
    vectors: np.ndarray = stacked_vectors(values, "The column of vectors")
    return vectors


def _rows_of(item: Any) -> Any:
    """Return the rows of an item of an iterator, which may be a batch with labels or a tensor."""
    if isinstance(item, (tuple, list)) and len(item) > 0 and np.ndim(item[0]) == 2:
        item = item[0]
    item = unwrapped(item)
    if is_tensor(item):
        from vmfmix.engines.torch_device import prepare_tensor

        item = prepare_tensor(item.cpu())
    return item


def _combined(parts: list[Matrix]) -> Matrix:
    return parts[0] if len(parts) == 1 else stacked(parts)
