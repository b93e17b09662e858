"""EM over new rows and the sums over earlier rows, which are no longer needed themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from vmfmix.distribution import log_normalizer
from vmfmix.engines.base import Engine
from vmfmix.model.matrices import as_array, row_products
from vmfmix.model.statistics import MixtureParameters, SufficientStatistics

_SMALLEST_COUNT = 1e-90  # so that EM drops no component, and numbers stay


def with_new_components(
    statistics: SufficientStatistics, new: SufficientStatistics, has_background: bool
) -> SufficientStatistics:
    """Return statistics with more components, placed before the background and after the others.

    Parameters
    ----------
    statistics, new : SufficientStatistics
        The weight stays that of `statistics`.
    has_background : bool

    Returns
    -------
    SufficientStatistics
    """
    place = len(statistics.counts) - has_background
    places = [place] * len(new.counts)
    resultants = as_array(statistics.resultants)
    return replace(
        statistics,
        counts=np.insert(statistics.counts, places, new.counts),
        resultants=np.insert(resultants, places, as_array(new.resultants), axis=0),
    )


class WithEarlierRows:
    """New rows, together with earlier rows whose responsibilities stay as they are.

    It takes the place of an engine in EM, which then is an incremental EM [1]_: its lower bound,
    up to the entropy of the responsibilities of the earlier rows, never decreases.

    Parameters
    ----------
    engine : Engine
        Holds the new rows.
    earlier : SufficientStatistics
        Sums over the earlier rows, with the components of the mixture.

    References
    ----------
    .. [1] R. Neal, G. Hinton (1998). A view of the EM algorithm that justifies incremental, sparse,
       and other variants. Learning in Graphical Models, 355-368.
    """

    def __init__(self, engine: Engine, earlier: SufficientStatistics) -> None:
        self._engine = engine
        self._earlier = replace(earlier, counts=np.maximum(earlier.counts, _SMALLEST_COUNT))

    def accumulate(
        self, parameters: MixtureParameters, *, hard: bool = False
    ) -> SufficientStatistics:
        """Return the sums over all rows: one E step for the new rows."""
        earlier, dim = self._earlier, parameters.means.shape[1]
        log_likelihood = earlier.counts @ parameters.offsets
        products = row_products(as_array(parameters.means), as_array(earlier.resultants))
        log_likelihood += parameters.concentrations @ products
        log_likelihood += earlier.counts.sum() * float(log_normalizer(0.0, dim))
        earlier = replace(earlier, log_likelihood=float(log_likelihood))
        return earlier + self._engine.accumulate(parameters, hard=hard)

    def broadcast(self, value: Any) -> Any:
        """Return the value; there is one process."""
        return value
