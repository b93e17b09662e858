"""Scalar functions against the reference table, closed forms, quadrature and their limits."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special

from tests.distribution.reference import BAR, DIMS, EPS, columns, concentrations
from vmfmix import distribution as vmf
from vmfmix.distribution import expansion
from vmfmix.distribution.density import log_area

DIM, KAPPA, LOG_C, LOG_C_UNIFORM, LENGTH, COMPLEMENT, DERIVATIVE, KL_UNIFORM, ENTROPY = columns(
    "normalizer"
)
# log C and the entropy are the log area plus another term, and the two may cancel: no method is
# more accurate than the larger of the two.
AREA_SCALE = np.maximum(np.abs(LOG_C - LOG_C_UNIFORM), np.abs(LOG_C_UNIFORM))
ENTROPY_SCALE = np.maximum(np.abs(LOG_C - LOG_C_UNIFORM), KL_UNIFORM)


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
def test_matches_every_row_of_reference_table(quantity, expected, scale):
    error = np.abs(quantity(KAPPA, DIM) - expected)
    error /= np.abs(expected) if scale is None else scale
    worst = np.argmax(error)
    assert error[worst] <= BAR, f"d={DIM[worst]}, kappa={KAPPA[worst]}"


def test_matches_closed_forms_for_sphere_and_circle():
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
def test_log_normalizer_is_integral_of_mean_resultant_length(dim):
    # Φ(κ) = ∫ A over (0, κ), with κ = d sinh(t): 32 points and no expansion.
    nodes, weights = np.polynomial.legendre.leggauss(32)
    kappa = concentrations(dim, 60, 1e-6, 1e6)
    half = 0.5 * np.arcsinh(kappa / dim)
    t = half[:, None] * (1.0 + nodes)
    integrand = vmf.mean_resultant_length(dim * np.sinh(t), dim) * dim * np.cosh(t)
    expected = half * (integrand @ weights)
    assert_allclose(-vmf.log_normalizer(kappa, dim, relative_to="uniform"), expected, rtol=1e-12)


@pytest.mark.parametrize("dim", DIMS)
def test_derivative_satisfies_riccati_equation(dim):
    kappa = concentrations(dim, 50, 0.1, 10.0)
    length = vmf.mean_resultant_length(kappa, dim)
    expected = 1.0 - length**2 - (dim - 1) * length / kappa
    found = vmf.mean_resultant_length_derivative(kappa, dim)
    assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_coefficients_match_debye_expansion():
    logs = expansion._log_debye_coefficients()
    assert logs[1] == [Fraction(1, 8), Fraction(-5, 24)]
    assert logs[2] == [Fraction(1, 16), Fraction(-3, 8), Fraction(5, 16)]
    assert logs[3][1:] == [Fraction(-531, 640), Fraction(221, 128), Fraction(-1105, 1152)]
    # At κ = 0 the expansion is Stirling's.
    stirling = [sum(row) for row in logs[1:6]]
    assert stirling == [Fraction(-1, 12), 0, Fraction(1, 360), 0, Fraction(-1, 1260)]


@hypothesis.settings(deadline=None, max_examples=150)
@given(
    dim=st.sampled_from(DIMS),
    exponent=st.floats(-12.0, 12.0),
    factor=st.floats(1e-6, 10.0),
)
def test_all_functions_are_monotone_in_concentration(dim, exponent, factor):
    kappa = 10.0**exponent * np.array([1.0, 1.0 + factor])
    assert np.diff(vmf.log_normalizer(kappa, dim, relative_to="uniform")) < 0.0
    assert np.diff(vmf.mean_resultant_length(kappa, dim, complement=True)) <= EPS
    assert np.diff(vmf.mean_resultant_length(kappa, dim)) >= -EPS
    assert np.diff(vmf.kl_from_uniform(kappa, dim)) > 0.0
    assert np.all(vmf.mean_resultant_length_derivative(kappa, dim) > 0.0)


@pytest.mark.parametrize("dim", DIMS)
def test_monotone_where_algorithm_switches_method(dim):
    kappa = np.concatenate([np.linspace(39.9, 40.1, 2001), concentrations(dim, 4000)])
    for part in (kappa[:2001], kappa[2001:]):
        small = part < dim
        assert np.all(np.diff(vmf.mean_resultant_length(part[small], dim)) > 0.0)
        assert np.all(np.diff(vmf.mean_resultant_length(part[~small], dim, complement=True)) < 0.0)
        assert np.all(np.diff(vmf.mean_resultant_length_derivative(part, dim)[~small]) < 0.0)
        assert np.all(np.diff(vmf.log_normalizer(part, dim, relative_to="uniform")) < 0.0)
        assert np.all(np.diff(vmf.kl_from_uniform(part, dim)) > 0.0)


@pytest.mark.parametrize("dim", DIMS)
def test_limits_at_zero_and_infinity_are_exact(dim):
    kappa = np.array([0.0, np.inf])
    assert_array_equal(vmf.log_normalizer(kappa, dim, relative_to="uniform"), [0.0, -np.inf])
    assert not np.signbit(vmf.log_normalizer(0.0, dim, relative_to="uniform"))
    assert_array_equal(vmf.log_normalizer(kappa, dim), [-log_area(dim), -np.inf])
    assert_array_equal(vmf.mean_resultant_length(kappa, dim), [0.0, 1.0])
    assert_array_equal(vmf.mean_resultant_length(kappa, dim, complement=True), [1.0, 0.0])
    assert_allclose(vmf.mean_resultant_length_derivative(kappa, dim), [1.0 / dim, 0.0], rtol=1e-15)
    assert_array_equal(vmf.kl_from_uniform(kappa, dim), [0.0, np.inf])
    assert_array_equal(vmf.entropy(kappa, dim), [log_area(dim), -np.inf])
    assert_array_equal(vmf.concentration([0.0, 1.0], dim), [0.0, np.inf])
    assert_array_equal(vmf.concentration(None, dim, one_minus_r=[1.0, 0.0]), [0.0, np.inf])


@pytest.mark.parametrize("dim", DIMS)
def test_extreme_double_precision_arguments(dim):
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


def test_long_arrays_equal_their_chunks():
    kappa = np.random.default_rng(0).uniform(0.0, 80.0, (3, 9000))
    for dim in (5, 500):
        whole = vmf.log_normalizer(kappa, dim)
        pieces = [vmf.log_normalizer(row, dim) for row in kappa]
        assert_allclose(whole, pieces, rtol=1e-15)


def test_import_does_no_work():
    code = (
        "import sys, vmfmix.distribution, vmfmix.distribution.expansion as e;"
        "assert not e._log_debye_coefficients.cache_info().currsize;"
        "assert not {'scipy', 'numba', 'torch'} & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
