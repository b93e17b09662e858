"""New clusters among rows that arrive after a fit."""

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix import distribution
from vmfmix.fitting.new_clusters import NewRows, find_new_clusters
from vmfmix.fitting.novelty import Tails
from vmfmix.model.statistics import MixtureParameters, SufficientStatistics

DIM, KAPPA = 16, 60.0
OLD = MixtureParameters(np.array([0.5, 0.5]), np.eye(2, DIM), np.full(2, KAPPA))
TAILS = Tails.expected(OLD)


def draw(axis, size):
    return distribution.sample(np.eye(DIM)[axis], KAPPA, size, rng=axis)


def sums(parameters, count=1000.0):
    length = distribution.mean_resultant_length(KAPPA, DIM)
    n_components = len(parameters.weights)
    return SufficientStatistics(
        np.full(n_components, count), count * length * parameters.means, 0.0, count * n_components
    )


def assigned(*parts, parameters=OLD):
    rows = np.concatenate(parts)
    return NewRows.assigned(rows, np.ones(len(rows)), parameters, Tails.expected(parameters))


def found_among(new, parameters=OLD, **options):
    rng = np.random.RandomState(0)
    tails = Tails.expected(parameters)
    return find_new_clusters(new, parameters, sums(parameters), tails, rng, **options)


def test_topics_are_new_clusters_whatever_their_sizes():
    found = found_among(assigned(draw(0, 200), draw(1, 200), draw(3, 100), draw(5, 60)))
    order = np.argsort(-found.statistics.counts)
    np.testing.assert_allclose(found.statistics.counts[order], [100, 60], atol=2)
    assert found.statistics.directions[order[0], 3] > 0.98
    assert found.statistics.directions[order[1], 5] > 0.98


def test_origins_are_the_nearest_old_clusters():
    mean = np.eye(DIM)[3] + 0.3 * np.eye(DIM)[1]
    rows = distribution.sample(mean / np.linalg.norm(mean), KAPPA, 80, rng=0)
    assert found_among(assigned(draw(0, 100), rows)).origins.tolist() == [1]


def test_rows_of_the_old_clusters_and_outermost_ones_are_no_new_cluster():
    assert found_among(assigned(draw(0, 300), draw(1, 50))) is None
    new = assigned(draw(0, 2000), draw(1, 2000))
    assert found_among(new.selected(new.is_unlike)) is None


def test_few_rows_and_copies_of_one_row_are_no_new_cluster():
    for rows in (draw(3, 2), np.repeat(draw(3, 1), 50, axis=0)):
        assert found_among(assigned(draw(0, 200), rows)) is None


def test_new_clusters_have_the_smallest_size_at_least():
    new = assigned(draw(0, 200), draw(3, 100), draw(5, 60))
    assert found_among(new, min_size=70).statistics.counts.min() >= 70
    assert found_among(new, min_size=200) is None


@pytest.mark.parametrize("n_old", [1, 2])
def test_a_topic_is_found_beside_any_number_of_clusters(n_old):
    old = OLD.selected(slice(n_old))
    found = found_among(assigned(draw(0, 100), draw(3, 100), parameters=old), parameters=old)
    np.testing.assert_allclose(found.statistics.counts, [100])


def test_weights_and_sparse_rows_change_nothing():
    rows = np.concatenate([draw(0, 200), draw(3, 100)])
    for each in (rows, sp.csr_array(rows)):
        new = NewRows.assigned(each, np.full(300, 2.0), OLD, TAILS)
        found = found_among(new)
        np.testing.assert_allclose(found.statistics.counts, [200])


def test_expected_tails_are_those_of_drawn_rows():
    new = assigned(draw(0, 4000), draw(1, 4000))
    assert new.is_unlike.mean() == pytest.approx(0.2, abs=0.03)
    background = MixtureParameters(
        np.array([0.7, 0.3]), np.eye(2, DIM), np.array([KAPPA, 0.0]), has_background=True
    )
    tails = Tails.expected(background)
    assert tails.thresholds[-1] == np.inf
    assert tails.n_unlike[-1] / tails.n_earlier[-1] == pytest.approx(0.3)
