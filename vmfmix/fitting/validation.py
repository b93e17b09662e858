"""What is asked of parameters, rows and models from files, and what is said of a fit's outcome."""

import warnings
from contextlib import nullcontext
from numbers import Integral

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import _check_sample_weight

from vmfmix.engines.base import SharedRowSource
from vmfmix.model.statistics import LARGEST_CONCENTRATION

_LARGEST_WEIGHT = 1e15
_SMALLEST_WEIGHT = 1e-200  # of the largest: its reciprocal must be finite
_NEAR_THE_START = 0.7  # share of the starting number from which on it may have been too small
_TINY = 4  # rows
_ENTRIES_AT_ONCE = 2**18
_FEWEST_TO_COUNT = 10  # distinct rows
_ROUNDING = 1e-6  # of sums and lengths that are 1


def validate_parameters(settings):
    """Refuse parameters of a VMFMixture that exclude each other."""
    fewest, most = settings.n_components, settings.n_components_init
    if fewest == "auto" and settings.merge is None:
        raise ValueError(
            'n_components="auto" finds the number of clusters by merging, and merge=None '
            'forbids that; pass merge="likelihood", or an integer for n_components.'
        )
    if most is not None and fewest != "auto" and most < fewest:
        raise ValueError(
            f"n_components_init={most} is less than n_components={fewest}, and merging cannot "
            "add components; pass more, or None."
        )
    if most is not None and settings.merge is None and most != fewest:
        raise ValueError(
            f"n_components_init={most} is where merging starts, and merge=None forbids "
            'merging; pass merge="likelihood", or n_components_init=None.'
        )
    if settings.selection == "stability" and fewest == "auto" and settings.means_init is not None:
        raise ValueError(
            'selection="stability" compares different seeds, and means_init leaves no choice '
            "of them; pass another selection, or means_init=None."
        )
    if merges(settings):
        for name in ("weights_init", "concentrations_init"):
            if getattr(settings, name) is not None:
                raise ValueError(
                    f"{name} cannot be given where components are merged first; pass "
                    f"merge=None, or {name}=None."
                )


def merges(settings):
    """Whether a fit begins with more components than it ends with."""
    if settings.merge is None:
        return False
    if settings.n_components == "auto":
        return True
    if settings.n_components_init is not None:
        return settings.n_components_init > settings.n_components
    return settings.means_init is settings.weights_init is settings.concentrations_init is None


def validate_finite(X, estimator_name):
    """Refuse an array with NaN or infinity, looking at a part of it at a time."""
    step = max(_ENTRIES_AT_ONCE // max(X[:1].size, 1), 1)
    with np.errstate(invalid="ignore"):  # it adds all numbers up, and infinities to it
        for start in range(0, len(X), step):
            part = X[start : start + step]
            assert_all_finite(part, input_name="X", estimator_name=estimator_name)


def validate_numeric(X):
    """Refuse what scikit-learn would turn into numbers that mean nothing, or not explain."""
    kinds = {getattr(kind, "kind", "") for kind in np.ravel(getattr(X, "dtypes", []))}
    kinds.add(getattr(getattr(X, "dtype", None), "kind", ""))
    if kinds & {"m", "M"}:
        raise ValueError("X holds dates or times, which have no direction; pass numbers.")
    if getattr(X, "ndim", 2) == 1 and len(X) > 0 and np.ndim(next(iter(X))) == 1:
        raise ValueError(
            f"X is a sequence of {len(X)} vectors in one dimension; pass np.stack(list(X))."
        )


def validate_warm_start(model, last, X):
    """A warm start needs a last fit of the same kind to go on from."""
    parameters, settings = last.result.parameters, last.settings
    fitted = settings["n_components"], parameters.has_background, settings["center"]
    wanted = model.n_components, model.background, model.center
    if fitted != wanted or X.shape[1] != parameters.means.shape[1]:
        raise ValueError(
            "warm_start=True cannot go on from the last fit, which had other n_components, "
            "background, center or features; set warm_start=False."
        )


def validate_row_count(settings, engine):
    """There must be rows with a direction, and as many as components."""
    if engine.n_used_rows == 0:
        centered = (
            ", or equal to their mean, which center=True takes out" if settings.center else ""
        )
        raise ValueError(
            f"No row of X has a direction and a positive weight: all are zeros{centered}."
        )
    for name in ("n_components", "n_components_init"):
        wanted = getattr(settings, name)
        if isinstance(wanted, Integral) and wanted > engine.n_used_rows:
            raise ValueError(
                f"{name}={wanted} is more than the {engine.n_used_rows} rows of X that have a "
                f"direction and a positive weight; pass at most {engine.n_used_rows}."
            )


def validate_sample_weight(sample_weight, X):
    """Weights of the rows."""
    shared = isinstance(X, SharedRowSource)
    with X.fail_together() if shared else nullcontext():
        weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True, copy=True
        )
    largest = max(X.gather(weight.max())) if shared else weight.max()
    if not _SMALLEST_WEIGHT < largest <= _LARGEST_WEIGHT:
        raise ValueError(
            f"The largest sample_weight is {largest:g}; make it more than {_SMALLEST_WEIGHT:g} and "
            f"at most {_LARGEST_WEIGHT:g}."
        )
    return weight


def copies_per_unit_weight(weight, X):
    """How many copies of a row the weight 1 is: more than one where the mean weight is below 1.

    So weights of 1 and more are numbers of copies, and smaller ones are relative.
    """
    sums = np.array([weight.sum(), (weight > 0).sum()])
    total, n_rows = X.all_reduce(sums) if isinstance(X, SharedRowSource) else sums
    return 1.0 / min(total / n_rows, 1.0)


def require_sound(model):
    """Refuse a model from a file that no fit can have left."""
    model._validate_params()
    n_components, n_features = model.n_components_, model.n_features_in_
    background = getattr(model, "background_weight_", 0.0)
    center = getattr(model, "center_", np.zeros(n_features))
    weights, means, concentrations = model.weights_, model.means_, model.concentrations_
    whole = (n_components, n_features, model.n_samples_seen_, model.n_iter_)
    sound = all(type(number) is int and number >= 0 for number in whole)
    shapes = [(n_components,), (n_components, n_features), (n_components,), (n_features,)]
    for values, shape in zip((weights, means, concentrations, center), shapes):
        sound &= values.shape == shape and values.dtype == np.float64 and np.isfinite(values).all()
    total = weights.sum() + background
    sound = (
        sound
        and n_features > 0
        and (weights >= 0).all()
        and 0 <= background <= 1
        and abs(total - 1.0) < _ROUNDING
        and (np.abs(np.linalg.norm(means, axis=1) - 1.0) < _ROUNDING).all()
        and (concentrations >= 0).all()
        and (concentrations <= LARGEST_CONCENTRATION).all()
        and len(getattr(model, "feature_names_in_", center)) == n_features
    )
    if hasattr(model, "labels_"):
        labels, probabilities = model.labels_, model.probabilities_
        sound = (
            sound
            and labels.ndim == 1
            and labels.dtype.kind == "i"
            and labels.shape == probabilities.shape
            and (labels >= -1).all()
            and (labels < n_components).all()
            and (probabilities >= 0).all()
            and (probabilities <= 1.0 + _ROUNDING).all()
        )
    history = getattr(model, "merge_history_", None)
    if not sound or (history is not None and not history.is_consistent(n_features)):
        raise ValueError("The numbers do not go together.")


def warn_about_n_components(model, fit, counts):
    """Say where the number of clusters is not what was asked for, or not to be trusted."""
    found, category = len(counts), ConvergenceWarning
    wanted = fit.n_components if model.n_components == "auto" else model.n_components
    path = fit.merged.partitions if fit.merged else None
    n_start, n_distinct = (path[0].n_components, len(path[-1].labels)) if path else (0, 0)
    if found == 0:
        message = (
            "All rows belong to the background, and no cluster is left; pass background=False, "
            "or a smaller concentration."
        )
    elif found < wanted:
        message = (
            f"Number of clusters found ({found}) is smaller than the {wanted} that EM was to "
            "find: the others came to own no rows. There may be too few distinct rows in X; "
            "pass a smaller n_components, or another random_state."
        )
    elif model.n_components != "auto" or path is None:
        return
    elif found == 1 and 1 < n_distinct < _FEWEST_TO_COUNT:
        category = UserWarning
        message = (
            f"X has {n_distinct} distinct rows, which are too few to tell how many clusters "
            "there are; pass their number as n_components."
        )
    elif found == 1 and n_start > 1:
        category = UserWarning
        message = (
            "No clusters were found: one component describes the rows as well as several. If "
            "you know that there are clusters, pass their number as n_components; "
            "merge_history_.scores says what spoke against each number."
        )
    elif found >= _NEAR_THE_START * n_start and n_start < n_distinct // 2:
        category = UserWarning
        message = (
            f"The number of clusters found ({found}) is near the number that merging started "
            f"from ({n_start}), so there may be more; pass "
            f"n_components_init={min(4 * n_start, n_distinct // 2)}."
        )
    elif np.median(counts) < _TINY:
        category = UserWarning
        message = (
            f"Most of the {found} clusters have fewer than {_TINY} rows. If that is not what "
            "you look for, pass a smaller n_components, or use merge_to."
        )
    else:
        return
    warnings.warn(message, category, stacklevel=4)


def validate_initial_values(
    n_components, n_features, *, means_init=None, weights_init=None, concentrations_init=None
):
    """What a user gives to start from, checked.

    Parameters
    ----------
    n_components, n_features : int
    means_init : array-like of shape (n_components, n_features), default=None
    weights_init, concentrations_init : array-like of shape (n_components,), default=None

    Returns
    -------
    means, weights, concentrations : ndarray, float64, or None where nothing was given
        The means have unit length.

    Raises
    ------
    ValueError
        For a wrong shape, a value that is not finite or out of its range, a mean of zeros, or
        weights that do not sum to 1.

    Examples
    --------
    >>> from vmfmix.fitting.validation import validate_initial_values
    >>> validate_initial_values(1, 2, means_init=[[3, 4]])
    (array([[0.6, 0.8]]), None, None)
    """
    means = _checked("means_init", means_init, (n_components, n_features), -np.inf, np.inf)
    weights = _checked("weights_init", weights_init, (n_components,), 0.0, 1.0)
    concentrations = _checked(
        "concentrations_init", concentrations_init, (n_components,), 0.0, LARGEST_CONCENTRATION
    )
    if means is not None:
        peaks = np.abs(means).max(axis=1, keepdims=True)
        if not peaks.all():
            raise ValueError("means_init has a row of zeros; give every mean a direction.")
        means = means / peaks  # so that no square overflows
        means /= np.linalg.norm(means, axis=1, keepdims=True)
    if weights is not None and not np.isclose(weights.sum(), 1.0):
        raise ValueError(f"weights_init sums to {weights.sum():.6g}; make it sum to 1.")
    return means, weights, concentrations


def _checked(name, values, shape, least, most):
    if values is None:
        return None
    values = np.asarray(values, dtype=np.float64)
    if values.shape != shape:
        raise ValueError(f"{name} has shape {values.shape}; it must be {shape}.")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} has NaN or infinity in it; make all values finite.")
    if values.min() < least or values.max() > most:
        raise ValueError(
            f"{name} has values from {values.min():g} to {values.max():g}; make all of them at "
            f"least {least:g} and at most {most:g}."
        )
    return values
