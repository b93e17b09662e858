"""What is in the clusters: tables of clusters, typical rows, outliers, and labels that look wrong.

Tables are DataFrames where pandas is installed, and else dicts of arrays of the same columns.
"""

import numpy as np
import scipy.sparse as sp
from scipy.linalg import solve_triangular
from scipy.optimize import brentq
from scipy.special import gammaincc, gammaincinv, softmax
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted

from vmfmix.distribution import concentration

__all__ = [
    "compare",
    "cosines_of_rows",
    "describe",
    "exemplars",
    "label_issues",
    "merge_tree",
    "neighbours",
    "outliers",
]

_ROWS_PER_BLOCK = 16384  # so that memory is not n_samples × n_components
_LOW = 0.1  # quantile of distances which, with the median, tells their law
_SHRINKAGE = 0.1  # of the scatter within classes towards an even one
_MOST_FEATURES = 4096  # up to which a matrix of n_features × n_features is made
_LARGEST_LENGTH = 1.0 - 1e-6  # mean resultant length, so that one row a class has a concentration


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
    nearest, cosines = _nearest_means(model, 1)
    return _table(
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
    chosen = np.full((model.n_components_, n_exemplars), -1)
    for cluster in range(model.n_components_):
        rows = np.flatnonzero(labels == cluster)
        nearest = rows[np.argsort(-own[rows], kind="stable")][:n_exemplars]
        chosen[cluster, : len(nearest)] = nearest
    return chosen


def neighbours(model, n_neighbours=5):
    """The clusters that are nearest to each cluster.

    Parameters
    ----------
    model : VMFMixture
    n_neighbours : int, default=5

    Returns
    -------
    DataFrame, or dict of ndarray
        ``cluster``, ``neighbour`` and the ``cosine`` of their mean directions, nearest first.
    """
    check_is_fitted(model)
    nearest, cosines = _nearest_means(model, n_neighbours)
    cluster = np.repeat(np.arange(model.n_components_), nearest.shape[1])
    return _table(cluster=cluster, neighbour=nearest.ravel(), cosine=cosines.ravel())


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
        nodes that merged, numbered as in `vmfmix.path.MergeHistory`), ``union`` (the node they
        became), ``cost``.

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
    return _table(
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
    return _table(row=found, cluster=labels[found], cosine=cosines[found], p_value=p[found])


def _shape_of_gamma(ratio):
    """Shape of the gamma law whose lowest decile is this share of its median."""

    def excess(log_shape):
        shape = np.exp(log_shape)
        return gammaincinv(shape, _LOW) / gammaincinv(shape, 0.5) - ratio

    least, most = np.log(0.05), np.log(1e5)
    if excess(most) < 0.0 or excess(least) > 0.0:
        return float(np.exp(most if excess(most) < 0.0 else least))
    return float(np.exp(brentq(excess, least, most)))


def compare(model, X, y):
    """Clusters against known labels.

    Parameters
    ----------
    model : VMFMixture
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)

    Returns
    -------
    DataFrame, or dict of ndarray
        For each cluster ``cluster``, ``size``, ``label`` (the one that most of its rows have),
        ``purity`` (the share of its rows that have it), ``coverage`` (the share of the rows with
        that label that are here), and ``effective_labels`` (how many equally frequent labels would
        be as mixed: exp of the entropy). The background, if there is one, is cluster -1.

    See Also
    --------
    vmfmix.metrics.clustering_report : Scores of the whole.
    """
    check_is_fitted(model)
    names, given = _labels(X, y)
    clusters, places = np.unique(model.predict(X), return_inverse=True)
    counts = np.zeros((len(clusters), len(names)))
    np.add.at(counts, (places, given), 1)
    sizes, largest = counts.sum(axis=1), counts.argmax(axis=1)
    most = counts[np.arange(len(clusters)), largest]
    shares = counts / sizes[:, None]
    entropy = -np.sum(shares * np.log(np.where(shares > 0, shares, 1.0)), axis=1)
    return _table(
        cluster=clusters,
        size=sizes.astype(np.int64),
        label=names[largest],
        purity=most / sizes,
        coverage=most / counts.sum(axis=0)[largest],
        effective_labels=np.exp(entropy),
    )


def label_issues(model, X, y):
    """How well the given label of each row fits the row, for labels that may be wrong.

    Rows are turned and stretched so that the scatter within classes is even, each class has the
    mean of its rows without the row that is judged, and a row belongs to a class in proportion to
    its size and exp(−½ squared distance): Fisher's discriminant [1]_, leaving one out in closed
    form. Rows with very many features, and sparse ones, stay as they are, and a von Mises-Fisher
    law with one concentration stands for each class.

    Parameters
    ----------
    model : VMFMixture
        Fitted; whose clusters are named, and how pure they are. The probabilities do not depend on
        them: clusters alone know less of labels.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Labels, at least two different ones, none missing.

    Returns
    -------
    DataFrame, or dict of ndarray
        In the order of the rows ``given_label`` and ``given_label_probability``,
        ``suggested_label`` (the most probable one) and ``suggested_label_probability``,
        ``cluster``, ``rank`` (0 is the most suspicious row: the least probable given label) and
        ``cluster_purity`` (share of the cluster's rows with its most frequent label). The only row
        of a class has NaN for its probability and ranks last: nothing speaks for or against it.

    Raises
    ------
    ValueError
        For fewer than two labels, missing ones, or another number of them than rows.

    References
    ----------
    .. [1] R. A. Fisher (1936). The use of multiple measurements in taxonomic problems. Annals of
       Eugenics 7 (2), 179-188.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import load_snips
    >>> from vmfmix.inspection import label_issues
    >>> snips = load_snips()
    >>> y = snips.target.copy()
    >>> y[100] = (y[100] + 1) % 7
    >>> model = VMFMixture(7, random_state=0).fit(snips.data)
    >>> issues = label_issues(model, snips.data, y)
    >>> bool(issues["suggested_label"][100] == snips.target[100])
    True
    """
    check_is_fitted(model)
    names, given = _labels(X, y)
    if len(names) < 2:
        raise ValueError(f"All rows have the label {names[0]!r}; at least two are needed.")
    probabilities = _class_probabilities(X, given, len(names))
    every = np.arange(len(given))
    own, best = probabilities[every, given], probabilities.argmax(axis=1)
    alone = np.bincount(given)[given] == 1
    rank = np.empty(len(own), dtype=np.int64)
    rank[np.argsort(np.where(alone, np.inf, own), kind="stable")] = every
    clusters, places = np.unique(model.predict(X), return_inverse=True)
    counts = np.zeros((len(clusters), len(names)))
    np.add.at(counts, (places, given), 1)
    return _table(
        given_label=names[given],
        given_label_probability=np.where(alone, np.nan, own),
        suggested_label=names[best],
        suggested_label_probability=probabilities[every, best],
        cluster=clusters[places],
        rank=rank,
        cluster_purity=(counts.max(axis=1) / counts.sum(axis=1))[places],
    )


def _class_probabilities(X, given, n_classes):
    """Probability of each class for each row, whose own label does not count."""
    rows = normalize(check_array(X, accept_sparse="csr", dtype=(np.float64, np.float32)))
    sizes = np.bincount(given, minlength=n_classes).astype(np.float64)
    members = sp.csr_array((np.ones(len(given)), (given, np.arange(len(given)))))
    if sp.issparse(rows) or rows.shape[1] > _MOST_FEATURES:
        fit = _fits_of_directions(rows, members, sizes, given)
    else:
        fit = _fits_of_even_scatter(rows.astype(np.float32), members, sizes, given)
    every = np.arange(len(given))
    with np.errstate(divide="ignore"):
        logs = np.log(np.broadcast_to(sizes, fit.shape)).copy()
        logs[every, given] = np.log(sizes[given] - 1.0)
    return softmax(fit + logs, axis=1)


def _fits_of_even_scatter(rows, members, sizes, given):
    """−½ squared distances of rows to class means where the scatter within classes is even."""
    means = (members @ rows) / sizes[:, None]
    residuals = rows - means.astype(np.float32)[given]
    scatter = (residuals.T @ residuals).astype(np.float64) / len(rows)
    even = np.trace(scatter) / len(scatter)
    scatter *= 1.0 - _SHRINKAGE
    scatter[np.diag_indices_from(scatter)] += _SHRINKAGE * even + np.finfo(np.float32).tiny
    half = np.linalg.cholesky(scatter)
    # L⁻¹ once and a product: as fast as the product of the scatter.
    inverse = solve_triangular(half, np.eye(len(half)), lower=True).T.astype(np.float32)
    turned, centres = rows @ inverse, means.astype(np.float32) @ inverse
    lengths = np.einsum("ij,ij->i", turned, turned)[:, None]
    squares = lengths - 2.0 * (turned @ centres.T) + np.einsum("ij,ij->i", centres, centres)
    squares = np.maximum(squares, 0.0).astype(np.float64)
    # Without the row, x − m becomes n / (n − 1) times as long.
    every = np.arange(len(given))
    squares[every, given] *= (sizes / np.maximum(sizes - 1.0, 1.0))[given] ** 2
    return -0.5 * squares


def _fits_of_directions(rows, members, sizes, given):
    """κ times the cosine of rows and class directions, without the row itself."""
    sums = members @ rows
    norm = sp.linalg.norm if sp.issparse(sums) else np.linalg.norm
    lengths = norm(sums, axis=1)
    products = rows @ sums.T
    products = np.asarray(products.todense() if sp.issparse(products) else products, np.float64)
    kappa = concentration(min(lengths.sum() / sizes.sum(), _LARGEST_LENGTH), rows.shape[1])
    every = np.arange(len(given))
    own = products[every, given]
    without = np.sqrt(np.maximum(lengths[given] ** 2 - 2.0 * own + 1.0, 1e-12))
    cosines = products / np.maximum(lengths, 1e-12)
    cosines[every, given] = (own - 1.0) / without
    return kappa * cosines


def _labels(X, y):
    """Names of the labels, and the number of that of each row."""
    y = np.asarray(y)
    if y.ndim != 1:
        raise ValueError(f"y has the shape {y.shape}; pass one label for each row.")
    check_consistent_length(X, y)
    missing = [value is None or value != value for value in y.tolist()]
    if any(missing):
        raise ValueError(f"Row {missing.index(True)} has no label; leave such rows out.")
    return np.unique(y, return_inverse=True)


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


def _nearest_means(model, number):
    """The other clusters that are nearest to each, and cosines of the mean directions."""
    between = model.means_ @ model.means_.T
    between = np.asarray(between.todense() if sp.issparse(between) else between, dtype=np.float64)
    np.fill_diagonal(between, -np.inf)
    number = min(number, len(between) - 1)
    nearest = np.argsort(-between, axis=1, kind="stable")[:, :number]
    return nearest, np.take_along_axis(between, nearest, axis=1)


def _table(**columns):
    """A DataFrame, or the columns themselves where there is no pandas."""
    try:
        from pandas import DataFrame
    except ImportError:
        return columns
    return DataFrame(columns)
