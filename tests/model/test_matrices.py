"""Operations on rows of arrays and sparse matrices, and mixtures with sparse resultants."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from tests.engines.test_cpu import assert_same_statistics
from vmfmix import VMFMixture, load
from vmfmix.engines import sparse
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.seeding import seed_means
from vmfmix.fitting.start import initial_parameters
from vmfmix.model import matrices
from vmfmix.model.statistics import maximize

N_FEATURES, N_TOPICS = 500, 5


@pytest.fixture
def sparse_resultants(monkeypatch):
    """Make resultants sparse, whatever their size."""
    monkeypatch.setattr(sparse, "_DENSE_TO_SPARSE_RATIO", 0)


def texts(n_rows=600, seed=0):
    """Return rows with up to 30 words of one topic each, and their topics."""
    rng = np.random.default_rng(seed)
    topics = rng.integers(N_TOPICS, size=n_rows)
    words = rng.zipf(1.3, size=(n_rows, 30)) % (N_FEATURES // N_TOPICS)
    words += (topics * (N_FEATURES // N_TOPICS))[:, None]
    ends = np.arange(n_rows + 1) * 30
    data = rng.uniform(0.5, 2.0, size=words.size)
    X = sp.csr_array((data, words.ravel(), ends), shape=(n_rows, N_FEATURES))
    X.sum_duplicates()
    return X, topics


@pytest.mark.parametrize("matrix", [np.asarray, sp.csr_array, sp.csr_matrix])
def test_operations_agree_for_arrays_and_sparse_matrices(matrix):
    one, other = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[1.0, 2.0], [5.0, 6.0]])
    a, b = matrix(one), matrix(other)
    np.testing.assert_allclose(matrices.row_products(a, b), [11.0, 0.0])
    np.testing.assert_allclose(matrices.row_lengths(a), [5.0, 0.0])
    np.testing.assert_allclose(matrices.inner_products(a, b), one @ other.T)
    scaled = matrices.scaled_rows(b, np.array([2.0, 0.5]))
    np.testing.assert_allclose(matrices.as_array(scaled), [[2.0, 4.0], [2.5, 3.0]])
    units = matrices.unit_rows(a)
    np.testing.assert_allclose(matrices.as_array(units), [[0.6, 0.8], [1.0, 0.0]])
    both = matrices.stacked([a, b])
    np.testing.assert_allclose(matrices.as_array(both), np.vstack([one, other]))


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("kind", ["plain", "weighted", "background", "extreme", "several lanes"])
def test_sparse_resultants_equal_dense_ones(sparse_resultants, hard, kind):
    X, _ = texts(9000 if kind == "several lanes" else 600)
    X[[3, 4]] *= 0.0
    if kind == "extreme":
        X[[5]] *= 1e-200
        X[[6]] *= 1e200
    weight = np.arange(X.shape[0]) % 3.0 if kind == "weighted" else None
    engine = choose_engine(X, sample_weight=weight, block_size=100)
    dense_engine = choose_engine(X.toarray(), sample_weight=weight)
    means = seed_means(engine, 8, "k-means++", np.random.RandomState(0))
    assert sp.issparse(means)
    parameters = initial_parameters(engine, means, has_background=kind == "background")
    for _ in range(3):
        found = engine.accumulate(parameters, hard=hard)
        dense = replace(parameters, means=matrices.as_array(parameters.means))
        expected = dense_engine.accumulate(dense, hard=hard)
        assert sp.issparse(found.resultants)
        assert found.resultants.nnz <= X.nnz * len(found.counts)
        assert_same_statistics(found, expected, 1e-12)
        parameters = maximize(found, has_background=kind == "background")


@pytest.mark.parametrize("n_features", [N_FEATURES, 100 * N_FEATURES])
def test_resultants_are_sparse_if_most_entries_are_zero(n_features):
    X, _ = texts()
    X.resize(X.shape[0], n_features)
    engine = choose_engine(X)
    means = seed_means(engine, 5, "k-means++", np.random.RandomState(0))
    statistics = engine.accumulate(initial_parameters(engine, means))
    assert sp.issparse(statistics.resultants) == (n_features > N_FEATURES)


@pytest.mark.slow
@pytest.mark.parametrize("n_components", [N_TOPICS, "auto"])
@pytest.mark.parametrize("merge", ["likelihood", "icl", "cosine", None])
def test_fit_of_sparse_rows_equals_fit_of_array(sparse_resultants, tmp_path, n_components, merge):
    if merge is None and n_components == "auto":
        pytest.skip("estimating the number of clusters needs merging")
    X, _ = texts()
    parameters = {"n_components": n_components, "merge": merge, "random_state": 0}
    model = VMFMixture(**parameters).fit(X)
    dense_model = VMFMixture(**parameters).fit(X.toarray())
    assert isinstance(model.means_, np.ndarray)
    np.testing.assert_array_equal(model.labels_, dense_model.labels_)
    np.testing.assert_allclose(model.means_, dense_model.means_, atol=1e-9)
    np.testing.assert_allclose(model.lower_bound_, dense_model.lower_bound_, rtol=1e-10)
    if merge:
        history = model.merge_history_
        np.testing.assert_array_equal(history.children, dense_model.merge_history_.children)
        assert sp.issparse(history.resultants)
        model.save(tmp_path / "model.npz")
        loaded = load(tmp_path / "model.npz")
        np.testing.assert_array_equal(loaded.predict(X), model.labels_)
        stored = loaded.merge_history_.statistics(6)
        assert_same_statistics(stored, history.statistics(6), 1e-12)


@pytest.mark.parametrize("concentration", ["free", "pooled", 50.0])
def test_concentrations_of_sparse_rows_equal_those_of_array(sparse_resultants, concentration):
    X, _ = texts()
    parameters = {"concentration": concentration, "random_state": 0, "background": True}
    model = VMFMixture(N_TOPICS, **parameters).fit(X)
    dense_model = VMFMixture(N_TOPICS, **parameters).fit(X.toarray())
    np.testing.assert_allclose(model.concentrations_, dense_model.concentrations_, rtol=1e-8)
    np.testing.assert_allclose(model.background_weight_, dense_model.background_weight_, atol=1e-10)


@pytest.mark.parametrize("selection", ["silhouette", "stability", "modularity"])
def test_selection_rules_accept_sparse_resultants(sparse_resultants, selection):
    X = sp.csr_array(np.random.default_rng(0).integers(-9, 9, (26, 1)) * np.eye(26, 300))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = VMFMixture(selection=selection, merge="icl", random_state=0).fit(X)
    assert model.n_components_ >= 1


def test_subnormal_rows_have_a_direction():
    X = sp.csr_array(np.array([[5e-324, 0.0, 0.0], [0.0, 5e-324, 5e-324]]))
    rows, _ = choose_engine(X).take(np.arange(2))
    np.testing.assert_allclose(rows.toarray(), [[1, 0, 0], [0, 0.5**0.5, 0.5**0.5]])
