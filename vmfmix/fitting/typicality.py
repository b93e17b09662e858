"""How typical a row is of the rows of a fit: the share of them with a lower log density."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vmfmix.distribution import log_normalizer, mean_resultant_length
from vmfmix.engines.base import Assignment
from vmfmix.model.statistics import FloatArray, MixtureParameters

_MAX_ROWS = 50_000  # of a fit that are compared with the others, evenly spaced
_MAX_REFERENCES = 10_000
_SURE = 0.01  # rows of a smaller typicality have uncertain clusters
_SMALLEST = 1e-12  # so that nothing is divided by 0


def left_out_sample(
    parameters: MixtureParameters, assignment: Assignment, weight: float
) -> Assignment:
    """Return rows of a fit with their log densities under the mean directions of the other rows.

    Rows of small clusters have drawn the mean directions to themselves, which new rows have not.

    Parameters
    ----------
    parameters : MixtureParameters
    assignment : Assignment
        Of all rows of the fit.
    weight : float
        Total weight of the rows.

    Returns
    -------
    Assignment
        Of at most 50,000 rows, evenly spaced.
    """
    step = max(-(-len(assignment.labels) // _MAX_ROWS), 1)
    labels, shares, log_densities = assignment.selected(slice(None, None, step))
    n_features = parameters.means.shape[1]
    kappas = parameters.concentrations[labels]
    sums = (
        weight * parameters.weights * mean_resultant_length(parameters.concentrations, n_features)
    )
    lengths = sums[labels]
    offsets = parameters.offsets + log_normalizer(0.0, n_features)
    log_joints = log_densities + np.log(shares)
    cosines = (log_joints - offsets[labels]) / np.maximum(kappas, _SMALLEST)
    cosines = np.clip(cosines, -1.0, 1.0)
    # ‖S − r x‖² = ‖S‖² − 2 r S·x + r² for the sum S of the cluster and a row x of responsibility r.
    squares = lengths**2 - 2.0 * shares * lengths * cosines + shares**2
    without = (lengths * cosines - shares) / np.sqrt(np.maximum(squares, _SMALLEST))
    without = np.clip(without, -1.0, cosines)
    left_out = log_densities + kappas * (without - cosines)
    return Assignment(labels, shares, left_out)


def densities_of_clusters(parameters: MixtureParameters, assignment: Assignment) -> FloatArray:
    """Return the log density of each row, −inf for rows of the background."""
    if not parameters.has_background:
        return assignment.log_densities
    is_background = assignment.labels == len(parameters.weights) - 1
    return np.where(is_background, -np.inf, assignment.log_densities)


def reference_densities(log_densities: FloatArray) -> NDArray[np.float32]:
    """Return the densities of a fit that new rows are compared with.

    Parameters
    ----------
    log_densities : ndarray
        Of rows of the fit, from `left_out_sample`.

    Returns
    -------
    ndarray of shape (n,), float32
        Sorted; at most 10,000, of evenly spaced ranks.
    """
    step = -(-len(log_densities) // _MAX_REFERENCES)
    return np.sort(log_densities)[step // 2 :: step].astype(np.float32)


def updated_references(
    references: NDArray[np.float32], log_densities: FloatArray, share: float
) -> NDArray[np.float32]:
    """Return the densities to compare with after an update.

    Parameters
    ----------
    references : ndarray of shape (n,)
        Before the update.
    log_densities : ndarray
        Of the new rows.
    share : float
        Number of new rows for each earlier row.

    Returns
    -------
    ndarray of shape (m,), float32
        With evenly spaced ranks of both, in proportion to their numbers of rows.
    """
    n_new = max(min(round(share * len(references)), len(log_densities)), 1)
    places = np.linspace(0.0, 1.0, n_new)
    added = np.quantile(log_densities, places, method="nearest")
    return reference_densities(np.concatenate([references, added]))


def typicality(log_densities: FloatArray, references: NDArray[np.float32]) -> FloatArray:
    """Compute the share of the rows of a fit that are at most as typical as new rows.

    It is a p-value: (1 + number of references up to the log density) / (1 + number of references),
    as in conformal prediction [1]_. Among new rows of the same distribution, a share of at most α
    has a typicality of at most α.

    Parameters
    ----------
    log_densities : ndarray of shape (n_rows,)
        −inf for rows of the background.
    references : ndarray of shape (n,)
        From `reference_densities`.

    Returns
    -------
    ndarray of shape (n_rows,)
        Greater than 0, and at most 1.

    References
    ----------
    .. [1] V. Vovk, A. Gammerman, G. Shafer (2005). Algorithmic Learning in a Random World.
       Springer.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.fitting.typicality import reference_densities, typicality
    >>> references = reference_densities(np.arange(99.0))
    >>> typicality(np.array([-5.0, 49.5, 200.0]), references)
    array([0.01, 0.51, 1.  ])
    """
    n_lower = np.searchsorted(references, log_densities.astype(np.float32), side="right")
    return np.asarray((1.0 + n_lower) / (1.0 + len(references)))


def tempered(probabilities: FloatArray, typicality: FloatArray, n_components: int) -> FloatArray:
    """Shrink probabilities of rows that are less typical than 99% of the rows of a fit.

    The mixture does not describe such rows. With a typicality of t < 0.01, the probability p
    becomes s p + (1 − s) / K with s = t / 0.01, so that the most probable component stays.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows,) or (n_rows, n_components)
    typicality : ndarray of shape (n_rows,)
    n_components : int

    Returns
    -------
    ndarray of the shape of `probabilities`
    """
    share = np.minimum(typicality / _SURE, 1.0).reshape(-1, *[1] * (probabilities.ndim - 1))
    return share * probabilities + (1.0 - share) / n_components
