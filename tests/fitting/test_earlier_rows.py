"""EM over new rows and the sums over earlier rows."""

import numpy as np

from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.earlier_rows import WithEarlierRows, with_new_components
from vmfmix.model import em
from vmfmix.model.statistics import MixtureParameters, SufficientStatistics


def test_new_components_are_placed_before_the_background():
    sums = SufficientStatistics(np.array([3.0, 1.0]), np.eye(2, 3), 0.0, 4.0)
    new = SufficientStatistics(np.array([2.0]), np.full((1, 3), 5.0), 0.0, 2.0)
    for has_background, counts in ((False, [3, 1, 2]), (True, [3, 2, 1])):
        joined = with_new_components(sums, new, has_background)
        np.testing.assert_array_equal(joined.counts, counts)
        np.testing.assert_array_equal(joined.resultants[counts.index(2)], [5, 5, 5])
        assert joined.weight == 4.0


def test_lower_bound_never_decreases_and_sums_cover_all_rows():
    X, _ = make_vmf_mixture(600, 8, 3, concentration=20.0, random_state=0)
    means = X[[0, 1, 2]]
    start = MixtureParameters(np.full(3, 1 / 3), means, np.full(3, 20.0))
    earlier = choose_engine(X[:400]).accumulate(start)
    rows = WithEarlierRows(choose_engine(X[400:]), earlier)
    result = em.fit(rows, start, em.final("tied", hard=False, max_iter=50, tol=0.0))
    assert np.diff(result.lower_bounds).min() > -1e-12
    sums = rows.accumulate(result.parameters)
    assert sums.weight == 600
    np.testing.assert_allclose(sums.counts.sum(), 600)


def test_components_without_rows_are_not_dropped():
    X, _ = make_vmf_mixture(100, 8, 1, concentration=20.0, random_state=0)
    start = MixtureParameters(np.array([0.5, 0.5]), np.eye(2, 8), np.array([1e4, 1e4]))
    empty = SufficientStatistics(np.array([1.0, 0.0]), np.eye(2, 8) * [[1.0], [0.0]], 0.0, 1.0)
    result = em.fit(
        WithEarlierRows(choose_engine(X), empty),
        start,
        em.final(1e4, hard=True, max_iter=5, tol=0.0),
    )
    assert len(result.parameters.weights) == 2
