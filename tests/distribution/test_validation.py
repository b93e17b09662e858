"""Broadcasting, types of results, and errors of all functions of the distribution."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.distribution.reference import DIMS
from vmfmix import distribution as vmf

POLE = [0.0, 1.0]


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


def test_scalars_return_scalars_and_lists_return_arrays():
    for function in (vmf.log_normalizer, vmf.mean_resultant_length, vmf.entropy):
        assert isinstance(function(2, 3), float)
        assert isinstance(function(np.float32(2), np.int32(3)), float)
        assert function([2.0], 3).shape == (1,)
        assert function(2.0, [3, 4]).shape == (2,)
        assert function(np.ones((2, 0)), 3).shape == (2, 0)
    assert isinstance(vmf.concentration(0.5, 3), float)
    assert isinstance(vmf.log_prob([1.0, 0.0], [0.0, 1.0], 1.0), float)
    assert isinstance(vmf.kl_divergence([1.0, 0.0], 1.0, [0.0, 1.0], 1.0), float)


def test_arguments_are_not_modified():
    kappa = np.array([0.0, 3.0, 50.0, np.inf])
    r = np.array([0.0, 0.3, 1.0])
    kappa.flags.writeable = r.flags.writeable = False
    for function in (vmf.log_normalizer, vmf.mean_resultant_length, vmf.entropy):
        assert function(kappa, 4).shape == (4,)
    assert vmf.concentration(r, 4).shape == (3,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: vmf.log_normalizer(-1.0, 3),
            r"concentration contains -1\.0; .* between 0 and inf",
        ),
        (lambda: vmf.entropy([1.0, np.nan], 3), "concentration contains nan"),
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
            r"mean_resultant_length contains 1\.5; .* between 0 and 1",
        ),
        (lambda: vmf.concentration(np.nan, 3), "mean_resultant_length contains nan"),
        (lambda: vmf.concentration(None, 3, one_minus_r=-0.1), r"one_minus_r contains -0\.1"),
        (lambda: vmf.concentration(None, 3), "both None"),
        (lambda: vmf.concentration(0.5, 3, one_minus_r=0.4), "not 1 to within 1e-6"),
        (lambda: vmf.concentration([0.5] * 2, 3, one_minus_r=[0.5] * 3), "do not broadcast"),
        (lambda: vmf.log_prob([2.0, 0.0], POLE, 1.0), "X contains a row of length 2; .* unit"),
        (lambda: vmf.log_prob([0.0, 0.0], POLE, 1.0), "X contains a row of length 0"),
        (lambda: vmf.log_prob([np.nan, 0.0], POLE, 1.0), "X contains a row of length nan"),
        (lambda: vmf.log_prob(POLE, [0.0, 1.1], 1.0), "mean contains a row of length"),
        (lambda: vmf.log_prob(POLE, [0.0, 1.0, 0.0], 1.0), r"X \(2,\), mean \(3,\)"),
        (lambda: vmf.log_prob(1.0, POLE, 1.0), r"X has the shape \(\)"),
        (lambda: vmf.log_prob([POLE] * 3, POLE, [1.0, 2.0]), r"concentration \(2,\), rows \(3,\)"),
        (lambda: vmf.log_prob(POLE, POLE, np.inf), "concentration contains inf; .* 1e"),
        (lambda: vmf.kl_divergence(POLE, 1e200, POLE, 1.0), "concentration_p contains 1e"),
        (lambda: vmf.kl_divergence(POLE, 1.0, POLE, -2.0), r"concentration_q contains -2\.0"),
        (lambda: vmf.kl_divergence(POLE, [1.0] * 2, POLE, [1.0] * 3), "do not broadcast"),
        (
            lambda: vmf.kl_divergence([0.0, 3.0], 1.0, POLE, 1.0),
            "mean_p contains a row of length 3",
        ),
        (lambda: vmf.sample([1.0, 1.0], 1.0, 5), "mean contains a row of length 1.41421"),
        (lambda: vmf.sample([POLE, POLE], 1.0, 5), r"mean has the shape \(2, 2\)"),
        (lambda: vmf.sample(POLE, [1.0, 2.0], 5), r"concentration \(2,\)"),
        (lambda: vmf.sample(POLE, -1.0, 5), r"concentration contains -1\.0"),
        (lambda: vmf.sample(POLE, 1.0, -5), "size=-5 .* at least 0"),
        (lambda: vmf.sample(POLE, 1.0, 2.5), r"size=2\.5"),
    ],
)
def test_invalid_arguments_raise_helpful_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
