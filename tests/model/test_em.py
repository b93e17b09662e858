"""The EM loop: convergence, reports, and recovery of planted mixtures."""

from copy import deepcopy

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.seeding import seed_means
from vmfmix.fitting.start import initial_parameters
from vmfmix.metrics import clustering_accuracy
from vmfmix.model import em
from vmfmix.model.criteria import classification_log_likelihood
from vmfmix.model.statistics import MixtureParameters


def start(engine, n_components, *, init="k-means++", seed=0, **options):
    means = seed_means(engine, n_components, init, np.random.RandomState(seed))
    return initial_parameters(engine, means, **options)


def stage(concentration="tied", *, hard=False, tol=1e-4):
    return em.Stage(concentration, hard, max_iter=100, tol=tol)


@pytest.mark.slow
@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
@pytest.mark.parametrize("concentration", ["tied", "free", 30.0])
@pytest.mark.parametrize("container", ["dense", "csr"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("has_background", [False, True], ids=["plain", "background"])
def test_lower_bound_never_decreases(hard, concentration, container, dtype, has_background):
    X, _ = make_vmf_mixture(
        1500, 30, 6, concentration=np.linspace(8, 80, 6), background=0.1, random_state=3
    )
    X[np.abs(X) < 0.05] = 0
    X = X.astype(dtype)
    engine = choose_engine(sp.csr_array(X) if container == "csr" else X)
    parameters = start(
        engine, 9, init="random", concentration=concentration, has_background=has_background
    )
    stage = em.Stage(concentration, hard, max_iter=60, tol=0.0)
    result = em.fit(engine, parameters, stage)
    bounds = np.array(result.lower_bounds)
    assert len(bounds) > 3
    assert bounds[-1] > bounds[0] + 0.01
    tolerance = 1e-12 if dtype is np.float64 else 2e-6
    assert np.diff(bounds).min() >= -tolerance * np.abs(bounds).max()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("concentration", ["tied", "free"])
@pytest.mark.parametrize(("dim", "kappa"), [(3, 300.0), (32, 100.0), (384, 400.0), (3072, 1500.0)])
def test_em_recovers_planted_mixtures(dim, kappa, concentration, dtype):
    """The best of five seeds counts, since local optima are not what is tested here."""
    axes = np.eye(3, dim)
    X, y, truth = make_vmf_mixture(
        1500,
        means=np.vstack([axes, -axes]),
        concentration=kappa,
        random_state=7,
        return_parameters=True,
    )
    engine = choose_engine(X.astype(dtype))
    results = [
        em.fit(
            engine,
            start(engine, 6, seed=seed, concentration=concentration),
            stage(concentration),
        )
        for seed in range(5)
    ]
    best = max(results, key=lambda result: result.lower_bounds[-1]).parameters
    assert clustering_accuracy(y, engine.assign(best).labels) >= 0.99
    order = (truth.means @ best.means.T).argmax(axis=1)
    np.testing.assert_allclose(best.concentrations[order], kappa, rtol=0.2)
    np.testing.assert_allclose(best.weights[order], np.bincount(y) / len(y), atol=0.01)


def test_em_drops_empty_components():
    X = np.repeat(np.eye(3), 20, axis=0)
    engine = choose_engine(X)
    result = em.fit(engine, start(engine, 5), stage(hard=True))
    assert len(result.parameters.weights) == 3


def test_on_iteration_is_called_and_can_stop_em():
    X, _ = make_vmf_mixture(300, 10, 3, random_state=0)
    engine = choose_engine(X)
    seen = []
    result = em.fit(
        engine,
        start(engine, 3),
        stage(tol=0.0),
        on_iteration=lambda *report: seen.append(report) or len(seen) == 3,
    )
    assert [iteration for iteration, _, _ in seen] == [0, 1, 2]
    assert [bound for _, bound, _ in seen] == result.lower_bounds
    assert seen[0][2] == 3
    assert not result.converged


def test_em_converges_when_the_bound_changes_less_than_tol():
    X, _ = make_vmf_mixture(500, 10, 3, random_state=0)
    engine = choose_engine(X)
    result = em.fit(engine, start(engine, 3), stage(tol=1e-3))
    gains = np.diff(result.lower_bounds)
    assert result.converged
    assert gains[-1] < 1e-3
    assert (gains[:-1] >= 1e-3).all()


@pytest.mark.parametrize("concentration", ["tied", "free"])
def test_concentrations_stay_moderate_with_identical_rows(concentration):
    X, _ = make_vmf_mixture(260, 64, 5, concentration=60.0, random_state=1)
    X = np.vstack([X, np.repeat(X[:1], 40, axis=0)])
    engine = choose_engine(X)
    for seed in range(5):
        result = em.fit(
            engine,
            start(engine, 6, seed=seed, concentration=concentration),
            stage(concentration),
        )
        kappa = result.parameters.concentrations
        assert np.isfinite(kappa).all()
        assert kappa.max() < 64 * 40  # A(κ) = (40 + 2 r) / 42 at most


def test_singleton_has_an_ordinary_concentration():
    """A row far from all others gets about the pooled concentration, not infinity."""
    X, _ = make_vmf_mixture(200, 64, 2, concentration=80.0, random_state=2)
    X = np.vstack([X, -X.mean(axis=0, keepdims=True)])
    X[-1] /= np.linalg.norm(X[-1])
    engine = choose_engine(X)
    means = np.vstack([X[:200][0], X[:200][1], X[-1]])
    parameters = initial_parameters(engine, means, concentration="free")
    result = em.fit(engine, parameters, stage("free"))
    labels = engine.assign(result.parameters).labels
    (alone,) = np.flatnonzero(np.bincount(labels) == 1)
    assert 20 < result.parameters.concentrations[alone] < 320


def test_stages_have_their_concentrations_and_limits():
    assert em.final("pooled", hard=False, max_iter=7, tol=0.1) == em.Stage("free", False, 7, 0.1)
    assert em.final(30.0, hard=True, max_iter=7, tol=0.1) == em.Stage(30.0, True, 7, 0.1)
    assert em.tied_first(hard=True, max_iter=100, tol=0.1) == em.Stage("tied", True, 10, 0.1)
    assert em.tied_first(hard=True, max_iter=3, tol=0.1).max_iter == 3
    assert em.refine("free") == em.Stage("free", True, 10, 1e-4)


def test_settle_stage_assigns_rows_to_the_nearest_mean():
    X, _ = make_vmf_mixture(400, 6, 5, concentration=30.0, random_state=0)
    engine = choose_engine(X)
    means = seed_means(engine, 7, "random_from_data", np.random.RandomState(0))
    result = em.fit(engine, MixtureParameters.nearest(means), em.SETTLE)
    assert len(result.lower_bounds) == 4
    assert not result.converged
    labels = (X @ means.T).argmax(axis=1)
    sums = np.array([X[labels == k].sum(axis=0) for k in range(7)])
    counts, lengths = np.bincount(labels).astype(float), np.linalg.norm(sums, axis=1)
    expected = classification_log_likelihood(counts, lengths, 6) / 400
    assert result.lower_bounds[0] == pytest.approx(expected)
    assert (result.parameters.concentrations == 1.0).all()


class Store:
    """Keeps a copy of each result, and resumes from one of them."""

    def __init__(self, result=None):
        self.result, self.saved = result, []

    def save(self, result):
        self.saved.append(deepcopy(result))


@pytest.mark.parametrize("concentration", ["tied", "free"])
def test_em_resumes_from_a_store(concentration):
    X, _ = make_vmf_mixture(400, 6, 5, concentration=8.0, random_state=0)
    engine, store = choose_engine(X), Store()
    parameters = start(engine, 5, init="random", concentration=concentration)
    whole = em.fit(engine, parameters, stage(concentration, tol=1e-6), store=store)
    assert len(store.saved) == len(whole.lower_bounds) > 5
    reports = []
    resumed = em.fit(
        engine,
        parameters,
        stage(concentration, tol=1e-6),
        on_iteration=lambda *report: reports.append(report),
        store=Store(store.saved[2]),
    )
    assert resumed.lower_bounds == whole.lower_bounds
    assert [bound for _, bound, _ in reports] == whole.lower_bounds  # earlier ones again
    assert [iteration for iteration, _, _ in reports] == list(range(len(reports)))
    np.testing.assert_array_equal(resumed.parameters.means, whole.parameters.means)


def test_resumed_em_stops_if_the_callback_stops_at_an_earlier_iteration():
    X, _ = make_vmf_mixture(400, 6, 5, concentration=8.0, random_state=0)
    engine, store = choose_engine(X), Store()
    parameters = start(engine, 5, init="random")
    em.fit(engine, parameters, stage(tol=1e-6), store=store)
    resumed = em.fit(
        engine,
        parameters,
        stage(tol=1e-6),
        on_iteration=lambda iteration, *_: iteration == 1,
        store=Store(store.saved[2]),
    )
    assert resumed.stopped
    assert len(resumed.lower_bounds) == 3
