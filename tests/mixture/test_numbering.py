"""Numbers of clusters that stay the same from one fit to the next."""

import io

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

import vmfmix
from vmfmix import VMFMixture
from vmfmix.datasets import load_snips, make_vmf_mixture


@pytest.fixture(scope="module")
def planted():
    return make_vmf_mixture(1200, 16, 6, concentration=40.0, random_state=0)[0]


@pytest.mark.parametrize("options", [{}, {"background": True, "n_init": 3}, {"center": True}])
def test_a_refit_of_most_rows_gives_the_same_numbers(planted, options):
    previous = VMFMixture(6, random_state=0, **options).fit(planted)
    part = planted[60:]
    refitted = VMFMixture(6, random_state=1, **options).fit(part)
    model = refitted.renumber_like(previous)
    assert (model.predict(part) == previous.predict(part)).mean() > 0.99
    np.testing.assert_array_equal(model.predict(part), model.labels_)
    assert model is not refitted and hasattr(refitted, "labels_")
    assert model.score(part) == pytest.approx(refitted.score(part))


def test_a_refit_of_sentences_gives_the_same_numbers():
    X = load_snips().data
    previous = VMFMixture(7, random_state=0).fit(X)
    model = VMFMixture(7, random_state=5).fit(X[175:]).renumber_like(previous)
    assert (model.predict(X) == previous.labels_).mean() > 0.95


def test_warm_start_keeps_numbers(planted):
    model = VMFMixture(6, warm_start=True, random_state=0).fit(planted)
    before = model.predict(planted)
    model.fit(planted[60:])
    assert (model.predict(planted) == before).mean() > 0.99


@pytest.mark.parametrize("numbers", [(6, 5), (5, 6)])
def test_more_or_fewer_clusters_than_before(planted, numbers):
    previous, model = (VMFMixture(k, random_state=0).fit(planted) for k in numbers)
    model = model.renumber_like(previous)
    assert sorted(np.unique(model.labels_)) == list(range(numbers[1]))
    before, after = previous.labels_, model.labels_
    shared = [k for k in range(min(numbers)) if (before == k).sum() == (after == k).sum()]
    assert len(shared) >= 3
    for k in shared:
        assert (after[before == k] == k).all()


def test_private_state_follows_the_numbers(planted):
    previous = VMFMixture(6, random_state=0).fit(planted)
    model = VMFMixture(6, random_state=1, warm_start=True).fit(planted).renumber_like(previous)
    labels = model.labels_
    np.testing.assert_array_equal(model._state.last.parameters.means, model.means_)
    model.partial_fit(planted)
    assert (model.labels_ == labels).mean() > 0.99
    model.update(planted)
    assert (model.labels_ == labels).mean() > 0.99
    model.fit(planted)
    assert (model.labels_ == labels).mean() > 0.99
    streamed = VMFMixture(6, random_state=1).partial_fit(planted).renumber_like(previous)
    streamed.update(planted)
    assert (streamed.labels_ == previous.labels_).mean() > 0.99


def test_names_follow_their_clusters(planted):
    previous = VMFMixture(6, random_state=0).fit(planted)
    previous.names_ = np.array(["a", "b", "c", "d", "e", ""])
    model = VMFMixture(6, random_state=1).fit(planted).renumber_like(previous)
    assert model.names_.tolist() == previous.names_.tolist()
    assert not hasattr(VMFMixture(6, random_state=1).fit(planted), "names_")


def test_models_that_cannot_be_compared_are_refused(planted):
    model = VMFMixture(6, random_state=0).fit(planted)
    centered = VMFMixture(6, center=True, random_state=0).fit(planted)
    narrow = VMFMixture(6, random_state=0).fit(planted[:, :8])
    for previous, message in (
        (KMeans(2), "previous is a KMeans; pass a fitted VMFMixture"),
        (centered, "center=True"),
        (narrow, "previous was fitted to 8 features, and this model to 16"),
        (VMFMixture(6, smooth=True, random_state=0).fit(planted), "smoothed rows"),
    ):
        with pytest.raises(ValueError, match=message):
            model.renumber_like(previous)


@pytest.mark.parametrize("options", [{}, {"smooth": True}, {"background": True}, {"center": True}])
def test_clusters_are_numbered_by_size(planted, options):
    model = VMFMixture(6, random_state=1, **options).fit(planted)
    model.names_ = np.array([f"cluster {number}" for number in range(6)])
    ordered = model.renumber_by_size()
    sizes = np.bincount(ordered.labels_[ordered.labels_ >= 0], minlength=6)
    assert (np.diff(sizes) <= 0).all()
    assert adjusted_rand_score(model.labels_, ordered.labels_) == 1.0
    np.testing.assert_array_equal(ordered.predict(planted), ordered.labels_)
    np.testing.assert_allclose(ordered.typicality(planted), model.typicality(planted))
    for row in range(0, len(planted), 100):
        assert ordered.names_[ordered.labels_[row]] == model.names_[model.labels_[row]]
    np.testing.assert_array_equal(ordered.renumber_by_size().labels_, ordered.labels_)


def test_clusters_of_a_cut_and_of_a_loaded_model_are_numbered_by_size(planted):
    model = VMFMixture(random_state=1).fit(planted)
    cut = model.merge_to(3, planted).renumber_by_size()
    assert (np.diff(np.bincount(cut.labels_)) <= 0).all()
    np.testing.assert_array_equal(cut.predict(planted), cut.labels_)
    unlabeled = model.merge_to(3).renumber_by_size()
    assert (np.diff(unlabeled.weights_) <= 0).all()
    file = io.BytesIO()
    model.renumber_by_size().save(file)
    loaded = vmfmix.load(io.BytesIO(file.getvalue())).renumber_by_size()
    np.testing.assert_array_equal(loaded.predict(planted), loaded.labels_)
    assert loaded.merge_to(3).n_components_ == 3
