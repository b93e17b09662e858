"""Validation of the parameters of the estimator, of the rows, and of their weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

from vmfmix.engines.base import DTYPES, Engine, RowSource, SharedRowSource
from vmfmix.engines.rows.invalid import describe_rows, non_finite_rows, unmasked
from vmfmix.engines.rows.tensors import is_tensor
from vmfmix.fitting.sklearn_compat import validate_weights
from vmfmix.model.statistics import LARGEST_CONCENTRATION, FloatArray

_LARGEST_WEIGHT = 1e15
_SMALLEST_LARGEST_WEIGHT = 1e-200  # its reciprocal must be finite
_ENTRIES_PER_BLOCK = 2**18


def validate_parameters(estimator: Any) -> None:
    """Raise ValueError if parameters of the estimator exclude each other.

    Parameters
    ----------
    estimator : VMFMixture
    """
    n_components, n_init = estimator.n_components, estimator.n_components_init
    if n_components == "auto" and estimator.merge is None:
        raise ValueError(
            'n_components="auto" finds the number of clusters by merging, which merge=None turns '
            'off; pass merge="likelihood", or an integer for n_components.'
        )
    if n_init is not None and n_components != "auto" and n_init < n_components:
        raise ValueError(
            f"n_components_init={n_init} is less than n_components={n_components}, and merging "
            "cannot add components; pass a greater number, or None."
        )
    if n_init is not None and estimator.merge is None and n_init != n_components:
        raise ValueError(
            f"n_components_init={n_init} is the number that merging starts from, and merge=None "
            'turns merging off; pass merge="likelihood", or n_components_init=None.'
        )
    if estimator.resolution != 1 and (n_components != "auto" or estimator.selection != "auto"):
        raise ValueError(
            f"resolution={estimator.resolution} changes the number of clusters that "
            'n_components="auto" and selection="auto" find; pass both, or resolution=1.'
        )
    if (
        estimator.selection == "stability"
        and n_components == "auto"
        and estimator.means_init is not None
    ):
        raise ValueError(
            'selection="stability" compares merge paths from different seeds, and means_init fixes '
            "the start; pass another selection, or means_init=None."
        )
    if n_init is not None and n_components != "auto" and estimator.means_init is not None:
        n_means = len(estimator.means_init)
        if n_components < n_means < n_init:
            raise ValueError(
                f"means_init has {n_means} rows; pass at most n_components={n_components} for the "
                f"first clusters, or n_components_init={n_init} for all components that merging "
                "starts from."
            )
    if estimator.smooth:
        if estimator.center:
            raise ValueError(
                "center=True cannot be combined with smooth, which centers rows itself; pass "
                "center=False, or smooth=NeighborSmoother(center=True)."
            )
        if estimator.warm_start:
            raise ValueError(
                "warm_start=True cannot be combined with smooth, as smoothed rows depend on all "
                "rows of a fit; pass warm_start=False, or fit to the rows that "
                "NeighborSmoother().fit_transform(X) returns."
            )
    if merges_components(estimator):
        for name in ("weights_init", "concentrations_init"):
            if getattr(estimator, name) is not None:
                raise ValueError(
                    f"{name} cannot be used when components are merged first; pass merge=None, or "
                    f"{name}=None."
                )


def merges_components(estimator: Any) -> bool:
    """Return whether a fit starts with more components than it ends with.

    Parameters
    ----------
    estimator : VMFMixture

    Returns
    -------
    bool
    """
    if estimator.merge is None:
        return False
    if estimator.n_components == "auto":
        return True
    if estimator.n_components_init is not None:
        return bool(estimator.n_components_init > estimator.n_components)
    initial_values = (estimator.means_init, estimator.weights_init, estimator.concentrations_init)
    return all(values is None for values in initial_values)


def validate_finite(X: Any) -> None:
    """Raise ValueError if an array or CSR matrix contains NaN or infinity.

    Blocks are read one at a time, since scikit-learn would allocate an array of the same shape to
    validate half precision.
    """
    numbers = X.data if sp.issparse(X) else X
    step = max(_ENTRIES_PER_BLOCK // max(numbers[:1].size, 1), 1)
    try:
        with np.errstate(invalid="ignore"):  # the check sums all numbers, infinities included
            for start in range(0, len(numbers), step):
                assert_all_finite(numbers[start : start + step])
    except ValueError as error:
        kind = "NaN" if "NaN" in str(error) else "infinity"
        rows = non_finite_rows(X)
        raise ValueError(f"Input X contains {kind} in {describe_rows(rows, X.shape[0])}.") from None


def validate_numeric(X: Any) -> None:
    """Raise ValueError for input that scikit-learn would convert to meaningless numbers."""
    kinds = {getattr(kind, "kind", "") for kind in np.ravel(getattr(X, "dtypes", []))}
    kinds.add(getattr(getattr(X, "dtype", None), "kind", ""))
    if kinds & {"m", "M"}:
        raise ValueError("X holds dates or times, which have no direction; pass numbers.")


@contextmanager
def restored_on_failure(model: Any, *names: str) -> Iterator[None]:
    """Restore the named attributes if a fit fails."""
    before = {name: vars(model)[name] for name in names if hasattr(model, name)}
    try:
        yield
    except BaseException:
        for name in names:
            model.__dict__.pop(name, None)
        model.__dict__.update(before)
        raise


def validate_rows(estimator: Any, X: Any, **options: Any) -> Any:
    """Return rows that an engine accepts; arrays are validated by scikit-learn.

    Parameters
    ----------
    estimator : estimator
        Its numbers and names of features are set, or compared with those of X.
    X : object
        As returned by `vmfmix.engines.choice.prepare_rows`.
    **options
        Of `sklearn.utils.validation.validate_data`.

    Returns
    -------
    ndarray, CSR matrix, torch.Tensor or RowSource

    Raises
    ------
    ValueError
        If X contains NaN or infinity, or has the wrong shape or type.
    """
    if is_tensor(X) or isinstance(X, RowSource):
        own = {name: value for name, value in options.items() if name == "reset"}
        return validate_data(estimator, X, skip_check_array=True, **own)
    validate_numeric(X)
    X = validate_data(
        estimator, X, accept_sparse="csr", dtype=DTYPES, ensure_all_finite=False, **options
    )
    if sp.issparse(X):
        X.check_format(full_check=True)  # the kernels do not check indices
    validate_finite(X)
    return X


def validate_row_count(estimator: Any, engine: Engine, rows: str = "rows of X") -> None:
    """Raise ValueError unless there are at least as many usable rows, or groups, as components."""
    if engine.n_used_rows == 0:
        reason = "all are zeros"
        if estimator.center:
            reason += ", or equal to their mean, which center=True subtracts"
        raise ValueError(f"No row of X has a direction and a positive weight: {reason}.")
    for name in ("n_components", "n_components_init"):
        wanted = getattr(estimator, name)
        if isinstance(wanted, Integral) and int(wanted) > engine.n_used_rows:
            raise ValueError(
                f"{name}={wanted} is more than the {engine.n_used_rows} {rows} that have a "
                f"direction and a positive weight; pass at most {engine.n_used_rows}."
            )


def validate_sample_weight(sample_weight: ArrayLike, X: Any) -> FloatArray:
    """Return the weights of the rows as a new array; raise ValueError if they cannot be used."""
    sample_weight = unmasked(sample_weight, "sample_weight")
    is_shared = isinstance(X, SharedRowSource)
    with X.fail_together() if is_shared else nullcontext():
        weights = validate_weights(sample_weight, X, copy=True)
    largest = max(X.gather(weights.max())) if is_shared else weights.max()
    if not _SMALLEST_LARGEST_WEIGHT < largest <= _LARGEST_WEIGHT:
        raise ValueError(
            f"The largest sample_weight is {largest:g}; it must be more than "
            f"{_SMALLEST_LARGEST_WEIGHT:g} and at most {_LARGEST_WEIGHT:g}. Rescale the weights."
        )
    return weights


def copies_per_unit_weight(weights: FloatArray, X: Any) -> float:
    """Return the number of copies of a row that a weight of 1 represents.

    It is 1 if the mean weight is at least 1, so that weights are numbers of copies, and larger
    otherwise, so that the mean becomes 1. Weights of 0 do not count in the mean.
    """
    sums = np.array([weights.sum(), (weights > 0).sum()])
    total, n_rows = X.all_reduce(sums) if isinstance(X, SharedRowSource) else sums
    return 1.0 / min(total / n_rows, 1.0)


def validate_initial_values(
    n_components: int,
    n_features: int,
    *,
    means_init: ArrayLike | None = None,
    weights_init: ArrayLike | None = None,
    concentrations_init: ArrayLike | None = None,
) -> tuple[FloatArray | None, FloatArray | None, FloatArray | None]:
    """Return the initial values that the user passed as float64 arrays.

    Parameters
    ----------
    n_components, n_features : int
    means_init : array-like of shape (n_components, n_features), default=None
        May have fewer rows.
    weights_init, concentrations_init : array-like of shape (n_components,), default=None

    Returns
    -------
    means, weights, concentrations : ndarray, float64, or None where nothing was passed
        The means have unit length.

    Raises
    ------
    ValueError
        For a wrong shape, a value that is not finite or out of range, a mean of zeros, or weights
        that do not sum to 1.

    Examples
    --------
    >>> from vmfmix.fitting.validation import validate_initial_values
    >>> validate_initial_values(1, 2, means_init=[[3, 4]])
    (array([[0.6, 0.8]]), None, None)
    """
    shape = (n_components,)
    means = _validate_values(
        "means_init", means_init, (n_components, n_features), may_be_fewer=True
    )
    weights = _validate_values("weights_init", weights_init, shape, 0.0, 1.0)
    concentrations = _validate_values(
        "concentrations_init", concentrations_init, shape, 0.0, LARGEST_CONCENTRATION
    )
    if means is not None:
        peaks = np.abs(means).max(axis=1, keepdims=True)
        if not peaks.all():
            raise ValueError("means_init has a row of zeros; every mean needs a direction.")
        means = means / peaks  # so that no square overflows
        means /= np.linalg.norm(means, axis=1, keepdims=True)
    if weights is not None and not np.isclose(weights.sum(), 1.0):
        raise ValueError(f"weights_init sums to {weights.sum():.6g}; it must sum to 1.")
    return means, weights, concentrations


def _validate_values(
    name: str,
    values: ArrayLike | None,
    shape: tuple[int, ...],
    lowest: float = -np.inf,
    highest: float = np.inf,
    *,
    may_be_fewer: bool = False,
) -> NDArray[np.float64] | None:
    if values is None:
        return None
    array = np.asarray(values, dtype=np.float64)
    is_shorter = may_be_fewer and array.ndim == 2 and 0 < len(array) < shape[0]
    if array.shape[is_shorter:] != shape[is_shorter:]:
        fewer = " or have fewer rows" if may_be_fewer else ""
        raise ValueError(f"{name} has shape {array.shape}; it must be {shape}{fewer}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} contains NaN or infinity; all values must be finite.")
    if array.min() < lowest or array.max() > highest:
        raise ValueError(
            f"{name} has values from {array.min():g} to {array.max():g}; all values must be "
            f"at least {lowest:g} and at most {highest:g}."
        )
    return array
