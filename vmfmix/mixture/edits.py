"""Edits of the clusters of a mixture, on the sums of its fit: no rows are needed for most."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from vmfmix.engines.choice import choose_engine
from vmfmix.mixture.annotations import Annotation, Annotations, joined
from vmfmix.model.matrices import as_array
from vmfmix.model.statistics import MixtureParameters, SufficientStatistics

IntArray = NDArray[np.integer]


class Edit(NamedTuple):
    """Clusters after an edit.

    Parameters
    ----------
    statistics : SufficientStatistics
        With the background last, if there is one.
    origins : ndarray of shape (n_components,), int
        The component before the edit that each component is, unchanged; -1 for a changed one.
    annotations : list of Annotation
        One for each cluster.
    """

    statistics: SufficientStatistics
    origins: IntArray
    annotations: Annotations

    def parameters(
        self, maximized: MixtureParameters, before: MixtureParameters, *, is_tied: bool
    ) -> MixtureParameters:
        """Return the result of the M step, with exactly the earlier values of unchanged components.

        Parameters
        ----------
        maximized : MixtureParameters
            The result of the M step.
        before : MixtureParameters
            The components before the edit.
        is_tied : bool
            Whether all components share one concentration, which every edit changes.
        """
        kept, origins = self.origins >= 0, self.origins[self.origins >= 0]
        weights, means = maximized.weights.copy(), as_array(maximized.means).copy()
        concentrations = maximized.concentrations.copy()
        weights[kept], means[kept] = before.weights[origins], before.means[origins]
        if not is_tied:
            concentrations[kept] = before.concentrations[origins]
        return MixtureParameters(weights, means, concentrations, before.has_background)


def merged(
    statistics: SufficientStatistics, annotations: Annotations, unions: list[list[int]]
) -> tuple[Edit, IntArray]:
    """Return the clusters after some of them were merged, and the new number of each.

    A union has the smallest of its numbers; the numbers after those that disappear move down.

    Parameters
    ----------
    statistics : SufficientStatistics
        With the background last, if there is one.
    annotations : list of Annotation
    unions : list of list of int
        The clusters of each union, at least two; none is in two unions.

    Returns
    -------
    edit : Edit
    groups : ndarray of shape (n_components,), int
        The new number of each component.
    """
    survivors = np.arange(len(statistics.counts))
    for members in unions:
        survivors[members] = min(members)
    origins, groups = np.unique(survivors, return_inverse=True)
    parts: list[list[Annotation]] = [[] for _ in origins]
    for group, annotation in zip(groups.tolist(), annotations):  # the background has none
        parts[group].append(annotation)
    new = [joined(each) for each in parts if each]
    for members in unions:
        origins[groups[members[0]]] = -1
    return Edit(statistics.merged(groups), origins, new), groups


def replaced_by_parts(
    statistics: SufficientStatistics,
    annotations: Annotations,
    cluster: int,
    parts: SufficientStatistics,
) -> Edit:
    """Return the clusters after one of them was replaced by its parts.

    The first part has the number, the name and the note of the cluster. The other parts have the
    numbers after those of all clusters. All parts of noise are noise.

    Parameters
    ----------
    statistics : SufficientStatistics
        With the background last, if there is one.
    annotations : list of Annotation
    cluster : int
    parts : SufficientStatistics
        Of the parts; scaled so that they have the count of the cluster.
    """
    parts = parts.scaled(statistics.counts[cluster] / parts.counts.sum())
    n_clusters = len(annotations)
    origins = np.arange(n_clusters)
    origins[cluster] = -1
    added = len(parts.counts) - 1
    background = np.arange(n_clusters, len(statistics.counts))
    resultants, of_parts = as_array(statistics.resultants), as_array(parts.resultants)
    own_counts, own_resultants = statistics.counts[:n_clusters].copy(), resultants[:n_clusters]
    own_resultants = own_resultants.copy()
    own_counts[cluster], own_resultants[cluster] = parts.counts[0], of_parts[0]
    return Edit(
        SufficientStatistics(
            np.concatenate([own_counts, parts.counts[1:], statistics.counts[background]]),
            np.concatenate([own_resultants, of_parts[1:], resultants[background]]),
            0.0,
            statistics.weight,
        ),
        np.concatenate([origins, np.full(added, -1), background]),
        [*annotations, *[Annotation(is_noise=annotations[cluster].is_noise)] * added],
    )


def parts_of(
    estimator: Any, rows: Any, cluster: int, n_components: int | str
) -> SufficientStatistics:
    """Fit a mixture to the rows of a cluster, and return the sums of its components.

    Parameters
    ----------
    estimator : VMFMixture
        Only its parameters are read.
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Unit rows in the space of the mixture.
    cluster : int
        Number of the cluster, for messages.
    n_components : int or "auto"
        Number of parts.

    Returns
    -------
    SufficientStatistics
        The largest part first; a single one if "auto" finds no parts.

    Raises
    ------
    ValueError
        If the rows are too few or have fewer parts than requested.
    """
    is_auto = n_components == "auto"
    if rows.shape[0] < (1 if is_auto else n_components):
        raise ValueError(
            f"X has {rows.shape[0]} rows of cluster {cluster}, too few for {n_components} parts; "
            "pass the rows of the fit, or a smaller n_components."
        )
    model = clone(estimator).set_params(
        n_components=n_components,
        background=False,
        smooth=False,
        center=False,
        n_components_init=None,
        merge=estimator.merge or ("likelihood" if is_auto else None),
        resolution=estimator.resolution if is_auto else 1.0,
        means_init=None,
        weights_init=None,
        concentrations_init=None,
        min_cluster_size=min(estimator.min_cluster_size, rows.shape[0]),
        max_cluster_share=1.0,
        warm_start=False,
    )
    with warnings.catch_warnings():  # about the number of clusters; see below
        warnings.simplefilter("ignore", UserWarning)
        warnings.filterwarnings("default", "EM did not converge")
        model.fit(rows)
    if not is_auto and model.n_components_ < n_components:
        raise ValueError(
            f"Cluster {cluster} has {model.n_components_} of the {n_components} parts that were "
            "requested: its other rows in X are copies, or min_cluster_size does not allow more; "
            "pass a smaller n_components."
        )
    statistics = choose_engine(rows).accumulate(
        model._parameters(), hard=estimator.assignment == "hard"
    )
    return statistics.selected(np.argsort(-statistics.counts, kind="stable"))
