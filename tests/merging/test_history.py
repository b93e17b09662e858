"""The record of the merges of a fit."""

import numpy as np
import pytest
from scipy.cluster import hierarchy

from vmfmix import VMFMixture
from vmfmix.merging.history import MergeHistory


@pytest.fixture(scope="module")
def history(partitions, steps):
    return MergeHistory.from_path(partitions, steps, {4: 0.5, 3: 0.75})


def test_linkage_is_a_valid_tree(history):
    assert history.n_components_init == 60
    assert history.children.shape == (59, 2)
    seen = history.children.ravel()
    assert sorted(seen) == list(range(118))  # every node but the root is merged once
    tree = history.linkage()
    assert hierarchy.is_valid_linkage(tree)
    heights = np.append(np.zeros(60), tree[:, 2])
    assert (
        tree[:, 2] >= heights[history.children].max(axis=1)
    ).all()  # heights never decrease towards the root
    assert (tree[:, 2] >= history.costs).all()
    assert tree[-1, 3] == 60
    assert "60 components merged down to 1" in repr(history)


@pytest.mark.parametrize("n", [60, 59, 53, 52, 51, 8, 4, 1])
def test_history_has_statistics_of_any_number(history, partitions, n):
    statistics = history.statistics(n)
    assert len(statistics.counts) == n
    assert statistics.counts.sum() == 1500
    exact = {partition.n_components: partition for partition in partitions}
    if n in exact:
        np.testing.assert_array_equal(statistics.counts, exact[n].statistics.counts)
        np.testing.assert_allclose(statistics.resultants, exact[n].statistics.resultants, rtol=1e-5)


@pytest.mark.parametrize("n", [0, 61])
def test_history_rejects_numbers_off_the_path(history, n):
    with pytest.raises(
        ValueError, match=rf"n_components={n} is not on the merge path.* from 60 down to 1;"
    ):
        history.statistics(n)


def test_linkage_rejects_a_path_that_stops_early(rows):
    history = VMFMixture(4, n_components_init=20, random_state=0).fit(rows).merge_history_
    with pytest.raises(ValueError, match="stops at 4 components"):
        history.linkage()
    assert len(history.candidates) == 0


def test_history_ends_with_the_iterations_of_em(rows):
    model = VMFMixture(random_state=0).fit(rows)
    history = model.merge_history_
    assert len(history.n_components) == len(history.log_likelihoods) == len(history.seconds)
    np.testing.assert_allclose(history.log_likelihoods[-model.n_iter_ :], model.lower_bounds_)
    assert (history.n_components[-model.n_iter_ :] == model.n_components_).all()
    assert (np.diff(history.seconds) >= 0).all()
    best = history.candidates[history.scores == history.scores.max()].min()
    assert model.n_components_ == best == 5
