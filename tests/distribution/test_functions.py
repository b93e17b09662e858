"""The vMF law against tables of 26 digits, closed forms, quadrature, scipy and its own samples."""

import json
import subprocess
import sys
import warnings
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special, stats

from vmfmix import distribution as vmf
from vmfmix.distribution import expansion

TABLE = json.loads((Path(__file__).parents[1] / "data" / "vmf_reference.json").read_text("utf-8"))
BAR = 1e-13
EPS = 2.0**-52
DIMS = [2, 3, 4, 5, 16, 51, 52, 53, 384, 1024, 100_000]


def columns(table):
    """Columns of a table as float64; what is missing becomes NaN."""
    rows = [[np.nan if cell is None else float(cell) for cell in row] for row in TABLE[table]]
    dim, *rest = np.array(rows).T
    return dim.astype(int), *rest


DIM, KAPPA, LOG_C, LOG_C_UNIFORM, LENGTH, COMPLEMENT, DERIVATIVE, KL_UNIFORM, ENTROPY = columns(
    "normalizer"
)
# log C and the entropy are the log area and another term, which may cancel: no method gives more
# than the accuracy of the larger one.
AREA_SCALE = np.maximum(np.abs(LOG_C - LOG_C_UNIFORM), np.abs(LOG_C_UNIFORM))
ENTROPY_SCALE = np.maximum(np.abs(LOG_C - LOG_C_UNIFORM), KL_UNIFORM)


def concentrations(dim, n=400, low=1e-9, high=1e9):
    return dim * np.geomspace(low, high, n)


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "expected", "scale"),
    [
        (lambda k, d: vmf.log_normalizer(k, d), LOG_C, AREA_SCALE),
        (lambda k, d: vmf.log_normalizer(k, d, relative_to="uniform"), LOG_C_UNIFORM, None),
        (lambda k, d: vmf.mean_resultant_length(k, d), LENGTH, None),
        (lambda k, d: vmf.mean_resultant_length(k, d, complement=True), COMPLEMENT, None),
        (lambda k, d: vmf.mean_resultant_length_derivative(k, d), DERIVATIVE, None),
        (lambda k, d: vmf.kl_from_uniform(k, d), KL_UNIFORM, None),
        (lambda k, d: vmf.entropy(k, d), ENTROPY, ENTROPY_SCALE),
    ],
    ids=["log C", "log C/C(0)", "A", "1-A", "A'", "KL to uniform", "entropy"],
)
def test_every_row_of_the_table(quantity, expected, scale):
    error = np.abs(quantity(KAPPA, DIM) - expected)
    error /= np.abs(expected) if scale is None else scale
    worst = np.argmax(error)
    assert error[worst] <= BAR, f"d={DIM[worst]}, kappa={KAPPA[worst]}"


def test_inverse_on_every_row_of_the_table():
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


def test_inverse_of_a_rounded_length_is_off_by_its_conditioning_only():
    dim, r, a, other, expected = columns("inverse")
    rounded = np.isnan(r) & (a > 1e-15)
    dim, r, expected = dim[rounded], other[rounded], expected[rounded]
    slope = vmf.mean_resultant_length_derivative(expected, dim)
    allowed = BAR + 2.0 * EPS * r / (expected * slope)
    assert np.all(np.abs(vmf.concentration(r, dim) / expected - 1.0) <= allowed)


def test_divergence_on_every_row_of_the_table():
    dim, p, q, one_minus_cosine, expected = columns("kl")
    for d in np.unique(dim):
        rows = dim == d
        found = vmf._kl(p[rows], q[rows], one_minus_cosine[rows], int(d))
        assert_allclose(found, expected[rows], rtol=BAR, err_msg=f"d={d}")
        mean_p, mean_q = np.zeros((2, rows.sum(), d))
        mean_p[:, 0] = 1.0
        mean_q[:, 0] = 1.0 - one_minus_cosine[rows]
        mean_q[:, 1] = np.sqrt(one_minus_cosine[rows] * (2.0 - one_minus_cosine[rows]))
        found = vmf.kl_divergence(mean_p, p[rows], mean_q, q[rows])
        assert_allclose(found, expected[rows], rtol=BAR, err_msg=f"d={d}")


def test_density_at_the_mode_on_every_row_of_the_table():
    # log C + κ in decimal arithmetic: at κ = 1e12 the two cancel to a millionth of either.
    for row in TABLE["normalizer"]:
        if row[0] <= 1024:
            mode = np.eye(1, row[0])[0]
            expected = float(Decimal(row[2]) + Decimal(float(row[1])))
            found = vmf.log_prob(mode, mode, float(row[1]))
            assert abs(found - expected) <= BAR * max(1.0, vmf._log_area(row[0]), abs(expected))


def test_closed_forms_on_the_sphere_and_the_circle():
    kappa = np.geomspace(0.05, 300.0, 200)
    phi = np.log(np.sinh(kappa) / kappa)
    assert_allclose(vmf.log_normalizer(kappa, 3), -np.log(4.0 * np.pi) - phi, rtol=1e-12)
    length = 1.0 / np.tanh(kappa) - 1.0 / kappa
    assert_allclose(vmf.mean_resultant_length(kappa, 3), length, rtol=1e-12)
    bessel = special.i0e(kappa)
    expected = -np.log(2.0 * np.pi * bessel) - kappa
    assert_allclose(vmf.log_normalizer(kappa, 2), expected, rtol=1e-13)
    assert_allclose(vmf.mean_resultant_length(kappa, 2), special.i1e(kappa) / bessel, rtol=1e-13)


@pytest.mark.parametrize("dim", DIMS)
def test_log_normalizer_is_the_integral_of_the_mean_resultant_length(dim):
    # Φ(κ) = ∫ A over (0, κ), with κ = d sinh(t): 32 points and no expansion.
    nodes, weights = np.polynomial.legendre.leggauss(32)
    kappa = concentrations(dim, 60, 1e-6, 1e6)
    half = 0.5 * np.arcsinh(kappa / dim)
    t = half[:, None] * (1.0 + nodes)
    integrand = vmf.mean_resultant_length(dim * np.sinh(t), dim) * dim * np.cosh(t)
    expected = half * (integrand @ weights)
    assert_allclose(-vmf.log_normalizer(kappa, dim, relative_to="uniform"), expected, rtol=1e-12)


@pytest.mark.parametrize("dim", DIMS)
def test_derivative_satisfies_the_riccati_equation(dim):
    kappa = concentrations(dim, 50, 0.1, 10.0)
    length = vmf.mean_resultant_length(kappa, dim)
    expected = 1.0 - length**2 - (dim - 1) * length / kappa
    found = vmf.mean_resultant_length_derivative(kappa, dim)
    assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_coefficients_are_those_of_the_debye_expansion():
    logs = expansion._log_debye_coefficients()
    assert logs[1] == [Fraction(1, 8), Fraction(-5, 24)]
    assert logs[2] == [Fraction(1, 16), Fraction(-3, 8), Fraction(5, 16)]
    assert logs[3][1:] == [Fraction(-531, 640), Fraction(221, 128), Fraction(-1105, 1152)]
    # At κ = 0 the expansion is Stirling's.
    stirling = [sum(row) for row in logs[1:6]]
    assert stirling == [Fraction(-1, 12), 0, Fraction(1, 360), 0, Fraction(-1, 1260)]


# --- shape and limits ----------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(
    dim=st.sampled_from(DIMS),
    exponent=st.floats(-12.0, 12.0),
    factor=st.floats(1e-6, 10.0),
)
def test_everything_is_monotone_in_the_concentration(dim, exponent, factor):
    kappa = 10.0**exponent * np.array([1.0, 1.0 + factor])
    assert np.diff(vmf.log_normalizer(kappa, dim, relative_to="uniform")) < 0.0
    assert np.diff(vmf.mean_resultant_length(kappa, dim, complement=True)) <= EPS
    assert np.diff(vmf.mean_resultant_length(kappa, dim)) >= -EPS
    assert np.diff(vmf.kl_from_uniform(kappa, dim)) > 0.0
    assert np.all(vmf.mean_resultant_length_derivative(kappa, dim) > 0.0)


@pytest.mark.parametrize("dim", DIMS)
def test_monotone_across_the_seams_of_the_algorithm(dim):
    kappa = np.concatenate([np.linspace(39.9, 40.1, 2001), concentrations(dim, 4000)])
    for part in (kappa[:2001], kappa[2001:]):
        small = part < dim
        assert np.all(np.diff(vmf.mean_resultant_length(part[small], dim)) > 0.0)
        assert np.all(np.diff(vmf.mean_resultant_length(part[~small], dim, complement=True)) < 0.0)
        assert np.all(np.diff(vmf.mean_resultant_length_derivative(part, dim)[~small]) < 0.0)
        assert np.all(np.diff(vmf.log_normalizer(part, dim, relative_to="uniform")) < 0.0)
        assert np.all(np.diff(vmf.kl_from_uniform(part, dim)) > 0.0)


@pytest.mark.parametrize("dim", DIMS)
def test_round_trip(dim):
    kappa = concentrations(dim)
    r = vmf.mean_resultant_length(kappa, dim)
    a = vmf.mean_resultant_length(kappa, dim, complement=True)
    assert_allclose(r + a, 1.0, rtol=0, atol=2 * EPS)
    assert_allclose(vmf.concentration(r, dim, one_minus_r=a), kappa, rtol=BAR)
    large = a < 0.5
    found = vmf.concentration(None, dim, one_minus_r=a[large])
    assert_allclose(found, kappa[large], rtol=BAR)


@pytest.mark.parametrize("dim", DIMS)
def test_limits_are_exact(dim):
    kappa = np.array([0.0, np.inf])
    assert_array_equal(vmf.log_normalizer(kappa, dim, relative_to="uniform"), [0.0, -np.inf])
    assert not np.signbit(vmf.log_normalizer(0.0, dim, relative_to="uniform"))
    assert_array_equal(vmf.log_normalizer(kappa, dim), [-vmf._log_area(dim), -np.inf])
    assert_array_equal(vmf.mean_resultant_length(kappa, dim), [0.0, 1.0])
    assert_array_equal(vmf.mean_resultant_length(kappa, dim, complement=True), [1.0, 0.0])
    assert_allclose(vmf.mean_resultant_length_derivative(kappa, dim), [1.0 / dim, 0.0], rtol=1e-15)
    assert_array_equal(vmf.kl_from_uniform(kappa, dim), [0.0, np.inf])
    assert_array_equal(vmf.entropy(kappa, dim), [vmf._log_area(dim), -np.inf])
    assert_array_equal(vmf.concentration([0.0, 1.0], dim), [0.0, np.inf])
    assert_array_equal(vmf.concentration(None, dim, one_minus_r=[1.0, 0.0]), [0.0, np.inf])


@pytest.mark.parametrize("dim", DIMS)
def test_the_ends_of_double_precision(dim):
    tiny = np.array([5e-324, 1e-310, 1e-200, 1e-100])
    assert_allclose(vmf.mean_resultant_length(tiny[1:], dim), tiny[1:] / dim, rtol=1e-8)
    assert_allclose(vmf.concentration(tiny, dim), tiny * dim, rtol=1e-8)
    assert np.all(np.abs(vmf.log_normalizer(tiny, dim, relative_to="uniform")) <= tiny)
    huge = np.array([1e100, 1e160, 1e290, 1.7e308])
    assert_array_equal(vmf.mean_resultant_length(huge, dim), 1.0)
    a = vmf.mean_resultant_length(huge[:3], dim, complement=True)
    assert_allclose(a, 0.5 * (dim - 1) / huge[:3], rtol=1e-14)
    assert_allclose(vmf.concentration(None, dim, one_minus_r=a), huge[:3], rtol=1e-14)
    assert_array_equal(vmf.log_normalizer(huge, dim, relative_to="uniform"), -huge)
    # KL to uniform = (d−1)/2 log κ + a constant.
    growth = np.diff(vmf.kl_from_uniform(huge, dim)) / np.diff(np.log(huge))
    assert_allclose(growth, 0.5 * (dim - 1), rtol=1e-12)


def test_dim_broadcasts():
    dims = np.array(DIMS)[:, None]
    kappa = np.geomspace(1e-3, 1e6, 23)
    functions = [
        vmf.log_normalizer,
        vmf.mean_resultant_length,
        vmf.mean_resultant_length_derivative,
        vmf.entropy,
        vmf.kl_from_uniform,
        lambda k, d: vmf.concentration(1.0 / (1.0 + k), d),
    ]
    for function in functions:
        found = function(kappa, dims)
        assert found.shape == (len(DIMS), 23)
        for row, dim in zip(found, DIMS, strict=True):
            assert_allclose(row, [function(k, dim) for k in kappa], rtol=1e-14)


def test_scalars_give_scalars_and_lists_give_arrays():
    for function in (vmf.log_normalizer, vmf.mean_resultant_length, vmf.entropy):
        assert isinstance(function(2, 3), float)
        assert isinstance(function(np.float32(2), np.int32(3)), float)
        assert function([2.0], 3).shape == (1,)
        assert function(2.0, [3, 4]).shape == (2,)
        assert function(np.ones((2, 0)), 3).shape == (2, 0)
    assert isinstance(vmf.concentration(0.5, 3), float)
    assert isinstance(vmf.log_prob([1.0, 0.0], [0.0, 1.0], 1.0), float)
    assert isinstance(vmf.kl_divergence([1.0, 0.0], 1.0, [0.0, 1.0], 1.0), float)


def test_long_arrays_are_the_sum_of_their_chunks():
    kappa = np.random.default_rng(0).uniform(0.0, 80.0, (3, 9000))
    for dim in (5, 500):
        whole = vmf.log_normalizer(kappa, dim)
        pieces = [vmf.log_normalizer(row, dim) for row in kappa]
        assert_allclose(whole, pieces, rtol=1e-15)


def test_arguments_are_left_alone():
    kappa = np.array([0.0, 3.0, 50.0, np.inf])
    r = np.array([0.0, 0.3, 1.0])
    kappa.flags.writeable = r.flags.writeable = False
    for function in (vmf.log_normalizer, vmf.mean_resultant_length, vmf.entropy):
        assert function(kappa, 4).shape == (4,)
    assert vmf.concentration(r, 4).shape == (3,)


# --- density and divergence ----------------------------------------------------------------------


@pytest.mark.parametrize("dim", [2, 3, 8, 16])
@pytest.mark.parametrize("kappa", [0.5, 10.0, 200.0])
def test_density_is_that_of_scipy(dim, kappa):
    rng = np.random.default_rng(dim)
    mean, *X = vmf.sample(np.eye(dim)[0], 0.0, 51, rng=rng)
    expected = stats.vonmises_fisher(mean, kappa).logpdf(np.array(X))
    assert_allclose(vmf.log_prob(X, mean, kappa), expected, rtol=1e-12, atol=1e-12)


def test_density_broadcasts_over_rows_and_components():
    rng = np.random.default_rng(0)
    X = vmf.sample(np.eye(5)[0], 1.0, 7, rng=rng)
    means = vmf.sample(np.eye(5)[0], 0.0, 3, rng=rng)
    kappa = np.array([0.0, 2.0, 300.0])
    found = vmf.log_prob(X[:, None], means, kappa)
    assert found.shape == (7, 3)
    assert_allclose(found, vmf.log_normalizer(kappa, 5) + kappa * (X @ means.T), rtol=1e-12)
    assert vmf.log_prob(X[0], means[0], kappa).shape == (3,)
    assert vmf.log_prob(X[:0], means[0], 1.0).shape == (0,)


def test_density_of_many_rows_is_that_of_each():
    X = vmf.sample(np.eye(400)[0], 30.0, 3000, rng=0)  # more than one block of rows
    found = vmf.log_prob(X, X[0], 30.0)
    expected = vmf.log_normalizer(30.0, 400) + 30.0 * (X @ X[0])
    assert_allclose(found, expected, rtol=1e-13)


def test_density_takes_nearly_unit_rows_as_directions():
    X = np.array([[0.6, 0.8, 0.0], [0.0, 1.0, 0.0]])
    mean = np.array([0.0, 0.6, 0.8])
    expected = vmf.log_prob(X, mean, 1e6)
    assert_allclose(vmf.log_prob(X * 1.0005, mean * 0.9995, 1e6), expected, rtol=1e-12)
    found = vmf.log_prob(X.astype(np.float32), mean, 10.0)
    assert_allclose(found, vmf.log_prob(X, mean, 10.0), rtol=1e-6)


def test_density_keeps_small_angles():
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
        ring = np.exp(vmf._log_area(dim - 1)) if dim > 2 else 2.0
        density = np.exp(vmf.log_prob(X, np.eye(dim)[0], 7.0)) * np.sin(theta) ** (dim - 2)
        assert_allclose(0.5 * np.pi * ring * (density @ weights), 1.0, rtol=1e-12)


def test_divergence_is_the_mean_difference_of_log_densities():
    rng = np.random.default_rng(4)
    mean_p, mean_q = np.eye(6)[:2]
    X = vmf.sample(mean_p, 12.0, 40_000, rng=rng)
    difference = vmf.log_prob(X, mean_p, 12.0) - vmf.log_prob(X, mean_q, 5.0)
    error = difference.mean() - vmf.kl_divergence(mean_p, 12.0, mean_q, 5.0)
    assert abs(error) < 4.0 * difference.std() / 200.0


def test_divergence_limits_and_broadcasting():
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


# --- beside scipy's fit --------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [64, 67, 128])
def test_concentration_where_the_fit_of_scipy_may_fail(dim):
    # scipy 1.17.1 returns 1e-08 from d = 67 on; this test stays green when a later one does not.
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


# --- samples -------------------------------------------------------------------------------------

CASES = [(d, d * ratio) for d in (2, 3, 5, 64, 1000) for ratio in (1e-3, 0.3, 3.0, 1e3, 1e9)]
CASES += [(100_000, 1e3), (100_000, 1e5), (100_000, 1e12)]


@pytest.mark.parametrize(("dim", "kappa"), CASES)
def test_sampled_cosines_follow_the_law(dim, kappa):
    n = 20_000
    u = vmf._sample_one_minus_cosine(kappa, dim, n, np.random.default_rng([dim, int(kappa)]))
    mean = vmf.mean_resultant_length(kappa, dim, complement=True)
    variance = vmf.mean_resultant_length_derivative(kappa, dim)
    assert abs(u.mean() - mean) < 4.0 * np.sqrt(variance / n)
    squares = (u - mean) ** 2
    assert abs(squares.mean() - variance) < 4.5 * squares.std() / np.sqrt(n)
    # The exact law of the angle θ has the density ∝ exp(−2κ sin²(θ/2)) sin^(d−2) θ.
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
def test_samples_are_unit_vectors_around_the_mean(dim, kappa):
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
def test_without_concentration_samples_are_uniform(dim):
    X = vmf.sample(np.eye(dim)[-1], 0.0, 20_000, rng=dim)
    pvalue = stats.chi2.sf(dim * len(X) * np.sum(X.mean(axis=0) ** 2), dim)
    assert 1e-3 < pvalue < 1.0 - 1e-3
    assert_allclose(X.T @ X / len(X), np.eye(dim) / dim, rtol=0, atol=0.02 / np.sqrt(dim))
    found = stats.kstest(0.5 * (1.0 + X[:, 0]), stats.beta(0.5 * (dim - 1), 0.5 * (dim - 1)).cdf)
    assert found.pvalue > 1e-3


def test_samples_follow_a_mean_on_either_side_of_the_first_axis():
    for first in (1.0, 1e-20, 0.0, -0.0, -1e-20, -1.0):
        mean = np.array([first, np.sqrt(1.0 - first**2), 0.0])
        X = vmf.sample(mean, 1e10, 100, rng=0)
        assert np.all(X @ mean > 1.0 - 1e-8)
        assert np.linalg.matrix_rank(X - mean, tol=1e-7) == 2


def test_samples_stay_on_the_sphere_when_the_mean_is_nearly_a_unit_vector():
    mean = np.array([0.36, 0.48, 0.8])
    expected = vmf.sample(mean, 7.0, 20, rng=0)
    assert_allclose(vmf.sample(1.0005 * mean, 7.0, 20, rng=0), expected, rtol=1e-12)


def test_extreme_concentrations_give_the_mean():
    for dim in (2, 3, 9):
        mean = np.full(dim, dim**-0.5)
        for kappa in (1e40, 1e300, np.inf):
            expected = np.broadcast_to(mean, (5, dim))
            assert_allclose(vmf.sample(mean, kappa, 5, rng=0), expected, rtol=1e-15)


def test_seeds_reproduce():
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


# --- refusals ------------------------------------------------------------------------------------

POLE = [0.0, 1.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vmf.log_normalizer(-1.0, 3), r"concentration holds -1\.0; .* between 0 and inf"),
        (lambda: vmf.entropy([1.0, np.nan], 3), "concentration holds nan"),
        (lambda: vmf.log_normalizer(1.0, 1), "dim=1; .* at least 2"),
        (lambda: vmf.log_normalizer(1.0, 2.5), r"dim=2\.5"),
        (lambda: vmf.log_normalizer(1.0, np.inf), "dim=inf"),
        (lambda: vmf.mean_resultant_length(1.0, [3, 0]), r"dim=\[3, 0\]"),
        (lambda: vmf.mean_resultant_length(1.0, "3"), "dim='3'"),
        (
            lambda: vmf.log_normalizer(1.0, 3, relative_to="area"),
            "'area' .* 'surface' or 'uniform'",
        ),
        (lambda: vmf.entropy([1.0, 2.0], [3, 4, 5]), r"concentration \(2,\), dim \(3,\)"),
        (
            lambda: vmf.concentration(1.5, 3),
            r"mean_resultant_length holds 1\.5; .* between 0 and 1",
        ),
        (lambda: vmf.concentration(np.nan, 3), "mean_resultant_length holds nan"),
        (lambda: vmf.concentration(None, 3, one_minus_r=-0.1), r"one_minus_r holds -0\.1"),
        (lambda: vmf.concentration(None, 3), "both None"),
        (lambda: vmf.concentration(0.5, 3, one_minus_r=0.4), "not 1 to within 1e-6"),
        (lambda: vmf.concentration([0.5] * 2, 3, one_minus_r=[0.5] * 3), "do not broadcast"),
        (lambda: vmf.log_prob([2.0, 0.0], POLE, 1.0), "X holds a row of length 2; .* unit"),
        (lambda: vmf.log_prob([0.0, 0.0], POLE, 1.0), "X holds a row of length 0"),
        (lambda: vmf.log_prob([np.nan, 0.0], POLE, 1.0), "X holds a row of length nan"),
        (lambda: vmf.log_prob(POLE, [0.0, 1.1], 1.0), "mean holds a row of length"),
        (lambda: vmf.log_prob(POLE, [0.0, 1.0, 0.0], 1.0), r"X \(2,\), mean \(3,\)"),
        (lambda: vmf.log_prob(1.0, POLE, 1.0), r"X has the shape \(\)"),
        (lambda: vmf.log_prob([POLE] * 3, POLE, [1.0, 2.0]), r"concentration \(2,\), rows \(3,\)"),
        (lambda: vmf.log_prob(POLE, POLE, np.inf), "concentration holds inf; .* 1e"),
        (lambda: vmf.kl_divergence(POLE, 1e200, POLE, 1.0), "concentration_p holds 1e"),
        (lambda: vmf.kl_divergence(POLE, 1.0, POLE, -2.0), r"concentration_q holds -2\.0"),
        (lambda: vmf.kl_divergence(POLE, [1.0] * 2, POLE, [1.0] * 3), "do not broadcast"),
        (lambda: vmf.kl_divergence([0.0, 3.0], 1.0, POLE, 1.0), "mean_p holds a row of length 3"),
        (lambda: vmf.sample([1.0, 1.0], 1.0, 5), "mean holds a row of length 1.41421"),
        (lambda: vmf.sample([POLE, POLE], 1.0, 5), r"mean has the shape \(2, 2\)"),
        (lambda: vmf.sample(POLE, [1.0, 2.0], 5), r"concentration \(2,\)"),
        (lambda: vmf.sample(POLE, -1.0, 5), r"concentration holds -1\.0"),
        (lambda: vmf.sample(POLE, 1.0, -5), "size=-5; .* at least 0"),
        (lambda: vmf.sample(POLE, 1.0, 2.5), r"size=2\.5"),
    ],
)
def test_refusals_say_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_import_does_no_work():
    code = (
        "import sys, vmfmix.distribution, vmfmix.distribution.expansion as e;"
        "assert not e._log_debye_coefficients.cache_info().currsize;"
        "assert not {'scipy', 'numba', 'torch'} & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
