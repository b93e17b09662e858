"""Rows of arrays and of sparse matrices, and mixtures whose sums and means are sparse."""

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
def sparse_sums(monkeypatch):
    """Sparse sums whatever their size."""
    monkeypatch.setattr(sparse, "_DENSE_TO_SPARSE_RATIO", 0)


def texts(n_rows=600, seed=0):
    """Rows with up to 30 words of one topic each, and their topics."""
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
def test_rows_are_treated_alike(matrix):
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
def test_sparse_sums_are_those_of_an_array(sparse_sums, hard, kind):
    X, _ = texts(9000 if kind == "several lanes" else 600)
    X[[3, 4]] *= 0.0
    if kind == "extreme":
        X[[5]] *= 1e-200
        X[[6]] *= 1e200
    weight = np.arange(X.shape[0]) % 3.0 if kind == "weighted" else None
    engine = choose_engine(X, sample_weight=weight, block_size=100)
    as_array = choose_engine(X.toarray(), sample_weight=weight)
    means = seed_means(engine, 8, "k-means++", np.random.RandomState(0))
    assert sp.issparse(means)
    parameters = initial_parameters(engine, means, has_background=kind == "background")
    for _ in range(3):
        found = engine.accumulate(parameters, hard=hard)
        dense = replace(parameters, means=matrices.as_array(parameters.means))
        expected = as_array.accumulate(dense, hard=hard)
        assert sp.issparse(found.resultants)
        assert found.resultants.nnz <= X.nnz * len(found.counts)
        assert_same_statistics(found, expected, 1e-12)
        parameters = maximize(found, has_background=kind == "background")


@pytest.mark.parametrize("n_features", [N_FEATURES, 100 * N_FEATURES])
def test_sums_are_sparse_where_most_of_them_is_zero(n_features):
    X, _ = texts()
    X.resize(X.shape[0], n_features)
    engine = choose_engine(X)
    means = seed_means(engine, 5, "k-means++", np.random.RandomState(0))
    statistics = engine.accumulate(initial_parameters(engine, means))
    assert sp.issparse(statistics.resultants) == (n_features > N_FEATURES)


@pytest.mark.parametrize("n_components", [N_TOPICS, "auto"])
@pytest.mark.parametrize("merge", ["likelihood", "icl", "cosine", None])
def test_a_fit_of_sparse_rows_is_that_of_an_array(sparse_sums, tmp_path, n_components, merge):
    if merge is None and n_components == "auto":
        pytest.skip("merging is what finds the number")
    X, _ = texts()
    given = {"n_components": n_components, "merge": merge, "random_state": 0}
    model, of_array = VMFMixture(**given).fit(X), VMFMixture(**given).fit(X.toarray())
    assert isinstance(model.means_, np.ndarray)
    np.testing.assert_array_equal(model.labels_, of_array.labels_)
    np.testing.assert_allclose(model.means_, of_array.means_, atol=1e-9)
    np.testing.assert_allclose(model.lower_bound_, of_array.lower_bound_, rtol=1e-10)
    if merge:
        history = model.merge_history_
        np.testing.assert_array_equal(history.children, of_array.merge_history_.children)
        assert sp.issparse(history.resultants)
        model.save(tmp_path / "model.npz")
        again = load(tmp_path / "model.npz")
        np.testing.assert_array_equal(again.predict(X), model.labels_)
        of_file = again.merge_history_.statistics(6)
        assert_same_statistics(of_file, history.statistics(6), 1e-12)


@pytest.mark.parametrize("concentration", ["free", "pooled", 50.0])
def test_concentrations_of_sparse_rows(sparse_sums, concentration):
    X, _ = texts()
    given = {"concentration": concentration, "random_state": 0, "background": True}
    model = VMFMixture(N_TOPICS, **given).fit(X)
    of_array = VMFMixture(N_TOPICS, **given).fit(X.toarray())
    np.testing.assert_allclose(model.concentrations_, of_array.concentrations_, rtol=1e-8)
    np.testing.assert_allclose(model.background_weight_, of_array.background_weight_, atol=1e-10)


@pytest.mark.parametrize("selection", ["silhouette", "stability", "modularity"])
def test_numbers_of_clusters_of_rows_with_sparse_sums(sparse_sums, selection):
    X = sp.csr_array(np.random.default_rng(0).integers(-9, 9, (26, 1)) * np.eye(26, 300))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = VMFMixture(selection=selection, merge="icl", random_state=0).fit(X)
    assert model.n_components_ >= 1


def test_the_smallest_numbers_have_a_direction():
    X = sp.csr_array(np.array([[5e-324, 0.0, 0.0], [0.0, 5e-324, 5e-324]]))
    rows, _ = choose_engine(X).take(np.arange(2))
    np.testing.assert_allclose(rows.toarray(), [[1, 0, 0], [0, 0.5**0.5, 0.5**0.5]])
