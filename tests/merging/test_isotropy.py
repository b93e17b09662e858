"""In how many directions rows scatter."""

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix import distribution
from vmfmix.merging.isotropy import _draw_four_distinct, effective_dimension, isotropy


@pytest.fixture
def rng():
    return np.random.RandomState(0)


@pytest.mark.parametrize("dim", [8, 64, 300])
def test_von_mises_fisher_clusters_scatter_in_all_directions(dim, rng):
    kappa = float(distribution.concentration(0.6, dim))
    means = np.eye(3, dim)
    rows = np.concatenate([distribution.sample(mean, kappa, 700, rng=rng) for mean in means])
    assert isotropy(rows, np.repeat(np.arange(3), 700), rng) > 0.93


def test_directions_are_counted_whatever_their_number_and_the_width_of_clusters(rng):
    width = np.repeat([0.01, 0.1, 1.0], 1000)[:, np.newaxis]
    rows = 5.0 * np.repeat(np.eye(3, 100), 1000, axis=0)
    rows[:, 50:70] += width * rng.standard_normal((3000, 20))
    assert effective_dimension(rows, np.repeat(np.arange(3), 1000), rng) == pytest.approx(
        20, rel=0.1
    )


def test_uneven_spread_gives_the_ratio_of_traces(rng):
    variances = 1.0 / np.arange(10, 200)
    rows = rng.standard_normal((4000, 190)) * np.sqrt(variances)
    expected = variances.sum() ** 2 / (variances**2).sum()  # 95
    assert effective_dimension(rows, np.zeros(4000, int), rng) == pytest.approx(expected, rel=0.1)


def test_sparse_rows_give_the_same():
    rows = np.random.RandomState(1).standard_normal((500, 30))
    rows[np.abs(rows) < 1] = 0
    labels = np.arange(500) % 5
    dense = effective_dimension(rows, labels, np.random.RandomState(0))
    sparse = effective_dimension(sp.csr_array(rows), labels, np.random.RandomState(0))
    assert sparse == pytest.approx(dense, rel=1e-12)


def test_the_four_rows_are_different_and_any(rng):
    counts = np.repeat([4, 9], 20_000)
    chosen = _draw_four_distinct(counts, rng)
    assert (chosen >= 0).all()
    assert (chosen < counts[:, np.newaxis]).all()
    assert (np.diff(np.sort(chosen, axis=1), axis=1) > 0).all()
    for place in chosen[20_000:].T:  # every number is as likely at every place
        np.testing.assert_allclose(np.bincount(place) / 20_000, 1 / 9, atol=0.01)


def test_where_nothing_scatters_it_cannot_be_told(rng):
    assert np.isnan(isotropy(np.eye(5), np.arange(5), rng))  # no cluster has eight rows
    assert np.isnan(effective_dimension(np.ones((20, 5)), np.zeros(20, int), rng))
