"""Scores on the graph of nearest neighbors, and natural numbers of clusters."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from vmfmix import VMFMixture, load
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.merging.levels import SCALES, SIX_STEPS, Level, PathScores
from vmfmix.neighbors.communities import modularity, persistence
from vmfmix.neighbors.graph import neighbor_graph


@pytest.fixture(scope="module")
def snips_fit():
    return VMFMixture(smooth=True, random_state=0).fit(load_snips().data)


def scores_by_definition(graph, labels):
    """Compute the scores of one partition from the complete matrix of edges."""
    edges = graph.toarray().astype(np.float64)
    same = np.equal.outer(labels, labels)
    share = 1 / edges.sum()
    members = [labels == k for k in range(labels.max() + 1)]
    inside = np.array([(edges * same)[own].sum() * share for own in members])
    volumes = np.array([edges[own].sum() * share for own in members])
    return modularity(inside, volumes), persistence(inside, volumes, SCALES)


def test_path_scores_match_the_definition_at_every_number(rows, partitions):
    graph = neighbor_graph(rows)
    scores = PathScores.of(partitions, graph)
    np.testing.assert_array_equal(scores.numbers, np.arange(1, 61))
    labels = {partition.n_components: partition.labels for partition in partitions}
    i, j, _ = partitions[0].merges[0]  # after one merge, before the EM step
    merged = np.where(partitions[0].labels == j, i, partitions[0].labels)
    labels[59] = np.unique(merged, return_inverse=True)[1]
    for number, those in labels.items():
        expected_modularity, expected_persistence = scores_by_definition(graph, those)
        position = number - 1
        assert scores.modularity[position] == pytest.approx(expected_modularity, abs=1e-12)
        assert scores.persistence[position] == pytest.approx(expected_persistence, abs=1e-12)


def test_one_of_the_scales_is_six_steps():
    assert SCALES[SIX_STEPS] == pytest.approx(6.0)
    assert SCALES[0] == pytest.approx(1.5)
    assert SCALES[-1] == pytest.approx(48.0)


def scores_with_winners(winners, largest=100):
    """Return scores of 1 to `largest` whose winner at each scale is given."""
    numbers = np.arange(1, largest + 1)
    won = numbers[:, np.newaxis] == np.asarray(winners)
    return PathScores(numbers, np.zeros(largest), won.astype(float))


def test_votes_are_shares_of_the_scales_with_a_width_of_one_half():
    votes = scores_with_winners([10] * 12 + [40] * 4).votes()
    assert votes[9] == pytest.approx(0.75 + 0.25 * np.exp(-2 * np.log(4) ** 2))
    assert votes[19] == pytest.approx(np.exp(-2 * np.log(2) ** 2))
    assert np.argmax(votes) == 9


def test_more_resolution_never_gives_fewer_clusters():
    scores = scores_with_winners([80] * 3 + [30] * 2 + [12] * 4 + [9] * 5 + [3] * 2)
    chosen = [1 + int(np.argmax(scores.votes(r))) for r in np.geomspace(1e-12, 1e12, 121)]
    assert (np.diff(chosen) >= 0).all()
    assert chosen[0] == 1
    assert chosen[-1] == 100
    assert chosen[60] == 1 + int(np.argmax(scores.votes()))
    # Where all scales agree, it is proportional to the fourth root of the resolution.
    agreeing = scores_with_winners([12] * 16)
    assert [1 + int(np.argmax(agreeing.votes(r))) for r in (1 / 16, 1.0, 16.0)] == [6, 12, 24]


def test_levels_start_with_the_chosen_number_and_then_the_strongest():
    scores = scores_with_winners([80] * 2 + [30] * 5 + [11] + [10] * 4 + [3] * 3 + [90])
    assert scores.levels(10) == [
        Level(10, 5 / 16),
        Level(30, 5 / 16),
        Level(83, 3 / 16),
        Level(3, 3 / 16),
    ]
    assert scores.levels(5)[0] == Level(5, 0.0)
    assert sum(level.strength for level in scores.levels(10)) == pytest.approx(1.0)


def test_there_are_at_most_five_levels():
    scores = scores_with_winners([2, 6, 18, 54, 160, 400] * 2 + [2] * 4, largest=400)
    levels = scores.levels(2)
    assert len(levels) == 5
    assert levels[0] == Level(2, 6 / 16)


def test_up_to_leaves_out_greater_numbers_but_not_the_smallest():
    scores = scores_with_winners([80] * 8 + [10] * 8)
    assert scores.up_to(50).numbers.max() == 50
    assert scores.up_to(0).numbers.tolist() == [1]


def test_a_fit_has_levels_that_a_file_keeps(snips_fit, tmp_path):
    levels = snips_fit.levels_
    assert levels[0].n_components == snips_fit.n_components_
    assert 1 <= len(levels) <= 5
    assert 0.0 < sum(level.strength for level in levels) <= 1.0
    snips_fit.save(tmp_path / "model.npz")
    assert load(tmp_path / "model.npz").levels_ == levels
    for level in levels:
        assert snips_fit.merge_to(level.n_components).n_components_ == level.n_components


def test_a_given_number_has_no_levels():
    model = VMFMixture(7, random_state=0).fit(load_snips().data)
    assert not hasattr(model, "levels_")
    with pytest.raises(AttributeError, match='n_components="auto"'):
        model.levels_  # noqa: B018


@pytest.mark.parametrize("options", [{"n_components": 5}, {"selection": "icl"}])
def test_a_resolution_without_effect_is_an_error(options):
    with pytest.raises(ValueError, match=r"resolution=2 .* pass both, or resolution=1\."):
        VMFMixture(resolution=2, **options).fit(load_snips().data)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("smooth", [False, True])
def test_resolution_is_monotone_in_a_fit(smooth):
    X = load_snips().data[::3]
    found = [
        VMFMixture(smooth=smooth, resolution=r, random_state=0).fit(X).n_components_
        for r in (0.01, 0.5, 1.0, 1.4, 2.0, 100.0)
    ]
    assert found == sorted(found)
    assert found[0] < found[2] < found[-1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_resolution_is_monotone_if_icl_decides(rows):
    found = [
        VMFMixture(resolution=r, random_state=0).fit(rows).n_components_
        for r in (0.001, 0.2, 0.999, 1.0, 1.001, 5.0, 100.0)
    ]
    assert found == sorted(found)
    assert found[2] == found[3] == found[4]


@pytest.mark.slow
def test_resolution_near_1_keeps_the_number_if_concentrations_differ():
    """Before the model itself assigns rows, ICL prefers three times as many clusters."""
    X, _ = make_vmf_mixture(
        2000, 12, 8, concentration=2.0 * np.geomspace(4, 800, 8), random_state=0
    )
    found = [
        VMFMixture(resolution=r, random_state=0).fit(X).n_components_ for r in (0.999, 1.0, 1.001)
    ]
    assert len(set(found)) == 1


def test_the_range_of_similar_scores_surrounds_the_chosen_number(snips_fit):
    history = snips_fit.merge_history_
    smallest, largest = history.range_of_similar_scores()
    assert smallest <= snips_fit.n_components_ <= largest
    scores = dict(zip(history.candidates.tolist(), history.scores.tolist(), strict=True))
    limit = max(scores.values()) - 0.03 * (max(scores.values()) - min(scores.values()))
    assert all(scores[number] >= limit for number in range(smallest, largest + 1))
    assert scores[largest + 1] < limit
    assert history.range_of_similar_scores(1.0) == (1, max(scores))
    given = VMFMixture(7, random_state=0).fit(load_snips().data).merge_history_
    with pytest.raises(ValueError, match="no scores"):
        given.range_of_similar_scores()


@pytest.mark.parametrize("reaches", [False, True])
def test_icl_does_not_decide_if_all_scales_favor_fewer_clusters(monkeypatch, reaches):
    """In ten dimensions, the clusters seem to scatter evenly, and ICL finds more than 30.

    Whether a scale favors as many depends on the seed here, so it is fixed.
    """
    X = PCA(10, random_state=0).fit_transform(load_snips().data)
    assert VMFMixture(selection="icl", random_state=0).fit(X).n_components_ > 20
    monkeypatch.setattr(PathScores, "reach", lambda self, number: reaches)
    number = VMFMixture(random_state=0).fit(X).n_components_
    assert number > 20 if reaches else 5 <= number <= 12


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize(
    ("n_groups", "size", "noise"), [(20, 10, 0.02), (40, 6, 0.5), (80, 8, 0.02), (100, 3, 0.3)]
)
@pytest.mark.filterwarnings("ignore:Most of the")
def test_small_groups_are_found(n_groups, size, noise, smooth):
    rng = np.random.default_rng(0)
    X = np.repeat(rng.standard_normal((n_groups, 128)), size, axis=0)
    X += noise * rng.standard_normal(X.shape)
    model = VMFMixture(smooth=smooth, random_state=0).fit(X)
    assert model.n_components_ == n_groups
    assert len({*zip(np.repeat(np.arange(n_groups), size), model.labels_, strict=True)}) == n_groups
