"""The concentration as inverse of the mean resultant length."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from tests.distribution.reference import BAR, DIMS, EPS, columns, concentrations
from vmfmix import distribution as vmf


def test_concentration_matches_every_row_of_reference_table():
    dim, r, a, other, expected = columns("inverse")
    found = vmf.concentration(
        np.where(np.isnan(r), other, r), dim, one_minus_r=np.where(np.isnan(a), other, a)
    )
    assert_allclose(found, expected, rtol=BAR)
    exact = ~np.isnan(r)
    assert_allclose(vmf.concentration(r[exact], dim[exact]), expected[exact], rtol=BAR)
    exact = ~np.isnan(a)
    found = vmf.concentration(None, dim[exact], one_minus_r=a[exact])
    assert_allclose(found, expected[exact], rtol=BAR)


def test_concentration_of_rounded_length_errs_by_conditioning_only():
    dim, r, a, other, expected = columns("inverse")
    rounded = np.isnan(r) & (a > 1e-15)
    dim, r, expected = dim[rounded], other[rounded], expected[rounded]
    slope = vmf.mean_resultant_length_derivative(expected, dim)
    allowed = BAR + 2.0 * EPS * r / (expected * slope)
    assert np.all(np.abs(vmf.concentration(r, dim) / expected - 1.0) <= allowed)


@pytest.mark.parametrize("dim", DIMS)
def test_concentration_inverts_mean_resultant_length(dim):
    kappa = concentrations(dim)
    r = vmf.mean_resultant_length(kappa, dim)
    a = vmf.mean_resultant_length(kappa, dim, complement=True)
    assert_allclose(r + a, 1.0, rtol=0, atol=2 * EPS)
    assert_allclose(vmf.concentration(r, dim, one_minus_r=a), kappa, rtol=BAR)
    large = a < 0.5
    found = vmf.concentration(None, dim, one_minus_r=a[large])
    assert_allclose(found, kappa[large], rtol=BAR)


@pytest.mark.parametrize("dim", [64, 67, 128])
def test_concentration_is_right_where_scipy_fit_may_fail(dim):
    # scipy 1.17.1 returns 1e-08 at d >= 67; this test also passes once a later version is right.
    X = vmf.sample(np.eye(dim)[0], 50.0, 4000, rng=1)
    r = np.linalg.norm(X.mean(axis=0))
    kappa = vmf.concentration(r, dim)
    assert abs(vmf.mean_resultant_length(kappa, dim) - r) < 1e-15
    assert 48.0 < kappa < 54.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        theirs = stats.vonmises_fisher.fit(X)[1]
    if dim < 67:
        assert_allclose(kappa, theirs, rtol=1e-8)
    else:
        mismatch = abs(vmf.mean_resultant_length(theirs, dim) - r)
        assert mismatch < 1e-8 or mismatch > 0.1
