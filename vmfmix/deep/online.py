"""A mixture that follows embeddings while they are learned: its state is sufficient statistics.

Once in a while it is fitted to a bank of embeddings by the package's own engine, as every
VMFMixture is; from batch to batch its statistics are moved by stepwise EM [1]_. Mean directions
and weights are made of these sums, so nothing here is learned by gradients.

References
----------
.. [1] O. Cappé, E. Moulines (2009). On-line expectation-maximization algorithm for latent data
   models. Journal of the Royal Statistical Society B 71 (3), 593-613.
"""

import numpy as np
import torch
from torch import distributed, nn
from torch.nn import functional

from vmfmix.distribution import concentration
from vmfmix.engines.choice import choose_engine
from vmfmix.merging.pairs import groups_after, merge_components
from vmfmix.mixture import VMFMixture
from vmfmix.model.statistics import MixtureParameters, SufficientStatistics

_LARGEST_LENGTH = 1.0 - 1e-4  # mean resultant length, beyond which a concentration says nothing
_COHERENT = 0.45  # cosine of means from which on two clusters may be one
_FEWEST_PER_DIMENSION = 5.0  # rows of a cluster, from which on it may merge


class OnlineVMFMixture(nn.Module):
    """A von Mises-Fisher mixture in buffers, with one concentration.

    Parameters
    ----------
    dim : int
        Of the embeddings.
    largest_concentration : float, default=20.0
        κ of responsibilities is at most this. What maximizes the likelihood in hundreds of
        dimensions is far sharper than what learning can use.
    top_m : int or None, default=5
        Responsibilities of all but the m most probable components are 0; 1: hard assignment, None:
        all count.
    learned_weights : bool, default=False
        Whether responsibilities use the weights of the components. Equal ones keep large clusters
        from growing for no other reason than that they are large.

    Attributes
    ----------
    counts : Tensor of shape (n_components,)
        Share of the rows of each component.
    resultants : Tensor of shape (n_components, dim)
        Σ_i r_ik z_i / n.
    concentration : Tensor of shape ()
        κ, of the last `fit_` or `merge_`, in the effective dimension of the scatter.
    effective_dimension : Tensor of shape ()
        Directions in which embeddings scatter within clusters, at the last `fit_`.

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

    def __init__(self, dim, *, largest_concentration=20.0, top_m=5, learned_weights=False):
        super().__init__()
        self.largest_concentration = largest_concentration
        self.top_m, self.learned_weights = top_m, learned_weights
        self.register_buffer("counts", torch.zeros(0))
        self.register_buffer("resultants", torch.zeros(0, dim))
        self.register_buffer("concentration", torch.tensor(0.0))
        self.register_buffer("effective_dimension", torch.tensor(float(dim)))

    @property
    def n_components(self):
        """Number of components; 0 before the first fit."""
        return len(self.counts)

    @property
    def means(self):
        """Mean directions, unit rows of shape (n_components, dim)."""
        return functional.normalize(self.resultants, dim=1)

    @property
    def weights(self):
        """Weights of shape (n_components,), which sum to 1."""
        return self.counts / self.counts.sum()

    @torch.no_grad()
    def forward(self, embeddings):
        """Responsibilities of the components for unit rows, shape (batch, n_components)."""
        with torch.autocast(embeddings.device.type, enabled=False):
            logits = self.concentration * (embeddings.float() @ self.means.T)
        if self.learned_weights:
            logits = logits + self.weights.log()
        if self.top_m is None or self.top_m >= self.n_components:
            return logits.softmax(dim=1)
        highest, places = logits.topk(self.top_m, dim=1)
        return torch.zeros_like(logits).scatter_(1, places, highest.softmax(dim=1))

    @torch.no_grad()
    def update(self, embeddings, responsibilities, step):
        """Move the statistics towards those of a batch: s ← (1 − η) s + η s'.

        In a torch.distributed group, the batch is that of all processes.

        Parameters
        ----------
        embeddings : Tensor of shape (batch, dim)
            Unit rows.
        responsibilities : Tensor of shape (batch, n_components)
        step : float
            η, from 0 to 1. Batch size / number of training rows remembers about one epoch.
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
    def fit_(self, bank, n_components="auto", *, max_rows=None, cut=None, **options):
        """Fit to embeddings anew, as a VMFMixture does, and take over its statistics.

        Parameters
        ----------
        bank : Tensor of shape (n_rows, dim)
        n_components : int or "auto", default="auto"
        max_rows : int, default=None
            Mean directions are fitted to so many random rows; statistics are those of all.
        cut : callable, default=None
            What number of components to take over from the merge path, given the number found;
            None: the same.
        **options
            Of `VMFMixture`: n_components_init, merge, selection, random_state, …

        Returns
        -------
        VMFMixture
            With the number of components that was found.
        """
        rows = bank.detach().float().cpu().numpy()
        some = rows
        if max_rows is not None and len(rows) > max_rows:
            draw = np.random.default_rng(options.get("random_state"))
            some = rows[np.sort(draw.choice(len(rows), max_rows, replace=False))]
        model = VMFMixture(n_components, **options).fit(some)
        taken = model
        if cut is not None:
            most = model.merge_history_.n_components_init
            taken = model.merge_to(min(cut(model.n_components_), most))
        nearest = MixtureParameters.nearest(taken.means_)
        statistics = choose_engine(rows).accumulate(nearest, hard=True)
        isotropy = np.nan_to_num(getattr(model, "isotropy_", np.nan), nan=1.0)
        self.effective_dimension.fill_(max(round(isotropy * (rows.shape[1] - 1)), 2))
        self._take(statistics.selected(statistics.counts > 0).scaled(1.0 / statistics.weight))
        return model

    @torch.no_grad()
    def merge_(self, bank, n_components=None):
        """Merge components that explain embeddings little better than their union would.

        Each row of the bank belongs to the nearest mean: soft responsibilities would blur what two
        clusters differ by.

        Parameters
        ----------
        bank : Tensor of shape (n_rows, dim)
        n_components : int, default=None
            Merge down to this number, the pair first that loses least likelihood under one
            concentration. None: merge while the loss of the classification log-likelihood, with
            concentrations and weights of their own in the effective dimension p, is below what BIC
            charges for a component, ½ (p + 1) log n, and means are not far apart; components that
            have few rows wait.

        Returns
        -------
        int
            Number of components that are left.
        """
        rows = bank.detach().float().cpu().numpy()
        nearest = MixtureParameters.nearest(self.means.cpu().double().numpy())
        statistics = choose_engine(rows).accumulate(nearest, hard=True)
        if n_components is None:
            merges = self._merges_by_evidence(statistics, len(rows))
        else:
            held = np.flatnonzero(statistics.counts > 0)
            some = statistics.selected(held)
            merges = merge_components(some, min(n_components, len(held)))
            merges = [(held[i], held[j], cost) for i, j, cost in merges]
        if merges:
            self._take(self._statistics().merged(groups_after(merges, self.n_components)))
        return self.n_components

    def _merges_by_evidence(self, statistics, n_rows):
        """Merges that cost less than BIC charges for a component."""
        dim = int(self.effective_dimension)
        warm = np.flatnonzero(statistics.counts >= _FEWEST_PER_DIMENSION * dim)
        merges: list = []
        if len(warm) < 2:
            return merges
        price = 0.5 * (dim + 1.0) * np.log(n_rows)
        some = statistics.selected(warm)
        for i, j, cost in merge_components(some, 1, cost="icl", dim=dim):
            groups = groups_after(merges, len(warm))
            one, other = some.merged(groups).directions[groups[[i, j]]]
            if cost >= price or one @ other < _COHERENT:
                break
            merges.append((i, j, cost))
        return [(warm[i], warm[j], cost) for i, j, cost in merges]

    @torch.no_grad()
    def prune_(self, least=0.1):
        """Drop components whose weight is less than `least` of the mean one; returns how many."""
        keep = self.weights >= least / self.n_components
        if not keep.all():
            self.counts, self.resultants = self.counts[keep], self.resultants[keep]
        return int((~keep).sum())

    @torch.no_grad()
    def take_from_first(self):
        """Take over the mixture of the first process of a torch.distributed group, if there is one.

        So one process fits or merges for all, and all go on with the same.
        """
        if not (distributed.is_available() and distributed.is_initialized()):
            return
        number = self.counts.new_tensor(self.n_components, dtype=torch.int64)
        distributed.broadcast(number, 0)
        if len(self.counts) != number:
            self.counts = self.counts.new_empty(int(number))
            self.resultants = self.resultants.new_empty(int(number), self.resultants.shape[1])
        for part in self.buffers():
            distributed.broadcast(part, 0)

    def _statistics(self):
        """The buffers as the rest of the package knows them, of weight 1."""
        counts, resultants = (
            part.cpu().double().numpy() for part in (self.counts, self.resultants)
        )
        return SufficientStatistics(counts, resultants, 0.0, float(counts.sum()))

    def _take(self, statistics):
        """Take over statistics, and the concentration that goes with them."""
        like = self.resultants
        self.counts = like.new_tensor(statistics.counts)
        self.resultants = like.new_tensor(statistics.resultants)
        length = statistics.lengths.sum() / statistics.counts.sum()
        kappa = concentration(min(length, _LARGEST_LENGTH), int(self.effective_dimension))
        self.concentration.fill_(min(float(kappa), self.largest_concentration))

    def _load_from_state_dict(self, state_dict, prefix, *arguments):
        """Take buffers of any number of components."""
        for name in ("counts", "resultants"):
            if prefix + name in state_dict:
                setattr(self, name, getattr(self, name).new_empty(state_dict[prefix + name].shape))
        super()._load_from_state_dict(state_dict, prefix, *arguments)
