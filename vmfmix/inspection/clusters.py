"""What is in the clusters: their sizes, typical rows, neighbors, and rows far out."""

import itertools

import numpy as np
import scipy.sparse as sp
from scipy.optimize import brentq
from scipy.special import gammaincc, gammaincinv
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted

from vmfmix.inspection.tables import table

_ROWS_PER_BLOCK = 16384  # so that memory is not n_samples × n_components
_LOW = 0.1  # quantile of distances which, with the median, tells their law


def describe(model, X):
    """A table of the clusters.

    Parameters
    ----------
    model : VMFMixture
        Fitted.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Rows to describe the clusters by, usually those of the fit.

    Returns
    -------
    DataFrame, or dict of ndarray
        For each cluster ``cluster``, ``size`` (rows), ``weight`` and ``concentration`` of the
        component, ``radius`` (mean angle between rows and mean direction, in degrees),
        ``nearest_cluster`` and ``nearest_cosine`` (the other mean direction that is nearest; -1 and
        NaN where there is none), and ``silhouette`` (mean over its rows of (b − a) / max(a, b) with
        a and b the distances 1 − cosine to the own mean direction and the nearest other one; the
        simplified silhouette of [1]_). NaN for clusters without rows.

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
    n_clusters = model.n_components_
    with np.errstate(invalid="ignore"):
        sizes = np.bincount(labels[labels >= 0], minlength=n_clusters)

        def mean_of(values):
            known = labels >= 0
            return np.bincount(labels[known], values[known], n_clusters) / sizes

        radius = mean_of(np.degrees(np.arccos(np.clip(own, -1.0, 1.0))))
        silhouette = mean_of(silhouettes)
    nearest, cosines = nearest_means(model, 1)
    return table(
        cluster=np.arange(n_clusters),
        size=sizes,
        weight=model.weights_,
        concentration=model.concentrations_,
        radius=radius,
        nearest_cluster=nearest[:, 0] if n_clusters > 1 else np.full(n_clusters, -1),
        nearest_cosine=cosines[:, 0] if n_clusters > 1 else np.full(n_clusters, np.nan),
        silhouette=silhouette,
    )


def exemplars(model, X, n_exemplars=5):
    """Rows that are nearest to the mean direction of their cluster.

    Parameters
    ----------
    model : VMFMixture
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    n_exemplars : int, default=5

    Returns
    -------
    ndarray of shape (n_components, n_exemplars), int
        Numbers of rows of `X`, nearest first; -1 where a cluster has fewer.

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


def nearest_rows(labels, cosines, n_clusters, number):
    """The rows of each cluster with the largest cosines, nearest first.

    Parameters
    ----------
    labels, cosines : ndarray of shape (n_samples,)
    n_clusters, number : int

    Returns
    -------
    ndarray of shape (n_clusters, number), int
        -1 where a cluster has fewer rows.
    """
    chosen = np.full((n_clusters, number), -1)
    known = np.flatnonzero(labels >= 0)
    order = known[np.lexsort((-cosines[known], labels[known]))]
    starts = np.searchsorted(labels[order], np.arange(n_clusters + 1))
    for cluster, (start, end) in enumerate(itertools.pairwise(starts)):
        nearest = order[start : min(end, start + number)]
        chosen[cluster, : len(nearest)] = nearest
    return chosen


def principal_plane(X):
    """Unit rows in the plane of their first two principal components.

    Parameters
    ----------
    X : {array-like, CSR matrix} of shape (n_samples, n_features)

    Returns
    -------
    ndarray of shape (n_samples, 2)
    """
    rows = normalize(X)
    n_components = min(2, *rows.shape)
    # One row, or rows that are all the same, have shares of no variance, which nobody asks for.
    with np.errstate(divide="ignore", invalid="ignore"):
        plane = PCA(n_components, random_state=0).fit_transform(rows)
    return np.pad(plane, ((0, 0), (0, 2 - n_components)))


def neighbors(model, n_neighbors=5):
    """The clusters that are nearest to each cluster.

    Parameters
    ----------
    model : VMFMixture
    n_neighbors : int, default=5

    Returns
    -------
    DataFrame, or dict of ndarray
        ``cluster``, ``neighbor`` and the ``cosine`` of their mean directions, nearest first.
    """
    check_is_fitted(model)
    nearest, cosines = nearest_means(model, n_neighbors)
    cluster = np.repeat(np.arange(model.n_components_), nearest.shape[1])
    return table(cluster=cluster, neighbor=nearest.ravel(), cosine=cosines.ravel())


def merge_tree(model):
    """What merged with what on the way to one cluster, or to the number that was asked for.

    Parameters
    ----------
    model : VMFMixture
        Fitted with merging.

    Returns
    -------
    DataFrame, or dict of ndarray
        A row for each merge: ``n_components`` (that were left after it), ``one`` and ``other`` (the
        nodes that merged, numbered as in `vmfmix.merging.history.MergeHistory`), ``union`` (the
        node they became), ``cost``.

    Raises
    ------
    ValueError
        If nothing was merged.
    """
    check_is_fitted(model)
    if not hasattr(model, "merge_history_"):
        raise ValueError(
            'Nothing was merged in this fit, so there is no tree; fit with n_components="auto".'
        )
    history = model.merge_history_
    order = np.arange(len(history.costs))
    return table(
        n_components=history.n_components_init - 1 - order,
        one=history.children[:, 0],
        other=history.children[:, 1],
        union=history.n_components_init + order,
        cost=history.costs,
    )


def outliers(model, X, share=0.01):
    """Rows that are farther from the mean of their cluster than its other rows lead to expect.

    Within a von Mises-Fisher cluster of p + 1 dimensions, 1 − cosine to the mean direction has
    nearly a gamma law of shape p/2. Here its scale is that of the median of each cluster, and its
    shape, one for all, that of the ratio of the lowest decile to the median, so that outliers say
    nothing of either. About this `share` of the rows of clusters without outliers is found too.

    Parameters
    ----------
    model : VMFMixture
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    share : float, default=0.01
        Rows with a smaller p-value are outliers.

    Returns
    -------
    DataFrame, or dict of ndarray
        ``row`` (number in `X`), ``cluster``, ``cosine`` with its mean direction and ``p_value`` of
        the outliers, most extreme first. Rows of the background belong to no cluster and are not
        among them.

    Examples
    --------
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> from vmfmix.inspection import outliers
    >>> X, _ = make_vmf_mixture(500, n_features=16, concentration=60.0, random_state=0)
    >>> X[0] = -X[0]
    >>> int(outliers(VMFMixture(random_state=0).fit(X), X)["row"][0])
    0
    """
    check_is_fitted(model)
    if not 0.0 < share < 1.0:
        raise ValueError(f"share={share} is not allowed; pass a number between 0 and 1.")
    labels = model.predict(X)
    cosines, _ = cosines_of_rows(model, X, labels)
    relative = np.ones(len(labels))  # distance in medians of the cluster
    for cluster in np.unique(labels[labels >= 0]):
        own = labels == cluster
        away = np.maximum(1.0 - cosines[own], 0.0)
        relative[own] = away / max(np.median(away), np.finfo(np.float32).tiny)
    ratio = np.quantile(relative[labels >= 0], _LOW) if (labels >= 0).any() else 0.5
    shape = _shape_of_gamma(ratio)
    p = gammaincc(shape, relative * gammaincinv(shape, 0.5))
    found = np.flatnonzero((p < share) & (labels >= 0))
    found = found[np.argsort(-relative[found], kind="stable")]
    return table(row=found, cluster=labels[found], cosine=cosines[found], p_value=p[found])


def _shape_of_gamma(ratio):
    """Shape of the gamma law whose lowest decile is this share of its median."""

    def excess(log_shape):
        shape = np.exp(log_shape)
        return gammaincinv(shape, _LOW) / gammaincinv(shape, 0.5) - ratio

    least, most = np.log(0.05), np.log(1e5)
    if excess(most) < 0.0 or excess(least) > 0.0:
        return float(np.exp(most if excess(most) < 0.0 else least))
    return float(np.exp(brentq(excess, least, most)))


def cosines_of_rows(model, X, labels):
    """Cosines of rows with the mean direction of their cluster, and with the nearest other.

    Parameters
    ----------
    model : VMFMixture
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    labels : ndarray of shape (n_samples,)
        What the model predicts for `X`.

    Returns
    -------
    own, other : ndarray of shape (n_samples,)
        NaN for rows of the background; -1 where there is no other cluster.
    """
    own, other = np.full((2, len(labels)), np.nan)
    for start in range(0, len(labels), _ROWS_PER_BLOCK):
        block = slice(start, start + _ROWS_PER_BLOCK)
        cosines = np.asarray(model.transform(X[block]), dtype=np.float64)
        known = np.flatnonzero(labels[block] >= 0)
        mine = labels[block][known]
        own[block][known] = cosines[known, mine]
        cosines[known, mine] = -1.0
        other[block][known] = cosines[known].max(axis=1) if cosines.shape[1] > 1 else -1.0
    return own, other


def assigned_probabilities(model, X, labels):
    """Posterior probability of the component that each row was given.

    Parameters
    ----------
    model : VMFMixture
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    labels : ndarray of shape (n_samples,)
        What the model predicts for `X`.

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    own = []
    for start in range(0, len(labels), _ROWS_PER_BLOCK):
        block = slice(start, start + _ROWS_PER_BLOCK)
        values = model.predict_proba(X[block])
        own.append(values[np.arange(len(values)), labels[block]])  # the background's are the last
    return np.concatenate(own).astype(np.float64)


def nearest_means(model, number):
    """The other clusters that are nearest to each, and cosines of the mean directions.

    Returns
    -------
    nearest : ndarray of shape (n_components, number), int
        Nearest first; fewer columns where there are not so many others.
    cosines : ndarray of the same shape
    """
    between = model.means_ @ model.means_.T
    between = np.asarray(between.todense() if sp.issparse(between) else between, dtype=np.float64)
    np.fill_diagonal(between, -np.inf)
    number = min(number, len(between) - 1)
    nearest = np.argsort(-between, axis=1, kind="stable")[:, :number]
    return nearest, np.take_along_axis(between, nearest, axis=1)
