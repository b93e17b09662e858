"""Detection of rows that are too far from the mean direction of their cluster."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaincc, gammaincinv
from sklearn.utils.validation import check_is_fitted

from vmfmix.inspection.clusters import cosines_of_rows
from vmfmix.inspection.fitted_model import FittedMixture, RowsLike
from vmfmix.inspection.tables import Table, as_table

_LOW_QUANTILE = 0.1  # of the distances; its ratio to the median gives the shape of the gamma
_LOG_SHAPES = float(np.log(0.05)), float(np.log(1e5))  # range of the search for the shape


def outliers(model: FittedMixture, X: RowsLike, share: float = 0.01) -> Table:
    """Return a table of rows that are unexpectedly far from the mean direction of their cluster.

    Within a von Mises-Fisher cluster of p + 1 dimensions, 1 − cosine to the mean direction has
    nearly a gamma distribution of shape p/2. Here the scale is fitted to the median of each
    cluster, and one shape for all clusters to the ratio of the lowest decile to the median, so
    that outliers hardly influence either. In clusters without outliers, about this `share` of the
    rows is returned as well.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Rows to examine.
    share : float, default=0.01
        Rows with a smaller p-value are outliers; between 0 and 1.

    Returns
    -------
    DataFrame, or dict of ndarray
        One row per outlier, most extreme first, with columns ``row`` (index in `X`), ``cluster``,
        ``cosine`` (with the mean direction of the cluster) and ``p_value``. Rows of the background
        belong to no cluster and are never outliers.

    Raises
    ------
    ValueError
        If `share` is not between 0 and 1.

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
    distances = np.ones(len(labels))  # in units of the median of the cluster
    for cluster in np.unique(labels[labels >= 0]):
        members = labels == cluster
        in_cluster = np.maximum(1.0 - cosines[members], 0.0)
        distances[members] = in_cluster / max(np.median(in_cluster), np.finfo(np.float32).tiny)
    in_clusters = labels >= 0
    ratio = np.quantile(distances[in_clusters], _LOW_QUANTILE) if in_clusters.any() else 0.5
    shape = _gamma_shape(float(ratio))
    p_values = gammaincc(shape, distances * gammaincinv(shape, 0.5))
    rows = np.flatnonzero((p_values < share) & in_clusters)
    rows = rows[np.argsort(-distances[rows], kind="stable")]
    return as_table(row=rows, cluster=labels[rows], cosine=cosines[rows], p_value=p_values[rows])


def _gamma_shape(ratio: float) -> float:
    """Return the shape of the gamma distribution with this ratio of lowest decile to median."""

    def excess(log_shape: float) -> float:
        shape = np.exp(log_shape)
        return float(gammaincinv(shape, _LOW_QUANTILE) / gammaincinv(shape, 0.5) - ratio)

    smallest, largest = _LOG_SHAPES
    if excess(largest) < 0.0:
        return float(np.exp(largest))
    if excess(smallest) > 0.0:
        return float(np.exp(smallest))
    return float(np.exp(brentq(excess, smallest, largest)))
