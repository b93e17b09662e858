"""Detection of rows that are too far from the mean direction of their cluster."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median
from scipy.special import gammaincinv
from sklearn.utils.validation import check_is_fitted

from vmfmix.inspection.clusters import cosines_of_rows
from vmfmix.inspection.fitted_model import FittedMixture, RowsLike, smoother_of
from vmfmix.inspection.gamma_distribution import log_upper_tail, shape_of
from vmfmix.inspection.rows import as_rows, blocks_of, take_rows, unit_rows
from vmfmix.inspection.tables import Table, as_table
from vmfmix.model.matrices import row_products

_LOW_QUANTILE = 0.1  # of the distances; its ratio to the median gives the shape of the gamma
_USUAL_RATIO = 0.5  # if no cluster scatters
_ROUNDING = 10  # relative rounding error of cosines, in units of the precision


def outliers(model: FittedMixture, X: RowsLike, share: float = 0.01) -> Table:
    """Return a table of rows that are unexpectedly far from the mean direction of their cluster.

    Within a von Mises-Fisher cluster of p + 1 dimensions, 1 − cosine to the mean direction has
    nearly a gamma distribution of shape p/2. Here the scale is fitted to the median of each
    cluster, and one shape for all clusters to the ratio of the lowest decile to the median, so
    that outliers hardly influence either. In clusters without outliers, about this `share` of the
    rows is returned as well.

    If the model smooths rows, they are compared as they were before smoothing, with their mean
    direction in the cluster (`unsmoothed_means_`).

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
        One row per outlier, most extreme first, with these columns. Rows of the background belong
        to no cluster and are never outliers.

        row : int
            Index in `X`.
        cluster : int
            Its cluster.
        cosine : float
            Cosine with the mean direction of the cluster.
        p_value : float
            Share of rows that would be as far from the mean direction in a cluster without
            outliers; 0 if it is too small for float64.
        minus_log10_p : float
            −log10 of the p-value, which is never rounded to 0: about 3 for one row in 1,000, and 12
            for a p-value of 1e-12.

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
    cosines = _cosines(model, X, labels)
    in_clusters = np.flatnonzero(labels >= 0)
    clusters, members = np.unique(labels[in_clusters], return_inverse=True)
    distances = np.maximum(1.0 - cosines[in_clusters], 0.0)
    medians = np.array(median(distances, members, range(len(clusters))) if len(clusters) else [])
    # Copies of one row scatter by rounding errors only, which say nothing about the distribution.
    rounding = _rounding_error(model, X)
    distances /= np.maximum(medians, rounding)[members]
    scattered = distances[(medians > rounding)[members]]
    ratio = np.quantile(scattered, _LOW_QUANTILE) if len(scattered) else _USUAL_RATIO
    shape = shape_of(float(ratio), _LOW_QUANTILE)
    logs = log_upper_tail(shape, distances * gammaincinv(shape, 0.5))
    found = np.flatnonzero(logs < np.log(share))
    found = found[np.argsort(-distances[found], kind="stable")]
    rows = in_clusters[found]
    return as_table(
        row=rows,
        cluster=labels[rows],
        cosine=cosines[rows],
        p_value=np.exp(logs[found]),
        minus_log10_p=-logs[found] / np.log(10.0),
    )


def _cosines(model: FittedMixture, X: RowsLike, labels: np.ndarray) -> NDArray[np.float64]:
    """Return the cosine of each row with the mean direction of its cluster, before smoothing."""
    if smoother_of(model) is None:
        return cosines_of_rows(model, X, labels)[0]
    X, means = as_rows(X), model.unsmoothed_means_
    cosines = np.full(len(labels), np.nan)
    for block in blocks_of(X, model.n_features_in_):
        in_clusters = np.flatnonzero(labels[block] >= 0)
        rows, members = unit_rows(take_rows(X, block)), labels[block][in_clusters]
        cosines[block][in_clusters] = row_products(rows[in_clusters], means[members])
    return cosines


def _rounding_error(model: FittedMixture, X: RowsLike) -> float:
    """Return the largest rounding error of cosines in the precision of the rows."""
    cosines = model.transform(take_rows(as_rows(X), slice(0, 1)))
    return _ROUNDING * float(np.finfo(cosines.dtype).eps)
