"""Tests of the shape and the tail of the gamma distribution."""

import numpy as np
import pytest
from scipy.special import gammaincc, gammaincinv

from vmfmix.inspection.gamma_distribution import log_upper_tail, shape_of


@pytest.mark.parametrize("shape", [0.3, 4.0, 90.0, 2e4])
def test_shape_is_that_of_the_ratio_of_quantiles(shape):
    ratio = gammaincinv(shape, 0.1) / gammaincinv(shape, 0.5)
    assert shape_of(ratio, 0.1) == pytest.approx(shape, rel=1e-6)


def test_shape_of_an_impossible_ratio_is_bounded():
    assert shape_of(0.0, 0.1) == pytest.approx(0.05)
    assert shape_of(1.0, 0.1) == pytest.approx(1e5)


def test_tail_equals_that_of_scipy_where_it_does_not_underflow():
    for shape in (0.05, 1.0, 40.0, 1e5):
        x = shape * np.array([0.0, 0.5, 1.0, 1.02])
        np.testing.assert_allclose(log_upper_tail(shape, x), np.log(gammaincc(shape, x)))


@pytest.mark.parametrize(
    ("shape", "x", "expected"),  # from mpmath with 40 digits
    [
        (0.05, 6792081.3, -6792097.307309),
        (3.0, 2102.66203029, -2088.05230753),
        (50.0, 2627.86535937, -2386.58985822),
        (1000.0, 7989.21004566, -4917.43558919),
        (1e5, 336466.93411392, -115141.50075001),
    ],
)
def test_tail_is_known_where_it_underflows(shape, x, expected):
    assert log_upper_tail(shape, np.array([x]))[0] == pytest.approx(expected, rel=1e-6)


def test_tail_decreases_where_the_formula_changes():
    for shape in (0.05, 3.0, 500.0, 1e5):
        near, far = shape + 1.0, 2.0 * shape + 1500.0
        logs = log_upper_tail(shape, np.linspace(near, far, 5000))
        assert (np.diff(logs) < 0.0).all()
        assert logs[0] > -650.0 > logs[-1] or shape == 1e5
