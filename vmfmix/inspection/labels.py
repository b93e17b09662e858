"""Clusters and labels that are known: how they agree, and which labels look wrong."""

import numpy as np
import scipy.sparse as sp
from scipy.linalg import solve_triangular
from scipy.linalg.blas import strmm
from scipy.special import softmax
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted

from vmfmix.distribution import concentration
from vmfmix.inspection.tables import is_missing, table

_SHRINKAGE = 0.1  # of the scatter within classes towards an even one
_MOST_FEATURES = 4096  # up to which a matrix of n_features × n_features is made
_LARGEST_LENGTH = 1.0 - 1e-6  # mean resultant length, so that one row a class has a concentration


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
    names, given = labels_of_rows(X, y)
    clusters, places = np.unique(model.predict(X), return_inverse=True)
    counts = np.zeros((len(clusters), len(names)))
    np.add.at(counts, (places, given), 1)
    sizes, largest = counts.sum(axis=1), counts.argmax(axis=1)
    most = counts[np.arange(len(clusters)), largest]
    shares = counts / sizes[:, None]
    entropy = -np.sum(shares * np.log(np.where(shares > 0, shares, 1.0)), axis=1)
    return table(
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
    names, given = labels_of_rows(X, y)
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
    return table(
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
    # L⁻¹ once, and products that know that half of it is zero.
    inverse = np.asfortranarray(solve_triangular(half, np.eye(len(half)), lower=True), np.float32)
    turned, centers = (
        strmm(1.0, inverse, part.T, lower=1).T for part in (rows, means.astype(np.float32))
    )
    lengths = np.einsum("ij,ij->i", turned, turned)[:, None]
    squares = lengths - 2.0 * (turned @ centers.T) + np.einsum("ij,ij->i", centers, centers)
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


def labels_of_rows(X, y):
    """Known labels, none of which may be missing.

    Parameters
    ----------
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)

    Returns
    -------
    names : ndarray of shape (n_labels,)
    given : ndarray of shape (n_samples,), int
        The number of that of each row.
    """
    y = np.asarray(y)
    if y.ndim != 1:
        raise ValueError(f"y has the shape {y.shape}; pass one label for each row.")
    check_consistent_length(X, y)
    missing = [is_missing(value) for value in y.tolist()]
    if any(missing):
        raise ValueError(f"Row {missing.index(True)} has no label; leave such rows out.")
    return np.unique(y, return_inverse=True)
