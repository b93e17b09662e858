"""Merging of the cheapest pairs of components."""

import numpy as np
import pytest

from tests.merging.examples import cost_of
from vmfmix.merging.costs import COSTS, Components, Scatter
from vmfmix.merging.pairs import costs_of_merging, groups_after, merge_components
from vmfmix.model.statistics import SufficientStatistics


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COSTS))
def test_merge_components_terminates_with_equal_costs(name):
    """Integer resultants have many equal costs."""
    rng = np.random.RandomState(0)
    for _ in range(30):
        resultants = rng.randint(-1, 2, size=(12, 3)).astype(float)
        resultants[(resultants == 0).all(axis=1)] = 1.0
        statistics = SufficientStatistics(np.full(12, 2.0), resultants, 0.0, 24.0)
        assert len(merge_components(statistics, 1, cost=name)) == 11


def brute_force(statistics, n_components, name):
    """Merge the cheapest pair of all, with every cost computed from its definition."""
    scatter = Scatter.from_statistics(statistics)
    alive = {k: (statistics.counts[k], statistics.resultants[k]) for k in range(25)}
    merges = []
    while len(alive) > n_components:
        best = None
        for i in alive:
            for j in alive:
                if i < j:
                    (n, s), (m, t) = alive[i], alive[j]
                    first = Components(n, np.linalg.norm(s))
                    second = Components(m, np.linalg.norm(t))
                    cost = float(COSTS[name].function(first, second, s @ t, scatter))
                    if best is None or cost < best[2]:
                        best = i, j, cost
        i, j, _ = best
        n, s = alive.pop(j)
        alive[i] = alive[i][0] + n, alive[i][1] + s
        merges.append(best)
    return merges


@pytest.mark.slow
@pytest.mark.parametrize("name", ["likelihood", "icl"])
def test_merge_components_matches_brute_force(random_statistics, name):
    merges, expected = (
        merge_components(random_statistics, 1, cost=name),
        brute_force(random_statistics, 1, name),
    )
    assert [m[:2] for m in merges] == [m[:2] for m in expected]
    np.testing.assert_allclose([m[2] for m in merges], [m[2] for m in expected], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["jeffreys", "cosine"])
def test_merge_components_merges_mutual_neighbors_once_per_round(random_statistics, name):
    merges = merge_components(random_statistics, 22, cost=name)
    assert len(merges) == 3
    merged_components = [k for i, j, _ in merges for k in (i, j)]
    assert len(set(merged_components)) == len(merged_components)
    costs = np.array(
        [
            [cost_of(name, random_statistics, i, j) if i != j else np.inf for j in range(25)]
            for i in range(25)
        ]
    )
    for i, j, cost in merges:
        assert costs[i].argmin() == j
        assert costs[j].argmin() == i
        assert cost == pytest.approx(costs[i, j])


@pytest.mark.parametrize("name", sorted(COSTS))
@pytest.mark.parametrize("target", [25, 24, 7, 1])
def test_merge_components_stops_at_requested_number(random_statistics, name, target):
    merges = merge_components(random_statistics, target, cost=name)
    assert len(merges) == 25 - target
    groups = groups_after(merges, 25)
    assert set(groups) == set(range(target))
    merged = random_statistics.merged(groups)
    np.testing.assert_allclose(
        merged.resultants.sum(axis=0), random_statistics.resultants.sum(axis=0)
    )


def test_merge_components_breaks_ties_by_number():
    resultants = np.eye(6)
    statistics = SufficientStatistics(np.ones(6), resultants, 0.0, 6.0)
    first = [m[:2] for m in merge_components(statistics, 3)]
    assert first == [m[:2] for m in merge_components(statistics, 3)]
    assert first[0] == (0, 1)


@pytest.mark.parametrize("name", sorted(COSTS))
def test_costs_of_one_component_are_those_of_its_pairs(random_statistics, name):
    costs = costs_of_merging(random_statistics, 4, cost=name)
    assert costs[4] == np.inf
    for other in (0, 3, 5, 24):
        assert costs[other] == pytest.approx(cost_of(name, random_statistics, 4, other))


def test_costs_of_a_component_without_weight_are_infinite():
    statistics = SufficientStatistics(np.array([2.0, 0.0, 1.0]), np.eye(3)[[0, 1, 0]], 0.0, 3.0)
    assert costs_of_merging(statistics, 0, cost="icl").argmin() == 2


@pytest.mark.parametrize("name", sorted(COSTS))
def test_components_that_stay_apart_are_not_merged_with_each_other(random_statistics, name):
    groups = groups_after(merge_components(random_statistics, 8, cost=name, n_apart=8), 25)
    np.testing.assert_array_equal(groups[:8], np.arange(8))
    merges = merge_components(random_statistics, 8, cost=name, n_apart=8)
    assert all(np.isfinite(cost) for _, _, cost in merges)


def test_components_that_stay_apart_merge_with_the_cheapest_of_the_others():
    resultants = np.array([[10.0, 0.0], [9.9, 1.0], [0.0, 8.0], [9.0, 3.0]])
    statistics = SufficientStatistics(np.full(4, 10.5), resultants, 0.0, 42.0)
    pairs = [merge[:2] for merge in merge_components(statistics, 2, n_apart=2)]
    assert pairs[0] == (1, 3) and pairs[1] in [(0, 2), (1, 2)]
