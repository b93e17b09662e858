"""Engines: the only rooms where rows of X are touched, and the one place that chooses one."""

import sys

from vmfmix._install import install_hint
from vmfmix.engines.base import RowSource


def is_tensor(X):
    """Whether X is a torch tensor; torch is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(X, torch.Tensor)


def is_dask(X):
    """Whether X is a dask array; dask is not imported to find out."""
    array = sys.modules.get("dask.array")
    return array is not None and isinstance(X, array.Array)


def prepare_rows(X, *, block_size=None, device=None, report=None):
    """Tensors, dask arrays and sources of blocks as `choose_engine` takes them.

    Parameters
    ----------
    X : object
    block_size, device, report
        See `choose_engine`.

    Returns
    -------
    torch.Tensor, RowSource, or X itself
        Where X is an array or turns into one, which is left for scikit-learn to check.

    Raises
    ------
    ValueError
        If rows hold NaN or infinity or have the wrong shape.
    """
    if is_tensor(X):
        from vmfmix.engines.torch_device import prepare_tensor

        return prepare_tensor(X, device)
    if is_dask(X):
        from vmfmix.engines.dask_blocks import DaskRows

        return DaskRows(X)
    from vmfmix.engines.sources import Source, is_source

    return Source(X, block_size, report) if is_source(X) else X


def choose_engine(
    X,
    *,
    sample_weight=None,
    center=None,
    block_size=None,
    device=None,
    report=None,
    lengths=None,
):
    """The engine for rows that were validated.

    Parameters
    ----------
    X : ndarray, CSR matrix, dense torch tensor or RowSource of shape (n_rows, n_features)
    sample_weight : ndarray of shape (n_rows,), default=None
    center : ndarray of shape (n_features,), default=None
        Subtracted from the unit rows, which are then scaled to unit length again.
    block_size : int, default=None
        Rows handled together; None: chosen from the number of components.
    device : str or torch.device, default=None
        Where torch computes: "cuda", "cuda:1", "mps" or "cpu". None: tensors stay where they are,
        and arrays are for numba.
    report : callable, default=None
        Told how far a pass over a source of blocks has come: (rows done, all rows).
    lengths : ndarray of shape (n_rows,), default=None
        Of the rows of an array or CSR matrix, if `vmfmix.engines.cpu.lengths_of` was asked before.

    Returns
    -------
    Engine

    Raises
    ------
    ImportError
        For a `device` without torch.
    ValueError
        For sparse rows and a `device`, or a device that is not there.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.engines.choice import choose_engine
    >>> engine = choose_engine(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 2.0]]))
    >>> engine.n_rows, engine.n_zero_rows
    (3, 1)
    >>> rows, cosines = next(engine.cosines(np.eye(2)))
    >>> cosines.round(3)
    array([[0.6, 0.8],
           [0. , 0. ],
           [0. , 1. ]])
    """
    if isinstance(X, RowSource):
        return X.engine(
            sample_weight=sample_weight,
            center=center,
            block_size=block_size,
            device=device,
            report=report,
        )
    if device is not None or is_tensor(X):
        try:
            from vmfmix.engines.torch_device import TorchEngine
        except ModuleNotFoundError as error:
            raise ImportError(
                f"device={device!r} needs torch; {install_hint('torch')}, or pass device=None."
            ) from error
        return TorchEngine(
            X, sample_weight=sample_weight, center=center, block_size=block_size, device=device
        )
    from vmfmix.engines.cpu import CPUEngine  # numba is loaded when rows are there to work on

    return CPUEngine(
        X, sample_weight=sample_weight, center=center, block_size=block_size, lengths=lengths
    )
