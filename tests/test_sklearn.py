"""Estimator checks of scikit-learn."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from vmfmix import NeighborSmoother, VMFMixture

pytest.importorskip("sklearn", "1.8", reason="xfail_strict needs scikit-learn 1.8")

_NOT_A_CLASSIFIER = (
    "the check expects predict_proba of every estimator that accepts sparse rows to return the 4 "
    "columns of a classifier; no clusterer can pass it"
)

_OF_MIXTURES = {
    "check_estimator_sparse_array": _NOT_A_CLASSIFIER,
    "check_estimator_sparse_matrix": _NOT_A_CLASSIFIER,
}


# The checks use few rows, some of which are zeros.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Number of clusters found")
@pytest.mark.filterwarnings("ignore:EM did not converge")
@pytest.mark.filterwarnings("ignore:No clusters were found")
@pytest.mark.filterwarnings("ignore:The number of clusters found")
@pytest.mark.filterwarnings("ignore:Most of the")
@pytest.mark.filterwarnings("ignore:X has .* distinct rows")
@pytest.mark.filterwarnings("ignore:.*rows of X have no direction")
@parametrize_with_checks(
    [
        VMFMixture(n_components=8),
        VMFMixture(),
        VMFMixture(n_components=8, merge=None),
        VMFMixture(n_components=8, smooth=True),
        NeighborSmoother(),
        NeighborSmoother(restart=0.1, whiten=False),
    ],
    expected_failed_checks=lambda estimator: (
        _OF_MIXTURES if isinstance(estimator, VMFMixture) else {}
    ),
)
def test_passes_scikit_learn_checks(estimator, check):
    check(estimator)
