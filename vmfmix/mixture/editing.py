"""Other clusters from the same fit: along its merge path, or edited one by one."""

from __future__ import annotations

import warnings
from copy import copy
from dataclasses import replace
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from vmfmix.engines.base import SharedRowSource
from vmfmix.fitting.novelty import Novelty
from vmfmix.fitting.state import EstimatorState, LastFit
from vmfmix.fitting.streaming import Stream
from vmfmix.merging.history import MergeHistory
from vmfmix.merging.isotropy import own_share
from vmfmix.merging.levels import Level, Levels
from vmfmix.mixture.annotations import (
    Annotation,
    Annotations,
    annotations_of,
    is_noise,
    set_annotations,
)
from vmfmix.mixture.base import Engines, MixtureBase
from vmfmix.mixture.edits import Edit, merged, parts_of, replaced_by_parts
from vmfmix.mixture.names import cluster_numbers
from vmfmix.model.statistics import (
    ConcentrationPrior,
    FloatArray,
    MixtureParameters,
    SufficientStatistics,
    maximize,
)

# Attributes of the rows of a fit, and of its EM, which other clusters do not have.
_OF_THE_FIT = (
    "_state",
    "labels_",
    "probabilities_",
    "reference_densities_",
    "unsmoothed_means_",
    "unsmoothed_concentration_",
    "changes_",
    "lower_bound_",
    "lower_bounds_",
)
_INITIAL_VALUES = ("n_components_init", "means_init", "weights_init", "concentrations_init")


class Editing(MixtureBase):
    """Methods of `vmfmix.VMFMixture` that return a fitted model with other clusters."""

    # scikit-learn routes metadata to methods with the name `split`, those of its cross-validators.
    __metadata_request__split = {"cluster": UNUSED, "n_components": UNUSED}

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
            `X`, it has neither `labels_` nor `probabilities_`. Clusters that are the same at both
            numbers keep their names and notes, and those nearest to a cluster that is noise are
            noise.

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
        model = self._with_parameters(parameters, self._annotations_at(int(n_components)))
        if hasattr(self, "background_weight_"):
            model.weights_ = model.weights_ * (1.0 - self.background_weight_)
        if X is not None:
            model._set_results(model._engines(X))
        return model

    def merge_clusters(self, clusters: ArrayLike, X: Any = None) -> Self:
        """Return the same fit with some clusters merged into one.

        The other clusters keep their means, weights and concentrations, except that
        ``concentration="tied"`` is estimated again. See *Edit clusters* in the user guide.

        Parameters
        ----------
        clusters : array-like of int
            At least two numbers. The union has the smallest of them; clusters with numbers after
            those that disappear move down, so that numbers are again 0 to ``n_components_ - 1``.
        X : {array-like, CSR matrix} of shape (n_samples, n_features), default=None
            Rows to label in one pass, usually those of `fit`.

        Returns
        -------
        VMFMixture
            A fitted copy, in which the union has the name of the first of `clusters`, in ascending
            order, that has one, and all of their notes; it is noise if all of them are. Without
            `X`, rows of the clusters in `labels_` are those of the union, unless some of the
            clusters are noise, and there is no `probabilities_`. Its `merge_history_` has the
            merges from its clusters down to one, so that there is no `levels_`.

        Raises
        ------
        ValueError
            If a cluster does not exist, if one is given twice, or if there are fewer than two.

        Examples
        --------
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> model = VMFMixture(7, random_state=0).fit(load_snips().data)
        >>> merged = model.merge_clusters([2, 5])
        >>> merged.n_components_, merged.labels_.max()
        (6, np.int32(5))
        """
        check_is_fitted(self)
        members = cluster_numbers(clusters, self.n_components_)
        if len(members) < 2:
            raise ValueError(f"clusters={clusters!r} is not allowed; pass at least two clusters.")
        model = self._merged([members])
        if X is not None:
            model._label(self._engines(X))
        return model

    def _merged(self, unions: list[list[int]]) -> Self:
        """Return the same fit with the clusters of each union merged into one."""
        edit, groups = merged(self._statistics(), annotations_of(self), unions)
        model = self._edited(edit)
        noise = is_noise(self)
        # Rows of noise, -1, cannot be found in the labels.
        is_known = all(noise[members].all() == noise[members].any() for members in unions)
        if "labels_" in vars(self) and is_known:
            components = groups[self.labels_].astype(np.int32)
            model.labels_ = np.where(self.labels_ < 0, np.int32(-1), components)
        return model

    def split(self, cluster: int, X: Any, n_components: int | Literal["auto"] = 2) -> Self:
        """Return the same fit with one cluster split into parts.

        A mixture with the parameters of this one is fitted to the rows of the cluster, after
        smoothing and centering. The other clusters keep their numbers, means, weights and
        concentrations, except that ``concentration="tied"`` is estimated again.

        Parameters
        ----------
        cluster : int
            Number of the cluster. The largest part keeps it, and the cluster's name; the other
            parts have numbers from ``n_components_`` on, the larger ones first.
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows, usually those of `fit`. All of them are labeled; those of the cluster are split.
        n_components : int or "auto", default=2
            Number of parts. "auto": as the estimator finds it. If it finds a single one, the
            clusters stay as they are.

        Returns
        -------
        VMFMixture
            A fitted copy, whose `labels_` are ``predict(X)``. Its `merge_history_` has the merges
            from its clusters down to one, so that there is no `levels_`.

        Raises
        ------
        ValueError
            If the cluster does not exist, if `n_components` is neither an integer of at least 2 nor
            "auto", or if the cluster has fewer distinct rows in `X`.

        Warns
        -----
        UserWarning
            If "auto" finds a single part.

        Examples
        --------
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> X = load_snips().data
        >>> model = VMFMixture(6, random_state=0).fit(X)
        >>> model.split(0, X).n_components_
        7
        """
        check_is_fitted(self)
        (number,) = _single(cluster, cluster_numbers(cluster, self.n_components_))
        is_integer = isinstance(n_components, Integral) and not isinstance(n_components, bool)
        if n_components != "auto" and not (is_integer and int(n_components) >= 2):
            raise ValueError(
                f"n_components={n_components!r} is not allowed; pass an integer of at least 2, or "
                '"auto".'
            )
        if isinstance(X, SharedRowSource):
            raise ValueError(
                "split needs all rows of the cluster in one process, and X is a share of them; "
                "pass the rows themselves, or a sample."
            )
        engines = self._engines(X)
        model = self._split(number, engines, n_components)
        model._label(engines)
        return model

    def _split(self, number: int, engines: Engines, n_components: int | str) -> Self:
        """Return the same fit with one cluster split into the parts of its rows in an engine."""
        engine, _ = engines
        labels = engine.assign(self._parameters()).labels
        used = engine.used_rows
        positions = used[labels[used] == number]
        if len(positions) == 0:
            raise ValueError(f"X has no rows of cluster {number}; pass the rows of the fit.")
        rows, _ = engine.take(positions)
        parts = parts_of(self, rows, number, n_components)
        if len(parts.counts) == 1:
            warnings.warn(
                f"Cluster {number} was not split: its rows form a single cluster. Pass the number "
                "of parts as n_components to split it nevertheless.",
                UserWarning,
                stacklevel=3,
            )
        edit = replaced_by_parts(self._statistics(), annotations_of(self), number, parts)
        if len(parts.counts) == 1:
            edit = edit._replace(origins=np.arange(len(edit.origins)))
        return self._edited(edit)

    def drop(self, clusters: int | ArrayLike, X: Any = None) -> Self:
        """Return the same fit without some clusters.

        Their rows belong to the most probable of the other clusters, or to the background. The
        other clusters keep their means and concentrations; weights are scaled to sum to 1 again.

        Parameters
        ----------
        clusters : int or array-like of int
            Numbers of the clusters. Clusters after them move down, so that numbers are again 0 to
            ``n_components_ - 1``. At least one cluster must remain.
        X : {array-like, CSR matrix} of shape (n_samples, n_features), default=None
            Rows to label in one pass, usually those of `fit`.

        Returns
        -------
        VMFMixture
            A fitted copy. Without `X`, it has neither `labels_` nor `probabilities_`. Its
            `merge_history_` has the merges from its clusters down to one, so that there is no
            `levels_`.

        Raises
        ------
        ValueError
            If a cluster does not exist or is given twice, or if none would remain.

        Examples
        --------
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> X = load_snips().data
        >>> model = VMFMixture(7, random_state=0).fit(X).drop(3, X)
        >>> model.n_components_, float(model.weights_.sum().round(6))
        (6, 1.0)
        """
        check_is_fitted(self)
        dropped = cluster_numbers(clusters, self.n_components_)
        if not 0 < len(dropped) < self.n_components_:
            raise ValueError(
                f"clusters={clusters!r} is not allowed; pass at least one of the "
                f"{self.n_components_} clusters, and not all of them."
            )
        before, statistics = self._parameters(), self._statistics()
        annotations = annotations_of(self)
        kept = np.setdiff1d(np.arange(len(before.weights)), dropped)
        remaining = statistics.selected(kept)
        remaining = remaining.scaled(statistics.weight / remaining.counts.sum())
        model = self._with_edited_parameters(
            before.selected(kept),
            self._stream().prior,
            replace(remaining, weight=statistics.weight),
            [annotations[cluster] for cluster in kept if cluster < self.n_components_],
        )
        if X is not None:
            model._label(self._engines(X))
        return model

    @property
    def levels_(self) -> list[Level]:
        """Natural numbers of clusters, the chosen one first."""
        history = getattr(self, "merge_history_", None)
        if history is None or len(history.levels) == 0:
            raise AttributeError("levels_")  # which `__getattr__` explains
        pairs = zip(history.levels.tolist(), history.strengths.tolist(), strict=True)
        return Levels(Level(*pair) for pair in pairs)

    # --- stages of an edit ------------------------------------------------------------------------

    def _stream(self) -> Stream:
        """Return the stream that continues the fit, with the sums that yield its parameters."""
        last = self._last_fit()
        assert last is not None
        return Stream.after_fit(
            self._parameters(), self.n_samples_seen_, weight=last.weight, prior=last.prior
        )

    def _statistics(self) -> SufficientStatistics:
        """Return the sums that yield the parameters, with the background last."""
        statistics = self._stream().statistics
        assert statistics is not None
        return statistics

    def _edited(self, edit: Edit) -> Self:
        """Return a copy with the clusters after an edit."""
        before = self._parameters()
        stream = replace(self._stream(), statistics=edit.statistics)
        share = own_share(getattr(self, "isotropy_", None))
        maximized, prior = stream.parameters(self.concentration, before.has_background, share)
        is_tied = isinstance(self.concentration, str) and self.concentration == "tied"
        parameters = edit.parameters(maximized, before, is_tied=is_tied)
        return self._with_edited_parameters(parameters, prior, edit.statistics, edit.annotations)

    def _with_edited_parameters(
        self,
        parameters: MixtureParameters,
        prior: ConcentrationPrior | None,
        statistics: SufficientStatistics,
        annotations: Annotations,
    ) -> Self:
        """Return a copy with other parameters, from which `fit` and `partial_fit` continue."""
        last = self._last_fit()
        assert last is not None
        model = self._with_parameters(parameters, annotations)
        n_features, isotropy = self.means_.shape[1], getattr(self, "isotropy_", None)
        model.merge_history_ = MergeHistory.of_components(
            statistics.selected(parameters.own),
            cost=self.merge or "likelihood",
            dim=None if isotropy is None else isotropy * (n_features - 1),
        )
        model._state = EstimatorState(
            LastFit(
                parameters,
                {**last.options, "n_components": model.n_components},
                prior=prior,
                isotropy=last.isotropy,
                weight=statistics.weight,
                copies=last.copies,
                n_components=model.n_components_,
            )
        )
        return model

    def _label(self, engines: Engines) -> None:
        """Label the rows of engines, and compare those of a stream with them."""
        assignment, last = self._set_results(engines), self._last_fit()
        assert last is not None
        weight = self._stream().weight_of_fit
        novelty = Novelty.after_fit(self._parameters(), assignment, weight)
        self._state = EstimatorState(replace(last, novelty=novelty))

    def _with_parameters(self, parameters: MixtureParameters, annotations: Annotations) -> Self:
        """Return a copy with other parameters, without the attributes of the rows of the fit."""
        model = copy(self)
        for name in _OF_THE_FIT:
            model.__dict__.pop(name, None)
        model._set_parameters(parameters)
        model.n_components, model.resolution = model.n_components_, 1.0
        for name in _INITIAL_VALUES:  # of the fit, with another number of components
            setattr(model, name, None)
        model.n_iter_, model.converged_ = 0, False
        set_annotations(model, annotations)
        return model

    def _annotations_at(self, n_components: int) -> list[Annotation]:
        """Return the annotations at another number of components on the merge path."""
        annotations, history = annotations_of(self), self.merge_history_
        new = [Annotation()] * n_components
        if not any(map(any, annotations)):
            return new
        if history.rounds[-1] <= len(annotations) <= history.n_components_init:
            # Each cluster is the component of the path that it is nearest to, since EM moved it.
            nearest = self._cosines_on_path(len(annotations)).argmax(axis=1)
            if len(np.unique(nearest)) == len(annotations):
                nodes = history.nodes_at(len(annotations))
                known = {nodes[component]: annotations[i] for i, component in enumerate(nearest)}
                new = [known.get(node, Annotation()) for node in history.nodes_at(n_components)]
        if not is_noise(self).any():
            return new
        noise = is_noise(self)[self._cosines_on_path(n_components).argmax(axis=0)].tolist()
        return [each._replace(is_noise=mark) for each, mark in zip(new, noise)]

    def _cosines_on_path(self, n_components: int) -> FloatArray:
        """Return the cosine of each cluster with each component at a number of the merge path."""
        return np.asarray(self.means_ @ self.merge_history_.statistics(n_components).directions.T)


def _single(cluster: Any, numbers: list[int]) -> list[int]:
    if len(numbers) != 1:
        raise ValueError(f"cluster={cluster!r} is not allowed; pass the number of one cluster.")
    return numbers
