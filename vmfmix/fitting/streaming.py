"""Stepwise EM for `partial_fit`: rows that arrive in batches.

The first rows are stored, and the mixture is fitted to all of them again each time their number has
doubled, since a few rows do not show where the clusters are. After that, each batch moves the
running sums over rows toward its own sums, and is not stored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vmfmix.distribution import mean_resultant_length
from vmfmix.fitting.earlier_rows import with_new_components
from vmfmix.fitting.new_clusters import NewRows
from vmfmix.fitting.novelty import NO_NOVELTY, Novelty
from vmfmix.model.matrices import scaled_rows, stacked
from vmfmix.model.statistics import (
    ConcentrationPrior,
    FloatArray,
    MixtureParameters,
    SufficientStatistics,
    maximize,
)

# Exponent of the step size: above ½ for convergence; at 1, all rows would count equally.
_FORGETTING = 0.7
_MAX_UNLIKE = 12_000  # rows that are unlike every cluster and kept, as many as merging samples


@dataclass(frozen=True)
class Stream:
    """The rows of a stream so far, or their running sums.

    Parameters
    ----------
    capacity : int
        Maximum number of rows that are kept.
    n_rows : int
        Number of rows seen so far.
    kept : tuple of (rows, sample weights)
        The batches so far, while rows are kept.
    keeps : bool
        Whether rows are kept.
    next_fit : int
        Number of rows at which the mixture is fitted to all of them.
    statistics : SufficientStatistics or None
        Running sums on the scale of all rows so far; None before the first fit.
    prior : ConcentrationPrior or None
        Of the last fit.
    weight_of_fit : float
        Total weight of the rows of the last fit.
    copies : float
        Number of copies of a row that a weight of 1 represents.
    novelty : Novelty
        Numbers of rows that are unlike every cluster.
    unlike : tuple of NewRows
        The last of such rows, batch by batch, if new clusters are searched among them.
    """

    capacity: int
    n_rows: int = 0
    kept: tuple[tuple[Any, FloatArray], ...] = ()
    keeps: bool = True
    next_fit: int = 1
    statistics: SufficientStatistics | None = None
    prior: ConcentrationPrior | None = None
    weight_of_fit: float = 1.0
    copies: float = 1.0
    novelty: Novelty = NO_NOVELTY
    unlike: tuple[NewRows, ...] = ()

    @classmethod
    def after_fit(
        cls,
        parameters: MixtureParameters,
        n_rows: int,
        *,
        weight: float = 0.0,
        prior: ConcentrationPrior | None = None,
        copies: float = 1.0,
        novelty: Novelty = NO_NOVELTY,
    ) -> Stream:
        """Return the stream that continues a fit, with the sums that yield its parameters."""
        weight = weight or float(n_rows)
        counts = weight * parameters.weights
        lengths = mean_resultant_length(parameters.concentrations, parameters.means.shape[1])
        if prior is None:
            lengths *= counts
        else:
            lengths = (counts + prior.count) * lengths - prior.resultant_length
        lengths = np.clip(lengths, 0.0, counts)
        statistics = SufficientStatistics(
            counts, scaled_rows(parameters.means, lengths), 0.0, weight
        )
        return cls(
            0,
            n_rows,
            keeps=False,
            statistics=statistics,
            prior=prior,
            weight_of_fit=weight,
            copies=copies,
            novelty=novelty,
        )

    def with_batch(self, rows: Any, weights: FloatArray) -> Stream:
        """Return the stream with one more batch, but without its sums."""
        n_rows = self.n_rows + rows.shape[0]
        kept = (*self.kept, (rows, weights)) if self.keeps else ()
        return replace(self, n_rows=n_rows, kept=kept)

    def all_rows(self) -> tuple[Any, FloatArray]:
        """Return all rows that are kept, and their weights."""
        rows, weights = zip(*self.kept)
        return stacked(rows), np.concatenate(weights)

    @property
    def needs_fit(self) -> bool:
        """Whether it is time to fit the mixture to all rows that are kept."""
        return self.keeps and self.n_rows >= min(self.next_fit, self.capacity)

    def with_fit(
        self,
        statistics: SufficientStatistics,
        prior: ConcentrationPrior | None,
        copies: float,
        novelty: Novelty,
    ) -> Stream:
        """Return the stream after a fit to all of its rows; a full stream stops keeping rows."""
        keeps = self.n_rows < self.capacity
        return replace(
            self,
            kept=self.kept if keeps else (),
            keeps=keeps,
            next_fit=2 * self.n_rows,
            statistics=statistics,
            prior=prior,
            weight_of_fit=statistics.weight,
            copies=copies,
            novelty=novelty,
            unlike=(),
        )

    def with_unlike(self, batch: NewRows) -> Stream:
        """Return the stream with the unlike rows of one more batch; the oldest ones are dropped."""
        unlike = (*self.unlike, batch)
        while len(unlike) > 1 and sum(len(each.weights) for each in unlike) > _MAX_UNLIKE:
            unlike = unlike[1:]
        return replace(self, unlike=unlike)

    def with_clusters(self, new: SufficientStatistics, has_background: bool) -> Stream:
        """Return the stream with new clusters, whose rows are among those seen so far."""
        statistics = with_new_components(self._sums(), new, has_background)
        scaled = statistics.scaled(statistics.weight / statistics.counts.sum())
        return replace(self, statistics=replace(scaled, weight=statistics.weight), unlike=())

    def moved_toward(self, batch: SufficientStatistics) -> Stream:
        """Return the stream after adding the sums of a batch [1]_.

        Per row, s ← (1 − γ) s + γ s', with γ = (weight of the batch / weight of all rows)^0.7:
        responsibilities that were computed with old parameters are forgotten.

        References
        ----------
        .. [1] O. Cappé, E. Moulines (2009). On-line expectation-maximization algorithm for latent
           data models. Journal of the Royal Statistical Society B 71 (3), 593-613.
        """
        if batch.weight == 0:
            return self
        before = self._sums()
        weight = before.weight + batch.weight
        step = (batch.weight / weight) ** _FORGETTING
        statistics = before.scaled((1.0 - step) * weight / before.weight)
        statistics = statistics + batch.scaled(step * weight / batch.weight)
        return replace(self, statistics=replace(statistics, weight=weight))

    def parameters(
        self, concentration: str | float, has_background: bool = False, own_share: float = 1.0
    ) -> tuple[MixtureParameters, ConcentrationPrior | None]:
        """Return the mixture that the running sums yield, and its prior.

        Parameters
        ----------
        concentration : {"pooled", "free", "tied"} or float
        has_background : bool, default=False
        own_share : float, default=1.0
            See `ConcentrationPrior.pooled`.
        """
        prior = None
        if concentration in ("free", "pooled"):
            prior = self._grown_prior(has_background, own_share)
        parameters = maximize(
            self._sums(),
            concentration="free" if prior else concentration,
            prior=prior,
            has_background=has_background,
        )
        return parameters, prior

    def _grown_prior(self, has_background: bool, own_share: float) -> ConcentrationPrior:
        """Return the prior of the last fit, with pseudo-rows that grow in proportion to the counts.

        A component of average size then takes the same share of its concentration from its own
        rows as before.
        """
        statistics = self._sums()
        if self.prior is None:
            own = slice(None, len(statistics.counts) - has_background)
            return ConcentrationPrior.pooled(statistics.selected(own), own_share)
        minimum = ConcentrationPrior.MIN_COUNT
        growth = statistics.weight / self.weight_of_fit
        return replace(self.prior, count=minimum + (self.prior.count - minimum) * growth)

    def _sums(self) -> SufficientStatistics:
        assert self.statistics is not None, "the stream has sums after the first fit"
        return self.statistics
