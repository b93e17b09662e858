"""Normalizing constant and density of the von Mises-Fisher distribution.

With the mean direction μ and the concentration κ ≥ 0 the density on the unit sphere of R^d is
``C_d(κ) exp(κ μ·x)``.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from vmfmix.distribution.expansion import FloatArray, evaluate, evaluate_with_limit
from vmfmix.distribution.validation import (
    FloatOrArray,
    apply_elementwise,
    broadcast,
    validate_concentration,
    validate_directions,
)


def log_normalizer(
    concentration: ArrayLike,
    dim: ArrayLike,
    *,
    relative_to: Literal["surface", "uniform"] = "surface",
) -> FloatOrArray:
    """Return the logarithm of the constant C_d(κ) of the density C_d(κ) exp(κ μ·x).

    Parameters
    ----------
    concentration : array-like
        Concentration κ ≥ 0, dimensionless; infinity is allowed.
    dim : int or array-like of int
        Dimension d ≥ 2 of the space around the sphere; broadcasts with `concentration`.
    relative_to : {"surface", "uniform"}, default="surface"
        The measure of the density: the surface area of the sphere, or the uniform distribution.
        With "uniform" the result is log C_d(κ) − log C_d(0) = −Φ(κ), exactly 0 at κ = 0.

    Returns
    -------
    float or ndarray
        In nats; −inf at κ = inf. Relative error below 1e-14 (for "surface" relative to the larger
        of Φ and the log area).

    Raises
    ------
    ValueError
        If a concentration is negative or NaN, a `dim` is not an integer ≥ 2, or `relative_to` is
        unknown.

    Notes
    -----
    C_d(κ) = κ^ν / ((2π)^(d/2) I_ν(κ)) with ν = d/2 − 1. Φ comes from the uniform expansion of
    I_ν [1]_, in which the large terms ν log ν cancel analytically; for d < 52 and κ ≤ 40, from
    the expansion at an order of at least 25 and the recurrence of I down to ν. Computing it with
    `scipy.special.ive` fails in high dimensions: for d = 1024 that function is 0 at κ < 120.

    References
    ----------
    .. [1] NIST Digital Library of Mathematical Functions, 10.41(ii), https://dlmf.nist.gov/10.41

    Examples
    --------
    >>> from vmfmix.distribution import log_normalizer
    >>> round(float(log_normalizer(2.0, 3)), 12)  # log(2 / (4π sinh 2))
    -3.126244439024
    >>> log_normalizer([0.0, 100.0], 1024, relative_to="uniform").round(6)
    array([ 0.      , -4.859864])
    """
    if relative_to not in ("surface", "uniform"):
        raise ValueError(f"relative_to={relative_to!r} is unknown; pass 'surface' or 'uniform'.")
    kappa = validate_concentration(concentration)

    def log_constant(kappa: FloatArray, dim: int) -> FloatArray:
        area = log_area(dim) if relative_to == "surface" else 0.0
        return 0.0 - area - evaluate_with_limit(kappa, dim, "phi", at_infinity=np.inf)

    return apply_elementwise(log_constant, dim, concentration=kappa)


def log_prob(X: ArrayLike, mean: ArrayLike, concentration: ArrayLike) -> FloatOrArray:
    """Return the logarithm of the density of unit vectors with respect to surface area.

    Parameters
    ----------
    X : array-like of shape (..., d)
        Unit vectors, d ≥ 2.
    mean : array-like of shape (..., d)
        Mean directions μ, unit vectors; the leading axes broadcast with those of `X`.
    concentration : array-like of shape (...)
        Concentrations κ between 0 and 1e150, dimensionless; broadcast with the leading axes.

    Returns
    -------
    float or ndarray of shape (...)
        Log density log C_d(κ) + κ μ·x, in nats.

    Raises
    ------
    ValueError
        If the length of a row differs from one by more than 1e-3 (zero and NaN rows included), the
        shapes do not broadcast, or a concentration is out of range.

    Notes
    -----
    Rows whose length is within 1e-3 of one are accepted: their cosine is divided by the lengths.
    The density [1]_ is its peak, (κ A − Φ) + κ (1 − A) − log area, where no large terms cancel,
    minus κ (1 − μ·x), where 1 − μ·x comes from the difference x − μ.

    References
    ----------
    .. [1] K. V. Mardia, P. E. Jupp (2000), Directional Statistics, Wiley, section 9.3.2.

    Examples
    --------
    >>> from vmfmix.distribution import log_prob
    >>> log_prob([[1.0, 0.0, 0.0], [0.0, 0.6, 0.8]], [1.0, 0.0, 0.0], 2.0).round(9)
    array([-1.12624444, -3.12624444])
    """
    kappa = validate_concentration(concentration, largest=1e150)
    distance = one_minus_cosine(X, mean, ("X", "mean"))
    broadcast(concentration=kappa, rows=distance)
    dim = np.shape(X)[-1]
    gain, complement = (
        value.reshape(kappa.shape)
        for value in evaluate(kappa.ravel(), dim, "kl_from_uniform", "complement")
    )
    return gain - log_area(dim) + kappa * (complement - distance)


def one_minus_cosine(x: ArrayLike, y: ArrayLike, names: tuple[str, str]) -> FloatArray:
    """Return 1 − cos of the angle between rows of x and y, (|x − y|² − (|x| − |y|)²) / (2 |x| |y|).

    It comes from the difference of the rows, not from 1 − x·y, and so keeps its relative accuracy
    at small angles, where a large κ multiplies it.

    Parameters
    ----------
    x, y : array-like of shape (..., d)
        Unit vectors to within 1e-3; the leading axes broadcast.
    names : tuple of two str
        Names of x and y in error messages.

    Returns
    -------
    ndarray of shape (...)
        Between 0 and 2.
    """
    x_rows, x_length = validate_directions(x, names[0])
    y_rows, y_length = validate_directions(y, names[1])
    both = broadcast(**{names[0]: x_rows, names[1]: y_rows})
    x_rows, y_rows = (np.atleast_2d(rows) for rows in both)
    lengths = x_length * y_length
    squared = np.empty(x_rows.shape[:-1])
    block = max(1, 2**20 // max(1, math.prod(x_rows.shape[1:])))
    for start in range(0, len(x_rows), block):
        part = slice(start, start + block)
        difference = x_rows[part] - y_rows[part]
        np.einsum("...i,...i->...", difference, difference, out=squared[part])
    squared = squared.reshape(np.shape(lengths)) - (x_length - y_length) ** 2
    clipped: FloatArray = np.clip(squared / (2.0 * lengths), 0.0, 2.0)
    return clipped


def log_area(dim: int) -> float:
    """Return the logarithm of the area 2 π^(d/2) / Γ(d/2) of the unit sphere."""
    return math.log(2.0) + 0.5 * dim * math.log(math.pi) - math.lgamma(0.5 * dim)
