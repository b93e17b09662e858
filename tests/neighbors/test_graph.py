"""The graph of nearest neighbors."""

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix.datasets import make_vmf_mixture
from vmfmix.neighbors.graph import neighbor_graph


@pytest.fixture(scope="module")
def planted():
    return make_vmf_mixture(1200, 24, 6, concentration=80.0, random_state=0)


def test_neighbor_graph_joins_nearest_neighbors_in_angle(planted):
    rows = planted[0]
    graph = neighbor_graph(rows)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -2)
    nearest = np.argsort(-cosines, axis=1)[:, :15]
    expected = np.zeros_like(cosines)
    np.put_along_axis(expected, nearest, 1.0, axis=1)
    np.testing.assert_array_equal(graph.toarray(), np.maximum(expected, expected.T))
    sparse = neighbor_graph(sp.csr_array(np.where(np.abs(rows) < 0.01, 0, rows)))
    assert sparse.shape == graph.shape


@pytest.mark.parametrize(("n_rows", "expected"), [(2, 1), (30, 3), (100, 5), (1000, 15)])
def test_neighbor_graph_has_fewer_neighbors_for_few_rows(n_rows, expected):
    rows = np.random.RandomState(0).standard_normal((n_rows, 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert neighbor_graph(rows).sum(axis=1).min() == expected
