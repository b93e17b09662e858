"""The end of a fit: components without rows are dropped, and doubtful results cause warnings."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from vmfmix.engines.base import Assignment, Engine
from vmfmix.fitting.best import Fit
from vmfmix.fitting.novelty import Unusual
from vmfmix.model.em import EMResult
from vmfmix.model.statistics import MixtureParameters

_NEAR_THE_START = 0.7  # of the initial number, which may be too small at and above this share
_TINY_CLUSTER = 4  # rows
_MIN_DISTINCT_ROWS = 10  # to estimate the number of clusters
_CONTRADICTION = 2.5  # ratio of the numbers that two scores favor


def drop_empty_components(
    engine: Engine, parameters: MixtureParameters
) -> tuple[MixtureParameters, Assignment, NDArray[np.integer]]:
    """Drop components without rows until every component has some; the background stays.

    Parameters
    ----------
    engine : Engine
    parameters : MixtureParameters

    Returns
    -------
    parameters : MixtureParameters
    assignment : Assignment
        Of all rows.
    counts : ndarray of shape (n_components,), int
        Number of rows of each component but the background.
    """
    while True:
        assignment = engine.assign(parameters)
        counts = np.bincount(assignment.labels, minlength=len(parameters.weights))
        counts = engine.all_reduce(counts)
        owns_rows = counts > 0
        owns_rows[-1] |= parameters.has_background
        if owns_rows.all():
            return parameters, assignment, counts[parameters.own]
        parameters = parameters.selected(owns_rows)


def warn_about_novelty(unusual: Unusual, has_background: bool, adds_components: bool) -> None:
    """Warn that many of the last rows of a stream are unlike every cluster.

    Parameters
    ----------
    unusual : Unusual
    has_background : bool
    adds_components : bool
        Whether new clusters were searched among these rows, without success.
    """
    if adds_components:
        cause, remedy = "no new cluster was found among them", "Fit again to recent rows"
    else:
        cause = "partial_fit adds no clusters to those it has"
        remedy = "Pass add_components=True to add it, or fit again to recent rows to find it"
    if not has_background:
        remedy += ", or pass background=True to keep such rows out of the clusters"
    warnings.warn(
        f"{unusual.n_unlike} of the last {unusual.n_rows} rows are unlike every cluster, "
        f"compared with {unusual.earlier_share:.1%} of the earlier rows: a new topic may have "
        f"begun, and {cause}. {remedy}.",
        UserWarning,
        stacklevel=5,
    )


def warn_about_result(estimator: Any, fit: Fit, counts: NDArray[np.integer]) -> None:
    """Warn if the number of clusters is doubtful, or if EM did not converge.

    Parameters
    ----------
    estimator : VMFMixture
    fit : Fit
    counts : ndarray of shape (n_components,), int
        Number of rows of each cluster.
    """
    message, category = _doubts_about_number(estimator, fit, counts)
    if message:
        warnings.warn(message, category, stacklevel=4)
    warn_about_convergence(estimator.max_iter, fit.result, stacklevel=5)


def warn_about_convergence(max_iter: int, result: EMResult, stacklevel: int = 4) -> None:
    """Warn if EM did not converge.

    Parameters
    ----------
    max_iter : int
    result : EMResult
    stacklevel : int, default=4
        See `warnings.warn`.
    """
    if not result.converged and not result.stopped and max_iter > 1:
        warnings.warn(
            f"EM did not converge within max_iter={max_iter} iterations. Increase max_iter or tol.",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )


def warn_about_zero_rows(engine: Engine, meaningless: str) -> None:
    """Warn if rows have no direction.

    Parameters
    ----------
    engine : Engine
    meaningless : str
        What is meaningless for such rows, and the subject of the message.
    """
    if engine.n_zero_rows:
        n_rows = int(engine.all_reduce(np.array([engine.n_rows]))[0])
        warnings.warn(
            f"{engine.n_zero_rows} of the {n_rows} rows of X have no direction (all zeros); "
            f"{meaningless} are meaningless.",
            UserWarning,
            stacklevel=3,
        )


def _doubts_about_number(
    estimator: Any, fit: Fit, counts: NDArray[np.integer]
) -> tuple[str, type[Warning]]:
    """Return a message, empty if there is no doubt, and its category."""
    merged, n_found = fit.start.merged, len(counts)
    is_auto = estimator.n_components == "auto"
    has_limits = estimator.min_cluster_size > 1 or estimator.max_cluster_share < 1
    n_wanted = estimator.n_components
    if is_auto or has_limits:  # of sizes, which change the number
        n_wanted = fit.start.n_components
    if n_found == 0:
        return (
            "All rows belong to the background, and no cluster is left; pass background=False, "
            "or a smaller concentration."
        ), ConvergenceWarning
    if n_found < n_wanted:
        return (
            f"Number of clusters found ({n_found}) is smaller than the {n_wanted} that EM started "
            "with: the others lost all of their rows. X may have too few distinct rows; pass a "
            "smaller n_components, or another random_state."
        ), ConvergenceWarning
    if not is_auto or merged is None:
        return "", UserWarning
    n_start = merged.partitions[0].n_components
    n_distinct = len(merged.partitions[-1].row_labels)
    if n_found == 1 and 1 < n_distinct < _MIN_DISTINCT_ROWS:
        return (
            f"X has only {n_distinct} distinct rows, too few to estimate the number of clusters; "
            "pass it as n_components."
        ), UserWarning
    if n_found == 1 and n_start > 1 and merged.n_components == 1:
        return (
            "No clusters were found: one component describes the rows as well as several do. If "
            "you know that there are clusters, pass their number as n_components; "
            "merge_history_.scores has the score of each number."
        ), UserWarning
    if n_found >= _NEAR_THE_START * n_start and n_start < n_distinct // 2:
        return (
            f"The number of clusters found ({n_found}) is close to the number that merging started "
            f"from ({n_start}), so there may be more; pass "
            f"n_components_init={min(4 * n_start, n_distinct // 2)}."
        ), UserWarning
    chosen = merged.selection
    if (
        chosen is not None
        and estimator.selection == "auto"
        and estimator.resolution == 1
        and chosen.n_by_modularity
    ):
        ratio = chosen.n_by_modularity / chosen.n_components
        if not 1.0 / _CONTRADICTION <= ratio <= _CONTRADICTION:
            levels = ", ".join(str(level.n_components) for level in chosen.levels)
            return (
                f"The number of clusters is uncertain: {chosen.n_components} was chosen, and "
                f"modularity favors {chosen.n_by_modularity}. Natural numbers (levels_) are "
                f"{levels}; compare them with merge_to, or pass n_components or resolution."
            ), UserWarning
    if np.median(counts) < _TINY_CLUSTER:
        return (
            f"Most of the {n_found} clusters have fewer than {_TINY_CLUSTER} rows. If you want "
            "larger clusters, pass min_cluster_size or a smaller n_components, or use merge_to."
        ), UserWarning
    return "", UserWarning
