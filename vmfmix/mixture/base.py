"""What all methods of the estimator share: rows and engines, fitted attributes, private state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
from vmfmix.engines.row_sums import sums_by_number
from vmfmix.engines.rows.tensors import is_tensor
from vmfmix.fitting.changes import ClusterChange
from vmfmix.fitting.missing_attributes import ExplainsMissingAttributes
from vmfmix.fitting.progress import Progress
from vmfmix.fitting.progress_lines import ProgressLines
from vmfmix.fitting.state import EstimatorState, LastFit, shared_options
from vmfmix.fitting.typicality import (
    densities_of_clusters,
    left_out_sample,
    reference_densities,
    tempered,
    typicality,
)
from vmfmix.fitting.validation import validate_rows
from vmfmix.merging.history import MergeHistory
from vmfmix.mixture.missing_attributes import MISSING_ATTRIBUTES
from vmfmix.model.matrices import as_array
from vmfmix.model.statistics import FloatArray, MixtureParameters, maximize
from vmfmix.neighbors.smoother import NeighborSmoother

Engines = tuple[Engine, Engine | None]
"""The engine of rows in the space of a mixture, and of the rows before they were smoothed."""


class MixtureBase(  # type: ignore[misc]  # scikit-learn has no types
    ExplainsMissingAttributes,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClusterMixin,
    BaseEstimator,
):
    """Base of `vmfmix.VMFMixture`, which documents the parameters and the fitted attributes."""

    _fitted_attribute = "means_"
    _missing_attributes = MISSING_ATTRIBUTES

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
    min_cluster_size: int
    verbose: int

    n_components_: int
    weights_: FloatArray
    means_: FloatArray
    concentrations_: FloatArray
    merge_history_: MergeHistory
    names_: NDArray[np.str_]
    notes_: NDArray[np.str_]
    noise_: NDArray[np.bool_]
    isotropy_: float
    probability_power_: float
    reference_densities_: NDArray[np.float32]
    unsmoothed_means_: FloatArray
    unsmoothed_concentration_: float
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
        *,
        known_labels: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the mixture."""
        raise NotImplementedError

    # --- rows and engines -------------------------------------------------------------------------

    def _validate_rows(self, X: Any, has_weights: bool = False, **options: Any) -> Any:
        """Return rows that an engine accepts."""
        if isinstance(X, SharedRowSource):
            return X.validated(lambda rows: self._validate_rows(rows, **options), has_weights)
        report = self._new_progress().report_rows
        X = prepare_rows(X, block_size=self.block_size, device=self.device, report=report)
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
            report=self._new_progress().report_rows,
        )

    def _engine_for_new_rows(self, X: Any) -> Engine:
        check_is_fitted(self)
        X = X.rows if isinstance(X, SharedRowSource) else X  # the rows of this process
        X = self._validate_rows(X, reset=False)
        device = device_of(X)
        if self._smooths:
            X = self.smoother_.transform(X)
        return self._make_engine(X, center=getattr(self, "center_", None), device=device)

    def _unsmoothed(self, X: Any) -> Engine | None:
        """Return the engine of new rows as they are; None if they would not be smoothed."""
        if not self._smooths:
            return None
        X = self._validate_rows(X, reset=False)
        return self._make_engine(X, device=device_of(X))

    def _assign(self, X: Any) -> Assignment:
        return self._engine_for_new_rows(X).assign(self._parameters())

    def _new_progress(self) -> Progress:
        """Return progress that is printed as `verbose` says, and reported to other listeners."""
        progress = Progress.of_context()
        if self.verbose:
            progress.add(ProgressLines(details=self.verbose > 1))
        return progress

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

    def _set_labels(
        self,
        assignment: Assignment,
        calibrated: FloatArray,
        unsmoothed: Engine | None = None,
    ) -> None:
        """Set the labels and their probabilities.

        Parameters
        ----------
        assignment : Assignment
            Of some rows.
        calibrated : ndarray of shape (n_rows,)
            Their probabilities under the mixture with the power that calibrates them.
        unsmoothed : Engine, default=None
            The engine of the same rows before they were smoothed, if they are.
        """
        self.labels_ = self._as_labels(assignment.labels)
        self.probabilities_ = calibrated
        if hasattr(self, "reference_densities_"):
            n_components = self.n_components_ + hasattr(self, "background_weight_")
            shares = self._typicality(assignment, unsmoothed)
            self.probabilities_ = tempered(calibrated, shares, n_components)

    def _set_references(
        self, assignment: Assignment, weight: float, unsmoothed: Engine | None = None
    ) -> None:
        """Set the densities that new rows are compared with; parameters as for `_set_labels`."""
        parameters = self._parameters()
        if unsmoothed is not None:
            clusters = self._as_clusters(assignment.labels)
            parameters = maximize(sums_by_number(unsmoothed, clusters, self.n_components_))
            self.unsmoothed_means_ = as_array(parameters.means)
            self.unsmoothed_concentration_ = float(parameters.concentrations[0])
            parameters = self._unsmoothed_parameters()
            assignment = unsmoothed.assign(parameters)
        sample = left_out_sample(parameters, assignment, weight)
        self.reference_densities_ = reference_densities(densities_of_clusters(parameters, sample))

    def _typicality(
        self, assignment: Assignment | None, unsmoothed: Engine | None = None
    ) -> FloatArray:
        """Return the typicality of rows; parameters as for `_set_labels`."""
        references = getattr(self, "reference_densities_", None)
        if references is None:
            raise ValueError(
                "This model has no densities of rows to compare with, as its clusters were changed "
                "without rows, or it was saved by an earlier version; pass X to the method that "
                "changed it, or fit again."
            )
        parameters = self._parameters()
        if unsmoothed is not None:
            parameters = self._unsmoothed_parameters()
            assignment = unsmoothed.assign(parameters)
        assert assignment is not None
        return typicality(densities_of_clusters(parameters, assignment), references)

    def _unsmoothed_parameters(self) -> MixtureParameters:
        """Return the mixture of the rows of the clusters before smoothing."""
        weights = self.weights_ / self.weights_.sum()
        concentrations = np.full(self.n_components_, self.unsmoothed_concentration_)
        return MixtureParameters(weights, self.unsmoothed_means_, concentrations)

    @property
    def _smooths(self) -> bool:
        """Whether the mixture refers to smoothed rows."""
        return hasattr(self, "smoother_") and self.smoother_.restart_ < 1

    def _as_clusters(self, components: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return component numbers with -1 for the background, which is the last component."""
        if not hasattr(self, "background_weight_"):
            return components
        return np.where(components == self.n_components_, np.int32(-1), components)

    def _as_labels(self, components: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return component numbers with -1 for the background and for clusters that are noise."""
        clusters = self._as_clusters(components)
        if "noise_" not in vars(self):
            return clusters
        is_cluster = np.append(~self.noise_, False)  # the last for the background, -1
        return np.where(is_cluster[clusters], clusters, np.int32(-1))

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

    def _engines(self, X: Any) -> Engines:
        """Return the engine of new rows in the space of the mixture, and of unsmoothed rows."""
        return self._engine_for_new_rows(X), self._unsmoothed(X)

    def _set_results(self, engines: Engines) -> Assignment:
        """Set all attributes that describe rows under the mixture, and return their components."""
        engine, unsmoothed = engines
        assignment = engine.assign(self._parameters())
        self._set_references(assignment, float(engine.n_rows), unsmoothed)
        self._set_labels(assignment, self._calibrated(engine.assign, assignment), unsmoothed)
        return assignment

    def _calibrated(
        self, assign: Callable[[MixtureParameters], Assignment], assignment: Assignment
    ) -> FloatArray:
        """Return the calibrated probabilities of labels, in another pass unless they stay."""
        parameters = self._calibrated_parameters()
        if parameters.power == 1.0:
            return assignment.probabilities
        return assign(parameters).probabilities

    def _calibrated_parameters(self) -> MixtureParameters:
        """Return the fitted mixture with the power that calibrates its responsibilities."""
        return replace(self._parameters(), power=getattr(self, "probability_power_", 1.0))


def device_of(X: Any) -> Any:
    """Return the device of a tensor; None for other rows, which choose no device."""
    return X.device if is_tensor(X) else None
