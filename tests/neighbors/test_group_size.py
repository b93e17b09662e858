"""Groups of few rows that are much nearer to each other than to other rows."""

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix.datasets import load_snips
from vmfmix.neighbors.group_size import n_close_neighbors, n_small_groups, within_groups
from vmfmix.neighbors.search import Neighbors, nearest_neighbors


def groups(sizes, noise=0.3, n_features=128, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.repeat(rng.standard_normal((len(sizes), n_features)), sizes, axis=0)
    rows += noise * rng.standard_normal(rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("noise", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("size", [2, 3, 6, 11])
def test_groups_of_equal_size_are_counted(size, noise):
    assert n_small_groups(groups([size] * 60, noise)) == pytest.approx(60, rel=0.1)


def test_groups_of_different_sizes_are_counted():
    sizes = np.random.default_rng(1).integers(2, 9, 100)
    assert n_small_groups(groups(sizes)) == pytest.approx(100, abs=2)


def test_large_groups_and_embeddings_are_not_counted():
    assert n_small_groups(groups([100] * 6)) == 0
    assert n_small_groups(load_snips().data) == 0


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_few_rows_are_accepted(n_rows):
    assert 0 <= n_small_groups(np.eye(3, 8)[:n_rows]) <= n_rows


def test_sparse_rows_give_the_same_number():
    rows = groups([5] * 20)
    assert n_small_groups(sp.csr_array(rows)) == n_small_groups(rows) == 20


def test_a_nearest_neighbor_is_close_even_if_the_mean_is_closer():
    found = Neighbors(np.array([[1, 2]], dtype=np.int32), np.array([[-0.5, -0.6]], np.float32))
    np.testing.assert_array_equal(n_close_neighbors(found, np.array([0.1])), [1])


def test_within_groups_keeps_neighbors_of_the_same_group():
    rows, labels = groups([6] * 40), np.repeat(np.arange(40), 6)
    found = within_groups(nearest_neighbors(rows, 15), rows)
    assert found.rows.shape == (240, 5)
    assert (labels[found.rows] == labels[:, np.newaxis]).all()
    snips = load_snips().data
    assert within_groups(nearest_neighbors(snips, 15), snips).rows.shape == (len(snips), 15)
