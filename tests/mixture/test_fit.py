"""Results of `VMFMixture.fit`, and its effect on the estimator."""

import tracemalloc
import warnings

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.merging.history import MergeHistory
from vmfmix.metrics import clustering_accuracy


def test_fit_recovers_planted_mixture(planted, model):
    _, y, truth = planted
    assert clustering_accuracy(y, model.labels_) >= 0.99
    order = (truth.means @ model.means_.T).argmax(axis=1)
    np.testing.assert_allclose(model.weights_[order], np.bincount(y) / len(y), atol=0.01)
    np.testing.assert_allclose(model.concentrations_, 60.0, rtol=0.1)
    assert (truth.means * model.means_[order]).sum(axis=1).min() > 0.99


def test_fit_sets_attributes(planted, model):
    X = planted[0]
    assert model.n_components_ == 4
    assert model.means_.shape == (4, 16)
    assert model.n_features_in_ == 16
    assert model.weights_.sum() == pytest.approx(1)
    assert model.labels_.dtype.kind == "i"
    assert set(model.labels_) == set(range(4))
    assert model.probabilities_.shape == (len(X),)
    assert model.converged_
    assert model.n_iter_ == len(model.lower_bounds_)
    assert model.lower_bound_ == model.lower_bounds_[-1]
    # The lower bound includes the log prior of the concentrations.
    assert model.score(X) - 0.05 < model.lower_bound_ < model.score(X) + 1e-3
    assert 0.5 < model.isotropy_ <= 1.0
    for name, value in vars(model).items():
        if name.endswith("_") and not name.startswith("_"):
            allowed = np.ndarray, np.generic, int, float, bool, MergeHistory
            assert isinstance(value, allowed), name


def test_hard_assignment_matches_spherical_kmeans_with_weights(planted):
    X = planted[0]
    model = VMFMixture(4, assignment="hard", random_state=0).fit(X)
    sums = np.array([X[model.labels_ == k].sum(axis=0) for k in range(4)])
    np.testing.assert_allclose(
        model.means_, sums / np.linalg.norm(sums, axis=1, keepdims=True), atol=1e-12
    )
    np.testing.assert_allclose(model.weights_, np.bincount(model.labels_) / len(X))


def test_failed_fit_leaves_fitted_model_unchanged(planted):
    X = planted[0]
    model = VMFMixture(4, center=True, background=True, random_state=0).fit(X)
    expected = model.predict_proba(X)
    with pytest.raises(ValueError, match="No row of X has a direction"):
        model.fit(np.zeros((9, 5)))
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_fit_uses_initial_values(planted):
    X, _, truth = planted
    model = VMFMixture(
        4,
        means_init=truth.means,
        weights_init=truth.weights,
        concentrations_init=truth.concentrations,
        max_iter=2,
        tol=1e9,
    ).fit(X)
    np.testing.assert_array_equal(model.labels_, (X @ truth.means.T).argmax(axis=1))
    scaled = VMFMixture(4, means_init=7 * truth.means).fit(X)
    np.testing.assert_allclose(scaled.means_, VMFMixture(4, means_init=truth.means).fit(X).means_)


@pytest.mark.filterwarnings("ignore:Number of clusters found")
@pytest.mark.parametrize("init", ["k-means++", "random_from_data", "random"])
def test_fit_is_reproducible_with_random_state(planted, init):
    first, second = (
        VMFMixture(4, init_params=init, random_state=3).fit(planted[0]) for _ in range(2)
    )
    np.testing.assert_array_equal(first.means_, second.means_)


@pytest.mark.filterwarnings("ignore:Number of clusters found")
def test_n_init_keeps_greatest_lower_bound():
    X, _ = make_vmf_mixture(1000, 8, 10, concentration=80.0, random_state=1)
    rng = np.random.RandomState(0)
    options = {"init_params": "random_from_data", "merge": None, "concentration": "tied"}
    singles = [VMFMixture(10, random_state=rng, **options).fit(X).lower_bound_ for _ in range(5)]
    best = VMFMixture(10, n_init=5, random_state=np.random.RandomState(0), **options).fit(X)
    assert best.lower_bound_ == max(singles)
    assert max(singles) > min(singles) + 1e-3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:EM did not converge")
def test_fit_memory_is_far_below_rows_times_components():
    n, k = 200_000, 400
    X = np.random.default_rng(0).standard_normal((n, 8), dtype=np.float32)
    model = VMFMixture(k, init_params="random_from_data", max_iter=2, random_state=0)
    model.fit(X[:1000])  # compiles
    tracemalloc.start()
    model.fit(X)
    model.predict(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.3 * n * k * 4  # in float32; most of it is the work space of each thread


@pytest.mark.parametrize("n_rows", [1, 2, 3, 5, 17])
def test_fit_accepts_few_rows(n_rows):
    X = np.random.RandomState(0).standard_normal((n_rows, 6))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = VMFMixture(random_state=0).fit(X)
    assert 1 <= model.n_components_ <= n_rows
    assert set(model.labels_) == set(range(model.n_components_))


def test_fit_matches_kmeans_on_real_sentences():
    snips = load_snips()
    ours = [
        clustering_accuracy(snips.target, VMFMixture(7, random_state=s).fit_predict(snips.data))
        for s in range(5)
    ]
    kmeans = [
        clustering_accuracy(
            snips.target, KMeans(7, n_init=1, random_state=s).fit_predict(snips.data)
        )
        for s in range(5)
    ]
    assert np.mean(ours) > 0.8
    assert np.mean(ours) > np.mean(kmeans) - 0.02


def test_warning_raised_as_error_leaves_no_partial_model(tmp_path):
    X, _ = make_vmf_mixture(2000, 16, 12, concentration=12.0, random_state=3)
    model = VMFMixture(12, random_state=0, tol=0.0, max_iter=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            model.fit(X, checkpoint=tmp_path / "fit.ckpt")
    assert not any(name.endswith("_") for name in vars(model))
    assert (tmp_path / "fit.ckpt").exists()


@pytest.mark.parametrize("concentration", ["pooled", "free"])
def test_fit_separates_few_rows_in_plain_clusters(concentration):
    angles = np.deg2rad([0, 0, 0, 120, 120, 120, 240, 240])
    rng = np.random.default_rng(0)
    X = np.c_[np.cos(angles), np.sin(angles)] + 0.01 * rng.standard_normal((8, 2))
    labels = VMFMixture(3, concentration=concentration, random_state=0).fit_predict(X)
    assert adjusted_rand_score(np.rad2deg(angles).round().astype(int), labels) == 1.0


def test_fit_accepts_as_many_components_as_rows():
    X = np.random.default_rng(0).standard_normal((40, 16))
    for n_components in (38, 40):
        assert VMFMixture(n_components, random_state=0).fit(X).n_components_ == n_components
