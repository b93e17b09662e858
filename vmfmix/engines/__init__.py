"""Engines: the only rooms where rows of X are touched, and the one place that chooses one."""


def choose_engine(X, *, sample_weight=None, center=None, block_size=None, device=None):
    """The engine for rows that scikit-learn's validation let through.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
    sample_weight : ndarray of shape (n_rows,), default=None
    center : ndarray of shape (n_features,), default=None
        Subtracted from the unit rows, which are then scaled to unit length again.
    block_size : int, default=None
        Rows handled together; None: chosen from the number of components.
    device : None
        Reserved for engines on other devices.

    Returns
    -------
    Engine

    Raises
    ------
    NotImplementedError
        For a `device`.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.engines import choose_engine
    >>> engine = choose_engine(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 2.0]]))
    >>> engine.n_rows, engine.n_zero_rows
    (3, 1)
    >>> rows, cosines = next(engine.cosines(np.eye(2)))
    >>> cosines.round(3)
    array([[0.6, 0.8],
           [0. , 0. ],
           [0. , 1. ]])
    """
    if device is not None:
        raise NotImplementedError(
            f"device={device!r} is not available yet: this version computes on the CPU; "
            "pass device=None."
        )
    from vmfmix.engines.cpu import CPUEngine  # numba is loaded when rows are there to work on

    return CPUEngine(X, sample_weight=sample_weight, center=center, block_size=block_size)
