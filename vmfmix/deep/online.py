"""A von Mises-Fisher mixture that follows embeddings while they are learned.

Its state is sufficient statistics. From time to time it is fitted to a bank of embeddings, as any
VMFMixture is; after each batch, stepwise EM [1]_ updates the statistics. Mean directions and
weights are computed from these sums, so nothing here is learned by gradients.

References
----------
.. [1] O. Cappé, E. Moulines (2009). On-line expectation-maximization algorithm for latent data
   models. Journal of the Royal Statistical Society B 71 (3), 593-613.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import distributed, nn
from torch.nn import functional

from vmfmix.engines.choice import choose_engine
from vmfmix.merging.pairs import groups_after, merge_components
from vmfmix.mixture import VMFMixture
from vmfmix.model.statistics import (
    MixtureParameters,
    SufficientStatistics,
    pooled_concentration,
)

_LARGEST_LENGTH = 1.0 - 1e-4  # cap on the mean resultant length, so that κ stays finite
_LEAST_COSINE = 0.45  # means further apart than this never merge
_LEAST_ROWS_PER_DIMENSION = 5.0  # clusters with fewer rows are not merged by evidence


class OnlineVMFMixture(nn.Module):
    """A von Mises-Fisher mixture in buffers, with one shared concentration.

    Parameters
    ----------
    dim : int
        Dimension of the embeddings.
    largest_concentration : float, default=20.0
        Upper limit of the κ of the responsibilities. In hundreds of dimensions, the
        maximum-likelihood estimate is far too sharp to learn from.
    fixed_concentration : float, default=None
        κ of the responsibilities. None: the estimate, up to `largest_concentration`.
    top_m : int or None, default=5
        Responsibilities of all but the m most probable components are 0. 1: hard assignment; None:
        all components count.
    learned_weights : bool, default=False
        Whether responsibilities use the weights of the components. Equal weights keep large
        clusters from growing merely because they are large.

    Attributes
    ----------
    counts : Tensor of shape (n_components,)
        Share of the rows of each component.
    resultants : Tensor of shape (n_components, dim)
        Σ_i r_ik z_i / n.
    concentration : Tensor of shape ()
        κ as of the last `fit_` or `merge_`, in the effective dimension, unless it is fixed.
    effective_dimension : Tensor of shape ()
        Effective number of directions in which embeddings scatter within clusters, as of the last
        `fit_`.

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.online import OnlineVMFMixture
    >>> bank = torch.nn.functional.normalize(torch.randn(500, 16), dim=1)
    >>> mixture = OnlineVMFMixture(16)
    >>> model = mixture.fit_(bank, 4, random_state=0)
    >>> responsibilities = mixture(bank[:32])
    >>> responsibilities.shape
    torch.Size([32, 4])
    >>> mixture.update(bank[:32], responsibilities, step=0.1)
    """

    counts: torch.Tensor
    resultants: torch.Tensor
    concentration: torch.Tensor
    effective_dimension: torch.Tensor

    def __init__(
        self,
        dim: int,
        *,
        largest_concentration: float = 20.0,
        fixed_concentration: float | None = None,
        top_m: int | None = 5,
        learned_weights: bool = False,
    ) -> None:
        super().__init__()
        self.largest_concentration = largest_concentration
        self.fixed_concentration = fixed_concentration
        self.top_m, self.learned_weights = top_m, learned_weights
        self.register_buffer("counts", torch.zeros(0))
        self.register_buffer("resultants", torch.zeros(0, dim))
        self.register_buffer("concentration", torch.tensor(0.0))
        self.register_buffer("effective_dimension", torch.tensor(float(dim)))

    @property
    def n_components(self) -> int:
        """Number of components; 0 before the first fit."""
        return len(self.counts)

    @property
    def means(self) -> torch.Tensor:
        """Mean directions, unit rows of shape (n_components, dim)."""
        return functional.normalize(self.resultants, dim=1)

    @property
    def weights(self) -> torch.Tensor:
        """Weights of shape (n_components,), which sum to 1."""
        return self.counts / self.counts.sum()

    @torch.no_grad()
    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Return responsibilities of shape (batch, n_components) for unit rows."""
        with torch.autocast(embeddings.device.type, enabled=False):
            logits = self.concentration * (embeddings.float() @ self.means.T)
        if self.learned_weights:
            logits = logits + self.weights.log()
        if self.top_m is None or self.top_m >= self.n_components:
            return logits.softmax(dim=1)
        highest, components = logits.topk(self.top_m, dim=1)
        return torch.zeros_like(logits).scatter_(1, components, highest.softmax(dim=1))

    @torch.no_grad()
    def update(self, embeddings: torch.Tensor, responsibilities: torch.Tensor, step: float) -> None:
        """Move the statistics toward those of a batch: s ← (1 − η) s + η s'.

        In a torch.distributed group, the batches of all processes count as one.

        Parameters
        ----------
        embeddings : Tensor of shape (batch, dim)
            Unit rows.
        responsibilities : Tensor of shape (batch, n_components)
        step : float
            η, from 0 to 1. With batch size / number of training rows, the statistics average over
            about one epoch.
        """
        counts = responsibilities.sum(dim=0)
        with torch.autocast(embeddings.device.type, enabled=False):
            resultants = responsibilities.float().T @ embeddings.float()
        sums = torch.cat([counts[:, None], resultants], dim=1)
        size = sums.new_tensor(float(len(embeddings)))
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(sums)
            distributed.all_reduce(size)
        sums /= size
        self.counts.lerp_(sums[:, 0], step)
        self.resultants.lerp_(sums[:, 1:], step)

    @torch.no_grad()
    def fit_(
        self,
        bank: torch.Tensor,
        n_components: int | Literal["auto"] = "auto",
        *,
        max_rows: int | None = None,
        cut: Callable[[int], int] | None = None,
        **options: Any,
    ) -> VMFMixture:
        """Fit a VMFMixture to embeddings, and replace the statistics by those of its clusters.

        Parameters
        ----------
        bank : Tensor of shape (n_rows, dim)
        n_components : int or "auto", default="auto"
        max_rows : int, default=None
            Mean directions are fitted to at most this many random rows; statistics are those of all
            rows.
        cut : callable, default=None
            Given the estimated number of components, returns the number to use from the merge path;
            None: the estimated number.
        **options
            Parameters of `VMFMixture`: n_components_init, merge, selection, random_state, …

        Returns
        -------
        VMFMixture
            With the estimated number of components.
        """
        rows = bank.detach().float().cpu().numpy()
        sample = rows
        if max_rows is not None and len(rows) > max_rows:
            rng = np.random.default_rng(options.get("random_state"))
            sample = rows[np.sort(rng.choice(len(rows), max_rows, replace=False))]
        model = VMFMixture(n_components, **options).fit(sample)
        merged = model
        if cut is not None:
            most = model.merge_history_.n_components_init
            merged = model.merge_to(min(cut(model.n_components_), most))
        nearest = MixtureParameters.nearest(merged.means_)
        statistics = choose_engine(rows).accumulate(nearest, hard=True)
        isotropy = np.nan_to_num(getattr(model, "isotropy_", np.nan), nan=1.0)
        self.effective_dimension.fill_(max(round(isotropy * (rows.shape[1] - 1)), 2))
        nonempty = statistics.selected(statistics.counts > 0)
        self._replace_statistics(nonempty.scaled(1.0 / statistics.weight))
        return model

    @torch.no_grad()
    def merge_(self, bank: torch.Tensor, n_components: int | None = None) -> int:
        """Merge components that explain embeddings hardly better than their union.

        Each row of the bank is assigned to the nearest mean; soft responsibilities would blur the
        differences between clusters.

        Parameters
        ----------
        bank : Tensor of shape (n_rows, dim)
        n_components : int, default=None
            Merge down to this number, starting with the pair whose merge loses the least likelihood
            under one shared concentration. None: merge while the loss of classification
            log-likelihood, with separate concentrations and weights in the effective dimension p,
            is below the BIC penalty of a component, ½ (p + 1) log n, and the means are close.
            Components with fewer than 5 p rows are not merged.

        Returns
        -------
        int
            Remaining number of components.
        """
        rows = bank.detach().float().cpu().numpy()
        nearest = MixtureParameters.nearest(self.means.cpu().double().numpy())
        statistics = choose_engine(rows).accumulate(nearest, hard=True)
        if n_components is None:
            merges = self._merges_by_evidence(statistics, len(rows))
        else:
            nonempty = np.flatnonzero(statistics.counts > 0)
            merges = merge_components(
                statistics.selected(nonempty), min(n_components, len(nonempty))
            )
            merges = [(nonempty[i], nonempty[j], cost) for i, j, cost in merges]
        if merges:
            groups = groups_after(merges, self.n_components)
            self._replace_statistics(self._statistics().merged(groups))
        return self.n_components

    def _merges_by_evidence(
        self, statistics: SufficientStatistics, n_rows: int
    ) -> list[tuple[int, int, float]]:
        """Return the merges (i, j, cost) that cost less than the BIC penalty of a component."""
        dim = int(self.effective_dimension)
        large = np.flatnonzero(statistics.counts >= _LEAST_ROWS_PER_DIMENSION * dim)
        merges: list[tuple[int, int, float]] = []
        if len(large) < 2:
            return merges
        penalty = 0.5 * (dim + 1.0) * np.log(n_rows)
        candidates = statistics.selected(large)
        for i, j, cost in merge_components(candidates, 1, cost="icl", dim=dim):
            groups = groups_after(merges, len(large))
            one, other = candidates.merged(groups).directions[groups[[i, j]]]
            if cost >= penalty or one @ other < _LEAST_COSINE:
                break
            merges.append((i, j, cost))
        return [(large[i], large[j], cost) for i, j, cost in merges]

    @torch.no_grad()
    def prune_(self, least: float = 0.1) -> int:
        """Remove components with a small weight.

        Parameters
        ----------
        least : float, default=0.1
            Smallest weight to keep, as a share of the mean weight.

        Returns
        -------
        int
            Number of components removed.
        """
        is_kept = self.weights >= least / self.n_components
        if not is_kept.all():
            self.counts, self.resultants = self.counts[is_kept], self.resultants[is_kept]
        return int((~is_kept).sum())

    @torch.no_grad()
    def take_from_first(self) -> None:
        """Copy the mixture of the first process of a torch.distributed group, if there is a group.

        One process can thus fit or merge for all.
        """
        if not (distributed.is_available() and distributed.is_initialized()):
            return
        n_components = self.counts.new_tensor(self.n_components, dtype=torch.int64)
        distributed.broadcast(n_components, 0)
        if len(self.counts) != n_components:
            self.counts = self.counts.new_empty(int(n_components))
            self.resultants = self.resultants.new_empty(int(n_components), self.resultants.shape[1])
        for buffer in self.buffers():
            distributed.broadcast(buffer, 0)

    def _statistics(self) -> SufficientStatistics:
        """Return the buffers as SufficientStatistics of weight 1."""
        counts, resultants = (
            buffer.cpu().double().numpy() for buffer in (self.counts, self.resultants)
        )
        return SufficientStatistics(counts, resultants, 0.0, float(counts.sum()))

    def _replace_statistics(self, statistics: SufficientStatistics) -> None:
        """Replace the statistics, and set the concentration that maximizes their likelihood."""
        self.counts = self.resultants.new_tensor(statistics.counts)
        self.resultants = self.resultants.new_tensor(statistics.resultants)
        kappa = pooled_concentration(
            statistics.counts,
            statistics.lengths,
            int(self.effective_dimension),
            largest_length=_LARGEST_LENGTH,
        )
        if self.fixed_concentration is not None:
            kappa = self.fixed_concentration
        else:
            kappa = min(kappa, self.largest_concentration)
        self.concentration.fill_(kappa)

    def _load_from_state_dict(
        self, state_dict: dict[str, torch.Tensor], prefix: str, *arguments: Any
    ) -> None:
        """Load buffers for any number of components, by resizing them first."""
        for name in ("counts", "resultants"):
            if prefix + name in state_dict:
                setattr(self, name, getattr(self, name).new_empty(state_dict[prefix + name].shape))
        super()._load_from_state_dict(state_dict, prefix, *arguments)
