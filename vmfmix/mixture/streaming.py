"""A mixture that follows a stream of rows, batch by batch."""

from __future__ import annotations

import sys
from copy import copy
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if

from vmfmix.engines.base import Engine, RowSource
from vmfmix.engines.rows.tensors import is_tensor
from vmfmix.fitting.new_clusters import NewClusters, NewRows, find_new_clusters
from vmfmix.fitting.outcome import warn_about_novelty, warn_about_zero_rows
from vmfmix.fitting.sklearn_compat import validate_parameters_before
from vmfmix.fitting.start import default_n_components_init, merge_sample_size
from vmfmix.fitting.state import EstimatorState
from vmfmix.fitting.streaming import Stream
from vmfmix.fitting.validation import (
    restored_on_failure,
    validate_parameters,
    validate_sample_weight,
)
from vmfmix.merging.isotropy import own_share
from vmfmix.mixture.annotations import Annotation, annotations_of, set_annotations
from vmfmix.mixture.base import MixtureBase
from vmfmix.model.statistics import FloatArray, MixtureParameters


def can_learn_from_new_rows(estimator: MixtureBase) -> bool:
    """Return True, or raise AttributeError if the estimator smooths rows."""
    if estimator.smooth or hasattr(estimator, "smoother_"):
        raise AttributeError(
            "partial_fit and update cannot smooth rows, whose neighbors are in all batches; pass "
            "smooth=False and fit again, or fit a NeighborSmoother to a sample and pass rows that "
            "its transform returns."
        )
    return True


class Streaming(MixtureBase):
    """Methods of `vmfmix.VMFMixture` that update the mixture with new rows."""

    @available_if(can_learn_from_new_rows)
    @validate_parameters_before
    def partial_fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Update the mixture with one batch of rows by stepwise EM [1]_.

        The first rows are stored, as many as merging uses (12,000, or 20 for each component that it
        starts from), and the mixture is fitted to all of them again each time their number has
        doubled. After that, clusters keep their positions in `means_`, and a batch moves the
        running sums over rows toward its own sums by the share (weight of the batch / weight of all
        rows)^0.7. After `fit`, or on a loaded model, batches update the fitted mixture directly.
        Pass rows in random order, in batches of a few hundred or more.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : VMFMixture
            `labels_` and `probabilities_` are those of this batch, and `lower_bound_` is its mean
            log density before the update. If the mixture was fitted to all rows again,
            `lower_bound_` and the other attributes are those of that fit. New clusters of
            ``add_components=True`` get the next numbers.

        Raises
        ------
        ValueError
            As for `fit`, or if `X` is a source of blocks, or if the first batch has too few rows.
            The model is then unchanged.

        Warns
        -----
        UserWarning
            If rows are no longer stored and many of the last ones are unlike every cluster: more
            than twice as many as of the earlier rows are in the background, or are as improbable as
            the lowest 1%, 5% or 20% of the earlier rows. They move existing clusters. With
            ``add_components=True``, the last unlike rows, at most 12,000, are searched for new
            clusters as in `update`, and the warning is only given if there are none. A stream in
            random order causes it with a probability of about 1 in 1000, however long it is.

        References
        ----------
        .. [1] O. Cappé, E. Moulines (2009). On-line expectation-maximization algorithm for latent
           data models. Journal of the Royal Statistical Society B 71 (3), 593-613.

        Examples
        --------
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> model = VMFMixture(7, random_state=0)
        >>> for batch in load_snips().data.reshape(7, 500, -1):
        ...     model = model.partial_fit(batch)
        >>> model.n_samples_seen_, len(model.labels_)
        (3500, 500)
        """
        validate_parameters(self)
        with restored_on_failure(self, "n_features_in_", "feature_names_in_"):
            is_first = not hasattr(self, "means_")
            X = self._validate_rows(X, reset=is_first, ensure_min_features=2 if is_first else 1)
            if isinstance(X, RowSource):
                raise ValueError(
                    "partial_fit takes one batch of rows at a time; call it for each block of X."
                )
            weights = np.ones(X.shape[0])
            if sample_weight is not None:
                weights = validate_sample_weight(sample_weight, X)
            stream = self._stream_so_far()
            stream = stream.with_batch(_copy_of_batch(X) if stream.keeps else X, weights)
            if stream.needs_fit:
                self._fit_stream(stream, n_batch=X.shape[0])
            elif stream.statistics is None:
                raise ValueError(
                    f"The first batch has {X.shape[0]} rows, fewer than the {stream.next_fit} "
                    "components to start with; pass a larger first batch."
                )
            else:
                self._step(stream, X, weights)
        self._state = replace(self._state, interrupted=None)
        return self

    def _stream_so_far(self) -> Stream:
        """Return the stream of `partial_fit`, or a new one that continues the last fit, if any."""
        stream, last = self._private_state.stream, self._last_fit()
        if stream is not None:
            return stream
        if last is not None:
            return Stream.after_fit(
                self._parameters(),
                self.n_samples_seen_,
                weight=last.weight,
                prior=last.prior,
                copies=last.copies,
                novelty=last.novelty,
            )
        n_init = self.n_components_init
        n_start = n_init or default_n_components_init(self.n_components, sys.maxsize)
        n_needed = max(
            1 if self.n_components == "auto" else self.n_components,
            1 if n_init is None else n_init,
        )
        return Stream(capacity=merge_sample_size(n_start), next_fit=int(n_needed))

    def _fit_stream(self, stream: Stream, n_batch: int) -> None:
        """Fit the mixture to all rows that the stream has stored."""
        rows, weights = stream.all_rows()
        model = copy(self).set_params(warm_start=False)
        model.fit(rows, sample_weight=None if (weights == 1.0).all() else weights)
        last = model._last_fit()
        assert last is not None
        engine = model._make_engine(rows, last.copies * weights, getattr(model, "center_", None))
        statistics = engine.accumulate(model._parameters(), hard=self.assignment == "hard")
        names = vars(self).get("feature_names_in_")  # the rows of a stream have no column names
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        for name in [name for name in vars(model) if name.endswith("_")]:
            setattr(self, name, getattr(model, name))
        if names is not None:
            self.feature_names_in_ = names
        stream = stream.with_fit(statistics, last.prior, last.copies, last.novelty)
        self._state = EstimatorState(last, stream)
        self.labels_ = model.labels_[-n_batch:]
        self.probabilities_ = model.probabilities_[-n_batch:]

    def _step(self, stream: Stream, X: Any, weights: FloatArray) -> None:
        """Update the mixture with the sums of one batch."""
        engine = self._make_engine(X, stream.copies * weights, getattr(self, "center_", None))
        parameters, last = self._parameters(), self._last_fit()
        assert last is not None
        warn_about_zero_rows(engine, "they do not influence the mixture, and their labels")
        if not stream.keeps:  # otherwise, the next fit finds new clusters
            stream, parameters = self._noticed(stream, engine, parameters, own_share(last.isotropy))
        batch = engine.accumulate(parameters, hard=self.assignment == "hard")
        prior = last.prior
        if batch.weight > 0:
            stream = stream.moved_toward(batch)
            parameters, prior = stream.parameters(
                self.concentration, parameters.has_background, own_share(last.isotropy)
            )
        assignment = engine.assign(parameters)
        weight = stream.statistics.weight if stream.statistics else 0.0
        last = replace(last, parameters=parameters, prior=prior, weight=weight)
        self._state = EstimatorState(last, stream)
        self._set_moved(parameters)
        self._set_labels(assignment, self._calibrated(engine.assign, assignment))
        self.__dict__.pop("changes_", None)  # of an earlier update
        self.n_samples_seen_ = stream.n_rows
        self.lower_bound_ = batch.log_likelihood / batch.weight if batch.weight else np.nan

    def _set_moved(self, parameters: MixtureParameters) -> None:
        """Set parameters of the same clusters and of new ones, which have no annotations yet."""
        annotations = annotations_of(self)
        self._set_parameters(parameters)
        n_new = self.n_components_ - len(annotations)
        set_annotations(self, [*annotations, *[Annotation()] * n_new])

    def _noticed(
        self, stream: Stream, engine: Engine, parameters: MixtureParameters, share: float
    ) -> tuple[Stream, MixtureParameters]:
        """Return the stream and the mixture after a look for rows that are unlike all clusters."""
        assignment = engine.assign(parameters)
        n_alarms = stream.novelty.n_alarms
        novelty, unusual = stream.novelty.with_batch(parameters, assignment)
        stream = replace(stream, novelty=novelty)
        if self.add_components and novelty.earlier is None:
            rows, weights = engine.take(engine.used_rows)
            new = NewRows.assigned(rows, weights, parameters, novelty.tails_of(parameters))
            stream = stream.with_unlike(new.selected(new.is_unlike))
            if novelty.n_alarms > n_alarms:
                new = NewRows.joined(stream.unlike)
                found = self._find_new_clusters(new, parameters, stream)
                if found is not None:
                    return self._with_clusters(stream, found, new, parameters, share)
        if unusual is not None:
            warn_about_novelty(unusual, parameters.has_background, self.add_components)
        return stream, parameters

    def _with_clusters(
        self,
        stream: Stream,
        found: NewClusters,
        unlike: NewRows,
        parameters: MixtureParameters,
        share: float,
    ) -> tuple[Stream, MixtureParameters]:
        """Return the stream and the mixture with new clusters, and their rows as earlier rows."""
        has_background = parameters.has_background
        stream = stream.with_clusters(found.statistics, has_background)
        parameters, _ = stream.parameters(self.concentration, has_background, share)
        assignment = self._make_engine(unlike.rows, unlike.weights).assign(parameters)
        n_old = len(unlike.n_assigned) - has_background
        is_new = (assignment.labels >= n_old) & (assignment.labels < n_old + len(found.origins))
        assignment = assignment.selected(is_new)
        assert stream.statistics is not None
        weight = stream.statistics.weight
        novelty = stream.novelty.with_rows(parameters, assignment, weight)
        return replace(stream, novelty=novelty), parameters

    def _find_new_clusters(
        self, new: NewRows, parameters: MixtureParameters, stream: Stream
    ) -> NewClusters | None:
        """Return the clusters among new rows that no component explains."""
        assert stream.statistics is not None
        return find_new_clusters(
            new,
            parameters,
            stream.statistics.selected(slice(self.n_components_)),
            stream.novelty.tails_of(parameters),
            check_random_state(self.random_state),
            min_size=self.min_cluster_size,
        )


def _copy_of_batch(X: Any) -> Any:
    """Copy a batch to an array in memory that the caller cannot change."""
    if not is_tensor(X):
        return X.copy()
    X = X.cpu()
    return (X if X.dtype.itemsize != 2 else X.float()).numpy().copy()
