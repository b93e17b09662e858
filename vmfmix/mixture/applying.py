"""Edits of clusters that were saved in a file, applied to a fitted mixture together."""

from __future__ import annotations

from typing import Any, Self

from sklearn.utils.validation import check_is_fitted

from vmfmix.mixture.annotating import Annotating
from vmfmix.mixture.annotations import annotations_of
from vmfmix.mixture.edit_files import plan_of
from vmfmix.mixture.editing import Editing


class Applying(Editing, Annotating):
    """The method of `vmfmix.VMFMixture` that applies several edits."""

    def apply(self, edits: Any, X: Any = None) -> Self:
        """Return the same fit after edits, as the report page saves them in a file.

        All edits refer to the numbers that clusters have in this model, and their order does not
        matter. See *Edits in a file* in the user guide for the format.

        Parameters
        ----------
        edits : dict, list, str, path-like or file object
            The contents of a file of edits, its path, or the open file; or a list of edits alone,
            for which it is not checked that they belong to this model.
        X : {array-like, CSR matrix} of shape (n_samples, n_features), default=None
            Rows to label, usually those of `fit`. Needed if a cluster is split.

        Returns
        -------
        VMFMixture
            A fitted copy. Without `X`, it has the labels that `merge_clusters` and `mark_noise`
            return without rows.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If the file is damaged or of a later version, if the edits belong to another model, if
            an edit is not valid, if two edits contradict each other, if a cluster is split and `X`
            is None, or as for the method of an edit. Nothing is applied then.

        See Also
        --------
        merge_clusters, split, rename, annotate, mark_noise, merge_to : One edit.

        Examples
        --------
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> model = VMFMixture(7, random_state=0).fit(load_snips().data)
        >>> edits = [
        ...     {"edit": "merge", "clusters": [2, 5]},
        ...     {"edit": "rename", "cluster": 5, "name": "music"},
        ...     {"edit": "rename", "cluster": 6, "name": "weather"},
        ... ]
        >>> model.apply(edits).names_.tolist()
        ['', '', 'music', '', '', 'weather']
        """
        check_is_fitted(self)
        plan = plan_of(edits, self)
        if plan.splits and X is None:
            raise ValueError(
                f"The edits split cluster {next(iter(plan.splits))}, which needs rows; pass those "
                "of the fit as X."
            )
        model = self if plan.cut is None else self.merge_to(plan.cut)
        model = model._annotated(plan.annotated(annotations_of(model)))
        engines = None if X is None else self._engines(X)
        if engines is not None:
            for cluster, n_components in sorted(plan.splits.items()):
                model = model._split(cluster, engines, n_components)
        if plan.merges:
            model = model._merged(plan.merges)
        if engines is not None:
            model._label(engines)
        return model
