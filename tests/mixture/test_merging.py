"""Merging, the number of components, and `VMFMixture.merge_to`."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.metrics import clustering_accuracy
from vmfmix.model.statistics import MixtureParameters


def test_auto_finds_planted_number(planted):
    model = VMFMixture(random_state=0).fit(planted[0])
    assert model.n_components_ == 4
    history = model.merge_history_
    assert history.n_components_init == 112  # an eighth of the rows
    assert history.candidates[0] <= 112
    assert history.candidates[-1] == 1
    assert clustering_accuracy(planted[1], model.labels_) > 0.99


@pytest.mark.parametrize("seed", range(5))
def test_single_start_suffices_in_high_dimension(seed):
    kappa = np.random.RandomState(seed).uniform(100, 2000, 8)
    X, y = make_vmf_mixture(2000, 768, 8, concentration=kappa, random_state=seed)
    assert adjusted_rand_score(y, VMFMixture(8, random_state=seed).fit_predict(X)) == 1.0


def test_fit_reaches_likelihood_of_true_parameters():
    kappa = np.random.RandomState(0).uniform(100, 2000, 64)
    X, _, truth = make_vmf_mixture(
        20_000, 384, 64, concentration=kappa, random_state=0, return_parameters=True
    )
    X = X.astype(np.float32)
    known = MixtureParameters(truth.weights, truth.means, truth.concentrations)
    of_truth = choose_engine(X).accumulate(known).log_likelihood / len(X)
    assert VMFMixture(64, random_state=0).fit(X).score(X) > of_truth


@pytest.mark.parametrize("merge", ["likelihood", "icl", "jeffreys", "cosine"])
def test_merge_cost_reaches_requested_number(planted, merge):
    model = VMFMixture(4, merge=merge, random_state=0).fit(planted[0])
    assert model.n_components_ == 4
    assert model.merge_history_.n_components_init == 45  # a twentieth of the rows
    assert clustering_accuracy(planted[1], model.labels_) > 0.99


@pytest.mark.parametrize(
    "options",
    [
        {"merge": None},
        {"means_init": np.eye(4, 16)},
        {"weights_init": np.full(4, 0.25)},
        {"n_components_init": 4},
    ],
)
def test_initial_values_turn_merging_off(planted, options):
    model = VMFMixture(4, random_state=0, **options).fit(planted[0])
    assert model.n_components_ == 4
    assert not hasattr(model, "merge_history_")


def test_merging_starts_from_means_init(planted):
    X = planted[0]
    for options in ({"n_components": 4, "n_components_init": 30}, {}):
        model = VMFMixture(means_init=X[:30], random_state=0, **options).fit(X)
        assert model.merge_history_.n_components_init == 30
        assert clustering_accuracy(planted[1], model.labels_) > 0.99


def test_merge_to_returns_same_fit_at_another_number(planted):
    X = planted[0]
    model = VMFMixture(random_state=0).fit(X)
    finer, coarser = model.merge_to(9, X), model.merge_to(2, X)
    assert (finer.n_components_, coarser.n_components_) == (9, 2)
    assert model.n_components_ == 4  # unchanged
    np.testing.assert_array_equal(finer.labels_, finer.predict(X))
    np.testing.assert_allclose(finer.predict_proba(X).max(axis=1), finer.probabilities_)
    assert finer.score(X) > model.score(X) > coarser.score(X)
    assert not hasattr(finer, "lower_bound_")
    same_number = model.merge_to(4, X)
    assert adjusted_rand_score(same_number.labels_, model.labels_) > 0.99
    unlabeled = model.merge_to(9)
    assert not hasattr(unlabeled, "labels_")
    np.testing.assert_array_equal(unlabeled.means_, finer.means_)
    assert clone(finer).n_components == 9


@pytest.mark.parametrize(
    "options",
    [
        {"concentration": "free"},
        {"concentration": 40.0},
        {"background": True, "concentration": "tied"},
        {"center": True},
        {"assignment": "hard"},
    ],
)
def test_merge_to_keeps_options_of_fit(planted, options):
    X = planted[0]
    model = VMFMixture(random_state=0, **options).fit(X).merge_to(6, X)
    assert model.n_components_ == 6
    total = model.weights_.sum() + getattr(model, "background_weight_", 0.0)
    assert total == pytest.approx(1.0)
    assert np.isfinite(model.score(X))


def test_merge_to_rejects_numbers_off_the_path(planted):
    X = planted[0]
    with pytest.raises(ValueError, match="This fit merged no components"):
        VMFMixture(4, merge=None, random_state=0).fit(X).merge_to(3)
    model = VMFMixture(4, random_state=0).fit(X)
    with pytest.raises(
        ValueError, match="n_components=3 is not on the merge path, which goes from 45 down to 4"
    ):
        model.merge_to(3)
    with pytest.raises(ValueError, match=r"n_components=3\.0 is not allowed"):
        model.merge_to(3.0)
    with pytest.raises(NotFittedError):
        VMFMixture().merge_to(3)


@pytest.mark.slow
def test_n_init_keeps_median_number_of_components():
    snips = load_snips()
    X = snips.data[::3]
    rng = np.random.RandomState(0)
    singles = [VMFMixture(random_state=rng, concentration="tied").fit(X) for _ in range(3)]
    rng = np.random.RandomState(0)
    best = VMFMixture(random_state=rng, concentration="tied", n_init=3).fit(X)
    assert best.n_components_ == sorted(model.n_components_ for model in singles)[1]
    same = [model for model in singles if model.n_components_ == best.n_components_]
    assert best.lower_bound_ == max(model.lower_bound_ for model in same)


def test_sparse_rows_merge_like_dense_rows(planted):
    X = np.where(np.abs(planted[0]) < 0.05, 0.0, planted[0])
    dense = VMFMixture(random_state=0).fit(X)
    sparse = VMFMixture(random_state=0).fit(sp.csr_array(X))
    assert sparse.n_components_ == dense.n_components_ == 4
    assert adjusted_rand_score(dense.labels_, sparse.labels_) > 0.99
