"""Protocols of fitted models, for the annotations of inspection, plotting and reports.

`VMFMixture` implements them. Importing the estimator here would create an import cycle, since its
merge history is plotted by `vmfmix.plotting`.
"""

from typing import Any, Protocol, TypeAlias

import numpy as np

RowsLike: TypeAlias = Any  # array-like, CSR matrix or DataFrame of shape (n_samples, n_features)


class MergeRecord(Protocol):
    """Record of the merges of a fit, such as `vmfmix.merging.history.MergeHistory`."""

    @property
    def n_components_init(self) -> int:
        """Number of components before the first merge."""

    @property
    def children(self) -> np.ndarray:
        """Two merged nodes per merge, shape (n_merges, 2)."""

    @property
    def costs(self) -> np.ndarray:
        """Cost of each merge, shape (n_merges,)."""

    @property
    def rounds(self) -> np.ndarray:
        """Number of components after each round of merges, the initial number first."""

    @property
    def candidates(self) -> np.ndarray:
        """Numbers of components that were scored, shape (n_candidates,)."""

    @property
    def scores(self) -> np.ndarray:
        """Score of each candidate, shape (n_candidates,); greater is better."""

    @property
    def levels(self) -> np.ndarray:
        """Natural numbers of components, the chosen one first, shape (n_levels,)."""

    @property
    def strengths(self) -> np.ndarray:
        """Strength of each level, from 0 to 1, shape (n_levels,)."""


class FittedMixture(Protocol):
    """A fitted mixture.

    A fit with merging has ``merge_history_``, a `MergeRecord`, as well, and a model whose clusters
    have names has ``names_``, an array of str of shape (n_components_,); test for them with
    `hasattr`.
    """

    @property
    def n_components(self) -> Any:
        """Requested number of components, or ``"auto"``."""

    @property
    def n_components_(self) -> int:
        """Number of components found."""

    @property
    def n_features_in_(self) -> int:
        """Number of features of the rows of the fit."""

    @property
    def weights_(self) -> np.ndarray:
        """Weights of the components, shape (n_components_,)."""

    @property
    def means_(self) -> Any:
        """Unit mean directions, an array or CSR array of shape (n_components_, n_features_in_)."""

    @property
    def unsmoothed_means_(self) -> np.ndarray:
        """Mean directions before smoothing, of the shape of `means_`, if the model smooths rows."""

    @property
    def concentrations_(self) -> np.ndarray:
        """Concentrations of the components, shape (n_components_,)."""

    @property
    def labels_(self) -> np.ndarray:
        """Cluster of each row of the fit, -1 for the background, shape (n_samples,)."""

    def predict(self, X: RowsLike) -> np.ndarray:
        """Return the cluster of each row, -1 for the background, shape (n_samples,)."""

    def predict_proba(self, X: RowsLike) -> np.ndarray:
        """Return calibrated probabilities, the background last if the model has one."""

    def typicality(self, X: RowsLike) -> np.ndarray:
        """Return the share of the rows of the fit that are at most as typical."""

    def transform(self, X: RowsLike) -> np.ndarray:
        """Return cosines of rows and mean directions, shape (n_samples, n_components_)."""

    def merge_to(self, n_components: int) -> "FittedMixture":
        """Return the model at another number of components on its merge path."""


def smoother_of(model: FittedMixture) -> Any:
    """Return the smoother of a model that smooths rows, otherwise None."""
    smoother = getattr(model, "smoother_", None)
    return smoother if smoother is not None and smoother.restart_ < 1 else None
