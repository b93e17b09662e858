"""Modularity and persistence of a partition of a graph."""

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix.neighbors.communities import edges_between, modularity, persistence


def test_edges_between_counts_each_edge_at_both_ends():
    rng = np.random.default_rng(0)
    graph = np.triu(rng.random((30, 30)) < 0.2, 1)
    graph = (graph | graph.T).astype(np.float32)
    labels = rng.integers(0, 4, 30)
    edges = edges_between(sp.csr_array(graph), labels, 5)
    for a in range(5):
        for b in range(5):
            expected = graph[np.ix_(labels == a, labels == b)].sum() / graph.sum()
            assert edges[a, b] == pytest.approx(expected)


def test_edges_between_accepts_a_graph_without_edges():
    edges = edges_between(sp.csr_array((3, 3), dtype=np.float32), np.zeros(3, int), 1)
    np.testing.assert_array_equal(edges, [[0.0]])


def test_persistence_matches_values_by_hand():
    # Two clusters of half the edges each, left with probability 0.1: f = (0.9 − 0.5) / 0.5 = 0.8.
    inside, volumes = np.array([0.45, 0.45]), np.array([0.5, 0.5])
    assert persistence(inside, volumes, 6) == pytest.approx(0.8**6 * np.log(2))
    # No better than chance, worse than chance, one cluster, an empty cluster.
    assert persistence(np.array([0.25, 0.25]), volumes, 6) == 0
    assert persistence(np.array([0.1, 0.1]), volumes, 6) == 0
    assert persistence(np.array([1.0]), np.array([1.0]), 6) == 0
    with_empty = persistence(np.array([0.45, 0.45, 0]), np.array([0.5, 0.5, 0]), 6)
    assert with_empty == pytest.approx(0.8**6 * np.log(2))


def test_persistence_takes_several_scales_at_once():
    inside, volumes = np.array([0.2, 0.7]), np.array([0.25, 0.75])
    scales = np.array([1.5, 6.0, 48.0])
    together = persistence(inside, volumes, scales)
    assert together == pytest.approx([persistence(inside, volumes, scale) for scale in scales])
    assert (np.diff(together) < 0).all()


def test_modularity_matches_values_by_hand():
    # A quarter and three quarters of the edge ends, 0.2 and 0.7 of all within the clusters.
    inside, volumes = np.array([0.2, 0.7]), np.array([0.25, 0.75])
    assert modularity(inside, volumes) == pytest.approx(0.9 - 0.0625 - 0.5625)
    # No better than chance, one cluster, an empty cluster.
    assert modularity(np.array([0.25, 0.25]), np.array([0.5, 0.5])) == 0
    assert modularity(np.array([1.0]), np.array([1.0])) == 0
    assert modularity(np.array([0.2, 0.7, 0]), np.array([0.25, 0.75, 0])) == pytest.approx(0.275)
