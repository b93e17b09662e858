"""Comparison of clusters with known labels, and possible label errors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from vmfmix.inspection.class_probabilities import class_model
from vmfmix.inspection.fitted_model import FittedMixture, RowsLike
from vmfmix.inspection.missing_values import is_missing, python_values
from vmfmix.inspection.rows import as_rows
from vmfmix.inspection.tables import Table, as_table


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
    return compare_clusters(model.predict(X), X, y)


def compare_clusters(labels: NDArray[np.int64], X: RowsLike, y: npt.ArrayLike) -> Table:
    """Return the table of `compare`, given the cluster of each row."""
    names, codes = encode_labels(X, y)
    clusters, positions = np.unique(labels, return_inverse=True)
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
    belongs to a class follows from the size of the class and the squared distance to its mean,
    where size and mean exclude the row itself: Fisher's discriminant [1]_, with leave-one-out in
    closed form. Sparse rows, and rows with more than 4096 features, are not transformed; each class
    is then a von Mises-Fisher component, with one shared concentration.

    Embeddings scatter in few directions, which makes such probabilities overconfident. Their logs
    are divided by a temperature [2]_, the most likely one if some of the labels are wrong.

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
            The label in `y`, and the probability that it is right according to the other rows. The
            only row of a class has probability NaN and ranks last: there is no evidence for or
            against its label.
        suggested_label, suggested_label_probability
            The most probable label, and its probability.
        margin : float
            Log odds of the given label against all others, divided by the temperature: below zero
            if they are more probable, NaN for the only row of a class. It orders rows whose
            probabilities round to 0 or 1.
        cluster : int
            Cluster of the row.
        rank : int
            0 for the most suspicious row, the one with the smallest margin.
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
    .. [2] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger (2017). On calibration of modern neural
       networks. ICML, 1321-1330.

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
    clusters, positions = np.unique(model.predict(X), return_inverse=True)
    of_given, highest, margins = np.empty((3, len(codes)))
    most_probable = np.empty(len(codes), dtype=np.int64)
    classes = class_model(as_rows(X), codes, len(names))
    temperature = classes.temperature()
    for block, scores in classes.scores():
        every_row, own, best = np.arange(len(scores)), codes[block], scores.argmax(axis=1)
        probabilities = softmax(scores / temperature, axis=1)
        of_given[block] = probabilities[every_row, own]
        highest[block], most_probable[block] = probabilities[every_row, best], best
        score_of_given = scores[every_row, own]
        scores[every_row, own] = -np.inf
        margins[block] = (score_of_given - logsumexp(scores, axis=1)) / temperature
    is_only_row = np.bincount(codes)[codes] == 1
    of_given[is_only_row] = margins[is_only_row] = np.nan
    rank = np.empty(len(codes), dtype=np.int64)
    rank[np.argsort(margins, kind="stable")] = np.arange(len(codes))  # NaN last
    counts = _contingency_table(positions, codes, len(clusters), len(names))
    return as_table(
        given_label=names[codes],
        given_label_probability=of_given,
        suggested_label=names[most_probable],
        suggested_label_probability=highest,
        margin=margins,
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


def encode_labels(
    X: RowsLike, y: npt.ArrayLike, name: str = "y"
) -> tuple[np.ndarray, NDArray[np.int64]]:
    """Return known labels as codes.

    Parameters
    ----------
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Rows; only their number is used.
    y : array-like of shape (n_samples,)
        Labels of the rows.
    name : str, default="y"
        Name of the labels in messages.

    Returns
    -------
    names : ndarray of shape (n_labels,)
        The different labels, sorted.
    codes : ndarray of shape (n_samples,), int
        Position in `names` of the label of each row.

    Raises
    ------
    ValueError
        If a label is missing, if there are not as many labels as rows, or if labels cannot be
        ordered.
    """
    # NumPy's arrays of one type are not converted, since many Python objects take much memory.
    values = y if type(y) is np.ndarray and y.dtype != object else python_values(y)
    if any(np.ndim(value) > 0 for value in values):
        raise ValueError(f"{name} has more than one dimension; pass one label for each row.")
    check_consistent_length(X, values)
    missing = [is_missing(value) for value in values]
    if any(missing):
        raise ValueError(
            f"Row {missing.index(True)} has no label; give every row a label, or drop the row."
        )
    labels = _label_array(y, values)
    if labels.dtype.kind == "U" and not all(isinstance(value, str) for value in values):
        labels = np.asarray(values, dtype=object)  # NumPy turned numbers into strings
    try:
        names, codes = np.unique(labels, return_inverse=True)
    except TypeError:
        raise ValueError(
            f"{name} mixes labels that cannot be ordered, such as strings and numbers; convert "
            "them to one type."
        ) from None
    return names, codes


def _label_array(y: npt.ArrayLike, values: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Return labels as an array of one type, if they have one, and given as Python objects too."""
    if isinstance(getattr(y, "dtype", None), np.dtype):
        labels = np.asarray(y)
        if labels.dtype != object:
            return labels
    return np.asarray(values) if len(values) > 0 else np.empty(0, dtype=np.int64)
