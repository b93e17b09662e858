"""The places of rows on the map of a report."""

import base64
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from tests.report.test_report import contents_of, positions_of
from vmfmix import VMFMixture
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.inspection import principal_plane
from vmfmix.report import write_report
from vmfmix.report.coordinates import encoded
from vmfmix.report.layout import plane_layout


@pytest.fixture(scope="module")
def snips():
    found = load_snips()
    rows = np.arange(0, 3500, 3)
    return found.data[rows], found.target[rows]


def share_kept(X, places, n_neighbors=10):
    """Return the share of the nearest neighbors by angle that are among those in the plane."""
    by_angle, in_plane = (
        NearestNeighbors(n_neighbors=n_neighbors, metric=metric)
        .fit(rows)
        .kneighbors(return_distance=False)
        for rows, metric in ((X, "cosine"), (places, "euclidean"))
    )
    shared = [len({*one} & {*other}) for one, other in zip(by_angle, in_plane)]
    return float(np.mean(shared)) / n_neighbors


def test_layout_keeps_neighbors_much_better_than_principal_components(snips):
    X, clusters = snips
    places, plane = plane_layout(X, clusters), principal_plane(X)
    assert share_kept(X, places) > 3 * share_kept(X, plane)
    trusted = trustworthiness(X, places, n_neighbors=10, metric="cosine")
    assert trusted > 0.9 > trustworthiness(X, plane, n_neighbors=10, metric="cosine")


def test_layout_is_deterministic_for_any_number_of_threads(snips, monkeypatch):
    X, clusters = snips
    places = plane_layout(X, clusters)
    np.testing.assert_array_equal(plane_layout(X, clusters), places)
    monkeypatch.setattr("vmfmix.report.layout._ROWS_PER_PART", 100)
    np.testing.assert_array_equal(plane_layout(X, clusters), places)


def test_layout_separates_clusters_and_places_similar_ones_together():
    centers = np.eye(12)[:6]
    centers[1] += 2 * centers[0]  # 0 and 1 are similar, as are 2 and 3
    centers[3] += 2 * centers[2]
    rng = np.random.RandomState(0)
    y = np.repeat(np.arange(6), 60)
    places = plane_layout(centers[y] + 0.1 * rng.standard_normal((360, 12)), y)
    means = np.array([places[y == k].mean(axis=0) for k in range(6)])
    nearest = np.argmin(np.linalg.norm(places[:, None] - means, axis=2), axis=1)
    assert (nearest == y).mean() > 0.98
    distances = np.linalg.norm(means[:, None] - means, axis=2) + 1e9 * np.eye(6)
    assert distances.argmin(axis=1)[:4].tolist() == [1, 0, 3, 2]


@pytest.mark.parametrize("n_rows", [1, 2, 3, 4, 5, 6, 20])
@pytest.mark.parametrize("as_sparse", [False, True])
def test_layout_of_few_rows(n_rows, as_sparse):
    X = np.random.RandomState(0).standard_normal((n_rows, 5))
    clusters = np.arange(n_rows) % 2
    places = plane_layout(sp.csr_array(X) if as_sparse else X, clusters)
    assert places.shape == (n_rows, 2) and np.isfinite(places).all()
    assert len(np.unique(places.round(6), axis=0)) == n_rows


@pytest.mark.filterwarnings("ignore:.* have no direction")
def test_layout_of_zeros_copies_and_background():
    X, clusters = make_vmf_mixture(200, 6, 3, concentration=80.0, random_state=0)
    X[:5] = 0.0
    X[5:10] = X[10] * np.array([1.0, 2.0, 3.0, 0.5, 7.0])[:, np.newaxis]
    clusters[:100:3] = -1
    places = plane_layout(X, clusters)
    assert np.isfinite(places).all()
    for copies in (places[:5], places[5:11]):
        assert (copies == copies[0]).all()
    assert np.isfinite(plane_layout(np.zeros((9, 4)), np.zeros(9, int))).all()
    assert np.isfinite(plane_layout(X, np.full(200, -1))).all()


def test_layout_of_sparse_rows_keeps_clusters_apart():
    rng = np.random.RandomState(0)
    y = np.repeat([0, 1], 150)
    words = sp.random_array((300, 400), density=0.05, random_state=rng).tolil()
    words[:150, :200], words[150:, 200:] = 0.0, 0.0
    words[:, 0] = 0.01
    places = plane_layout(sp.csr_array(words), y)
    means = np.array([places[y == k].mean(axis=0) for k in range(2)])
    nearest = np.argmin(np.linalg.norm(places[:, None] - means, axis=2), axis=1)
    assert (nearest == y).mean() > 0.95


def test_many_rows_are_searched_in_cells(monkeypatch, snips):
    X, clusters = snips
    monkeypatch.setattr("vmfmix.report.layout._MAX_EXACT", 500)
    exact = share_kept(X, plane_layout(X, clusters))
    assert exact > 3 * share_kept(X, principal_plane(X))
    plane_layout(sp.csr_array(X), clusters)  # reduced to its leading components before


def test_umap_is_optional(monkeypatch):
    X, clusters = make_vmf_mixture(60, 6, 3, random_state=0)
    with pytest.raises(ValueError, match=r'layout=\'tsne\' is not allowed; pass "neighbors"'):
        plane_layout(X, clusters, layout="tsne")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="needs umap-learn; run pip install"):
        plane_layout(X, clusters, layout="umap")


def test_umap_is_used_if_it_is_installed(monkeypatch):
    class UMAP:
        def __init__(self, **options):
            assert options["metric"] == "cosine"

        def fit_transform(self, rows):
            return np.vstack([[np.nan, np.nan], rows[1:, :2]])

    module = type(sys)("umap")
    module.UMAP, module.__spec__ = UMAP, object()
    monkeypatch.setitem(sys.modules, "umap", module)
    X, clusters = make_vmf_mixture(60, 6, 3, random_state=0)
    places = plane_layout(X, clusters, layout="umap")
    np.testing.assert_allclose(places[1:], X[1:, :2], atol=1e-6)
    assert places[0].tolist() == [0.0, 0.0]


# --- coordinates of the user ------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    X, _ = make_vmf_mixture(80, 6, 3, random_state=0)
    return VMFMixture(3, random_state=0).fit(X), X


def test_report_has_the_coordinates_that_were_passed(fitted, tmp_path):
    model, X = fitted
    coordinates = np.random.RandomState(0).uniform(-5.0, 5.0, (80, 2)) * [2.0, 1.0]
    forms = [coordinates, coordinates.tolist(), coordinates.astype(np.float32)]
    forms.append(pytest.importorskip("pandas").DataFrame(coordinates, index=range(80, 0, -1)))
    for form in forms:
        write_report(tmp_path / "r.html", model, X, coordinates=form, n_rows=40)
        contents = contents_of(tmp_path / "r.html")
        rows = contents["rows"]["row"]
        expected = coordinates[rows] - coordinates[rows].min(axis=0)
        found = positions_of(contents) / 65535 * expected.max()
        np.testing.assert_allclose(found, expected, atol=1e-3)
        assert "coordinates that were passed" in contents["map_note"]
    write_report(tmp_path / "r.html", model, X, coordinates=coordinates * 1e307, n_rows=40)
    np.testing.assert_array_equal(positions_of(contents_of(tmp_path / "r.html")).max(), 65535)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c[:, :1], r"shape \(80, 1\); pass an array of shape \(80, 2\)"),
        (lambda c: c[:5], r"shape \(5, 2\)"),
        (lambda c: np.where(np.arange(80)[:, None] > 70, np.nan, c), "Row 71 .*9 of 80 rows"),
        (lambda c: np.where(np.arange(80)[:, None] == 3, np.inf, c), "Row 3 of coordinates"),
        (lambda c: c.astype(str).astype(object) + "x", "are not all numbers"),
    ],
)
def test_invalid_coordinates_are_refused(fitted, tmp_path, change, message):
    model, X = fitted
    with pytest.raises(ValueError, match=message):
        write_report(tmp_path / "r.html", model, X, coordinates=change(np.ones((80, 2))))
    assert not any(tmp_path.iterdir())


def test_positions_take_six_bytes_of_a_row():
    places = np.random.RandomState(0).standard_normal((3000, 2))
    text = encoded(places)
    assert len(text) <= 6 * 3000
    decoded = np.frombuffer(base64.b64decode(text), "<u2").reshape(-1, 2)
    assert np.corrcoef(decoded[:, 1], places[:, 1])[0, 1] > 0.9999
    assert encoded(np.zeros((1, 2))) == "AAAAAA=="


def test_map_of_a_centered_fit_has_the_centered_rows(tmp_path):
    X, _ = make_vmf_mixture(150, 6, 3, concentration=60.0, random_state=0)
    X = X + 30.0 * np.eye(6)[0]  # rows differ little from the direction that they share
    model = VMFMixture(3, center=True, random_state=0).fit(X)
    write_report(tmp_path / "r.html", model, X)
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    expected = plane_layout(units - model.center_, model.labels_)
    found = positions_of(contents_of(tmp_path / "r.html")).astype(float)
    expected -= expected.min(axis=0)
    np.testing.assert_allclose(found / 65535, expected / expected.max(), atol=0.02)
