"""Numbers of clusters: by their size, or those of an earlier fit."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from vmfmix.fitting.numbering import counterparts, numbers_like
from vmfmix.fitting.state import EstimatorState
from vmfmix.mixture.annotations import Annotations, annotate_labeled, annotations_of
from vmfmix.mixture.base import MixtureBase

_BY_CLUSTER = ("weights_", "means_", "concentrations_", "unsmoothed_means_")


class Numbering(MixtureBase):
    """Methods of `vmfmix.VMFMixture` that give clusters other numbers."""

    def renumber_like(self, previous: Any) -> Self:
        """Return the same fit, with clusters numbered like those of an earlier fit.

        Clusters are matched by their mean directions, so that the sum of the cosines is greatest. A
        pair counts as a match if the cluster is nearer to the previous one than to any other
        previous cluster, and nearer than any other previous cluster is (if there is only one: if
        the cosine is positive).

        A cluster takes the number, the name and the note of its match, and is noise if the match
        is. Numbers run from 0 to ``n_components_ - 1`` without gaps, so that

        - a cluster without a match takes a number that is left, which a cluster that no longer
          exists may have had, or a new one, and keeps its own name and note;
        - with fewer clusters than before, a match whose number is ``n_components_`` or more gives
          its name and note, but not its number: the cluster takes the smallest number that is left.

        Parameters
        ----------
        previous : VMFMixture
            Fitted, to rows of the same kind.

        Returns
        -------
        VMFMixture
            A fitted copy. `merge_history_` has its own numbers of nodes, and stays as it is.

        Raises
        ------
        ValueError
            If `previous` is not a mixture, or if mean directions cannot be compared since they have
            different numbers of features, or since rows are centered in one fit only or smoothed.

        See Also
        --------
        update : Add new rows to a fit, whose clusters keep their numbers.

        Examples
        --------
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> X = load_snips().data
        >>> previous = VMFMixture(7, random_state=0).fit(X[:3300])
        >>> model = VMFMixture(7, random_state=1).fit(X).renumber_like(previous)
        >>> round(float((model.predict(X) == previous.predict(X)).mean()), 1)
        1.0
        """
        check_is_fitted(self)
        self._validate_comparable(previous)
        matches = counterparts(self.means_, previous.means_)
        order = np.argsort(numbers_like(matches))
        own, others = annotations_of(self), annotations_of(previous)
        if any(map(any, others)):
            own = [own[i] if match < 0 else others[match] for i, match in enumerate(matches)]
        return self._reordered(order, own)

    def renumber_by_size(self) -> Self:
        """Return the same fit, with clusters numbered by their size, the largest first.

        Sizes are those in `labels_`, or `weights_` where there are no labels. Clusters of equal
        size keep their order.

        Returns
        -------
        VMFMixture
            A fitted copy. `merge_history_` has its own numbers of nodes, and stays as it is.

        Examples
        --------
        >>> import numpy as np
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> model = VMFMixture(random_state=0).fit(load_snips().data).renumber_by_size()
        >>> sizes = np.bincount(model.labels_)
        >>> bool((np.diff(sizes) <= 0).all())
        True
        """
        check_is_fitted(self)
        sizes: NDArray[Any] = self.weights_
        if "labels_" in vars(self):
            sizes = np.bincount(self.labels_[self.labels_ >= 0], minlength=self.n_components_)
        return self._reordered(np.argsort(-sizes, kind="stable"), annotations_of(self))

    def _reordered(self, order: NDArray[np.intp], annotations: Annotations) -> Self:
        """Return the same fit with the clusters in another order.

        Parameters
        ----------
        order : ndarray of shape (n_components_,), int
            Present numbers of the clusters.
        annotations : list of Annotation
            By present number.
        """
        model = copy(self)
        for name in (*_BY_CLUSTER, "noise_"):
            if name in vars(self):
                setattr(model, name, getattr(self, name)[order])
        if "labels_" in vars(self):
            numbers = np.append(np.argsort(order), -1)  # the background is the last
            model.labels_ = numbers[self.labels_].astype(np.int32)
        model.__dict__.pop("changes_", None)  # of clusters with other numbers
        annotate_labeled(model, [annotations[i] for i in order])
        model._state = self._reordered_state(model, order)
        return model

    def _validate_comparable(self, previous: Any) -> None:
        if not isinstance(previous, MixtureBase):
            raise ValueError(f"previous is a {type(previous).__name__}; pass a fitted VMFMixture.")
        check_is_fitted(previous)
        if hasattr(self, "smoother_") or hasattr(previous, "smoother_"):
            raise ValueError(
                "renumber_like cannot compare mean directions of smoothed rows, which each fit "
                "smooths in its own way; pass fits with smooth=False."
            )
        if hasattr(self, "center_") != hasattr(previous, "center_"):
            raise ValueError(
                "renumber_like cannot compare a fit with center=True with one without; fit both "
                "with the same center."
            )
        shapes = self.means_.shape[1], previous.means_.shape[1]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"previous was fitted to {shapes[1]} features, and this model to {shapes[0]}; pass "
                "a model with the same features."
            )

    def _reordered_state(self, model: Any, order: NDArray[np.intp]) -> EstimatorState:
        last, stream = self._last_fit(), self._private_state.stream
        assert last is not None
        components = order
        if hasattr(self, "background_weight_"):
            components = np.append(order, len(order))
        last = replace(
            last, parameters=model._parameters(), novelty=last.novelty.selected(components)
        )
        if stream is not None and stream.statistics is not None:
            stream = replace(
                stream,
                statistics=stream.statistics.selected(components),
                novelty=stream.novelty.selected(components),
                unlike=(),
            )
        return EstimatorState(last, stream)
