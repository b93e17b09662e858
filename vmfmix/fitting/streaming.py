"""Rows that come once, batch by batch: what is remembered of them, and stepwise EM.

The first rows are kept, and the mixture is fitted to all of them anew each time their number has
doubled: where clusters are cannot be told from the first few. From then on a batch moves the
running sums over rows towards its own, and is forgotten.
"""

from dataclasses import dataclass, replace

import numpy as np

from vmfmix.distribution import mean_resultant_length
from vmfmix.model.matrices import scaled_rows, stacked
from vmfmix.model.statistics import ConcentrationPrior, SufficientStatistics, maximize

_FORGETTING = 0.7  # above ½ for convergence; at 1 all rows since the start would count alike


@dataclass(frozen=True)
class Stream:
    """What is remembered of the rows that were seen.

    Parameters
    ----------
    capacity : int
        Most rows that are kept.
    n_rows : int
        That were seen.
    kept : tuple of (rows, sample weights)
        While they are kept: all of them, by batches.
    keeps : bool
    next_fit : int
        Number of rows from which on the mixture is fitted to all of them.
    statistics : SufficientStatistics or None
        Running sums, as of all rows that were seen; None before the first fit.
    prior : ConcentrationPrior or None
        Of the last fit.
    weight_of_fit : float
        Of the rows of the last fit.
    copies : float
        That a row of weight 1 counts as.
    """

    capacity: int
    n_rows: int = 0
    kept: tuple = ()
    keeps: bool = True
    next_fit: int = 1
    statistics: SufficientStatistics | None = None
    prior: ConcentrationPrior | None = None
    weight_of_fit: float = 1.0
    copies: float = 1.0

    @classmethod
    def after(cls, parameters, n_rows, *, weight=None, prior=None, copies=1.0):
        """The stream behind a fit, whose sums are those that lead to its parameters."""
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
        )

    def with_rows(self, rows, weights):
        """The stream after one more batch, whose sums are still to be added."""
        n_rows = self.n_rows + rows.shape[0]
        kept = (*self.kept, (rows, weights)) if self.keeps else ()
        return replace(self, n_rows=n_rows, kept=kept)

    def all_rows(self):
        """All rows that were kept, and their weights."""
        rows, weights = zip(*self.kept)
        return stacked(rows), np.concatenate(weights)

    @property
    def wants_fit(self):
        """Whether the mixture is to be fitted to all rows that were kept."""
        return self.keeps and self.n_rows >= min(self.next_fit, self.capacity)

    def fitted(self, statistics, prior, copies):
        """The stream after such a fit; once there are enough rows, they are kept no longer."""
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
        )

    def moved(self, batch):
        """The stream after the sums of a batch were added [1]_.

        Per row, s ← (1 − γ) s + γ s', with γ = (weight of the batch / weight of all rows)^0.7:
        what was said of a row with parameters of long ago is forgotten.

        References
        ----------
        .. [1] O. Cappé, E. Moulines (2009). On-line expectation-maximization algorithm for latent
           data models. Journal of the Royal Statistical Society B 71 (3), 593-613.
        """
        assert self.statistics is not None
        if batch.weight == 0:
            return self
        weight = self.statistics.weight + batch.weight
        step = (batch.weight / weight) ** _FORGETTING
        before = self.statistics.scaled((1.0 - step) * weight / self.statistics.weight)
        statistics = replace(before + batch.scaled(step * weight / batch.weight), weight=weight)
        return replace(self, statistics=statistics)

    def prior_now(self, concentration, has_background, own_share):
        """The prior of the last fit, with pseudo-rows that grow as the counts do, or None.

        So a component of mean size takes the same share of its concentration from its own rows.
        """
        if concentration not in ("free", "pooled"):
            return None
        assert self.statistics is not None
        if self.prior is None:
            own = slice(None, len(self.statistics.counts) - has_background)
            return ConcentrationPrior.pooled(self.statistics.selected(own), own_share)
        least = ConcentrationPrior.count
        growth = self.statistics.weight / self.weight_of_fit
        return replace(self.prior, count=least + (self.prior.count - least) * growth)

    def parameters(self, concentration, has_background=False, own_share=1.0):
        """The mixture that the running sums make, and its prior."""
        prior = self.prior_now(concentration, has_background, own_share)
        parameters = maximize(
            self.statistics,
            concentration="free" if prior else concentration,
            prior=prior,
            has_background=has_background,
        )
        return parameters, prior
