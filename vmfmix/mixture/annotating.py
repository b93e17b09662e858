"""Names of clusters, notes on them, and clusters that are marked as noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from vmfmix.mixture.annotations import Annotations, annotate_labeled, annotations_of
from vmfmix.mixture.base import MixtureBase
from vmfmix.mixture.names import cluster_numbers, renamed, with_notes


class Annotating(MixtureBase):
    """Methods of `vmfmix.VMFMixture` that return a fitted copy with other annotations."""

    def rename(self, names: Mapping[int, str | None] | Sequence[str | None]) -> Self:
        """Return the same fit with other names of clusters.

        Names are shown in tables, plots and reports; clusters keep their numbers. Clusters that
        remain keep their names in `merge_clusters`, `split`, `drop`, `merge_to`, `partial_fit` and
        `save`; a new fit has none. After `rename`, `partial_fit` moves the clusters and does not
        fit them again, as the names belong to them.

        Parameters
        ----------
        names : dict of int to str, or list of str of length n_components_
            New names by number of the cluster, where the names of other clusters stay; or one name
            for each cluster, as `vmfmix.inspection.name_clusters` returns them. None or "" removes
            a name.

        Returns
        -------
        VMFMixture
            A fitted copy with the attribute `names_`, "" where a cluster has no name; without the
            attribute if none has.

        Raises
        ------
        ValueError
            If a cluster does not exist, if there are not as many names in a list as clusters, if a
            name is not a string or consists of spaces, or if two clusters would have the same name.

        Examples
        --------
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> model = VMFMixture(3, random_state=0).fit(load_snips().data)
        >>> model.rename({1: "weather"}).names_.tolist()
        ['', 'weather', '']
        >>> model.rename(["books", "weather", "music"]).names_.tolist()
        ['books', 'weather', 'music']
        """
        check_is_fitted(self)
        present = annotations_of(self)
        new = renamed([each.name for each in present], names)
        return self._annotated([each._replace(name=name) for each, name in zip(present, new)])

    def annotate(self, notes: Mapping[int, str | None] | Sequence[str | None]) -> Self:
        """Return the same fit with other notes on clusters.

        Notes are texts of any kind, which are saved with the model and move with their clusters as
        names do; see `rename`.

        Parameters
        ----------
        notes : dict of int to str, or list of str of length n_components_
            New notes by number of the cluster, where the notes on other clusters stay; or one note
            for each cluster. None or "" removes a note.

        Returns
        -------
        VMFMixture
            A fitted copy with the attribute `notes_`, "" where a cluster has no note; without the
            attribute if none has.

        Raises
        ------
        ValueError
            If a cluster does not exist, if there are not as many notes in a list as clusters, or if
            a note is not a string, consists of spaces, or has more than 10,000 characters.

        Examples
        --------
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> model = VMFMixture(3, random_state=0).fit(load_snips().data)
        >>> model.annotate({1: "Check the requests about films."}).notes_.tolist()
        ['', 'Check the requests about films.', '']
        """
        check_is_fitted(self)
        present = annotations_of(self)
        new = with_notes([each.note for each in present], notes)
        return self._annotated([each._replace(note=note) for each, note in zip(present, new)])

    def mark_noise(
        self, clusters: int | ArrayLike, X: Any = None, *, is_noise: bool = True
    ) -> Self:
        """Return the same fit with some clusters marked as noise.

        Rows for which such a cluster is the most probable one are labeled -1, as those of the
        background are. The cluster stays a component of the mixture: it keeps its number, weight,
        mean and concentration, its column in `predict_proba` and `transform`, and its line in
        tables, where it has no rows. To give its rows to other clusters instead, use `drop`.

        Parameters
        ----------
        clusters : int or array-like of int
            Numbers of the clusters.
        X : {array-like, CSR matrix} of shape (n_samples, n_features), default=None
            Rows to label in one pass, usually those of `fit`.
        is_noise : bool, default=True
            False: the clusters are no longer noise.

        Returns
        -------
        VMFMixture
            A fitted copy with the attribute `noise_`; without it if no cluster is noise. Without
            `X`, rows of the clusters in `labels_` become -1; if clusters are no longer noise, it
            has neither `labels_` nor `probabilities_`.

        Raises
        ------
        ValueError
            If a cluster does not exist or is given twice, or if `is_noise` is not a bool.

        Examples
        --------
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> X = load_snips().data
        >>> model = VMFMixture(7, random_state=0).fit(X)
        >>> marked = model.mark_noise(3)
        >>> marked.n_components_
        7
        >>> bool(((marked.predict(X) == -1) == (model.predict(X) == 3)).all())
        True
        """
        check_is_fitted(self)
        numbers = cluster_numbers(clusters, self.n_components_)
        if not isinstance(is_noise, bool):
            raise ValueError(f"is_noise={is_noise!r} is not allowed; pass True or False.")
        new = annotations_of(self)
        for number in numbers:
            new[number] = new[number]._replace(is_noise=is_noise)
        model = self._annotated(new)
        if X is not None:
            model._set_results(model._engines(X))
        return model

    def _annotated(self, annotations: Annotations) -> Self:
        """Return a copy with other annotations, which further rows of a stream do not replace."""
        model = copy(self)
        annotate_labeled(model, annotations)
        model._state = replace(self._private_state, stream=None)
        return model
