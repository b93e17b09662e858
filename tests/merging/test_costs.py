"""What two components cost to merge, and which merge in a round."""

import numpy as np
import pytest

from vmfmix import distribution
from vmfmix.merging.costs import COSTS, Components, Scatter
from vmfmix.merging.pairs import groups_after, merge_components
from vmfmix.model.criteria import classification_log_likelihood
from vmfmix.model.statistics import SufficientStatistics


def statistics_of(rows, labels):
    indicator = np.equal.outer(np.arange(labels.max() + 1), labels).astype(float)
    counts = indicator.sum(axis=1)
    return SufficientStatistics(counts, indicator @ rows, 0.0, counts.sum())


@pytest.fixture(scope="module")
def some():
    rng = np.random.RandomState(0)
    rows = rng.standard_normal((300, 12))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return statistics_of(rows, np.arange(300) % 25)


def cost_of(name, statistics, i, j):
    lengths = np.linalg.norm(statistics.resultants, axis=1)
    one, other = (Components(statistics.counts[k], lengths[k]) for k in (i, j))
    inner = statistics.resultants[i] @ statistics.resultants[j]
    return float(COSTS[name].function(one, other, inner, Scatter.from_statistics(statistics)))


def union(statistics, i, j):
    groups = np.arange(len(statistics.counts))
    groups[j] = i
    return statistics.merged(np.unique(groups, return_inverse=True)[1])


def test_likelihood_is_the_loss_of_length_times_the_concentration(some):
    lengths = np.linalg.norm(some.resultants, axis=1)
    both = np.linalg.norm(some.resultants[3] + some.resultants[8])
    kappa = distribution.concentration(lengths.sum() / some.counts.sum(), 12)
    expected = kappa * (lengths[3] + lengths[8] - both)
    assert cost_of("likelihood", some, 3, 8) == pytest.approx(expected, rel=1e-12)


def test_likelihood_is_what_the_classification_likelihood_loses():
    """To first order in the lengths, whose sum moves the shared concentration hardly."""
    rng = np.random.RandomState(1)
    centers = np.eye(30, 40)
    rows = np.repeat(centers, 100, axis=0) + 0.05 * rng.standard_normal((3000, 40))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    labels = np.repeat(np.arange(30), 100)
    labels[:50] = 30  # half of the first cluster
    before = statistics_of(rows, labels)
    after = union(before, 0, 30)

    def log_likelihood(statistics):
        counts = np.array([statistics.counts.sum()])  # without the weights
        lengths = np.array([np.linalg.norm(statistics.resultants, axis=1).sum()])
        return classification_log_likelihood(counts, lengths, 40)

    loss = log_likelihood(before) - log_likelihood(after)
    assert cost_of("likelihood", before, 0, 30) == pytest.approx(loss, rel=1e-2)


@pytest.mark.parametrize("name", sorted(COSTS))
def test_ties_do_not_lead_in_circles(name):
    """Integer resultants have many equal costs."""
    rng = np.random.RandomState(0)
    for _ in range(30):
        resultants = rng.randint(-1, 2, size=(12, 3)).astype(float)
        resultants[(resultants == 0).all(axis=1)] = 1.0
        statistics = SufficientStatistics(np.full(12, 2.0), resultants, 0.0, 24.0)
        assert len(merge_components(statistics, 1, cost=name)) == 11


def test_jeffreys_is_the_sum_of_both_divergences(some):
    pooled = Scatter.from_statistics(some).mean_resultant_length
    lengths = np.linalg.norm(some.resultants, axis=1)
    shrunk = (lengths + 2 * pooled) / (some.counts + 2)
    kappa = distribution.concentration(shrunk, 12)
    means = some.resultants / lengths[:, np.newaxis]
    expected = sum(
        distribution.kl_divergence(means[i], kappa[i], means[j], kappa[j])
        for i, j in ((3, 8), (8, 3))
    )
    assert cost_of("jeffreys", some, 3, 8) == pytest.approx(expected, rel=1e-9)


def test_cosine(some):
    means = some.resultants / np.linalg.norm(some.resultants, axis=1, keepdims=True)
    assert cost_of("cosine", some, 3, 8) == pytest.approx(1 - means[3] @ means[8], rel=1e-9)


def test_icl_gains_a_weight_where_components_are_the_same_cluster():
    rng = np.random.RandomState(0)
    rows = distribution.sample(np.eye(1, 8)[0], 30.0, 2000, rng=rng)
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


def brute_force(statistics, n_components, name):
    """The cheapest pair of all, again and again, every cost from its definition."""
    scatter = Scatter.from_statistics(statistics)
    alive = {k: (statistics.counts[k], statistics.resultants[k]) for k in range(25)}
    merges = []
    while len(alive) > n_components:
        best = None
        for i in alive:
            for j in alive:
                if i < j:
                    (n, s), (m, t) = alive[i], alive[j]
                    one = Components(n, np.linalg.norm(s))
                    other = Components(m, np.linalg.norm(t))
                    cost = float(COSTS[name].function(one, other, s @ t, scatter))
                    if best is None or cost < best[2]:
                        best = i, j, cost
        i, j, _ = best
        n, s = alive.pop(j)
        alive[i] = alive[i][0] + n, alive[i][1] + s
        merges.append(best)
    return merges


@pytest.mark.parametrize("name", ["likelihood", "icl"])
def test_greedy_merges_are_those_of_brute_force(some, name):
    merges, expected = merge_components(some, 1, cost=name), brute_force(some, 1, name)
    assert [m[:2] for m in merges] == [m[:2] for m in expected]
    np.testing.assert_allclose([m[2] for m in merges], [m[2] for m in expected], rtol=1e-6)


@pytest.mark.parametrize("name", ["jeffreys", "cosine"])
def test_size_blind_costs_merge_each_component_at_most_once_in_a_round(some, name):
    merges = merge_components(some, 22, cost=name)
    assert len(merges) == 3
    touched = [k for i, j, _ in merges for k in (i, j)]
    assert len(set(touched)) == len(touched)
    costs = np.array(
        [[cost_of(name, some, i, j) if i != j else np.inf for j in range(25)] for i in range(25)]
    )
    for i, j, cost in merges:
        assert costs[i].argmin() == j
        assert costs[j].argmin() == i
        assert cost == pytest.approx(costs[i, j])


@pytest.mark.parametrize("name", sorted(COSTS))
@pytest.mark.parametrize("target", [25, 24, 7, 1])
def test_a_round_ends_where_it_should(some, name, target):
    merges = merge_components(some, target, cost=name)
    assert len(merges) == 25 - target
    groups = groups_after(merges, 25)
    assert set(groups) == set(range(target))
    merged = some.merged(groups)
    np.testing.assert_allclose(merged.resultants.sum(axis=0), some.resultants.sum(axis=0))


def test_equal_costs_are_settled_by_number():
    resultants = np.eye(6)
    statistics = SufficientStatistics(np.ones(6), resultants, 0.0, 6.0)
    first = [m[:2] for m in merge_components(statistics, 3)]
    assert first == [m[:2] for m in merge_components(statistics, 3)]
    assert first[0] == (0, 1)
