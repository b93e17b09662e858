"""Reference implementation in plain float64 NumPy, without blocks, cut-offs or threads.

Engines must give the same results. Arrays of rows × components fit into memory here, and every line
can be checked against the equations.
"""

import numpy as np

from vmfmix.distribution import log_normalizer
from vmfmix.model.statistics import SufficientStatistics


def unit_rows(X, center=None):
    """Return rows of unit length, after subtracting the center, if any, from the unit rows.

    Rows without a direction become zeros.
    """
    X = np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float64)
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    rows = np.divide(X, lengths, out=np.zeros_like(X), where=lengths > 0)
    if center is None:
        return rows
    centered = np.where(lengths > 0, rows - center, 0.0)
    lengths = np.linalg.norm(centered, axis=1, keepdims=True)
    return np.divide(centered, lengths, out=np.zeros_like(centered), where=lengths > 0)


def log_joint(X, parameters, center=None):
    """Return log π_k f_k(x_i) with respect to surface area, shape (n, K)."""
    cosines = unit_rows(X, center) @ parameters.means.T
    return (
        np.log(parameters.weights)
        + log_normalizer(parameters.concentrations, parameters.means.shape[1])
        + parameters.concentrations * cosines
    )


def log_density(X, parameters, center=None):
    """Return log p(x_i), shape (n,)."""
    joint = log_joint(X, parameters, center)
    highest = joint.max(axis=1)
    return highest + np.log(np.exp(joint - highest[:, np.newaxis]).sum(axis=1))


def responsibilities(X, parameters, center=None, hard=False):
    """Return P(component k | x_i), or indicators of the most probable component, shape (n, K)."""
    joint = log_joint(X, parameters, center)
    if hard:
        return np.eye(joint.shape[1])[joint.argmax(axis=1)]
    return np.exp(joint - log_density(X, parameters, center)[:, np.newaxis])


def statistics(X, parameters, *, sample_weight=None, center=None, hard=False):
    """Return the SufficientStatistics of all rows."""
    rows = unit_rows(X, center)
    weight = np.ones(len(rows)) if sample_weight is None else np.asarray(sample_weight, float)
    weight = np.where(rows.any(axis=1), weight, 0.0)
    shares = responsibilities(X, parameters, center, hard)
    score = (
        log_joint(X, parameters, center).max(axis=1) if hard else log_density(X, parameters, center)
    )
    return SufficientStatistics(
        counts=weight @ shares,
        resultants=(shares * weight[:, np.newaxis]).T @ rows,
        log_likelihood=float(weight @ score),
        weight=float(weight.sum()),
    )
