"""Costs of merging two components."""

from typing import NamedTuple

import numpy as np

from vmfmix import distribution

_PSEUDO_ROWS = 2.0  # at the pooled mean resultant length, so that a single row has a finite κ
_LARGEST_LENGTH = 1.0 - 1e-12


class Components(NamedTuple):
    """What a cost knows of some components.

    Parameters
    ----------
    counts : ndarray
        N_k.
    lengths : ndarray
        ‖S_k‖, the lengths of the resultants.
    """

    counts: np.ndarray
    lengths: np.ndarray


class Scatter(NamedTuple):
    """What a cost knows of all components together.

    Parameters
    ----------
    mean_resultant_length : float
        R̄ = Σ_k ‖S_k‖ / Σ_k N_k.
    concentration : float
        The shared one, of which R̄ is the mean resultant length.
    dim : int
        Effective dimension of the scatter within components; at most n_features.
    """

    mean_resultant_length: float
    concentration: float
    dim: int

    @classmethod
    def of(cls, statistics, dim=None):
        """Scatter of hard statistics; `dim` None: evenly in all directions."""
        pooled = min(statistics.lengths.sum() / statistics.counts.sum(), _LARGEST_LENGTH)
        n_features = statistics.resultants.shape[1]
        known = dim is not None and not np.isnan(dim)
        dim = int(np.clip(round(dim), 2, n_features)) if known else n_features
        return cls(pooled, float(distribution.concentration(pooled, dim)), dim)


def likelihood_cost(one, other, inner, scatter):
    """Loss of the classification log-likelihood under one shared concentration, in nats.

    κ (‖S_i‖ + ‖S_j‖ − ‖S_i + S_j‖): Ward's criterion [1]_ on the sphere.

    Parameters
    ----------
    one, other : Components
        Their arrays are broadcast.
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
    loss = one.lengths + other.lengths - _length_of_sum(one, other, inner)
    return scatter.concentration * np.maximum(loss, 0.0)


def icl_cost(one, other, inner, scatter):
    """Loss of the classification log-likelihood with concentrations and weights of their own.

    With ψ(r) = r κ(r) + log C(κ(r)) − log C(0) in the effective dimension, N ψ(R̄) + N log N of the
    two less that of their union, in nats [1]_. Each R̄ is taken with two pseudo-rows at the common
    one.

    Parameters
    ----------
    one, other, inner, scatter
        As for `likelihood_cost`.

    Returns
    -------
    ndarray
        Negative where the gain of one weight less outweighs the loss.

    References
    ----------
    .. [1] J.-P. Baudry, A. E. Raftery, G. Celeux, K. Lo, R. Gottardo (2010). Combining mixture
       components for clustering. JCGS 19, 332-353.
    """
    both = Components(one.counts + other.counts, _length_of_sum(one, other, inner))
    return _explained(one, scatter) + _explained(other, scatter) - _explained(both, scatter)


def _explained(components, scatter):
    counts, _ = components
    length = _shrunk(components, scatter)
    kappa = distribution.concentration(length, scatter.dim)
    return counts * (distribution.kl_from_uniform(kappa, scatter.dim) + np.log(counts))


def jeffreys_cost(one, other, inner, scatter):
    """Jeffreys divergence KL(f_i‖f_j) + KL(f_j‖f_i), in nats, in the effective dimension.

    (κ_i μ_i − κ_j μ_j)·(A_i μ_i − A_j μ_j), from E_i x = A_i μ_i. Each A is taken with two
    pseudo-rows at the common one; beyond that, sizes do not enter.

    Parameters
    ----------
    one, other, inner, scatter
        As for `likelihood_cost`.

    Returns
    -------
    ndarray
        Not negative.
    """
    a_i, a_j = _shrunk(one, scatter), _shrunk(other, scatter)
    kappa_i = distribution.concentration(a_i, scatter.dim)
    kappa_j = distribution.concentration(a_j, scatter.dim)
    cosine = _cosine(one, other, inner)
    return kappa_i * a_i + kappa_j * a_j - cosine * (kappa_i * a_j + kappa_j * a_i)


def cosine_cost(one, other, inner, scatter):
    """1 − cosine of the mean directions.

    Parameters
    ----------
    one, other, inner, scatter
        As for `likelihood_cost`.

    Returns
    -------
    ndarray
        From 0 to 2.
    """
    return 1.0 - _cosine(one, other, inner)


def _shrunk(components, scatter):
    """Mean resultant length with two pseudo-rows at the pooled one."""
    counts, lengths = components
    total = lengths + _PSEUDO_ROWS * scatter.mean_resultant_length
    return np.minimum(total / (counts + _PSEUDO_ROWS), _LARGEST_LENGTH)


def _length_of_sum(one, other, inner):
    return np.sqrt(np.maximum(one.lengths**2 + other.lengths**2 + 2.0 * inner, 0.0))


def _cosine(one, other, inner):
    product = one.lengths * other.lengths
    return np.clip(inner / np.where(product > 0, product, 1.0), -1.0, 1.0)


# Where sizes count, the cheapest pair may merge again and again. A cost that is blind to sizes
# would chain clusters together: with it each component merges at most once a round.
COSTS = {
    "likelihood": (likelihood_cost, False),
    "icl": (icl_cost, False),
    "jeffreys": (jeffreys_cost, True),
    "cosine": (cosine_cost, True),
}
