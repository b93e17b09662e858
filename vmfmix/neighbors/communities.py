"""Scores of partitions of a graph: modularity, and persistence of a random walk."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def edges_between(graph: Any, labels: NDArray[np.integer], n_clusters: int) -> FloatArray:
    """Count edge ends by their own cluster and that of the other end, as shares of all.

    Parameters
    ----------
    graph : CSR matrix of shape (n_rows, n_rows)
        Symmetric; an edge counts once, whatever its weight.
    labels : ndarray of shape (n_rows,), int
        Cluster of each row, from 0 to n_clusters − 1.
    n_clusters : int

    Returns
    -------
    ndarray of shape (n_clusters, n_clusters)

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from vmfmix.neighbors.communities import edges_between
    >>> path_of_four = csr_array(np.eye(4, k=1) + np.eye(4, k=-1))
    >>> edges_between(path_of_four, np.array([0, 0, 1, 1]), 2) * 6
    array([[2., 1.],
           [1., 2.]])
    """
    degrees = np.diff(graph.indptr)
    pairs = np.repeat(labels.astype(np.int64) * n_clusters, degrees)
    pairs += labels[graph.indices]
    edges = np.bincount(pairs, minlength=n_clusters**2).reshape(n_clusters, n_clusters)
    return edges / max(edges.sum(), 1)


def modularity(inside: FloatArray, volumes: FloatArray) -> float:
    """Compute the share of edges within clusters minus its expectation if edges were random [1]_.

    Parameters
    ----------
    inside : ndarray of shape (n_clusters,)
        Edge ends in a cluster whose other end is in the same cluster, as a share of all.
    volumes : ndarray of shape (n_clusters,)
        Edge ends in a cluster, as a share of all.

    Returns
    -------
    float

    References
    ----------
    .. [1] M. E. J. Newman, M. Girvan (2004). Finding and evaluating community structure in
       networks. Physical Review E 69, 026113.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.neighbors.communities import modularity
    >>> modularity(np.array([0.5, 0.5]), np.array([0.5, 0.5]))
    0.5
    """
    return float(np.sum(inside - np.square(volumes)))


def persistence(inside: FloatArray, volumes: FloatArray, steps: float | FloatArray) -> Any:
    """Compute how much a random walk still reveals about its first cluster after some steps.

    Σ_c a_c f_cᵗ log(1 / a_c), in nats, after t steps. A random walk along the edges of the neighbor
    graph is in cluster c with probability a_c, and its next step ends there with probability F_c;
    f_c = (F_c − a_c) / (1 − a_c) is that probability corrected for chance. With more clusters, the
    cluster reveals more (log 1/a_c), but the walk leaves it sooner (f_cᵗ). Modularity penalizes a
    cut by the product of two volumes; persistence weighs a cut in the same way whether there are
    few clusters or many.

    Parameters
    ----------
    inside, volumes : ndarray of shape (n_clusters,)
        As for `modularity`.
    steps : float or ndarray of shape (n_scales,)
        Number t of steps.

    Returns
    -------
    float or ndarray of shape (n_scales,)

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.neighbors.communities import persistence
    >>> persistence(np.array([0.5, 0.5]), np.array([0.5, 0.5]), steps=6).round(3)
    np.float64(0.693)
    """
    positive = volumes > 0
    inside, volumes = inside[positive], volumes[positive]
    stays = (inside / volumes - volumes) / np.maximum(1.0 - volumes, 1e-12)
    powers = np.maximum(stays, 0.0) ** np.expand_dims(steps, -1)
    return -(powers @ (volumes * np.log(volumes)))
