"""Clusterings that start from the components of a trained mixture of embeddings."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize

from vmfmix.mixture import VMFMixture


def kmeans_from_components(
    rows: np.ndarray,
    components: NDArray[np.integer[Any]],
    n_clusters: int,
    random_state: int | None = None,
) -> KMeans:
    """Fit k-means with initial centers at the means of components [1]_.

    If there are more components than clusters, the largest ones are used; a component without rows
    starts from a random point within the range of the rows.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
    components : ndarray of shape (n_samples,), int
        Component of each row, such as the one with the largest coefficient.
    n_clusters : int
    random_state : int, default=None
        Seed for the initial centers of components without rows.

    Returns
    -------
    KMeans
        Fitted, with at most 10 iterations, as in [1]_.

    References
    ----------
    .. [1] A. Varamesh, T. Tuytelaars (2020). MIX'EM: Unsupervised image classification using a
       mixture of embeddings. ACCV.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.deep.components import kmeans_from_components
    >>> rows = np.array([[0.0, 1.0], [0.0, 1.1], [1.0, 0.0], [1.1, 0.0]])
    >>> kmeans_from_components(rows, np.array([0, 0, 1, 0]), 2).labels_
    array([0, 0, 1, 1], dtype=int32)
    """
    sizes = np.bincount(components, minlength=n_clusters)
    largest = np.sort(np.argsort(-sizes, kind="stable")[:n_clusters])
    rng = np.random.default_rng(random_state)
    lowest, highest = rows.min(axis=0), rows.max(axis=0)
    centers = [
        rows[components == component].mean(axis=0)
        if sizes[component]
        else rng.uniform(lowest, highest)
        for component in largest
    ]
    initial = np.asarray(centers, dtype=rows.dtype)
    return KMeans(n_clusters, init=initial, n_init=1, max_iter=10).fit(rows)


def mixture_from_coefficients(
    rows: np.ndarray,
    coefficients: np.ndarray,
    n_clusters: int | Literal["auto"] | None = None,
    random_state: int | None = None,
) -> VMFMixture:
    """Fit a VMFMixture that starts from coefficients as responsibilities.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
    coefficients : ndarray of shape (n_samples, n_components)
        Each row sums to 1.
    n_clusters : int, "auto" or None, default=None
        None: one cluster for each component. A smaller number: components are merged down to it.
        "auto": components are merged, and the number of clusters is estimated.
    random_state : int, default=None
        Seed of the random choices of the fit.

    Returns
    -------
    VMFMixture
        Fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.deep.components import mixture_from_coefficients
    >>> rows = np.array([[0.1, 1.0], [-0.1, 1.0], [1.0, 0.1], [1.0, -0.1]])
    >>> mixture_from_coefficients(rows, np.eye(2)[[0, 0, 1, 1]]).labels_
    array([0, 0, 1, 1], dtype=int32)
    """
    means = normalize(coefficients.T.astype(float) @ normalize(rows))
    means = means[np.linalg.norm(means, axis=1) > 0]
    if n_clusters is None or n_clusters == len(means):
        model = VMFMixture(len(means), means_init=means, merge=None, random_state=random_state)
    else:
        model = VMFMixture(
            n_clusters, n_components_init=len(means), means_init=means, random_state=random_state
        )
    return model.fit(rows)
