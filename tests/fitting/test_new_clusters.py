"""New clusters among rows that are unlike the clusters of a mixture."""

import numpy as np

from vmfmix import distribution
from vmfmix.fitting.new_clusters import UnlikeRows, _draw_cosines, find_new_clusters
from vmfmix.model.statistics import MixtureParameters

MIXTURE = MixtureParameters(np.array([1.0]), np.eye(1, 16), np.array([60.0]))


def unlike(rows, n_assigned):
    n_rows = len(rows)
    return UnlikeRows(rows, np.ones(n_rows), np.zeros(n_rows, int), np.array([n_assigned]))


def one_cluster(rows, weights):
    return np.zeros(len(rows), int)


def draw(place, size, concentration=60.0):
    mean = np.eye(16)[place]
    return distribution.sample(mean, concentration, size, rng=place)


def test_a_distant_topic_is_a_new_cluster():
    found = find_new_clusters(
        unlike(draw(3, 50), 500), MIXTURE, one_cluster, np.random.default_rng(0)
    )
    np.testing.assert_allclose(found.statistics.counts, [50])
    assert found.origins.tolist() == [0]
    assert found.statistics.directions[0, 3] > 0.98


def test_outermost_rows_of_a_cluster_are_no_new_cluster():
    rows = draw(0, 2000)
    outermost = rows[np.argsort(rows[:, 0])[:400]]
    for axis in (1, 2, 3):
        side = outermost[np.argsort(outermost[:, axis])[-80:]]
        found = find_new_clusters(
            unlike(side, 2000), MIXTURE, one_cluster, np.random.default_rng(0)
        )
        assert found is None


def test_a_topic_in_a_cluster_without_an_excess_of_unlike_rows_is_no_new_cluster():
    rows = unlike(draw(3, 50), 500)
    for p_value, is_found in ((1e-6, True), (0.5, False)):
        found = find_new_clusters(
            rows, MIXTURE, one_cluster, np.random.default_rng(0), np.array([p_value])
        )
        assert (found is not None) == is_found


def test_few_rows_and_copies_of_one_row_are_no_new_cluster():
    for rows in (draw(3, 3), np.repeat(draw(3, 1), 50, axis=0), np.empty((0, 16))):
        found = find_new_clusters(unlike(rows, 500), MIXTURE, one_cluster, np.random.default_rng(0))
        assert found is None


def test_parts_of_a_topic_are_merged_and_two_topics_are_not():
    rows = np.concatenate([draw(3, 100), draw(5, 50)])

    def parts(rows, weights):
        return np.where(rows[:, 5] > 0.4, 2, rows[:, 7] > 0).astype(int)

    found = find_new_clusters(unlike(rows, 1000), MIXTURE, parts, np.random.default_rng(0))
    assert sorted(found.statistics.counts) == [50, 100]


def test_rows_that_the_search_leaves_out_do_not_count():
    def none(rows, weights):
        return np.full(len(rows), -1)

    rows = unlike(draw(3, 50), 500)
    assert find_new_clusters(rows, MIXTURE, none, np.random.default_rng(0)) is None


def test_cosines_of_drawn_rows_are_those_of_the_distribution():
    mean, direction = np.eye(5)[0], np.array([0.6, 0.8, 0.0, 0.0, 0.0])
    drawn = _draw_cosines(9.0, 0.6, 5, np.random.default_rng(0))
    rows = distribution.sample(mean, 9.0, 4000, rng=1) @ direction
    quantiles = [0.1, 0.5, 0.9]
    np.testing.assert_allclose(
        np.quantile(drawn, quantiles), np.quantile(rows, quantiles), atol=0.03
    )
