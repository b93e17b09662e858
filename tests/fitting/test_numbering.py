"""Numbers of clusters that match those of an earlier fit."""

import numpy as np

from vmfmix.fitting.numbering import counterparts, numbers_like


def test_a_cluster_that_moved_a_little_matches_and_a_new_one_does_not():
    previous = np.eye(3, 4)
    means = np.array([[0.0, 0.1, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], [1.0, 0.2, 0.0, 0.0]])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_array_equal(counterparts(means, previous), [2, -1, 0])


def test_only_one_half_of_a_split_cluster_matches():
    previous = np.eye(2, 3)
    halves = np.array([[1.0, 0.0, 0.3], [1.0, 0.0, -0.4], [0.0, 1.0, 0.0]])
    halves /= np.linalg.norm(halves, axis=1, keepdims=True)
    np.testing.assert_array_equal(counterparts(halves, previous), [0, -1, 1])


def test_a_cluster_is_no_match_if_another_previous_one_is_nearer_to_its_counterpart():
    previous = np.array([[1.0, 0.0, 0.0], [0.9, np.sqrt(1 - 0.81), 0.0]])
    means = np.array([[1.0, 0.0, 0.0], [0.0, 0.8, 0.6]])
    np.testing.assert_array_equal(counterparts(means, previous), [0, -1])


def test_a_single_cluster_matches_if_it_is_not_opposite():
    previous = np.array([[1.0, 0.0]])
    np.testing.assert_array_equal(counterparts(np.array([[0.6, 0.8]]), previous), [0])
    np.testing.assert_array_equal(counterparts(np.array([[-0.6, 0.8]]), previous), [-1])
    np.testing.assert_array_equal(counterparts(np.eye(2), np.empty((0, 2))), [-1, -1])


def test_numbers_are_those_of_the_matches_without_gaps():
    for matches, expected in (
        ([2, 0, 1], [2, 0, 1]),
        ([-1, 0, -1, 1], [2, 0, 3, 1]),
        ([5, 1, 4], [2, 1, 0]),  # fewer clusters than before
        ([-1, 9], [1, 0]),
    ):
        np.testing.assert_array_equal(numbers_like(np.array(matches)), expected)
