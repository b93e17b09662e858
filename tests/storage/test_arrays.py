"""Matrices as the named arrays of an archive."""

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix.storage.arrays import named_arrays, restore_matrices


@pytest.fixture
def matrix():
    return sp.csr_array(np.array([[0.0, 1.5, 0.0], [0.0, 0.0, 0.0], [2.0, 0.0, 3.0]]))


def test_named_arrays_keeps_dense_matrices():
    dense = np.eye(3)
    named = named_arrays("means", dense)
    assert list(named) == ["means"]
    assert named["means"] is dense


def test_named_arrays_takes_sparse_matrices_apart(matrix):
    named = named_arrays("means", matrix)
    assert list(named) == ["means.data", "means.indices", "means.indptr", "means.shape"]
    assert all(type(array) is np.ndarray for array in named.values())


def test_restore_matrices_reverses_named_arrays(matrix):
    arrays = named_arrays("means", matrix) | named_arrays("counts", np.arange(3.0))
    restored = restore_matrices(arrays)
    assert sorted(restored) == ["counts", "means"]
    np.testing.assert_array_equal(restored["counts"], [0.0, 1.0, 2.0])
    assert sp.issparse(restored["means"])
    np.testing.assert_array_equal(restored["means"].toarray(), matrix.toarray())
    assert len(arrays) == 5  # the argument is unchanged


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("indices", np.array([1, 0, 99])),
        ("indices", np.array([1, 0, -1])),
        ("indptr", np.array([0, 1, 1, 4])),
        ("indptr", np.array([0, 2, 1, 3])),
        ("data", np.ones(2)),
        ("shape", np.array([3, 2])),
        ("shape", np.array([3])),
    ],
)
def test_restore_matrices_rejects_damaged_sparse_matrices(matrix, part, value):
    arrays = named_arrays("means", matrix) | {f"means.{part}": value}
    with pytest.raises((ValueError, IndexError, TypeError)):
        restore_matrices(arrays)


def test_restore_matrices_rejects_incomplete_sparse_matrices(matrix):
    arrays = named_arrays("means", matrix)
    del arrays["means.indptr"]
    with pytest.raises(KeyError):
        restore_matrices(arrays)
