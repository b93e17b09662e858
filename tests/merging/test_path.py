"""The merge path and what is remembered of it."""

import numpy as np
import pytest
from scipy.cluster import hierarchy
from sklearn.exceptions import ConvergenceWarning

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.seeding import seed_means
from vmfmix.merging.history import MergeHistory
from vmfmix.merging.path import merge_path
from vmfmix.model.statistics import SufficientStatistics


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(1500, 16, 5, concentration=60.0, random_state=0)[0]


@pytest.fixture(scope="module")
def steps():
    return []


@pytest.fixture(scope="module")
def partitions(rows, steps):
    engine, rng = choose_engine(rows), np.random.RandomState(0)
    means = seed_means(engine, 60, "k-means++", rng)
    return merge_path(engine, rows, means, rng=rng, report=lambda *step: steps.append((*step, 0.0)))


@pytest.fixture(scope="module")
def history(partitions, steps):
    return MergeHistory.from_path(partitions, steps, {4: 0.5, 3: 0.75})


def test_a_partition_is_what_it_says(rows, partitions):
    assert partitions[0].n_components == 60
    assert partitions[-1].n_components == 1
    for partition in partitions:
        counts = np.bincount(partition.labels)
        assert len(counts) == partition.n_components
        np.testing.assert_array_equal(counts, partition.statistics.counts)
        for k in range(partition.n_components):
            own = rows[partition.labels == k].sum(axis=0)
            np.testing.assert_allclose(partition.statistics.resultants[k], own, atol=1e-9)


def test_rounds_are_an_eighth_and_single_merges_at_the_end(partitions):
    numbers = [partition.n_components for partition in partitions]
    assert numbers[:3] == [60, 52, 45]
    assert numbers[-8:] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert all(
        len(here.merges) == here.n_components - after
        for here, after in zip(partitions, numbers[1:])
    )


def test_every_step_is_reported(partitions, steps):
    assert [n for n, *_ in steps[4:]] == [partition.n_components for partition in partitions]
    merging = [log_likelihood for _, log_likelihood, _ in steps[4:]]
    assert merging[0] > merging[-1]  # one component explains less


def test_the_tree_has_every_row_in_every_union(history):
    assert history.n_components_init == 60
    assert history.children.shape == (59, 2)
    seen = history.children.ravel()
    assert sorted(seen) == list(range(118))  # every node but the root is merged once
    tree = history.linkage()
    assert hierarchy.is_valid_linkage(tree)
    heights = np.append(np.zeros(60), tree[:, 2])
    assert (tree[:, 2] >= heights[history.children].max(axis=1)).all()  # a tree does not go down
    assert (tree[:, 2] >= history.costs).all()
    assert tree[-1, 3] == 60
    assert "60 components merged down to 1" in repr(history)


@pytest.mark.parametrize("n", [60, 59, 53, 52, 51, 8, 4, 1])
def test_statistics_of_any_number(history, partitions, n):
    statistics = history.statistics(n)
    assert len(statistics.counts) == n
    assert statistics.counts.sum() == 1500
    exact = {partition.n_components: partition for partition in partitions}
    if n in exact:
        np.testing.assert_array_equal(statistics.counts, exact[n].statistics.counts)
        np.testing.assert_allclose(statistics.resultants, exact[n].statistics.resultants, rtol=1e-5)


@pytest.mark.parametrize("n", [0, 61])
def test_numbers_off_the_path_are_refused(history, n):
    with pytest.raises(ValueError, match=rf"n_components={n} is not on the merge path.* from 60 down to 1;"):
        history.statistics(n)


def test_a_path_that_stops_has_no_tree(rows):
    history = VMFMixture(4, n_components_init=20, random_state=0).fit(rows).merge_history_
    with pytest.raises(ValueError, match="stops at 4 components"):
        history.linkage()
    assert len(history.candidates) == 0


def test_components_without_rows_are_absorbed(monkeypatch):
    """Where an EM step leaves a component empty, the tree stays whole."""
    rows = np.repeat(np.eye(6), 5, axis=0)
    engine = choose_engine(rows)
    real = SufficientStatistics.directions.fget

    def with_a_copy(statistics):
        means = real(statistics)
        if len(means) == 4:  # after the first round, two means are the same: one gets no rows
            means[3] = means[2]
        return means

    def the_other_way(parameters):
        said = assign(parameters)
        if len(parameters.means) == 4:  # the labels may decide the tie otherwise than the sums
            said.labels[said.labels == 2] = 3
        return said

    assign = engine.assign
    monkeypatch.setattr(engine, "assign", the_other_way)
    monkeypatch.setattr(SufficientStatistics, "directions", property(with_a_copy))
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


def test_a_fit_survives_where_the_last_round_leaves_a_component_empty(monkeypatch):
    real = SufficientStatistics.directions.fget

    def with_a_copy(statistics):
        means = real(statistics)
        if len(means) == 4:  # where the path ends
            means[3] = means[2]
        return means

    monkeypatch.setattr(SufficientStatistics, "directions", property(with_a_copy))
    rows = np.repeat(np.eye(6), 20, axis=0) + 0.1 * np.random.RandomState(0).rand(120, 6)
    with pytest.warns(ConvergenceWarning, match="smaller than the 4"):
        model = VMFMixture(4, n_components_init=5, random_state=0).fit(rows)
    assert model.n_components_ == 3
    assert model.merge_history_.rounds[-1] == 3


def test_history_of_a_fit_ends_with_its_em(rows):
    model = VMFMixture(random_state=0).fit(rows)
    history = model.merge_history_
    assert len(history.n_components) == len(history.log_likelihoods) == len(history.seconds)
    np.testing.assert_allclose(history.log_likelihoods[-model.n_iter_ :], model.lower_bounds_)
    assert (history.n_components[-model.n_iter_ :] == model.n_components_).all()
    assert (np.diff(history.seconds) >= 0).all()
    best = history.candidates[history.scores == history.scores.max()].min()
    assert model.n_components_ == best == 5
