"""Statistics and costs that several tests of merging use."""

import numpy as np

from vmfmix.merging.costs import COSTS, Components, Scatter
from vmfmix.model.statistics import SufficientStatistics


def statistics_of(rows, labels):
    """Return the statistics of rows that each belong to one component."""
    indicator = np.equal.outer(np.arange(labels.max() + 1), labels).astype(float)
    counts = indicator.sum(axis=1)
    return SufficientStatistics(counts, indicator @ rows, 0.0, counts.sum())


def cost_of(name, statistics, i, j):
    """Return the cost of merging components i and j."""
    lengths = np.linalg.norm(statistics.resultants, axis=1)
    first, second = (Components(statistics.counts[k], lengths[k]) for k in (i, j))
    inner = statistics.resultants[i] @ statistics.resultants[j]
    return float(COSTS[name].function(first, second, inner, Scatter.from_statistics(statistics)))
