"""Choice of the engine for the rows of X, which no other module makes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix._install import install_hint
from vmfmix.engines.base import Engine, RowSource, is_dask
from vmfmix.engines.rows.containers import unwrapped
from vmfmix.engines.rows.tensors import is_tensor


def prepare_rows(
    X: Any,
    *,
    block_size: int | None = None,
    device: Any = None,
    report: Callable[..., None] | None = None,
) -> Any:
    """Return rows from any container in the form that `choose_engine` takes.

    Parameters
    ----------
    X : object
    block_size, device, report
        See `choose_engine`.

    Returns
    -------
    torch.Tensor, RowSource, ndarray, or X itself
        X itself if it can be converted to an array, which scikit-learn then validates, or if it is
        a RowSource already.

    Raises
    ------
    ValueError
        If rows contain NaN or infinity or have the wrong shape, or if X is not a container of rows.
    """
    if isinstance(X, RowSource):
        return X
    X = unwrapped(X)
    if is_tensor(X):
        from vmfmix.engines.torch_device import prepare_tensor

        return prepare_tensor(X, device)
    if is_dask(X):
        from vmfmix.engines.dask_blocks import DaskSource

        return DaskSource(X)
    from vmfmix.engines.block_source import BlockSource, is_block_source

    return BlockSource(X, block_size, report) if is_block_source(X) else X


def choose_engine(
    X: Any,
    *,
    sample_weight: NDArray[np.float64] | None = None,
    center: NDArray[np.float64] | None = None,
    block_size: int | None = None,
    device: Any = None,
    report: Callable[..., None] | None = None,
    lengths: NDArray[np.float64] | None = None,
    for_few_passes: bool = False,
) -> Engine:
    """Return the engine for validated rows.

    Parameters
    ----------
    X : ndarray, CSR matrix, dense torch tensor or RowSource of shape (n_rows, n_features)
    sample_weight : ndarray of shape (n_rows,), default=None
    center : ndarray of shape (n_features,), default=None
        Subtracted from the unit rows, which are then scaled to unit length again.
    block_size : int, default=None
        Number of rows that are processed together. None chooses it from the number of components.
    device : str or torch.device, default=None
        Device on which torch computes: "cuda", "cuda:1", "mps" or "cpu". With None, tensors stay
        on their device, and arrays are processed by numba.
    report : callable, default=None
        Called with (number of rows done, total number of rows) during a pass over a source of
        blocks.
    lengths : ndarray of shape (n_rows,), default=None
        Lengths of the rows of an array or CSR matrix, if they are known from
        `vmfmix.engines.cpu.lengths_of`.
    for_few_passes : bool, default=False
        Whether only few passes over an array have nearly the same mixture. Larger passes then use
        the kernel that is compiled sooner, and keep nothing for the next pass.

    Returns
    -------
    Engine

    Raises
    ------
    ImportError
        If a `device` is given and torch is not installed.
    ValueError
        If the rows are sparse and a `center` or a `device` is given, or if the device does not
        exist.

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
    if center is not None:
        validate_dense_to_center(X)
    if isinstance(X, RowSource):
        return X.engine(
            make_engine=choose_engine,
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
    from vmfmix.engines.cpu import CPUEngine  # here, as it imports numba

    return CPUEngine(
        X,
        sample_weight=sample_weight,
        center=center,
        block_size=block_size,
        lengths=lengths,
        for_few_passes=for_few_passes,
    )


def is_sparse(X: Any) -> bool:
    """Return whether rows are sparse, also those of a source of blocks."""
    return bool(X.is_sparse) if isinstance(X, RowSource) else sp.issparse(X)


def validate_dense_to_center(X: Any) -> None:
    """Raise ValueError if rows are sparse, since subtracting their mean would make them dense."""
    if is_sparse(X):
        raise ValueError(
            "center=True needs dense rows, and X is sparse; pass X.toarray(), or reduce X with "
            "sklearn.decomposition.TruncatedSVD and fit to the result, or fit with center=False."
        )
