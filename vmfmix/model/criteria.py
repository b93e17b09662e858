"""Model selection criteria: parameter counts, BIC, AIC, ICL and the classification likelihood."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.special import softmax, xlogy

from vmfmix import distribution
from vmfmix.model.statistics import FloatArray, pooled_concentration


def n_free_parameters(
    n_components: int, n_features: int, n_concentrations: int, *, has_background: bool = False
) -> int:
    """Return the number of free parameters: directions, weights and concentrations.

    Parameters
    ----------
    n_components : int
        Components that have a mean direction.
    n_features : int
    n_concentrations : int
        Concentrations that are estimated: 0 if they are fixed, 1 if they are tied.
    has_background : bool, default=False
        Whether a uniform component has a weight, too.

    Returns
    -------
    int

    Examples
    --------
    >>> from vmfmix.model.criteria import n_free_parameters
    >>> n_free_parameters(2, 3, 1)  # two directions of 2 angles, one weight, one concentration
    6
    """
    n_weights = n_components - 1 + has_background
    return n_weights + n_concentrations + n_components * (n_features - 1)


def bic_penalty(n_rows: float, n_parameters: int) -> float:
    """Return ½ log(n) × the number of parameters, which BIC subtracts from a log-likelihood."""
    return 0.5 * float(np.log(n_rows)) * n_parameters


def bic(log_likelihood: float, n_rows: float, n_parameters: int) -> float:
    """Return the Bayesian information criterion, −2 log-likelihood + log(n) × parameters."""
    return float(-2.0 * log_likelihood + np.log(n_rows) * n_parameters)


def aic(log_likelihood: float, n_parameters: int) -> float:
    """Return the Akaike information criterion, −2 log-likelihood + 2 × parameters."""
    return float(-2.0 * log_likelihood + 2.0 * n_parameters)


def responsibility_entropy(log_joints: Iterable[FloatArray]) -> float:
    """Return the entropy of the responsibilities, −Σ_ik r_ik log r_ik, in nats.

    Parameters
    ----------
    log_joints : iterable of ndarray of shape (n_rows, n_components)
        log(π_k f_k(x_i)) up to a constant for each row, block by block.

    Returns
    -------
    float
    """
    entropy = 0.0
    for log_joint in log_joints:
        responsibilities = softmax(log_joint, axis=1)
        positive = responsibilities[responsibilities > 0]
        entropy -= float(positive @ np.log(positive))
    return entropy


def classification_log_likelihood(counts: FloatArray, lengths: FloatArray, dim: int) -> float:
    """Return the maximum log-likelihood of rows and labels under one shared concentration.

    n (ψ(R̄) + log C(0)) + Σ_k N_k log(N_k / n), with n = Σ_k N_k, R̄ = Σ_k ‖S_k‖ / n and ψ(A(κ))
    the divergence of the distribution with concentration κ from the uniform one.

    Parameters
    ----------
    counts, lengths : ndarray of shape (n_components,)
        N_k, and the lengths ‖S_k‖ of the resultants, of a hard assignment.
    dim : int
        Dimension of the space around the sphere.

    Returns
    -------
    float
        In nats with respect to surface measure.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.model.criteria import classification_log_likelihood
    >>> round(classification_log_likelihood(np.array([5.0]), np.array([0.0]), dim=3) / 5, 3)
    -2.531
    """
    total = counts.sum()
    explained = distribution.kl_from_uniform(pooled_concentration(counts, lengths, dim), dim)
    uniform = distribution.log_normalizer(0.0, dim)
    return float(total * (explained + uniform) + xlogy(counts, counts / total).sum())
