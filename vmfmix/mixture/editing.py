"""Other clusters from the same fit: along its merge path."""

from __future__ import annotations

from copy import copy
from numbers import Integral
from typing import Any, Self

from sklearn.utils.validation import check_is_fitted

from vmfmix.merging.isotropy import own_share
from vmfmix.merging.levels import Level
from vmfmix.mixture.base import MixtureBase
from vmfmix.model.statistics import ConcentrationPrior, maximize


class Editing(MixtureBase):
    """Methods of `vmfmix.VMFMixture` that return a fitted model with other clusters."""

    def merge_to(self, n_components: int, X: Any = None) -> Self:
        """Return the same fit at another number of components on its merge path.

        Parameters
        ----------
        n_components : int
            From 1 (with ``n_components="auto"``; otherwise from the number that was fitted) to
            ``merge_history_.n_components_init``.
        X : {array-like, CSR matrix} of shape (n_samples, n_features), default=None
            Rows to label in one pass, usually those of `fit`.

        Returns
        -------
        VMFMixture
            A fitted copy, without `lower_bound_` and `lower_bounds_` since EM did not run. Without
            `X`, it has neither `labels_` nor `probabilities_`.

        Raises
        ------
        ValueError
            If `n_components` is not an integer or not on the path, or if there is no path because
            nothing was merged.

        Examples
        --------
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> X = load_snips().data
        >>> model = VMFMixture(random_state=0).fit(X)
        >>> coarse = model.merge_to(3, X)
        >>> coarse.n_components_, coarse.labels_.max()
        (3, np.int32(2))
        """
        check_is_fitted(self)
        if not isinstance(n_components, Integral):
            raise ValueError(f"n_components={n_components!r} is not allowed; pass an integer.")
        if not hasattr(self, "merge_history_"):
            raise ValueError(
                "This fit merged no components, or was saved with history=False, so it has no "
                'other numbers of components; fit again with n_components="auto".'
            )
        statistics = self.merge_history_.statistics(n_components)
        prior, concentration = None, self.concentration
        if concentration in ("free", "pooled"):
            share = own_share(getattr(self, "isotropy_", None))
            prior, concentration = ConcentrationPrior.pooled(statistics, share), "free"
        parameters = maximize(statistics, concentration=concentration, prior=prior)
        model = copy(self)
        model.n_components, model.resolution = int(n_components), 1.0
        for name in (
            "_state",
            "labels_",
            "probabilities_",
            "changes_",
            "lower_bound_",
            "lower_bounds_",
        ):
            model.__dict__.pop(name, None)
        model.n_iter_, model.converged_ = 0, False
        model._set_parameters(parameters)
        if hasattr(self, "background_weight_"):
            model.weights_ = model.weights_ * (1.0 - self.background_weight_)
        if X is not None:
            model._set_assignment(model._assign(X))
        return model

    @property
    def levels_(self) -> list[Level]:
        """Natural numbers of clusters, the chosen one first."""
        history = getattr(self, "merge_history_", None)
        if history is None or len(history.levels) == 0:
            raise AttributeError(
                'levels_ exists only after a fit with n_components="auto", which compares numbers, '
                "and not if the model was saved with history=False."
            )
        pairs = zip(history.levels.tolist(), history.strengths.tolist(), strict=True)
        return [Level(*pair) for pair in pairs]
