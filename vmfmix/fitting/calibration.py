"""Calibration of probabilities against fits to other rows.

In two fits to different rows, a row of an uncertain cluster often changes its cluster. The power of
the joint densities with which one fit predicts best where another fit puts the rows is a measure of
this uncertainty.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment, minimize_scalar
from scipy.special import logsumexp

from vmfmix.model.statistics import FloatArray

_SMALLEST_LOG_POWER = -10.0


def matched_labels(
    labels: NDArray[np.integer], others: NDArray[np.integer], n_components: int
) -> NDArray[np.int64]:
    """Return the labels of another clustering of the same rows, with the numbers of the first one.

    Clusters are matched such that as many rows as possible agree.

    Parameters
    ----------
    labels, others : ndarray of shape (n_rows,), int
        From 0 to ``n_components - 1``, or −1.
    n_components : int

    Returns
    -------
    ndarray of shape (n_rows,)
        −1 for clusters without a counterpart.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.fitting.calibration import matched_labels
    >>> matched_labels(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1]), 2)
    array([0, 0, 1, 0])
    """
    in_both = (labels >= 0) & (others >= 0)
    counts = np.zeros((n_components, n_components))
    np.add.at(counts, (labels[in_both], others[in_both]), 1)
    own, other = linear_sum_assignment(counts, maximize=True)
    numbers = np.full(n_components + 1, -1)  # the last one is the number of −1
    numbers[other] = own
    return np.asarray(numbers[others])


def best_power(log_joints: FloatArray, labels: NDArray[np.integer]) -> float:
    """Compute the power of joint densities that predicts labels best.

    Responsibilities are proportional to the joint densities to this power, and their mean
    log-likelihood is maximized: temperature scaling [1]_.

    Parameters
    ----------
    log_joints : ndarray of shape (n_rows, n_components)
    labels : ndarray of shape (n_rows,), int

    Returns
    -------
    float
        Greater than 0, and at most 1.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger (2017). On calibration of modern neural
       networks. ICML, 1321-1330.
    """
    highest = log_joints.max(axis=1, keepdims=True)
    gaps = log_joints - highest
    gap_of_label = gaps[np.arange(len(labels)), labels]

    def loss(log_power: float) -> float:
        power = np.exp(log_power)
        return float(np.mean(logsumexp(power * gaps, axis=1) - power * gap_of_label))

    found = minimize_scalar(loss, bounds=(_SMALLEST_LOG_POWER, 0.0), method="bounded")
    return float(np.exp(found.x))
