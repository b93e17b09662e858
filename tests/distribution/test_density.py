"""Log densities against the reference table, SciPy, quadrature and single rows."""

from decimal import Decimal

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from tests.distribution.reference import BAR, TABLE
from vmfmix import distribution as vmf
from vmfmix.distribution.density import log_area


def test_log_prob_at_mode_matches_every_row_of_reference_table():
    # log C + κ in decimal arithmetic: at κ = 1e12 the two cancel to a millionth of either.
    for row in TABLE["normalizer"]:
        if row[0] <= 1024:
            mode = np.eye(1, row[0])[0]
            expected = float(Decimal(row[2]) + Decimal(float(row[1])))
            found = vmf.log_prob(mode, mode, float(row[1]))
            assert abs(found - expected) <= BAR * max(1.0, log_area(row[0]), abs(expected))


@pytest.mark.parametrize("dim", [2, 3, 8, 16])
@pytest.mark.parametrize("kappa", [0.5, 10.0, 200.0])
def test_log_prob_matches_scipy(dim, kappa):
    rng = np.random.default_rng(dim)
    mean, *X = vmf.sample(np.eye(dim)[0], 0.0, 51, rng=rng)
    expected = stats.vonmises_fisher(mean, kappa).logpdf(np.array(X))
    assert_allclose(vmf.log_prob(X, mean, kappa), expected, rtol=1e-12, atol=1e-12)


def test_log_prob_broadcasts_over_rows_and_components():
    rng = np.random.default_rng(0)
    X = vmf.sample(np.eye(5)[0], 1.0, 7, rng=rng)
    means = vmf.sample(np.eye(5)[0], 0.0, 3, rng=rng)
    kappa = np.array([0.0, 2.0, 300.0])
    found = vmf.log_prob(X[:, None], means, kappa)
    assert found.shape == (7, 3)
    assert_allclose(found, vmf.log_normalizer(kappa, 5) + kappa * (X @ means.T), rtol=1e-12)
    assert vmf.log_prob(X[0], means[0], kappa).shape == (3,)
    assert vmf.log_prob(X[:0], means[0], 1.0).shape == (0,)


def test_log_prob_of_many_rows_matches_single_rows():
    X = vmf.sample(np.eye(400)[0], 30.0, 3000, rng=0)  # more than one block of rows
    found = vmf.log_prob(X, X[0], 30.0)
    expected = vmf.log_normalizer(30.0, 400) + 30.0 * (X @ X[0])
    assert_allclose(found, expected, rtol=1e-13)


def test_log_prob_normalizes_nearly_unit_rows():
    X = np.array([[0.6, 0.8, 0.0], [0.0, 1.0, 0.0]])
    mean = np.array([0.0, 0.6, 0.8])
    expected = vmf.log_prob(X, mean, 1e6)
    assert_allclose(vmf.log_prob(X * 1.0005, mean * 0.9995, 1e6), expected, rtol=1e-12)
    found = vmf.log_prob(X.astype(np.float32), mean, 10.0)
    assert_allclose(found, vmf.log_prob(X, mean, 10.0), rtol=1e-6)


def test_log_prob_is_accurate_at_small_angles():
    # At κ = 1e14 an angle of 1e-7 costs 1/2; 1 − x·μ in double precision would say 0 or 1.
    angle = 1e-7
    x = [np.cos(angle), np.sin(angle)]
    loss = vmf.log_prob([1.0, 0.0], [1.0, 0.0], 1e14) - vmf.log_prob(x, [1.0, 0.0], 1e14)
    assert_allclose(loss, 1e14 * 2.0 * np.sin(0.5 * angle) ** 2, rtol=1e-9)


def test_density_integrates_to_one():
    # On the circle, and on S^4 as an integral over the angle to the mean.
    nodes, weights = np.polynomial.legendre.leggauss(200)
    theta = 0.5 * np.pi * (1.0 + nodes)
    for dim in (2, 5):
        X = np.zeros((200, dim))
        X[:, 0], X[:, 1] = np.cos(theta), np.sin(theta)
        ring = np.exp(log_area(dim - 1)) if dim > 2 else 2.0
        density = np.exp(vmf.log_prob(X, np.eye(dim)[0], 7.0)) * np.sin(theta) ** (dim - 2)
        assert_allclose(0.5 * np.pi * ring * (density @ weights), 1.0, rtol=1e-12)
