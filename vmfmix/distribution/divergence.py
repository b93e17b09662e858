"""Entropy and Kullback-Leibler divergences of von Mises-Fisher distributions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from vmfmix.distribution.density import log_area, one_minus_cosine
from vmfmix.distribution.expansion import FloatArray, evaluate, evaluate_with_limit
from vmfmix.distribution.validation import (
    FloatOrArray,
    apply_elementwise,
    validate_concentration,
)


def entropy(concentration: ArrayLike, dim: ArrayLike) -> FloatOrArray:
    """Return the differential entropy with respect to the surface area of the sphere.

    Parameters
    ----------
    concentration : array-like
        Concentration κ ≥ 0, dimensionless; infinity is allowed.
    dim : int or array-like of int
        Dimension d ≥ 2 of the space around the sphere; broadcasts with `concentration`.

    Returns
    -------
    float or ndarray
        In nats: the log area of the sphere at κ = 0, decreasing in κ to −inf at κ = inf.

    Raises
    ------
    ValueError
        If a concentration is negative or NaN, or a `dim` is not an integer ≥ 2.

    Notes
    -----
    −log C_d(κ) − κ A(κ) [1]_, computed as log area − `kl_from_uniform`.

    References
    ----------
    .. [1] K. V. Mardia, P. E. Jupp (2000), Directional Statistics, Wiley, section 9.3.2.

    Examples
    --------
    >>> from vmfmix.distribution import entropy
    >>> entropy([0.0, 2.0], 3).round(6)  # the first is log 4π
    array([2.531024, 2.051615])
    """
    kappa = validate_concentration(concentration)
    return apply_elementwise(
        lambda k, d: log_area(d) - evaluate_with_limit(k, d, "kl_from_uniform", at_infinity=np.inf),
        dim,
        concentration=kappa,
    )


def kl_from_uniform(concentration: ArrayLike, dim: ArrayLike) -> FloatOrArray:
    """Return the Kullback-Leibler divergence KL(vMF ‖ uniform) = κ A(κ) − Φ(κ).

    Parameters
    ----------
    concentration : array-like
        Concentration κ ≥ 0, dimensionless; infinity is allowed.
    dim : int or array-like of int
        Dimension d ≥ 2 of the space around the sphere; broadcasts with `concentration`.

    Returns
    -------
    float or ndarray
        In nats: 0 at κ = 0, about κ²/(2d) for κ ≪ d, increasing to inf at κ = inf.

    Raises
    ------
    ValueError
        If a concentration is negative or NaN, or a `dim` is not an integer ≥ 2.

    Notes
    -----
    The entropy is the log area of the sphere minus this [1]_. The large terms of κ A and Φ cancel
    analytically, so that the relative error is below 1e-14 at every κ.

    References
    ----------
    .. [1] K. V. Mardia, P. E. Jupp (2000), Directional Statistics, Wiley, section 9.3.2.

    Examples
    --------
    >>> from vmfmix.distribution import kl_from_uniform
    >>> kl_from_uniform([0.0, 100.0], 1024).round(6)
    array([0.      , 4.814535])
    """
    kappa = validate_concentration(concentration)
    return apply_elementwise(
        lambda k, d: evaluate_with_limit(k, d, "kl_from_uniform", at_infinity=np.inf),
        dim,
        concentration=kappa,
    )


def kl_divergence(
    mean_p: ArrayLike,
    concentration_p: ArrayLike,
    mean_q: ArrayLike,
    concentration_q: ArrayLike,
) -> FloatOrArray:
    """Return the Kullback-Leibler divergence KL(p ‖ q) of two von Mises-Fisher distributions.

    Parameters
    ----------
    mean_p : array-like of shape (..., d)
        Mean directions of p, unit vectors, d ≥ 2.
    concentration_p : array-like of shape (...)
        Concentrations of p between 0 and 1e150, dimensionless.
    mean_q, concentration_q : array-like
        Mean directions and concentrations of q, likewise. All leading axes broadcast.

    Returns
    -------
    float or ndarray of shape (...)
        In nats, ≥ 0; relative error below 1e-14, also for nearly equal distributions.

    Raises
    ------
    ValueError
        If the length of a mean differs from one by more than 1e-3, the shapes do not broadcast, or
        a concentration is out of range.

    Notes
    -----
    Φ(κ_q) − Φ(κ_p) − (κ_q − κ_p) A(κ_p), the Bregman divergence of Φ [1]_, plus
    κ_q A(κ_p) (1 − μ_p·μ_q). Where κ_q/κ_p is between 0.6 and 1.7 the first part would lose
    digits; there it is the integral of h² (1 − y) A'(κ_p + h y) over 0 ≤ y ≤ 1, h = κ_q − κ_p, by
    12 Gauss-Legendre points.

    References
    ----------
    .. [1] A. Banerjee, S. Merugu, I. S. Dhillon, J. Ghosh (2005), Clustering with Bregman
       divergences, JMLR 6, 1705-1749.

    Examples
    --------
    >>> from vmfmix.distribution import kl_divergence
    >>> round(float(kl_divergence([1.0, 0.0, 0.0], 2.0, [0.0, 1.0, 0.0], 2.0)), 12)  # 2 A(2)
    1.074629441455
    >>> f"{kl_divergence([1.0, 0.0], 1.0, [1.0, 0.0], 1.0 + 2.0**-20):.9e}"
    '1.611378871e-13'
    """
    kappa_p = validate_concentration(concentration_p, "concentration_p", largest=1e150)
    kappa_q = validate_concentration(concentration_q, "concentration_q", largest=1e150)
    distance = one_minus_cosine(mean_p, mean_q, ("mean_p", "mean_q"))
    dim = np.shape(mean_p)[-1]
    return apply_elementwise(
        _kl_of_angles, dim, concentration_p=kappa_p, concentration_q=kappa_q, means=distance
    )


def _kl_of_angles(
    p: FloatArray, q: FloatArray, one_minus_cosine: FloatArray, dim: int
) -> FloatArray:
    """Return KL(p ‖ q) of distributions with the concentrations p and q; see `kl_divergence`."""
    gain, length, complement = evaluate(p, dim, "kl_from_uniform", "A", "complement")
    divergence = q * length * one_minus_cosine
    near = (q > 0.6 * p) & (q < 1.7 * p)
    start, h = p[near], (q - p)[near]
    integral = np.zeros_like(h)
    for node, weight in zip(*np.polynomial.legendre.leggauss(12), strict=True):
        y = 0.5 * (1.0 + node)
        integral += 0.5 * weight * (1.0 - y) * evaluate(start + h * y, dim, "derivative")[0]
    divergence[near] += h * (h * integral)
    far = ~near
    gain_q, length_q, complement_q = evaluate(q[far], dim, "kl_from_uniform", "A", "complement")
    # A(q) − A(p), from whichever of A and 1 − A is smaller.
    difference = np.where(length[far] > 0.5, complement[far] - complement_q, length_q - length[far])
    divergence[far] += gain[far] - gain_q + q[far] * difference
    return divergence
