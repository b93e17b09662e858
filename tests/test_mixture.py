"""VMFMixture as a scikit-learn user meets it."""

import pickle
import tracemalloc
import warnings

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from scipy.stats import vonmises_fisher
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tests import oracle
from vmfmix import VMFMixture, load
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.distribution import mean_resultant_length
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.progress import Reporter
from vmfmix.merging.history import MergeHistory
from vmfmix.metrics import clustering_accuracy
from vmfmix.model.statistics import MixtureParameters


@pytest.fixture(scope="module")
def planted():
    return make_vmf_mixture(900, 16, 4, concentration=60.0, random_state=0, return_parameters=True)


@pytest.fixture(scope="module")
def model(planted):
    return VMFMixture(4, random_state=0).fit(planted[0])


def truth_of(parameters):
    """Arguments that start a fit from known parameters."""
    return {
        "n_components": len(parameters.weights),
        "means_init": parameters.means,
        "weights_init": parameters.weights,
        "concentrations_init": parameters.concentrations,
    }


# --- what a fit gives -----------------------------------------------------------------------------


def test_a_planted_mixture_is_found(planted, model):
    _, y, truth = planted
    assert clustering_accuracy(y, model.labels_) >= 0.99
    order = (truth.means @ model.means_.T).argmax(axis=1)
    np.testing.assert_allclose(model.weights_[order], np.bincount(y) / len(y), atol=0.01)
    np.testing.assert_allclose(model.concentrations_, 60.0, rtol=0.1)
    assert (truth.means * model.means_[order]).sum(axis=1).min() > 0.99


def test_fitted_attributes(planted, model):
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
    # The lower bound has the log prior of the concentrations in it.
    assert model.score(X) - 0.05 < model.lower_bound_ < model.score(X) + 1e-3
    assert 0.5 < model.isotropy_ <= 1.0
    for name, value in vars(model).items():
        if name.endswith("_") and not name.startswith("_"):
            allowed = np.ndarray, np.generic, int, float, bool, MergeHistory
            assert isinstance(value, allowed), name


@pytest.mark.parametrize("dim", [2, 3, 8, 16])
@pytest.mark.parametrize("concentration", ["tied", "free", "pooled"])
def test_log_likelihood_is_that_of_scipy(dim, concentration):
    X, _ = make_vmf_mixture(400, dim, 3, concentration=30.0, random_state=1)
    model = VMFMixture(3, concentration=concentration, random_state=0).fit(X)
    density = sum(
        weight * vonmises_fisher(mean, kappa).pdf(X)
        for weight, mean, kappa in zip(
            model.weights_, model.means_, model.concentrations_, strict=True
        )
    )
    np.testing.assert_allclose(model.score_samples(X), np.log(density), atol=1e-9)
    assert model.score(X) == pytest.approx(np.log(density).mean())


def test_methods_agree_with_each_other_and_the_oracle(planted, model):
    X = planted[0]
    parameters = MixtureParameters(model.weights_, model.means_, model.concentrations_)
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities, oracle.responsibilities(X, parameters), atol=1e-10)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), model.labels_)
    np.testing.assert_allclose(probabilities.max(axis=1), model.probabilities_, atol=1e-10)
    np.testing.assert_allclose(model.score_samples(X), oracle.log_density(X, parameters))
    np.testing.assert_allclose(model.transform(X), X @ model.means_.T, atol=1e-12)
    again = clone(model)
    np.testing.assert_array_equal(again.fit_predict(X), model.labels_)
    np.testing.assert_array_equal(clone(model).fit_transform(X), model.transform(X))


def test_information_criteria(planted, model):
    X = planted[0]
    log_likelihood = model.score_samples(X).sum()
    n_parameters = 3 + 4 * 15 + 4
    assert model.bic(X) == pytest.approx(-2 * log_likelihood + np.log(900) * n_parameters)
    assert model.aic(X) == pytest.approx(-2 * log_likelihood + 2 * n_parameters)
    r = model.predict_proba(X)
    entropy = -(r * np.log(np.maximum(r, 1e-300))).sum()
    assert model.icl(X) == pytest.approx(model.bic(X) + 2 * entropy)
    tied = VMFMixture(4, concentration="tied", random_state=0).fit(X)
    expected = -2 * tied.score_samples(X).sum() + np.log(900) * (n_parameters - 3)
    assert tied.bic(X) == pytest.approx(expected)
    fixed = VMFMixture(4, concentration=50.0, background=True, random_state=0).fit(X)
    expected = -2 * fixed.score_samples(X).sum() + np.log(900) * (n_parameters - 3)
    assert fixed.bic(X) == pytest.approx(expected)


def test_bic_finds_a_planted_number(planted):
    bics = [
        VMFMixture(k, n_init=3, random_state=0).fit(planted[0]).bic(planted[0])
        for k in (2, 3, 4, 5, 6)
    ]
    assert np.argmin(bics) == 2


def test_sample_follows_the_fitted_law(planted, model):
    X, y = model.sample(20_000)
    assert X.shape == (20_000, 16)
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(np.bincount(y) / len(y), model.weights_, atol=0.015)
    for k in range(4):
        resultant = X[y == k].mean(axis=0)
        np.testing.assert_allclose(
            resultant,
            model.means_[k] * mean_resultant_length(model.concentrations_[k], 16),
            atol=0.02,
        )
    again, _ = model.sample(20_000)
    np.testing.assert_array_equal(X, again)
    with pytest.raises(ValueError, match="n_samples=0 is not allowed"):
        model.sample(0)


# --- the choices ----------------------------------------------------------------------------------


def test_free_concentrations_follow_the_widths_of_the_clusters():
    X, y, truth = make_vmf_mixture(
        4000, 32, 5, concentration=[30, 60, 120, 240, 480], random_state=2, return_parameters=True
    )
    free = VMFMixture(**truth_of(truth), concentration="free").fit(X)
    pooled = VMFMixture(**truth_of(truth)).fit(X)
    tied = VMFMixture(**truth_of(truth), concentration="tied").fit(X)
    np.testing.assert_allclose(free.concentrations_, truth.concentrations, rtol=0.1)
    np.testing.assert_allclose(pooled.concentrations_, truth.concentrations, rtol=0.35)
    assert np.ptp(tied.concentrations_) == 0
    assert free.score(X) > tied.score(X)
    assert clustering_accuracy(y, free.labels_) > clustering_accuracy(y, tied.labels_)


def test_a_fixed_concentration_is_kept(planted):
    model = VMFMixture(4, concentration=12.5, random_state=0).fit(planted[0])
    assert (model.concentrations_ == 12.5).all()


def test_hard_assignment_is_spherical_kmeans_with_weights(planted):
    X = planted[0]
    model = VMFMixture(4, assignment="hard", random_state=0).fit(X)
    sums = np.array([X[model.labels_ == k].sum(axis=0) for k in range(4)])
    np.testing.assert_allclose(
        model.means_, sums / np.linalg.norm(sums, axis=1, keepdims=True), atol=1e-12
    )
    np.testing.assert_allclose(model.weights_, np.bincount(model.labels_) / len(X))


@pytest.mark.parametrize("concentration", ["tied", "free"])
def test_background_takes_the_rows_that_belong_nowhere(concentration):
    X, y = make_vmf_mixture(2000, 16, 4, concentration=100.0, background=0.15, random_state=0)
    model = VMFMixture(
        4, background=True, concentration=concentration, n_init=10, random_state=0
    ).fit(X)
    assert np.mean((model.labels_ == -1) == (y == -1)) > 0.98
    assert clustering_accuracy(y[y >= 0], model.labels_[y >= 0]) > 0.98
    assert model.background_weight_ == pytest.approx(0.15, abs=0.02)
    assert model.weights_.sum() + model.background_weight_ == pytest.approx(1)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (2000, 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert (probabilities.argmax(axis=1) == 4).sum() == (model.labels_ == -1).sum()
    _, drawn = model.sample(5000)
    assert np.mean(drawn == -1) == pytest.approx(model.background_weight_, abs=0.02)


def test_centering_takes_a_common_direction_out():
    """Clusters that differ by little beside a strong common direction."""
    X, y = make_vmf_mixture(1500, 64, 5, concentration=200.0, random_state=0)
    X = X + 12.0 * np.eye(1, 64)
    plain = VMFMixture(5, random_state=0).fit(X)
    centered = VMFMixture(5, center=True, random_state=0).fit(X)
    assert plain.score(X) != centered.score(X)
    assert clustering_accuracy(y, centered.labels_) > 0.99
    rows = X / np.linalg.norm(X, axis=1, keepdims=True)
    np.testing.assert_allclose(centered.center_, rows.mean(axis=0), atol=1e-10)
    moved = rows - centered.center_
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    np.testing.assert_allclose(centered.transform(X), moved @ centered.means_.T, atol=1e-9)
    np.testing.assert_array_equal(centered.predict(X), centered.labels_)
    with pytest.raises(ValueError, match="center=True needs dense rows"):
        VMFMixture(5, center=True).fit(sp.csr_array(X))


@pytest.mark.parametrize("spread", [0.1, 0.01, 0.001])
def test_centering_is_exact_in_a_narrow_cone(spread):
    """Rows that differ by little from their mean: float32 rows count for what they are."""
    X, _ = make_vmf_mixture(2000, 64, 5, random_state=0)
    X = (np.eye(1, 64) + spread * X).astype(np.float32)
    single = VMFMixture(5, center=True, random_state=0).fit(X)
    double = VMFMixture(5, center=True, random_state=0).fit(X.astype(np.float64))
    assert clustering_accuracy(double.labels_, single.labels_) > 0.995
    np.testing.assert_allclose(
        np.sort(single.concentrations_), np.sort(double.concentrations_), rtol=1e-2
    )
    np.testing.assert_array_equal(single.predict(X), single.labels_)
    one_by_one = [single.score_samples(X[i : i + 1])[0] for i in range(50)]
    np.testing.assert_allclose(single.score_samples(X)[:50], one_by_one, atol=2e-3)


def test_a_fit_that_fails_leaves_the_last_one_as_it_was(planted):
    X = planted[0]
    model = VMFMixture(4, center=True, background=True, random_state=0).fit(X)
    expected = model.predict_proba(X)
    with pytest.raises(ValueError, match="No row of X has a direction"):
        model.fit(np.zeros((9, 5)))
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_given_starts_are_used(planted):
    X, _, truth = planted
    model = VMFMixture(**truth_of(truth), max_iter=2).set_params(tol=1e9).fit(X)
    np.testing.assert_array_equal(model.labels_, (X @ truth.means.T).argmax(axis=1))
    scaled = VMFMixture(4, means_init=7 * truth.means).fit(X)
    np.testing.assert_allclose(scaled.means_, VMFMixture(4, means_init=truth.means).fit(X).means_)


@pytest.mark.filterwarnings("ignore:Number of clusters found")
@pytest.mark.parametrize("init", ["k-means++", "random_from_data", "random"])
def test_the_random_state_decides(planted, init):
    first, again = (VMFMixture(4, init_params=init, random_state=3).fit(planted[0]) for _ in "ab")
    np.testing.assert_array_equal(first.means_, again.means_)


@pytest.mark.filterwarnings("ignore:Number of clusters found")
def test_n_init_keeps_the_best():
    X, _ = make_vmf_mixture(1000, 8, 10, concentration=80.0, random_state=1)
    rng = np.random.RandomState(0)
    options = {"init_params": "random_from_data", "merge": None, "concentration": "tied"}
    singles = [VMFMixture(10, random_state=rng, **options).fit(X).lower_bound_ for _ in range(5)]
    best = VMFMixture(10, n_init=5, random_state=np.random.RandomState(0), **options).fit(X)
    assert best.lower_bound_ == max(singles)
    assert max(singles) > min(singles) + 1e-3


@pytest.mark.filterwarnings("ignore:Number of clusters found")
@pytest.mark.parametrize("concentration", ["tied", "free"])
def test_warm_start_goes_on_and_the_bound_never_falls(planted, concentration):
    X = planted[0]
    model = VMFMixture(
        6,
        concentration=concentration,
        max_iter=1,
        warm_start=True,
        init_params="random",
        random_state=0,
    )
    bounds = [model.fit(X).lower_bound_ for _ in range(30)]
    assert np.diff(bounds).min() >= -1e-10
    assert bounds[-1] > bounds[0] + 1e-3
    straight = VMFMixture(
        6, concentration=concentration, max_iter=30, tol=0, init_params="random", random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        straight.fit(X)
    n = len(straight.lower_bounds_)
    np.testing.assert_allclose(bounds[:n], straight.lower_bounds_, rtol=1e-9)


@pytest.fixture
def interrupted(monkeypatch):
    """A function that fits, and presses Ctrl-C in an iteration of EM."""

    def fit(model, X, iteration):
        def press(reporter, now, bound, n_components):
            if now == iteration:
                raise KeyboardInterrupt
            return tell(reporter, now, bound, n_components)

        tell = Reporter.iteration
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(Reporter, "iteration", press)
            model.fit(X)
        return model

    return fit


@pytest.mark.parametrize("options", [{}, {"merge": None}, {"concentration": "tied"}])
def test_a_warm_start_goes_on_where_a_fit_was_interrupted(interrupted, options):
    X, _ = make_vmf_mixture(900, 16, 4, concentration=20.0, random_state=0)
    fresh = VMFMixture(4, tol=1e-9, random_state=0, warm_start=True, **options)
    whole = clone(fresh).fit(X)
    model = interrupted(clone(fresh), X, 3)
    assert not any(name.endswith("_") for name in vars(model))
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.fit(X)
    assert model.lower_bounds_[0] > whole.lower_bounds_[1]
    assert model.n_iter_ < whole.n_iter_
    np.testing.assert_array_equal(model.labels_, whole.labels_)
    np.testing.assert_allclose(model.concentrations_, whole.concentrations_, rtol=1e-3)
    assert hasattr(model, "merge_history_") == hasattr(whole, "merge_history_")
    if hasattr(model, "merge_history_"):
        np.testing.assert_array_equal(model.merge_history_.children, whole.merge_history_.children)
    assert model.fit(X).n_iter_ <= 2


def test_an_interrupted_fit_that_went_on_is_as_it_was_and_goes_on(interrupted):
    X, _ = make_vmf_mixture(900, 16, 4, concentration=20.0, random_state=0)
    model = VMFMixture(4, tol=0.0, max_iter=2, random_state=0, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        before = vars(model.fit(X)).copy()
        interrupted(model.set_params(max_iter=4), X, 2)
        for name in before:
            if name.endswith("_"):
                assert vars(model)[name] is before[name]
        assert model.fit(X).lower_bounds_[0] > before["lower_bound_"]


def test_without_a_warm_start_an_interrupted_fit_is_forgotten(interrupted):
    X, _ = make_vmf_mixture(900, 16, 4, concentration=20.0, random_state=0)
    fresh = VMFMixture(4, random_state=0)
    model = interrupted(clone(fresh), X, 1)
    assert vars(model).keys() == vars(fresh).keys()
    np.testing.assert_array_equal(model.fit(X).lower_bounds_, fresh.fit(X).lower_bounds_)


def test_an_interrupted_start_does_not_hide_a_better_one():
    X, _ = make_vmf_mixture(900, 16, 10, concentration=60.0, random_state=0)
    options = {"merge": None, "init_params": "random", "concentration": "tied", "tol": 1e-9}
    first = VMFMixture(10, random_state=0, **options)
    model = VMFMixture(10, n_init=4, random_state=0, warm_start=True, **options)
    better = first.fit(X).lower_bound_
    calls = []

    def press(reporter, now, bound, n_components):
        calls.append(reporter)
        if len(set(calls)) == 2:
            raise KeyboardInterrupt
        return tell(reporter, now, bound, n_components)

    tell = Reporter.iteration
    with pytest.MonkeyPatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Reporter, "iteration", press)
        model.fit(X)
    assert model.fit(X).lower_bound_ >= better - 1e-6


@pytest.mark.parametrize(
    "changed",
    [{"n_components": 5}, {"n_components": 3}, {"background": True}, {"center": True}, "features"],
)
def test_a_warm_start_needs_a_fit_of_the_same_kind(planted, changed):
    X = planted[0]
    model = VMFMixture(4, random_state=0, warm_start=True).fit(X)
    if changed == "features":
        X = X[:, :10]
    else:
        model.set_params(**changed)
    with pytest.raises(ValueError, match="warm_start=True cannot go on"):
        model.fit(X)
    model.set_params(n_components=4, background=False, center=False).fit(planted[0])


def test_a_warm_start_may_have_another_concentration(planted):
    X, _, truth = planted
    for first, second in [("free", "tied"), ("tied", "free"), ("free", 40.0), (40.0, "tied")]:
        warm = VMFMixture(4, means_init=truth.means, concentration=first, warm_start=True).fit(X)
        warm.set_params(concentration=second).fit(X)
        cold = VMFMixture(4, means_init=truth.means, concentration=second).fit(X)
        assert warm.lower_bound_ == pytest.approx(cold.lower_bound_, abs=1e-3)
        np.testing.assert_allclose(warm.concentrations_, cold.concentrations_, rtol=1e-2)


def test_what_was_fitted_counts_and_not_what_was_set_since(planted):
    X = planted[0]
    model = VMFMixture(4, random_state=0).fit(X)
    labels = model.labels_
    model.set_params(background=True, center=True)
    np.testing.assert_array_equal(model.predict(X), labels)
    model.set_params(n_init=10).fit(X)
    assert model.predict_proba(X).shape == (900, model.n_components_ + 1)
    model.set_params(background=False, center=False).fit(X)
    assert not hasattr(model, "center_")
    assert not hasattr(model, "background_weight_")
    assert model.predict_proba(X).shape == (900, 4)


def test_a_background_may_win_all_rows():
    X = np.vstack([np.eye(16), -np.eye(16)])
    model = VMFMixture(1, concentration=200.0, means_init=np.ones((1, 16)), background=True)
    with pytest.warns(ConvergenceWarning, match="All rows belong to the background"):
        model.fit(X)
    assert model.n_components_ == 0
    assert (model.labels_ == -1).all()
    assert model.transform(X).shape == (32, 0)
    assert model.predict_proba(X).shape == (32, 1)


@pytest.mark.parametrize("concentration", ["tied", "free"])
def test_without_noise_the_background_stays_small(planted, concentration):
    X, y, _ = planted
    model = VMFMixture(4, background=True, concentration=concentration, random_state=0).fit(X)
    assert np.mean(model.labels_ == -1) < 0.02
    assert clustering_accuracy(y, model.labels_) > 0.97


# --- what goes in ---------------------------------------------------------------------------------


@pytest.mark.parametrize("concentration", ["tied", "free"])
@pytest.mark.parametrize("assignment", ["soft", "hard"])
def test_a_weight_is_a_number_of_copies(planted, concentration, assignment):
    X, _, truth = planted
    weight = np.random.RandomState(0).randint(0, 4, len(X))
    options = dict(
        n_components=4,
        means_init=truth.means,
        concentration=concentration,
        assignment=assignment,
        tol=1e-9,
    )
    weighted = VMFMixture(**options).fit(X, sample_weight=weight)
    repeated = VMFMixture(**options).fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_, atol=1e-9)
    np.testing.assert_allclose(weighted.weights_, repeated.weights_, atol=1e-9)
    np.testing.assert_allclose(weighted.concentrations_, repeated.concentrations_, rtol=1e-8)
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, rel=1e-9)
    assert weighted.score(X, sample_weight=weight) == pytest.approx(
        repeated.score(np.repeat(X, weight, axis=0))
    )


@pytest.mark.parametrize("concentration", ["tied", "free"])
def test_weights_that_sum_to_one_are_relative(planted, concentration):
    X = planted[0]
    plain = VMFMixture(4, concentration=concentration, random_state=0).fit(X)
    weighted = VMFMixture(4, concentration=concentration, random_state=0)
    weighted.fit(X, sample_weight=np.full(len(X), 1 / len(X)))
    np.testing.assert_allclose(weighted.concentrations_, plain.concentrations_, rtol=1e-9)
    np.testing.assert_array_equal(weighted.labels_, plain.labels_)


def test_neither_copies_nor_the_order_of_rows_change_the_clusters(planted):
    X = planted[0]
    order = np.random.RandomState(1).permutation(len(X))
    for options in ({"n_components": 7, "merge": None}, {"n_components": 7}, {}):
        fresh = VMFMixture(concentration="tied", random_state=0, **options)
        one = clone(fresh).fit(X)
        ten = clone(fresh).fit(np.repeat(X, 10, axis=0))
        shuffled = clone(fresh).fit(X[order])
        np.testing.assert_array_equal(one.labels_, ten.labels_[::10])
        np.testing.assert_array_equal(one.labels_[order], shuffled.labels_)


@pytest.mark.parametrize(
    "container", ["csr_array", "csr_matrix", "csc", "list", "fortran", "float16"]
)
def test_containers_give_the_same_labels(planted, model, container):
    X = planted[0]
    rows = {
        "csr_array": sp.csr_array(X),
        "csr_matrix": sp.csr_matrix(X),
        "csc": sp.csc_array(X),
        "list": X.tolist(),
        "fortran": np.asfortranarray(X),
        "float16": X.astype(np.float16),
    }[container]
    agreement = clustering_accuracy(model.labels_, VMFMixture(4, random_state=0).fit_predict(rows))
    assert agreement >= 0.995


def test_float32_stays_float32(planted):
    X = planted[0].astype(np.float32)
    model = VMFMixture(4, random_state=0).fit(X)
    assert model.transform(X).dtype == np.float32
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    for rows in (X[:1], X[5:50], X[::-1]):
        expected = model.transform(X)[:, 0]
        found = model.transform(rows)[:, 0]
        assert np.isin(np.round(found, 4), np.round(expected, 4)).mean() > 0.98
    np.testing.assert_array_equal(model.predict(X[::-1]), model.labels_[::-1])


def test_torch_tensors_are_arrays_too(planted, model):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rows = torch.from_numpy(planted[0])
    np.testing.assert_array_equal(VMFMixture(4, random_state=0).fit_predict(rows), model.labels_)


def test_dataframes_give_feature_names(planted):
    pd = pytest.importorskip("pandas")
    X = planted[0]
    frame = pd.DataFrame(X, columns=[f"e{j}" for j in range(16)])
    model = VMFMixture(4, random_state=0).set_output(transform="pandas").fit(frame)
    assert list(model.feature_names_in_) == list(frame.columns)
    cosines = model.transform(frame)
    assert list(cosines.columns) == [f"vmfmixture{k}" for k in range(4)]
    np.testing.assert_allclose(cosines.to_numpy(), X @ model.means_.T)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"e0": "other"}))


def test_rows_of_zeros_are_named_once_and_left_out(planted):
    X = planted[0]
    with_zeros = np.vstack([X, np.zeros((5, 16))])
    with pytest.warns(UserWarning, match="5 of the 905 rows of X have no direction"):
        model = VMFMixture(4, random_state=0).fit(with_zeros)
    plain = VMFMixture(4, random_state=0).fit(X)
    np.testing.assert_array_equal(model.labels_[:900], plain.labels_)
    np.testing.assert_allclose(model.weights_, plain.weights_)
    assert (model.labels_ >= 0).all()
    assert (model.transform(with_zeros)[-5:] == 0).all()


def test_length_does_not_matter(planted, model):
    X = planted[0]
    lengths = np.random.RandomState(0).uniform(0.01, 100, (len(X), 1))
    np.testing.assert_array_equal(
        VMFMixture(4, random_state=0).fit_predict(lengths * X), model.labels_
    )


@pytest.mark.filterwarnings("ignore:EM did not converge")
def test_memory_is_far_below_rows_times_components():
    n, k = 200_000, 400
    X = np.random.default_rng(0).standard_normal((n, 8), dtype=np.float32)
    model = VMFMixture(k, init_params="random_from_data", max_iter=2, random_state=0)
    model.fit(X[:1000])  # compiles
    tracemalloc.start()
    model.fit(X)
    model.predict(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.3 * n * k * 4  # in float32; most of it is the scratch of each thread


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "'n_components' parameter"),
        ({"n_components": 5000}, "n_components=5000 is more than the 900 rows"),
        ({"n_components": 4, "concentration": -1.0}, "'concentration' parameter"),
        ({"n_components": 4, "concentration": "tight"}, "'concentration' parameter"),
        ({"n_components": 4, "assignment": "fuzzy"}, "'assignment' parameter"),
        ({"n_components": 4, "means_init": np.eye(4)}, r"means_init has shape \(4, 4\)"),
        ({"n_components": 4, "means_init": np.zeros((4, 16))}, "means_init has a row of zeros"),
        ({"n_components": 4, "means_init": np.full((4, 16), np.nan)}, "means_init has NaN"),
        ({"n_components": 4, "weights_init": [1.0, 1, 1, 1]}, "weights_init sums to 4"),
        ({"n_components": 4, "concentrations_init": [1.0, 1, 1, 1e13]}, "from 1 to 1e.13"),
        ({"n_components": 4, "concentration": 1e13}, "'concentration' parameter"),
        (
            {"n_components": 4, "weights_init": [2.0, -1, 0, 0]},
            "weights_init has values from -1 to 2",
        ),
        (
            {"n_components": 4, "concentrations_init": [1.0]},
            r"concentrations_init has shape \(1,\)",
        ),
    ],
)
def test_bad_arguments_are_named(planted, options, message):
    with pytest.raises(ValueError, match=message):
        VMFMixture(**options).fit(planted[0])


def test_rows_without_any_direction_are_refused():
    with pytest.raises(ValueError, match=r"No row of X has a direction .*all are zeros\."):
        VMFMixture(2).fit(np.zeros((5, 3)))
    with pytest.raises(ValueError, match="equal to their mean, which center=True takes out"):
        VMFMixture(1, center=True).fit(np.ones((5, 3)))
    lengths = np.linspace(0.1, 3.0, 50)[:, np.newaxis]  # directions differ by rounding
    alike = (lengths * np.random.default_rng(0).standard_normal(40)).astype(np.float32)
    with pytest.raises(ValueError, match="equal to their mean"):
        VMFMixture(1, center=True).fit(alike)
    with pytest.raises(ValueError, match="n_components=3 is more than the 2 rows"):
        VMFMixture(3, means_init=np.eye(3)).fit(np.eye(3), sample_weight=[1, 1, 0])


def test_bad_rows_are_refused(planted, model):
    X = planted[0].copy()
    with pytest.raises(ValueError, match="expecting 16 features"):
        model.predict(X[:, :5])
    with pytest.raises(NotFittedError):
        VMFMixture(4).predict(X)
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        VMFMixture(1).fit(X[:, :1])
    with pytest.raises(ValueError, match="Negative values"):
        VMFMixture(4).fit(X, sample_weight=np.full(900, -1.0))
    with pytest.raises(ValueError, match=r"largest sample_weight is 1e\+307; make it"):
        VMFMixture(4).fit(X, sample_weight=np.full(900, 1e307))
    X[3, 3] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        VMFMixture(4).fit(X)


def test_too_few_distinct_rows_is_a_warning():
    X = np.repeat(np.eye(3), 10, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"Number of clusters found \(3\) is smaller"):
        model = VMFMixture(5, random_state=0).fit(X)
    assert model.n_components_ == 3
    assert set(model.labels_) == {0, 1, 2}
    assert model.weights_.sum() == pytest.approx(1)


def test_max_iter_reached_is_a_warning(planted):
    with pytest.warns(ConvergenceWarning, match="did not converge within max_iter=2"):
        VMFMixture(9, max_iter=2, tol=0, random_state=0).fit(planted[0])


# --- merging --------------------------------------------------------------------------------------


def test_the_number_is_found(planted):
    model = VMFMixture(random_state=0).fit(planted[0])
    assert model.n_components_ == 4
    history = model.merge_history_
    assert history.n_components_init == 112  # an eighth of the rows
    assert history.candidates[0] <= 112
    assert history.candidates[-1] == 1
    assert clustering_accuracy(planted[1], model.labels_) > 0.99


@pytest.mark.parametrize("seed", range(5))
def test_one_start_is_enough_in_high_dimension(seed):
    kappa = np.random.RandomState(seed).uniform(100, 2000, 8)
    X, y = make_vmf_mixture(2000, 768, 8, concentration=kappa, random_state=seed)
    assert adjusted_rand_score(y, VMFMixture(8, random_state=seed).fit_predict(X)) == 1.0


def test_the_likelihood_of_the_truth_is_reached():
    kappa = np.random.RandomState(0).uniform(100, 2000, 64)
    X, _, truth = make_vmf_mixture(
        20_000, 384, 64, concentration=kappa, random_state=0, return_parameters=True
    )
    X = X.astype(np.float32)
    known = MixtureParameters(truth.weights, truth.means, truth.concentrations)
    of_truth = choose_engine(X).accumulate(known).log_likelihood / len(X)
    assert VMFMixture(64, random_state=0).fit(X).score(X) > of_truth


@pytest.mark.parametrize("merge", ["likelihood", "icl", "jeffreys", "cosine"])
def test_every_cost_ends_with_the_number_wanted(planted, merge):
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
def test_nothing_is_merged_where_the_start_is_given(planted, options):
    model = VMFMixture(4, random_state=0, **options).fit(planted[0])
    assert model.n_components_ == 4
    assert not hasattr(model, "merge_history_")


def test_merging_starts_from_given_means(planted):
    X = planted[0]
    for options in ({"n_components": 4, "n_components_init": 30}, {}):
        model = VMFMixture(means_init=X[:30], random_state=0, **options).fit(X)
        assert model.merge_history_.n_components_init == 30
        assert clustering_accuracy(planted[1], model.labels_) > 0.99


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"merge": None}, 'n_components="auto" finds the number of clusters by merging'),
        ({"n_components": 4, "n_components_init": 3}, "n_components_init=3 is less than"),
        ({"n_components": 4, "n_components_init": 9, "merge": None}, "merge=None forbids merging"),
        ({"weights_init": np.full(4, 0.25)}, "weights_init cannot be given where"),
        (
            {"n_components": 2, "n_components_init": 4, "concentrations_init": np.ones(4)},
            "concentrations_init cannot be given where",
        ),
        ({"n_components_init": 1000}, "n_components_init=1000 is more than the 900 rows"),
        ({"n_components": 4, "n_components_init": 9, "means_init": np.eye(4, 16)}, "has shape"),
        (
            {"selection": "stability", "means_init": np.eye(4, 16)},
            'selection="stability" compares different seeds',
        ),
        ({"merge": "ward"}, "'merge' parameter of VMFMixture must be"),
        ({"selection": "elbow"}, "'selection' parameter of VMFMixture must be"),
    ],
)
def test_what_cannot_be_merged_is_refused(planted, options, message):
    with pytest.raises(ValueError, match=message):
        VMFMixture(**options).fit(planted[0])


def test_merge_to_cuts_the_same_fit_elsewhere(planted):
    X = planted[0]
    model = VMFMixture(random_state=0).fit(X)
    finer, coarser = model.merge_to(9, X), model.merge_to(2, X)
    assert (finer.n_components_, coarser.n_components_) == (9, 2)
    assert model.n_components_ == 4  # as it was
    np.testing.assert_array_equal(finer.labels_, finer.predict(X))
    np.testing.assert_allclose(finer.predict_proba(X).max(axis=1), finer.probabilities_)
    assert finer.score(X) > model.score(X) > coarser.score(X)
    assert not hasattr(finer, "lower_bound_")
    again = model.merge_to(4, X)
    assert adjusted_rand_score(again.labels_, model.labels_) > 0.99
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
def test_merge_to_keeps_what_the_fit_was_of(planted, options):
    X = planted[0]
    model = VMFMixture(random_state=0, **options).fit(X).merge_to(6, X)
    assert model.n_components_ == 6
    total = model.weights_.sum() + getattr(model, "background_weight_", 0.0)
    assert total == pytest.approx(1.0)
    assert np.isfinite(model.score(X))


def test_merge_to_says_what_it_cannot_do(planted):
    X = planted[0]
    with pytest.raises(ValueError, match="Nothing was merged in this fit"):
        VMFMixture(4, merge=None, random_state=0).fit(X).merge_to(3)
    model = VMFMixture(4, random_state=0).fit(X)
    with pytest.raises(ValueError, match="n_components=3 is not on the merge path, which has 4"):
        model.merge_to(3)
    with pytest.raises(ValueError, match=r"n_components=3\.0 is not allowed"):
        model.merge_to(3.0)
    with pytest.raises(NotFittedError):
        VMFMixture().merge_to(3)


def test_numbers_not_to_be_trusted_are_a_warning():
    noise = np.random.RandomState(0).standard_normal((600, 20))
    with pytest.warns(UserWarning, match="No clusters were found"):
        model = VMFMixture(random_state=0).fit(noise)
    assert model.n_components_ == 1
    X, _ = make_vmf_mixture(2000, 64, 30, concentration=200.0, random_state=0)
    with pytest.warns(UserWarning, match=r"found \(\d+\) is near the number .* \(32\)"):
        VMFMixture(n_components_init=32, random_state=0).fit(X)
    triples = np.repeat(np.eye(60), 3, axis=0) + 0.02 * np.random.RandomState(0).rand(180, 60)
    with pytest.warns(UserWarning, match="have fewer than 4 rows"):
        VMFMixture(n_components_init=120, random_state=0).fit(triples)


def test_several_starts_keep_the_median_number():
    snips = load_snips()
    X = snips.data[::3]
    rng = np.random.RandomState(0)
    singles = [VMFMixture(random_state=rng, concentration="tied").fit(X) for _ in range(3)]
    rng = np.random.RandomState(0)
    best = VMFMixture(random_state=rng, concentration="tied", n_init=3).fit(X)
    assert best.n_components_ == sorted(model.n_components_ for model in singles)[1]
    same = [model for model in singles if model.n_components_ == best.n_components_]
    assert best.lower_bound_ == max(model.lower_bound_ for model in same)


def test_rows_that_differ_by_rounding_are_copies():
    """The same sentence embedded in two batches."""
    X, _ = make_vmf_mixture(40, 32, 4, concentration=400.0, random_state=0)
    rng = np.random.RandomState(0)
    exact = VMFMixture(random_state=0, concentration="tied").fit(X.astype(np.float32))
    noisy = np.repeat(X, 10, axis=0) + 1e-8 * rng.standard_normal((400, 32))
    scaled = np.repeat(X, 10, axis=0) * np.tile(np.arange(1.0, 11.0), 40)[:, np.newaxis]
    for copies in (noisy.astype(np.float32), scaled.astype(np.float32), scaled):
        model = VMFMixture(random_state=0, concentration="tied").fit(copies)
        assert model.n_components_ == exact.n_components_
        np.testing.assert_array_equal(model.labels_[::10], model.labels_[9::10])


def test_a_warm_start_goes_on_from_a_number_that_was_found(planted, tmp_path):
    X = planted[0]
    model = VMFMixture(random_state=0, warm_start=True).fit(X)
    isotropy, bound = model.isotropy_, model.lower_bound_
    model.fit(X)
    assert model.n_components_ == 4
    assert model.isotropy_ == isotropy
    assert model.lower_bound_ >= bound - 1e-3
    assert model.merge_to(7).n_components_ == 7
    model.save(tmp_path / "model.npz")
    again = load(tmp_path / "model.npz").fit(X)
    assert again.n_components_ == 4
    assert again.isotropy_ == isotropy
    np.testing.assert_allclose(again.concentrations_, model.concentrations_, rtol=0.05)


def test_a_warm_start_with_other_concentrations_has_a_prior_of_its_own(planted):
    X = planted[0]
    X = np.hstack([X, np.zeros((len(X), 60))])  # the clusters scatter in few directions
    cold = {
        kind: VMFMixture(**{"n_components": 4, "concentration": kind, "random_state": 0}).fit(X)
        for kind in ("pooled", "free", "tied")
    }
    assert np.ptp(cold["pooled"].concentrations_) < 0.5 * np.ptp(cold["free"].concentrations_)
    for first, then in (("pooled", "free"), ("tied", "pooled"), ("free", "pooled")):
        model = VMFMixture(4, concentration=first, random_state=0, warm_start=True).fit(X)
        model.set_params(concentration=then).fit(X)
        np.testing.assert_allclose(
            np.sort(model.concentrations_), np.sort(cold[then].concentrations_), rtol=0.03
        )
        assert hasattr(model, "isotropy_") == (then == "pooled")


def test_a_warm_start_does_not_find_what_was_never_looked_for(planted):
    model = VMFMixture(2, merge=None, random_state=0, warm_start=True).fit(planted[0])
    with pytest.raises(ValueError, match="warm_start=True cannot go on"):
        model.set_params(n_components="auto", merge="likelihood").fit(planted[0])


@pytest.mark.parametrize("options", [{}, {"n_components": 3}])
def test_a_callback_stops_merging(planted, options):
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brought callbacks")

    class Impatient:
        def __init__(self):
            self.n_steps = 0

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            self.n_steps += context.task_name == "merging"
            return self.n_steps == 8

    impatient = Impatient()
    model = VMFMixture(random_state=0, **options).set_callbacks(impatient)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(planted[0])
    assert impatient.n_steps == 8
    assert model.n_iter_ == 1
    assert model.n_components_ > 10
    assert len(model.predict(planted[0])) == 900


@pytest.mark.parametrize("options", [{"merge": None}, {}], ids=["seeded", "merged"])
def test_a_pooled_fit_knows_no_order_and_weights_are_copies(planted, options):
    X = planted[0]
    rng = np.random.RandomState(1)
    order, weight = rng.permutation(len(X)), rng.randint(0, 3, len(X))
    fresh = VMFMixture(4, random_state=0, **options)
    one = clone(fresh).fit(X)
    other = clone(fresh).fit(X[order])
    assert one.isotropy_ == other.isotropy_
    np.testing.assert_allclose(one.concentrations_, other.concentrations_, rtol=1e-6)
    weighted = clone(fresh).fit(X, sample_weight=weight)
    copied = clone(fresh).fit(np.repeat(X, weight, axis=0))
    assert weighted.isotropy_ == copied.isotropy_
    np.testing.assert_allclose(weighted.concentrations_, copied.concentrations_, rtol=1e-6)


def test_background_has_no_part_in_the_isotropy():
    X, _ = make_vmf_mixture(2000, 40, 4, concentration=300.0, random_state=0)
    X[:, 12:] *= 0.05
    noise = np.random.RandomState(0).standard_normal((200, 40))
    quiet = VMFMixture(4, merge=None, n_init=5, random_state=0, background=True)
    clean, noisy = clone(quiet).fit(X), clone(quiet).fit(np.vstack([X, noise]))
    assert noisy.isotropy_ == pytest.approx(clean.isotropy_, rel=0.15)


def test_a_pooled_fit_is_tied_or_free_as_the_rows_are():
    """Von Mises-Fisher clusters have concentrations of their own; stretched ones share theirs."""
    rng = np.random.RandomState(0)
    kappa = [50, 100, 200, 400]
    X, _ = make_vmf_mixture(2000, 48, 4, concentration=kappa, random_state=0)
    model = VMFMixture(4, random_state=0).fit(X)
    assert model.isotropy_ > 0.9
    np.testing.assert_allclose(np.sort(model.concentrations_), kappa, rtol=0.25)
    widths = np.repeat([0.1, 0.15, 0.2, 0.3], 500)[:, np.newaxis]
    X = np.repeat(np.eye(4, 48), 500, axis=0)
    X[:, 20:24] += widths * rng.standard_normal((2000, 4))
    model = VMFMixture(4, random_state=0).fit(X)
    assert model.isotropy_ < 0.15
    assert np.ptp(model.concentrations_) < 0.2 * model.concentrations_.mean()


def test_sparse_rows_are_merged_as_dense_ones(planted):
    X = np.where(np.abs(planted[0]) < 0.05, 0.0, planted[0])
    dense = VMFMixture(random_state=0).fit(X)
    sparse = VMFMixture(random_state=0).fit(sp.csr_array(X))
    assert sparse.n_components_ == dense.n_components_ == 4
    assert adjusted_rand_score(dense.labels_, sparse.labels_) > 0.99


@pytest.mark.parametrize("n_rows", [1, 2, 3, 5, 17])
def test_few_rows(n_rows):
    X = np.random.RandomState(0).standard_normal((n_rows, 6))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = VMFMixture(random_state=0).fit(X)
    assert 1 <= model.n_components_ <= n_rows
    assert set(model.labels_) == set(range(model.n_components_))


# --- scikit-learn around it -----------------------------------------------------------------------


def test_pickle_joblib_and_clone(planted, model, tmp_path):
    X = planted[0]
    joblib.dump(model, tmp_path / "model.joblib")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(copy.predict(X), model.labels_)
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "means_")


def test_in_a_pipeline(planted, model):
    X = planted[0]
    pipeline = make_pipeline(FunctionTransformer(lambda X: 3 * X), VMFMixture(4, random_state=0))
    np.testing.assert_array_equal(pipeline.fit_predict(X), model.labels_)
    np.testing.assert_array_equal(pipeline.predict(X), model.labels_)
    assert pipeline.score(X) == pytest.approx(model.score(X))
    assert pipeline[-1].get_feature_names_out().tolist() == [f"vmfmixture{k}" for k in range(4)]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search_by_held_out_log_likelihood(planted, n_jobs):
    """Held-out likelihood prefers one concentration for planted clusters of one width."""
    search = GridSearchCV(
        VMFMixture(random_state=0, n_init=3), {"n_components": [2, 3, 4]}, cv=3, n_jobs=n_jobs
    )
    search.fit(planted[0])
    assert search.best_params_ == {"n_components": 4}
    assert search.predict(planted[0]).shape == (900,)


def test_metadata_routing_takes_sample_weight(planted):
    X, y, _ = planted
    weight = (y != 0).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        mixture = VMFMixture(3, random_state=0).set_fit_request(sample_weight=True)
        mixture = mixture.set_score_request(sample_weight=True)
        pipeline = make_pipeline(FunctionTransformer(), mixture)
        pipeline.fit(X, sample_weight=weight)
    direct = VMFMixture(3, random_state=0).fit(X, sample_weight=weight)
    np.testing.assert_array_equal(pipeline[-1].means_, direct.means_)


def test_callbacks_are_told_of_every_iteration(planted):
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brought callbacks")

    class Recorder:
        def __init__(self):
            self.tasks = []

        def setup(self, estimator, context):
            self.tasks.append("setup")

        def teardown(self, estimator, context):
            self.tasks.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            self.tasks.append(context.task_name)
            return self.tasks.count("iteration") == 3

    recorder = Recorder()
    model = VMFMixture(6, tol=0, merge=None, concentration="tied", random_state=0)
    model.set_callbacks(recorder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(planted[0])
    assert recorder.tasks == ["setup", *["iteration"] * 3, "initialization", "fit", "teardown"]
    assert model.n_iter_ == 3


def test_verbose_tells_what_happens(planted, capsys):
    VMFMixture(4, random_state=0, n_init=2, verbose=2).fit(planted[0])
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("Initialization") for line in lines) == 2
    assert any("iteration 0: lower bound" in line for line in lines)


def test_parameters_show_in_the_repr():
    assert (
        repr(VMFMixture(4, concentration="free"))
        == "VMFMixture(concentration='free', n_components=4)"
    )


def test_on_real_sentences_it_does_at_least_as_well_as_kmeans():
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


def test_half_precision_is_checked_without_an_array_of_its_shape():
    X = make_vmf_mixture(20_000, 64, 3, dtype=np.float32, random_state=0)[0].astype(np.float16)
    model = VMFMixture(3, merge=None, random_state=0).fit(X)
    tracemalloc.start()
    model._validated(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < X.size / 2
    X[15_000, 3] = np.inf
    with pytest.raises(ValueError, match="Input X contains infinity"):
        model.fit(X)


def test_indices_that_lead_out_of_sparse_rows_are_refused():
    """scipy does not look when they are put together, and kernels would write anywhere."""
    wide = sp.random_array((300, 1000), density=0.02, format="csr", random_state=0)
    narrow = sp.csr_array((wide.data, wide.indices, wide.indptr), shape=(300, 800))
    with pytest.raises(ValueError, match="indices"):
        VMFMixture(5, random_state=0).fit(narrow)
    model = VMFMixture(5, random_state=0).fit(wide[:, :800])
    with pytest.raises(ValueError, match="indices"):
        model.predict(narrow)


def test_a_warning_that_is_an_error_leaves_no_half_of_a_model(tmp_path):
    X, _ = make_vmf_mixture(2000, 16, 12, concentration=12.0, random_state=3)
    model = VMFMixture(12, random_state=0, tol=0.0, max_iter=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            model.fit(X, checkpoint=tmp_path / "fit.ckpt")
    assert not any(name.endswith("_") for name in vars(model))
    assert (tmp_path / "fit.ckpt").exists()


@pytest.mark.parametrize("concentration", ["pooled", "free"])
def test_a_few_rows_in_plain_clusters_are_told_apart(concentration):
    angles = np.deg2rad([0, 0, 0, 120, 120, 120, 240, 240])
    rng = np.random.default_rng(0)
    X = np.c_[np.cos(angles), np.sin(angles)] + 0.01 * rng.standard_normal((8, 2))
    labels = VMFMixture(3, concentration=concentration, random_state=0).fit_predict(X)
    assert adjusted_rand_score(np.rad2deg(angles).round().astype(int), labels) == 1.0


def test_as_many_components_as_rows():
    X = np.random.default_rng(0).standard_normal((40, 16))
    for n_components in (38, 40):
        assert VMFMixture(n_components, random_state=0).fit(X).n_components_ == n_components


def test_weights_of_a_batch_are_its_own(planted):
    """The caller may fill the same array for the next one."""
    X = planted[0]
    weights, model = np.empty(100), VMFMixture(4, random_state=0)
    other = clone(model)
    for start in range(0, 800, 100):
        weights[:] = 50.0 if start == 0 else 1.0
        model.partial_fit(X[start : start + 100], sample_weight=weights)
        other.partial_fit(X[start : start + 100], sample_weight=weights.copy())
    np.testing.assert_array_equal(model.weights_, other.weights_)


def test_weights_too_small_to_be_scaled_are_refused(planted):
    with pytest.raises(ValueError, match="largest sample_weight is 1e-309; make it more than"):
        VMFMixture(3).fit(planted[0], sample_weight=np.full(len(planted[0]), 1e-309))


def test_what_is_no_array_of_numbers_is_told_as_what_it_is(planted):
    pd = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="dates or times"):
        VMFMixture(1).fit(pd.DataFrame({c: pd.date_range("2020", periods=20) for c in "ab"}))
    with pytest.raises(ValueError, match=r"a sequence of 900 vectors .* pass np\.stack"):
        VMFMixture(1).fit(pd.Series(list(planted[0])))
