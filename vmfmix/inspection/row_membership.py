"""How well each row fits its cluster: probability, similarity, margin and typicality."""

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
    X = as_rows(X)
    n_rows, n_clusters = X.shape[0], model.n_components_
    labels, following = np.full((2, n_rows), -1)
    probabilities, similarities, margins, typicalities = np.full((4, n_rows), np.nan)
    noise = given_noise(model)
    is_cluster = np.append(np.ones(n_clusters, bool) if noise is None else ~noise, False)
    for block in blocks_of(X, n_clusters):
        rows = take_rows(X, block)
        found, cosines = model.predict_proba(rows), np.asarray(model.transform(rows), np.float64)
        if hasattr(model, "reference_densities_"):
            typicalities[block] = model.typicality(rows)
        best = found.argmax(axis=1)
        probabilities[block] = found[np.arange(len(found)), best]
        in_clusters = np.flatnonzero(is_cluster[best])
        members = best[in_clusters]
        labels[block][in_clusters] = members
        similarities[block][in_clusters] = cosines[in_clusters, members]
        if n_clusters > 1:
            cosines[in_clusters, members] = -np.inf
            nearest = cosines[in_clusters].argmax(axis=1)
            following[block][in_clusters] = nearest
            margins[block][in_clusters] = (
                similarities[block][in_clusters] - cosines[in_clusters, nearest]
            )
    return as_table(
        cluster=labels,
        probability=probabilities,
        similarity=similarities,
        next_cluster=following,
        margin=margins,
        typicality=typicalities,
    )
