"""Numbers of clusters that match those of an earlier fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from vmfmix.model.statistics import FloatArray


def counterparts(means: FloatArray, previous: FloatArray) -> NDArray[np.intp]:
    """Return the previous cluster that each cluster matches.

    Clusters are assigned to previous ones so that the sum of the cosines of their mean directions
    is greatest. A pair matches if the cluster is nearer to the previous one than to any other
    previous cluster, and nearer than any other previous cluster is; a single previous cluster
    matches if the cosine is positive.

    Parameters
    ----------
    means : ndarray of shape (n_clusters, n_features)
        Unit rows.
    previous : ndarray of shape (n_previous, n_features)
        Unit rows.

    Returns
    -------
    ndarray of shape (n_clusters,), int
        -1 for a cluster that matches none.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.fitting.numbering import counterparts
    >>> counterparts(np.array([[0.0, 1.0], [-1.0, 0.0], [0.8, 0.6]]), np.eye(2))
    array([ 1, -1,  0])
    """
    found = np.full(len(means), -1, dtype=np.intp)
    if len(previous) == 0:
        return found
    cosines = means @ previous.T
    of_previous = previous @ previous.T
    np.fill_diagonal(of_previous, 0.0 if len(previous) == 1 else -np.inf)
    nearest_previous = of_previous.max(axis=1)
    for cluster, other in zip(*linear_sum_assignment(cosines, maximize=True), strict=True):
        cosine = cosines[cluster, other]
        if cosine >= cosines[cluster].max() and cosine > nearest_previous[other]:
            found[cluster] = other
    return found


def numbers_like(matches: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the new number of each cluster, from 0 without gaps.

    Parameters
    ----------
    matches : ndarray of shape (n_clusters,), int
        The previous cluster that each cluster matches, or -1.

    Returns
    -------
    ndarray of shape (n_clusters,), int
        The number of the match, if it is below n_clusters. The remaining clusters take the
        remaining numbers: first those with a match, in the order of their matches, then the others
        in their own order.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.fitting.numbering import numbers_like
    >>> numbers_like(np.array([1, -1, 0, 7]))
    array([1, 3, 0, 2])
    """
    n_clusters = len(matches)
    numbers = np.where(matches < n_clusters, matches, -1)
    free = np.setdiff1d(np.arange(n_clusters), numbers)
    rank = np.where(matches < 0, np.iinfo(np.intp).max, matches)
    remaining = np.flatnonzero(numbers < 0)
    numbers[remaining[np.argsort(rank[remaining], kind="stable")]] = free
    return numbers
