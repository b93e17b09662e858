"""Model selection criteria, with values worked out by hand."""

import numpy as np
import pytest
from scipy.stats import vonmises_fisher

from vmfmix.model import criteria
from vmfmix.model.statistics import pooled_concentration

E_SQUARED = np.exp(2.0)  # as a number of rows: its logarithm is 2


@pytest.mark.parametrize(
    ("arguments", "has_background", "expected"),
    [
        ((1, 2, 0), False, 1),  # one angle
        ((1, 2, 1), False, 2),  # an angle and a concentration
        ((2, 3, 1), False, 6),  # four angles, one weight, one concentration
        ((4, 16, 4), False, 67),  # sixty angles, three weights, four concentrations
        ((4, 16, 4), True, 68),  # one weight more
        ((0, 16, 0), True, 0),  # the background alone
    ],
)
def test_n_free_parameters_counts_angles_weights_and_concentrations(
    arguments, has_background, expected
):
    assert criteria.n_free_parameters(*arguments, has_background=has_background) == expected


def test_bic_and_aic_match_values_by_hand():
    assert criteria.bic(-10.0, E_SQUARED, 3) == pytest.approx(20 + 2 * 3)
    assert criteria.aic(-10.0, 4) == pytest.approx(20 + 2 * 4)


def test_bic_penalty_is_half_the_penalty_of_bic():
    assert criteria.bic_penalty(E_SQUARED, 3) == pytest.approx(3)
    expected = -2 * (-10.0 - criteria.bic_penalty(50, 7))
    assert criteria.bic(-10.0, 50, 7) == pytest.approx(expected)


def test_responsibility_entropy_matches_values_by_hand():
    certain = np.array([[0.0, -np.inf], [-2000.0, 0.0]])
    assert criteria.responsibility_entropy([certain]) == 0.0
    undecided = np.zeros((3, 2))
    assert criteria.responsibility_entropy([undecided]) == pytest.approx(3 * np.log(2))
    quarter = np.log([[1.0, 3.0]]) - 7.0  # responsibilities 1/4 and 3/4
    expected = 0.25 * np.log(4) + 0.75 * np.log(4 / 3)
    assert criteria.responsibility_entropy([quarter]) == pytest.approx(expected)


def test_responsibility_entropy_adds_up_over_blocks():
    log_joints = np.random.default_rng(0).standard_normal((20, 5))
    blocks = np.array_split(log_joints, 3)
    assert criteria.responsibility_entropy(iter(blocks)) == pytest.approx(
        criteria.responsibility_entropy([log_joints])
    )


def test_classification_log_likelihood_of_uniform_rows_by_hand():
    """Without resultants, the density is 1 / (4π) on the sphere in three dimensions."""
    found = criteria.classification_log_likelihood(np.array([1.0, 3.0]), np.zeros(2), dim=3)
    expected = -4 * np.log(4 * np.pi) + np.log(1 / 4) + 3 * np.log(3 / 4)
    assert found == pytest.approx(expected)


def test_classification_log_likelihood_of_a_single_component_by_hand():
    """In three dimensions A(κ) = coth κ − 1/κ and C(κ) = κ / (4π sinh κ)."""
    length = 10 * (1 / np.tanh(2) - 1 / 2)  # κ = 2
    found = criteria.classification_log_likelihood(np.array([10.0]), np.array([length]), dim=3)
    expected = 2 * length + 10 * np.log(2 / (4 * np.pi * np.sinh(2)))
    assert found == pytest.approx(expected)


def test_classification_log_likelihood_matches_scipy():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [20, 30, 50])
    rows = np.eye(3, 5)[labels] + 0.3 * rng.standard_normal((100, 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    sums = np.array([rows[labels == k].sum(axis=0) for k in range(3)])
    counts, lengths = np.bincount(labels).astype(float), np.linalg.norm(sums, axis=1)
    kappa = pooled_concentration(counts, lengths, 5)
    expected = sum(
        vonmises_fisher(sums[k] / lengths[k], kappa).logpdf(rows[labels == k]).sum()
        + counts[k] * np.log(counts[k] / 100)
        for k in range(3)
    )
    found = criteria.classification_log_likelihood(counts, lengths, 5)
    assert found == pytest.approx(expected)
