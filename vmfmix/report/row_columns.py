"""Columns of the rows in a report: the cluster of each row, and how well the row fits it."""

from typing import Any

import numpy as np

from vmfmix.report.json_values import rounded, significant

N_LIKELY = 3  # most likely clusters of each row


def row_columns(membership: dict[str, np.ndarray], clusters: np.ndarray) -> dict[str, list[Any]]:
    """Return the columns of rows that say which clusters they belong to.

    Parameters
    ----------
    membership : dict of ndarray
        See `vmfmix.inspection.row_membership.membership_columns`, with ``likely``.
    clusters : ndarray of shape (n_shown,), int
        Cluster of each row; -1 for the background.

    Returns
    -------
    dict of list
        ``cluster``, ``probability``, ``cosine`` (-1 without a cluster), ``margin`` and ``next``;
        ``likely``, the second and third most likely clusters and their probabilities in percent,
        as [cluster, percent, cluster, percent] without those below 1%, or 0 if there are none;
        ``typicality`` if the model has it.
    """
    outside = clusters < 0
    columns: dict[str, list[Any]] = {
        "cluster": clusters.tolist(),
        "probability": rounded(membership["probability"], 3),
        "cosine": rounded(np.where(outside, -1.0, membership["similarity"])),
        "margin": rounded(np.where(outside, np.nan, membership["margin"]), 3),
        "next": np.where(outside, -1, membership["next_cluster"]).tolist(),
        "likely": _others(membership["likely"], membership["likely_probability"]),
    }
    typicality = membership["typicality"]
    if np.isfinite(typicality).all() and len(typicality):
        columns["typicality"] = significant(typicality, 2)
    return columns


def _others(likely: np.ndarray, probabilities: np.ndarray) -> list[Any]:
    percent = np.rint(100.0 * probabilities).astype(int)
    found: list[Any] = [0] * len(likely)
    for row in np.flatnonzero((percent[:, 1:] > 0).any(axis=1)).tolist():
        pairs = zip(likely[row, 1:].tolist(), percent[row, 1:].tolist())
        found[row] = [value for pair in pairs if pair[1] > 0 for value in pair]
    return found
