"""Components in a given order: those of known labels or given means first, then all others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from vmfmix.engines.known_rows import KnownRowsEngine
from vmfmix.model.matrices import as_array, inner_products, scaled_rows, stacked
from vmfmix.model.statistics import FloatArray, MixtureParameters, SufficientStatistics


def components_of_labels(
    statistics: SufficientStatistics, engine: KnownRowsEngine
) -> SufficientStatistics:
    """Put the components that hold most rows of each known label first.

    Parameters
    ----------
    statistics : SufficientStatistics
        Of merged components.
    engine : KnownRowsEngine

    Returns
    -------
    SufficientStatistics
        With at least as many components as there are labels; see `first_components`.
    """
    nearest = engine.all_rows.assign(MixtureParameters.nearest(statistics.directions)).labels
    known = engine.used_rows[engine.labels[engine.used_rows] >= 0]
    numbers = np.zeros((len(engine.sums.counts), len(statistics.counts)))
    np.add.at(numbers, (engine.labels[known], nearest[known]), 1.0)
    return first_components(statistics, engine.sums.directions, numbers)


def components_of_means(
    statistics: SufficientStatistics, means: FloatArray
) -> SufficientStatistics:
    """Put the components that are nearest to each of some means first; see `first_components`."""
    nearest = inner_products(means, statistics.directions).argmax(axis=1)
    return first_components(statistics, means, np.eye(len(statistics.counts))[nearest])


def first_components(
    statistics: SufficientStatistics, directions: Any, numbers: FloatArray
) -> SufficientStatistics:
    """Give each of some classes a component of its own, and put these components first.

    A class gets the component that holds most of its rows. If it is the same for several classes,
    it is divided among them: each part has the mean direction of its class.

    Parameters
    ----------
    statistics : SufficientStatistics
    directions : ndarray or CSR array of shape (n_classes, n_features)
        The mean directions of the classes.
    numbers : ndarray of shape (n_classes, n_components)
        Number of rows of each class in each component.

    Returns
    -------
    SufficientStatistics
        Component c is that of class c; components of no class follow in the old order.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.fitting.first_components import first_components
    >>> from vmfmix.model.statistics import SufficientStatistics
    >>> statistics = SufficientStatistics(np.array([4.0, 6.0]), 3.0 * np.eye(2), 0.0, 10.0)
    >>> numbers = np.array([[0, 1], [0, 2]])  # both classes are in component 1
    >>> first_components(statistics, np.array([[0.6, 0.8], [0, 1]]), numbers).counts
    array([2., 4., 4.])
    """
    owners, sizes = numbers.argmax(axis=1), numbers.sum(axis=1)
    n_classes, n_components = numbers.shape
    shares = sizes / np.bincount(owners, sizes)[owners]  # 1 for a class with a component of its own
    parts = scaled_rows(directions, shares * statistics.lengths[owners])
    if not sp.issparse(statistics.resultants):
        parts = as_array(parts)
    others = np.setdiff1d(np.arange(n_components), owners)
    is_alone = np.bincount(owners)[owners] == 1
    # Numbers of components, and after them those of the parts, in the new order.
    chosen = np.where(is_alone, owners, n_components + np.arange(n_classes))
    order = np.concatenate([chosen, others])
    counts = np.concatenate([statistics.counts, shares * statistics.counts[owners]])
    return replace(
        statistics,
        counts=counts[order],
        resultants=stacked([statistics.resultants, parts])[order],
    )
