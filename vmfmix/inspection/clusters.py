"""Tables of the clusters, their typical rows and nearest clusters, and cosines of their rows."""

import itertools

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from vmfmix.inspection.cluster_names import given_names, given_noise, given_notes
from vmfmix.inspection.fitted_model import FittedMixture, RowsLike
from vmfmix.inspection.rows import as_rows, blocks_of, take_rows, unit_rows
from vmfmix.inspection.tables import Table, as_table

_NUMBERS_OF_PLANE, _MIN_ROWS_OF_PLANE = 2**23, 5000  # from which a plane is estimated


def describe(model: FittedMixture, X: RowsLike) -> Table:
    """Return a table of the clusters.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Rows to describe the clusters by, usually those of the fit.

    Returns
    -------
    DataFrame, or dict of ndarray
        One row per cluster, with these columns. Means over rows are NaN for clusters without rows.

        cluster : int
            Number of the cluster.
        name : str
            Its name, "" if it has none; only if clusters have names (see `VMFMixture.rename`).
        note : str
            The note on it; only if clusters have notes (see `VMFMixture.annotate`).
        noise : bool
            Whether it is noise, which has no rows; only if a cluster is (see
            `VMFMixture.mark_noise`).
        size : int
            Number of its rows.
        weight, concentration : float
            Parameters of the component.
        radius : float
            Mean angle between its rows and its mean direction, in degrees.
        nearest_cluster : int
            The cluster with the nearest mean direction, -1 if there is no other cluster.
        nearest_cosine : float
            Cosine of the two mean directions, NaN if there is no other cluster.
        silhouette : float
            Mean over its rows of (b − a) / max(a, b), where a and b are the distances 1 − cosine
            to the mean directions of its own and of the nearest other cluster: the simplified
            silhouette of [1]_.

    References
    ----------
    .. [1] E. R. Hruschka, R. J. G. B. Campello, L. N. de Castro (2006). Evolving clusters in
       gene-expression data. Information Sciences 176 (13), 1898-1927.

    Examples
    --------
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> from vmfmix.inspection import describe
    >>> X, _ = make_vmf_mixture(300, n_features=8, n_components=3, random_state=0)
    >>> table = describe(VMFMixture(3, random_state=0).fit(X), X)
    >>> int(table["size"].sum())
    300
    """
    check_is_fitted(model)
    labels = model.predict(X)
    own, other = cosines_of_rows(model, X, labels)
    silhouettes = np.nan_to_num((own - other) / np.maximum(1.0 - own, 1.0 - other))
    angles = np.degrees(np.arccos(np.clip(own, -1.0, 1.0)))
    n_clusters = model.n_components_
    in_clusters = labels >= 0
    members = labels[in_clusters]
    sizes = np.bincount(members, minlength=n_clusters)
    with np.errstate(invalid="ignore"):  # 0 / 0 for clusters without rows
        radius = np.bincount(members, angles[in_clusters], n_clusters) / sizes
        silhouette = np.bincount(members, silhouettes[in_clusters], n_clusters) / sizes
    nearest, cosines = nearest_means(model, 1)
    return as_table(
        cluster=np.arange(n_clusters),
        **_annotations(model),
        size=sizes,
        weight=model.weights_,
        concentration=model.concentrations_,
        radius=radius,
        nearest_cluster=nearest[:, 0] if n_clusters > 1 else np.full(n_clusters, -1),
        nearest_cosine=cosines[:, 0] if n_clusters > 1 else np.full(n_clusters, np.nan),
        silhouette=silhouette,
    )


def _annotations(model: FittedMixture) -> dict[str, np.ndarray]:
    """Return the columns of names, notes and noise, if clusters have them."""
    found = {
        "name": (given_names(model), object),
        "note": (given_notes(model), object),
        "noise": (given_noise(model), bool),
    }
    return {
        column: np.array(values, dtype=dtype)
        for column, (values, dtype) in found.items()
        if values is not None
    }


def exemplars(model: FittedMixture, X: RowsLike, n_exemplars: int = 5) -> NDArray[np.int64]:
    """Return the rows that are nearest to the mean direction of their cluster.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Rows to choose from.
    n_exemplars : int, default=5
        Number of rows per cluster.

    Returns
    -------
    ndarray of shape (n_components, n_exemplars), int
        Indices of rows of `X`, nearest first; -1 where a cluster has fewer rows.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import load_snips
    >>> from vmfmix.inspection import exemplars
    >>> snips = load_snips()
    >>> rows = exemplars(VMFMixture(7, random_state=0).fit(snips.data), snips.data, 2)
    >>> texts = np.asarray(snips.texts)[rows]
    >>> texts.shape
    (7, 2)
    """
    check_is_fitted(model)
    labels = model.predict(X)
    own, _ = cosines_of_rows(model, X, labels)
    return nearest_rows(labels, own, model.n_components_, n_exemplars)


def nearest_rows(
    labels: np.ndarray, cosines: np.ndarray, n_clusters: int, n_rows: int
) -> NDArray[np.int64]:
    """Return the rows of each cluster with the largest cosines, nearest first.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,), int
        Cluster of each row; rows of the background, -1, are left out.
    cosines : ndarray of shape (n_samples,)
        Cosine of each row with the mean direction of its cluster.
    n_clusters : int
        Number of clusters.
    n_rows : int
        Number of rows per cluster.

    Returns
    -------
    ndarray of shape (n_clusters, n_rows), int
        Indices of rows; -1 where a cluster has fewer rows.
    """
    chosen = np.full((n_clusters, n_rows), -1)
    in_clusters = np.flatnonzero(labels >= 0)
    order = in_clusters[np.lexsort((-cosines[in_clusters], labels[in_clusters]))]
    starts = np.searchsorted(labels[order], np.arange(n_clusters + 1))
    for cluster, (start, end) in enumerate(itertools.pairwise(starts)):
        nearest = order[start : min(end, start + n_rows)]
        chosen[cluster, : len(nearest)] = nearest
    return chosen


def principal_plane(X: RowsLike) -> np.ndarray:
    """Project unit rows onto the plane of their first two principal components.

    The components of more than 2**23 numbers, or 5000 rows if that is more, are estimated from as
    many rows, chosen at random but always the same.

    Parameters
    ----------
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Rows, scaled to unit length before the projection.

    Returns
    -------
    ndarray of shape (n_samples, 2)
        Coordinates in the plane; zeros where a component does not exist, as for a single row.
    """
    X = as_rows(X)
    n_samples, n_features = X.shape
    n_fitted = max(_NUMBERS_OF_PLANE // n_features, _MIN_ROWS_OF_PLANE)
    if n_samples <= n_fitted or sp.issparse(X):
        rows = unit_rows(X)
    else:
        # Random, since evenly spaced rows may share their place in an order that repeats.
        chosen = np.random.RandomState(0).choice(n_samples, n_fitted, replace=False)
        rows = unit_rows(take_rows(X, np.sort(chosen)))
    pca = PCA(min(2, *rows.shape), random_state=0)
    # Equal rows have no variance, so their explained variance ratios, not used here, are 0 / 0.
    with np.errstate(divide="ignore", invalid="ignore"):
        pca.fit(rows)
    plane = np.zeros((n_samples, 2))
    for block in blocks_of(X):
        plane[block, : pca.n_components_] = pca.transform(unit_rows(take_rows(X, block)))
    return plane


def neighbors(model: FittedMixture, n_neighbors: int = 5) -> Table:
    """Return a table of the clusters that are nearest to each cluster.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.
    n_neighbors : int, default=5
        Maximum number of other clusters per cluster.

    Returns
    -------
    DataFrame, or dict of ndarray
        Columns ``cluster``, ``neighbor`` and ``cosine`` (of their mean directions), nearest
        neighbor first.
    """
    check_is_fitted(model)
    nearest, cosines = nearest_means(model, n_neighbors)
    clusters = np.repeat(np.arange(model.n_components_), nearest.shape[1])
    return as_table(cluster=clusters, neighbor=nearest.ravel(), cosine=cosines.ravel())


def merge_tree(model: FittedMixture) -> Table:
    """Return a table of the merges of a fit.

    Parameters
    ----------
    model : VMFMixture
        Model fitted with merging: down to one cluster if the number of clusters was estimated,
        otherwise down to `n_components`.

    Returns
    -------
    DataFrame, or dict of ndarray
        One row per merge, with columns ``n_components`` (number of components after the merge),
        ``one`` and ``other`` (the merged nodes, numbered as in
        `vmfmix.merging.history.MergeHistory`), ``union`` (the node they became) and ``cost``.

    Raises
    ------
    ValueError
        If nothing was merged.
    """
    check_is_fitted(model)
    if not hasattr(model, "merge_history_"):
        raise ValueError(
            "Nothing was merged in this fit, or it was saved with history=False, so there is no "
            'tree; fit with n_components="auto".'
        )
    history = model.merge_history_
    merges = np.arange(len(history.costs))
    return as_table(
        n_components=history.n_components_init - 1 - merges,
        one=history.children[:, 0],
        other=history.children[:, 1],
        union=history.n_components_init + merges,
        cost=history.costs,
    )


def cosines_of_rows(
    model: FittedMixture, X: RowsLike, labels: np.ndarray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return cosines of rows with the mean directions of their own and the nearest other cluster.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Rows to compare.
    labels : ndarray of shape (n_samples,), int
        Clusters that the model predicts for `X`.

    Returns
    -------
    own : ndarray of shape (n_samples,)
        Cosine with the mean direction of the own cluster; NaN for rows of the background.
    other : ndarray of shape (n_samples,)
        Cosine with the nearest mean direction of another cluster; NaN for rows of the background,
        and -1 where there is no other cluster.
    """
    own, other = np.full((2, len(labels)), np.nan)
    X = as_rows(X)
    for block in blocks_of(X, model.n_components_):
        cosines = np.asarray(model.transform(take_rows(X, block)), dtype=np.float64)
        in_clusters = np.flatnonzero(labels[block] >= 0)
        members = labels[block][in_clusters]
        own[block][in_clusters] = cosines[in_clusters, members]
        cosines[in_clusters, members] = -1.0
        largest = cosines[in_clusters].max(axis=1) if cosines.shape[1] > 1 else -1.0
        other[block][in_clusters] = largest
    return own, other


def assigned_probabilities(
    model: FittedMixture, X: RowsLike, labels: np.ndarray
) -> NDArray[np.float64]:
    """Return the posterior probability of the component that each row is assigned to.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Rows that were assigned.
    labels : ndarray of shape (n_samples,), int
        Clusters that the model predicts for `X`.

    Returns
    -------
    ndarray of shape (n_samples,)
        Probabilities between 0 and 1.
    """
    X, found = as_rows(X), np.empty(len(labels))
    for block in blocks_of(X, model.n_components_):
        probabilities = model.predict_proba(take_rows(X, block))
        found[block] = probabilities[np.arange(len(probabilities)), labels[block]]
        outside = labels[block] < 0
        if outside.any():  # columns of the background, which is the last, and of noise
            columns = [*range(model.n_components_, probabilities.shape[1]), *_noise(model)]
            found[block][outside] = probabilities[np.ix_(outside, columns)].max(axis=1)
    return found


def _noise(model: FittedMixture) -> NDArray[np.intp]:
    """Return the numbers of the clusters that are noise."""
    noise = given_noise(model)
    return np.flatnonzero([] if noise is None else noise)


def nearest_means(
    model: FittedMixture, n_neighbors: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the clusters whose mean directions are nearest to that of each cluster.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.
    n_neighbors : int
        Number of other clusters per cluster.

    Returns
    -------
    nearest : ndarray of shape (n_components, n_neighbors), int
        Nearest first; fewer columns if there are fewer other clusters.
    cosines : ndarray of the same shape
        Cosines of the mean directions.
    """
    products = model.means_ @ model.means_.T
    if sp.issparse(products):
        products = products.todense()
    cosines = np.asarray(products, dtype=np.float64)
    np.fill_diagonal(cosines, -np.inf)
    n_neighbors = min(n_neighbors, len(cosines) - 1)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :n_neighbors]
    return nearest, np.take_along_axis(cosines, nearest, axis=1)
