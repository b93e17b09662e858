"""The search of nearest neighbors in cells."""

import numpy as np

from vmfmix.datasets import make_vmf_mixture
from vmfmix.neighbors import nearest_neighbors
from vmfmix.neighbors.cells import neighbors_in_cells


def test_cells_have_most_of_the_nearest_neighbors():
    X, _ = make_vmf_mixture(3000, 16, 20, concentration=50.0, random_state=0)
    X = X.astype(np.float32)
    found, exact = neighbors_in_cells(X, 10), nearest_neighbors(X, 10)
    shared = [len({*one} & {*other}) for one, other in zip(found.rows, exact.rows)]
    assert np.mean(shared) > 9.0
    assert (found.rows != np.arange(3000)[:, np.newaxis]).all()
    assert (np.diff(found.cosines, axis=1) <= 0).all()
    np.testing.assert_allclose(found.cosines, np.einsum("nd,nkd->nk", X, X[found.rows]), atol=1e-5)
    np.testing.assert_array_equal(neighbors_in_cells(X, 10).rows, found.rows)


def test_few_or_uneven_rows_are_searched_exactly():
    X, _ = make_vmf_mixture(300, 8, 2, random_state=0)
    X = X.astype(np.float32)
    for rows, n_neighbors in ((X[:3], 2), (X, 295), (np.repeat(X[:2], [1, 99], axis=0), 5)):
        found = neighbors_in_cells(rows, n_neighbors)
        exact = nearest_neighbors(rows, n_neighbors)
        np.testing.assert_allclose(found.cosines, exact.cosines, atol=1e-6)
