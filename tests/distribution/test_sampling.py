"""Samples against the moments and distribution functions that they must follow."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from vmfmix import distribution as vmf
from vmfmix.distribution.sampling import sample_one_minus_cosine

CASES = [(d, d * ratio) for d in (2, 3, 5, 64, 1000) for ratio in (1e-3, 0.3, 3.0, 1e3, 1e9)]
CASES += [(100_000, 1e3), (100_000, 1e5), (100_000, 1e12)]


@pytest.mark.parametrize(("dim", "kappa"), CASES)
def test_sampled_cosines_follow_distribution(dim, kappa):
    n = 20_000
    u = sample_one_minus_cosine(kappa, dim, n, np.random.default_rng([dim, int(kappa)]))
    mean = vmf.mean_resultant_length(kappa, dim, complement=True)
    variance = vmf.mean_resultant_length_derivative(kappa, dim)
    assert abs(u.mean() - mean) < 4.0 * np.sqrt(variance / n)
    squares = (u - mean) ** 2
    assert abs(squares.mean() - variance) < 4.5 * squares.std() / np.sqrt(n)
    # The exact distribution of the angle θ has the density ∝ exp(−2κ sin²(θ/2)) sin^(d−2) θ.
    reach = 20.0 * np.sqrt(variance)
    low, high = np.clip([mean - reach, mean + reach], 0.0, 2.0)
    theta = np.linspace(*(2.0 * np.arcsin(np.sqrt(0.5 * np.array([low, high])))), 20_001)
    inner = 0.5 * (theta[1:] + theta[:-1])
    log_density = -2.0 * kappa * np.sin(0.5 * inner) ** 2 + (dim - 2) * np.log(np.sin(inner))
    mass = np.exp(log_density - log_density.max())
    cdf = np.concatenate([[0.0], np.cumsum(mass)]) / mass.sum()
    angles = 2.0 * np.arcsin(np.sqrt(0.5 * u))
    assert stats.kstest(angles, lambda x: np.interp(x, theta, cdf)).pvalue > 1e-3


@pytest.mark.parametrize(
    ("dim", "kappa"),
    [(2, 3.0), (2, 1e12), (3, 5.0), (10, 1e-3), (10, 1e12), (384, 400.0), (20_000, 1e12)],
)
def test_samples_are_unit_vectors_around_mean(dim, kappa):
    n = 10_000 if dim < 100 else 500
    rng = np.random.default_rng([dim, 1])
    mean, along = rng.standard_normal((2, dim))
    mean /= np.linalg.norm(mean)
    along -= (along @ mean) * mean
    along /= np.linalg.norm(along)
    X = vmf.sample(mean, kappa, n, rng=rng)
    assert X.shape == (n, dim)
    assert_allclose(np.linalg.norm(X, axis=1), 1.0, rtol=0, atol=1e-14)
    u = 0.5 * ((X - mean) ** 2).sum(axis=1)
    expected = vmf.mean_resultant_length(kappa, dim, complement=True)
    spread = vmf.mean_resultant_length_derivative(kappa, dim)
    assert abs(u.mean() - expected) < 4.0 * np.sqrt(spread / n)
    # Across the mean: centered, with the variance A/κ in every direction.
    across = (X - mean) @ along
    variance = vmf.mean_resultant_length(kappa, dim) / kappa
    assert abs(across.mean()) < 4.0 * np.sqrt(variance / n)
    squares = across**2
    assert abs(squares.mean() - variance) < 4.5 * squares.std() / np.sqrt(n)


@pytest.mark.parametrize("dim", [2, 3, 20])
def test_samples_are_uniform_at_zero_concentration(dim):
    X = vmf.sample(np.eye(dim)[-1], 0.0, 20_000, rng=dim)
    pvalue = stats.chi2.sf(dim * len(X) * np.sum(X.mean(axis=0) ** 2), dim)
    assert 1e-3 < pvalue < 1.0 - 1e-3
    assert_allclose(X.T @ X / len(X), np.eye(dim) / dim, rtol=0, atol=0.02 / np.sqrt(dim))
    found = stats.kstest(0.5 * (1.0 + X[:, 0]), stats.beta(0.5 * (dim - 1), 0.5 * (dim - 1)).cdf)
    assert found.pvalue > 1e-3


def test_samples_follow_mean_on_either_side_of_first_axis():
    for first in (1.0, 1e-20, 0.0, -0.0, -1e-20, -1.0):
        mean = np.array([first, np.sqrt(1.0 - first**2), 0.0])
        X = vmf.sample(mean, 1e10, 100, rng=0)
        assert np.all(X @ mean > 1.0 - 1e-8)
        assert np.linalg.matrix_rank(X - mean, tol=1e-7) == 2


def test_sample_normalizes_nearly_unit_mean():
    mean = np.array([0.36, 0.48, 0.8])
    expected = vmf.sample(mean, 7.0, 20, rng=0)
    assert_allclose(vmf.sample(1.0005 * mean, 7.0, 20, rng=0), expected, rtol=1e-12)


def test_samples_at_extreme_concentration_equal_mean():
    for dim in (2, 3, 9):
        mean = np.full(dim, dim**-0.5)
        for kappa in (1e40, 1e300, np.inf):
            expected = np.broadcast_to(mean, (5, dim))
            assert_allclose(vmf.sample(mean, kappa, 5, rng=0), expected, rtol=1e-15)


def test_sample_is_reproducible_from_seed():
    mean = [0.6, 0.8, 0.0, 0.0]
    first = vmf.sample(mean, 9.0, 50, rng=3)
    assert_array_equal(first, vmf.sample(mean, 9.0, 50, rng=3))
    assert_array_equal(first, vmf.sample(mean, 9.0, 50, rng=np.random.default_rng(3)))
    assert np.all(first != vmf.sample(mean, 9.0, 50, rng=4))
    assert np.all(vmf.sample(mean, 9.0, 50) != vmf.sample(mean, 9.0, 50))
    rng = np.random.default_rng(3)
    vmf.sample(mean, 9.0, 50, rng=rng)
    assert np.all(first != vmf.sample(mean, 9.0, 50, rng=rng))
    assert vmf.sample(mean, 9.0, 0, rng=3).shape == (0, 4)
