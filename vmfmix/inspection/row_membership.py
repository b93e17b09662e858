"""How well each row fits its cluster: probability, similarity, margin and typicality."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from vmfmix.inspection.cluster_names import given_noise
from vmfmix.inspection.fitted_model import FittedMixture, RowsLike
from vmfmix.inspection.rows import as_rows, blocks_of, take_rows
from vmfmix.inspection.tables import Table, as_table


def membership(model: FittedMixture, X: RowsLike) -> Table:
    """Return a table of how well each row fits its cluster.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)

    Returns
    -------
    DataFrame, or dict of ndarray
        One row per row of `X`, in their order, with these columns.

        cluster : int
            The most probable cluster; -1 for the background and noise.
        probability : float
            Its calibrated probability, see `VMFMixture.predict_proba`.
        similarity : float
            Cosine with the mean direction of the cluster; NaN if it is -1.
        next_cluster : int
            The cluster with the nearest other mean direction; -1 if there is none.
        margin : float
            Similarity minus the cosine with that mean direction. Small for rows between two
            clusters, and negative for some rows of clusters of different sizes or concentrations;
            NaN if there is no cluster or no other one.
        typicality : float
            Share of the rows of the fit that are at most as typical, see `VMFMixture.typicality`;
            NaN if the model has no
            `reference_densities_`.

    Examples
    --------
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import load_snips
    >>> from vmfmix.inspection import membership
    >>> X = load_snips().data
    >>> table = membership(VMFMixture(7, random_state=0).fit(X), X)
    >>> least_sure = table["margin"].argsort()[:5]
    """
    check_is_fitted(model)
    columns = membership_columns(model, X)
    noise = given_noise(model)
    is_cluster = np.append(np.ones(model.n_components_, bool) if noise is None else ~noise, False)
    outside = ~is_cluster[columns["component"]]
    for name, value in (("similarity", np.nan), ("next_cluster", -1), ("margin", np.nan)):
        columns[name][outside] = value
    return as_table(
        cluster=np.where(outside, -1, columns.pop("component")),
        **{name: column for name, column in columns.items() if column.ndim == 1},
    )


def membership_columns(model: FittedMixture, X: RowsLike, n_likely: int = 0) -> dict[str, Any]:
    """Return how well each row fits its most probable component, which may be noise.

    Parameters
    ----------
    model : VMFMixture
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    n_likely : int, default=0
        Number of most probable components to return for each row, at most all.

    Returns
    -------
    dict of ndarray
        ``component``, -1 for the background; ``probability``, ``similarity``, ``next_cluster``,
        ``margin`` and ``typicality`` as in `membership`, but also for noise; ``likely``, the most
        probable components, -1 for the background, and ``likely_probability``, of shape
        (n_samples, n_likely).
    """
    X = as_rows(X)
    n_rows, n_clusters = X.shape[0], model.n_components_
    components, following = np.full((2, n_rows), -1)
    probabilities, similarities, margins, typicalities = np.full((4, n_rows), np.nan)
    n_likely = min(n_likely, n_clusters)
    likely, likely_probabilities = np.full((n_rows, n_likely), -1), np.zeros((n_rows, n_likely))
    for block in blocks_of(X, n_clusters):
        rows = take_rows(X, block)
        found, cosines = model.predict_proba(rows), np.asarray(model.transform(rows), np.float64)
        if hasattr(model, "reference_densities_"):
            typicalities[block] = model.typicality(rows)
        best = found.argmax(axis=1)
        probabilities[block] = found[np.arange(len(found)), best]
        in_components = np.flatnonzero(best < n_clusters)  # and not in the background
        members = best[in_components]
        components[block][in_components] = members
        similarities[block][in_components] = cosines[in_components, members]
        if n_clusters > 1:
            cosines[in_components, members] = -np.inf
            nearest = cosines[in_components].argmax(axis=1)
            following[block][in_components] = nearest
            margins[block][in_components] = (
                similarities[block][in_components] - cosines[in_components, nearest]
            )
        if n_likely:
            largest = np.argpartition(-found, n_likely - 1, axis=1)[:, :n_likely]
            of_largest = np.take_along_axis(found, largest, axis=1)
            order = np.argsort(-of_largest, axis=1, kind="stable")
            largest = np.take_along_axis(largest, order, axis=1)
            likely_probabilities[block] = np.take_along_axis(of_largest, order, axis=1)
            likely[block] = np.where(largest < n_clusters, largest, -1)
    return {
        "component": components,
        "probability": probabilities,
        "similarity": similarities,
        "next_cluster": following,
        "margin": margins,
        "typicality": typicalities,
        "likely": likely,
        "likely_probability": likely_probabilities,
    }
