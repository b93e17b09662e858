"""Tables of clusters, typical rows, outliers, and labels that look wrong."""

import sys

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import roc_auc_score

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.inspection import (
    compare,
    describe,
    exemplars,
    label_issues,
    merge_tree,
    neighbors,
    outliers,
)


@pytest.fixture(scope="module")
def planted():
    X, y = make_vmf_mixture(2000, 24, 5, concentration=80.0, dtype=np.float32, random_state=0)
    return X, y, VMFMixture(random_state=0).fit(X)


def test_a_table_of_clusters(planted):
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


def test_one_cluster_has_no_neighbor(planted):
    X = planted[0]
    model = VMFMixture(1).fit(X)
    table = describe(model, X)
    assert table["nearest_cluster"].tolist() == [-1]
    assert np.isnan(table["nearest_cosine"][0])
    assert len(neighbors(model)["cluster"]) == 0
    assert exemplars(model, X, 3).shape == (1, 3)


def test_tables_are_dicts_without_pandas(planted, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    table = describe(planted[2], planted[0])
    assert isinstance(table, dict)
    assert isinstance(table["size"], np.ndarray)


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


def test_neighbors(planted):
    _, _, model = planted
    table = neighbors(model, 2)
    assert np.asarray(table["cluster"]).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    between = model.means_ @ model.means_.T
    columns = (table[name] for name in ("cluster", "neighbor", "cosine"))
    for cluster, other, cosine in zip(*columns):
        assert cluster != other
        assert cosine == pytest.approx(between[cluster, other])


def test_a_tree_of_merges(planted):
    X, _, model = planted
    tree = merge_tree(model)
    assert np.asarray(tree["n_components"])[-1] == 1
    np.testing.assert_array_equal(tree["cost"], model.merge_history_.costs)
    with pytest.raises(ValueError, match="Nothing was merged"):
        merge_tree(VMFMixture(3, merge=None, random_state=0).fit(X))


def test_outliers_are_found_and_few_others(planted):
    X, _, model = planted
    assert len(outliers(model, X, share=0.02)["row"]) == pytest.approx(40, abs=20)
    strange = X.copy()
    rng = np.random.default_rng(0)
    strange[:20] = rng.normal(size=(20, 24))
    found = outliers(model, strange, share=0.001)
    assert set(range(20)) <= set(np.asarray(found["row"]).tolist())
    assert len(found["row"]) < 40
    assert (np.diff(found["p_value"]) >= 0).all()
    with pytest.raises(ValueError, match="share=2"):
        outliers(model, X, share=2)


def test_clusters_against_labels(planted):
    X, y, model = planted
    names = np.array(["a", "b", "c", "d", "e"])[y]
    table = compare(model, X, names)
    for cluster in range(5):
        own = names[model.labels_ == cluster]
        values, counts = np.unique(own, return_counts=True)
        most = counts.argmax()
        assert table["label"][cluster] == values[most]
        assert table["purity"][cluster] == pytest.approx(counts[most] / len(own))
        coverage = counts[most] / (names == values[most]).sum()
        assert table["coverage"][cluster] == pytest.approx(coverage)
        assert 1.0 <= table["effective_labels"][cluster] < 1.5


def flipped(y, n_classes, share, seed=0):
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(y)) < share
    return np.where(wrong, (y + rng.integers(1, n_classes, len(y))) % n_classes, y), wrong


@pytest.mark.parametrize("kind", [np.float64, np.float32, sp.csr_array])
def test_flipped_labels_are_found(kind):
    snips = load_snips()
    X = kind(snips.data.astype(np.float64)) if kind is sp.csr_array else snips.data.astype(kind)
    given, wrong = flipped(snips.target, 7, 0.1)
    model = VMFMixture(7, random_state=0).fit(X)
    issues = label_issues(model, X, given)
    assert roc_auc_score(wrong, -issues["given_label_probability"]) > 0.99
    first = np.argsort(issues["rank"])[: wrong.sum()]
    assert wrong[first].mean() > (0.85 if kind is sp.csr_array else 0.9)
    suggested = np.asarray(issues["suggested_label"])
    assert (suggested[wrong] == snips.target[wrong]).mean() > 0.9
    np.testing.assert_array_equal(issues["given_label"], given)
    np.testing.assert_array_equal(issues["cluster"], model.labels_)
    assert issues["cluster_purity"].between(0, 1).all()


def test_a_row_does_not_vote_for_itself():
    """Leaving one out in closed form is what leaving it out gives, but for the scatter."""
    X, y = make_vmf_mixture(400, 6, 3, concentration=15.0, random_state=1)
    model = VMFMixture(3, random_state=0).fit(X)
    found = np.asarray(label_issues(model, X, y)["given_label_probability"])
    residuals = X - np.stack([X[y == c].mean(axis=0) for c in range(3)])[y]
    scatter = residuals.T @ residuals / len(X)
    scatter = 0.9 * scatter + 0.1 * np.trace(scatter) / 6 * np.eye(6)
    for row in range(0, 400, 40):
        rest = np.arange(400) != row
        logs = []
        for c in range(3):
            own = X[rest & (y == c)]
            away = X[row] - own.mean(axis=0)
            logs.append(np.log(len(own)) - 0.5 * away @ np.linalg.solve(scatter, away))
        logs = np.exp(np.array(logs) - max(logs))
        assert found[row] == pytest.approx(logs[y[row]] / logs.sum(), abs=1e-3)


def test_the_only_row_of_a_label_is_not_judged(planted):
    X, y, model = planted
    y = y.copy()
    y[7] = 99
    issues = label_issues(model, X, y)
    assert np.isnan(issues["given_label_probability"][7])
    assert issues["rank"][7] == len(X) - 1


def test_rows_of_a_data_frame_are_taken_by_position(planted):
    pd = pytest.importorskip("pandas")
    X, y, model = planted
    index = np.random.default_rng(0).permutation(len(X)) + 0.5
    rows, known = pd.DataFrame(X, index=index), pd.Series(y, index=index)
    np.testing.assert_array_equal(exemplars(model, rows), exemplars(model, X))
    for one, other in (
        (describe(model, rows), describe(model, X)),
        (outliers(model, rows), outliers(model, X)),
        (label_issues(model, rows, known), label_issues(model, X, y)),
    ):
        pd.testing.assert_frame_equal(one, other)
    known = known.astype("Int64")
    known.iloc[3] = pd.NA
    with pytest.raises(ValueError, match="Row 3 has no label"):
        label_issues(model, rows, known)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (lambda y: y[:-1], "inconsistent numbers"),
        (lambda y: np.zeros(len(y)), "at least two"),
        (lambda y: np.where(np.arange(len(y)) == 3, np.nan, y), "Row 3 has no label"),
        (lambda y: [None, *y[1:].tolist()], "Row 0 has no label"),
        (lambda y: np.stack([y, y], axis=1), "one label for each row"),
    ],
)
def test_labels_that_cannot_be_used(planted, y, message):
    X, truth, model = planted
    with pytest.raises(ValueError, match=message):
        label_issues(model, X, y(truth))
