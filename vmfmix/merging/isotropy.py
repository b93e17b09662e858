"""In how many directions the rows of a cluster scatter around its mean.

A von Mises-Fisher component scatters evenly in all directions at right angles to its mean. Clusters
of real embeddings scatter in few: their likelihood is far too sure of itself, and who relies on it
must know how far.
"""

import numpy as np

from vmfmix.model.matrices import row_products

_FEWEST_ROWS = 8  # of a cluster that is looked at
_DRAWS = 4000


def effective_dimension(rows, labels, rng):
    """Effective dimension of the scatter within clusters.

    The reciprocal of the mean squared cosine between the differences of two pairs of rows of the
    same cluster: the number of directions where rows scatter evenly in some and not in others, and
    near (tr Σ)² / tr Σ² for a scatter Σ in many. Means need not be known, and wide clusters count
    no more than tight ones; clusters count by their size.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
    labels : ndarray of shape (n_rows,), int
    rng : numpy.random.RandomState

    Returns
    -------
    float
        From 1 to n_features; NaN where no cluster has 8 rows, or rows do not scatter.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.merging.isotropy import effective_dimension
    >>> rng = np.random.RandomState(0)
    >>> rows = rng.standard_normal((2000, 50)) * ([1.0] * 10 + [0.0] * 40)
    >>> round(effective_dimension(rows, np.zeros(2000, int), rng))
    10
    """
    n_features = rows.shape[1]
    by_cluster = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    starts = np.cumsum(counts) - counts
    large = np.flatnonzero(counts >= _FEWEST_ROWS)
    if len(large) == 0:
        return np.nan
    clusters = rng.choice(large, _DRAWS, p=counts[large] / counts[large].sum())
    places = _four_different(counts[clusters], rng) + starts[clusters, np.newaxis]
    first, second, third, fourth = (rows[by_cluster[places[:, i]]] for i in range(4))
    one, other = first - second, third - fourth
    norms = row_products(one, one) * row_products(other, other)
    apart = norms > 0  # neither pair a row and its copy
    squared_cosines = np.square(row_products(one, other)[apart]) / norms[apart]
    if not squared_cosines.any():
        return np.nan
    return float(np.clip(1.0 / squared_cosines.mean(), 1.0, n_features))


def isotropy(rows, labels, rng):
    """Effective dimension as a share of the n_features − 1 directions along the sphere.

    Parameters
    ----------
    rows, labels, rng
        As for `effective_dimension`.

    Returns
    -------
    float
        From 0 to 1, which is what von Mises-Fisher clusters have; NaN where it cannot be told.
    """
    return float(np.minimum(1.0, effective_dimension(rows, labels, rng) / (rows.shape[1] - 1)))


def _four_different(counts, rng):
    """Four different numbers below each count, which is at least 4."""
    chosen = np.empty((len(counts), 4), dtype=np.intp)
    for i in range(4):
        draw = (rng.uniform(size=len(counts)) * (counts - i)).astype(np.intp)
        # The draw counts the numbers that are left: step over those already taken, in order.
        for taken in np.sort(chosen[:, :i], axis=1).T:
            draw += draw >= taken
        chosen[:, i] = draw
    return chosen
