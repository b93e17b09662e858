"""Comparison of clusters with known labels, and possible label errors."""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.linalg.blas import strmm
from scipy.special import softmax
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted

from vmfmix.inspection.fitted_model import FittedMixture, RowsLike
from vmfmix.inspection.missing_values import is_missing
from vmfmix.inspection.tables import Table, as_table
from vmfmix.model.statistics import pooled_concentration

_SHRINKAGE = 0.1  # weight of the isotropic part of the scatter within classes
_MAX_SCATTER_FEATURES = 4096  # above, no matrix of n_features × n_features is made
_LARGEST_LENGTH = 1.0 - 1e-6  # mean resultant length, so that concentrations are finite
_SMALLEST = 1e-12  # length, or squared length, of a sum of rows, so that nothing is divided by 0


def compare(model: FittedMixture, X: RowsLike, y: npt.ArrayLike) -> Table:
    """Return a table that compares the clusters with known labels.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Rows to assign to clusters.
    y : array-like of shape (n_samples,)
        Known labels, none missing.

    Returns
    -------
    DataFrame, or dict of ndarray
        One row per cluster that has rows, with these columns. The background, if there is one, is
        cluster -1.

        cluster : int
            Number of the cluster.
        size : int
            Number of its rows.
        label
            Most frequent label of its rows.
        purity : float
            Share of its rows that have this label.
        coverage : float
            Share of all rows with this label that are in the cluster.
        effective_labels : float
            Number of equally frequent labels that would be as mixed: exp of the entropy.

    Raises
    ------
    ValueError
        If a label is missing, or there are not as many labels as rows.

    See Also
    --------
    vmfmix.metrics.clustering_report : Scores of the clustering as a whole.
    """
    check_is_fitted(model)
    names, codes = encode_labels(X, y)
    clusters, positions = np.unique(model.predict(X), return_inverse=True)
    counts = _contingency_table(positions, codes, len(clusters), len(names))
    sizes, most_frequent = counts.sum(axis=1), counts.argmax(axis=1)
    largest = counts[np.arange(len(clusters)), most_frequent]
    shares = counts / sizes[:, None]
    entropy = -np.sum(shares * np.log(np.where(shares > 0, shares, 1.0)), axis=1)
    return as_table(
        cluster=clusters,
        size=sizes.astype(np.int64),
        label=names[most_frequent],
        purity=largest / sizes,
        coverage=largest / counts.sum(axis=0)[most_frequent],
        effective_labels=np.exp(entropy),
    )


def label_issues(model: FittedMixture, X: RowsLike, y: npt.ArrayLike) -> Table:
    """Return a table of how well the given label of each row fits the row.

    Rows are transformed so that the scatter within classes is isotropic. The probability that a row
    belongs to a class is proportional to the size of the class and to exp(−½ squared distance to
    its mean), where size and mean exclude the row itself: Fisher's discriminant [1]_, with
    leave-one-out in closed form. Sparse rows, and rows with more than 4096 features, are not
    transformed; each class is then a von Mises-Fisher component, with one shared concentration.

    Parameters
    ----------
    model : VMFMixture
        Fitted model. It gives ``cluster`` and ``cluster_purity`` only: the probabilities do not
        depend on it, because clusters alone carry less information about labels.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Rows to examine.
    y : array-like of shape (n_samples,)
        Given labels, at least two different ones, none missing.

    Returns
    -------
    DataFrame, or dict of ndarray
        One row per row of `X`, in their order, with these columns.

        given_label, given_label_probability
            The label in `y`, and its probability. The only row of a class has probability NaN and
            ranks last: there is no evidence for or against its label.
        suggested_label, suggested_label_probability
            The most probable label, and its probability.
        cluster : int
            Cluster of the row.
        rank : int
            0 for the most suspicious row, the one whose given label is the least probable.
        cluster_purity : float
            Share of the rows of the cluster with its most frequent label.

    Raises
    ------
    ValueError
        If there are fewer than two different labels, a label is missing, or there are not as many
        labels as rows.

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
    names, codes = encode_labels(X, y)
    if len(names) < 2:
        raise ValueError(
            f"All rows have the label {names[0]!r}; pass labels with at least two different values."
        )
    probabilities = _class_probabilities(X, codes, len(names))
    every_row = np.arange(len(codes))
    of_given, most_probable = probabilities[every_row, codes], probabilities.argmax(axis=1)
    is_only_row = np.bincount(codes)[codes] == 1
    rank = np.empty(len(codes), dtype=np.int64)
    rank[np.argsort(np.where(is_only_row, np.inf, of_given), kind="stable")] = every_row
    clusters, positions = np.unique(model.predict(X), return_inverse=True)
    counts = _contingency_table(positions, codes, len(clusters), len(names))
    return as_table(
        given_label=names[codes],
        given_label_probability=np.where(is_only_row, np.nan, of_given),
        suggested_label=names[most_probable],
        suggested_label_probability=probabilities[every_row, most_probable],
        cluster=clusters[positions],
        rank=rank,
        cluster_purity=(counts.max(axis=1) / counts.sum(axis=1))[positions],
    )


def _contingency_table(
    rows: np.ndarray, columns: np.ndarray, n_rows: int, n_columns: int
) -> NDArray[np.float64]:
    """Return how often each pair of row and column codes occurs, shape (n_rows, n_columns)."""
    counts = np.zeros((n_rows, n_columns))
    np.add.at(counts, (rows, columns), 1)
    return counts


def _class_probabilities(X: RowsLike, codes: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the probability of each class for each row, leaving out the label of the row itself.

    Parameters
    ----------
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    codes : ndarray of shape (n_samples,), int
        Given class of each row, from 0.
    n_classes : int

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Rows sum to 1.
    """
    rows = normalize(check_array(X, accept_sparse="csr", dtype=(np.float64, np.float32)))
    sizes = np.bincount(codes, minlength=n_classes).astype(np.float64)
    members = sp.csr_array((np.ones(len(codes)), (codes, np.arange(len(codes)))))
    if sp.issparse(rows) or rows.shape[1] > _MAX_SCATTER_FEATURES:
        scores = _direction_scores(rows, members, sizes, codes)
    else:
        scores = _discriminant_scores(rows.astype(np.float32), members, sizes, codes)
    every_row = np.arange(len(codes))
    with np.errstate(divide="ignore"):  # log 0 for a class whose only row is the row itself
        log_sizes = np.log(np.broadcast_to(sizes, scores.shape)).copy()
        log_sizes[every_row, codes] = np.log(sizes[codes] - 1.0)
    return np.asarray(softmax(scores + log_sizes, axis=1))


def _discriminant_scores(
    rows: NDArray[np.float32], members: sp.csr_array, sizes: np.ndarray, codes: np.ndarray
) -> NDArray[np.float64]:
    """Return −½ squared Mahalanobis distances of rows to class means, leaving out the row itself.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features), float32
        Unit rows.
    members : CSR array of shape (n_classes, n_samples)
        1 where a row is in a class.
    sizes : ndarray of shape (n_classes,)
        Number of rows of each class.
    codes : ndarray of shape (n_samples,), int
        Given class of each row.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
    """
    means = (members @ rows) / sizes[:, None]
    residuals = rows - means.astype(np.float32)[codes]
    scatter = (residuals.T @ residuals).astype(np.float64) / len(rows)
    mean_variance = np.trace(scatter) / len(scatter)
    scatter *= 1.0 - _SHRINKAGE
    scatter[np.diag_indices_from(scatter)] += _SHRINKAGE * mean_variance + np.finfo(np.float32).tiny
    factor = np.linalg.cholesky(scatter)
    # One inverse of the factor L, then triangular products that skip the half that is zero.
    inverse = np.asfortranarray(solve_triangular(factor, np.eye(len(factor)), lower=True), "f4")
    whitened, centers = (
        strmm(1.0, inverse, part.T, lower=1).T for part in (rows, means.astype(np.float32))
    )
    lengths = np.einsum("ij,ij->i", whitened, whitened)[:, None]
    squares = lengths - 2.0 * (whitened @ centers.T) + np.einsum("ij,ij->i", centers, centers)
    squares = np.maximum(squares, 0.0).astype(np.float64)
    # Without the row, its difference x − m from the mean becomes n / (n − 1) times as long.
    every_row = np.arange(len(codes))
    squares[every_row, codes] *= (sizes / np.maximum(sizes - 1.0, 1.0))[codes] ** 2
    return np.asarray(-0.5 * squares)


def _direction_scores(
    rows: Any, members: sp.csr_array, sizes: np.ndarray, codes: np.ndarray
) -> NDArray[np.float64]:
    """Return κ times the cosines of rows and class directions, leaving out the row itself.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_samples, n_features)
        Unit rows.
    members : CSR array of shape (n_classes, n_samples)
        1 where a row is in a class.
    sizes : ndarray of shape (n_classes,)
        Number of rows of each class.
    codes : ndarray of shape (n_samples,), int
        Given class of each row.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
    """
    sums = members @ rows
    norm = sp.linalg.norm if sp.issparse(sums) else np.linalg.norm
    lengths = norm(sums, axis=1)
    products = rows @ sums.T
    products = np.asarray(products.todense() if sp.issparse(products) else products, np.float64)
    kappa = pooled_concentration(sizes, lengths, rows.shape[1], largest_length=_LARGEST_LENGTH)
    every_row = np.arange(len(codes))
    own = products[every_row, codes]
    # ‖S − x‖² = ‖S‖² − 2 S·x + 1 for the sum S of the class without its row x.
    own_lengths = np.sqrt(np.maximum(lengths[codes] ** 2 - 2.0 * own + 1.0, _SMALLEST))
    cosines = products / np.maximum(lengths, _SMALLEST)
    cosines[every_row, codes] = (own - 1.0) / own_lengths
    return np.asarray(kappa * cosines)


def encode_labels(X: RowsLike, y: npt.ArrayLike) -> tuple[np.ndarray, NDArray[np.int64]]:
    """Return known labels as codes.

    Parameters
    ----------
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Rows; only their number is used.
    y : array-like of shape (n_samples,)
        Labels of the rows.

    Returns
    -------
    names : ndarray of shape (n_labels,)
        The different labels, sorted.
    codes : ndarray of shape (n_samples,), int
        Position in `names` of the label of each row.

    Raises
    ------
    ValueError
        If a label is missing, or there are not as many labels as rows.
    """
    y = np.asarray(y)
    if y.ndim != 1:
        raise ValueError(f"y has the shape {y.shape}; pass one label for each row.")
    check_consistent_length(X, y)
    missing = [is_missing(value) for value in y.tolist()]
    if any(missing):
        raise ValueError(
            f"Row {missing.index(True)} has no label; give every row a label, or drop the row."
        )
    names, codes = np.unique(y, return_inverse=True)
    return names, codes
