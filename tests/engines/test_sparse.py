"""CSR rows whose entries are given several times."""

import numpy as np
import scipy.sparse as sp

from tests import oracle
from vmfmix.engines.choice import choose_engine


def test_duplicate_entries_of_small_integers_do_not_overflow():
    twice = sp.csr_array((np.array([100, 100, 1], np.int8), [0, 0, 1], [0, 3]), (1, 2))
    found = np.concatenate([block for _, block in choose_engine(twice).cosines(np.eye(2))])
    np.testing.assert_allclose(found, oracle.unit_rows([[200.0, 1]]), atol=1e-6)


def test_duplicate_entries_are_added():
    twice = sp.csr_array((np.ones(5), [0, 0, 1, 0, 1], [0, 3, 5]), (2, 2))
    found = np.concatenate([block for _, block in choose_engine(twice).cosines(np.eye(2))])
    np.testing.assert_allclose(found, oracle.unit_rows(np.array([[2.0, 1], [1, 1]])))
    assert twice.nnz == 5
