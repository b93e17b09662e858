"""Tests of the scores against known classes."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    completeness_score,
    homogeneity_score,
    normalized_mutual_info_score,
)

from vmfmix.metrics import clustering_accuracy, clustering_report


@pytest.mark.parametrize(
    ("y_true", "y_pred", "accuracy"),
    [
        ([0, 0, 1, 1], [1, 1, 0, 0], 1.0),
        ([0, 0, 1, 1], [0, 1, 0, 1], 0.5),
        ([0, 0, 0, 1], [5, 5, 5, 5], 0.75),  # one cluster takes the largest class
        ([0, 0, 0, 0], [0, 1, 2, 3], 0.25),  # one class, many clusters
        ([0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 1, 1], 4 / 6),  # fewer clusters than classes
        ([0, 0, 0, 1, 1], [0, 0, 1, 1, 2], 0.6),
        # Greedy matching would take cell (0, 0) of [[4, 3], [3, 0]], which is not optimal.
        ([0] * 7 + [1] * 3, [0] * 4 + [1] * 3 + [0] * 3, 0.6),
    ],
)
def test_accuracy_of_small_examples(y_true, y_pred, accuracy):
    assert clustering_accuracy(y_true, y_pred) == pytest.approx(accuracy)


@pytest.mark.parametrize("seed", range(20))
def test_accuracy_equals_best_of_all_matchings(seed):
    rng = np.random.default_rng(seed)
    n_classes, n_clusters = rng.integers(1, 6, size=2)
    y_true, y_pred = rng.integers(n_classes, size=25), rng.integers(n_clusters, size=25)
    weight = rng.integers(0, 4, size=25).astype(float)
    n = max(n_classes, n_clusters)
    best = max(weight[np.array(p)[y_pred] == y_true].sum() for p in permutations(range(n)))
    found = clustering_accuracy(y_true, y_pred, sample_weight=weight)
    assert found == pytest.approx(best / weight.sum())


def test_scores_ignore_cluster_numbers_and_row_order():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(4, size=60), rng.integers(6, size=60)
    renamed, order = rng.permutation(6)[y_pred], rng.permutation(60)
    expected = clustering_report(y_true, y_pred)
    assert clustering_report(y_true, renamed) == pytest.approx(expected)
    assert clustering_report(y_true[order], y_pred[order]) == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [object, str])
def test_scores_accept_strings(dtype):
    y_true = np.array(["cat", "cat", "dog", "owl"], dtype=dtype)
    y_pred = np.array(["x", "x", "y", "y"], dtype=dtype)
    assert clustering_accuracy(y_true, y_pred) == 0.75
    assert clustering_report(y_true, y_pred)["n_classes"] == 3


def test_noise_is_wrong_even_in_a_class_labeled_noise():
    y_true = [0, 0, 0, 1, 1, -1]
    assert clustering_accuracy(y_true, [0, 0, -1, 1, 1, -1]) == pytest.approx(4 / 6)
    assert clustering_accuracy(y_true, [-1] * 6) == 0.0
    report = clustering_report(y_true, [0, 0, -1, 1, 1, -1])
    assert report["n_clusters"] == 2
    assert report["n_classes"] == 3
    assert report["noise_share"] == pytest.approx(2 / 6)


def test_accuracy_weights_equal_repeated_rows():
    y_true, y_pred, weight = [0, 0, 1, 1, 2], [0, 1, 1, 1, -1], [3, 1, 0, 2, 4]
    repeated = clustering_accuracy(np.repeat(y_true, weight), np.repeat(y_pred, weight))
    assert clustering_accuracy(y_true, y_pred, sample_weight=weight) == pytest.approx(repeated)


def test_report_equals_scikit_learn_scores():
    rng = np.random.default_rng(1)
    y_true = rng.integers(3, size=80)
    y_pred = np.where(rng.random(80) < 0.7, y_true, rng.integers(-1, 5, size=80))
    report = clustering_report(y_true, y_pred)
    for name, score in {
        "normalized_mutual_info": normalized_mutual_info_score,
        "adjusted_mutual_info": adjusted_mutual_info_score,
        "adjusted_rand": adjusted_rand_score,
        "homogeneity": homogeneity_score,
        "completeness": completeness_score,
        "accuracy": clustering_accuracy,
    }.items():
        assert report[name] == pytest.approx(score(y_true, y_pred)), name
    assert {type(value) for value in report.values()} == {float, int}


@pytest.mark.parametrize(
    ("y_true", "y_pred", "sample_weight", "message"),
    [
        ([0, 1, 1], [0, 1], None, "y_true has 3 labels and y_pred has 2"),
        ([[0, 1]], [0, 1], None, r"y_true has shape \(1, 2\)"),
        ([0, 1], [[0], [1]], None, r"y_pred has shape \(2, 1\)"),
        ([], [], None, "empty"),
        ([0, np.nan], [0, 1], None, "NaN"),
        (np.array([0, "a"], dtype=object), [0, 1], None, "cannot be ordered"),
        ([0, 1], [0, 1], [1], r"sample_weight has shape \(1,\) for 2 rows"),
        ([0, 1], [0, 1], [1, -1], "negative"),
        ([0, 1], [0, 1], [0, 0], "only zeros"),
    ],
)
def test_accuracy_refuses_invalid_input(y_true, y_pred, sample_weight, message):
    with pytest.raises(ValueError, match=message):
        clustering_accuracy(y_true, y_pred, sample_weight=sample_weight)
