"""The number of directions in which the rows of a cluster scatter around its mean.

A von Mises-Fisher component scatters evenly in all directions perpendicular to its mean. Clusters
of real embeddings scatter in few directions, so that their likelihood is overconfident; the
isotropy measures by how much.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vmfmix.model.matrices import row_products

_MIN_ROWS = 8  # smaller clusters are left out
_N_DRAWS = 4000
ISOTROPIC = 0.75  # isotropy at and above which clusters scatter as the model assumes


def effective_dimension(
    rows: Any, labels: NDArray[np.integer], rng: np.random.RandomState
) -> float:
    """Estimate the effective dimension of the scatter within clusters.

    With the differences D and D' of two pairs of rows of the same cluster, it is E ‖D‖² ‖D'‖² / E
    (D·D')², which is (tr Σ)² / tr Σ² for a cluster with covariance matrix Σ. If rows scatter evenly
    in some directions and not at all in others, it is the number of these directions. Means need
    not be known. Copies and near-copies of a row, which hardly differ, hardly count.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
    labels : ndarray of shape (n_rows,), int
    rng : numpy.random.RandomState

    Returns
    -------
    float
        From 1 to n_features; NaN if no cluster has 8 rows, or if rows do not scatter.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.merging.isotropy import effective_dimension
    >>> rng = np.random.RandomState(0)
    >>> rows = rng.standard_normal((2000, 50)) * ([1.0] * 10 + [0.0] * 40)
    >>> round(effective_dimension(rows, np.zeros(2000, int), rng))
    10
    """
    by_cluster = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    starts = np.cumsum(counts) - counts
    large = np.flatnonzero(counts >= _MIN_ROWS)
    if len(large) == 0:
        return np.nan
    clusters = rng.choice(large, _N_DRAWS, p=counts[large] / counts[large].sum())
    places = _draw_four_distinct(counts[clusters], rng) + starts[clusters, np.newaxis]
    return _effective_dimension_of(rows, by_cluster[places])


def isotropy_of_neighbors(
    rows: Any, neighbors: NDArray[np.integer], rng: np.random.RandomState
) -> float:
    """Estimate how evenly the neighbors of a row scatter, as `isotropy` does for clusters.

    No clusters need to be known. Neighbors in a von Mises-Fisher mixture scatter in all directions,
    and those in real embeddings in few.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
    neighbors : ndarray of shape (n_places, n_neighbors), int
        Numbers of the rows that are nearest to each of some places.
    rng : numpy.random.RandomState

    Returns
    -------
    float
        From 0 to 1; NaN with fewer than 4 neighbors, or if they do not scatter.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> from vmfmix.merging.isotropy import isotropy_of_neighbors
    >>> from vmfmix.neighbors import nearest_neighbors
    >>> rows, _ = make_vmf_mixture(1000, n_features=16, n_components=5, random_state=0)
    >>> found = nearest_neighbors(rows, 15)
    >>> round(isotropy_of_neighbors(rows, found.rows, np.random.RandomState(0)), 1)
    1.0
    """
    n_places, n_neighbors = neighbors.shape
    if n_neighbors < 4:
        return np.nan
    centers = rng.randint(n_places, size=_N_DRAWS)
    places = _draw_four_distinct(np.full(_N_DRAWS, n_neighbors), rng)
    drawn = neighbors[centers[:, np.newaxis], places]
    return _share_of_directions(_effective_dimension_of(rows, drawn), rows.shape[1])


def _effective_dimension_of(rows: Any, quadruples: NDArray[np.integer]) -> float:
    """Estimate the effective dimension from numbers of four rows that scatter around one mean."""
    first, second, third, fourth = (rows[numbers] for numbers in quadruples.T)
    difference, other_difference = first - second, third - fourth
    norms = row_products(difference, difference) * row_products(other_difference, other_difference)
    squares = np.square(row_products(difference, other_difference)).sum()
    if not squares > 0:
        return np.nan
    return float(np.clip(norms.sum() / squares, 1.0, rows.shape[1]))


def isotropy(rows: Any, labels: NDArray[np.integer], rng: np.random.RandomState) -> float:
    """Estimate the effective dimension as a share of the n_features − 1 directions on the sphere.

    Parameters
    ----------
    rows, labels, rng
        As for `effective_dimension`.

    Returns
    -------
    float
        From 0 to 1, which is the value for von Mises-Fisher clusters; NaN if it is unknown.
    """
    return _share_of_directions(effective_dimension(rows, labels, rng), rows.shape[1])


def _share_of_directions(effective_dimension: float, n_features: int) -> float:
    return float(np.minimum(1.0, effective_dimension / (n_features - 1)))


def own_share(isotropy: float | None) -> float:
    """Return the share of its concentration that a component takes from its own rows.

    Where rows scatter in all directions, as the model assumes, each component has its own
    concentration. Where they scatter in few directions, as in real embeddings, differences between
    concentrations mislead, and the pooled one is better.

    Parameters
    ----------
    isotropy : float or None
        See `isotropy`. None: the fit is not pooled. NaN, which means unknown, gives 0.

    Returns
    -------
    float
        From 0 to 1; see `vmfmix.model.statistics.ConcentrationPrior.pooled`.
    """
    return 1.0 if isotropy is None else float(np.nan_to_num(isotropy) ** 2)


def probability_power(isotropy: float) -> float:
    """Return the power of joint densities that calibrates the responsibilities of a mixture.

    The model counts the evidence of all directions as independent. If rows scatter in a share
    `isotropy` of them, and the directions between clusters are distributed like those within
    them, log densities differ by 1 / isotropy times too much. In real embeddings, rows are in the
    wrong cluster about twice as often as the remaining evidence says, since classes overlap more
    than clusters that were found in the same rows; in mixtures of von Mises-Fisher distributions,
    they are not. The power isotropy / (2 − isotropy) is near isotropy / 2 for the former and 1 for
    the latter; `benchmarks/membership.py` measures it.

    Parameters
    ----------
    isotropy : float
        See `isotropy`. NaN, which means unknown, gives 1.

    Returns
    -------
    float
        Greater than 0, and at most 1.
    """
    return float(isotropy / (2.0 - isotropy)) if np.isfinite(isotropy) else 1.0


def _draw_four_distinct(
    counts: NDArray[np.integer], rng: np.random.RandomState
) -> NDArray[np.intp]:
    """Draw four distinct numbers below each count, which is at least 4."""
    chosen = np.empty((len(counts), 4), dtype=np.intp)
    for i in range(4):
        draw = (rng.uniform(size=len(counts)) * (counts - i)).astype(np.intp)
        # The draw counts only the numbers that are left: skip those already taken, in order.
        for taken in np.sort(chosen[:, :i], axis=1).T:
            draw += draw >= taken
        chosen[:, i] = draw
    return chosen
