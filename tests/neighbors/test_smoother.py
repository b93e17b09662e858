"""The transformer `NeighborSmoother`."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline

from vmfmix import NeighborSmoother, VMFMixture, load
from vmfmix.datasets import make_vmf_mixture
from vmfmix.neighbors import nearest_neighbors, neighbor_graph
from vmfmix.neighbors import smoother as smoother_module
from vmfmix.neighbors.stored import STORED_ATTRIBUTES


def arcs(n_rows=600, seed=0):
    """Return rows of three classes that lie on great arcs, which no round cluster describes."""
    rng = np.random.RandomState(seed)
    classes = np.repeat(np.arange(3), n_rows // 3)
    angles = rng.uniform(0, np.pi, n_rows)
    rows = np.zeros((n_rows, 6))
    rows[np.arange(n_rows), 2 * classes] = np.cos(angles)
    rows[np.arange(n_rows), 2 * classes + 1] = np.sin(angles)
    return rows + 0.03 * rng.standard_normal(rows.shape), classes


@pytest.fixture(scope="module")
def planted():
    """Return rows that scatter in all directions around the means of their clusters."""
    return make_vmf_mixture(900, 24, 6, concentration=30.0, random_state=0)


@pytest.fixture(scope="module")
def flat():
    """Return rows that scatter in few directions around the means of their clusters."""
    rng = np.random.RandomState(0)
    classes = np.repeat(np.arange(6), 150)
    means = rng.standard_normal((6, 24))
    scatter = rng.standard_normal((900, 5)) @ rng.standard_normal((5, 24))
    return means[classes] + 0.3 * scatter, classes


def test_stretched_clusters_become_compact():
    X, classes = arcs()
    raw = VMFMixture(3, random_state=0).fit_predict(X)
    smoothed = NeighborSmoother(restart=0.002, center=False).fit_transform(X)
    labels = VMFMixture(3, random_state=0).fit_predict(smoothed)
    assert adjusted_rand_score(classes, raw) < 0.9
    assert adjusted_rand_score(classes, labels) > 0.99


@pytest.mark.parametrize(("n_features", "n_classes", "concentration"), [(8, 4, 15), (24, 6, 30)])
def test_rows_of_a_von_mises_fisher_mixture_are_not_smoothed(n_features, n_classes, concentration):
    X, _ = make_vmf_mixture(
        1000, n_features, n_classes, concentration=concentration, random_state=0
    )
    smoother = NeighborSmoother().fit(3.0 * X)
    assert smoother.restart_ == 1 and smoother.isotropy_ > 0.9
    np.testing.assert_allclose(smoother.embedding_, X, atol=1e-6)
    np.testing.assert_allclose(smoother.transform(X[:10]), X[:10], atol=1e-6)


def test_rows_that_scatter_in_few_directions_are_smoothed(flat):
    smoother = NeighborSmoother().fit(flat[0])
    assert smoother.restart_ < 0.1 and smoother.isotropy_ < 0.5
    labels = VMFMixture(6, random_state=0).fit_predict(smoother.embedding_)
    assert adjusted_rand_score(flat[1], labels) > 0.95


def test_rows_that_are_not_smoothed_need_no_graph(planted, monkeypatch):
    def search(rows, n_neighbors, *, queries=None, **options):
        assert queries is not None, "searched for the neighbors of all rows"
        return nearest_neighbors(rows, n_neighbors, queries=queries, **options)

    monkeypatch.setattr(smoother_module, "nearest_neighbors", search)
    assert NeighborSmoother().fit(planted[0]).restart_ == 1


def test_a_fit_that_fails_leaves_the_fit_before(flat, monkeypatch):
    def fail(*args):
        raise MemoryError

    smoother = NeighborSmoother().fit(flat[0])
    before = smoother.transform(flat[0])
    monkeypatch.setattr(smoother_module, "diffusion", fail)
    with pytest.raises(MemoryError):
        smoother.fit(flat[0][:300, :20])
    np.testing.assert_array_equal(smoother.transform(flat[0]), before)


@pytest.mark.parametrize("whiten", [True, False])
def test_smoothed_rows_have_unit_length(flat, whiten):
    smoothed = NeighborSmoother(whiten=whiten).fit_transform(flat[0])
    assert smoothed.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(smoothed, axis=1), 1.0, atol=1e-5)


def test_without_whitening_the_smoothed_rows_are_the_fixed_point(flat):
    X = flat[0] / np.linalg.norm(flat[0], axis=1, keepdims=True)
    graph = neighbor_graph(X, weights="local").toarray().astype(np.float64)
    steps = graph / graph.sum(axis=1, keepdims=True)
    centered = X - graph.sum(axis=1) / graph.sum() @ X  # the smoothed rows have mean 0
    expected = 0.05 * np.linalg.solve(np.eye(len(X)) - 0.95 * steps, centered)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    smoother = NeighborSmoother(restart=0.05, whiten=False, center=False)
    cosines = (smoother.fit_transform(X) * expected).sum(axis=1)
    assert cosines.min() > 0.98


def test_transform_of_fitted_rows_gives_their_smoothed_rows(flat):
    smoother = NeighborSmoother().fit(flat[0])
    np.testing.assert_array_equal(smoother.transform(flat[0]), smoother.embedding_)


def test_new_rows_get_the_labels_of_their_neighbors(flat):
    X, classes = flat
    model = make_pipeline(NeighborSmoother(), VMFMixture(6, random_state=0)).fit(X[::2])
    np.testing.assert_array_equal(model.predict(X[::2]), model[-1].labels_)
    assert adjusted_rand_score(classes[1::2], model.predict(X[1::2])) > 0.9


def test_sparse_rows_that_are_not_smoothed_remain_sparse(planted):
    smoother = NeighborSmoother().fit(sp.csr_array(planted[0]))
    assert smoother.restart_ == 1 and sp.issparse(smoother.embedding_)
    np.testing.assert_allclose(smoother.embedding_.toarray(), planted[0], atol=1e-6)
    assert sp.issparse(smoother.transform(sp.csr_array(planted[0])))


def test_copies_do_not_use_up_the_neighbors(flat):
    X = flat[0][:300]
    alone = NeighborSmoother(center=False).fit_transform(X)
    copied = np.concatenate([X, np.repeat(X[:5], 60, axis=0), 3.0 * X[:5]])
    smoothed = NeighborSmoother(center=False).fit_transform(copied)
    np.testing.assert_allclose(smoothed[:300] @ smoothed[:300].T, alone @ alone.T, atol=1e-4)
    np.testing.assert_array_equal(smoothed[300:600], np.repeat(smoothed[:5], 60, axis=0))
    np.testing.assert_array_equal(smoothed[600:], smoothed[:5])


def test_rows_without_a_direction_become_zeros(flat):
    X = flat[0][:300].copy()
    X[[4, 9]] = 0
    smoother = NeighborSmoother().fit(X)
    assert (smoother.embedding_[[4, 9]] == 0).all()
    assert (smoother.transform(X)[[4, 9]] == 0).all()
    assert (smoother.transform(np.zeros((2, X.shape[1]))) == 0).all()


def test_order_of_rows_does_not_matter(flat):
    X = flat[0][:300]
    order = np.random.RandomState(0).permutation(len(X))
    one, other = (NeighborSmoother().fit_transform(rows) for rows in (X, X[order]))
    np.testing.assert_allclose(one[order] @ one[order].T, other @ other.T, atol=1e-3)


def test_the_scale_of_rows_does_not_matter(flat):
    X = flat[0][:300]
    scales = np.exp(np.random.RandomState(0).uniform(-20, 20, (len(X), 1)))
    one, other = (NeighborSmoother().fit_transform(rows) for rows in (X, scales * X))
    np.testing.assert_allclose(one @ one.T, other @ other.T, atol=1e-3)


def test_sparse_rows(flat):
    X = np.where(np.abs(flat[0]) < 0.5, 0, flat[0])
    sparse = NeighborSmoother().fit(sp.csr_matrix(X))
    dense = NeighborSmoother(center=False).fit(X)
    assert not hasattr(sparse, "center_")
    classes = flat[1]
    for smoother, rows in ((sparse, sp.csr_array(X)), (dense, X)):
        labels = VMFMixture(6, random_state=0).fit_predict(smoother.embedding_)
        assert adjusted_rand_score(classes, labels) > 0.85
        np.testing.assert_array_equal(smoother.transform(rows), smoother.embedding_)
    with pytest.raises(ValueError, match="center=True needs dense rows"):
        NeighborSmoother(center=True).fit(sp.csr_array(X))
    with pytest.raises(ValueError, match='search="approximate" needs dense rows'):
        NeighborSmoother(search="approximate").fit(sp.csr_array(X))


@pytest.mark.parametrize("kind", ["float16", "memmap", "tensor", "blocks", "frame"])
def test_kinds_of_rows(flat, kind, tmp_path):
    X = flat[0][:400].astype(np.float32)
    expected = NeighborSmoother().fit_transform(X)
    rows = X
    if kind == "float16":
        rows = X.astype(np.float16)
    elif kind == "memmap":
        np.save(tmp_path / "rows.npy", X)
        rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    elif kind == "tensor":
        rows = pytest.importorskip("torch").from_numpy(X)
    elif kind == "blocks":
        rows = lambda: iter([X[:150], X[150:]])  # noqa: E731
    elif kind == "frame":
        rows = pd.DataFrame(X)
    found = NeighborSmoother().fit_transform(rows)
    tolerance = 0.1 if kind == "float16" else 1e-3
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=tolerance)


def test_search_on_a_device(flat):
    pytest.importorskip("torch")
    X = flat[0][:400].astype(np.float32)
    expected = NeighborSmoother().fit_transform(X)
    found = NeighborSmoother(device="cpu").fit(X)
    np.testing.assert_allclose(
        found.embedding_ @ found.embedding_.T, expected @ expected.T, atol=1e-3
    )
    np.testing.assert_array_equal(found.transform(X), found.embedding_)


@pytest.mark.slow
def test_approximate_search(flat):
    pytest.importorskip("pynndescent")
    X, classes = np.tile(flat[0], (2, 1)), np.tile(flat[1], 2)
    X = X + 0.01 * np.random.RandomState(0).standard_normal(X.shape)
    smoother = NeighborSmoother(search="approximate").fit(X)
    labels = VMFMixture(6, random_state=0).fit_predict(smoother.embedding_)
    assert adjusted_rand_score(classes, labels) > 0.95
    np.testing.assert_array_equal(smoother.transform(X), smoother.embedding_)


def test_search_is_approximate_for_many_rows(monkeypatch):
    monkeypatch.setattr(smoother_module, "has_approximate_search", lambda: True)
    few, many = np.zeros((1000, 2)), np.zeros((200_000, 2))
    assert not NeighborSmoother()._is_approximate(few)
    assert NeighborSmoother()._is_approximate(many)
    assert not NeighborSmoother(search="exact")._is_approximate(many)
    assert not NeighborSmoother(device="cpu")._is_approximate(many)


def test_rows_with_more_features_are_projected(flat):
    X = flat[0]
    smoother = NeighborSmoother(n_components=12).fit(X)
    assert smoother.embedding_.shape[1] == len(smoother.eigenvalues_) <= 12
    labels = VMFMixture(6, random_state=0).fit_predict(smoother.embedding_)
    assert adjusted_rand_score(flat[1], labels) > 0.85
    smoother = NeighborSmoother(n_components=12, whiten=False).fit(X)
    assert smoother.embedding_.shape == X.shape


def test_names_of_features(flat):
    frame = pd.DataFrame(flat[0][:200]).add_prefix("x")
    smoother = NeighborSmoother().set_output(transform="pandas").fit(frame)
    smoothed = smoother.transform(frame)
    assert smoothed.columns[0] == "neighborsmoother0" and smoothed.index.equals(frame.index)
    assert list(smoother.feature_names_in_) == list(frame.columns)
    smoother = clone(smoother).set_params(whiten=False).fit(frame)
    assert list(smoother.get_feature_names_out()) == list(frame.columns)


@pytest.mark.parametrize("X", [np.ones((5, 3)), np.zeros((5, 3)), np.ones((1, 3))])
@pytest.mark.parametrize("center", [True, False])
def test_rows_that_are_all_equal_stay_as_they_are(X, center):
    smoother = NeighborSmoother(center=center, restart=0.1).fit(X)
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    np.testing.assert_allclose(smoother.transform(X), X / np.where(lengths > 0, lengths, 1))
    assert smoother.restart_ == 1 and smoother.n_neighbors_ == 0


def test_rows_with_nan_cannot_be_smoothed():
    with pytest.raises(ValueError, match="NaN"):
        NeighborSmoother().fit(np.full((5, 3), np.nan))


@pytest.mark.parametrize(
    "parameter", [{"n_neighbors": 0}, {"restart": 0}, {"restart": 1.5}, {"search": "fast"}]
)
def test_parameters_are_validated(flat, parameter):
    with pytest.raises(ValueError, match=next(iter(parameter))):
        NeighborSmoother(**parameter).fit(flat[0])


@pytest.mark.parametrize("n_rows", [2, 3, 5, 12])
def test_few_rows(n_rows):
    X = np.random.RandomState(0).standard_normal((n_rows, 4))
    smoother = NeighborSmoother().fit(X)
    assert np.isfinite(smoother.embedding_).all()
    np.testing.assert_array_equal(smoother.transform(X), smoother.embedding_)


@pytest.mark.parametrize("kind", ["dense", "sparse", "frame", "not smoothed", "not whitened"])
def test_saved_smoother_transforms_as_before(flat, planted, kind, tmp_path):
    X = flat[0]
    if kind == "sparse":
        X = sp.csr_array(np.where(np.abs(X) < 0.5, 0, X))
    elif kind == "frame":
        X = pd.DataFrame(X).add_prefix("x")
    elif kind == "not smoothed":
        X = planted[0]
    smoother = NeighborSmoother(whiten=kind != "not whitened").fit(X)
    smoother.save(tmp_path / "smoother.npz")
    loaded = NeighborSmoother.load(tmp_path / "smoother.npz")
    np.testing.assert_array_equal(loaded.transform(X), smoother.transform(X))
    assert list(loaded.get_feature_names_out()) == list(smoother.get_feature_names_out())
    assert loaded.get_params() == smoother.get_params()


def test_loading_a_file_of_the_other_class(flat, tmp_path):
    NeighborSmoother().fit(flat[0]).save(tmp_path / "smoother.npz")
    VMFMixture(2, random_state=0).fit(flat[0]).save(tmp_path / "model.npz")
    with pytest.raises(ValueError, match=r"holds a NeighborSmoother; .*NeighborSmoother.load"):
        load(tmp_path / "smoother.npz")
    with pytest.raises(ValueError, match=r"holds a VMFMixture, .*vmfmix.load"):
        NeighborSmoother.load(tmp_path / "model.npz")
    with pytest.raises(FileNotFoundError):
        NeighborSmoother.load(tmp_path / "none.npz")


def spoil(smoother, name):
    """Change a stored attribute so that no fit can have produced it."""
    value = getattr(smoother, name)
    if isinstance(value, np.ndarray):
        value = value[1:]
    else:
        value = {"n_neighbors_": 10**6, "restart_": -1.0, "isotropy_": "high"}.get(name, 7.5)
    setattr(smoother, name, value)


@pytest.mark.parametrize("name", sorted(STORED_ATTRIBUTES))
def test_inconsistent_files_are_refused(flat, name, tmp_path):
    X = pd.DataFrame(flat[0]).add_prefix("x")
    smoother = NeighborSmoother().fit(X)
    spoil(smoother, name)
    smoother.save(tmp_path / "smoother.npz")
    with pytest.raises(ValueError, match="is damaged"):
        NeighborSmoother.load(tmp_path / "smoother.npz")


def test_truncated_files_are_refused(flat, tmp_path):
    path = tmp_path / "smoother.npz"
    NeighborSmoother().fit(flat[0]).save(path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="is damaged"):
        NeighborSmoother.load(path)


def test_new_rows_may_be_of_another_type_than_the_fitted_ones():
    rows = np.abs(make_vmf_mixture(400, 20, 4, random_state=0)[0])
    rows[rows < 0.2] = 0.0
    for fitted, other in ((sp.csr_array(rows), rows), (rows, sp.csr_array(rows))):
        smoother = NeighborSmoother(restart=0.1, center=False).fit(fitted)
        np.testing.assert_allclose(smoother.transform(other), smoother.embedding_, atol=1e-6)
