"""The gamma distribution: its shape from two quantiles, and logs of its upper tail."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaincc, gammaincinv, gammaln

_LOG_SHAPES = float(np.log(0.05)), float(np.log(1e5))  # range of the search for the shape
_SMALLEST = 1e-290  # tail that is computed directly, well above the smallest number in float64
_N_TERMS = 10  # of a continued fraction that converges fast where the tail is smaller


def shape_of(ratio: float, low_quantile: float) -> float:
    """Return the shape of the gamma distribution with this ratio of a low quantile to the median.

    Parameters
    ----------
    ratio : float
    low_quantile : float
        Probability of values below the low quantile, less than 1/2.

    Returns
    -------
    float
        Between 0.05 and 100,000.
    """

    def excess(log_shape: float) -> float:
        shape = np.exp(log_shape)
        return float(gammaincinv(shape, low_quantile) / gammaincinv(shape, 0.5) - ratio)

    smallest, largest = _LOG_SHAPES
    if excess(largest) < 0.0:
        return float(np.exp(largest))
    if excess(smallest) > 0.0:
        return float(np.exp(smallest))
    return float(np.exp(brentq(excess, smallest, largest)))


def log_upper_tail(shape: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log Q(a, x), the log probability of values above x, for a scale of 1.

    Where Q is too small for float64, it is xᵃ e⁻ˣ / Γ(a), in logs, divided by
    x + 1 − a − 1 (1 − a) / (x + 3 − a − 2 (2 − a) / (x + 5 − a − …)), which is the even part of
    the continued fraction 8.9.2 of [1]_.

    Parameters
    ----------
    shape : float
        The shape a.
    x : ndarray of shape (n,)
        Finite, not negative.

    Returns
    -------
    ndarray of shape (n,)

    References
    ----------
    .. [1] NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov/8.9.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.inspection.gamma_distribution import log_upper_tail
    >>> log_upper_tail(1.0, np.array([2.5, 1000.5]))  # of the exponential distribution: −x
    array([   -2.5, -1000.5])
    """
    tails = gammaincc(shape, x)
    is_small = tails < _SMALLEST
    logs = np.log(np.where(is_small, 1.0, tails))
    far = x[is_small]
    denominators = far + 2.0 * _N_TERMS + 1.0 - shape
    for term in range(_N_TERMS, 0, -1):
        denominators = far + 2.0 * term - 1.0 - shape - term * (term - shape) / denominators
    logs[is_small] = shape * np.log(far) - far - gammaln(shape) - np.log(denominators)
    return np.asarray(logs)
