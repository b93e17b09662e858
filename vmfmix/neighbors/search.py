"""Nearest neighbors by angle: exact by blocks of matrix products, or approximate."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix._install import install_hint
from vmfmix.model.matrices import row_products
from vmfmix.model.threads import WorkerThreads, limit_blas_in_this_thread, single_threaded_blas

_QUERIES_PER_BLOCK = 512
_ROWS_PER_TILE = 4096
_SPARSE_COSINES_PER_BLOCK = 2**23
_DEVICE_COSINES_PER_BLOCK = 2**26
_ROWS_PER_SLICE = 8192  # of an approximate search

# Neighbors that the approximate search seeks for each that it returns: more are more exact. With
# 4/3, 96 % of the 15 neighbors of 100,000 sentence embeddings were found.
_SOUGHT_PER_NEIGHBOR = 4 / 3
_FEWEST_ROWS_TO_APPROXIMATE = 1000

Report = Callable[[int, int], Any]
"""Called with the number of rows that are done, and with that of all rows."""


class Neighbors(NamedTuple):
    """The nearest rows of each query, in descending order of cosine.

    Parameters
    ----------
    rows : ndarray of shape (n_queries, n_neighbors), int32
        Numbers of the rows.
    cosines : ndarray of shape (n_queries, n_neighbors), float32
    """

    rows: NDArray[np.int32]
    cosines: NDArray[np.float32]


def nearest_neighbors(
    rows: Any,
    n_neighbors: int,
    *,
    queries: Any = None,
    approximate: bool = False,
    device: Any = None,
    report: Report | None = None,
) -> Neighbors:
    """Find the nearest rows by angle.

    The exact search takes n_queries × n_rows inner products. The approximate one follows neighbors
    of neighbors [1]_; its time grows little faster than n_rows, and it misses a few of the
    neighbors. It finds the same ones in every run.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Unit rows.
    n_neighbors : int
        At most n_rows, or n_rows − 1 without `queries`.
    queries : ndarray or CSR matrix of shape (n_queries, n_features), default=None
        Unit rows. None: the rows themselves, where no row is its own neighbor.
    approximate : bool, default=False
        Needs pynndescent and dense rows; not for other `queries`. Fewer than 1,000 rows are
        searched exactly in any case.
    device : str or torch.device, default=None
        Device on which torch searches; dense rows and exact search only. None: the CPU, with as
        many threads as BLAS has.
    report : callable, default=None
        Called with (number of queries done, number of all queries) during an exact search.

    Returns
    -------
    Neighbors

    Raises
    ------
    ImportError
        If the package that the search needs is not installed.

    References
    ----------
    .. [1] W. Dong, M. Charikar, K. Li (2011). Efficient k-nearest neighbor graph construction for
       generic similarity measures. WWW, 577-586.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.neighbors import nearest_neighbors
    >>> angles = np.radians([0.0, 10.0, 30.0])
    >>> rows = np.column_stack([np.cos(angles), np.sin(angles)])
    >>> nearest_neighbors(rows, 1).rows.ravel()
    array([1, 0, 1], dtype=int32)
    """
    if approximate and rows.shape[0] >= _FEWEST_ROWS_TO_APPROXIMATE:
        return _approximate(rows, n_neighbors)
    if device is not None:
        return _on_device(rows, n_neighbors, queries, device, report)
    if not sp.issparse(rows):
        rows = np.ascontiguousarray(rows, np.float32)
    return _exact(rows, n_neighbors, queries, report)


def _exact(rows: Any, n_neighbors: int, queries: Any, report: Report | None) -> Neighbors:
    from vmfmix.neighbors.kernels import keep_largest  # here, as it imports numba

    is_same = queries is None
    queries = rows if queries is None else queries
    found = _nothing_found(queries.shape[0], n_neighbors)
    tile_size, block_size = _ROWS_PER_TILE, _QUERIES_PER_BLOCK
    if sp.issparse(rows):
        tile_size = rows.shape[0]
        block_size = max(min(_SPARSE_COSINES_PER_BLOCK // max(tile_size, 1), block_size), 1)
        columns = rows.T.tocsr().astype(np.float32)

    def search(start: int) -> None:
        block = queries[start : start + block_size]
        found_in_block = [array[start : start + block_size] for array in found]
        first_query = start if is_same else -1
        if sp.issparse(rows):
            cosines = (block.astype(np.float32) @ columns).toarray()
            keep_largest(cosines, 0, first_query, *found_in_block)
            return
        block = np.ascontiguousarray(block, np.float32)
        scratch = np.empty(len(block) * min(tile_size, len(rows)), np.float32)
        for first_row in range(0, len(rows), tile_size):
            tile = rows[first_row : first_row + tile_size]
            # C-ordered for the last, smaller tile, too: numba would compile another function.
            cosines = scratch[: len(block) * len(tile)].reshape(len(block), len(tile))
            np.matmul(block, tile.T, out=cosines)
            keep_largest(cosines, first_row, first_query, *found_in_block)

    in_threads(search, range(0, queries.shape[0], block_size), report)
    return found


def in_threads(work: Callable[[int], None], parts: range, report: Report | None = None) -> None:
    """Call a function for each number of a range, in as many threads as BLAS has.

    Parameters
    ----------
    work : callable
    parts : range
        Of the first rows of each part.
    report : callable, default=None
        Called in this thread with (number of rows done, number of all rows) after each part.
    """

    def limited(part: int) -> None:
        limit_blas_in_this_thread()
        work(part)

    with single_threaded_blas() as n_threads:
        if n_threads == 1 or len(parts) == 1:
            _reported(map(work, parts), parts, report)
            return
        with WorkerThreads(min(n_threads, len(parts))) as pool:
            _reported(pool.map(limited, parts), parts, report)


def _reported(done: Iterable[None], parts: range, report: Report | None) -> None:
    """Do all parts and report how many of the rows are done."""
    if report is not None:
        report(0, parts.stop)
    for start, _ in zip(parts, done, strict=True):
        if report is not None:
            report(min(start + parts.step, parts.stop), parts.stop)


def _on_device(
    rows: Any, n_neighbors: int, queries: Any, device: Any, report: Report | None
) -> Neighbors:
    try:
        import torch
    except ModuleNotFoundError as error:
        raise ImportError(
            f"device={device!r} needs torch; {install_hint('torch')}, or pass device=None."
        ) from error
    is_same = queries is None
    all_rows = torch.as_tensor(rows, dtype=torch.float32, device=device)
    queries = all_rows if queries is None else queries
    size = max(_DEVICE_COSINES_PER_BLOCK // len(all_rows), 1)
    parts = []
    for start in range(0, len(queries), size):
        block = torch.as_tensor(queries[start : start + size], dtype=torch.float32, device=device)
        cosines = block @ all_rows.T
        if is_same:
            own = torch.arange(len(block), device=device)
            cosines[own, start + own] = -torch.inf
        best = cosines.topk(n_neighbors, dim=1)
        parts.append((best.indices.to(torch.int32).cpu().numpy(), best.values.cpu().numpy()))
        if report is not None:
            report(min(start + size, len(queries)), len(queries))
    return Neighbors(*(np.concatenate(arrays) for arrays in zip(*parts)))


def has_approximate_search() -> bool:
    """Return whether the package of the approximate search is installed."""
    return importlib.util.find_spec("pynndescent") is not None


def _approximate(rows: Any, n_neighbors: int) -> Neighbors:
    from vmfmix.model.compilation import import_with_cache  # here, as it imports numba

    try:
        pynndescent = import_with_cache("pynndescent")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"The approximate search needs pynndescent; {install_hint('neighbors')}."
        ) from error
    rows = np.ascontiguousarray(rows, np.float32)
    n_sought = min(int(_SOUGHT_PER_NEIGHBOR * n_neighbors) + 1, len(rows))
    with single_threaded_blas() as n_threads, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Failed to correctly find n_neighbors")
        index = pynndescent.NNDescent(
            rows, metric="dot", n_neighbors=n_sought, random_state=0, n_jobs=n_threads
        )
    numbers = index.neighbor_graph[0]
    found = _nothing_found(len(rows), n_neighbors)
    for start in range(0, len(numbers), _ROWS_PER_SLICE):
        part = slice(start, min(start + _ROWS_PER_SLICE, len(numbers)))
        own = np.arange(part.start, part.stop)[:, np.newaxis]
        cosines = _cosines_with(rows, part, numbers[part])
        cosines[(numbers[part] < 0) | (numbers[part] == own)] = -np.inf
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :n_neighbors]
        found.cosines[part] = np.take_along_axis(cosines, order, axis=1)
        found.rows[part] = np.take_along_axis(numbers[part], order, axis=1)
        _repeat_last(found.rows[part], found.cosines[part])
    return found


def _cosines_with(rows: Any, part: slice, numbers: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the cosines of some rows with other rows, as many for each."""
    cosines = np.empty(numbers.shape, np.float32)
    for column in range(numbers.shape[1]):
        cosines[:, column] = row_products(rows[part], rows[numbers[:, column]])
    return cosines


def _repeat_last(rows: NDArray[np.int32], cosines: NDArray[np.float32]) -> None:
    """Replace neighbors that were not found by the last one that was, in place."""
    is_found = np.isfinite(cosines)
    if is_found.all():
        return
    last = np.maximum(is_found.sum(axis=1) - 1, 0)[:, np.newaxis]
    places = np.where(is_found, np.arange(rows.shape[1]), last)
    rows[:] = np.take_along_axis(rows, places, axis=1)
    cosines[:] = np.take_along_axis(cosines, places, axis=1)


def _nothing_found(n_queries: int, n_neighbors: int) -> Neighbors:
    return Neighbors(
        np.zeros((n_queries, n_neighbors), np.int32),
        np.full((n_queries, n_neighbors), -np.inf, np.float32),
    )
