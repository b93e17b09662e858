"""The kernel for few components against the oracle, for sizes that do and do not fill its tiles."""

import numba
import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from tests import oracle
from tests.engines.test_cpu import TOLERANCE, assert_same_statistics
from vmfmix.distribution import log_normalizer
from vmfmix.engines import few_components
from vmfmix.engines.choice import choose_engine
from vmfmix.engines.cpu import CPUEngine
from vmfmix.model.statistics import MixtureParameters


def overlapping_mixture(n_rows, n_features, n_components, dtype):
    """Return rows of several lengths, and a mixture with low and with high concentrations."""
    rng = np.random.default_rng(n_rows + n_features + n_components)
    means = rng.standard_normal((n_components, n_features))
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    X = means[rng.integers(n_components, size=n_rows)]
    X = X + 0.7 * rng.standard_normal(X.shape) / np.sqrt(n_features)
    concentrations = np.geomspace(0.5, 2.0 * n_features, n_components)
    weights = rng.dirichlet(np.ones(n_components))
    return X.astype(dtype), MixtureParameters(weights, means, concentrations)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_components", [1, 2, 15, 16, 17, 32, 33, 63, 64, 65, 127, 128, 130])
def test_numbers_of_components(dtype, n_components):
    X, parameters = overlapping_mixture(500, 30, n_components, dtype)
    engine = choose_engine(X)
    assert engine._plan_pass(parameters).has_few_components
    for hard in (False, True):
        expected = oracle.statistics(X, parameters, hard=hard)
        found = engine.accumulate(parameters, hard=hard)
        assert_same_statistics(found, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("n_rows", [1, 2, 5, 6, 7, 191, 192, 193, 197, 198, 400])
@pytest.mark.parametrize("n_features", [2, 3, 16, 385])
def test_numbers_of_rows_and_features(n_rows, n_features):
    X, parameters = overlapping_mixture(n_rows, n_features, 3, np.float32)
    found = choose_engine(X).accumulate(parameters)
    assert_same_statistics(found, oracle.statistics(X, parameters), TOLERANCE[np.float32])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_components", [1, 16, 23, 64, 65, 200])
def test_assignment_equals_that_of_the_log_joints(dtype, n_components):
    X, parameters = overlapping_mixture(203, 30, n_components, dtype)
    X[5] = 0
    engine = choose_engine(X)
    found = engine.assign(parameters)
    joints = np.vstack([joints for _, joints in engine.log_joint(parameters)])
    np.testing.assert_array_equal(found.labels, joints.argmax(axis=1))
    responsibilities = softmax(joints, axis=1).max(axis=1)
    np.testing.assert_allclose(found.probabilities, responsibilities, rtol=TOLERANCE[dtype])
    densities = logsumexp(joints, axis=1) + log_normalizer(0.0, 30)
    np.testing.assert_allclose(found.log_densities, densities, atol=1e-4)


@numba.njit
def exponentials(x, out):
    for i in range(len(x)):
        out[i] = few_components._exp(x[i])


def test_exponentials_are_exact_to_rounding():
    x = np.concatenate([-np.linspace(0.0, 40.0, 4001), [-700.0, -300.5, -1e-300]])
    found = np.empty_like(x)
    exponentials(x, found)
    np.testing.assert_allclose(found, np.exp(x), rtol=4e-16)


@pytest.mark.parametrize("hard", [False, True])
def test_components_without_weight_and_ties(hard):
    X, parameters = overlapping_mixture(300, 10, 4, np.float64)
    twice = MixtureParameters(
        np.array([0.25, 0.25, 0.5, 0.0]), parameters.means[[0, 0, 1, 2]], np.full(4, 20.0)
    )
    found = choose_engine(X).accumulate(twice, hard=hard)
    assert found.counts.sum() == pytest.approx(300)
    assert found.counts[3] == 0
    assert found.counts[1] == (0 if hard else pytest.approx(found.counts[0]))


def test_center_weights_and_blocks_of_rows():
    X, parameters = overlapping_mixture(1000, 20, 5, np.float32)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    center = unit.mean(axis=0).astype(np.float64)
    centered = unit - center
    centered /= np.linalg.norm(centered, axis=1, keepdims=True)
    weight = np.arange(1000) % 3.0
    expected = oracle.statistics(centered, parameters, sample_weight=weight)
    for options in ({}, {"block_size": 7}):
        engine = CPUEngine(X, sample_weight=weight, center=center, **options)
        found = engine.accumulate(parameters)
        assert_same_statistics(found, expected, TOLERANCE[np.float32])


def test_small_fits_need_no_other_kernel(monkeypatch):
    """The general kernels take long to compile, which the first fit has to wait for."""
    from vmfmix import VMFMixture
    from vmfmix.engines import kernels

    def fail(*arguments):
        raise AssertionError("A small fit calls the general kernels.")

    for name in ("accumulate", "accumulate_from_candidates", "assign"):
        monkeypatch.setattr(kernels, name, fail)
    X, _ = overlapping_mixture(2000, 30, 4, np.float32)
    for options in ({}, {"n_components": 4}, {"n_components": 100}):
        VMFMixture(random_state=0, **options).fit(X).predict(X)


def test_kernel_by_size_of_the_pass():
    X, parameters = overlapping_mixture(200_000, 30, 720, np.float32)
    for for_few_passes, most in ((False, 89), (True, 715)):  # n K d is about 2^29, and 2^32
        engine = choose_engine(X, for_few_passes=for_few_passes)
        for n_components in (64, most, most + 1):
            plan = engine._plan_pass(parameters.selected(range(n_components)))
            assert plan.has_few_components == (n_components <= most)
