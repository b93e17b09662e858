"""Agreement of clusters with known classes: matched accuracy and the usual scores in one dict."""

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    homogeneity_completeness_v_measure,
    normalized_mutual_info_score,
)

__all__ = ["clustering_accuracy", "clustering_report"]

_NOISE = -1  # label of noise in scikit-learn


def clustering_accuracy(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
) -> float:
    r"""Return the accuracy under the best one-to-one matching of clusters and classes.

    With the table :math:`T_{ck} = \sum_i w_i [y_i = c, \hat y_i = k]` of classes and clusters,

    .. math:: \mathrm{accuracy} = \frac{1}{\sum_i w_i} \max_{\pi} \sum_c T_{c,\pi(c)}

    over all one-to-one matchings :math:`\pi`, found with the Hungarian method [1]_. If there are
    more clusters than classes, or more classes than clusters, the surplus stays unmatched and its
    rows count as wrong.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Known classes: integers, strings, or other values that can be ordered.
    y_pred : array-like of shape (n_samples,)
        Predicted clusters. The label -1 means noise, as in :class:`sklearn.cluster.HDBSCAN`: such
        a row matches no class, not even a class that is itself labeled -1, and counts as wrong.
        To exclude noise from the score, drop its rows.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row; None means 1.

    Returns
    -------
    float
        Accuracy between 0 and 1.

    Raises
    ------
    ValueError
        If the labels are empty, of different lengths, not 1-D, contain NaN or cannot be ordered, or
        if the weights are negative, not finite, all zero or not one per row.

    See Also
    --------
    clustering_report : This and other scores in one dict.

    References
    ----------
    .. [1] H. W. Kuhn (1955). The Hungarian method for the assignment problem. Naval Research
       Logistics Quarterly 2, 83-97.

    Examples
    --------
    >>> from vmfmix.metrics import clustering_accuracy
    >>> clustering_accuracy(["cat", "cat", "dog", "dog"], [1, 1, 0, 0])
    1.0
    >>> clustering_accuracy([0, 0, 1, 1], [0, 0, 1, -1])
    0.75
    """
    classes, clusters, is_noise = _encode_labels(y_true, y_pred)
    weight = _validate_weight(sample_weight, len(classes))
    # One row per class, one column per cluster; noise has no column.
    n_classes, n_clusters = classes.max() + 1, clusters.max() + 1
    cells = classes[~is_noise] * n_clusters + clusters[~is_noise]
    table = np.bincount(cells, weight[~is_noise], n_classes * n_clusters)
    table = table.reshape(n_classes, n_clusters)
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / weight.sum())


def clustering_report(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> dict[str, float | int]:
    """Return scores of a clustering against known classes.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Known classes.
    y_pred : array-like of shape (n_samples,)
        Predicted clusters; the label -1 means noise.

    Returns
    -------
    dict
        ``accuracy`` (:func:`clustering_accuracy`, where noise counts as wrong);
        ``normalized_mutual_info``, ``adjusted_mutual_info``, ``adjusted_rand``, ``homogeneity`` and
        ``completeness`` (scikit-learn's scores, where noise is a cluster like any other);
        ``n_clusters`` (without noise), ``n_classes``, and ``noise_share`` (share of rows with the
        label -1).

    Raises
    ------
    ValueError
        If the labels are empty, of different lengths, not 1-D, contain NaN or cannot be ordered.

    See Also
    --------
    clustering_accuracy : The accuracy alone, with optional weights.

    Examples
    --------
    >>> from vmfmix.metrics import clustering_report
    >>> report = clustering_report(["a", "a", "b", "b"], [0, 0, 1, -1])
    >>> report["accuracy"], report["n_clusters"], report["n_classes"], report["noise_share"]
    (0.75, 2, 2, 0.25)
    >>> round(report["homogeneity"], 3), round(report["completeness"], 3)
    (1.0, 0.667)
    """
    classes, clusters, is_noise = _encode_labels(y_true, y_pred)
    homogeneity, completeness, _ = homogeneity_completeness_v_measure(classes, clusters)
    return {
        "accuracy": clustering_accuracy(y_true, y_pred),
        "normalized_mutual_info": float(normalized_mutual_info_score(classes, clusters)),
        "adjusted_mutual_info": float(adjusted_mutual_info_score(classes, clusters)),
        "adjusted_rand": float(adjusted_rand_score(classes, clusters)),
        "homogeneity": float(homogeneity),
        "completeness": float(completeness),
        "n_clusters": len(np.unique(clusters[~is_noise])),
        "n_classes": len(np.unique(classes)),
        "noise_share": float(is_noise.mean()),
    }


def _encode_labels(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return classes and clusters as integers from 0, and which rows of `y_pred` are noise."""
    names, classes = _unique_labels(y_true, "y_true")
    cluster_names, clusters = _unique_labels(y_pred, "y_pred")
    if len(classes) != len(clusters):
        raise ValueError(
            f"y_true has {len(classes)} labels and y_pred has {len(clusters)}; "
            "pass one label per row in both."
        )
    if len(names) == 0:
        raise ValueError("y_true and y_pred are empty; pass at least one row.")
    return classes, clusters, (cluster_names == _NOISE)[clusters]


def _unique_labels(labels: npt.ArrayLike, name: str) -> tuple[np.ndarray, NDArray[np.int64]]:
    """Return the sorted distinct labels, and the position of the label of each row among them."""
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"{name} has shape {labels.shape}; pass a 1-D array, one label per row.")
    try:
        names, codes = np.unique(labels, return_inverse=True)
    except TypeError:
        raise ValueError(
            f"{name} mixes labels that cannot be ordered, such as strings and numbers; "
            "convert them to one type."
        ) from None
    if names.dtype.kind == "f" and np.isnan(names).any():
        raise ValueError(f"{name} contains NaN; give every row a label, or drop the row.")
    return names, codes


def _validate_weight(sample_weight: npt.ArrayLike | None, n_samples: int) -> NDArray[np.float64]:
    """Return the weights of the rows, 1 by default, or raise ValueError if they are unusable."""
    if sample_weight is None:
        return np.ones(n_samples)
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has shape {weight.shape} for {n_samples} rows; pass one weight per row."
        )
    if not (np.isfinite(weight).all() and (weight >= 0).all() and weight.any()):
        raise ValueError(
            "sample_weight has a negative or non-finite weight, or only zeros; "
            "pass finite weights of at least 0, one of them positive."
        )
    return weight
