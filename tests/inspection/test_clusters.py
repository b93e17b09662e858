"""Tests of the cluster tables, exemplars, neighbors and merge trees."""

import numpy as np
import pytest

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.inspection import describe, exemplars, merge_tree, neighbors


def test_describe_agrees_with_direct_computation(planted):
    X, _, model = planted
    table = describe(model, X)
    cosines = model.transform(X)
    assert table["size"].tolist() == np.bincount(model.labels_).tolist()
    for cluster in range(5):
        own = model.labels_ == cluster
        angles = np.degrees(np.arccos(cosines[own, cluster]))
        assert table["radius"][cluster] == pytest.approx(angles.mean(), rel=1e-4)
        others = np.delete(cosines[own], cluster, axis=1).max(axis=1)
        a, b = 1 - cosines[own, cluster], 1 - others
        assert table["silhouette"][cluster] == pytest.approx(
            np.mean((b - a) / np.maximum(a, b)), rel=1e-4
        )
        between = model.means_ @ model.means_[cluster]
        between[cluster] = -1
        assert table["nearest_cluster"][cluster] == between.argmax()
        assert table["nearest_cosine"][cluster] == pytest.approx(between.max())


def test_single_cluster_has_no_neighbors(planted):
    X = planted[0]
    model = VMFMixture(1).fit(X)
    table = describe(model, X)
    assert table["nearest_cluster"].tolist() == [-1]
    assert np.isnan(table["nearest_cosine"][0])
    assert len(neighbors(model)["cluster"]) == 0
    assert exemplars(model, X, 3).shape == (1, 3)


def test_exemplars_are_the_nearest_rows(planted):
    X, _, model = planted
    chosen = exemplars(model, X, 4)
    cosines = model.transform(X)
    for cluster in range(5):
        rows = np.flatnonzero(model.labels_ == cluster)
        nearest = rows[np.argsort(-cosines[rows, cluster], kind="stable")][:4]
        assert chosen[cluster].tolist() == nearest.tolist()
    few = exemplars(model, X[chosen[2]], 6)
    assert (few[2] >= 0).sum() == 4
    assert (few[[0, 1, 3, 4]] == -1).all()


def test_neighbors_lists_nearest_clusters(planted):
    _, _, model = planted
    table = neighbors(model, 2)
    assert np.asarray(table["cluster"]).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    between = model.means_ @ model.means_.T
    columns = (table[name] for name in ("cluster", "neighbor", "cosine"))
    for cluster, other, cosine in zip(*columns):
        assert cluster != other
        assert cosine == pytest.approx(between[cluster, other])


def test_merge_tree_lists_merges_and_refuses_unmerged_fits(planted):
    X, _, model = planted
    tree = merge_tree(model)
    assert np.asarray(tree["n_components"])[-1] == 1
    np.testing.assert_array_equal(tree["cost"], model.merge_history_.costs)
    with pytest.raises(ValueError, match="Nothing was merged"):
        merge_tree(VMFMixture(3, merge=None, random_state=0).fit(X))


def test_describe_has_a_column_of_names_if_there_are_some():
    X, _ = make_vmf_mixture(200, 8, 3, concentration=60.0, random_state=0)
    model = VMFMixture(3, random_state=0).fit(X)
    assert "name" not in describe(model, X)
    table = describe(model.rename({1: "refunds"}), X)
    assert list(table)[:3] == ["cluster", "name", "size"]
    assert list(table["name"]) == ["", "refunds", ""]
