"""partial_fit: rows that arrive in batches."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import adjusted_rand_score

import vmfmix
from vmfmix import VMFMixture
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.fitting.streaming import Stream
from vmfmix.model.statistics import ConcentrationPrior, MixtureParameters, SufficientStatistics


@pytest.fixture(scope="module")
def planted():
    return make_vmf_mixture(30_000, 16, 8, concentration=40.0, dtype=np.float32, random_state=0)


def feed(model, X, size, **options):
    """Pass the rows to partial_fit in batches of this size."""
    for start in range(0, len(X), size):
        model.partial_fit(X[start : start + size], **options)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("concentration", ["tied", "free", "pooled", 40.0])
@pytest.mark.parametrize("size", [700, 5000])
def test_partial_fit_matches_fit(planted, concentration, size):
    X, y = planted
    model = feed(VMFMixture(8, concentration=concentration, random_state=0), X, size)
    fitted = VMFMixture(8, concentration=concentration, random_state=0).fit(X)
    scores = [adjusted_rand_score(y, each.predict(X)) for each in (model, fitted)]
    assert scores[0] > scores[1] - 0.02
    assert model.n_samples_seen_ == len(X)
    assert model.weights_.sum() == pytest.approx(1.0)
    order = (fitted.means_ @ model.means_.T).argmax(axis=1)
    np.testing.assert_allclose(model.concentrations_[order], fitted.concentrations_, rtol=0.1)


@pytest.mark.slow
def test_partial_fit_finds_the_number_of_clusters(planted):
    X, _ = planted
    model = feed(VMFMixture(random_state=0), X, 1000)
    assert model.n_components_ == 8
    assert model.merge_to(3, X).n_components_ == 3


def test_partial_fit_labels_the_batch(planted):
    X, _ = planted
    model = VMFMixture(8, random_state=0)
    for start in range(0, len(X), 2000):
        batch = X[start : start + 2000]
        assert model.partial_fit(batch) is model
        np.testing.assert_array_equal(model.labels_, model.predict(batch))
        assert model.probabilities_.shape == (2000,)
        assert np.isfinite(model.lower_bound_)


def test_partial_fit_keeps_cluster_positions_beyond_capacity(planted):
    X, _ = planted
    model = feed(VMFMixture(8, random_state=0), X[:13_000], 1000)
    before = model.predict(X)
    model = feed(model, X[13_000:], 1000)
    assert (model.predict(X) == before).mean() > 0.99


def test_partial_fit_stops_keeping_rows_at_capacity(planted):
    X, _ = planted
    model = VMFMixture(8, random_state=0)
    feed(model, X[:8000], 1000)
    assert len(model._state.stream.all_rows()[0]) == 8000
    feed(model, X[8000:14_000], 1000)
    assert model._state.stream.kept == ()


def test_partial_fit_copies_the_batch(planted):
    X, _ = planted
    batch = X[:900].copy()
    model = VMFMixture(8, random_state=0).partial_fit(batch)
    batch[:] = np.nan
    model.partial_fit(X[900:2000])
    assert np.isfinite(model.means_).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fitted", "loaded", "merged"])
def test_partial_fit_continues_a_fit(planted, tmp_path, kind):
    X, y = planted
    model = VMFMixture(8, random_state=0).fit(X[:3000])
    if kind == "loaded":
        model.save(tmp_path / "model.npz")
        model = vmfmix.load(tmp_path / "model.npz")
    if kind == "merged":
        model = VMFMixture(random_state=0).fit(X[:3000]).merge_to(8)
    before = model.predict(X)
    feed(model, X[3000:], 3000)
    assert model.n_samples_seen_ == len(X)
    assert (model.predict(X) == before).mean() > 0.98
    assert adjusted_rand_score(y, model.predict(X)) > 0.95


def test_fit_forgets_the_stream(planted):
    X, _ = planted
    model = feed(VMFMixture(8, random_state=0), X[:5000], 1000).fit(X[:2000])
    np.testing.assert_array_equal(
        model.labels_, VMFMixture(8, random_state=0).fit(X[:2000]).labels_
    )
    assert model.n_samples_seen_ == 2000
    model.partial_fit(X[2000:3000])
    assert model.n_samples_seen_ == 3000


@pytest.mark.parametrize("options", [{"background": True}, {"center": True}])
def test_partial_fit_respects_background_and_center(planted, options):
    X, y = planted
    model = feed(VMFMixture(8, concentration=40.0, random_state=0, **options), X, 3000)
    assert adjusted_rand_score(y, model.predict(X)) > 0.9
    assert hasattr(model, "background_weight_") == ("background" in options)


def test_partial_fit_accepts_weights_sparse_rows_and_dataframes(planted):
    pandas = pytest.importorskip("pandas")
    X, y = planted
    X, y = X[:16_000], y[:16_000]
    weight = np.tile([0.0, 2.0], 500)
    model = feed(VMFMixture(8, random_state=0), X, 1000, sample_weight=weight)
    assert adjusted_rand_score(y, model.predict(X)) > 0.9
    sparse = VMFMixture(8, random_state=0)
    for start in range(0, len(X), 4000):
        sparse.partial_fit(sp.csr_array(X[start : start + 4000]))
    assert adjusted_rand_score(y, sparse.predict(X)) > 0.9
    names = [f"x{i}" for i in range(16)]
    table = VMFMixture(8, random_state=0)
    for start in range(0, len(X), 4000):
        table.partial_fit(pandas.DataFrame(X[start : start + 4000], columns=names))
        assert list(table.feature_names_in_) == names
    with pytest.raises(ValueError, match="feature names"):
        table.partial_fit(pandas.DataFrame(X[:100], columns=names[::-1]))


def test_invalid_batch_leaves_the_model_unchanged(planted):
    X, _ = planted
    model = feed(VMFMixture(8, random_state=0), X[:3000], 1000)
    means, seen = model.means_.copy(), model.n_samples_seen_
    broken = X[:100].copy()
    broken[3, 3] = np.inf
    for bad, message in (
        (broken, "infinity"),
        (X[:100, :7], "16 features"),
        (lambda: iter([X]), "one batch of rows"),
    ):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(bad)
        np.testing.assert_array_equal(model.means_, means)
        assert model.n_samples_seen_ == seen
    with pytest.raises(ValueError, match="first batch has 5 rows, fewer than the 8"):
        VMFMixture(8).partial_fit(X[:5])


def test_partial_fit_ignores_zero_rows(planted):
    X, _ = planted
    model = VMFMixture(8, random_state=0).fit(X[:2000])
    means = model.means_.copy()
    with pytest.warns(UserWarning, match="10 of the 10 rows of X have no direction"):
        model.partial_fit(np.zeros((10, 16), np.float32))
    np.testing.assert_allclose(model.means_, means, atol=1e-12)


def test_running_sums_cover_all_rows():
    """If all batches have the same statistics per row, so have the running sums."""
    batch = SufficientStatistics(np.array([3.0, 1.0]), np.eye(2), -2.0, 4.0)
    stream = Stream(capacity=0, keeps=False, statistics=batch.scaled(10.0))
    for size in (1.0, 7.0, 0.5):
        before = stream.statistics.weight
        stream = stream.moved_toward(batch.scaled(size))
        assert stream.statistics.weight == pytest.approx(before + 4.0 * size)
        share = stream.statistics.weight / batch.weight
        np.testing.assert_allclose(stream.statistics.counts, share * batch.counts)
        np.testing.assert_allclose(stream.statistics.resultants, share * batch.resultants)


@pytest.mark.parametrize("concentration", ["tied", "free"])
def test_stream_after_fit_reproduces_its_parameters(concentration):
    kappas = np.array([30.0, 30.0] if concentration == "tied" else [20.0, 25.0])
    mixture = MixtureParameters(np.array([0.25, 0.75]), np.eye(2, 9), kappas)
    prior = None if concentration == "tied" else ConcentrationPrior(0.7, count=300.0)
    parameters, _ = Stream.after_fit(mixture, 1000, prior=prior).parameters(concentration)
    np.testing.assert_allclose(parameters.weights, mixture.weights)
    np.testing.assert_allclose(parameters.means, mixture.means)
    np.testing.assert_allclose(parameters.concentrations, mixture.concentrations, rtol=1e-9)


def test_pseudo_rows_grow_with_the_rows():
    """The share of its concentration that a component takes from its own rows stays the same."""
    mixture = MixtureParameters(np.array([0.25, 0.75]), np.eye(2, 9), np.array([20.0, 50.0]))
    stream = Stream.after_fit(mixture, 1000, prior=ConcentrationPrior(0.7, count=500.0))
    before, _ = stream.parameters("pooled")
    for _ in range(10):
        stream = stream.moved_toward(stream.statistics)  # the same rows once more
    after, prior = stream.parameters("pooled")
    assert prior.count > 400_000
    np.testing.assert_allclose(after.concentrations, before.concentrations, rtol=0.02)


def test_partial_fit_does_not_depend_on_scale_of_weights(planted):
    X, _ = planted
    one, other = (VMFMixture(8, concentration="free", random_state=0) for _ in range(2))
    for start in range(0, 16_000, 4000):
        one.partial_fit(X[start : start + 4000])
        other.partial_fit(X[start : start + 4000], sample_weight=np.full(4000, 1e-3))
    np.testing.assert_allclose(other.concentrations_, one.concentrations_, rtol=1e-4)
    np.testing.assert_allclose(other.weights_, one.weights_, rtol=1e-4)


def test_partial_fit_copies_tensors(planted):
    torch = pytest.importorskip("torch")
    X, _ = planted
    model, other = (VMFMixture(8, device="cpu", random_state=0) for _ in range(2))
    buffer = torch.empty(1000, 16)
    for start in range(0, 4000, 1000):
        buffer.copy_(torch.from_numpy(X[start : start + 1000]))
        model.partial_fit(buffer)
        other.partial_fit(X[start : start + 1000])
    np.testing.assert_array_equal(model.means_, other.means_)


def test_parameters_may_change_between_batches(planted):
    X, _ = planted
    model = VMFMixture(8, background=True, concentration=40.0, random_state=0)
    model.partial_fit(X[:1000])
    model.set_params(background=False, concentration="tied").partial_fit(X[1000:3000])
    assert not hasattr(model, "background_weight_")
    model = feed(model, X[3000:15_000], 3000)
    model.set_params(concentration="free").partial_fit(X[15_000:16_000])
    assert len(np.unique(model.concentrations_)) == 8
    with pytest.raises(ValueError, match="n_components"):
        VMFMixture("5").partial_fit(X[:1000])


def test_partial_fit_mixes_dense_and_sparse_batches(planted):
    X, _ = planted
    model = VMFMixture(8, random_state=0).partial_fit(X[:1000])
    model.partial_fit(sp.csr_array(X[1000:1500])).partial_fit(X[1500:2500])
    assert model.n_samples_seen_ == 2500


def test_partial_fit_matches_fit_on_real_sentences():
    snips = load_snips()
    order = np.random.default_rng(0).permutation(len(snips.data))
    model = feed(VMFMixture(7, random_state=0), snips.data[order], 500)
    fitted = VMFMixture(7, random_state=0).fit(snips.data)
    scores = [adjusted_rand_score(snips.target, m.predict(snips.data)) for m in (model, fitted)]
    assert scores[0] > scores[1] - 0.02


def warned(model, X, size):
    """Return the warnings about rows that are unlike every cluster."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        feed(model, X, size)
    return [
        str(each.message) for each in caught if "a new topic may have begun" in str(each.message)
    ]


@pytest.fixture(scope="module")
def topics():
    """Return shuffled sentences of six intents, and those of a seventh."""
    snips = load_snips()
    order = np.random.default_rng(0).permutation(len(snips.data))
    is_new = snips.target[order] == 2
    return snips.data[order][~is_new], snips.data[order][is_new]


@pytest.mark.parametrize("size", [30, 250])
@pytest.mark.parametrize("options", [{}, {"background": True}, {"n_components": 40}])
def test_a_new_topic_causes_a_warning_and_a_shuffled_stream_none(topics, options, size):
    old, new = topics
    model = VMFMixture(**{"n_components": 6, "random_state": 0} | options).fit(old[:1500])
    assert warned(model, old[1500:], size) == []
    found = warned(model, new, size)
    assert 1 <= len(found) <= 4
    assert "are unlike every cluster" in found[0] and "fit again to recent rows" in found[0]
    assert ("background=True" in found[0]) == ("background" not in options)
    assert "add_components=True" in found[0]


def test_a_new_topic_is_noticed_among_other_rows(topics):
    old, new = topics
    model = VMFMixture(6, random_state=0).fit(old[:1500])
    mixed = np.concatenate([old[1500:], new[:300]])
    assert warned(model, np.random.default_rng(1).permutation(mixed), 100)


def test_a_loaded_model_knows_what_is_usual(topics, tmp_path):
    old, new = topics
    VMFMixture(6, random_state=0).fit(old[:1500]).save(tmp_path / "model.npz")
    model = vmfmix.load(tmp_path / "model.npz")
    assert warned(model, new, 100)


def test_a_merged_model_learns_from_the_first_rows_what_is_usual(topics):
    old, new = topics
    model = VMFMixture(random_state=0).fit(old[:1500]).merge_to(6)
    assert warned(model, old[1500:], 100) == []
    assert warned(model, new, 100)


@pytest.mark.parametrize("background", [False, True])
def test_a_topic_that_begins_when_rows_are_no_longer_stored_causes_a_warning(background):
    X, y = make_vmf_mixture(20_000, 16, 5, concentration=60.0, dtype=np.float32, random_state=3)
    model = VMFMixture(4, background=background, random_state=0)
    feed(model, X[y < 4][:12_000], 4000)
    with pytest.warns(UserWarning, match=r"500 of the last 500 rows are unlike every cluster"):
        model.partial_fit(X[y == 4][:500])


def test_a_warning_about_a_new_topic_may_be_an_error_and_leaves_the_model_unchanged(topics):
    old, new = topics
    model = VMFMixture(6, random_state=0).fit(old[:1500])
    means = model.means_.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="a new topic may have begun"):
            model.partial_fit(new)
    np.testing.assert_array_equal(model.means_, means)
    assert model.n_samples_seen_ == 1500


@pytest.mark.parametrize("size", [60, 250])
def test_a_new_topic_becomes_a_cluster_if_components_are_added(topics, size):
    old, new = topics
    model = VMFMixture(6, add_components=True, random_state=0).fit(old[:1500])
    before = model.predict(old)
    assert warned(model, old[1500:], size) == []
    assert model.n_components_ == 6
    assert warned(model, new, size) == []
    assert model.n_components_ >= 7
    assert (model.predict(old) == before).mean() > 0.95
    assert (model.predict(new) >= 6).mean() > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("background", [False, True])
def test_a_stream_sorted_by_topic_ends_like_a_shuffled_one_if_components_are_added(background):
    X, y = make_vmf_mixture(20_000, 16, 8, concentration=60.0, dtype=np.float32, random_state=3)
    scores = []
    for order in (np.argsort(y, kind="stable"), np.random.default_rng(0).permutation(len(X))):
        model = VMFMixture(background=background, add_components=True, random_state=0)
        assert warned(model, X[order], 1000) == []
        scores.append(adjusted_rand_score(y, model.predict(X)))
    assert abs(scores[0] - scores[1]) < 0.05
