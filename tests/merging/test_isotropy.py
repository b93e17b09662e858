"""The effective dimension of the scatter within clusters."""

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix import distribution
from vmfmix.merging.isotropy import _draw_four_distinct, effective_dimension, isotropy


@pytest.fixture
def rng():
    return np.random.RandomState(0)


@pytest.mark.parametrize("dim", [8, 64, 300])
def test_isotropy_is_near_one_for_vmf_clusters(dim, rng):
    kappa = float(distribution.concentration(0.6, dim))
    means = np.eye(3, dim)
    rows = np.concatenate(
        [distribution.sample(mean, kappa, 700, rng=seed) for seed, mean in enumerate(means)]
    )
    assert isotropy(rows, np.repeat(np.arange(3), 700), rng) > 0.93


def test_effective_dimension_counts_directions_of_scatter(rng):
    width = np.repeat([0.01, 0.1, 1.0], 1000)[:, np.newaxis]
    rows = 5.0 * np.repeat(np.eye(3, 100), 1000, axis=0)
    rows[:, 50:70] += width * rng.standard_normal((3000, 20))
    assert effective_dimension(rows, np.repeat(np.arange(3), 1000), rng) == pytest.approx(
        20, rel=0.1
    )


def test_effective_dimension_is_the_ratio_of_traces(rng):
    variances = 1.0 / np.arange(10, 200)
    rows = rng.standard_normal((4000, 190)) * np.sqrt(variances)
    expected = variances.sum() ** 2 / (variances**2).sum()  # 95
    assert effective_dimension(rows, np.zeros(4000, int), rng) == pytest.approx(expected, rel=0.1)


def test_effective_dimension_is_the_same_for_sparse_rows():
    rows = np.random.RandomState(1).standard_normal((500, 30))
    rows[np.abs(rows) < 1] = 0
    labels = np.arange(500) % 5
    dense = effective_dimension(rows, labels, np.random.RandomState(0))
    sparse = effective_dimension(sp.csr_array(rows), labels, np.random.RandomState(0))
    assert sparse == pytest.approx(dense, rel=1e-12)


def test_four_drawn_rows_are_distinct_and_uniform(rng):
    counts = np.repeat([4, 9], 20_000)
    chosen = _draw_four_distinct(counts, rng)
    assert (chosen >= 0).all()
    assert (chosen < counts[:, np.newaxis]).all()
    assert (np.diff(np.sort(chosen, axis=1), axis=1) > 0).all()
    for position in chosen[20_000:].T:  # each number is equally likely at each position
        np.testing.assert_allclose(np.bincount(position) / 20_000, 1 / 9, atol=0.01)


def test_isotropy_is_nan_without_scatter(rng):
    assert np.isnan(isotropy(np.eye(5), np.arange(5), rng))  # no cluster has eight rows
    assert np.isnan(effective_dimension(np.ones((20, 5)), np.zeros(20, int), rng))
