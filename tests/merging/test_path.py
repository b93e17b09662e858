"""The merge path."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from vmfmix import VMFMixture
from vmfmix.engines.choice import choose_engine
from vmfmix.merging.history import MergeHistory
from vmfmix.merging.path import merge_path
from vmfmix.model.statistics import SufficientStatistics


def test_partition_statistics_match_its_labels(rows, partitions):
    assert partitions[0].n_components == 60
    assert partitions[-1].n_components == 1
    for partition in partitions:
        counts = np.bincount(partition.labels)
        assert len(counts) == partition.n_components
        np.testing.assert_array_equal(counts, partition.statistics.counts)
        for k in range(partition.n_components):
            own = rows[partition.labels == k].sum(axis=0)
            np.testing.assert_allclose(partition.statistics.resultants[k], own, atol=1e-9)


def test_rounds_merge_an_eighth_and_single_pairs_at_the_end(partitions):
    numbers = [partition.n_components for partition in partitions]
    assert numbers[:3] == [60, 52, 45]
    assert numbers[-8:] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert all(
        len(partition.merges) == partition.n_components - n_after
        for partition, n_after in zip(partitions, numbers[1:])
    )


def test_merge_path_reports_every_step(partitions, steps):
    assert [n for n, *_ in steps[4:]] == [partition.n_components for partition in partitions]
    merging = [log_likelihood for _, log_likelihood, _ in steps[4:]]
    assert merging[0] > merging[-1]  # one component explains less than many


def test_merge_path_absorbs_components_without_rows(monkeypatch):
    """The tree stays complete if an EM step leaves a component empty."""
    rows = np.repeat(np.eye(6), 5, axis=0)
    engine = choose_engine(rows)
    original = SufficientStatistics.directions.fget

    def directions_with_copy(statistics):
        means = original(statistics)
        if len(means) == 4:  # after the first round, two equal means: one gets no rows
            means[3] = means[2]
        return means

    def assign_to_other_copy(parameters):
        assignment = assign(parameters)
        if len(parameters.means) == 4:  # the labels may break the tie in another way
            assignment.labels[assignment.labels == 2] = 3
        return assignment

    assign = engine.assign
    monkeypatch.setattr(engine, "assign", assign_to_other_copy)
    monkeypatch.setattr(SufficientStatistics, "directions", property(directions_with_copy))
    means = np.eye(6)[[0, 1, 2, 3, 4]] + 0.01
    partitions = merge_path(
        engine,
        rows,
        means / np.linalg.norm(means, axis=1, keepdims=True),
        rng=np.random.RandomState(0),
    )
    numbers = [partition.n_components for partition in partitions]
    assert numbers == [5, 3, 2, 1]
    assert [cost for *_, cost in partitions[0].merges].count(0.0) >= 1
    for partition in partitions:
        counts = np.bincount(partition.labels, minlength=partition.n_components)
        np.testing.assert_array_equal(counts, partition.statistics.counts)
    history = MergeHistory.from_path(partitions, [(1, 0.0, 0.0)], {})
    assert sorted(history.children.ravel()) == list(range(8))
    for n in range(1, 6):
        assert history.statistics(n).counts.sum() == 30


def test_fit_survives_an_empty_component_in_the_last_round(monkeypatch):
    original = SufficientStatistics.directions.fget

    def directions_with_copy(statistics):
        means = original(statistics)
        if len(means) == 4:  # at the end of the path
            means[3] = means[2]
        return means

    monkeypatch.setattr(SufficientStatistics, "directions", property(directions_with_copy))
    rows = np.repeat(np.eye(6), 20, axis=0) + 0.1 * np.random.RandomState(0).rand(120, 6)
    with pytest.warns(ConvergenceWarning, match="smaller than the 4"):
        model = VMFMixture(4, n_components_init=5, random_state=0).fit(rows)
    assert model.n_components_ == 3
    assert model.merge_history_.rounds[-1] == 3
