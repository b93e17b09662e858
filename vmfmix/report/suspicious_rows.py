"""Rows of a report that need a look: outliers, and possible label errors."""

from collections import Counter
from typing import Any

import numpy as np

from vmfmix.inspection import label_issues, outliers
from vmfmix.inspection.fitted_model import FittedMixture, RowsLike, smoother_of
from vmfmix.inspection.labels import encode_labels
from vmfmix.report.json_values import rounded, significant

MAX_LISTED = 200  # rows of each list whose texts and images are always in the report
_MAX_PAIRS = 40  # pairs of a given and a suggested label
_OUTLIER_SHARE = 0.01


def outlier_columns(
    model: FittedMixture, X: RowsLike, n_samples: int, max_found: int
) -> dict[str, Any]:
    """Return the most extreme outliers as columns, and how many there are.

    Parameters
    ----------
    model : VMFMixture
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    n_samples : int
    max_found : int
        Maximum number of rows in the columns.

    Returns
    -------
    dict
        Columns ``row``, ``cluster``, ``cosine`` and ``minus_log10_p`` of the most extreme rows;
        ``count``, the number of outliers, and ``expected``, the number that would be found in
        clusters without outliers; ``smoothed``, whether the model smooths rows: cosines are of the
        rows before smoothing, unlike those of all other parts of the report.
    """
    table = outliers(model, X, _OUTLIER_SHARE)
    row, cluster, cosine, surprise = (
        np.asarray(table[name])[:max_found]
        for name in ("row", "cluster", "cosine", "minus_log10_p")
    )
    return {
        "row": row.tolist(),
        "cluster": cluster.tolist(),
        "cosine": rounded(cosine, 6),
        "minus_log10_p": rounded(surprise),
        "count": len(table["row"]),
        "expected": round(_OUTLIER_SHARE * n_samples),
        "smoothed": smoother_of(model) is not None,
    }


def label_error_columns(
    model: FittedMixture, X: RowsLike, labels: np.ndarray | None, max_found: int
) -> dict[str, Any] | None:
    """Return the rows that another label fits better, as columns, most suspicious first.

    Parameters
    ----------
    model : VMFMixture
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    labels : ndarray of shape (n_samples,) or None
    max_found : int
        Maximum number of rows in the columns.

    Returns
    -------
    dict or None
        Columns ``row``, ``given``, ``suggested``, ``probability`` (of the given label),
        ``suggested_probability`` and ``cluster``; ``count``, the number of all;
        and ``pairs``, the most frequent (given, suggested, number of rows). None if there are no
        labels, or all are equal.
    """
    if labels is None or len(encode_labels(X, labels)[0]) < 2:
        return None
    table = label_issues(model, X, labels)
    names = (
        "given_label",
        "suggested_label",
        "given_label_probability",
        "suggested_label_probability",
        "cluster",
    )
    given, suggested, probability, of_suggested, cluster = (
        np.asarray(table[name]) for name in names
    )
    suspicious = np.flatnonzero((given != suggested) & np.isfinite(probability))
    suspicious = suspicious[np.argsort(np.asarray(table["rank"])[suspicious])]
    pairs = Counter((str(given[row]), str(suggested[row])) for row in suspicious)
    listed = suspicious[:max_found]
    return {
        "row": listed.tolist(),
        "given": [str(name) for name in given[listed]],
        "suggested": [str(name) for name in suggested[listed]],
        "probability": significant(probability[listed]),
        "suggested_probability": significant(of_suggested[listed]),
        "cluster": cluster[listed].tolist(),
        "count": len(suspicious),
        "pairs": [[*pair, count] for pair, count in pairs.most_common(_MAX_PAIRS)],
    }
