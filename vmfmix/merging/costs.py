"""Costs of merging two components.

To add a cost, write a function like those below and give it an entry in `COSTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vmfmix import distribution
from vmfmix.model.statistics import (
    FloatArray,
    SufficientStatistics,
    pooled_concentration,
    pooled_resultant_length,
)

_PSEUDO_ROWS = 2.0  # at the pooled mean resultant length, so that a single row has a finite κ
_LARGEST_LENGTH = 1.0 - 1e-12


class Components(NamedTuple):
    """Counts and resultant lengths of some components.

    Parameters
    ----------
    counts : ndarray
        N_k.
    lengths : ndarray
        ‖S_k‖, the lengths of the resultants.
    """

    counts: FloatArray
    lengths: FloatArray


class Scatter(NamedTuple):
    """Scatter of the rows within all components together.

    Parameters
    ----------
    mean_resultant_length : float
        R̄ = Σ_k ‖S_k‖ / Σ_k N_k.
    concentration : float
        The shared concentration, whose mean resultant length is R̄.
    dim : int
        Effective dimension of the scatter within components, at most n_features.
    """

    mean_resultant_length: float
    concentration: float
    dim: int

    @classmethod
    def from_statistics(cls, statistics: SufficientStatistics, dim: float | None = None) -> Scatter:
        """Return the scatter of a hard assignment.

        Parameters
        ----------
        statistics : SufficientStatistics
        dim : float, default=None
            Effective dimension. None or NaN: n_features, which means that rows scatter evenly in
            all directions.
        """
        counts, lengths = statistics.counts, statistics.lengths
        n_features = statistics.resultants.shape[1]
        if dim is None or np.isnan(dim):
            effective = n_features
        else:
            effective = int(np.clip(round(dim), 2, n_features))
        return cls(
            pooled_resultant_length(counts, lengths),
            pooled_concentration(counts, lengths, effective),
            effective,
        )


def likelihood_cost(
    first: Components, second: Components, inner: FloatArray, scatter: Scatter
) -> FloatArray:
    """Compute the loss of classification log-likelihood under one shared concentration, in nats.

    κ (‖S_i‖ + ‖S_j‖ − ‖S_i + S_j‖), which is Ward's criterion [1]_ on the sphere.

    Parameters
    ----------
    first, second : Components
        Their arrays are broadcast against each other.
    inner : ndarray
        S_i·S_j.
    scatter : Scatter

    Returns
    -------
    ndarray
        Not negative.

    References
    ----------
    .. [1] J. H. Ward (1963). Hierarchical grouping to optimize an objective function. JASA 58,
       236-244.
    """
    loss = first.lengths + second.lengths - _length_of_sum(first, second, inner)
    return scatter.concentration * np.maximum(loss, 0.0)


def icl_cost(
    first: Components, second: Components, inner: FloatArray, scatter: Scatter
) -> FloatArray:
    """Compute the loss of classification log-likelihood under separate concentrations and weights.

    With ψ(r) = r κ(r) + log C(κ(r)) − log C(0) in the effective dimension, this is the sum of
    N ψ(R̄) + N log N over both components minus that of their union, in nats [1]_. Each R̄ includes
    two pseudo-rows at the pooled mean resultant length.

    Parameters
    ----------
    first, second, inner, scatter
        As for `likelihood_cost`.

    Returns
    -------
    ndarray
        Negative where saving a weight outweighs the loss.

    References
    ----------
    .. [1] J.-P. Baudry, A. E. Raftery, G. Celeux, K. Lo, R. Gottardo (2010). Combining mixture
       components for clustering. JCGS 19, 332-353.
    """
    union = Components(first.counts + second.counts, _length_of_sum(first, second, inner))
    return (
        _classification_gain(first, scatter)
        + _classification_gain(second, scatter)
        - _classification_gain(union, scatter)
    )


def _classification_gain(components: Components, scatter: Scatter) -> FloatArray:
    """Compute N ψ(R̄) + N log N of each component."""
    kappa = distribution.concentration(_shrunk_length(components, scatter), scatter.dim)
    divergence = distribution.kl_from_uniform(kappa, scatter.dim)
    return components.counts * (divergence + np.log(components.counts))


def jeffreys_cost(
    first: Components, second: Components, inner: FloatArray, scatter: Scatter
) -> FloatArray:
    """Compute the Jeffreys divergence KL(f_i‖f_j) + KL(f_j‖f_i), in nats.

    (κ_i μ_i − κ_j μ_j)·(A_i μ_i − A_j μ_j) in the effective dimension, since E_i x = A_i μ_i. Each
    A includes two pseudo-rows at the pooled mean resultant length; otherwise, the sizes of the
    components have no influence.

    Parameters
    ----------
    first, second, inner, scatter
        As for `likelihood_cost`.

    Returns
    -------
    ndarray
        Not negative.
    """
    a_i, a_j = _shrunk_length(first, scatter), _shrunk_length(second, scatter)
    kappa_i = distribution.concentration(a_i, scatter.dim)
    kappa_j = distribution.concentration(a_j, scatter.dim)
    cosine = _cosine(first, second, inner)
    return kappa_i * a_i + kappa_j * a_j - cosine * (kappa_i * a_j + kappa_j * a_i)


def cosine_cost(
    first: Components, second: Components, inner: FloatArray, scatter: Scatter
) -> FloatArray:
    """Compute 1 − cosine of the mean directions.

    Parameters
    ----------
    first, second, inner, scatter
        As for `likelihood_cost`.

    Returns
    -------
    ndarray
        From 0 to 2.
    """
    return 1.0 - _cosine(first, second, inner)


def _shrunk_length(components: Components, scatter: Scatter) -> FloatArray:
    """Compute mean resultant lengths that include two pseudo-rows at the pooled one."""
    counts, lengths = components
    total = lengths + _PSEUDO_ROWS * scatter.mean_resultant_length
    return np.minimum(total / (counts + _PSEUDO_ROWS), _LARGEST_LENGTH)


def _length_of_sum(first: Components, second: Components, inner: FloatArray) -> FloatArray:
    return np.sqrt(np.maximum(first.lengths**2 + second.lengths**2 + 2.0 * inner, 0.0))


def _cosine(first: Components, second: Components, inner: FloatArray) -> FloatArray:
    product = first.lengths * second.lengths
    return np.clip(inner / np.where(product > 0, product, 1.0), -1.0, 1.0)


@dataclass(frozen=True)
class MergeCost:
    """An entry of `COSTS`.

    Parameters
    ----------
    function : callable
        Computes the costs from (first, second, inner, scatter), see `likelihood_cost`. It must give
        exactly the same number for (i, j) and (j, i).
    once_per_round : bool, default=False
        Whether each component merges at most once before all costs are computed again. Needed for
        costs that ignore sizes, which would otherwise chain clusters together.
    needs_dimension : bool, default=False
        Whether the cost uses `Scatter.dim`, which takes a pass over the rows to estimate.
    """

    function: Callable[[Components, Components, FloatArray, Scatter], FloatArray]
    once_per_round: bool = False
    needs_dimension: bool = False


COSTS = {
    "likelihood": MergeCost(likelihood_cost),
    "icl": MergeCost(icl_cost, needs_dimension=True),
    "jeffreys": MergeCost(jeffreys_cost, once_per_round=True, needs_dimension=True),
    "cosine": MergeCost(cosine_cost, once_per_round=True),
}
