"""Places of rows in the plane of a map, where rows that are near each other stay neighbors.

The method is that of UMAP [1]_: each row is attracted by its nearest neighbors and repelled by rows
drawn at random, until the graph of nearest neighbors fits into the plane. What it converges to
depends on where it starts. The mean directions of the clusters are placed first, at the distances
that they have from each other, and the rows start around that of their cluster, so that similar
clusters are near each other.

.. [1] L. McInnes, J. Healy, J. Melville (2018). UMAP: Uniform manifold approximation and
   projection for dimension reduction. arXiv:1802.03426.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.decomposition import PCA, TruncatedSVD

from vmfmix._install import install_hint
from vmfmix.inspection.fitted_model import RowsLike
from vmfmix.inspection.rows import unit_rows
from vmfmix.model.copies import sort_with_copies
from vmfmix.neighbors.cells import neighbors_in_cells
from vmfmix.neighbors.graph import joined, local_weights, suitable_n_neighbors
from vmfmix.neighbors.search import in_threads, nearest_neighbors

LAYOUTS = ("neighbors", "umap")
_MAX_EXACT = 10_000  # rows, up to which the search of neighbors is exact
_N_COMPONENTS = 100  # to which many sparse rows are reduced
_N_NEIGHBORS = 15
_N_EPOCHS, _N_EPOCHS_OF_MANY = 400, 200
_MANY = 50_000  # rows
_N_REPULSIONS = 10
_STRENGTH = np.float32(5.0)  # of repulsion, relative to the weights of the edges of a row
_GRAVITY = np.float32(0.1)  # toward the places of the clusters, which repulsion would change
_RATE = 0.1  # of the first epoch; at higher ones, groups tear apart
_ROWS_PER_PART = 4096
_SPREAD = 4.0  # standard deviation of the mean directions when rows start
_CLOSEST_CLUSTERS = 0.05  # distance, relative to the largest
_N_STRESS_EPOCHS = 60
_MAX_CLUSTERS = 3000  # that are placed by their distances; more, by principal components
_FEWEST = 4  # rows; fewer are placed by principal components


def plane_layout(
    X: RowsLike, clusters: NDArray[np.integer], *, layout: str = "neighbors"
) -> NDArray[np.float64]:
    """Place rows in a plane so that neighbors by angle are near each other.

    Parameters
    ----------
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    clusters : ndarray of shape (n_samples,), int
        Cluster of each row, -1 for the background.
    layout : {"neighbors", "umap"}, default="neighbors"
        "neighbors": attraction along the graph of nearest neighbors, started from the places of the
        clusters. "umap": the package umap-learn with its own defaults and cosine distance.

    Returns
    -------
    ndarray of shape (n_samples, 2)
        Finite. Copies have the same place. The scale of the axes is the same, and arbitrary.

    Raises
    ------
    ImportError
        If `layout` is "umap" and umap-learn is not installed.
    ValueError
        If `layout` is unknown.

    Examples
    --------
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> from vmfmix.report.layout import plane_layout
    >>> X, y = make_vmf_mixture(200, n_features=8, n_components=3, random_state=0)
    >>> plane_layout(X, y).shape
    (200, 2)
    """
    check_layout(layout)
    rows = unit_rows(X)
    order, is_first = sort_with_copies(rows)
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(is_first) - 1
    firsts = order[is_first]
    # The sort depends on rounding, the order of the rows does not.
    ranks = np.argsort(np.argsort(firsts))
    firsts, number = np.sort(firsts), ranks[number]
    place = _with_umap if layout == "umap" else _by_neighbors
    return place(rows[firsts], clusters[firsts])[number]


def check_layout(layout: str) -> None:
    """Raise ValueError if a layout is unknown, and ImportError if its package is not installed."""
    if layout not in LAYOUTS:
        raise ValueError(f'layout={layout!r} is not allowed; pass "neighbors" or "umap".')
    if layout == "umap" and importlib.util.find_spec("umap") is None:
        raise ImportError(f'layout="umap" needs umap-learn; {install_hint("umap")}.')


def _with_umap(rows: Any, clusters: NDArray[np.integer]) -> NDArray[np.float64]:
    from umap import UMAP

    if rows.shape[0] <= _N_NEIGHBORS:
        return _components(_dense(rows))
    places = UMAP(metric="cosine", random_state=0, n_jobs=1).fit_transform(rows)
    # A row without any neighbor, such as one of zeros, has no place.
    return np.nan_to_num(np.asarray(places, np.float64))


def _by_neighbors(rows: Any, clusters: NDArray[np.integer]) -> NDArray[np.float64]:
    n_rows = rows.shape[0]
    if n_rows <= _FEWEST:
        return _components(_dense(rows))
    if sp.issparse(rows) and n_rows > _MAX_EXACT:
        rows = _dense(rows)
    graph = _graph(rows, _N_NEIGHBORS)
    n_epochs = _N_EPOCHS if n_rows <= _MANY else _N_EPOCHS_OF_MANY
    places = _optimized(graph, *_start(_dense(rows), clusters), n_epochs)
    return _components(places.astype(np.float64))  # turned so that it is wide, not high


def _dense(rows: Any) -> NDArray[np.float32]:
    """Return dense unit rows: many sparse features are reduced to their leading components."""
    if sp.issparse(rows):
        if rows.shape[1] > _N_COMPONENTS < rows.shape[0]:
            rows = TruncatedSVD(_N_COMPONENTS, random_state=0).fit_transform(rows)
        else:
            rows = rows.toarray()
    rows = np.asarray(rows, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.ascontiguousarray(rows / np.where(lengths > 0, lengths, 1.0), np.float32)


def _components(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the first two principal components; zeros where they do not exist."""
    plane = np.zeros((len(rows), 2))
    if len(rows) > 1:
        pca = PCA(min(2, *rows.shape), random_state=0)
        plane[:, : pca.n_components] = pca.fit_transform(rows)
    return plane


def _graph(rows: Any, n_neighbors: int) -> Any:
    n_neighbors = suitable_n_neighbors(rows.shape[0], n_neighbors)
    if rows.shape[0] > _MAX_EXACT and not sp.issparse(rows):
        found = neighbors_in_cells(rows, n_neighbors)
    else:
        found = nearest_neighbors(rows, n_neighbors)
    return joined(found, local_weights(found))


def _start(
    rows: NDArray[np.float32], clusters: NDArray[np.integer]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the places of the clusters, by row, and places of the rows around them.

    The background is a group of its own.
    """
    found, group = np.unique(clusters, return_inverse=True)
    members = sp.csr_array(
        (np.ones(len(rows), np.float32), group, np.arange(len(rows) + 1)),
        shape=(len(rows), len(found)),
    )
    sizes = np.bincount(group)
    means = np.asarray(members.T @ rows) / sizes[:, np.newaxis].astype(np.float32)
    residuals = _components(rows - means[group])
    residuals /= max(float(np.abs(residuals).std()), 1e-12)
    centers = _places_of_clusters(_dense(means))
    radii = _SPREAD * np.sqrt(sizes / len(rows)) / 2.0
    anchors = centers[group].astype(np.float32)
    return anchors, (anchors + residuals * radii[group, np.newaxis]).astype(np.float32)


def _places_of_clusters(means: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return places whose distances are those of the mean directions, if possible."""
    from vmfmix.report.layout_kernels import reduce_stress  # here, as it imports numba

    places, n_clusters = _components(means).astype(np.float64), len(means)
    if 2 < n_clusters <= _MAX_CLUSTERS:
        rng = np.random.RandomState(0)
        distances = np.sqrt(np.maximum(2.0 - 2.0 * (means @ means.T).astype(np.float64), 0.0))
        distances = np.maximum(distances, _CLOSEST_CLUSTERS * distances.max()) + 1e-12
        places += 1e-3 * distances.max() * rng.standard_normal(places.shape)  # none are equal
        shifts = 1 + rng.permutation(n_clusters // 2)
        rates = float(distances.max()) ** 2, 0.1 * float(distances.min()) ** 2
        reduce_stress(places, distances, shifts, *rates, _N_STRESS_EPOCHS)
    places -= places.mean(axis=0)
    return places * (_SPREAD / max(float(places.std()), 1e-12))


def _optimized(
    graph: Any, anchors: NDArray[np.float32], places: NDArray[np.float32], n_epochs: int
) -> NDArray[np.float32]:
    """Return the places after attraction and repulsion at rates that decrease to 0."""
    from vmfmix.report.layout_kernels import move  # here, as it imports numba

    n_rows = len(places)
    arrays = graph.indptr, graph.indices, graph.data.astype(np.float32)
    before, after = places.copy(), places.copy()
    for epoch in range(n_epochs):
        rate = np.float32(_RATE * (1.0 - epoch / n_epochs))
        forces = _N_REPULSIONS, _STRENGTH, _GRAVITY, rate, epoch
        step = partial(_move_part, move, (*arrays, anchors, before, after, *forces))
        in_threads(step, range(0, n_rows, _ROWS_PER_PART))
        before, after = after, before
    return before


def _move_part(move: Callable[..., None], arguments: tuple[Any, ...], start: int) -> None:
    n_rows = len(arguments[0]) - 1
    move(*arguments, start, min(start + _ROWS_PER_PART, n_rows))
