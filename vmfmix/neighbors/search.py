"""Nearest neighbors by angle: exact by blocks of matrix products, or approximate with faiss."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix._install import install_hint
from vmfmix.model.threads import WorkerThreads, limit_blas_in_this_thread, single_threaded_blas

_QUERIES_PER_BLOCK = 512
_ROWS_PER_TILE = 4096
_SPARSE_COSINES_PER_BLOCK = 2**23
_DEVICE_COSINES_PER_BLOCK = 2**26
_ROWS_PER_SLICE = 8192  # of an approximate search

# The inverted lists of faiss: with these numbers, at least 95 % of the neighbors were found.
_LISTS_PER_SQUARE_ROOT = 4
_TRAINING_ROWS_PER_LIST = 40
_SHARE_OF_LISTS = 1 / 32
_FEWEST_LISTS_SEARCHED = 16


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
) -> Neighbors:
    """Find the nearest rows by angle.

    The exact search takes n_queries × n_rows inner products. The approximate one groups the rows
    by k-means and searches the groups that are nearest to the query (the inverted lists of faiss);
    it finds at least 95 % of the neighbors of typical embeddings and depends on no random choice.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Unit rows.
    n_neighbors : int
        At most n_rows, or n_rows − 1 without `queries`.
    queries : ndarray or CSR matrix of shape (n_queries, n_features), default=None
        Unit rows. None: the rows themselves, where no row is its own neighbor.
    approximate : bool, default=False
        Needs faiss, and dense rows.
    device : str or torch.device, default=None
        Device on which torch searches; dense rows and exact search only. None: the CPU, with as
        many threads as BLAS has.

    Returns
    -------
    Neighbors

    Raises
    ------
    ImportError
        If the package that the search needs is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.neighbors import nearest_neighbors
    >>> angles = np.radians([0.0, 10.0, 30.0])
    >>> rows = np.column_stack([np.cos(angles), np.sin(angles)])
    >>> nearest_neighbors(rows, 1).rows.ravel()
    array([1, 0, 1], dtype=int32)
    """
    if approximate:
        return _approximate(rows, n_neighbors, queries)
    if device is not None:
        return _on_device(rows, n_neighbors, queries, device)
    if not sp.issparse(rows):
        rows = np.ascontiguousarray(rows, np.float32)
    return _exact(rows, n_neighbors, queries)


def _exact(rows: Any, n_neighbors: int, queries: Any) -> Neighbors:
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
        scratch = np.empty((len(block), min(tile_size, len(rows))), np.float32)
        for first_row in range(0, len(rows), tile_size):
            tile = rows[first_row : first_row + tile_size]
            cosines = scratch[:, : len(tile)]
            np.matmul(block, tile.T, out=cosines)
            keep_largest(cosines, first_row, first_query, *found_in_block)

    in_threads(search, range(0, queries.shape[0], block_size))
    return found


def in_threads(work: Callable[[int], None], parts: range) -> None:
    """Call a function for each number of a range, in as many threads as BLAS has."""

    def limited(part: int) -> None:
        limit_blas_in_this_thread()
        work(part)

    with single_threaded_blas() as n_threads:
        if n_threads == 1 or len(parts) == 1:
            for part in parts:
                work(part)
            return
        with WorkerThreads(min(n_threads, len(parts))) as pool:
            list(pool.map(limited, parts))


def _on_device(rows: Any, n_neighbors: int, queries: Any, device: Any) -> Neighbors:
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
    return Neighbors(*(np.concatenate(arrays) for arrays in zip(*parts)))


def has_faiss() -> bool:
    """Return whether the approximate search is available."""
    return importlib.util.find_spec("faiss") is not None


def _approximate(rows: Any, n_neighbors: int, queries: Any) -> Neighbors:
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise ImportError(
            f"The approximate search needs faiss; {install_hint('neighbors')}."
        ) from error
    n_rows, n_features = rows.shape
    n_lists = max(int(_LISTS_PER_SQUARE_ROOT * np.sqrt(n_rows)), 1)
    step = max(n_rows // (_TRAINING_ROWS_PER_LIST * n_lists), 1)
    with single_threaded_blas() as n_threads:
        before = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(n_threads)
        try:
            quantizer = faiss.IndexFlatIP(n_features)
            index = faiss.IndexIVFFlat(quantizer, n_features, n_lists, faiss.METRIC_INNER_PRODUCT)
            index.cp.min_points_per_centroid = 1  # it would print a warning
            index.train(np.ascontiguousarray(rows[::step], np.float32))
            for start in range(0, n_rows, _ROWS_PER_SLICE):
                index.add(np.ascontiguousarray(rows[start : start + _ROWS_PER_SLICE], np.float32))
            index.nprobe = max(int(_SHARE_OF_LISTS * n_lists), min(_FEWEST_LISTS_SEARCHED, n_lists))
            return _search_index(index, rows, n_neighbors, queries)
        finally:
            faiss.omp_set_num_threads(before)


def _search_index(index: Any, rows: Any, n_neighbors: int, queries: Any) -> Neighbors:
    """Search an index of faiss; where it finds too few neighbors, repeat the last one found."""
    is_same = queries is None
    queries = rows if queries is None else queries
    found = _nothing_found(queries.shape[0], n_neighbors)
    for start in range(0, queries.shape[0], _ROWS_PER_SLICE):
        part = slice(start, min(start + _ROWS_PER_SLICE, queries.shape[0]))
        block = np.ascontiguousarray(queries[part], np.float32)
        cosines, numbers = index.search(block, n_neighbors + is_same)
        if is_same:
            own = np.arange(part.start, part.stop)[:, np.newaxis]
            order = np.argsort((numbers == own) | (numbers < 0), axis=1, kind="stable")
            numbers = np.take_along_axis(numbers, order, axis=1)[:, :n_neighbors]
            cosines = np.take_along_axis(cosines, order, axis=1)[:, :n_neighbors]
            is_missing = (numbers < 0) | (numbers == own)
        else:
            is_missing = numbers < 0
        last = np.maximum((~is_missing).sum(axis=1) - 1, 0)[:, np.newaxis]
        places = np.where(is_missing, last, np.arange(n_neighbors))
        found.rows[part] = np.take_along_axis(numbers, places, axis=1)
        found.cosines[part] = np.take_along_axis(cosines, places, axis=1)
    return found


def _nothing_found(n_queries: int, n_neighbors: int) -> Neighbors:
    return Neighbors(
        np.zeros((n_queries, n_neighbors), np.int32),
        np.full((n_queries, n_neighbors), -np.inf, np.float32),
    )
