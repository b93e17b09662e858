"""A mixture that is updated with new rows: clusters keep their numbers, and new ones follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from vmfmix.engines.base import Assignment, Engine, SharedRowSource
from vmfmix.fitting.best import final_stage
from vmfmix.fitting.changes import cluster_changes
from vmfmix.fitting.earlier_rows import WithEarlierRows, with_new_components
from vmfmix.fitting.new_clusters import NewClusters, NewRows
from vmfmix.fitting.outcome import warn_about_convergence, warn_about_zero_rows
from vmfmix.fitting.sklearn_compat import validate_parameters_before
from vmfmix.fitting.start import default_n_components_init, merge_sample_size
from vmfmix.fitting.state import EstimatorState
from vmfmix.fitting.streaming import Stream
from vmfmix.fitting.typicality import (
    densities_of_clusters,
    left_out_sample,
    updated_references,
)
from vmfmix.fitting.validation import validate_parameters, validate_sample_weight
from vmfmix.merging.isotropy import own_share
from vmfmix.mixture.base import device_of
from vmfmix.mixture.streaming import Streaming, can_learn_from_new_rows
from vmfmix.model import em
from vmfmix.model.matrices import row_products
from vmfmix.model.statistics import MixtureParameters, SufficientStatistics


class Growing(Streaming):
    """The method of `vmfmix.VMFMixture` that updates it with new rows and adds clusters."""

    @available_if(can_learn_from_new_rows)
    @validate_parameters_before
    def update(self, X: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Update the fitted mixture with new rows, and add clusters for new topics.

        Clusters keep their numbers. New rows that no cluster explains become clusters with the next
        numbers. Then EM runs until convergence over the new rows and the
        sums over the earlier rows, which are not needed themselves.

        Parameters
        ----------
        X : {array-like, CSR matrix, tensor, block source} of shape (n_samples, n_features)
            New rows only.
        sample_weight : array-like of shape (n_samples,), default=None
            As for `fit`.

        Returns
        -------
        self : VMFMixture
            `labels_` and `probabilities_` are those of `X`, and `changes_` lists what happened to
            each cluster. `merge_history_` stays that of the last fit.

        Raises
        ------
        AttributeError
            If rows are smoothed, since the neighbors of earlier rows would be needed.
        ValueError
            If `X` is invalid as for `fit`, or divided among processes. The model is then unchanged.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` was reached first.

        See Also
        --------
        partial_fit : Many small batches of a stream.

        Notes
        -----
        The new rows, or 12,000 of them, are divided among the clusters and many small new ones,
        which are merged until most rows of each new cluster that is left are unlike their old
        cluster, and until the old clusters of its rows have more unlike rows than before: tests at
        the level of 1%, divided among all that are made. A row is unlike its cluster if its log
        density is among the lowest 20% of the rows of the last fit. Then new clusters are merged as
        long as their union is as concentrated as the old clusters are on average. Small topics, and
        those within the scatter of an old cluster, therefore stay in the old clusters. The
        densities of the last fit are stored by `save`, but are lost by `merge_to`; rows are then
        compared with draws from the clusters.

        Whether an old cluster was split cannot be seen without its rows. `from_cluster` in
        `changes_` is the old cluster that a new one is closest to.

        Examples
        --------
        >>> import numpy as np
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> snips = load_snips()
        >>> is_new = snips.target == 2
        >>> model = VMFMixture(6, random_state=0).fit(snips.data[~is_new])
        >>> model.update(snips.data[is_new]).n_components_
        7
        >>> model.changes_[6].status, model.changes_[6].size_after > 450
        ('new', True)
        """
        check_is_fitted(self)
        validate_parameters(self)
        X = self._validate_rows(X, reset=False)
        if isinstance(X, SharedRowSource):
            raise ValueError(
                "update needs all new rows in one process, and X is a share of them; pass the rows "
                "to one process."
            )
        stream, last = self._stream_so_far(), self._last_fit()
        assert last is not None
        assert stream.statistics is not None
        weights = None
        if sample_weight is not None:
            weights = stream.copies * validate_sample_weight(sample_weight, X)
        elif stream.copies != 1.0:
            weights = np.full(X.shape[0], stream.copies)
        engine = self._make_engine(X, weights, getattr(self, "center_", None), device_of(X))
        warn_about_zero_rows(engine, "they do not influence the mixture, and their labels")
        before = self._parameters()
        found = self._find_among(engine, before, stream)
        earlier = stream.statistics
        while True:
            result, sums = self._fit_with_earlier(engine, earlier, found, before.has_background)
            parameters = result.parameters
            assignment = engine.assign(parameters)
            n_rows = np.bincount(assignment.labels, minlength=len(parameters.weights))
            owns_rows = n_rows[parameters.own][self.n_components_ :] > 0
            if found is None or owns_rows.all():
                break
            found = found.selected(owns_rows)
        warn_about_convergence(self.max_iter, result)
        origins = [] if found is None else found.origins.tolist()
        self._set_update(engine, result, sums, assignment, origins)
        return self

    def _find_among(
        self, engine: Engine, parameters: MixtureParameters, stream: Stream
    ) -> NewClusters | None:
        """Return the new clusters among the rows of an engine, of which a sample is searched."""
        if engine.n_used_rows == 0:
            return None
        rng = check_random_state(self.random_state)
        n_init = default_n_components_init("auto", engine.n_used_rows)
        rows, weights = engine.sample(merge_sample_size(n_init), rng)
        weights = weights * (engine.n_used_rows / len(weights))
        new = NewRows.assigned(rows, weights, parameters, stream.novelty.tails_of(parameters))
        return self._find_new_clusters(new, parameters, stream)

    def _fit_with_earlier(
        self,
        engine: Engine,
        earlier: SufficientStatistics,
        found: NewClusters | None,
        has_background: bool,
    ) -> tuple[em.EMResult, SufficientStatistics]:
        """Run EM over the rows and the sums of earlier rows; return also the new sums of both."""
        last = self._last_fit()
        assert last is not None
        start, padded = earlier, earlier
        if found is not None:
            start = with_new_components(earlier, found.statistics, has_background)
            padded = with_new_components(earlier, found.statistics.scaled(0.0), has_background)
        total = start.weight + float(
            engine.accumulate(MixtureParameters.uniform(engine.n_features)).weight
        )
        stream = replace(self._stream_so_far(), statistics=replace(start, weight=total))
        share = own_share(last.isotropy)
        parameters, prior = stream.parameters(self.concentration, has_background, share)
        stage, rows = final_stage(self), WithEarlierRows(engine, padded)
        result = em.fit(rows, parameters, stage, prior=prior, own_share=share)
        return result, rows.accumulate(result.parameters, hard=stage.hard)

    def _set_update(
        self,
        engine: Engine,
        result: em.EMResult,
        sums: SufficientStatistics,
        assignment: Assignment,
        origins: list[int],
    ) -> None:
        """Set the state and the fitted attributes."""
        stream, last, before = self._stream_so_far(), self._last_fit(), self._parameters()
        assert last is not None
        assert stream.statistics is not None
        parameters, n_old = result.parameters, self.n_components_
        own, counts_before = parameters.own, np.zeros(len(sums.counts))
        counts_before[:n_old] = stream.statistics.counts[:n_old]
        added = np.maximum(sums.counts - counts_before, 0.0)
        cosines = np.clip(row_products(before.means[:n_old], parameters.means[:n_old]), -1.0, 1.0)
        origins = [-1 if origin >= n_old else origin for origin in origins]  # the background
        changes = cluster_changes(counts_before[own], added[own], cosines, origins)
        novelty = stream.novelty.with_rows(parameters, assignment, sums.weight)
        last = replace(
            last,
            parameters=parameters,
            prior=result.prior,
            weight=sums.weight,
            n_components=n_old + len(origins),
            novelty=novelty,
        )
        self._state = EstimatorState(last)
        self._set_moved(parameters)
        if hasattr(self, "reference_densities_"):
            sample = left_out_sample(parameters, assignment, sums.weight)
            self.reference_densities_ = updated_references(
                self.reference_densities_,
                densities_of_clusters(parameters, sample),
                engine.n_rows / stream.n_rows,
            )
        self._set_labels(assignment, self._calibrated(engine.assign, assignment))
        self.n_samples_seen_ = stream.n_rows + engine.n_rows
        self.lower_bounds_ = np.array(result.lower_bounds)
        self.lower_bound_ = float(result.lower_bounds[-1])
        self.n_iter_, self.converged_ = len(result.lower_bounds), bool(result.converged)
        self.changes_ = changes
