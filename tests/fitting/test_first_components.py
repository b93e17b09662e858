"""Components in a given order."""

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix.fitting.first_components import components_of_means, first_components
from vmfmix.model.statistics import SufficientStatistics


def four_components(as_matrix=np.asarray):
    resultants = np.diag([1.0, 2.0, 3.0, 4.0])
    return SufficientStatistics(np.array([2.0, 4, 6, 8]), as_matrix(resultants), 0.0, 20.0)


@pytest.mark.parametrize("as_matrix", [np.asarray, sp.csr_array])
def test_classes_come_first_and_divide_a_component_that_they_share(as_matrix):
    # Class 0 is in component 2, classes 1 and 2 share component 0; 1 and 3 belong to no class.
    numbers = np.array([[0, 0, 5, 1], [3, 0, 0, 0], [1, 0, 0, 0]])
    directions = np.array([[0.0, 0, 1, 0], [0.6, 0.8, 0, 0], [0.8, -0.6, 0, 0]])
    found = first_components(four_components(as_matrix), as_matrix(directions), numbers)
    np.testing.assert_allclose(found.counts, [6.0, 1.5, 0.5, 4.0, 8.0])
    resultants = found.resultants
    assert sp.issparse(resultants) == (as_matrix is sp.csr_array)
    resultants = resultants.toarray() if sp.issparse(resultants) else resultants
    expected = [[0, 0, 3, 0], [0.45, 0.6, 0, 0], [0.2, -0.15, 0, 0], [0, 2, 0, 0], [0, 0, 0, 4]]
    np.testing.assert_allclose(resultants, expected, atol=1e-12)


def test_means_get_the_nearest_components_in_their_order():
    found = components_of_means(four_components(), np.array([[0.0, 0, 0.6, 0.8], [0, 1, 0, 0]]))
    np.testing.assert_allclose(found.counts, [8.0, 4.0, 2.0, 6.0])
