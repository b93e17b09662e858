"""The record of the merges of a fit."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.cluster import hierarchy

from vmfmix import VMFMixture
from vmfmix.merging.history import MergeHistory
from vmfmix.merging.path import Partition
from vmfmix.model.statistics import SufficientStatistics


@pytest.fixture(scope="module")
def history(partitions, steps):
    return MergeHistory.from_path(partitions, steps, {4: 0.5, 3: 0.75})


def test_linkage_is_a_valid_tree(history):
    assert history.n_components_init == 60
    assert history.children.shape == (59, 2)
    seen = history.children.ravel()
    assert sorted(seen) == list(range(118))  # every node but the root is merged once
    tree = history.linkage()
    assert hierarchy.is_valid_linkage(tree)
    heights = np.append(np.zeros(60), tree[:, 2])
    # Heights never decrease towards the root.
    assert (tree[:, 2] >= heights[history.children].max(axis=1)).all()
    assert (tree[:, 2] >= history.costs).all()
    assert tree[-1, 3] == 60
    assert "60 components merged down to 1" in repr(history)


@pytest.mark.parametrize("n", [60, 59, 53, 52, 51, 8, 4, 1])
def test_history_has_statistics_of_any_number(history, partitions, n):
    statistics = history.statistics(n)
    assert len(statistics.counts) == n
    assert statistics.counts.sum() == 1500
    exact = {partition.n_components: partition for partition in partitions}
    if n in exact:
        np.testing.assert_array_equal(statistics.counts, exact[n].statistics.counts)
        np.testing.assert_allclose(statistics.resultants, exact[n].statistics.resultants, rtol=1e-5)


@pytest.mark.parametrize("n", [0, 61])
def test_history_rejects_numbers_off_the_path(history, n):
    with pytest.raises(
        ValueError, match=rf"n_components={n} is not on the merge path.* from 60 down to 1;"
    ):
        history.statistics(n)


def test_linkage_rejects_a_path_that_stops_early(rows):
    history = VMFMixture(4, n_components_init=20, random_state=0).fit(rows).merge_history_
    with pytest.raises(ValueError, match="stops at 4 components"):
        history.linkage()
    assert len(history.candidates) == 0


def test_history_ends_with_the_iterations_of_em(rows):
    model = VMFMixture(random_state=0).fit(rows)
    history = model.merge_history_
    assert len(history.n_components) == len(history.log_likelihoods) == len(history.seconds)
    np.testing.assert_allclose(history.log_likelihoods[-model.n_iter_ :], model.lower_bounds_)
    assert (history.n_components[-model.n_iter_ :] == model.n_components_).all()
    assert (np.diff(history.seconds) >= 0).all()
    best = history.candidates[history.scores == history.scores.max()].min()
    assert model.n_components_ == best == 5


@pytest.fixture
def small_history():
    """Return the history of three components: 1 and 2 merge into node 3, then 0 and 3."""
    partitions = [
        Partition(SufficientStatistics(np.ones(3), np.eye(3), 0.0, 3.0), merges=[(1, 2, 0.5)]),
        Partition(
            SufficientStatistics(np.array([1.0, 2.0]), np.eye(2, 3), 0.0, 3.0),
            merges=[(0, 1, 0.25)],
        ),
        Partition(SufficientStatistics(np.array([3.0]), np.ones((1, 3)), 0.0, 3.0)),
    ]
    iterations = [(3, -1.0, 0.1), (2, -1.5, 0.2), (1, -2.0, 0.3)]
    return MergeHistory.from_path(partitions, iterations, {2: 0.5, 1: 0.75}, scale=2.0)


def test_from_path_matches_arrays_by_hand(small_history):
    np.testing.assert_array_equal(small_history.children, [[1, 2], [0, 3]])
    np.testing.assert_array_equal(small_history.costs, [0.5, 0.25])
    np.testing.assert_array_equal(small_history.rounds, [3, 2, 1])
    np.testing.assert_array_equal(small_history.nodes, [0, 1, 2, 0, 3, 4])
    np.testing.assert_array_equal(small_history.counts, [2, 2, 2, 2, 4, 6])  # times the scale
    np.testing.assert_array_equal(small_history.n_components, [3, 2, 1])
    np.testing.assert_array_equal(small_history.candidates, [2, 1])
    np.testing.assert_array_equal(small_history.scores, [0.5, 0.75])


def test_linkage_matches_values_by_hand(small_history):
    """The second merge is cheaper than the first, but its height must not be lower."""
    expected = [[1, 2, 0.5, 2], [0, 3, 0.5, 3]]
    np.testing.assert_array_equal(small_history.linkage(), expected)


def test_is_consistent_accepts_histories_of_fits(history, small_history):
    assert history.is_consistent(16)
    assert small_history.is_consistent(3)


@pytest.mark.parametrize(
    "changes",
    [
        {"children": np.array([[1, 1], [0, 3]])},  # a node merged with itself
        {"children": np.array([[1, 2], [0, 2]])},  # a node that is merged already
        {"children": np.array([[1, 2], [0, 5]])},  # a node that does not exist
        {"children": np.array([[1.0, 2.0], [0.0, 3.0]])},
        {"costs": np.zeros(3)},
        {"rounds": np.array([], dtype=int)},
        {"rounds": np.array([3, 3, 1])},
        {"rounds": np.array([3, 2, 0])},
        {"nodes": np.array([0, 1, 2, 0, 1, 4])},  # a node that is merged already
        {"counts": np.array([2.0, 2.0, 2.0, 2.0, 4.0, 0.0])},
        {"resultants": np.full((6, 3), np.nan)},
        {"scores": np.zeros(3)},
    ],
)
def test_is_consistent_rejects_damaged_arrays(small_history, changes):
    assert not replace(small_history, **changes).is_consistent(3)


def test_is_consistent_rejects_another_number_of_features(small_history):
    assert not small_history.is_consistent(4)


@pytest.mark.parametrize("n", [60, 59, 52, 8, 4, 1])
def test_nodes_are_in_the_order_of_the_statistics(history, n):
    leaves = {node: {node} for node in range(60)}
    for merge, (one, other) in enumerate(history.children.tolist()):
        leaves[60 + merge] = leaves[one] | leaves[other]
    nodes = history.nodes_at(n)
    assert sorted(leaf for node in nodes for leaf in leaves[node]) == list(range(60))
    if n in history.rounds:
        first = history.rounds[: history.rounds.tolist().index(n)].sum()
        assert nodes == history.nodes[first : first + n].tolist()
    if n < 60:  # a merge within a round replaces the first of two components by the union
        before, node = history.nodes_at(n + 1), 119 - n
        one, other = history.children[node - 60].tolist()
        assert nodes == [node if each == one else each for each in before if each != other]


def test_history_of_components_needs_no_rows():
    statistics = SufficientStatistics(np.array([3.0, 2.0, 2.0]), np.eye(3) + 0.5, 0.0, 7.0)
    history = MergeHistory.of_components(statistics, cost="icl")
    assert history.is_consistent(3)
    assert hierarchy.is_valid_linkage(history.linkage())
    np.testing.assert_array_equal(history.statistics(3).counts, statistics.counts)
    np.testing.assert_allclose(history.statistics(1).resultants, [[2.5, 2.5, 2.5]])
    single = MergeHistory.of_components(statistics.selected(slice(1)))
    assert single.is_consistent(3) and single.nodes_at(1) == [0]
