"""What all methods of the estimator share: rows and engines, fitted attributes, private state."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from vmfmix.engines.base import Assignment, Engine, SharedRowSource
from vmfmix.engines.choice import choose_engine, prepare_rows
from vmfmix.engines.rows.tensors import is_tensor
from vmfmix.fitting.changes import ClusterChange
from vmfmix.fitting.progress import RowProgress
from vmfmix.fitting.state import EstimatorState, LastFit, shared_options
from vmfmix.fitting.validation import validate_rows
from vmfmix.merging.history import MergeHistory
from vmfmix.model.matrices import as_array
from vmfmix.model.statistics import FloatArray, MixtureParameters
from vmfmix.neighbors.smoother import NeighborSmoother


class MixtureBase(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base of `vmfmix.VMFMixture`, which documents the parameters and the fitted attributes."""

    n_components: Any
    concentration: Any
    background: bool
    smooth: Any
    assignment: str
    n_components_init: int | None
    resolution: float
    merge: str | None
    max_iter: int
    tol: float
    device: Any
    block_size: int | None
    random_state: Any
    add_components: bool
    verbose: int

    n_components_: int
    weights_: FloatArray
    means_: FloatArray
    concentrations_: FloatArray
    merge_history_: MergeHistory
    isotropy_: float
    background_weight_: float
    smoother_: NeighborSmoother
    center_: FloatArray
    labels_: NDArray[np.int32]
    probabilities_: FloatArray
    lower_bound_: float
    lower_bounds_: FloatArray
    n_iter_: int
    converged_: bool
    n_samples_seen_: int
    changes_: list[ClusterChange]
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    _state: EstimatorState

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        checkpoint: Any = None,
    ) -> Self:
        """Fit the mixture."""
        raise NotImplementedError

    # --- rows and engines -------------------------------------------------------------------------

    def _validate_rows(self, X: Any, has_weights: bool = False, **options: Any) -> Any:
        """Return rows that an engine accepts."""
        if isinstance(X, SharedRowSource):
            return X.validated(lambda rows: self._validate_rows(rows, **options), has_weights)
        progress = RowProgress() if self.verbose else None
        X = prepare_rows(X, block_size=self.block_size, device=self.device, report=progress)
        return validate_rows(self, X, **options)

    def _make_engine(
        self,
        X: Any,
        sample_weight: FloatArray | None = None,
        center: FloatArray | None = None,
        device: Any = None,
    ) -> Engine:
        return choose_engine(
            X,
            sample_weight=sample_weight,
            center=center,
            block_size=self.block_size,
            device=device if self.device is None else self.device,
            report=RowProgress() if self.verbose else None,
        )

    def _engine_for_new_rows(self, X: Any) -> Engine:
        check_is_fitted(self)
        X = X.rows if isinstance(X, SharedRowSource) else X  # the rows of this process
        X = self._validate_rows(X, reset=False)
        device = device_of(X)
        if hasattr(self, "smoother_") and self.smoother_.restart_ < 1:
            X = self.smoother_.transform(X)
        return self._make_engine(X, center=getattr(self, "center_", None), device=device)

    def _assign(self, X: Any) -> Assignment:
        return self._engine_for_new_rows(X).assign(self._parameters())

    # --- state ------------------------------------------------------------------------------------

    @property
    def _private_state(self) -> EstimatorState:
        """The state; empty before the first fit."""
        return getattr(self, "_state", EstimatorState())

    def _last_fit(self) -> LastFit | None:
        """Return the last fit, rebuilt from fitted attributes if the model was loaded, or None."""
        last = self._private_state.last
        if last is not None or not hasattr(self, "means_"):
            return last
        return LastFit(
            self._parameters(),
            {**shared_options(self), "center": hasattr(self, "center_")},
            isotropy=getattr(self, "isotropy_", None),
            n_components=self.n_components_,
        )

    def _set_parameters(self, parameters: MixtureParameters) -> None:
        own = parameters.own
        self.weights_ = parameters.weights[own]
        self.means_ = as_array(parameters.means[own])
        self.concentrations_ = parameters.concentrations[own]
        self.n_components_ = len(self.weights_)
        if parameters.has_background:
            self.background_weight_ = float(parameters.weights[-1])

    def _set_assignment(self, assignment: Assignment) -> None:
        self.labels_ = self._as_labels(assignment.labels)
        self.probabilities_ = assignment.probabilities

    def _as_labels(self, components: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return component numbers with -1 for the background, which is the last component."""
        if not hasattr(self, "background_weight_"):
            return components
        return np.where(components == self.n_components_, np.int32(-1), components)

    def _parameters(self) -> MixtureParameters:
        """Return the fitted mixture with the background as its last component."""
        if not hasattr(self, "background_weight_"):
            return MixtureParameters(self.weights_, self.means_, self.concentrations_)
        return MixtureParameters(
            np.append(self.weights_, self.background_weight_),
            np.vstack([self.means_, np.eye(1, self.means_.shape[1])]),
            np.append(self.concentrations_, 0.0),
            has_background=True,
        )


def device_of(X: Any) -> Any:
    """Return the device of a tensor; None for other rows, which choose no device."""
    return X.device if is_tensor(X) else None
