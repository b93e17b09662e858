"""Calibration of probabilities against fits to other rows."""

import numpy as np
import pytest
from scipy.special import softmax

from vmfmix.fitting.calibration import best_power, matched_labels


def test_clusters_are_matched_by_the_rows_they_share():
    labels = np.array([0, 0, 0, 1, 1, 2, -1])
    others = np.array([2, 2, 1, 0, 0, 1, 0])
    assert matched_labels(labels, others, 3).tolist() == [0, 0, 2, 1, 1, 2, 1]


def test_background_has_no_counterpart():
    assert matched_labels(np.array([0, 1]), np.array([-1, 1]), 2).tolist() == [-1, 1]


@pytest.mark.parametrize("power", [0.05, 0.3, 0.9])
def test_the_power_that_generated_labels_is_found(power):
    rng = np.random.default_rng(0)
    log_joints = rng.standard_normal((20_000, 3)) / power
    cumulative = softmax(power * log_joints, axis=1).cumsum(axis=1)
    labels = (rng.uniform(size=(len(log_joints), 1)) > cumulative).sum(axis=1)
    assert best_power(log_joints, labels) == pytest.approx(power, rel=0.05)


def test_the_power_is_at_most_one():
    log_joints = np.array([[0.0, -0.1], [-0.1, 0.0]] * 50)
    assert best_power(log_joints, np.array([0, 1] * 50)) == pytest.approx(1.0, abs=1e-3)
