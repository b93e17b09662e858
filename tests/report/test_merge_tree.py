"""The hierarchy of a report: the tree of its clusters, its words, and its JSON values."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp

from tests.report.test_report import contents_of, with_levels
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.inspection import typical_words
from vmfmix.inspection.words import words_of_unions
from vmfmix.report import write_report
from vmfmix.report.merge_tree import MergeTree, merge_tree, node_words


def rows_of(n_rows, n_clusters, n_features=8):
    """Return unit rows and their clusters, all clusters with rows."""
    rng = np.random.RandomState(0)
    clusters = np.arange(n_rows) % n_clusters
    rows = rng.standard_normal((n_clusters, n_features))[clusters]
    rows += 0.3 * rng.standard_normal(rows.shape)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), clusters


@pytest.mark.parametrize("n_clusters", [2, 3, 500])
def test_tree_joins_all_clusters_with_increasing_heights(n_clusters):
    rows, clusters = rows_of(2000, n_clusters)
    tree = merge_tree(rows, clusters, n_clusters)
    assert tree.children.shape == (n_clusters - 1, 2) and tree.n_clusters == n_clusters
    assert sorted(tree.members[-1]) == [*range(n_clusters)]
    assert sorted(tree.children.ravel()) == [*range(2 * n_clusters - 2)]  # each node joins once
    assert all(a <= b for a, b in pairwise(tree.heights)) and tree.heights[-1] == 1.0
    assert tree.heights[0] >= 0.0
    np.testing.assert_array_equal(
        tree.sizes, [len(np.flatnonzero(np.isin(clusters, members))) for members in tree.members]
    )
    first, second = tree.children.T
    assert (tree.sizes[first] >= tree.sizes[second]).all()
    again = merge_tree(sp.csr_array(rows), clusters, n_clusters)
    np.testing.assert_array_equal(again.children, tree.children)


def test_the_most_similar_clusters_merge_first():
    angles = np.radians([0.0, 8.0, 90.0, 200.0])
    rows = np.column_stack([np.cos(angles), np.sin(angles)])[np.repeat(np.arange(4), 5)]
    tree = merge_tree(rows, np.repeat(np.arange(4), 5), 4)
    assert tree.children[0].tolist() == [0, 1] and sorted(tree.members[5]) in ([0, 1, 2], [2, 3])


def test_clusters_without_rows_and_background_are_not_in_the_tree():
    rows, clusters = rows_of(60, 3)
    clusters = np.where(clusters == 1, -1, clusters * 2)  # 0, 4 and the background
    tree = merge_tree(rows, clusters, 6)
    assert tree.children.tolist() == [[0, 4]] and tree.sizes.tolist() == [20, 0, 0, 0, 20, 0, 40]
    assert tree.n_filled == 2
    for kept in (clusters == 0, clusters < -1, clusters < 0):
        lone = merge_tree(rows[kept], clusters[kept], 6)
        assert lone.children.shape == (0, 2) and len(lone.sizes) == 6


def test_merges_that_cost_nothing_have_equal_steps():
    tree = merge_tree(np.tile([[1.0, 0.0]], (6, 1)), np.repeat([0, 1, 2], 2), 3)
    assert tree.heights[-1] == 1.0 and np.isfinite(tree.heights).all()


def test_words_of_a_union_are_shared_words_and_those_of_each_part():
    tree = MergeTree(np.array([[0, 1], [3, 2]]), np.array([0.5, 1.0]), np.array([4, 3, 2, 7, 9]))
    texts = ["rain cold weather", "rain weather", "sun hot weather", "book", "book table"]
    clusters = np.array([0, 0, 1, 2, 2])
    unions = [tree.members[node] for node in tree.pooled_nodes]
    words = node_words(tree, words_of_unions(texts, clusters, unions, n_words=10))
    assert words[:3] == [found[:5] for found in typical_words(texts, clusters, 10)]
    assert words[3][0] == "weather" and {*words[3][1:3]} == {"rain", "hot"}
    assert words[4][1] == "book"


def test_words_of_unions_are_those_of_joined_texts():
    rng = np.random.RandomState(0)
    texts = [" ".join(f"w{n}" for n in rng.zipf(1.6, 8) if n < 60) for _ in range(200)]
    clusters = rng.randint(-1, 5, 200)
    unions = [[0], [1, 3], [2, 4, 0], [4]]
    for union, words in zip(unions, words_of_unions(texts, clusters, unions, n_words=4)):
        kept = clusters >= 0
        joined = np.isin(clusters, union)[kept].astype(int)
        expected = typical_words([t for t, k in zip(texts, kept) if k], joined, 4)[1]
        assert words == expected
    assert words_of_unions([], np.empty(0, np.int64), []) == []


def test_equal_similar_words_appear_once_in_a_union():
    tree = MergeTree(np.array([[0, 1]]), np.array([1.0]), np.array([4, 3, 7]))
    assert node_words(tree, [["movie", "play"], ["movies", "star"], ["movie"]])[2] == [
        "movie",
        "play",
        "star",
    ]


@pytest.mark.parametrize(
    "parameters", [{}, {"merge": None}, {"background": True}, {"center": True}]
)
def test_every_fit_has_a_hierarchy(parameters, tmp_path):
    X, _ = make_vmf_mixture(300, 8, 4, concentration=60.0, random_state=0)
    model = VMFMixture(4, random_state=0, **parameters).fit(X)
    write_report(tmp_path / "r.html", model, X, texts=[f"text {k}" for k in model.predict(X)])
    contents = contents_of(tmp_path / "r.html")
    tree, n_filled = contents["tree"], sum(size > 0 for size in contents["clusters"]["size"])
    assert len(tree["children"]) == len(tree["heights"]) == len(tree["words"]) == n_filled - 1
    assert {len(colors) for colors in tree["color"].values()} == {n_filled - 1}
    write_report(tmp_path / "again.html", model, X, texts=[f"text {k}" for k in model.predict(X)])
    assert contents_of(tmp_path / "again.html")["tree"] == tree


def test_one_cluster_has_no_hierarchy(tmp_path):
    X, _ = make_vmf_mixture(60, 6, 1, random_state=0)
    write_report(tmp_path / "r.html", VMFMixture(1, random_state=0).fit(X), X)
    assert contents_of(tmp_path / "r.html")["tree"] is None


def test_natural_numbers_above_the_fit_are_not_in_the_hierarchy(tmp_path):
    X, _ = make_vmf_mixture(300, 8, 4, concentration=60.0, random_state=0)
    model = with_levels(VMFMixture(4, random_state=0).fit(X), {9: 0.5, 4: 0.2, 1: 0.2, 3: 0.1})
    write_report(tmp_path / "r.html", model, X)
    assert contents_of(tmp_path / "r.html")["tree"]["natural"] == [[3, 0.1], [4, 0.2]]
