"""Updates with new rows: numbers that stay, and new clusters."""

import io

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score

import vmfmix
from vmfmix import VMFMixture
from vmfmix.datasets import load_snips, make_vmf_mixture


@pytest.fixture(scope="module")
def topics():
    """Return rows of four topics, new rows of six, and the topics of the new rows."""
    X, y = make_vmf_mixture(3000, 24, 6, concentration=60.0, random_state=0)
    earlier = np.flatnonzero(y < 4)[:1500]
    new = np.setdiff1d(np.arange(3000), earlier)[-900:]
    return X[earlier], X[new], y[new]


def test_an_update_keeps_numbers_and_adds_the_new_topics(topics):
    X, new, y = topics
    model = VMFMixture(4, random_state=0).fit(X)
    before = model.labels_
    assert model.update(new) is model
    assert model.n_components_ == 6
    assert (model.predict(X) == before).mean() > 0.99
    np.testing.assert_array_equal(model.labels_, model.predict(new))
    assert adjusted_rand_score(y, model.labels_) > 0.98
    assert model.weights_.sum() == pytest.approx(1.0)
    assert model.n_samples_seen_ == len(X) + len(new)
    assert np.diff(model.lower_bounds_).min() > -1e-9
    statuses = [change.status for change in model.changes_]
    assert statuses[4:] == ["new", "new"] and "new" not in statuses[:4]
    sizes = [change.size_after for change in model.changes_]
    assert sum(sizes) == pytest.approx(len(X) + len(new))


def test_an_update_with_rows_of_the_old_topics_adds_nothing(topics):
    X, new, y = topics
    for number in (4, "auto"):
        model = VMFMixture(number, random_state=0).fit(X)
        model.update(new[y < 4])
        assert model.n_components_ == 4
        assert [change.from_cluster for change in model.changes_] == [-1] * 4


def test_an_update_is_close_to_a_fit_to_all_rows(topics):
    X, new, y = topics
    old = new[y < 4]
    model = VMFMixture(4, random_state=0).fit(X)
    updated = VMFMixture(4, random_state=0).fit(X).update(old)
    together = VMFMixture(4, random_state=0).fit(np.concatenate([X, old]))
    together = together.renumber_like(model)
    np.testing.assert_allclose(updated.means_, together.means_, atol=0.02)
    np.testing.assert_allclose(updated.weights_, together.weights_, atol=0.01)
    np.testing.assert_allclose(updated.concentrations_, together.concentrations_, rtol=0.05)


@pytest.mark.parametrize(
    "options",
    [
        {"background": True},
        {"center": True},
        {"concentration": "tied"},
        {"concentration": "free"},
        {"concentration": 60.0},
        {"assignment": "hard"},
        {"merge": None, "n_init": 3},
        {"n_components_init": 12},
    ],
)
def test_an_update_respects_the_parameters(topics, options):
    X, new, y = topics
    model = VMFMixture(4, random_state=0, **options).fit(X)
    before = model.predict(X)
    model.update(new)
    assert model.n_components_ == 6
    assert (model.predict(X) == before).mean() > 0.97
    assert adjusted_rand_score(y, model.labels_) > 0.95
    assert hasattr(model, "background_weight_") == ("background" in options)


def test_an_update_of_one_cluster(topics):
    _, new, y = topics
    model = VMFMixture(1, random_state=0).fit(new[y == 0]).update(new[y != 1])
    assert model.n_components_ > 1
    assert model.changes_[0].cluster == 0


def test_an_update_accepts_rows_in_any_form(topics):
    X, new, _ = topics
    pandas = pytest.importorskip("pandas")
    expected = VMFMixture(4, random_state=0).fit(X).update(new)
    names = [f"x{i}" for i in range(24)]
    for fitted, rows in (
        (X, sp.csr_array(new)),
        (X, lambda: iter([new[:400], new[400:]])),
        (X, new.tolist()),
        (pandas.DataFrame(X, columns=names), pandas.DataFrame(new, columns=names)),
    ):
        model = VMFMixture(4, random_state=0).fit(fitted).update(rows)
        assert model.n_components_ == 6
        assert adjusted_rand_score(expected.labels_, model.labels_) > 0.99


def test_weights_of_an_update_are_copies(topics):
    X, new, y = topics
    weights = np.where(y == 5, 0.0, 2.0)
    model = VMFMixture(4, random_state=0).fit(X).update(new, sample_weight=weights)
    assert model.n_components_ == 5
    assert model.changes_[4].size_after == pytest.approx(2 * (y == 4).sum(), rel=0.02)
    small = VMFMixture(4, random_state=0).fit(X, sample_weight=np.full(len(X), 1e-3))
    small.update(new, sample_weight=np.full(len(new), 1e-3))
    whole = VMFMixture(4, random_state=0).fit(X).update(new)
    np.testing.assert_allclose(small.weights_, whole.weights_, rtol=1e-6)


def test_a_loaded_model_is_updated_as_the_original(topics):
    X, new, _ = topics
    model = VMFMixture(4, random_state=0).fit(X)
    file = io.BytesIO()
    model.save(file)
    loaded = vmfmix.load(io.BytesIO(file.getvalue())).update(new)
    model.update(new)
    np.testing.assert_allclose(loaded.means_, model.means_)
    np.testing.assert_array_equal(loaded.labels_, model.labels_)
    file = io.BytesIO()
    model.save(file)
    again = vmfmix.load(io.BytesIO(file.getvalue()))
    assert [change[:6] for change in again.changes_] == [change[:6] for change in model.changes_]


def test_several_updates_and_a_merged_model(topics):
    X, new, y = topics
    model = VMFMixture(4, random_state=0).fit(X)
    model.update(new[y != 5]).update(new[y == 5])
    assert model.n_components_ == 6
    merged = VMFMixture(random_state=0).fit(X).merge_to(4).update(new)
    assert merged.n_components_ == 6
    streamed = VMFMixture(4, random_state=0).partial_fit(X).update(new)
    assert streamed.n_components_ == 6
    assert len(streamed.partial_fit(new).means_) == 6
    assert not hasattr(streamed, "changes_")
    assert not hasattr(model.fit(X), "changes_")


def test_rows_without_a_direction_do_not_influence_an_update(topics):
    X, _, _ = topics
    model = VMFMixture(4, random_state=0).fit(X)
    means = model.means_
    with pytest.warns(UserWarning, match="10 of the 10 rows of X have no direction"):
        model.update(np.zeros((10, 24)))
    np.testing.assert_allclose(model.means_, means, atol=1e-3)


def test_an_update_that_is_refused_leaves_the_model_unchanged(topics):
    X, new, _ = topics
    with pytest.raises(NotFittedError):
        VMFMixture(4).update(new)
    model = VMFMixture(4, random_state=0).fit(X)
    means = model.means_.copy()
    broken = new.copy()
    broken[3, 3] = np.inf
    for rows, message in ((broken, "infinity"), (new[:, :7], "24 features")):
        with pytest.raises(ValueError, match=message):
            model.update(rows)
        np.testing.assert_array_equal(model.means_, means)
    with pytest.raises(AttributeError) as raised:
        VMFMixture(4, smooth=True).fit(X[:200]).update(new)
    assert "partial_fit and update cannot smooth rows" in str(raised.value.__cause__)


def test_names_stay_with_their_clusters(topics):
    X, new, _ = topics
    model = VMFMixture(4, random_state=0).fit(X)
    model.names_ = np.array(["a", "b", "c", "d"])
    assert model.update(new).names_.tolist() == ["a", "b", "c", "d", "", ""]


@pytest.mark.parametrize(("n_rows", "n_added"), [(500, 1), (60, 0)])
def test_new_clusters_have_the_smallest_size_at_least(n_rows, n_added):
    snips = load_snips()
    is_new = snips.target == 2
    model = VMFMixture(6, min_cluster_size=100, random_state=0).fit(snips.data[~is_new])
    assert model.update(snips.data[is_new][:n_rows]).n_components_ == 6 + n_added
