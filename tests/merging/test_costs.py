"""Costs of merging two components."""

import numpy as np
import pytest

from tests.merging.examples import cost_of, statistics_of
from vmfmix import distribution
from vmfmix.merging.costs import COSTS, Scatter
from vmfmix.model.criteria import classification_log_likelihood


def merge_two(statistics, i, j):
    """Return the statistics after merging components i and j."""
    groups = np.arange(len(statistics.counts))
    groups[j] = i
    return statistics.merged(np.unique(groups, return_inverse=True)[1])


def test_likelihood_cost_is_concentration_times_loss_of_length(random_statistics):
    lengths = np.linalg.norm(random_statistics.resultants, axis=1)
    both = np.linalg.norm(random_statistics.resultants[3] + random_statistics.resultants[8])
    kappa = distribution.concentration(lengths.sum() / random_statistics.counts.sum(), 12)
    expected = kappa * (lengths[3] + lengths[8] - both)
    assert cost_of("likelihood", random_statistics, 3, 8) == pytest.approx(expected, rel=1e-12)


def test_likelihood_cost_approximates_loss_of_classification_likelihood():
    """The approximation is of first order: merging hardly changes the shared concentration."""
    rng = np.random.RandomState(1)
    centers = np.eye(30, 40)
    rows = np.repeat(centers, 100, axis=0) + 0.05 * rng.standard_normal((3000, 40))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    labels = np.repeat(np.arange(30), 100)
    labels[:50] = 30  # half of the first cluster
    before = statistics_of(rows, labels)
    after = merge_two(before, 0, 30)

    def log_likelihood(statistics):
        counts = np.array([statistics.counts.sum()])  # without the weights
        lengths = np.array([np.linalg.norm(statistics.resultants, axis=1).sum()])
        return classification_log_likelihood(counts, lengths, 40)

    loss = log_likelihood(before) - log_likelihood(after)
    assert cost_of("likelihood", before, 0, 30) == pytest.approx(loss, rel=1e-2)


def test_jeffreys_cost_is_the_sum_of_both_divergences(random_statistics):
    pooled = Scatter.from_statistics(random_statistics).mean_resultant_length
    lengths = np.linalg.norm(random_statistics.resultants, axis=1)
    shrunk = (lengths + 2 * pooled) / (random_statistics.counts + 2)
    kappa = distribution.concentration(shrunk, 12)
    means = random_statistics.resultants / lengths[:, np.newaxis]
    expected = sum(
        distribution.kl_divergence(means[i], kappa[i], means[j], kappa[j])
        for i, j in ((3, 8), (8, 3))
    )
    assert cost_of("jeffreys", random_statistics, 3, 8) == pytest.approx(expected, rel=1e-9)


def test_cosine_cost_matches_its_definition(random_statistics):
    means = random_statistics.resultants / np.linalg.norm(
        random_statistics.resultants, axis=1, keepdims=True
    )
    assert cost_of("cosine", random_statistics, 3, 8) == pytest.approx(
        1 - means[3] @ means[8], rel=1e-9
    )


def test_icl_cost_is_negative_for_halves_of_one_cluster():
    rows = distribution.sample(np.eye(1, 8)[0], 30.0, 2000, rng=0)
    halves = statistics_of(rows, np.arange(2000) % 2)
    assert cost_of("icl", halves, 0, 1) < 0  # merging is a gain
    apart = statistics_of(np.concatenate([rows, -rows]), np.repeat([0, 1], 2000))
    assert cost_of("icl", apart, 0, 1) > 1000


@pytest.mark.parametrize("name", sorted(COSTS))
def test_costs_are_symmetric_and_finite_for_single_rows_and_copies(name):
    rows = np.repeat(np.eye(4), [1, 1, 40, 1], axis=0)
    statistics = statistics_of(rows, np.repeat(np.arange(4), [1, 1, 40, 1]))
    for i in range(4):
        for j in range(i):
            cost = cost_of(name, statistics, i, j)
            assert np.isfinite(cost)
            assert cost == cost_of(name, statistics, j, i)
