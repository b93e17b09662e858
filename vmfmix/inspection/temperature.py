"""Calibration of class probabilities: a temperature, from labels some of which may be wrong."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

_LARGEST_LOG = 12.0  # of the temperature
_PRECISION = 0.01  # of that log
_LARGEST_WRONG_SHARE = 0.5  # of the labels; if all could be wrong, any temperature would do
_FIRST_SHARE = 0.05  # of each kind of wrong labels, where EM starts
_TOLERANCE, _MAX_ITER = 3e-4, 50  # of the shares of right and wrong labels
_SMALLEST = 1e-300  # probability, so that its log is finite


def fit_temperature(scores: NDArray[np.float64], given: NDArray[np.int64]) -> float:
    """Return the temperature T at which softmax(scores / T) fits the given labels best.

    T maximizes the likelihood of the labels [1]_, each of which may be wrong, with a probability
    that is estimated too. A wrong label is any class, or the second most probable one. Without this
    allowance, a few wrong labels far from their class would make T much too large.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_classes)
        Logs of class probabilities, up to a constant for each row.
    given : ndarray of shape (n_rows,), int
        Given class of each row.

    Returns
    -------
    float
        At least 1, so that differences between scores are never increased.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger (2017). On calibration of modern neural
       networks. ICML, 1321-1330.

    Examples
    --------
    Scores that are three times too large, and a tenth of the labels wrong:

    >>> import numpy as np
    >>> from vmfmix.inspection.temperature import fit_temperature
    >>> rng = np.random.default_rng(0)
    >>> scores = rng.normal(0.0, 6.0, (10000, 4))
    >>> given = (scores / 3.0 + rng.gumbel(size=scores.shape)).argmax(axis=1)
    >>> given[:1000] = rng.integers(4, size=1000)
    >>> abs(fit_temperature(scores, given) - 3.0) < 0.3
    True
    """
    n_rows, n_classes = scores.shape
    if n_rows == 0:
        return 1.0
    below_best = (scores - scores.max(axis=1, keepdims=True)).astype(np.float32)
    of_given = below_best[np.arange(n_rows), given].astype(np.float64)
    is_second = np.argpartition(below_best, -2, axis=1)[:, -2] == given

    def loss(log_temperature: float) -> float:
        factor = np.exp(-log_temperature)
        sums = np.exp(np.float32(factor) * below_best).sum(axis=1)
        return -_log_likelihood(np.exp(factor * of_given) / sums, 1.0 / n_classes, is_second)

    # The loss may have several minima, so search near the best of some temperatures.
    logs = np.arange(_LARGEST_LOG + 1.0)
    best = logs[np.argmin([loss(each) for each in logs])]
    bounds = max(best - 1.0, 0.0), min(best + 1.0, _LARGEST_LOG)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": _PRECISION})
    return float(np.exp(found.x if found.fun < loss(best) else best))


def _log_likelihood(
    if_right: NDArray[np.float64], if_any: float, if_second: NDArray[np.bool_]
) -> float:
    """Return the mean log likelihood of labels, with the likeliest shares of wrong ones.

    Parameters
    ----------
    if_right, if_any, if_second : float or ndarray of shape (n_rows,)
        Probability of the given label if it is right, if it is wrong and any class, and if it is
        wrong and the second most probable class.

    Returns
    -------
    float
    """
    any_share = second_share = _FIRST_SHARE
    likelihoods = np.asarray(if_right)
    for _ in range(_MAX_ITER):
        right_share = 1.0 - any_share - second_share
        likelihoods = right_share * if_right + any_share * if_any + second_share * if_second
        likelihoods = np.maximum(likelihoods, _SMALLEST)
        previous = any_share, second_share
        any_share *= float(np.mean(if_any / likelihoods))
        second_share *= float(np.mean(if_second / likelihoods))
        excess = max((any_share + second_share) / _LARGEST_WRONG_SHARE, 1.0)
        any_share, second_share = any_share / excess, second_share / excess
        if max(abs(any_share - previous[0]), abs(second_share - previous[1])) < _TOLERANCE:
            break
    return float(np.log(likelihoods).mean())
