"""Tests of the temperature that calibrates class probabilities."""

import numpy as np
import pytest

from vmfmix.inspection.temperature import fit_temperature


def draw(temperature, n_classes, n_rows=4000):
    """Return scores, and labels that are drawn from the softmax of scores / temperature."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0.0, 3.0 * temperature, (n_rows, n_classes))
    return scores, (scores / temperature + rng.gumbel(size=scores.shape)).argmax(axis=1)


@pytest.mark.parametrize("n_classes", [2, 5, 60])
@pytest.mark.parametrize("temperature", [1.5, 8.0, 3000.0])
def test_temperature_is_that_of_the_labels(temperature, n_classes):
    scores, given = draw(temperature, n_classes)
    assert fit_temperature(scores, given) == pytest.approx(temperature, rel=0.1)
    constants = np.random.default_rng(1).normal(0.0, 100.0, (len(scores), 1))
    shifted = fit_temperature(scores + constants, given)
    assert shifted == pytest.approx(fit_temperature(scores, given), rel=1e-3)


def test_wrong_labels_far_from_their_class_hardly_change_the_temperature():
    scores, given = draw(4.0, 5)
    any_class, second = given.copy(), given.copy()
    any_class[:400] = np.random.default_rng(1).integers(5, size=400)
    second[:400] = np.argsort(scores[:400], axis=1)[:, -2]
    for labels in (any_class, second):
        assert fit_temperature(scores, labels) == pytest.approx(4.0, rel=0.2)


def test_scores_that_say_nothing_about_labels_get_a_high_temperature():
    """Labels could be explained as all wrong, and then any temperature would do."""
    scores, _ = draw(1.0, 5)
    given = np.random.default_rng(1).integers(5, size=len(scores))
    assert fit_temperature(scores, given) > 5.0


def test_differences_between_scores_are_never_increased():
    scores = np.array([[0.1, 0.0], [0.0, 0.1]] * 50)
    assert fit_temperature(scores, np.array([0, 1] * 50)) == 1.0
    assert fit_temperature(np.empty((0, 3)), np.empty(0, dtype=int)) == 1.0
