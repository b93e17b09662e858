"""Kullback-Leibler divergences against the reference table, samples and limits."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from tests.distribution.reference import BAR, columns
from vmfmix import distribution as vmf
from vmfmix.distribution.divergence import _kl_of_angles


def test_kl_divergence_matches_every_row_of_reference_table():
    dim, p, q, one_minus_cosine, expected = columns("kl")
    for d in np.unique(dim):
        rows = dim == d
        found = _kl_of_angles(p[rows], q[rows], one_minus_cosine[rows], int(d))
        assert_allclose(found, expected[rows], rtol=BAR, err_msg=f"d={d}")
        mean_p, mean_q = np.zeros((2, rows.sum(), d))
        mean_p[:, 0] = 1.0
        mean_q[:, 0] = 1.0 - one_minus_cosine[rows]
        mean_q[:, 1] = np.sqrt(one_minus_cosine[rows] * (2.0 - one_minus_cosine[rows]))
        found = vmf.kl_divergence(mean_p, p[rows], mean_q, q[rows])
        assert_allclose(found, expected[rows], rtol=BAR, err_msg=f"d={d}")


def test_kl_divergence_is_mean_difference_of_log_densities():
    rng = np.random.default_rng(4)
    mean_p, mean_q = np.eye(6)[:2]
    X = vmf.sample(mean_p, 12.0, 40_000, rng=rng)
    difference = vmf.log_prob(X, mean_p, 12.0) - vmf.log_prob(X, mean_q, 5.0)
    error = difference.mean() - vmf.kl_divergence(mean_p, 12.0, mean_q, 5.0)
    assert abs(error) < 4.0 * difference.std() / 200.0


def test_kl_divergence_limits_and_broadcasting():
    means = vmf.sample(np.eye(7)[0], 0.0, 4, rng=0)
    kappa = np.array([0.0, 1.0, 50.0, 1e8])
    found = vmf.kl_divergence(means[:, None], kappa[:, None], means, kappa)
    assert found.shape == (4, 4)
    assert_array_equal(np.diag(found), 0.0)
    assert np.all(found[~np.eye(4, dtype=bool)] > 0.0)
    assert_allclose(found[:, 0], vmf.kl_from_uniform(kappa, 7), rtol=1e-14)
    assert_allclose(found[0], -vmf.log_normalizer(kappa, 7, relative_to="uniform"), rtol=1e-14)
    # Continuous where quadrature takes over from the difference.
    for ratio in (0.6, 1.7):
        sides = 9.0 * ratio * np.array([1.0 - 1e-12, 1.0 + 1e-12])
        pair = vmf.kl_divergence(means[0], 9.0, means[0], sides)
        assert_allclose(pair[0], pair[1], rtol=1e-10)
